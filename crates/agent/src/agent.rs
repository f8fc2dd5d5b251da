//! What an agent has at hand: models, a store, and the owner's settings for a run.

use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;

use moltbot_guard::secrets::Secrets;
use moltbot_llm::{
    Backends, Catalog, CatalogError, Credentials, Model, ModelRef, Places, ThinkingLevel,
};
use moltbot_store::{Session, SessionPatch, Store, StoreError};
use serde_json::{Map, Value};

use crate::agents::{Agents, inherited_places, is_subagent};
use crate::commands::RESET_SETTINGS;
use crate::context::ContextSettings;
use crate::disclosure::Offer;
use crate::gate::Gate;
use crate::history::{self, HistoryError, UnansweredMessage};
use crate::limits::Limits;
use crate::policy::{AllowedTools, ToolPolicies, ToolPolicyScope};
use crate::prompt::PromptSettings;
use crate::sandbox::{SandboxSettings, Sandboxed, Workplace};
use crate::session_key::SessionKey;
use crate::skills::SkillCommand;
use crate::toolbox::Toolbox;

/// The session setting that holds a model chosen for this session.
pub(crate) const MODEL_OVERRIDE: &str = "modelOverride";

/// The session setting that holds the places it is bound to. A reset keeps it: what the owner forbade stays forbidden.
const PLACES: &str = "places";

/// The session setting that holds the auth profile for this session.
const PROFILE_OVERRIDE: &str = "authProfileOverride";

/// The session setting that says who chose it: only what a person chose (`user`) counts, the rotation keeps its own
/// choices elsewhere.
const PROFILE_OVERRIDE_SOURCE: &str = "authProfileOverrideSource";

/// The session setting that holds a thinking level chosen for this session.
pub(crate) const THINKING_LEVEL: &str = "thinkingLevel";

/// The session setting that says at which count of compactions memory was last written.
pub(crate) const FLUSHED_AT_COMPACTION: &str = "memoryFlushCompactionCount";

/// Where a session may go, beside what holds for its agent: its own bound.
pub fn session_places(session: &Session) -> Places {
    let places = session.settings.get(PLACES).and_then(Value::as_array);
    Places::only(places.into_iter().flatten().filter_map(Value::as_str))
}

/// The owner's settings for every run.
#[derive(Debug, Clone)]
pub struct AgentSettings {
    /// The agent's id.
    pub agent_id: String,
    /// `agents.defaults.thinkingDefault`; `None` lets models that reason do so a little.
    pub thinking: Option<ThinkingLevel>,
    /// The longest a whole run may take.
    pub timeout: Duration,
    /// How much one turn may do.
    pub limits: Limits,
    /// The agent's folder, absolute.
    pub workspace: PathBuf,
    /// Where the agent's conversations may go.
    pub places: Places,
    /// Whether there is a key for the hosted model that answers where nothing is configured.
    pub has_anthropic_key: bool,
}

