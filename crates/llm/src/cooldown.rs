//! Cooldowns: what failed a moment ago is left alone for a while, and one request finds out when it works again.
//!
//! A server's model is remembered by its endpoint, its name there and the class of the failure; a credential by where it
//! was found. Both are kept in [`Records`], so they survive a restart and other processes see them. What rests is tried
//! last, not never: where nothing else answers, it is asked all the same.

mod policy;
mod record;

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::credentials::Credentials;
use crate::failure::{Failure, FailureClass};
use crate::model::Model;
use crate::records::Records;

pub use policy::{CooldownPolicy, Failing};
pub use record::Cooldown;
pub(crate) use record::Target;

/// The kind of record that holds a [`Cooldown`].
const KIND: &str = "cooldown";

/// Another process's cooldowns and resets are seen after this long, in milliseconds.
const REREAD: u64 = 3_000;

/// What tells the time of day: milliseconds since the Unix epoch. Cooldowns outlive the process, so they go by it.
pub type WallClock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// The cooldowns of every server and credential.
pub struct Cooldowns {
    records: Arc<dyn Records>,
    policy: CooldownPolicy,
    clock: WallClock,
    known: tokio::sync::Mutex<Known>,
    /// The keys of cooldowns that have passed and are being tried by one request of this process.
    tried: Mutex<HashSet<String>>,
}

/// What was read from the records, by their keys.
#[derive(Default)]
struct Known {
    cooldowns: BTreeMap<String, Cooldown>,
    read_at: Option<u64>,
}

impl Cooldowns {
    /// The cooldowns in these records, by this policy.
    pub fn new(records: Arc<dyn Records>, policy: CooldownPolicy, clock: WallClock) -> Self {
        Self {
            records,
            policy,
            clock,
            known: tokio::sync::Mutex::default(),
            tried: Mutex::default(),
        }
    }

    /// The time by which they run, in milliseconds since the Unix epoch.
    pub fn now(&self) -> u64 {
        (self.clock)()
    }

    /// All that are remembered: those that hold, and those that have passed without a success since.
    pub async fn list(&self) -> Vec<Cooldown> {
        let known = self.known(self.now()).await;
        known.cooldowns.values().cloned().collect()
    }

    /// What keeps a model from being asked, if anything does: the cooldown of its server, or, where every credential for
    /// it is left alone, that of the first to recover.
    pub async fn of_model(&self, model: &Model, credentials: &Credentials) -> Option<Cooldown> {
        let now = self.now();
        let known = self.known(now).await;
        let longest = |target: &Target| {
            let covered = known.cooldowns.values().filter(|c| target.covers(c));
            let holding = covered.filter(|cooldown| cooldown.left(now).is_some());
            holding.max_by_key(|cooldown| cooldown.until)
        };
        if let Some(cooldown) = longest(&Target::server(model)) {
            return Some(cooldown.clone());
        }
        let ranked = credentials.ranked(&model.reference.provider);
        let resting: Option<Vec<&Cooldown>> = ranked
            .iter()
            .map(|ranked| longest(&Target::credential(model, &ranked.credential)))
            .collect();
        let soonest = resting?.into_iter().min_by_key(|cooldown| cooldown.until);
        soonest.cloned()
    }

    /// The cooldowns that hold for these credentials; not those of keys that have been replaced since.
    pub async fn of_credentials(&self, credentials: &Credentials) -> Vec<Cooldown> {
        let now = self.now();
        let known = self.known(now).await;
        let theirs = |cooldown: &&Cooldown| {
            let ranked = credentials.ranked(&cooldown.provider);
            ranked.iter().any(|r| cooldown.is_of(&r.credential))
        };
        let holding = known.cooldowns.values().filter(|c| c.left(now).is_some());
        holding.filter(theirs).cloned().collect()
    }

    /// Forgets those that `which` picks; how many there were.
    pub async fn reset(&self, which: impl Fn(&Cooldown) -> bool) -> usize {
        let mut known = self.known(self.now()).await;
        let picked: Vec<String> = known
            .cooldowns
            .iter()
            .filter(|(_, cooldown)| which(cooldown))
            .map(|(key, _)| key.clone())
            .collect();
        for key in &picked {
            known.cooldowns.remove(key);
            self.records.remove(KIND, key).await;
        }
        picked.len()
    }

