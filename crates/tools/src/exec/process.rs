//! A command that was started.

use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use moltbot_guard::container::Signals;
use tokio::sync::watch;

use super::group::{self, Ask};
use super::input::{Input, InputError};
use super::output::Output;
use super::spawn::{self, Launch, Started, Streams};
use super::status::{Ending, Status};
use super::supervisor::{Event, Supervisor};

/// How much is read at once.
const CHUNK: usize = 64 * 1024;

/// A command, from its start until it is forgotten.
pub(super) struct Process {
    /// What it is called by.
    pub(super) id: String,
    /// The agent that it belongs to.
    pub(super) agent: String,
    /// What the shell runs.
    pub(super) command: String,
    /// Where.
    pub(super) workdir: PathBuf,
    /// The shell's process id.
    pub(super) pid: u32,
    /// When it started.
    pub(super) started: Instant,
    /// What it reads from and writes to.
    pub(super) streams: Streams,
    /// How long it is remembered after its end.
    pub(super) keep: Duration,
    in_background: AtomicBool,
    ended: Mutex<Option<Instant>>,
    output: Mutex<Output>,
    input: Mutex<Option<Input>>,
    status: watch::Sender<Status>,
    /// How what it started is ended, where signals to its own processes do not.
    signals: Option<Signals>,
    events: mpsc::Sender<Event>,
    supervisor: Mutex<Option<JoinHandle<()>>>,
}

/// What a process is started with, besides what the shell is.
#[derive(Debug, Clone)]
pub(super) struct Terms {
    /// The agent that it belongs to.
    pub(super) agent: String,
    /// The folder for long output.
    pub(super) outputs: PathBuf,
    /// How long it may run.
    pub(super) timeout: Duration,
    /// How long it is remembered after its end.
    pub(super) keep: Duration,
}

impl Process {
    /// Starts a command.
    ///
    /// # Errors
    /// What the system says; nothing runs then.
    pub(super) fn start(launch: Launch, terms: Terms) -> io::Result<Arc<Self>> {
        let id = short_id();
        let Started {
            pid,
            output,
            input,
            wait,
        } = spawn::start(&launch)?;
        let (events, inbox) = mpsc::channel();
        let process = Arc::new(Self {
            output: Mutex::new(Output::new(&terms.outputs, &id)),
            id,
            agent: terms.agent,
            command: launch.command,
            workdir: launch.workdir,
            pid,
            started: Instant::now(),
            streams: launch.streams,
            signals: launch.signals,
            keep: terms.keep,
            in_background: AtomicBool::new(false),
            ended: Mutex::new(None),
            input: Mutex::new(None),
            status: watch::Sender::default(),
            events: events.clone(),
            supervisor: Mutex::new(None),
        });
        let attend = || -> io::Result<()> {
            *lock(&process.input) = input.map(Input::new).transpose()?;
            let ended = events.clone();
            spawn_thread("command wait", move || {
                let _ = ended.send(Event::ShellEnded(wait()));
            })?;
            let reading = Arc::clone(&process);
            spawn_thread("command output", move || reading.read(output, &events))?;
            let supervisor = Supervisor::new(Arc::clone(&process), inbox, terms.timeout);
            let thread = spawn_thread("command", move || supervisor.run())?;
            *lock(&process.supervisor) = Some(thread);
            Ok(())
        };
        attend().inspect_err(|_| process.tell(Ask::Kill))?;
        Ok(process)
    }

    /// Whether it reads from and writes to a terminal.
    pub(super) fn has_terminal(&self) -> bool {
        self.streams == Streams::Terminal
    }

    /// Where it stands, and how to hear of changes.
    pub(super) fn status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    /// How it ended; `None` while anything of it runs.
    pub(super) fn ending(&self) -> Option<Ending> {
        self.status.borrow().ending
    }

