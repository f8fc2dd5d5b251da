//! Seeing a command to its end.

use std::io;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::group::{self, Ask};
use super::process::Process;
use super::status::Ending;

/// What is asked to end has this long before it is killed: who says stop sees everything stopped within a second.
const GRACE: Duration = Duration::from_millis(700);
/// How long what was killed is waited for. What stands in a system call, or belongs to another user, may stay.
const LAST_WAIT: Duration = Duration::from_secs(2);
/// How long the rest of the output and the last programs may take after the shell has ended, before the shell counts as
/// having left programs behind.
const SETTLE: Duration = Duration::from_millis(200);
/// How often what was left behind is looked after: at first, and at last.
const LOOK: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(5));

/// What happens to a command.
#[derive(Debug)]
pub(super) enum Event {
    /// Its shell has ended.
    ShellEnded(io::Result<ExitStatus>),
    /// Nobody can print any more.
    OutputClosed,
    /// It is to end.
    Stop,
}

/// Keeps a command's time, has it end when asked to, and says when nothing of it runs any more.
pub(super) struct Supervisor {
    process: Arc<Process>,
    events: Receiver<Event>,
    limit: Duration,
    /// How the shell ended, and when.
    shell: Option<(Ending, Instant)>,
    is_closed: bool,
    stopping: Option<Stopping>,
    timed_out: bool,
    look: Duration,
}

/// What is done to end it.
#[derive(Debug, Clone, Copy)]
enum Stopping {
    /// It was asked to, and is killed at this time.
    Asked(Instant),
    /// It was killed, and is given up at this time.
    Killed(Instant),
}

impl Supervisor {
    pub(super) fn new(process: Arc<Process>, events: Receiver<Event>, limit: Duration) -> Self {
        Self {
            process,
            events,
            limit,
            shell: None,
            is_closed: false,
            stopping: None,
            timed_out: false,
            look: LOOK.0,
        }
    }

    /// Returns when nothing of the command runs any more.
    pub(super) fn run(mut self) {
        while !self.is_over() {
            match self.next_event() {
                Ok(Event::ShellEnded(outcome)) => {
                    let ending = outcome.map_or(Ending::Exited(1), Ending::of);
                    self.shell = Some((ending, Instant::now()));
                }
                Ok(Event::OutputClosed) => self.is_closed = true,
                Ok(Event::Stop) => self.stop(),
                // It holds a sender itself, by the process.
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
            self.keep_time();
        }
        let by_itself = self.shell.map(|(ending, _)| ending);
        self.process.mark_ended(match self.timed_out {
            true => Ending::TimedOut(self.limit.as_secs()),
            false => by_itself.unwrap_or(Ending::Exited(1)),
        });
    }

    fn is_over(&mut self) -> bool {
        let now = Instant::now();
        if matches!(self.stopping, Some(Stopping::Killed(until)) if now >= until) {
            tracing::warn!(process = ?self.process, "a command could not be ended");
            return true;
        }
        let Some((_, at)) = self.shell else {
            return false;
        };
        let is_settled = now >= at + SETTLE;
        if self.is_closed || is_settled {
            let beyond_group = self.process.has_terminal() || !self.is_closed;
            if !group::is_alive(self.process.pid, beyond_group) {
                return true;
            }
        }
        if is_settled {
            self.process.mark_left_behind();
        }
        false
    }

    /// Waits for something to happen, or for the time to look again.
    fn next_event(&mut self) -> Result<Event, RecvTimeoutError> {
        let now = Instant::now();
        let mut wait = match self.stopping {
            None => (self.process.started + self.limit).saturating_duration_since(now),
            Some(Stopping::Asked(until) | Stopping::Killed(until)) => {
                until.saturating_duration_since(now)
            }
        };
        if self.shell.is_some() {
            wait = wait.min(self.look);
            self.look = (self.look * 2).min(LOOK.1);
        }
        self.events.recv_timeout(wait)
    }

    fn keep_time(&mut self) {
        let now = Instant::now();
        match self.stopping {
            None if now >= self.process.started + self.limit => {
                self.timed_out = true;
                self.stop();
            }
            Some(Stopping::Asked(until)) if now >= until => {
                self.process.tell(Ask::Kill);
                self.stopping = Some(Stopping::Killed(Instant::now() + LAST_WAIT));
                self.look = LOOK.0;
            }
            // What was started meanwhile.
            Some(Stopping::Killed(_)) => group::tell(self.process.pid, Ask::Kill),
            _ => {}
        }
    }

    fn stop(&mut self) {
        if self.stopping.is_none() {
            self.process.tell(Ask::End);
            self.stopping = Some(Stopping::Asked(Instant::now() + GRACE));
            self.look = LOOK.0;
        }
    }
}
