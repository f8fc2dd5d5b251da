//! Where a command stands.

use std::fmt;
use std::process::ExitStatus;

/// What is told of a command while it runs and when it has ended.
#[derive(Debug, Clone, Default)]
pub(super) struct Status {
    /// Bytes that it has printed.
    pub(super) printed: u64,
    /// Whether the shell itself has ended, and programs that it started go on.
    pub(super) is_left_behind: bool,
    /// How it ended, once nothing of it runs any more.
    pub(super) ending: Option<Ending>,
}

/// How a command ended. `Display` continues "Command" or "Process".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// By itself.
    Exited(i32),
    /// By a signal.
    Signal(i32),
    /// It ran longer than it may, in seconds.
    TimedOut(u64),
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "exited with code {code}"),
            Self::Signal(signal) => write!(f, "aborted by signal {}", signal_name(*signal)),
            Self::TimedOut(seconds) => write!(f, "timed out after {seconds} seconds"),
        }
    }
}

impl Ending {
    /// From what the system says of a shell that has ended.
    pub(super) fn of(status: ExitStatus) -> Self {
        #[cfg(unix)]
        if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
            return Self::Signal(signal);
        }
        Self::Exited(status.code().unwrap_or(1))
    }

    /// Whether it went well.
    pub(super) fn is_success(self) -> bool {
        self == Self::Exited(0)
    }

    /// The same as a sentence about a process in the background.
    pub(super) fn of_process(self) -> String {
        match self {
            Self::Signal(signal) => format!("Process exited with signal {}.", signal_name(signal)),
            other => format!("Process {other}."),
        }
    }
}

fn signal_name(signal: i32) -> String {
    #[cfg(unix)]
    {
        use rustix::process::Signal;
        let names = [
            (Signal::HUP, "SIGHUP"),
            (Signal::INT, "SIGINT"),
            (Signal::QUIT, "SIGQUIT"),
            (Signal::ILL, "SIGILL"),
            (Signal::TRAP, "SIGTRAP"),
            (Signal::ABORT, "SIGABRT"),
            (Signal::BUS, "SIGBUS"),
            (Signal::FPE, "SIGFPE"),
            (Signal::KILL, "SIGKILL"),
            (Signal::USR1, "SIGUSR1"),
            (Signal::SEGV, "SIGSEGV"),
            (Signal::USR2, "SIGUSR2"),
            (Signal::PIPE, "SIGPIPE"),
            (Signal::ALARM, "SIGALRM"),
            (Signal::TERM, "SIGTERM"),
            (Signal::XCPU, "SIGXCPU"),
            (Signal::XFSZ, "SIGXFSZ"),
        ];
        let named = names.iter().find(|(one, _)| one.as_raw() == signal);
        if let Some((_, name)) = named {
            return (*name).to_owned();
        }
    }
    signal.to_string()
}
