//! What was learned of servers, kept in the store.

use async_trait::async_trait;
use moltbot_llm::Records;
use moltbot_store::{Store, StoreError};

/// [`Records`] in the database. What cannot be read or written is learned again next time; the log says so.
pub struct StoredRecords {
    store: Store,
}

impl StoredRecords {
    /// The records of this store.
    pub fn new(store: Store) -> Self {
        Self { store }
    }
}

fn log(kind: &str, error: &StoreError) {
    tracing::warn!(kind, %error, "what was learned of servers could not be kept");
}

#[async_trait]
impl Records for StoredRecords {
    async fn load(&self, kind: &str) -> Vec<(String, String)> {
        match self.store.records(kind).await {
            Ok(records) => records.into_iter().map(|r| (r.key, r.body)).collect(),
            Err(error) => {
                log(kind, &error);
                Vec::new()
            }
        }
    }

    async fn save(&self, kind: &str, key: &str, json: String) {
        if let Err(error) = self.store.put_record(kind, key, &json).await {
            log(kind, &error);
        }
    }

    async fn remove(&self, kind: &str, key: &str) {
        if let Err(error) = self.store.remove_record(kind, key).await {
            log(kind, &error);
        }
    }
}