    /// Leave to ask, or why not. Of requests that come when a cooldown has passed, only the first gets it until that
    /// one has ended.
    pub(crate) async fn admit(&self, target: Target) -> Result<Leave<'_>, Resting> {
        let now = self.now();
        let known = self.known(now).await;
        let mut passed = Vec::new();
        let mut resting: Option<&Cooldown> = None;
        for (key, cooldown) in &known.cooldowns {
            if !target.covers(cooldown) {
                continue;
            }
            match cooldown.left(now) {
                None => passed.push((key, cooldown)),
                Some(_) if resting.is_some_and(|other| other.until >= cooldown.until) => {}
                Some(_) => resting = Some(cooldown),
            }
        }
        let mut tried = self.tried();
        let taken = passed.iter().find(|(key, _)| tried.contains(*key));
        if let Some(cooldown) = resting.or(taken.map(|(_, cooldown)| *cooldown)) {
            return Err(Resting {
                left: cooldown.left(now).unwrap_or_default(),
                cooldown: cooldown.clone(),
            });
        }
        let held: Vec<String> = passed.into_iter().map(|(key, _)| key.clone()).collect();
        tried.extend(held.iter().cloned());
        Ok(Leave {
            cooldowns: self,
            target,
            since: now,
            held,
        })
    }

    /// Leave to ask whatever the cooldowns say: nothing else is left to ask.
    pub(crate) fn admit_anyway(&self, target: Target) -> Leave<'_> {
        Leave {
            cooldowns: self,
            target,
            since: self.now(),
            held: Vec::new(),
        }
    }

    async fn known(&self, now: u64) -> tokio::sync::MutexGuard<'_, Known> {
        let mut known = self.known.lock().await;
        // A clock that was set back says nothing about the age of what was read.
        let fresh = |at: u64| now.checked_sub(at).is_some_and(|age| age < REREAD);
        if !known.read_at.is_some_and(fresh) {
            known.cooldowns.clear();
            for (key, json) in self.records.load(KIND).await {
                // One that another version wrote is learned again.
                match serde_json::from_str::<Cooldown>(&json) {
                    Ok(cooldown) if !self.policy.forgets(&cooldown, now) => {
                        known.cooldowns.insert(key, cooldown);
                    }
                    _ => self.records.remove(KIND, &key).await,
                }
            }
            known.read_at = Some(now);
        }
        known
    }

    fn tried(&self) -> MutexGuard<'_, HashSet<String>> {
        // A set is whole between any two of its operations.
        self.tried.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is not asked for now, and why.
pub(crate) struct Resting {
    pub(crate) cooldown: Cooldown,
    /// Zero while another request finds out whether it works again.
    pub(crate) left: Duration,
}

impl Resting {
    /// The failure that is remembered, as that of a request that was not made.
    pub(crate) fn failure(self, model: &Model) -> Failure {
        Failure {
            status: self.cooldown.status,
            cooling: Some(self.left),
            ..Failure::new(self.cooldown.class, model, self.cooldown.detail)
        }
    }
}

/// Leave to ask, to be given back with what came of it. Dropped without a word, it was as if nobody had asked.
pub(crate) struct Leave<'a> {
    cooldowns: &'a Cooldowns,
    target: Target,
    since: u64,
    /// Keys of passed cooldowns that this request alone tries.
    held: Vec<String>,
}

impl Leave<'_> {
    /// It answered: whatever was remembered against it is forgotten.
    pub(crate) async fn succeeded(self) {
        let mut known = self.cooldowns.known.lock().await;
        self.forget(&mut known).await;
    }

    /// It failed.
    pub(crate) async fn failed(self, failure: &Failure, model: &Model) {
        let Cooldowns {
            records, policy, ..
        } = self.cooldowns;
        let now = self.cooldowns.now();
        let mut known = self.cooldowns.known.lock().await;
        let key = self.target.key(failure.class);
        let before = known.cooldowns.get(&key);
        let before = before.filter(|cooldown| !policy.forgets(cooldown, now));
        // Requests that were under way together fail together; that is one failure.
        if before.is_some_and(|cooldown| cooldown.failed_at >= self.since) {
            return;
        }
        let failures = before.map_or(0, |cooldown| cooldown.failures) + 1;
        let rest = policy.rest(&Failing {
            provider: &model.reference.provider,
            class: failure.class,
            local: model.is_local(),
            failures,
            retry_after: failure.retry_after,
            took: failure.took,
        });
        let Some(rest) = rest else {
            // It is there again, or asking it costs nothing.
            return self.forget(&mut known).await;
        };
        let cooldown = self.target.cooldown(failure, failures, now, rest);
        // Numbers and texts always serialise.
        let json = serde_json::to_string(&cooldown).unwrap_or_default();
        records.save(KIND, &key, json).await;
        known.cooldowns.insert(key, cooldown);
    }

    async fn forget(&self, known: &mut Known) {
        let over: Vec<String> = known
            .cooldowns
            .iter()
            .filter(|(_, cooldown)| self.target.covers(cooldown))
            // A request that began before the failure says nothing about the time after it.
            .filter(|(_, cooldown)| cooldown.failed_at <= self.since)
            .map(|(key, _)| key.clone())
            .collect();
        for key in over {
            known.cooldowns.remove(&key);
            self.cooldowns.records.remove(KIND, &key).await;
        }
    }
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        let mut tried = self.cooldowns.tried();
        for key in &self.held {
            tried.remove(key);
        }
    }
}

/// Whether a failure is about the credential rather than the server.
pub(crate) fn concerns_credential(class: FailureClass) -> bool {
    matches!(
        class,
        FailureClass::Auth | FailureClass::Billing | FailureClass::RateLimit
    )
}

/// This machine's clock.
pub fn machine_clock() -> WallClock {
    Arc::new(machine_time)
}

/// Milliseconds since the Unix epoch, by this machine's clock.
pub(crate) fn machine_time() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
}
