//! Programs that are servers: started, listened to, and ended for certain.
//!
//! Each leads a session and a process group of its own. A thread sees to its end: when it ends, everything that it
//! started ends too, and when nobody wants it any more it gets a SIGTERM and after a second a SIGKILL. That holds when the
//! runtime is gone.

use std::io::{self, BufRead as _, BufReader, Read};
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::process::{ChildStdin, ChildStdout};
use tokio::sync::watch;

use super::listing::one_line;
use super::settings::Program;
use crate::exec::group::{self, Ask};

/// How long a program may take to end when it is asked to.
const GRACE: Duration = Duration::from_secs(1);
/// How long the end of what was killed is waited for.
const LAST_WAIT: Duration = Duration::from_secs(5);
/// How long a program that did not begin well may take to say why.
const MOMENT: Duration = Duration::from_millis(500);
/// The longest pause between two looks at what still runs.
const LOOK: Duration = Duration::from_millis(50);
/// A line of its errors is read up to this many bytes at once.
const LINE: u64 = 4_096;

/// The threads that see to the ends of programs. Dropping it waits for them.
#[derive(Debug, Default)]
pub(super) struct Endings(Mutex<Vec<JoinHandle<()>>>);

impl Endings {
    fn add(&self, thread: JoinHandle<()>) {
        let mut threads = lock(&self.0);
        threads.retain(|thread| !thread.is_finished());
        threads.push(thread);
    }
}

impl Drop for Endings {
    fn drop(&mut self) {
        for thread in lock(&self.0).drain(..) {
            // One that has panicked has said so.
            let _ = thread.join();
        }
    }
}

/// What a program printed last as an error: often why it ended.
#[derive(Debug, Default)]
pub(super) struct LastWords {
    line: Mutex<String>,
    is_over: watch::Sender<bool>,
}

impl LastWords {
    /// As a sentence that goes behind another; empty where nothing was printed.
    pub(super) fn sentence(&self) -> String {
        let line = lock(&self.line).clone();
        match line.is_empty() {
            true => String::new(),
            false => format!(" It printed: {}.", line.trim_end_matches('.')),
        }
    }

    /// Waits until no more can come, or for a moment where the program goes on.
    pub(super) async fn complete(&self) {
        let mut is_over = self.is_over.subscribe();
        let _ = tokio::time::timeout(MOMENT, is_over.wait_for(|is_over| *is_over)).await;
    }

    fn clear(&self) {
        lock(&self.line).clear();
        self.is_over.send_replace(false);
    }
}

/// A program that runs. Dropping it ends it, without waiting.
pub(super) struct Child {
    pid: u32,
    events: mpsc::Sender<Event>,
}

enum Event {
    /// It has ended.
    Ended,
    /// Nobody wants it any more.
    Unwanted,
}

/// What it is spoken to with.
pub(super) struct Pipes {
    pub(super) input: ChildStdin,
    pub(super) output: ChildStdout,
}

impl Child {
    /// Starts a program. What it prints as errors goes to the log.
    ///
    /// # Errors
    /// What the system says; nothing runs then.
    #[cfg(unix)]
    pub(super) fn start(
        server: &str,
        program: &Program,
        endings: &Endings,
        last_words: &Arc<LastWords>,
    ) -> io::Result<(Self, Pipes)> {
        use process_wrap::std::{CommandWrap, ProcessSession};

        let mut command = std::process::Command::new(&program.command);
        command
            .args(&program.args)
            .current_dir(&program.cwd)
            .env_clear()
            .envs(&program.env)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let spawned = CommandWrap::from(command).wrap(ProcessSession).spawn()?;
        let mut child = spawned.into_inner();
        let pid = child.id();
        let (events, inbox) = mpsc::channel();
        last_words.clear();
        let attend = || -> io::Result<Pipes> {
            let missing = || io::Error::other("a pipe to it is missing");
            let pipes = Pipes {
                input: ChildStdin::from_std(child.stdin().take().ok_or_else(missing)?)?,
                output: ChildStdout::from_std(child.stdout().take().ok_or_else(missing)?)?,
            };
            let errors = child.stderr().take().ok_or_else(missing)?;
            let (server, words) = (server.to_owned(), Arc::clone(last_words));
            spawn_thread("mcp errors", move || {
                log(&server, errors, &words);
                words.is_over.send_replace(true);
            })?;
            let ended = events.clone();
            spawn_thread("mcp wait", move || {
                let _ = child.wait();
                let _ = ended.send(Event::Ended);
            })?;
            endings.add(spawn_thread("mcp server", move || see_off(pid, &inbox))?);
            Ok(pipes)
        };
        let pipes = attend().inspect_err(|_| group::tell(pid, Ask::Kill))?;
        let child = Self { pid, events };
        Ok((child, pipes))
    }

    /// Starts a program.
    ///
    /// # Errors
    /// Always: it could not be ended for certain here.
    #[cfg(not(unix))]
    pub(super) fn start(
        _: &str,
        _: &Program,
        _: &Endings,
        _: &Arc<LastWords>,
    ) -> io::Result<(Self, Pipes)> {
        Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "starting MCP servers is not supported on Windows; run moltbot in WSL2",
        ))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // A thread that is gone has seen the end.
        let _ = self.events.send(Event::Unwanted);
    }
}

impl std::fmt::Debug for Child {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Child")
            .field("pid", &self.pid)
            .finish_non_exhaustive()
    }
}

/// Waits until a program has ended or is not wanted any more, and ends all that is left of it.
fn see_off(pid: u32, events: &mpsc::Receiver<Event>) {
    // Either way all of it ends; and without a sender nobody wants it.
    let _ = events.recv();
    if !group::is_alive(pid, true) {
        return;
    }
    group::tell(pid, Ask::End);
    if is_gone(pid, GRACE) {
        return;
    }
    let until = Instant::now() + LAST_WAIT;
    while Instant::now() < until {
        // Again, for what was started meanwhile.
        group::tell(pid, Ask::Kill);
        if is_gone(pid, LOOK) {
            return;
        }
    }
    tracing::warn!(pid, "an MCP server could not be ended");
}

/// Waits until nothing of it runs, at most this long.
fn is_gone(pid: u32, limit: Duration) -> bool {
    let until = Instant::now() + limit;
    let mut pause = Duration::from_millis(2);
    while group::is_alive(pid, true) {
        if Instant::now() >= until {
            return false;
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(LOOK);
    }
    true
}

/// Writes the lines of a program's errors into the log, and remembers the last.
fn log(server: &str, errors: impl Read, last_words: &LastWords) {
    let mut errors = BufReader::new(errors);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut errors).take(LINE).read_until(b'\n', &mut line) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return,
        }
        let text = one_line(&String::from_utf8_lossy(&line), 2_000);
        if !text.is_empty() {
            tracing::info!(server, text, "MCP server");
            *lock(&last_words.line) = one_line(&text, 300);
        }
    }
}

fn spawn_thread(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(run)
}

/// What a thread that has panicked held is a list or a text, whole at any time.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
