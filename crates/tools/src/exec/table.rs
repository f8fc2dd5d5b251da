//! The commands that run, and those that ran a while ago.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use moltbot_agent::Scene;

use super::process::{Process, Terms};
use super::settings::ExecSettings;
use super::spawn::Launch;

/// Ended commands that are remembered at most, of all agents together.
const REMEMBERED: usize = 32;

/// Whose the commands of a conversation are: its agent's, or those of its sandbox, which can neither follow nor type into
/// commands that run outside.
pub(super) fn owner(scene: &Scene<'_>) -> String {
    let agent = &scene.session.agent_id;
    match scene.sandbox {
        Some(sandbox) => format!("{agent} in {}", sandbox.home.display()),
        None => agent.clone(),
    }
}

/// The commands of this program: those that run, and for a while those that have ended in the background.
///
/// [`ExecTool`](super::ExecTool) and [`ProcessTool`](super::ProcessTool) share one. When it is dropped, every command
/// ends. A program that ends without dropping it (a signal, `exit`) calls [`Self::shutdown`] before.
#[derive(Debug)]
pub struct ProcessTable {
    outputs: PathBuf,
    entries: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    processes: Vec<Arc<Process>>,
    is_shut: bool,
}

impl ProcessTable {
    /// An empty table. `outputs` is the folder for output that is too long to be shown, made when it is needed; the
    /// newest 32 files stay there, of at most 64 MB each.
    pub fn new(outputs: impl Into<PathBuf>) -> Self {
        Self {
            outputs: outputs.into(),
            entries: Mutex::default(),
        }
    }

    /// Ends every command and starts none any more. Blocks until nothing of them runs: for milliseconds where they obey
    /// a SIGTERM, else for about a second.
    pub fn shutdown(&self) {
        let processes = {
            let mut entries = self.lock();
            entries.is_shut = true;
            std::mem::take(&mut entries.processes)
        };
        for process in &processes {
            process.stop();
        }
        for process in &processes {
            process.join();
        }
    }

    /// Starts a command of an agent, which may run for this long.
    pub(super) fn start(
        &self,
        launch: Launch,
        agent: &str,
        timeout: Duration,
        settings: &ExecSettings,
    ) -> io::Result<Arc<Process>> {
        let mut entries = self.swept();
        if entries.is_shut {
            return Err(io::Error::other("this program is ending"));
        }
        let terms = Terms {
            agent: agent.to_owned(),
            outputs: self.outputs.clone(),
            timeout,
            keep: settings.keep,
        };
        let process = Process::start(launch, terms)?;
        entries.processes.push(Arc::clone(&process));
        Ok(process)
    }

    /// The commands of an agent, or of one of its sandboxes, that are not waited for, oldest first. See [`owner`].
    pub(super) fn of_owner(&self, agent: &str) -> Vec<Arc<Process>> {
        let is_listed =
            |process: &&Arc<Process>| process.agent == agent && process.is_in_background();
        let entries = self.swept();
        entries
            .processes
            .iter()
            .filter(is_listed)
            .cloned()
            .collect()
    }

    /// Forgets a command.
    pub(super) fn remove(&self, id: &str) {
        self.lock().processes.retain(|process| process.id != id);
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        // Only lists are changed under it.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The entries without those that need not be remembered.
    fn swept(&self) -> MutexGuard<'_, Entries> {
        let mut entries = self.lock();
        let now = Instant::now();
        entries
            .processes
            .retain(|process| match process.ended_at() {
                None => true,
                Some(at) => process.is_in_background() && now.duration_since(at) < process.keep,
            });
        let mut ended: Vec<(Instant, String)> = entries
            .processes
            .iter()
            .filter_map(|process| Some((process.ended_at()?, process.id.clone())))
            .collect();
        ended.sort_unstable();
        ended.truncate(ended.len().saturating_sub(REMEMBERED));
        entries
            .processes
            .retain(|process| !ended.iter().any(|(_, id)| *id == process.id));
        entries
    }
}

impl Drop for ProcessTable {
    fn drop(&mut self) {
        self.shutdown();
    }
}
