//! Which credential was used when, and by which session.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::cooldown::machine_time;
use crate::credentials::{Credential, Ranked};
use crate::records::Records;

/// The kind of record that holds when a credential was used last.
const USE: &str = "credential-use";

/// The kind of record that holds the credential of a session.
const SESSION: &str = "credential-session";

/// A session's credential is forgotten after a week without a turn: no server holds its prompt that long.
const SESSION_LIFE: u64 = 7 * 24 * 3600 * 1000;

/// Which credential was used when, and by which session. Kept beside the owner's files, never in them.
pub(super) struct Memory {
    records: Arc<dyn Records>,
    /// `None` until it is first needed.
    known: Mutex<Option<Known>>,
}

#[derive(Default)]
struct Known {
    /// Milliseconds since the Unix epoch, by [`key`].
    uses: HashMap<String, u64>,
    /// By [`key`].
    sessions: HashMap<String, Kept>,
}

/// The credential that a session stays with.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct Kept {
    credential: String,
    /// When it was used last, in milliseconds since the Unix epoch.
    at: u64,
}

/// The name of a provider's credential, or of a session with a provider.
fn key(provider: &str, name: &str) -> String {
    format!("{provider} {name}")
}

impl Memory {
    pub(super) fn new(records: Arc<dyn Records>) -> Self {
        Self {
            records,
            known: Mutex::default(),
        }
    }

    /// The order for a session: its own first, then by rank, and of one rank the one that has waited longest.
    pub(super) async fn order(
        &self,
        provider: &str,
        session: Option<&str>,
        mut ranked: Vec<Ranked>,
    ) -> Vec<Credential> {
        if ranked.len() > 1 {
            let mut known = self.known.lock().await;
            let known = self.read(&mut known).await;
            let kept = session.and_then(|session| known.sessions.get(&key(provider, session)));
            ranked.sort_by_cached_key(|Ranked { credential, rank }| {
                let label = credential.source().to_string();
                let is_kept = kept.is_some_and(|kept| kept.credential == label);
                let used = known.uses.get(&key(provider, &label)).copied();
                (Reverse(is_kept), *rank, used)
            });
        }
        ranked.into_iter().map(|r| r.credential).collect()
    }

    /// A credential worked.
    pub(super) async fn used(
        &self,
        provider: &str,
        session: Option<&str>,
        credential: &Credential,
        now: u64,
    ) {
        let label = credential.source().to_string();
        let mut known = self.known.lock().await;
        let known = self.read(&mut known).await;
        let name = key(provider, &label);
        self.records.save(USE, &name, now.to_string()).await;
        known.uses.insert(name, now);
        if let Some(session) = session {
            let name = key(provider, session);
            let kept = Kept {
                credential: label,
                at: now,
            };
            // A text and a number always serialise.
            let json = serde_json::to_string(&kept).unwrap_or_default();
            self.records.save(SESSION, &name, json).await;
            known.sessions.insert(name, kept);
        }
    }

    async fn read<'a>(&self, known: &'a mut Option<Known>) -> &'a mut Known {
        if known.is_none() {
            let mut read = Known::default();
            for (key, json) in self.records.load(USE).await {
                if let Ok(at) = serde_json::from_str(&json) {
                    read.uses.insert(key, at);
                }
            }
            let now = machine_time();
            for (key, json) in self.records.load(SESSION).await {
                match serde_json::from_str::<Kept>(&json) {
                    Ok(kept) if now.saturating_sub(kept.at) < SESSION_LIFE => {
                        read.sessions.insert(key, kept);
                    }
                    _ => self.records.remove(SESSION, &key).await,
                }
            }
            *known = Some(read);
        }
        known.get_or_insert_default()
    }
}
