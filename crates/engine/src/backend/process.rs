//! The worker process and the lines to and from it.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::EngineOptions;
use crate::protocol::{FromWorker, Load, ToWorker};

/// Why the worker cannot be used any more.
#[derive(Debug)]
pub(crate) enum Lost {
    /// It ended or closed its end of a pipe.
    Ended,
    /// It did not say what it had to within the time it had.
    Silent,
}

/// A worker that has closed its pipes and is still there after this time is killed.
const END_LIMIT: Duration = Duration::from_secs(2);

/// A running worker. It is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    id: u32,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    /// The last line it wrote to its standard error: what ggml says before it aborts.
    last_words: Arc<Mutex<String>>,
    loaded: Option<Load>,
}

impl Process {
    pub(crate) fn start(options: &EngineOptions) -> io::Result<Self> {
        let mut command = Command::new(&options.program);
        command
            .args(&options.args)
            .envs(options.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        // Ctrl-C in a terminal chat stops an answer; it must not reach the process that holds the model.
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn()?;
        let (Some(input), Some(output), Some(errors)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(io::Error::other("it has no standard input and output"));
        };
        let last_words = Arc::new(Mutex::new(String::new()));
        let heard = last_words.clone();
        tokio::spawn(async move {
            let mut lines = BufReader::new(errors).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                if !line.trim().is_empty() {
                    tracing::debug!(line, "engine worker");
                    *heard.lock().unwrap_or_else(PoisonError::into_inner) = line;
                }
            }
        });
        Ok(Self {
            id: child.id().unwrap_or(0),
            child,
            input,
            output: BufReader::new(output).lines(),
            last_words,
            loaded: None,
        })
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    /// What it was last told to load, once that was done.
    pub(crate) fn loaded(&self) -> Option<&Load> {
        self.loaded.as_ref()
    }

    pub(crate) fn set_loaded(&mut self, loaded: Option<Load>) {
        self.loaded = loaded;
    }

    pub(crate) async fn send(&mut self, request: &ToWorker) -> Result<(), Lost> {
        // Only a path that is no Unicode cannot be written, and the worker cannot be told of it in any form.
        let mut line = serde_json::to_vec(request).map_err(|_| Lost::Ended)?;
        line.push(b'\n');
        self.input.write_all(&line).await.map_err(|_| Lost::Ended)?;
        self.input.flush().await.map_err(|_| Lost::Ended)
    }

    /// The next report. Lines that are none are skipped: native libraries may write to standard output too. Can be
    /// dropped without losing a report.
    pub(crate) async fn receive(&mut self, limit: Duration) -> Result<FromWorker, Lost> {
        loop {
            let line = match tokio::time::timeout(limit, self.output.next_line()).await {
                Ok(Ok(Some(line))) => line,
                Ok(Ok(None) | Err(_)) => return Err(Lost::Ended),
                Err(_) => return Err(Lost::Silent),
            };
            match serde_json::from_str(&line) {
                Ok(report) => return Ok(report),
                Err(_) => tracing::debug!(line, "engine worker"),
            }
        }
    }

    /// Waits until a worker without work ends, and says how. Can be dropped at any time.
    pub(crate) async fn idle_end(&mut self) -> String {
        let status = self.child.wait().await;
        self.describe(status, &Lost::Ended)
    }

    /// Makes sure that it has ended, and says how.
    pub(crate) async fn end(&mut self, lost: Lost) -> String {
        if matches!(lost, Lost::Silent) {
            let _ = self.child.start_kill();
        }
        // A closed pipe comes shortly before the end of the process.
        let status = match tokio::time::timeout(END_LIMIT, self.child.wait()).await {
            Ok(status) => status,
            Err(_) => {
                let _ = self.child.start_kill();
                self.child.wait().await
            }
        };
        self.describe(status, &lost)
    }

    fn describe(&self, status: io::Result<ExitStatus>, lost: &Lost) -> String {
        let what = match (lost, status) {
            (Lost::Silent, _) => "the engine's worker no longer answered and was ended".to_owned(),
            (Lost::Ended, Ok(status)) => format!("the engine's worker ended with {status}"),
            (Lost::Ended, Err(error)) => format!("the engine's worker was lost: {error}"),
        };
        let last_words = self
            .last_words
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if last_words.is_empty() {
            what
        } else {
            format!("{what}: {last_words}")
        }
    }
}
