//! A server's process: started in a group of its own, taken over from a keeper that was killed, and ended for certain.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::log::ServiceLog;
use crate::record::{Record, is_same_process, start_of};
use crate::spec::Spec;

/// A server that runs.
#[derive(Debug)]
pub(crate) enum Server {
    /// Started by this keeper.
    Child {
        /// The process.
        child: Child,
        /// Its id, which is its group's, too.
        pid: u32,
    },
    /// Started by a keeper that is gone.
    Adopted {
        /// The process, which leads a group.
        pid: u32,
        /// When it started.
        started: u64,
    },
    /// Left behind by a command that has ended well; only its own stop command ends it.
    Detached,
}

impl Server {
    /// Starts the server of a service and writes its record.
    pub(crate) fn start(spec: &Spec, log: &ServiceLog) -> io::Result<Self> {
        let output = log.open()?;
        let mut child = Command::new(&spec.command)
            .args(&spec.args)
            .envs(&spec.env)
            .current_dir(&spec.cwd)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0)
            .spawn()?;
        let pid = child.id().unwrap_or_default();
        let record = Record {
            pid,
            // One that has ended already is known by its end.
            started: start_of(pid).unwrap_or_default(),
            fingerprint: spec.fingerprint(),
            stop: spec.stop.clone(),
        };
        if let Err(error) = record.write(&spec.files().record) {
            // Without a record it could be left behind unknown.
            end_group(pid, Signal::KILL);
            let _ = child.start_kill();
            return Err(error);
        }
        Ok(Self::Child { child, pid })
    }

    /// The process, where there is one.
    fn pid(&self) -> Option<u32> {
        match self {
            Self::Child { pid, .. } | Self::Adopted { pid, .. } => Some(*pid),
            Self::Detached => None,
        }
    }

    /// Waits until the process ends, and says how it did: `None` where nobody can tell. Can be dropped at any time.
    pub(crate) async fn ended(&mut self, poll: Duration) -> Option<std::process::ExitStatus> {
        match self {
            Self::Child { child, .. } => child.wait().await.ok(),
            Self::Adopted { pid, started } => {
                while is_same_process(*pid, *started) {
                    sleep(poll).await;
                }
                None
            }
            Self::Detached => std::future::pending().await,
        }
    }

    /// Ends what a server that has ended by itself may have left of its group: workers that hold the model's memory.
    pub(crate) fn clear_group(&self) {
        if let Some(pid) = self.pid() {
            end_group(pid, Signal::KILL);
        }
    }

    /// Ends the server and everything in its group: its stop command where it has one, then SIGTERM, then SIGKILL.
    pub(crate) async fn stop(
        mut self,
        command: Option<Vec<String>>,
        spec: &Spec,
        log: &ServiceLog,
    ) {
        if let Some(command) = command {
            run_stop(&command, spec, log).await;
        }
        let Some(pid) = self.pid() else {
            return;
        };
        end_group(pid, Signal::TERM);
        let poll = spec.pace.poll;
        let all_gone = async {
            self.ended(poll).await;
            while is_group_there(pid) {
                sleep(poll).await;
            }
        };
        if timeout(spec.pace.grace, all_gone).await.is_err() {
            log.note("it did not end in time and is killed");
            end_group(pid, Signal::KILL);
            self.ended(poll).await;
        }
    }
}

async fn run_stop(words: &[String], spec: &Spec, log: &ServiceLog) {
    let Some((program, args)) = words.split_first() else {
        return;
    };
    let run = async {
        let output = log.open()?;
        Command::new(program)
            .args(args)
            .envs(&spec.env)
            .current_dir(&spec.cwd)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .kill_on_drop(true)
            .status()
            .await
    };
    match timeout(spec.pace.grace, run).await {
        Ok(Ok(status)) if status.success() => {}
        Ok(Ok(status)) => log.note(&format!("{program} ended with {status}")),
        Ok(Err(error)) => log.note(&format!("{program} cannot be started: {error}")),
        Err(_) => log.note(&format!("{program} did not end in time")),
    }
}

/// Sends a signal to all of a group. A group that is gone needs none.
pub(crate) fn end_group(pid: u32, signal: Signal) {
    if let Some(group) = group(pid) {
        let _ = kill_process_group(group, signal);
    }
}

fn is_group_there(pid: u32) -> bool {
    group(pid).is_some_and(|group| test_kill_process_group(group).is_ok())
}

/// The group that a process leads. Never that of process 1 or of nobody: those would be everyone.
fn group(pid: u32) -> Option<Pid> {
    let raw = i32::try_from(pid).ok().filter(|raw| *raw > 1)?;
    Pid::from_raw(raw)
}
