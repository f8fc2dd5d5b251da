//! A container from its making to its end.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::engine::last_lines;
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
        if let Some(found) = self.engine.found(name)? {
            if !found.is_of(&self.plan.state_dir) {
                return Err(self.engine.foreign(name));
            }
            let is_planned = found.is_as_planned(&self.plan);
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
            self.engine.remove_own(name, &self.plan.state_dir)?;
        }
        self.make(variables)?;
        Ok(Readiness::AsPlanned)
    }

    /// Makes it under another name, and gives it its own when it is complete.
    fn make(&self, variables: &BTreeMap<String, String>) -> Result<(), ContainerError> {
        let (engine, plan) = (&self.engine, &self.plan);
        self.needs_image()?;
        let now = chrono::Utc::now().timestamp_millis();
        let record = |name: &str| Record {
            name: name.to_owned(),
            scope: plan.scope.clone(),
            program: engine.program().to_owned(),
            image: plan.image.clone(),
            created_at_ms: now,
        };
        // No name of an agent or session holds `_n`, and another process may be making the same one.
        let unfinished = format!("{}_new-{}", plan.name, uuid::Uuid::new_v4().simple());
        let creation = plan.creation(engine, &unfinished, now)?;
        // What is left where this program ends meanwhile is found by its record, and goes when it is old.
        self.records.add(&record(&unfinished))?;
        let completed = engine
            .ask("making a container", &creation)
            .and_then(|_| engine.ask("starting a container", &["start", &unfinished]))
            .and_then(|_| self.set_up(&unfinished, variables))
            // Before it has the name: one without a record is taken for incomplete.
            .and_then(|()| self.records.add(&record(&plan.name)))
            .and_then(|()| self.name(&unfinished));
        // Why it is not complete matters more than that it is still there.
        if engine.remove_own(&unfinished, &plan.state_dir).is_ok() {
            self.records.forget(&unfinished);
        }
        completed
    }

    /// Gives the complete container its name, unless another process was faster with one of the same plan: then that one
    /// is as good.
    fn name(&self, unfinished: &str) -> Result<(), ContainerError> {
        let (engine, plan) = (&self.engine, &self.plan);
        let Err(error) = engine.ask("naming a container", &["rename", unfinished, &plan.name])
        else {
            return Ok(());
        };
        match engine.found(&plan.name)? {
            Some(found) if found.is_as_planned(plan) => Ok(()),
            _ => Err(error),
        }
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
    /// Removes the containers but for this one that are older than `age`, or in which nothing was started for `idle` and
    /// nothing runs, and forgets them. Zero is never. Gives those that could not be removed, with the reason.
    pub fn prune(
        &self,
        variables: &BTreeMap<String, String>,
        idle: Duration,
        age: Duration,
        except: &str,
    ) -> Vec<(Record, ContainerError)> {
        let prune = |record: &Record| {
            if record.is_aged(age) || !self.is_used(record, variables)? {
                self.remove(record, variables)?;
            }
            Ok(())
        };
        let records = self.list().into_iter();
        let old = records.filter(|record| {
            record.name != except && (record.is_aged(age) || self.is_idle(record, idle))
        });
        old.filter_map(|record| {
            let error = prune(&record).err()?;
            Some((record, error))
        })
        .collect()
    }

    /// Whether a command still runs in a container in which none was started lately; that is remembered as its use.
    fn is_used(
        &self,
        record: &Record,
        variables: &BTreeMap<String, String>,
    ) -> Result<bool, ContainerError> {
        let engine = Engine::at(record.program.clone(), variables)?;
        let is_busy = engine.is_busy(&record.name)?;
        if is_busy {
            self.mark_used(&record.name)?;
        }
        Ok(is_busy)
    }

    /// Removes a container with all that runs in it, and forgets it.
    ///
    /// # Errors
    /// What the engine says; it is still remembered then, unless the container of that name is somebody else's.
    pub fn remove(
        &self,
        record: &Record,
        variables: &BTreeMap<String, String>,
    ) -> Result<(), ContainerError> {
        let engine = Engine::at(record.program.clone(), variables)?;
        let removed = engine.remove_own(&record.name, self.state_dir());
        if matches!(removed, Ok(()) | Err(ContainerError::Foreign { .. })) {
            self.forget(&record.name);
        }
        removed
    }
}

/// One for each container, so that two commands do not make the same one.
fn lock_of(name: &str) -> Arc<Mutex<()>> {
    static LOCKS: Mutex<BTreeMap<String, Arc<Mutex<()>>>> = Mutex::new(BTreeMap::new());
    // Only whole entries are added under it.
    let mut locks = LOCKS.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(locks.entry(name.to_owned()).or_default())
}