/// An agent, ready to take turns. Clones share its store and what is known of servers.
#[derive(Clone)]
pub struct Agent {
    pub(crate) catalog: Catalog,
    pub(crate) backends: Backends,
    pub(crate) store: Store,
    pub(crate) settings: AgentSettings,
    pub(crate) tools: Toolbox,
    pub(crate) policies: ToolPolicies,
    pub(crate) gate: Gate,
    pub(crate) secrets: Arc<Secrets>,
    pub(crate) prompt: PromptSettings,
    /// Skills that have commands.
    pub(crate) skills: Vec<SkillCommand>,
    pub(crate) context: ContextSettings,
    sandbox: Option<Arc<SandboxSettings>>,
    credentials: Arc<Credentials>,
    /// The agents of this process, where it is one of them.
    pub(crate) agents: Weak<Agents>,
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
            tools: Toolbox::new(),
            policies: ToolPolicies::default(),
            gate: Gate::closed(),
            secrets: Arc::default(),
            prompt: PromptSettings::default(),
            skills: Vec::new(),
            context: ContextSettings::default(),
            sandbox: None,
            credentials: Arc::default(),
            agents: Weak::new(),
        }
    }

    /// The same agent, which knows these credentials: a person may choose among their profiles.
    #[must_use]
    pub fn with_credentials(mut self, credentials: Arc<Credentials>) -> Self {
        self.credentials = credentials;
        self
    }

    /// The same agent as one of several.
    #[must_use]
    pub(crate) fn among(mut self, agents: Weak<Agents>) -> Self {
        self.agents = agents;
        self
    }

    /// The same agent with these tools, and whoever decides about their calls.
    #[must_use]
    pub fn with_tools(mut self, tools: Toolbox, gate: Gate) -> Self {
        self.tools = tools;
        self.gate = gate;
        self
    }

    /// The same agent, which keeps these secrets: they are taken out of what is said to it and what its tools bring, and
    /// no call takes them elsewhere.
    #[must_use]
    pub fn with_secrets(mut self, secrets: Arc<Secrets>) -> Self {
        self.secrets = secrets;
        self
    }

    /// The same agent, whose prompts are made like this.
    #[must_use]
    pub fn with_prompt(mut self, prompt: PromptSettings) -> Self {
        self.prompt = prompt;
        self
    }

    /// The same agent under these rules about tools.
    #[must_use]
    pub fn with_tool_policies(mut self, policies: ToolPolicies) -> Self {
        self.policies = policies;
        self
    }

    /// The same agent, some of whose conversations are confined.
    #[must_use]
    pub fn with_sandbox(mut self, sandbox: SandboxSettings) -> Self {
        self.sandbox = Some(Arc::new(sandbox));
        self
    }

    /// How its conversations are confined, where that was said.
    pub(crate) fn sandbox_settings(&self) -> Option<&SandboxSettings> {
        self.sandbox.as_deref()
    }

    /// What the conversation of this key is confined to; `None` where it is not.
    pub fn sandboxed(&self, session_key: &str) -> Option<Sandboxed> {
        self.sandbox.as_ref()?.of(session_key)
    }

    /// Where a session works; without one, the main one.
    pub(crate) fn workplace(&self, session: Option<&Session>) -> Workplace {
        let main = || SessionKey::main(self.id()).to_string();
        let key = session.map_or_else(main, |session| session.key.clone());
        let sandbox = self.sandboxed(&key);
        let folder = match &sandbox {
            Some(sandbox) => sandbox.workspace.clone(),
            None => self.settings.workspace.clone(),
        };
        Workplace { folder, sandbox }
    }

    /// The tools that a session may use while a model answers, why not the others, and what the owner should know about
    /// the rules.
    pub fn allowed_tools(&self, session: &Session, model: &ModelRef) -> AllowedTools {
        let scope = tool_scope(Some(session), &self.workplace(Some(session)));
        let names = self.tools.names();
        self.policies
            .decide(&session.agent_id, model, &scope, names)
    }

    /// What the owner should know about the rules for a session's tools, each a sentence.
    pub fn tool_warnings(&self, session: &Session) -> Vec<String> {
        let first = self.rungs(session, None).ok();
        let first = first.and_then(|(rungs, _)| rungs.into_iter().next());
        first.map_or_else(Vec::new, |model| {
            self.allowed_tools(session, &model.reference).warnings
        })
    }

    /// The tools that a model which is asked first is offered; another that answers is held to its own rules as well.
    fn offered_tools(&self, session: Option<&Session>, first: &ModelRef) -> Toolbox {
        let allowed = match session {
            Some(session) => self.allowed_tools(session, first),
            None => {
                let scope = tool_scope(None, &self.workplace(None));
                self.policies
                    .decide(self.id(), first, &scope, self.tools.names())
            }
        };
        let tools = self.tools.clone();
        tools.filter(|name| allowed.names.contains(name))
    }

    /// The same tools, and how the model is told of them.
    pub(crate) fn offer(&self, session: Option<&Session>, first: &ModelRef) -> Offer {
        Offer::new(self.offered_tools(session, first))
    }

    /// The same agent, which keeps conversations within the context window like this.
    #[must_use]
    pub fn with_context(mut self, context: ContextSettings) -> Self {
        self.context = context;
        self
    }

    /// The models it knows.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The credentials that it knows.
    pub(crate) fn credentials(&self) -> &Credentials {
        &self.credentials
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
        let chosen = [
            MODEL_OVERRIDE,
            PROFILE_OVERRIDE,
            PROFILE_OVERRIDE_SOURCE,
            THINKING_LEVEL,
            FLUSHED_AT_COMPACTION,
        ];
        let chosen = chosen.into_iter().chain(RESET_SETTINGS);
        let settings = chosen.map(|key| (key.to_owned(), Value::Null));
        let patch = SessionPatch {
            settings: Map::from_iter(settings),
            ..SessionPatch::default()
        };
        self.store.reset_session(&session.key, patch).await
    }

    /// Chooses the model of a session, by reference or alias; `None` goes back to the agent's own. With `@` and the id of
    /// an auth profile behind it (`opus@anthropic:work`), only that profile is used with it. Gives the model that will
    /// answer next.
    ///
    /// # Errors
    /// The model or the profile cannot be used, or the store failed.
    pub async fn choose_model(
        &self,
        session: &Session,
        model: Option<&str>,
    ) -> Result<Model, ChoiceError> {
        let (name, profile) = model.map_or((None, None), |text| {
            let (name, profile) = split_profile(text);
            (Some(name), profile)
        });
        let chosen = match name {
            Some(name) => Some(self.catalog.resolve(name)?.reference),
            None => None,
        };
        if let (Some(id), Some(reference)) = (profile, &chosen) {
            self.check_profile(id, &reference.provider)?;
        }
        let text = |value: Option<&str>| value.map_or(Value::Null, Value::from);
        let model = chosen.map(|reference| reference.to_string());
        let session = self
            .set(
                session,
                [
                    (MODEL_OVERRIDE, text(model.as_deref())),
                    (PROFILE_OVERRIDE, text(profile)),
                    (PROFILE_OVERRIDE_SOURCE, text(profile.map(|_| "user"))),
                ],
            )
            .await?;
        let (rungs, _) = self.rungs(&session, None)?;
        // A chain that resolves has its first rung.
        rungs
            .into_iter()
            .next()
            .ok_or(ChoiceError::Catalog(CatalogError::NothingConfigured))
    }

    fn check_profile(&self, id: &str, provider: &str) -> Result<(), ChoiceError> {
        let stored = self.credentials.profiles().find(|profile| profile.id == id);
        match stored {
            None => Err(ChoiceError::NoProfile(id.to_owned())),
            Some(profile) if profile.provider != provider => Err(ChoiceError::OthersProfile {
                id: id.to_owned(),
                owner: profile.provider.clone(),
                wanted: provider.to_owned(),
            }),
            Some(_) => Ok(()),
        }
    }

    /// The auth profile that a person chose for a session.
    pub(crate) fn chosen_profile(&self, session: &Session) -> Option<String> {
        chosen_profile(session)
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
        self.set(session, [(THINKING_LEVEL, value)])
            .await
            .map(|_| ())
    }

    /// Sets a session's own settings.
    pub(crate) async fn set<const N: usize>(
        &self,
        session: &Session,
        settings: [(&str, Value); N],
    ) -> Result<Session, StoreError> {
        let settings = settings.map(|(key, value)| (key.to_owned(), value));
        let patch = SessionPatch {
            settings: Map::from_iter(settings),
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
        rungs(&self.catalog, &self.settings, session, requested)
    }

    /// Where a session may go, beside what holds for its agent: both must admit a model.
    pub fn places(&self, session: &Session) -> Places {
        session_places(session)
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
        self.set(session, [(PLACES, value)]).await
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

/// The models to try for a session of the agent with these settings: see [`Agent::rungs`].
pub(crate) fn rungs(
    catalog: &Catalog,
    settings: &AgentSettings,
    session: &Session,
    requested: Option<&str>,
) -> Result<(Vec<Model>, Vec<CatalogError>), CatalogError> {
    let mut wanted = requested.or(session.settings.get(MODEL_OVERRIDE).and_then(Value::as_str));
    // A choice that the owner's config no longer allows gives way to the default, with a word about it.
    let dropped = match (requested, wanted) {
        (None, Some(chosen)) => catalog.resolve(chosen).err(),
        _ => None,
    };
    if dropped.is_some() {
        wanted = None;
    }
    let (rungs, mut left_out) =
        catalog.chain(wanted, Some(&session.agent_id), settings.has_anthropic_key)?;
    left_out.splice(0..0, dropped);
    let (rungs, outside) = Catalog::within(rungs, &settings.places)?;
    left_out.extend(outside);
    let (mut rungs, outside) = Catalog::within(rungs, &session_places(session))?;
    left_out.extend(outside);
    for places in inherited_places(session) {
        let (inside, outside) = Catalog::within(rungs, &places)?;
        rungs = inside;
        left_out.extend(outside);
    }
    Ok((rungs, left_out))
}

/// The auth profile that a person chose for a session.
pub(crate) fn chosen_profile(session: &Session) -> Option<String> {
    let setting = |key: &str| session.settings.get(key).and_then(Value::as_str);
    (setting(PROFILE_OVERRIDE_SOURCE) == Some("user"))
        .then(|| setting(PROFILE_OVERRIDE).map(str::to_owned))
        .flatten()
}

/// What a session (without one, the main one) and the place where it works tell about its tools.
pub(crate) fn tool_scope(
    session: Option<&Session>,
    workplace: &Workplace,
) -> ToolPolicyScope<'static> {
    let sandbox = workplace.sandbox.as_ref();
    ToolPolicyScope {
        is_subagent: session.is_some_and(is_subagent),
        is_sandboxed: sandbox.is_some(),
        is_read_only: sandbox.is_some_and(|sandbox| !sandbox.can_write()),
        ..ToolPolicyScope::default()
    }
}

/// `model@profile` in its halves. Some models have a `@` in their names, at the beginning of a part
/// (`workers-ai/@cf/meta/llama-3`).
pub(crate) fn split_profile(text: &str) -> (&str, Option<&str>) {
    let mut places = text.match_indices('@').map(|(at, _)| at);
    let place = places.find(|at| *at > 0 && !text[..*at].ends_with('/'));
    match place.map(|at| (text[..at].trim_end(), text[at + 1..].trim())) {
        Some((name, profile)) if !profile.is_empty() => (name, Some(profile)),
        _ => (text, None),
    }
}

/// A model that could not be chosen.
#[derive(Debug, thiserror::Error)]
pub enum ChoiceError {
    /// It cannot be used.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// There is no such auth profile.
    #[error("Auth profile \"{0}\" not found.")]
    NoProfile(String),
    /// The auth profile is another provider's.
    #[error("Auth profile \"{id}\" is for {owner}, not {wanted}.")]
    OthersProfile {
        /// The profile.
        id: String,
        /// Whose it is.
        owner: String,
        /// Whose was wanted.
        wanted: String,
    },
    /// The choice could not be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[cfg(test)]
mod tests {
    use super::split_profile;

    #[test]
    fn a_profile_behind_a_model_is_told_from_a_name_with_an_at() {
        for (text, halves) in [
            ("opus@anthropic:work", ("opus", Some("anthropic:work"))),
            (
                "box/m@box:me@example.com",
                ("box/m", Some("box:me@example.com")),
            ),
            ("workers/@cf/meta", ("workers/@cf/meta", None)),
            ("workers/@cf/meta@w:a", ("workers/@cf/meta", Some("w:a"))),
            ("box/m@", ("box/m@", None)),
            ("@x", ("@x", None)),
        ] {
            assert_eq!(split_profile(text), halves);
        }
    }
}
