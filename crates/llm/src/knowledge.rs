//! What is known of servers beyond the configuration: learned once, kept, and applied to each model before it is asked.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::Mutex;

use crate::cooldown::{CooldownPolicy, Cooldowns, WallClock, machine_clock};
use crate::endpoint::Endpoint;
use crate::model::Model;
use crate::records::{Records, ShortMemory};
use crate::repair::Repairs;

/// The kind of record that holds [`Repairs`].
const REPAIRS: &str = "repairs";

/// What is known of servers and their models.
pub struct Knowledge {
    records: Arc<dyn Records>,
    cooldowns: Cooldowns,
    /// By [`key`]; `None` until they are first needed.
    repairs: Mutex<Option<HashMap<String, Repairs>>>,
}

impl Knowledge {
    /// What these records hold, and what will be added to them.
    pub fn new(records: Arc<dyn Records>) -> Self {
        Self::with_cooldowns(records, CooldownPolicy::default(), machine_clock())
    }

    /// The same, with the owner's cooldowns (`auth.cooldowns`), which run by this clock.
    pub fn with_cooldowns(
        records: Arc<dyn Records>,
        policy: CooldownPolicy,
        clock: WallClock,
    ) -> Self {
        Self {
            cooldowns: Cooldowns::new(Arc::clone(&records), policy, clock),
            records,
            repairs: Mutex::new(None),
        }
    }

    /// What is left alone for now, because it failed.
    pub fn cooldowns(&self) -> &Cooldowns {
        &self.cooldowns
    }

    /// Where it is kept.
    pub(crate) fn records(&self) -> &Arc<dyn Records> {
        &self.records
    }

    /// The model with everything known of it applied.
    pub async fn dress(&self, mut model: Model) -> Model {
        let key = key(&model);
        let repairs = self.with_repairs(|all| all.get(&key).cloned()).await;
        if let Some(repairs) = repairs {
            model.apply(repairs);
        }
        model
    }

    /// Notes the form in which this model's server took a request.
    pub(crate) async fn repaired(&self, model: &Model) {
        let key = key(model);
        let repairs = model.repairs.clone();
        // A struct of flags and names always serialises.
        let json = serde_json::to_string(&repairs).unwrap_or_default();
        self.with_repairs(|all| all.insert(key.clone(), repairs))
            .await;
        self.records.save(REPAIRS, &key, json).await;
    }

    async fn with_repairs<T>(&self, work: impl FnOnce(&mut HashMap<String, Repairs>) -> T) -> T {
        let mut repairs = self.repairs.lock().await;
        if repairs.is_none() {
            let records = self.records.load(REPAIRS).await;
            // One that an older or newer version wrote is learned again.
            let known = records
                .into_iter()
                .filter_map(|(key, json)| Some((key, serde_json::from_str(&json).ok()?)));
            *repairs = Some(known.collect());
        }
        work(repairs.get_or_insert_default())
    }
}

impl Default for Knowledge {
    /// Knowledge that ends with the process.
    fn default() -> Self {
        Self::new(Arc::new(ShortMemory::default()))
    }
}

/// A model on a server: the base URL without what is secret in it, and the model's id there. Servers that offer the same
/// models are taken to be of one kind: what one of them needs, all do.
fn key(model: &Model) -> String {
    let base = Endpoint::shown(model.base_urls.first().unwrap_or(&model.base_url));
    format!("{} {}", base.trim_end_matches('/'), model.reference.model)
}
