//! One record for each server: what it told, when, and whether that still holds.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::base;
use crate::lookup::Lookup;
use crate::model::Model;
use crate::probe::active::Asked;
use crate::probe::{ModelState, Probe, fingerprint, probe_in_place};
use crate::records::Records;
use crate::reference::ModelRef;

/// The kind of record that holds a [`ServerRecord`].
const SERVER: &str = "server";

/// For so many milliseconds a probe is believed, as far as the fingerprint agrees.
const BELIEVED_MS: i64 = 10 * 60 * 1000;

/// What is kept of a server.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ServerRecord {
    /// What it told.
    pub(super) probe: Probe,
    /// When it was asked everything, in milliseconds since the Unix epoch; 0 once a failure showed that it changed.
    probed_at: i64,
    /// What asking its models showed, by their ids.
    #[serde(default)]
    pub(super) asked: BTreeMap<String, Asked>,
}

/// A server in this process.
#[derive(Debug, Default)]
pub(super) struct Server {
    /// Its base URL as configured.
    pub(super) key: String,
    pub(super) record: Option<ServerRecord>,
    /// Where it was found instead of the configured base URL.
    pub(super) moved_to: Option<String>,
    /// When this process asked it last, in milliseconds since the Unix epoch.
    checked_at: Option<i64>,
    /// The models of which the person was told that the server has loaded less than configured.
    said: HashSet<ModelRef>,
}

impl Server {
    /// Whether it should be asked before the model's next request: once a process and every ten minutes, and as long
    /// as the model is not loaded, since nobody knows yet with how much context it will be.
    pub(super) fn is_due(&self, id: &str) -> bool {
        if !self.checked_at.is_some_and(is_recent) {
            return true;
        }
        let served = self.record.as_ref().and_then(|r| r.probe.served(id));
        served
            .and_then(|served| served.state.as_ref())
            .is_some_and(|state| state.value != ModelState::Loaded)
    }

    /// The model where its server really is.
    pub(super) fn placed(&self, model: &Model) -> Model {
        Model {
            base_url: self.moved_to.as_ref().unwrap_or(&model.base_url).clone(),
            ..model.clone()
        }
    }

    /// What the server tells now; `None` where it is as known, or tells nothing.
    pub(super) async fn ask(&self, lookup: &Lookup, model: &Model) -> Option<Probe> {
        let known = self.record.as_ref().filter(|r| is_recent(r.probed_at));
        if let Some(known) = known
            && fingerprint::ask(lookup, model, &known.probe).await.as_ref()
                == Some(&known.probe.fingerprint)
        {
            return None;
        }
        probe_in_place(lookup, model).await.ok()
    }

    /// It was asked just now.
    pub(super) fn checked(&mut self) {
        self.checked_at = Some(now_ms());
    }

    /// Takes over what it told; whether it is another server, build or setting than before.
    pub(super) fn learn(&mut self, probe: Probe) -> bool {
        let before = self.record.take();
        let is_another = before
            .as_ref()
            .is_some_and(|before| is_another(&before.probe, &probe));
        let asked = before.filter(|_| !is_another).map(|before| before.asked);
        self.record = Some(ServerRecord {
            probe,
            probed_at: now_ms(),
            asked: asked.unwrap_or_default(),
        });
        is_another
    }

    /// What is known must be asked for again; whether that is news worth keeping.
    pub(super) fn doubt(&mut self) -> bool {
        self.checked_at = None;
        match &mut self.record {
            Some(record) => std::mem::take(&mut record.probed_at) != 0,
            None => false,
        }
    }

    /// Whether something is said of this model for the first time.
    pub(super) fn say_once(&mut self, model: &ModelRef) -> bool {
        self.said.insert(model.clone())
    }
}

/// Another program, another build, or a model that was loaded anew with another context: what one refused, the other may
/// take. That a model came or went tells nothing of the others.
fn is_another(before: &Probe, now: &Probe) -> bool {
    fn value<T>(fact: &Option<crate::probe::Fact<T>>) -> Option<&T> {
        fact.as_ref().map(|fact| &fact.value)
    }
    let reloaded = |id: &str, context: Option<&u64>| {
        let before = before.models.iter().find(|model| model.id == id);
        let before = before.and_then(|model| value(&model.loaded_context));
        matches!((before, context), (Some(before), Some(now)) if before != now)
    };
    before.server.value != now.server.value
        || value(&before.version) != value(&now.version)
        || now
            .models
            .iter()
            .any(|model| reloaded(&model.id, value(&model.loaded_context)))
}

/// All servers, by base URL.
pub(super) struct Servers {
    records: Arc<dyn Records>,
    /// `None` until they are first needed.
    all: Mutex<Option<HashMap<String, Arc<Mutex<Server>>>>>,
}

impl Servers {
    pub(super) fn new(records: Arc<dyn Records>) -> Self {
        Self {
            records,
            all: Mutex::new(None),
        }
    }

    /// The server behind a base URL. Whoever holds its lock is the only one to ask it.
    pub(super) async fn at(&self, base_url: &str) -> Arc<Mutex<Server>> {
        let mut all = self.all.lock().await;
        if all.is_none() {
            *all = Some(self.load().await);
        }
        let key = base(base_url);
        let new = || {
            Arc::new(Mutex::new(Server {
                key: key.clone(),
                ..Server::default()
            }))
        };
        let server = all.get_or_insert_default().entry(key.clone());
        Arc::clone(server.or_insert_with(new))
    }

    async fn load(&self) -> HashMap<String, Arc<Mutex<Server>>> {
        let records = self.records.load(SERVER).await;
        // One that an older or newer version wrote is learned again.
        let known = records.into_iter().filter_map(|(key, json)| {
            let server = Server {
                key: key.clone(),
                record: Some(serde_json::from_str(&json).ok()?),
                ..Server::default()
            };
            Some((key, Arc::new(Mutex::new(server))))
        });
        known.collect()
    }

    /// Stores what is known of a server.
    pub(super) async fn save(&self, server: &Server) {
        if let Some(record) = &server.record {
            // A struct of names and numbers always serialises.
            let json = serde_json::to_string(record).unwrap_or_default();
            self.records.save(SERVER, &server.key, json).await;
        }
    }
}

/// Whether a time is less than ten minutes ago. One in the future is a clock that was set back.
fn is_recent(at_ms: i64) -> bool {
    (0..BELIEVED_MS).contains(&now_ms().saturating_sub(at_ms))
}

/// Milliseconds since the Unix epoch.
fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
}
