//! What goes over a keeper's socket: one question, then reports, each one line of JSON.
//!
//! A connection is one concern of one process: it asks once, hears reports, and the keeper knows by its end that the
//! concern is over, however the process ended.

use std::io;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

/// What a connection is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case")]
pub(crate) enum Ask {
    /// The server, started where it does not run, until the connection ends.
    Use {
        /// The command that the asker expects to run.
        fingerprint: String,
    },
    /// The server where it runs or starts anyway, until the connection ends. Does not count as activity.
    Join,
    /// Nothing but to be known as a program that runs.
    Hold,
    /// How it stands.
    State,
    /// To stop it, if nobody needs it.
    Stop,
}

/// What the keeper says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "report", rename_all = "kebab-case")]
pub(crate) enum Report {
    /// The server is on its way.
    Starting,
    /// The server takes requests.
    Ready {
        /// The keeper's process id.
        keeper: u32,
    },
    /// The keeper knows that the asker's program runs.
    Held {
        /// The keeper's process id.
        keeper: u32,
    },
    /// The server could not be had.
    Failed {
        /// What happened.
        detail: String,
        /// Milliseconds until the next start may be tried.
        retry_ms: u64,
    },
    /// The server does not run, and this asker does not start it.
    NotRunning,
    /// Asked to stop: somebody needs it.
    Busy,
    /// Asked to stop: it is.
    Stopped,
    /// How it stands.
    State(Standing),
}

/// How a service stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Standing {
    /// What it does.
    pub(crate) activity: Activity,
    /// Requests that use it or wait for it.
    pub(crate) users: usize,
    /// Milliseconds since the last request.
    pub(crate) idle_ms: u64,
    /// The last failure, while it is remembered.
    pub(crate) failure: Option<String>,
}

/// What a service does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Activity {
    /// It does not run.
    Down,
    /// It loads.
    Starting,
    /// It takes requests.
    Ready,
    /// It ends.
    Stopping,
}

/// One end of a connection.
#[derive(Debug)]
pub(crate) struct Wire {
    lines: Lines<BufReader<OwnedReadHalf>>,
    write: OwnedWriteHalf,
}

impl Wire {
    /// Speaks over this stream.
    pub(crate) fn new(stream: UnixStream) -> Self {
        let (read, write) = stream.into_split();
        Self {
            lines: BufReader::new(read).lines(),
            write,
        }
    }

    /// Sends one line.
    pub(crate) async fn send(&mut self, message: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(message)?;
        line.push(b'\n');
        self.write.write_all(&line).await
    }

    /// The next line; `None` when the other end is gone. Can be dropped without losing one.
    pub(crate) async fn receive<T: DeserializeOwned>(&mut self) -> Option<T> {
        let line = self.lines.next_line().await.ok()??;
        serde_json::from_str(&line).ok()
    }
}
