//! A container from its making to its end.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::engine::last_lines;
use super::plan::{HASH_LABEL, STATE_LABEL};
use super::{ContainerError, ContainerPlan, Engine, Record, Records};

/// A container that was used so lately is not taken from under its commands when its settings have changed.
const HOT: Duration = Duration::from_secs(5 * 60);

/// A container of this plan, made or still to be made.
#[derive(Debug, Clone)]
pub struct Container {
    /// The program that makes it.
    pub engine: Engine,
    /// What it is.
    pub plan: ContainerPlan,
    /// What is remembered of all of them.
    pub records: Records,
}

/// Which container it is that commands get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// One of this plan.
    AsPlanned,
    /// An older one, of other settings, which was used in the last five minutes. It goes when those are over, however
    /// often it is used meanwhile.
    Older,
}

/// What the engine says of a container that exists.
struct Found {
    labels: BTreeMap<String, String>,
    is_running: bool,
}

impl Container {
    /// Makes it and starts it, where that has not been done. `variables` are those of its commands, for the owner's
    /// `setupCommand`. Blocks, for as long as that takes.
    ///
    /// # Errors
    /// Why it cannot be had; nothing may be run then.
    pub fn ready(&self, variables: &BTreeMap<String, String>) -> Result<Readiness, ContainerError> {
        let lock = lock_of(&self.plan.name);
        // Nothing is kept under it: what was half made is found again by its name.
        let _held = lock.lock().unwrap_or_else(PoisonError::into_inner);
        let name = &self.plan.name;
        if let Some(found) = self.found(name)? {
            let state = self.plan.state_dir.display().to_string();
            if found.labels.get(STATE_LABEL) != Some(&state) {
                return Err(ContainerError::Foreign {
                    name: name.clone(),
                    program: self.engine.program().to_owned(),
                });
            }
            let is_planned = found.labels.get(HASH_LABEL) == Some(&self.plan.hash());
            let used = self.records.used_at(name);
            let is_hot = used
                .and_then(|used| used.elapsed().ok())
                .is_some_and(|gone| gone < HOT);
            if found.is_running && !is_planned && is_hot {
                // Not marked as used: its five minutes are counted from its last use under its own settings.
                return Ok(Readiness::Older);
            }
            // One without a record is not known to be complete.
            if is_planned && used.is_some() {
                if !found.is_running {
                    self.engine.ask("starting a container", &["start", name])?;
                }
                self.records.mark_used(name)?;
                return Ok(Readiness::AsPlanned);
            }
            self.engine.remove(name)?;
        }
        self.make(variables)?;
        Ok(Readiness::AsPlanned)
    }

    /// What the engine has under this name.
    fn found(&self, name: &str) -> Result<Option<Found>, ContainerError> {
        let format = "{{.State.Running}} {{json .Config.Labels}}";
        let inspected = self
            .engine
            .output(&["container", "inspect", "--format", format, name])?;
        // If it failed for another reason than that there is none, making one fails too, and says why.
        if !inspected.status.success() {
            return Ok(None);
        }
        let text = String::from_utf8_lossy(&inspected.stdout);
        let (is_running, labels) = text.trim().split_once(' ').unwrap_or_default();
        Ok(Some(Found {
            is_running: is_running == "true",
            // A container without labels is nobody's of ours.
            labels: serde_json::from_str(labels).unwrap_or_default(),
        }))
    }

    /// Makes it under another name, and gives it its own when it is complete.
    fn make(&self, variables: &BTreeMap<String, String>) -> Result<(), ContainerError> {
        let (engine, name) = (&self.engine, &self.plan.name);
        self.needs_image()?;
        let unfinished = format!("{name}-new");
        engine.remove(&unfinished)?;
        let now = chrono::Utc::now().timestamp_millis();
        let creation = self.plan.creation(engine, &unfinished, now)?;
        engine.ask("making a container", &creation)?;
        let completed = engine
            .ask("starting a container", &["start", &unfinished])
            .and_then(|_| self.set_up(&unfinished, variables))
            .and_then(|()| engine.ask("naming a container", &["rename", &unfinished, name]))
            .and_then(|_| {
                self.records.add(&Record {
                    name: name.clone(),
                    scope: self.plan.scope.clone(),
                    program: engine.program().to_owned(),
                    image: self.plan.image.clone(),
                    created_at_ms: now,
                })
            });
        if completed.is_err() {
            // Why it is not complete matters more than that it is still there; the next time removes it.
            let _ = engine.remove(&unfinished);
        }
        completed
    }

