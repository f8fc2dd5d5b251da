//! The keeper: one process for each service, which alone starts and stops the server.

mod clients;
mod room;
mod work;

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::process::ExitStatus;
use std::time::Duration;

use tokio::net::UnixListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use self::clients::{Clients, Concern, Message};
use self::work::{Done, Work};
use crate::files::{private_dir, try_lock};
use crate::log::ServiceLog;
use crate::policy::{Failures, Rules, Situation, Step};
use crate::process::Server;
use crate::protocol::{Activity, Ask, Report, Standing};
use crate::record::Record;
use crate::spec::Spec;

/// How much memory can be had now, in bytes; `None` where the system does not say.
pub type AvailableMemory = fn() -> Option<u64>;

/// How often the files are looked after.
const TICK: Duration = Duration::from_secs(60);

/// What a keeper says first, on its standard output, to the process that started it.
pub(crate) const LISTENING: &str = "listening";
/// The same: there is a keeper already.
pub(crate) const TAKEN: &str = "taken";

/// Keeps one service until there is nothing left to keep. The [`Spec`] is read from `input`; `output` gets one line:
/// `listening`, `taken` where the service has a keeper already, or what went wrong.
pub async fn run(mut input: impl Read, mut output: impl Write, memory: AvailableMemory) {
    let mut text = String::new();
    let spec: Spec = match input
        .read_to_string(&mut text)
        .and_then(|_| Ok(serde_json::from_str(&text)?))
    {
        Ok(spec) => spec,
        Err(error) => {
            return say(
                &mut output,
                &format!("what to keep cannot be read: {error}"),
            );
        }
    };
    let files = spec.files();
    let opened = private_dir(&spec.dir).and_then(|()| try_lock(&files.lock));
    let _lock = match opened {
        Ok(Some(lock)) => lock,
        Ok(None) => return say(&mut output, TAKEN),
        Err(error) => {
            let path = files.lock.display();
            return say(&mut output, &format!("{path} cannot be locked: {error}"));
        }
    };
    // What a killed keeper left; nobody else can own it while we hold the lock.
    let _ = fs::remove_file(&files.socket);
    let listening =
        UnixListener::bind(&files.socket).and_then(|listener| Ok((listener, Signals::new()?)));
    match listening {
        Ok((listener, signals)) => {
            say(&mut output, LISTENING);
            Keeper::new(spec, memory).keep(listener, signals).await;
            let _ = fs::remove_file(&files.socket);
        }
        Err(error) => say(
            &mut output,
            &format!("{} cannot be opened: {error}", files.socket.display()),
        ),
    }
}

/// Whoever started us may be gone already, and nothing is owed to it.
fn say(output: &mut impl Write, line: &str) {
    let _ = writeln!(output, "{line}");
    let _ = output.flush();
}

/// The signals that end a keeper, and its server with it.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn any(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}

/// What can happen.
enum Event {
    Client(Message),
    Ended(Option<ExitStatus>),
    Worked(Done),
    Time,
    Tick,
    Signal,
}

struct Keeper {
    spec: Spec,
    rules: Rules,
    log: ServiceLog,
    memory: AvailableMemory,
    clients: Clients,
    activity: Activity,
    server: Option<Server>,
    /// What is under way; there is some exactly while the service starts or stops.
    work: Option<Work>,
    failures: Failures,
    last_used: Instant,
    last_heard: Instant,
    /// Where the output of the current server begins in the log.
    log_start: u64,
    /// When a start has taken too long.
    start_deadline: Instant,
    /// Held while a server with a memory figure loads.
    loading_turn: Option<File>,
    /// Whether a server that is not ours answered at the last try.
    foreign: bool,
    /// Whether to end as soon as the server is stopped.
    ending: bool,
}

