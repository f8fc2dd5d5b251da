//! What was learned of servers, beyond the life of the process.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

/// Keeps small JSON texts under a kind and a key. What is lost here is learned again, so nothing fails: an
/// implementation that cannot read or write says so in the log.
#[async_trait]
pub trait Records: Send + Sync {
    /// All records of a kind, as key and JSON text.
    async fn load(&self, kind: &str) -> Vec<(String, String)>;

    /// Stores a record in place of the one of that kind and key.
    async fn save(&self, kind: &str, key: &str, json: String);

    /// Removes a record, if there is one.
    async fn remove(&self, kind: &str, key: &str);
}

/// Records that end with the process.
#[derive(Debug, Default)]
pub struct ShortMemory {
    records: Mutex<BTreeMap<(String, String), String>>,
}

#[async_trait]
impl Records for ShortMemory {
    async fn load(&self, kind: &str) -> Vec<(String, String)> {
        self.locked()
            .iter()
            .filter(|((k, _), _)| k == kind)
            .map(|((_, key), json)| (key.clone(), json.clone()))
            .collect()
    }

    async fn save(&self, kind: &str, key: &str, json: String) {
        self.locked()
            .insert((kind.to_owned(), key.to_owned()), json);
    }

    async fn remove(&self, kind: &str, key: &str) {
        self.locked().remove(&(kind.to_owned(), key.to_owned()));
    }
}

impl ShortMemory {
    fn locked(&self) -> std::sync::MutexGuard<'_, BTreeMap<(String, String), String>> {
        // A map is whole between any two of its operations.
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