    /// The image is on this machine.
    ///
    /// # Errors
    /// It is not, or the engine cannot tell.
    pub(super) fn needs_image(&self) -> Result<(), ContainerError> {
        let image = &self.plan.image;
        let format = ["image", "inspect", "--format", "{{.Id}}", image];
        let inspected = self.engine.output(&format)?;
        if inspected.status.success() {
            return Ok(());
        }
        let reason = last_lines(&inspected);
        let said = reason.to_lowercase();
        let program = self.engine.program().to_owned();
        match ["no such image", "image not known", "no such object"]
            .iter()
            .any(|words| said.contains(words))
        {
            true => Err(ContainerError::NoImage {
                image: image.clone(),
                program,
            }),
            false => Err(ContainerError::Refused {
                program,
                step: "looking for the image",
                reason,
            }),
        }
    }

    /// Runs the owner's own command in it: as the user that they name, else as root, for it is there to install things.
    /// So nothing that commands can write may have a part in it: no login shell, whose profile lies in a home directory,
    /// not their home directory, and no variable that leads to where they write.
    fn set_up(
        &self,
        name: &str,
        variables: &BTreeMap<String, String>,
    ) -> Result<(), ContainerError> {
        let Some(command) = &self.plan.setup_command else {
            return Ok(());
        };
        let mut line = vec!["exec".to_owned()];
        if self.plan.user.is_none() {
            line.push("--user=0:0".to_owned());
        }
        let is_writable = |value: &str| {
            let mut writable = self.plan.mounts.iter().filter(|mount| mount.writable);
            writable.any(|mount| value.contains(&*mount.inside.to_string_lossy()))
        };
        let variables = variables.iter().filter(|(name, value)| {
            !matches!(name.as_str(), "HOME" | "TMPDIR") && !is_writable(value)
        });
        line.extend(variables.map(|(name, value)| format!("--env={name}={value}")));
        if self.plan.user.is_none() {
            line.push("--env=HOME=/root".to_owned());
        }
        line.extend([name, "/bin/sh", "-c", command].map(str::to_owned));
        let output = self.engine.output(&line)?;
        match output.status.success() {
            true => Ok(()),
            false => Err(ContainerError::Setup {
                reason: last_lines(&output),
            }),
        }
    }
}

impl Records {
    /// Removes the containers that are old ([`Self::is_old`]) but for this one, and forgets them. Gives those that could not
    /// be removed, with the reason; they are tried again the next time.
    pub fn prune(
        &self,
        variables: &BTreeMap<String, String>,
        idle: Duration,
        age: Duration,
        except: &str,
    ) -> Vec<(Record, ContainerError)> {
        let records = self.list().into_iter();
        let old = records.filter(|record| record.name != except && self.is_old(record, idle, age));
        old.filter_map(|record| {
            let error = self.remove(&record, variables).err()?;
            Some((record, error))
        })
        .collect()
    }

    /// Removes a container with all that runs in it, and forgets it.
    ///
    /// # Errors
    /// What the engine says; it is still remembered then.
    pub fn remove(
        &self,
        record: &Record,
        variables: &BTreeMap<String, String>,
    ) -> Result<(), ContainerError> {
        Engine::at(record.program.clone(), variables)?.remove(&record.name)?;
        self.forget(&record.name);
        Ok(())
    }
}

/// One for each container, so that two commands do not make the same one.
fn lock_of(name: &str) -> Arc<Mutex<()>> {
    static LOCKS: Mutex<BTreeMap<String, Arc<Mutex<()>>>> = Mutex::new(BTreeMap::new());
    // Only whole entries are added under it.
    let mut locks = LOCKS.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(locks.entry(name.to_owned()).or_default())
}
