//! What the tests start from: a directory, a port for the server, and a line to every server that is started.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use moltbot_llm::Priority;
use moltbot_services::{
    Launcher, Lease, Pace, Readiness, ServiceError, ServiceState, Services, Spec,
};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// The provider of most tests.
pub(crate) const BOX: &str = "box";

/// Far beyond every test.
pub(crate) const LONG: Duration = Duration::from_secs(3600);

/// Short enough to be waited for.
pub(crate) const SHORT: Duration = Duration::from_millis(50);

/// The program of `examples/stand-in.rs`, which lies beside the folder of the tests.
pub(crate) fn stand_in() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let target = test.parent().and_then(Path::parent).unwrap();
    target.join("examples/stand-in")
}

pub(crate) struct Stage {
    dir: tempfile::TempDir,
    control: TcpListener,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            control: TcpListener::bind(("127.0.0.1", 0)).await.unwrap(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A service whose server stays until the test is over.
    pub(crate) fn spec(&self, provider: &str) -> Spec {
        let control = self.control.local_addr().unwrap().port();
        let port = free_port();
        Spec {
            provider: provider.to_owned(),
            command: stand_in().display().to_string(),
            args: ["server".to_owned(), control.to_string(), port.to_string()].into(),
            env: BTreeMap::new(),
            cwd: self.dir.path().to_owned(),
            stop: None,
            ready: Readiness::Api {
                models: format!("http://127.0.0.1:{port}/v1/models"),
                health: format!("http://127.0.0.1:{port}/health"),
            },
            start_limit: LONG,
            idle: LONG,
            memory: None,
            keep_warm: false,
            background: false,
            dir: self.path("services"),
            log: self.path("logs/service.log"),
            pace: Pace {
                poll: Duration::from_millis(10),
                backoff: SHORT,
                linger: Duration::from_millis(500),
                // Keepers end soon after their test.
                forget: Duration::from_secs(5),
                ..Pace::default()
            },
        }
    }

    /// The services of one program.
    pub(crate) fn services(&self, specs: impl IntoIterator<Item = Spec>) -> Services {
        let keeper = Launcher {
            program: stand_in(),
            args: vec!["keeper".to_owned()],
        };
        self.services_with(specs, keeper)
    }

    pub(crate) fn services_with(
        &self,
        specs: impl IntoIterator<Item = Spec>,
        launcher: Launcher,
    ) -> Services {
        let by_id = specs.into_iter().map(|spec| (spec.provider.clone(), spec));
        Services::of(by_id.collect(), &self.path("services"), launcher)
    }

    /// The next server that is started.
    pub(crate) async fn server(&self) -> Server {
        let (stream, _) = self.control.accept().await.unwrap();
        Server::new(stream).await
    }

    /// Leases the server of `box`, which is started and then listens.
    pub(crate) async fn lease_started(&self, services: &Services) -> (Lease, Server) {
        let starting = async {
            let mut server = self.server().await;
            server.order("listen").await;
            server
        };
        let (lease, server) = tokio::join!(lease(services), starting);
        (lease.unwrap(), server)
    }

    /// No server was started that nobody looked after.
    pub(crate) async fn nothing_started(&self) {
        // What the system has to tell is heard in between.
        tokio::task::yield_now().await;
        tokio::select! {
            biased;
            _ = self.control.accept() => panic!("another server was started"),
            () = std::future::ready(()) => {}
        }
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path("logs/service.log")).unwrap_or_default()
    }

    /// Kills the keeper of `box` without a word, and waits until it is gone.
    pub(crate) async fn kill_keeper(&self, keeper: u32) {
        kill("KILL", keeper);
        let lock = std::fs::File::open(self.path("services/box.lock")).unwrap();
        while lock.try_lock_shared().is_err() {
            tokio::task::yield_now().await;
        }
    }

    /// Waits until the keeper of `box` has ended.
    pub(crate) async fn keeper_ended(&self) {
        while self.path("services/box.sock").exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Leases the server of `box` for a person.
pub(crate) async fn lease(services: &Services) -> Result<Lease, ServiceError> {
    let lease = services.lease(BOX, Priority::Person, &mut || {}).await?;
    Ok(lease.unwrap())
}

/// Waits until nobody uses the server of `box`, and gives its state then.
pub(crate) async fn unused(services: &Services) -> ServiceState {
    loop {
        match services.state(BOX).await.unwrap() {
            ServiceState::Ready { users, .. } if users > 0 => tokio::task::yield_now().await,
            state => return state,
        }
    }
}

pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// Sends a signal by name.
pub(crate) fn kill(signal: &str, pid: u32) {
    let status = std::process::Command::new("kill")
        .args([&format!("-{signal}"), &pid.to_string()])
        .status();
    assert!(status.unwrap().success());
}

/// A server that does what it is told.
pub(crate) struct Server {
    pub(crate) pid: u32,
    said: Lines<BufReader<OwnedReadHalf>>,
    orders: OwnedWriteHalf,
}

impl Server {
    async fn new(stream: TcpStream) -> Self {
        let (read, orders) = stream.into_split();
        let mut said = BufReader::new(read).lines();
        let pid = said.next_line().await.unwrap().unwrap().parse().unwrap();
        Self { pid, said, orders }
    }

    /// Tells it to do something, and waits until it has.
    pub(crate) async fn order(&mut self, order: &str) {
        self.tell(order).await;
        assert_eq!(self.said.next_line().await.unwrap().unwrap(), "done");
    }

    /// Tells it to end.
    pub(crate) async fn end(mut self, code: u8) {
        self.tell(&format!("end {code}")).await;
        self.gone().await;
    }

    async fn tell(&mut self, order: &str) {
        let line = format!("{order}\n");
        self.orders.write_all(line.as_bytes()).await.unwrap();
    }

    /// Waits until it has ended.
    pub(crate) async fn gone(mut self) {
        // A killed process resets its connection, another closes it.
        assert!(!matches!(self.said.next_line().await, Ok(Some(_))));
    }
}