impl Keeper {
    fn new(spec: Spec, memory: AvailableMemory) -> Self {
        Self {
            rules: Rules::from(&spec),
            log: ServiceLog::new(&spec.log),
            memory,
            clients: Clients::default(),
            activity: Activity::Down,
            server: None,
            work: None,
            failures: Failures::none(spec.pace),
            last_used: Instant::now(),
            last_heard: Instant::now(),
            log_start: 0,
            start_deadline: Instant::now(),
            loading_turn: None,
            foreign: false,
            ending: false,
            spec,
        }
    }

    async fn keep(mut self, listener: UnixListener, mut signals: Signals) {
        self.take_over();
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let until = match self.step() {
                Step::Start => {
                    self.begin_start();
                    None
                }
                Step::Stop => {
                    self.begin_stop("nobody has needed it for its idle time");
                    None
                }
                Step::Exit => return,
                Step::Wait(until) => until,
            };
            let watched = matches!(self.activity, Activity::Starting | Activity::Ready);
            let poll = self.spec.pace.poll;
            let event = tokio::select! {
                message = self.clients.next(&listener) => Event::Client(message),
                status = ended(&mut self.server, poll), if watched => Event::Ended(status),
                done = worked(&mut self.work) => Event::Worked(done),
                () = sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() => Event::Time,
                _ = tick.tick() => Event::Tick,
                () = signals.any() => Event::Signal,
            };
            match event {
                Event::Client(message) => self.hear(message),
                Event::Ended(status) => self.on_end(status),
                Event::Worked(done) => self.on_done(done),
                Event::Time => {}
                Event::Tick => {
                    self.log.cap();
                    // Without the file, its lock keeps no second keeper away.
                    if !self.spec.files().lock.exists() {
                        self.ending = true;
                        self.begin_stop("its directory was removed");
                    }
                }
                Event::Signal => {
                    self.ending = true;
                    self.begin_stop("its keeper was told to end");
                }
            }
        }
    }

    fn step(&self) -> Step {
        if self.ending && self.activity == Activity::Down {
            return Step::Exit;
        }
        self.rules.step(&self.situation(), Instant::now())
    }

    fn situation(&self) -> Situation<'_> {
        Situation {
            activity: self.activity,
            waiting: self.clients.count(Concern::Waiting),
            users: self.clients.users(),
            holders: self.clients.count(Concern::Holding),
            foreign: self.foreign,
            last_used: self.last_used,
            last_heard: self.last_heard,
            failures: &self.failures,
        }
    }

    /// Finds what a killed keeper has left running, and keeps it, or ends it where another command is wanted now.
    fn take_over(&mut self) {
        let Some(record) = Record::read(&self.spec.files().record) else {
            return;
        };
        let same = record.fingerprint == self.spec.fingerprint();
        if record.is_alive() {
            self.server = Some(Server::Adopted {
                pid: record.pid,
                started: record.started,
            });
        } else if record.stop.is_some() {
            self.server = Some(Server::Detached);
        } else {
            self.forget_record();
            return;
        }
        if same {
            self.log.note("its keeper is gone; a new one takes it over");
            self.log_start = self.log.end();
            self.activity = Activity::Starting;
            self.start_deadline = Instant::now() + self.spec.start_limit;
            self.work = Some(match self.server {
                Some(Server::Detached) => work::ask_once(self.spec.clone()),
                _ => self.await_start(),
            });
        } else {
            self.stop_with("its command has changed", record.stop);
        }
    }

    fn begin_start(&mut self) {
        self.foreign = false;
        self.activity = Activity::Starting;
        self.start_deadline = Instant::now() + self.spec.start_limit;
        self.work = Some(work::prepare(self.spec.clone(), self.memory));
    }

    fn begin_stop(&mut self, why: &str) {
        self.stop_with(why, self.spec.stop.clone());
    }

    fn stop_with(&mut self, why: &str, command: Option<Vec<String>>) {
        if self.activity == Activity::Stopping {
            return;
        }
        self.loading_turn = None;
        // A start that has not come to a process yet ends by being dropped.
        self.work = None;
        let Some(server) = self.server.take() else {
            self.activity = Activity::Down;
            return;
        };
        self.log.note(&format!("stopped: {why}"));
        self.activity = Activity::Stopping;
        self.work = Some(work::stop(
            server,
            command,
            self.spec.clone(),
            self.log.clone(),
        ));
    }

    fn hear(&mut self, message: Message) {
        self.last_heard = Instant::now();
        match message {
            Message::Asked { id, ask } => self.on_ask(id, ask),
            Message::Left(id) => {
                if self.clients.leave(id) == Some(Concern::Using) {
                    self.last_used = Instant::now();
                }
            }
        }
    }

    fn on_ask(&mut self, id: u64, ask: Ask) {
        match ask {
            Ask::Use { fingerprint } => {
                let replaced = fingerprint != self.spec.fingerprint();
                if replaced && self.clients.users() + self.clients.count(Concern::Waiting) == 0 {
                    // The asker sees the connection end and starts a keeper for the new command.
                    self.clients.set(id, Concern::Holding);
                    self.ending = true;
                    self.begin_stop("its command has changed");
                } else {
                    self.on_use(id, Concern::Waiting);
                }
            }
            Ask::Join if matches!(self.activity, Activity::Down | Activity::Stopping) => {
                self.clients.answer_last(id, Report::NotRunning);
            }
            Ask::Join => self.on_use(id, Concern::WaitingQuietly),
            Ask::Hold => {
                self.clients.set(id, Concern::Holding);
                let keeper = std::process::id();
                self.clients.answer(id, Report::Held { keeper });
            }
            Ask::State => {
                let now = Instant::now();
                let standing = Standing {
                    activity: self.activity,
                    users: self.clients.users() + self.clients.count(Concern::Waiting),
                    idle_ms: millis(now.saturating_duration_since(self.last_used)),
                    failure: self.failures.detail(now).map(str::to_owned),
                };
                self.clients.answer_last(id, Report::State(standing));
            }
            Ask::Stop => {
                let at = self.situation();
                let kept_warm = self.spec.keep_warm && at.holders > 0;
                if at.users + at.waiting > 0 || kept_warm {
                    self.clients.answer_last(id, Report::Busy);
                } else {
                    self.clients.set(id, Concern::Stopping);
                    self.begin_stop("another service needs the memory");
                    if self.activity == Activity::Down {
                        self.clients.answer_all(Concern::Stopping, &Report::Stopped);
                    }
                }
            }
        }
    }

    /// A request wants the server: quietly, if its wait should not start it.
    fn on_use(&mut self, id: u64, waiting: Concern) {
        let refused = match self.activity {
            Activity::Down => self.failures.refusal(Instant::now()),
            _ => None,
        };
        if let Some((detail, wait)) = refused {
            let report = Report::Failed {
                detail: detail.to_owned(),
                retry_ms: millis(wait),
            };
            self.clients.answer_last(id, report);
            return;
        }
        self.clients.set(id, waiting);
        match (self.activity, &self.server) {
            // Nothing tells when such a server ends, so it is asked each time.
            (Activity::Ready, Some(Server::Detached)) => {
                self.activity = Activity::Starting;
                self.work = Some(work::ask_once(self.spec.clone()));
            }
            (Activity::Ready, _) => self.clients.let_in(),
            _ => self.clients.answer(id, Report::Starting),
        }
    }

    fn on_done(&mut self, done: Done) {
        self.work = None;
        match done {
            Done::Prepared(Ok(turn)) => {
                self.loading_turn = turn;
                self.launch();
            }
            Done::Prepared(Err(detail)) => self.fail(detail),
            Done::Foreign => {
                self.activity = Activity::Down;
                self.foreign = true;
                self.log
                    .note("a server that is not ours answers already and is used");
                self.clients.let_in();
            }
            Done::Ready => {
                self.loading_turn = None;
                self.activity = Activity::Ready;
                self.last_used = Instant::now();
                self.log.note("ready");
                self.clients.let_in();
            }
            Done::Gone => {
                self.server = None;
                self.forget_record();
                self.activity = Activity::Down;
                self.log.note("it has ended without a word");
            }
            Done::TimedOut => {
                let limit = self.spec.start_limit.as_secs();
                let detail = self.with_last_line(&format!("was not ready within {limit} s"));
                self.fail(detail);
                self.begin_stop("it was not ready in time");
            }
            Done::Stopped => {
                self.forget_record();
                self.activity = Activity::Down;
                self.clients.answer_all(Concern::Stopping, &Report::Stopped);
            }
        }
    }

    /// Starts the process, now that there is room for it.
    fn launch(&mut self) {
        self.log.cap();
        self.log.note(&format!(
            "starting {} in {}",
            self.spec.command,
            self.spec.cwd.display()
        ));
        self.log_start = self.log.end();
        match Server::start(&self.spec, &self.log) {
            Ok(server) => {
                self.server = Some(server);
                self.work = Some(self.await_start());
            }
            Err(error) => {
                self.forget_record();
                let detail = format!(
                    "its service {} cannot be started: {error}",
                    self.spec.command
                );
                self.fail(detail);
            }
        }
    }

    /// What tells that the process has started its server.
    fn await_start(&self) -> Work {
        match self.spec.stop {
            // The command's own end.
            Some(_) => work::time_out(self.start_deadline),
            None => work::await_ready(self.spec.clone(), self.start_deadline),
        }
    }

    /// The process has ended by itself.
    fn on_end(&mut self, status: Option<ExitStatus>) {
        // Where nobody can tell, the server itself will.
        let well = status.is_none_or(|status| status.success());
        if self.spec.stop.is_some() && well {
            self.server = Some(Server::Detached);
            if self.activity == Activity::Starting {
                self.work = Some(work::await_ready(self.spec.clone(), self.start_deadline));
            }
            return;
        }
        let how = match status {
            Some(status) => format!("ended with {status}"),
            None => "ended".to_owned(),
        };
        let detail = self.with_last_line(&how);
        self.log.note(&how);
        if let Some(server) = self.server.take() {
            server.clear_group();
        }
        self.forget_record();
        match self.activity {
            Activity::Starting => self.fail(detail),
            _ => {
                self.failures.add(detail, Instant::now());
                self.activity = Activity::Down;
            }
        }
    }

    /// A start has failed: everyone who waits hears why.
    fn fail(&mut self, detail: String) {
        self.log.note(&format!("failed: {detail}"));
        self.loading_turn = None;
        self.work = None;
        let now = Instant::now();
        self.failures.add(detail.clone(), now);
        let retry = self
            .failures
            .next_try()
            .map_or_else(Default::default, |then| then.saturating_duration_since(now));
        let report = Report::Failed {
            detail,
            retry_ms: millis(retry),
        };
        self.clients.answer_all(Concern::Waiting, &report);
        self.clients.answer_all(Concern::WaitingQuietly, &report);
        self.activity = Activity::Down;
    }

    fn with_last_line(&self, what: &str) -> String {
        let said = match self.log.last_line(self.log_start) {
            Some(line) => format!("its last words: {line}"),
            None => "it said nothing".to_owned(),
        };
        format!(
            "its service {} {what}; {said}; log: {}",
            self.spec.program(),
            self.log.path().display()
        )
    }

    fn forget_record(&self) {
        let _ = fs::remove_file(self.spec.files().record);
    }
}

async fn ended(server: &mut Option<Server>, poll: Duration) -> Option<ExitStatus> {
    match server {
        Some(server) => server.ended(poll).await,
        None => std::future::pending().await,
    }
}

async fn worked(work: &mut Option<Work>) -> Done {
    match work {
        Some(work) => work.await,
        None => std::future::pending().await,
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
