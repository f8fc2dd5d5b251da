//! The services of one configuration, as one process sees them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use moltbot_config::schema::Config;
use moltbot_config::{Environment, Paths};
use moltbot_llm::{Priority, normalize_provider};
use rustix::process::Signal;
use tokio::task::JoinHandle;

use crate::client::{self, Lease};
use crate::error::ServiceError;
use crate::files::is_kept;
use crate::process::end_group;
use crate::protocol::{Ask, Report, Wire};
use crate::record::Record;
use crate::spec::Spec;
use crate::state::ServiceState;

/// How a keeper is started: this program with these arguments, and the provider's id for whoever reads the list of
/// processes.
#[derive(Debug, Clone)]
pub struct Launcher {
    /// The program; normally this one.
    pub program: PathBuf,
    /// The arguments that make it run [`crate::keep`].
    pub args: Vec<String>,
}

/// The services of one configuration.
///
/// While this lives, the services it has used know that their program still runs.
pub struct Services {
    specs: BTreeMap<String, Spec>,
    dir: PathBuf,
    launcher: Launcher,
    holds: Mutex<BTreeMap<String, Hold>>,
}

/// A connection that says to a keeper that we run.
struct Hold {
    keeper: u32,
    task: JoinHandle<()>,
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Services {
    /// The services that the configuration's providers carry.
    pub fn new(
        config: &Config,
        environment: &Environment,
        paths: &Paths,
        launcher: Launcher,
    ) -> Self {
        let specs = config.providers().iter().filter_map(|(id, provider)| {
            let id = normalize_provider(id);
            let spec = Spec::new(&id, provider, environment, paths)?;
            Some((id, spec))
        });
        Self::of(specs.collect(), &paths.state_dir.join("services"), launcher)
    }

    /// These services by their provider's id, with their files in `dir`.
    pub fn of(specs: BTreeMap<String, Spec>, dir: &Path, launcher: Launcher) -> Self {
        Self {
            specs,
            dir: dir.to_owned(),
            launcher,
            holds: Mutex::default(),
        }
    }

    /// The service of a provider.
    pub fn spec(&self, provider: &str) -> Option<&Spec> {
        self.specs.get(provider)
    }

    /// Makes sure that a provider's server runs and is ready, however long it loads, and keeps it so until the lease
    /// is dropped; `None` where the provider has no service. Work in the background starts it only where the owner
    /// allows that. `on_wait` hears that the server is being started. Dropping the future leaves the server to start for
    /// whoever comes next.
    ///
    /// # Errors
    /// The server cannot be had, and why.
    pub async fn lease(
        &self,
        provider: &str,
        priority: Priority,
        on_wait: &mut (dyn FnMut() + Send),
    ) -> Result<Option<Lease>, ServiceError> {
        let Some(spec) = self.specs.get(provider) else {
            return Ok(None);
        };
        let start = spec.background || priority == Priority::Person;
        let lease = client::lease(spec, &self.launcher, start, on_wait).await?;
        if let Some(keeper) = lease.keeper()
            && !self.is_held(provider, keeper)
        {
            let (wire, keeper) = client::hold(spec, &self.launcher).await?;
            self.note_hold(provider, keeper, wire);
        }
        Ok(Some(lease))
    }

    /// Starts the services that are to be kept warm, and keeps them so while this lives. Returns when they have been
    /// told; what fails is logged.
    pub async fn keep_warm(&self) {
        for (provider, spec) in self.specs.iter().filter(|(_, spec)| spec.keep_warm) {
            match client::hold(spec, &self.launcher).await {
                Ok((wire, keeper)) => self.note_hold(provider, keeper, wire),
                Err(error) => tracing::warn!(provider, "cannot be kept warm: {error}"),
            }
        }
    }

    /// How a provider's service stands; `None` where it has none.
    pub async fn state(&self, provider: &str) -> Option<ServiceState> {
        let spec = self.specs.get(provider)?;
        Some(match client::ask(&spec.files(), &Ask::State).await {
            Some(Report::State(standing)) => standing.into(),
            _ => ServiceState::NotRunning,
        })
    }

    /// Looks for servers whose keeper was killed: one that is still configured gets a new keeper, which stops it when
    /// it is idle; any other is told to end. What fails is logged.
    pub async fn recover(&self) {
        for entry in std::fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            let path = entry.path();
            let is_record = path.extension().is_some_and(|ending| ending == "json");
            let Some(record) = is_record.then(|| Record::read(&path)).flatten() else {
                continue;
            };
            if is_kept(&path) {
                continue;
            }
            match self.specs.values().find(|spec| spec.files().record == path) {
                Some(spec) if record.is_left_over() => {
                    if let Err(error) = client::launch(spec, &self.launcher).await {
                        tracing::warn!(provider = spec.provider, "left running: {error}");
                    }
                }
                None if record.is_alive() => end_group(record.pid, Signal::TERM),
                // Nobody runs; without a record it is no longer looked for.
                _ => {
                    let _ = std::fs::remove_file(&path);
                }
            }
        }
    }

    fn is_held(&self, provider: &str, keeper: u32) -> bool {
        let holds = self.holds.lock().unwrap_or_else(PoisonError::into_inner);
        holds
            .get(provider)
            .is_some_and(|hold| hold.keeper == keeper)
    }

    fn note_hold(&self, provider: &str, keeper: u32, mut wire: Wire) {
        // Nothing comes but the end.
        let task = tokio::spawn(async move { while wire.receive::<Report>().await.is_some() {} });
        let hold = Hold { keeper, task };
        let mut holds = self.holds.lock().unwrap_or_else(PoisonError::into_inner);
        holds.insert(provider.to_owned(), hold);
    }
}
