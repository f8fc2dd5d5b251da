//! What keeps a command within its bounds: files, network, time and memory, enforced by the system.
//!
//! A confined command is started through this program itself: [`Confinement::wrap`] gives the command line, and the process
//! that it starts calls [`enter`], which gives up what the plan does not grant and then becomes the command. Nothing is
//! given up by the program that asks. What cannot be enforced is an error or a sentence, never silence.

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(any(target_os = "linux", target_os = "macos"))]
mod process;
#[cfg(any(target_os = "macos", all(test, target_os = "linux")))]
#[cfg_attr(
    not(target_os = "macos"),
    expect(dead_code, reason = "compiled for its tests alone")
)]
mod seatbelt;
mod trial;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
use elsewhere as system;
#[cfg(target_os = "linux")]
use linux as system;
#[cfg(target_os = "macos")]
use seatbelt as system;

pub use trial::{Finding, Trial, try_out};

/// What a confined command may do. Everything else is denied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Confinement {
    /// Folders and files that it may read and run from, beside the system's own.
    pub readable: Vec<PathBuf>,
    /// Folders that it may also write in.
    pub writable: Vec<PathBuf>,
    /// Whether it may speak with anything but its own children: the internet, this machine's services, sockets in the file
    /// system.
    pub network: bool,
    /// What it may use up.
    pub limits: Limits,
}

/// What a command may use up; `None` is no limit. Each of its processes has this much.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Seconds of processor time.
    pub cpu_seconds: Option<u64>,
    /// Bytes of memory.
    pub memory: Option<u64>,
    /// Bytes of one file that it writes.
    pub file_size: Option<u64>,
}

/// How well a confinement holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Enforced {
    /// What enforces it, and which version.
    pub by: String,
    /// What this system cannot enforce, each a sentence; none where everything holds.
    pub weaker: Vec<String>,
}

/// Why a command was not confined; it is not run then.
#[derive(Debug, Error)]
pub enum SandboxError {
    /// The system has nothing to confine it with.
    #[error("commands cannot be confined here: {0}")]
    Unsupported(String),
    /// The system refused.
    #[error("the command could not be confined ({what}): {reason}")]
    Refused {
        /// What was tried.
        what: &'static str,
        /// What the system says.
        reason: String,
    },
    /// The plan that was handed over is not one.
    #[error("the plan of the confinement cannot be read: {0}")]
    Plan(#[from] serde_json::Error),
    /// The command could not be started.
    #[error("{program} cannot be started: {source}")]
    Start {
        /// The program.
        program: String,
        /// Why.
        source: std::io::Error,
    },
}

/// What the system itself has: read and run by everybody. Of `/proc` only what tells of the machine: elsewhere in it stand
/// the environments of the owner's other programs.
#[cfg(target_os = "linux")]
const SYSTEM: [&str; 24] = [
    "/bin",
    "/sbin",
    "/usr",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/etc",
    "/opt",
    "/nix",
    "/gnu",
    "/snap",
    "/sys",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/loadavg",
    "/proc/uptime",
    "/proc/version",
    "/proc/filesystems",
    "/proc/sys",
    "/proc/vmstat",
    "/proc/diskstats",
    "/proc/self",
];

/// Devices without a place behind them.
#[cfg(target_os = "linux")]
const DEVICES: [&str; 8] = [
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
    "/dev/tty",
    "/dev/ptmx",
    "/dev/pts",
];

impl Confinement {
    /// The command line that starts `program` confined, where `own` is this program's own file and `subcommand` the
    /// (hidden) command of it that calls [`enter`].
    ///
    /// # Errors
    /// Never in practice: a plan is always JSON.
    pub fn wrap(
        &self,
        own: &Path,
        subcommand: &str,
        program: &[&str],
    ) -> Result<Vec<String>, SandboxError> {
        let plan = serde_json::to_string(self)?;
        let own = own.display().to_string();
        let mut line = vec![own, subcommand.to_owned(), plan, "--".to_owned()];
        line.extend(program.iter().map(|part| (*part).to_owned()));
        Ok(line)
    }
}

/// Whether commands can be confined here at all. Nothing is given up by asking.
///
/// # Errors
/// Why not.
pub fn enforceable() -> Result<(), SandboxError> {
    system::enforceable()
}

/// Confines this process as a plan ([`Confinement`] as JSON) says, and becomes the program. Comes back only where that
/// fails; nothing was run then.
pub fn enter(plan: &str, program: &[String]) -> SandboxError {
    match serde_json::from_str(plan) {
        Ok(plan) => system::become_confined(&plan, program),
        Err(error) => SandboxError::Plan(error),
    }
}

/// Confines this process for good, for a process that goes on with something else than a program. On macOS it begins again
/// to be confined, with the arguments that it was started with.
///
/// # Errors
/// It could not be confined, at least not in part of what the plan asks.
pub fn confine(plan: &Confinement) -> Result<Enforced, SandboxError> {
    system::confine(plan)
}
