//! What an agent has at hand: models, a store, and the owner's settings for a run.

use std::time::Duration;

use moltbot_llm::{Backends, Catalog, CatalogError, Model, Places, ThinkingLevel};
use moltbot_store::{Session, SessionPatch, Store, StoreError};
use serde_json::{Map, Value};

use crate::history::{self, HistoryError, UnansweredMessage};
use crate::session_key::SessionKey;

/// The session setting that holds a model chosen for this session.
const MODEL_OVERRIDE: &str = "modelOverride";

/// The session setting that holds the places it is bound to. A reset keeps it: what the owner forbade stays forbidden.
const PLACES: &str = "places";

/// The session setting that holds a thinking level chosen for this session.
const THINKING_LEVEL: &str = "thinkingLevel";

/// The owner's settings for every run.
#[derive(Debug, Clone)]
pub struct AgentSettings {
    /// The agent's id.
    pub agent_id: String,
    /// `agents.defaults.thinkingDefault`; `None` lets models that reason do so a little.
    pub thinking: Option<ThinkingLevel>,
    /// The longest a whole run may take.
    pub timeout: Duration,
    /// Where the agent's conversations may go.
    pub places: Places,
    /// Whether there is a key for the hosted model that answers where nothing is configured.
    pub has_anthropic_key: bool,
}

/// An agent, ready to take turns.
pub struct Agent {
    pub(crate) catalog: Catalog,
    pub(crate) backends: Backends,
    pub(crate) store: Store,
    pub(crate) settings: AgentSettings,
}

impl Agent {
    /// Puts an agent together. Nothing is opened or asked yet.
    pub fn new(
        catalog: Catalog,
        backends: Backends,
        store: Store,
        settings: AgentSettings,
    ) -> Self {
        Self {
            catalog,
            backends,
            store,
            settings,
        }
    }

    /// The models it knows.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The store it writes to.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.settings.agent_id
    }

    /// The session for a key, created where there is none.
    ///
    /// # Errors
    /// The store failed.
    pub async fn session(&self, key: &SessionKey) -> Result<Session, StoreError> {
        self.store.session(&key.to_string(), key.agent()).await
    }

    /// Gives a session a new, empty transcript. What was chosen for it (model, thinking level) goes too; the old
    /// transcript stays on disk.
    ///
    /// # Errors
    /// The store failed.
    pub async fn reset(&self, session: &Session) -> Result<Session, StoreError> {
        let settings = [MODEL_OVERRIDE, THINKING_LEVEL].map(|key| (key.to_owned(), Value::Null));
        let patch = SessionPatch {
            settings: Map::from_iter(settings),
            ..SessionPatch::default()
        };
        self.store.reset_session(&session.key, patch).await
    }

    /// Chooses the model of a session, by reference or alias; `None` goes back to the agent's own. Gives the model that
    /// will answer next.
    ///
    /// # Errors
    /// The model cannot be used, or the store failed.
    pub async fn choose_model(
        &self,
        session: &Session,
        model: Option<&str>,
    ) -> Result<Model, ChoiceError> {
        let value = match model {
            Some(text) => Value::from(self.catalog.resolve(text)?.reference.to_string()),
            None => Value::Null,
        };
        let session = self.set(session, MODEL_OVERRIDE, value).await?;
        let (rungs, _) = self.rungs(&session, None)?;
        // A chain that resolves has its first rung.
        rungs
            .into_iter()
            .next()
            .ok_or(ChoiceError::Catalog(CatalogError::NothingConfigured))
    }

    /// Chooses how much a session's models think; `None` goes back to the agent's own level.
    ///
    /// # Errors
    /// The store failed.
    pub async fn choose_thinking(
        &self,
        session: &Session,
        level: Option<ThinkingLevel>,
    ) -> Result<(), StoreError> {
        let value = level.map_or(Value::Null, |level| level.as_str().into());
        self.set(session, THINKING_LEVEL, value).await.map(|_| ())
    }

    async fn set(&self, session: &Session, key: &str, value: Value) -> Result<Session, StoreError> {
        let patch = SessionPatch {
            settings: Map::from_iter([(key.to_owned(), value)]),
            ..SessionPatch::default()
        };
        self.store.update_session(&session.key, patch).await
    }

    /// The models to try for a session, in order, and what cannot be used: fallbacks, or the model chosen for the session.
    ///
    /// # Errors
    /// The first model cannot be used, or there is none.
    pub fn rungs(
        &self,
        session: &Session,
        requested: Option<&str>,
    ) -> Result<(Vec<Model>, Vec<CatalogError>), CatalogError> {
        let mut wanted = requested.or(session.settings.get(MODEL_OVERRIDE).and_then(Value::as_str));
        // A choice that the owner's config no longer allows gives way to the default, with a word about it.
        let dropped = match (requested, wanted) {
            (None, Some(chosen)) => self.catalog.resolve(chosen).err(),
            _ => None,
        };
        if dropped.is_some() {
            wanted = None;
        }
        let (rungs, mut left_out) = self.catalog.chain(
            wanted,
            Some(&session.agent_id),
            self.settings.has_anthropic_key,
        )?;
        left_out.splice(0..0, dropped);
        let (rungs, outside) = Catalog::within(rungs, &self.settings.places)?;
        left_out.extend(outside);
        let (rungs, outside) = Catalog::within(rungs, &self.places(session))?;
        left_out.extend(outside);
        Ok((rungs, left_out))
    }

    /// Where a session may go, beside what holds for its agent: both must admit a model.
    pub fn places(&self, session: &Session) -> Places {
        let places = session.settings.get(PLACES).and_then(Value::as_array);
        Places::only(places.into_iter().flatten().filter_map(Value::as_str))
    }

    /// Binds a session to places (`local`, regions, provider ids); none lifts its own bound, never that of its agent.
    ///
    /// # Errors
    /// The store failed.
    pub async fn bind(&self, session: &Session, places: &[String]) -> Result<Session, StoreError> {
        let value = match places {
            [] => Value::Null,
            places => places.into(),
        };
        self.set(session, PLACES, value).await
    }

    /// The thinking level of a session's next turn, before the model's own abilities are considered.
    pub fn thinking(&self, session: &Session) -> ThinkingLevel {
        session
            .settings
            .get(THINKING_LEVEL)
            .and_then(Value::as_str)
            .and_then(|text| text.parse().ok())
            .or(self.settings.thinking)
            .unwrap_or(ThinkingLevel::Low)
    }

    /// The last message of a session, where its turn was cut off or failed before any answer.
    ///
    /// # Errors
    /// The transcript cannot be read.
    pub async fn unanswered(
        &self,
        session: &Session,
    ) -> Result<Option<UnansweredMessage>, HistoryError> {
        history::unanswered(&self.store, &session.session_id).await
    }
}

/// A model that could not be chosen.
#[derive(Debug, thiserror::Error)]
pub enum ChoiceError {
    /// It cannot be used.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The choice could not be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}
