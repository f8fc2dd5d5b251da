//! A server as a child process: started, waited for, stopped.

use std::fs::File;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;

use crate::wire;

/// A running server. Dropping it ends it.
pub(crate) struct Process {
    child: Killer,
    /// Where it listens: `http://127.0.0.1:PORT`.
    pub(crate) origin: String,
    /// Its output, and whatever files it was given.
    home: TempDir,
}

/// Ends the process, from wherever that is needed.
#[derive(Clone)]
pub(crate) struct Killer(Arc<Mutex<Child>>);

impl Killer {
    /// Ends it at once, with no chance to say goodbye, and waits until it is gone.
    pub(crate) fn kill(&self) {
        let mut child = self.0.lock().unwrap();
        let _ = child.kill();
        let _ = child.wait();
    }

    /// Asks it to end, as a server with processes of its own needs to be asked; one that does not listen is killed.
    fn stop(&self) {
        let mut child = self.0.lock().unwrap();
        let id = child.id().to_string();
        if matches!(child.try_wait(), Ok(None)) {
            let _ = Command::new("kill").args(["-TERM", &id]).status();
        }
        for _ in 0..200 {
            if !matches!(child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        drop(child);
        self.kill();
    }
}

impl Process {
    /// Starts what `command` makes of a free port and a folder for files, and waits until `GET {ready}` is answered
    /// well. A server that ends instead fails the test with its last words.
    pub(crate) async fn start(ready: &str, command: impl FnOnce(u16, &TempDir) -> Command) -> Self {
        let home = TempDir::new().unwrap();
        let port = free_port();
        let mut command = command(port, &home);
        let log = File::create(home.path().join("log")).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        let process = Self {
            child: Killer(Arc::new(Mutex::new(child))),
            origin: format!("http://127.0.0.1:{port}"),
            home,
        };
        while !wire::answers(&process.origin, ready).await {
            let ended = process.child.0.lock().unwrap().try_wait().unwrap();
            assert!(
                ended.is_none(),
                "{command:?} ended: {}",
                process.last_words()
            );
            // Nothing tells that a server has come up but asking it.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        process
    }

    pub(crate) fn killer(&self) -> Killer {
        self.child.clone()
    }

    /// The end of its output.
    pub(crate) fn last_words(&self) -> String {
        let log = std::fs::read(self.home.path().join("log")).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.stop();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
