//! What the engine has under a name, and whose it is.

use std::collections::BTreeMap;
use std::path::Path;

use super::engine::last_lines;
use super::plan::{HASH_LABEL, STATE_LABEL};
use super::{ContainerError, ContainerPlan, Engine};

/// A container that exists.
pub(super) struct Found {
    id: String,
    labels: BTreeMap<String, String>,
    /// Whether it runs.
    pub(super) is_running: bool,
}

impl Found {
    /// Whether the installation of this state directory made it.
    pub(super) fn is_of(&self, state_dir: &Path) -> bool {
        self.labels.get(STATE_LABEL) == Some(&state_dir.display().to_string())
    }

    /// Whether it was made by this plan.
    pub(super) fn is_as_planned(&self, plan: &ContainerPlan) -> bool {
        self.is_of(&plan.state_dir) && self.labels.get(HASH_LABEL) == Some(&plan.hash())
    }
}

impl Engine {
    /// What there is under this name; `None` where there is nothing.
    pub(super) fn found(&self, name: &str) -> Result<Option<Found>, ContainerError> {
        let format = "{{.Id}} {{.State.Running}} {{json .Config.Labels}}";
        let inspected = self.output(&["container", "inspect", "--format", format, name])?;
        if !inspected.status.success() {
            let reason = last_lines(&inspected);
            return match is_none(&reason) {
                true => Ok(None),
                false => Err(ContainerError::Refused {
                    program: self.program().to_owned(),
                    step: "looking for a container",
                    reason,
                }),
            };
        }
        let text = String::from_utf8_lossy(&inspected.stdout);
        let mut words = text.trim().splitn(3, ' ');
        let mut word = || words.next().unwrap_or_default();
        Ok(Some(Found {
            id: word().to_owned(),
            is_running: word() == "true",
            // A container without labels is nobody's of ours.
            labels: serde_json::from_str(word()).unwrap_or_default(),
        }))
    }

    /// Removes a container of this state directory with all that runs in it; one that is not there is removed already.
    /// Containers are removed by this alone.
    ///
    /// # Errors
    /// Another installation's, or nobody's, has the name; or what the program says.
    pub(super) fn remove_own(&self, name: &str, state_dir: &Path) -> Result<(), ContainerError> {
        let Some(found) = self.found(name)? else {
            return Ok(());
        };
        if !found.is_of(state_dir) {
            return Err(self.foreign(name));
        }
        // By what no other container ever has: the name may go to another meanwhile.
        let output = self.output(&["rm", "-f", &found.id])?;
        let reason = last_lines(&output);
        match output.status.success() || is_none(&reason) {
            true => Ok(()),
            false => Err(ContainerError::Refused {
                program: self.program().to_owned(),
                step: "removing a container",
                reason,
            }),
        }
    }

    /// Whether a command runs in a container, also one in the background. One that does not run has none.
    pub(super) fn is_busy(&self, name: &str) -> Result<bool, ContainerError> {
        const LOOK: &str = "grep -qs MOLTBOT_COMMAND= /proc/[0-9]*/environ";
        let looked = self.output(&["exec", name, "/bin/sh", "-c", LOOK])?;
        Ok(looked.status.success())
    }

    pub(super) fn foreign(&self, name: &str) -> ContainerError {
        ContainerError::Foreign {
            name: name.to_owned(),
            program: self.program().to_owned(),
        }
    }
}

/// Whether the program says that there is no such container.
fn is_none(reason: &str) -> bool {
    let said = reason.to_lowercase();
    ["no such container", "no such object"]
        .iter()
        .any(|words| said.contains(words))
}
