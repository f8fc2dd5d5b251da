//! Which server runs, written down so that it is found again when its keeper was killed.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sysinfo::{Pid, ProcessRefreshKind, ProcessStatus, ProcessesToUpdate, System};

use crate::files::write_whole;

/// Two readings of one process's start differ by this many seconds at most: it is counted from the boot, which the
/// system places anew when its clock is set.
const START_TOLERANCE: u64 = 5;

/// A server that a keeper started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Record {
    /// The process, which leads a process group of its own.
    pub(crate) pid: u32,
    /// When it started, in seconds since the Unix epoch. Process ids are used again; id and start together are not.
    pub(crate) started: u64,
    /// [`crate::Spec::fingerprint`] of its command.
    pub(crate) fingerprint: String,
    /// The command that stops it, where the process above has ended and left a server behind.
    pub(crate) stop: Option<Vec<String>>,
}

impl Record {
    /// The record at `path`; `None` where there is none that can be read.
    pub(crate) fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }

    /// Writes it down.
    pub(crate) fn write(&self, path: &Path) -> io::Result<()> {
        write_whole(path, &serde_json::to_vec(self)?)
    }

    /// Whether the process still runs.
    pub(crate) fn is_alive(&self) -> bool {
        is_same_process(self.pid, self.started)
    }

    /// Whether there is a server to take over: a process, or what it may have left behind.
    pub(crate) fn is_left_over(&self) -> bool {
        self.stop.is_some() || self.is_alive()
    }
}

/// Whether the process that started at this time still runs.
pub(crate) fn is_same_process(pid: u32, started: u64) -> bool {
    start_of(pid).is_some_and(|now| now.abs_diff(started) <= START_TOLERANCE)
}

/// When a running process started, in seconds since the Unix epoch; `None` when there is none, or only its remains.
pub(crate) fn start_of(pid: u32) -> Option<u64> {
    let pid = Pid::from_u32(pid);
    let mut system = System::new().ok()?;
    system.refresh_processes_specifics(
        ProcessesToUpdate::Some(&[pid]),
        true,
        ProcessRefreshKind::nothing(),
    );
    let process = system.process(pid)?;
    let ended = matches!(
        process.status(),
        ProcessStatus::Zombie | ProcessStatus::Dead
    );
    (!ended).then(|| process.start_time())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_record_knows_its_process_and_no_other() {
        let pid = std::process::id();
        let record = Record {
            pid,
            started: start_of(pid).unwrap(),
            fingerprint: "f".into(),
            stop: None,
        };
        assert!(record.is_alive());
        let reused = Record {
            started: record.started - 60,
            ..record.clone()
        };
        assert!(!reused.is_alive());

        let mut child = std::process::Command::new("sleep")
            .arg("600")
            .spawn()
            .unwrap();
        let started = start_of(child.id()).unwrap();
        child.kill().unwrap();
        // Not yet waited for, it is a zombie at most.
        while is_same_process(child.id(), started) {
            std::thread::yield_now();
        }
        child.wait().unwrap();
        assert_eq!(start_of(child.id()), None);
    }

    #[test]
    fn a_record_is_read_as_written_and_rubbish_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("box.json");
        assert_eq!(Record::read(&path), None);
        let record = Record {
            pid: 7,
            started: 8,
            fingerprint: "f".into(),
            stop: Some(vec!["stop".into()]),
        };
        record.write(&path).unwrap();
        assert_eq!(Record::read(&path), Some(record));
        fs::write(&path, "{").unwrap();
        assert_eq!(Record::read(&path), None);
    }
}