    /// Waits until nothing of it runs any more.
    pub(super) async fn ended(&self) -> Option<Ending> {
        let mut status = self.status();
        let status = status.wait_for(|status| status.ending.is_some()).await;
        // The sender is in `self`.
        status.ok().and_then(|status| status.ending)
    }

    /// When it ended.
    pub(super) fn ended_at(&self) -> Option<Instant> {
        *lock(&self.ended)
    }

    /// What it has printed.
    pub(super) fn output(&self) -> MutexGuard<'_, Output> {
        lock(&self.output)
    }

    /// Whether it goes on without being waited for.
    pub(super) fn is_in_background(&self) -> bool {
        self.in_background.load(Ordering::Relaxed)
    }

    /// It goes on without being waited for.
    pub(super) fn go_to_background(&self) {
        self.in_background.store(true, Ordering::Relaxed);
    }

    /// Has everything of it ended: SIGTERM, and SIGKILL for what does not obey. Returns at once.
    pub(super) fn stop(&self) {
        // A supervisor that is gone has seen the end.
        let _ = self.events.send(Event::Stop);
    }

    /// Sends a signal to all of its processes, in a container too. Blocks until that has been passed on.
    pub(super) fn tell(&self, ask: Ask) {
        match (&self.signals, ask) {
            // The engine's program ends when what it runs has ended, and tells how.
            (Some(signals), Ask::End) => signals.end(),
            (Some(signals), Ask::Kill) => {
                signals.kill();
                group::tell(self.pid, ask);
            }
            (None, _) => group::tell(self.pid, ask),
        }
    }

    /// Waits, blocking, until nothing of it runs any more.
    pub(super) fn join(&self) {
        let thread = lock(&self.supervisor).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            self.tell(Ask::Kill);
        }
    }

    /// Types something.
    pub(super) async fn type_in(&self, bytes: Vec<u8>) -> Result<(), InputError> {
        let sent = lock(&self.input).as_ref().map(|input| input.send(bytes));
        match sent {
            Some(sent) => sent.written().await,
            None => Err(InputError::Closed),
        }
    }

    /// Says that nothing more is typed.
    pub(super) async fn end_input(&self) -> Result<(), InputError> {
        const END_OF_TRANSMISSION: u8 = 4;
        if self.has_terminal() {
            return self.type_in(vec![END_OF_TRANSMISSION]).await;
        }
        match lock(&self.input).take() {
            Some(_) => Ok(()),
            None => Err(InputError::Closed),
        }
    }

    /// The shell itself has ended, and programs that it started go on.
    pub(super) fn mark_left_behind(&self) {
        self.status
            .send_modify(|status| status.is_left_behind = true);
    }

    /// Nothing of it runs any more.
    pub(super) fn mark_ended(&self, ending: Ending) {
        self.output().finish();
        lock(&self.input).take();
        *lock(&self.ended) = Some(Instant::now());
        self.status
            .send_modify(|status| status.ending = Some(ending));
    }

    /// Reads what it prints until nobody can print any more.
    fn read(&self, mut output: Box<dyn Read + Send>, events: &mpsc::Sender<Event>) {
        let mut chunk = vec![0; CHUNK];
        loop {
            match output.read(&mut chunk) {
                Ok(0) => break,
                Ok(count) => {
                    self.output().push(&chunk[..count]);
                    self.status
                        .send_modify(|status| status.printed += count as u64);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    tracing::warn!(command = self.command, %error, "a command's output cannot be read");
                    break;
                }
            }
        }
        let _ = events.send(Event::OutputClosed);
    }
}

impl std::fmt::Debug for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Process")
            .field("id", &self.id)
            .field("pid", &self.pid)
            .field("command", &self.command)
            .finish_non_exhaustive()
    }
}

fn spawn_thread(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(run)
}

/// Eight characters that no other command has.
fn short_id() -> String {
    let mut id = uuid::Uuid::new_v4().simple().to_string();
    id.truncate(8);
    id
}

/// What a thread that has panicked held is still as it was left between two of its lines: texts and times.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
