//! Changing the owner's file from a command.

use moltbot_config::{Environment, KeyPath, Snapshot, edit};
use serde_json::Value;

use crate::exit::Exit;
use crate::output;

/// The config file and what it says, kept in step over several changes.
pub(crate) struct ConfigFile {
    /// What the snapshot was loaded with.
    environment: Environment,
    snapshot: Snapshot,
}

impl ConfigFile {
    /// The file that `snapshot` was loaded from, with this environment.
    pub(crate) fn new(environment: Environment, snapshot: Snapshot) -> Self {
        Self {
            environment,
            snapshot,
        }
    }

    /// What the file says now.
    pub(crate) fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Sets the value at a path.
    pub(crate) fn set(&mut self, path: &KeyPath, value: Value) -> Result<(), Exit> {
        let new = edit::set(&self.environment, &self.snapshot, path, value)?;
        self.accept(new);
        Ok(())
    }

    /// Removes what is at a path.
    pub(crate) fn unset(&mut self, path: &KeyPath) -> Result<(), Exit> {
        let new = edit::unset(&self.environment, &self.snapshot, path)?;
        self.accept(new);
        Ok(())
    }

    /// Takes over the new version and says what the change brought up: a key that nothing acts on yet, for one.
    fn accept(&mut self, new: Snapshot) {
        let old = std::mem::replace(&mut self.snapshot, new);
        let now = self.snapshot.warnings.iter().chain(&self.snapshot.notices);
        for text in now.filter(|text| !old.warnings.contains(text) && !old.notices.contains(text)) {
            output::note(output::styled(output::DIM, text));
        }
    }
}
