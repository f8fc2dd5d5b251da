//! The server's thread and the test's handle on it.

use std::future::Future;
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::connection;
use crate::ledger::{Connections, Ledger, Shared};
use crate::request::Recorded;
use crate::script::Script;

/// A model server that answers by a [`Script`], on `127.0.0.1`.
///
/// Dropping it stops it: its port is closed and so are all its connections.
pub struct ScriptedServer {
    port: u16,
    shared: Arc<Shared>,
    thread: Mutex<Option<ServerThread>>,
}

struct ServerThread {
    stop: oneshot::Sender<()>,
    handle: JoinHandle<()>,
}

impl ScriptedServer {
    /// Starts a server on a free port.
    ///
    /// # Panics
    /// When the machine gives no loopback port or no thread.
    pub async fn start(script: Script) -> Self {
        Self::start_on(0, script)
            .await
            .unwrap_or_else(|error| panic!("the scripted server could not start: {error}"))
    }

    /// Starts a server on this port, for example where another was shut down.
    ///
    /// # Errors
    /// When the port is taken, or the machine gives no thread.
    pub async fn start_on(port: u16, script: Script) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared::new(script));
        let (stop, stopped) = oneshot::channel();
        let (ready, started) = mpsc::channel();
        let handle = std::thread::Builder::new()
            .name(format!("scripted-server-{port}"))
            .spawn({
                let shared = Arc::clone(&shared);
                move || run(listener, &shared, stopped, &ready)
            })?;
        started.recv().map_err(io::Error::other)??;
        Ok(Self {
            port,
            shared,
            thread: Mutex::new(Some(ServerThread { stop, handle })),
        })
    }

    /// The port it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// `http://127.0.0.1:PORT/v1`, the base URL of OpenAI-style clients.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("{}/v1", self.origin())
    }

    /// The requests read so far, in the order of their arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.ledger.borrow().requests.clone()
    }

    /// The requests for a reply: those made by POST, in the order of their arrival. A client may ask what the server has
    /// loaded before.
    #[must_use]
    pub fn posts(&self) -> Vec<Recorded> {
        let mut requests = self.requests();
        requests.retain(|request| request.method == "POST");
        requests
    }

    /// The requests that no rule of the script took.
    #[must_use]
    pub fn unmatched(&self) -> Vec<Recorded> {
        let mut requests = self.requests();
        requests.retain(|request| request.rule.is_none());
        requests
    }

    /// The counters as they stand.
    #[must_use]
    pub fn connections(&self) -> Connections {
        self.shared.ledger.borrow().connections
    }

    /// Replaces the script for the requests to come. Replies that have begun go on.
    pub fn set_script(&self, script: Script) {
        *self.shared.script() = script;
    }

    /// Opens a gate for good: every [`Step::Pause`](crate::Step::Pause) of this name goes
    /// on, those that come to it later too.
    pub fn release(&self, gate: &str) {
        self.shared.release(gate);
    }

    /// Waits until at least `count` requests were read.
    ///
    /// # Panics
    /// When the server is shut down before.
    pub async fn wait_for_requests(&self, count: usize) {
        self.wait(&format!("{count} requests"), |ledger| {
            ledger.requests.len() >= count
        })
        .await;
    }

    /// Waits until at least `count` requests were read that were made by POST.
    ///
    /// # Panics
    /// When the server is shut down before.
    pub async fn wait_for_posts(&self, count: usize) {
        self.wait(&format!("{count} requests by POST"), |ledger| {
            let posts = ledger.requests.iter();
            posts.filter(|request| request.method == "POST").count() >= count
        })
        .await;
    }

    /// Waits until at least one client has closed its connection before the end of its
    /// reply. A client that closes only its sending side counts as gone.
    ///
    /// # Panics
    /// When the server is shut down before.
    pub async fn wait_for_cancel(&self) {
        self.wait_for(|connections| connections.cancelled > 0).await;
    }

    /// Waits until at least one reply has come to a gate. Everything before the gate has
    /// then been written.
    ///
    /// # Panics
    /// When the server is shut down before.
    pub async fn wait_for_pause(&self, gate: &str) {
        self.wait(&format!("a pause at {gate:?}"), |ledger| {
            ledger.reached(gate) > 0
        })
        .await;
    }

    /// Waits until no request is being answered.
    ///
    /// # Panics
    /// When the server is shut down before.
    pub async fn wait_for_idle(&self) {
        self.wait_for(|connections| connections.concurrent == 0)
            .await;
    }

    /// Waits until the counters fulfil a condition.
    ///
    /// # Panics
    /// When the server is shut down before.
    pub async fn wait_for(&self, condition: impl Fn(&Connections) -> bool) {
        self.wait("the condition on its counters", |ledger| {
            condition(&ledger.connections)
        })
        .await;
    }

    async fn wait(&self, what: &str, done: impl Fn(&Ledger) -> bool) {
        let mut receiver = self.shared.ledger.subscribe();
        let reached = receiver
            .wait_for(|ledger| ledger.stopped || done(ledger))
            .await
            .map(|ledger| done(&ledger))
            // The sender lives as long as `self`.
            .unwrap_or_default();
        assert!(
            reached,
            "the scripted server was shut down before it saw {what}"
        );
    }

    /// Stops the server as a kill would: replies end where they are, connections are
    /// closed, the port is free. What was recorded can still be read. A second call does
    /// nothing.
    pub fn shutdown(&self) {
        let running = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(thread) = running else { return };
        // Both fail only when the thread has ended already.
        let _ = thread.stop.send(());
        let _ = thread.handle.join();
        self.shared
            .ledger
            .send_modify(|ledger| ledger.stopped = true);
    }
}

impl Drop for ScriptedServer {
    fn drop(&mut self) {
        self.shutdown();
    }
}

/// Waits for a future in a blocking test, such as
/// `block_on(server.wait_for_requests(1))`.
///
/// # Panics
/// Inside an asynchronous runtime: use `.await` there.
pub fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .build()
        // A runtime without drivers takes nothing from the system that could be refused.
        .expect("a runtime without drivers")
        .block_on(future)
}

/// The server's thread: accepts connections until it is told to stop.
fn run(
    listener: std::net::TcpListener,
    shared: &Arc<Shared>,
    stopped: oneshot::Receiver<()>,
    ready: &mpsc::Sender<io::Result<()>>,
) {
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = ready.send(Err(error));
            return;
        }
    };
    runtime.block_on(async {
        let listener = match TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => {
                let _ = ready.send(Err(error));
                return;
            }
        };
        let _ = ready.send(Ok(()));
        tokio::select! {
            _ = stopped => {}
            () = accept(&listener, shared) => {}
        }
    });
    // Dropping the runtime here drops the tasks of all connections, and so their sockets.
}

async fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(connection::serve(stream, Arc::clone(shared)));
            }
            // Too many open files, say: let the connections that exist go on.
            Err(_) => tokio::task::yield_now().await,
        }
    }
}
