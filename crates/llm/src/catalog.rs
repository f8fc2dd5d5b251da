//! The catalog: which providers and models there are, what they are called, and which may be used.

mod builtin;
mod provider;

use std::collections::{BTreeMap, BTreeSet};

use moltbot_config::normalize_agent_id;
use moltbot_config::schema::{AgentDefaults, Config, ModelEntry};
use serde_json::Value;
use thiserror::Error;

use crate::model::{Api, Cost, Model, Source};
use crate::places::{Places, place};
use crate::reference::{ModelRef, ModelRefError};
use crate::repair::Repairs;

pub(crate) use builtin::env_names;
use provider::{CatalogModel, Provider};

/// The provider of models that run inside this machine's own process.
pub(crate) const ENGINE_PROVIDER: &str = "local";

/// The model that stands for "nothing configured" when no model file is installed but a key for it is there.
const HOSTED_DEFAULT: (&str, &str) = ("anthropic", "claude-opus-4-5");

/// Aliases of their own accord for models that the owner lists without one.
const BUILTIN_ALIASES: &[(&str, &str)] = &[
    ("opus", "anthropic/claude-opus-4-5"),
    ("sonnet", "anthropic/claude-sonnet-4-5"),
    ("gpt", "openai/gpt-5.2"),
    ("gpt-mini", "openai/gpt-5-mini"),
    ("gemini", "google/gemini-3-pro-preview"),
    ("gemini-flash", "google/gemini-3-flash-preview"),
];

/// Providers and models, built-in ones merged with the owner's.
#[derive(Debug, Clone)]
pub struct Catalog {
    providers: BTreeMap<String, Provider>,
    /// Lower-case alias to reference, with the spelling of the owner.
    aliases: BTreeMap<String, (String, ModelRef)>,
    entries: BTreeMap<ModelRef, ModelEntry>,
    /// `None`: every model may be used.
    allowed: Option<BTreeSet<ModelRef>>,
    /// What the owner configured, or the best model installed.
    primary: Option<Result<ModelRef, ModelRefError>>,
    /// Whether the owner configured it.
    primary_configured: bool,
    fallbacks: Vec<ModelRef>,
    /// By agent id.
    agents: BTreeMap<String, OwnChain>,
    context_tokens: Option<u64>,
    warnings: Vec<String>,
}

/// What one agent has of its own.
#[derive(Debug, Clone)]
struct OwnChain {
    primary: Option<Result<ModelRef, ModelRefError>>,
    /// `None`: those of all agents.
    fallbacks: Option<Vec<ModelRef>>,
}

/// A model that cannot be used. Each message is the sentence for the person.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CatalogError {
    /// Not a reference, and no alias either.
    #[error(transparent)]
    Malformed(#[from] ModelRefError),
    /// No provider of this id.
    #[error("Unknown model: {model} — there is no provider \"{provider}\"{hint}; add it under models.providers or see moltbot models list --all.", provider = .model.provider)]
    UnknownProvider {
        /// What was asked for.
        model: ModelRef,
        /// ` (did you mean …?)`, or empty.
        hint: String,
    },
    /// The owner's list of models does not hold it.
    #[error(
        "model not allowed: {0} — add it to agents.defaults.models, or see moltbot models list."
    )]
    NotAllowed(ModelRef),
    /// The provider speaks a dialect that this version does not.
    #[error("{model} speaks {api}, which this version does not; set models.providers.{provider}.api to openai-completions, openai-responses, anthropic-messages, google-generative-ai or ollama if the server offers one of them.", provider = .model.provider)]
    UnsupportedApi {
        /// What was asked for.
        model: ModelRef,
        /// The dialect.
        api: String,
    },
    /// Its server stands where the conversation may not go.
    #[error("{model} is left out: it is {}, and this conversation may only go to {places}.", match .place { Some(place) => format!("in \"{place}\""), None => format!("hosted, and models.providers.{}.region does not say where", .model.provider) })]
    OutsidePlaces {
        /// The model.
        model: ModelRef,
        /// Where it is, if anybody said.
        place: Option<String>,
        /// Where the conversation may go.
        places: Places,
    },
    /// No model is left where the conversation may go.
    #[error(
        "No model may be asked: this conversation may only go to {places}, and none of its models is there. {reasons}"
    )]
    NowhereToGo {
        /// Where the conversation may go.
        places: Places,
        /// Why each model is left out.
        reasons: String,
    },
    /// Nothing is configured and nothing is installed.
    #[error(
        "No model is configured and none is installed: set agents.defaults.model.primary to a model of your server, or run moltbot models pull smollm2-135m for a first try (moltbot models recommend names better ones)."
    )]
    NothingConfigured,
}

/// A row of `moltbot models list`.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelRow {
    /// The model.
    pub model: Model,
    /// Its place in the configuration: `default`, `fallback#1`, `configured`, `alias:Opus`.
    pub tags: Vec<String>,
}

impl Catalog {
    /// Merges the built-in catalog, the owner's config and the model files installed for the engine (their ids, best
    /// first).
    pub fn new(config: &Config, installed: &[String]) -> Self {
        let defaults = config.agents().defaults();
        let mut catalog = Self {
            providers: provider::merge(config.models.as_ref(), installed),
            aliases: BTreeMap::new(),
            entries: BTreeMap::new(),
            allowed: None,
            primary: None,
            primary_configured: false,
            fallbacks: Vec::new(),
            agents: BTreeMap::new(),
            context_tokens: defaults.context_tokens,
            warnings: Vec::new(),
        };
        catalog.read_entries(defaults);
        catalog.read_chain(config, defaults);
        catalog.primary_configured = catalog.primary.is_some();
        if !catalog.primary_configured {
            catalog.primary = installed
                .first()
                .map(|id| Ok(ModelRef::new(ENGINE_PROVIDER, id.clone())));
        }
        catalog.read_allowlist();
        catalog
    }

    fn read_entries(&mut self, defaults: &AgentDefaults) {
        for (key, entry) in defaults.models.iter().flatten() {
            let model = match ModelRef::parse(key) {
                Ok(model) => model,
                Err(error) => {
                    self.warnings
                        .push(format!("agents.defaults.models: {error}."));
                    continue;
                }
            };
            let builtin = || {
                BUILTIN_ALIASES
                    .iter()
                    .find(|(_, target)| *target == model.to_string())
                    .map(|(alias, _)| (*alias).to_owned())
            };
            // An empty alias is the owner's way to have none.
            let alias = match &entry.alias {
                Some(alias) => Some(alias.trim().to_owned()).filter(|alias| !alias.is_empty()),
                None => builtin(),
            };
            if let Some(alias) = alias {
                self.aliases
                    .insert(alias.to_ascii_lowercase(), (alias, model.clone()));
            }
            self.entries.insert(model, entry.clone());
        }
    }

    fn read_chain(&mut self, config: &Config, defaults: &AgentDefaults) {
        if let Some(chain) = &defaults.model {
            const KEY: &str = "agents.defaults.model";
            self.primary = chain
                .primary
                .as_deref()
                .map(|text| self.primary_from(KEY, text));
            self.fallbacks =
                self.fallbacks_from(KEY, chain.fallbacks.as_deref().unwrap_or_default());
        }
        for agent in config.agents().list() {
            let Some(choice) = &agent.model else { continue };
            let id = agent.normalized_id();
            let key = format!("agents.list.{id}.model");
            let primary = choice.primary().map(|text| self.primary_from(&key, text));
            let fallbacks = choice
                .fallbacks()
                .map(|list| self.fallbacks_from(&key, list));
            self.agents.insert(id, OwnChain { primary, fallbacks });
        }
    }

    /// A primary without a provider means Anthropic's, as it always has, with a word about it. One that is no reference
    /// at all stays an error: another model in its place might send the conversation elsewhere.
    fn primary_from(&mut self, key: &str, text: &str) -> Result<ModelRef, ModelRefError> {
        match self.reference(text) {
            Err(ModelRefError::NoProvider(id)) => {
                let model = ModelRef::new("anthropic", id.clone());
                self.warnings.push(format!(
                    "Model \"{id}\" specified without provider. Falling back to \"{model}\". Please use \"{model}\" in your config ({key}.primary)."
                ));
                Ok(model)
            }
            other => other,
        }
    }

    /// The fallbacks that are references; the others are named in a warning.
    fn fallbacks_from(&mut self, key: &str, list: &[String]) -> Vec<ModelRef> {
        let mut fallbacks = Vec::new();
        for text in list {
            match self.reference(text) {
                Ok(model) => fallbacks.push(model),
                Err(error) => self.warnings.push(format!("{key}.fallbacks: {error}.")),
            }
        }
        fallbacks
    }

    /// Listed models, plus everything the owner named in a chain: a fallback left out for want of a second entry would
    /// be a net with a hole. An entry of an unknown provider is named, not dropped in silence.
    fn read_allowlist(&mut self) {
        let mut allowed = BTreeSet::new();
        for model in self.entries.keys() {
            if self.providers.contains_key(&model.provider) {
                allowed.insert(model.clone());
            } else {
                self.warnings.push(format!(
                    "agents.defaults.models: {model} has no provider \"{}\"; it cannot be used.",
                    model.provider
                ));
            }
        }
        if allowed.is_empty() {
            return;
        }
        allowed.extend(self.primary.iter().flatten().cloned());
        allowed.extend(self.fallbacks.iter().cloned());
        for own in self.agents.values() {
            allowed.extend(own.primary.iter().flatten().cloned());
            allowed.extend(own.fallbacks.iter().flatten().cloned());
        }
        self.allowed = Some(allowed);
    }

    /// What the owner should know about the model configuration.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// A reference or an alias, as a reference; nothing is checked beyond its form.
    ///
    /// # Errors
    /// Text that is neither.
    pub fn reference(&self, text: &str) -> Result<ModelRef, ModelRefError> {
        match self.aliases.get(&text.trim().to_ascii_lowercase()) {
            Some((_, model)) => Ok(model.clone()),
            None => ModelRef::parse(text),
        }
    }

    /// Aliases with the owner's spelling, and what they stand for.
    pub fn aliases(&self) -> impl Iterator<Item = (&str, &ModelRef)> {
        self.aliases
            .values()
            .map(|(alias, model)| (alias.as_str(), model))
    }

    /// The model that answers by default: configured, else the best one installed, else Anthropic's where there is a key.
    pub fn default_model(&self, agent: Option<&str>, has_anthropic_key: bool) -> Option<ModelRef> {
        self.default_choice(agent, has_anthropic_key)?.ok()
    }

    /// The default, or why what was configured is none; `None` where there is nothing at all.
    fn default_choice(
        &self,
        agent: Option<&str>,
        has_anthropic_key: bool,
    ) -> Option<Result<ModelRef, ModelRefError>> {
        self.own(agent)
            .and_then(|own| own.primary.clone())
            .or_else(|| self.primary.clone())
            .or_else(|| {
                has_anthropic_key.then(|| Ok(ModelRef::new(HOSTED_DEFAULT.0, HOSTED_DEFAULT.1)))
            })
    }

    /// Whether the owner chose a default; otherwise it is what was found here.
    pub fn has_configured_default(&self) -> bool {
        self.primary_configured
    }

    fn own(&self, agent: Option<&str>) -> Option<&OwnChain> {
        self.agents.get(&normalize_agent_id(agent?))
    }

    /// The fallbacks of an agent, in order.
    pub fn fallbacks(&self, agent: Option<&str>) -> &[ModelRef] {
        self.own(agent)
            .and_then(|own| own.fallbacks.as_deref())
            .unwrap_or(&self.fallbacks)
    }

    /// The models whose use is allowed; `None` means all.
    pub fn allowed(&self) -> Option<&BTreeSet<ModelRef>> {
        self.allowed.as_ref()
    }

    /// A model by reference or alias, with everything merged, if the owner allows its use.
    ///
    /// # Errors
    /// See [`CatalogError`].
    pub fn resolve(&self, text: &str) -> Result<Model, CatalogError> {
        let reference = match self.reference(text) {
            Ok(reference) => reference,
            // A bare id means the default's provider.
            Err(ModelRefError::NoProvider(id)) => match &self.primary {
                Some(Ok(primary)) => ModelRef::new(primary.provider.clone(), id),
                _ => return Err(ModelRefError::NoProvider(id).into()),
            },
            Err(error) => return Err(error.into()),
        };
        if self
            .allowed
            .as_ref()
            .is_some_and(|allowed| !allowed.contains(&reference))
        {
            return Err(CatalogError::NotAllowed(reference));
        }
        self.model(&reference)
    }

    /// The models to try for a request, in order: the one asked for (or the agent's default), then the fallbacks, then
    /// the configured primary where the agent has no list of its own. Fallbacks that cannot be used are left out and
    /// named in the second value.
    ///
    /// # Errors
    /// The first model cannot be used, or there is none.
    pub fn chain(
        &self,
        requested: Option<&str>,
        agent: Option<&str>,
        has_anthropic_key: bool,
    ) -> Result<(Vec<Model>, Vec<CatalogError>), CatalogError> {
        let first = match requested {
            Some(text) => self.resolve(text)?,
            None => {
                let default = self
                    .default_choice(agent, has_anthropic_key)
                    .ok_or(CatalogError::NothingConfigured)??;
                self.model(&default)?
            }
        };
        let own_list = self.own(agent).is_some_and(|own| own.fallbacks.is_some());
        let primary = self.primary.iter().flatten().filter(|_| !own_list);
        let mut rungs = vec![first];
        let mut left_out = Vec::new();
        for reference in self.fallbacks(agent).iter().chain(primary) {
            if rungs.iter().any(|model| model.reference == *reference) {
                continue;
            }
            match self.model(reference) {
                Ok(model) => rungs.push(model),
                Err(error) => left_out.push(error),
            }
        }
        Ok((rungs, left_out))
    }

    /// The models of a chain that stand in one of these places. The others are named in the second value; a model outside
    /// is never asked.
    ///
    /// # Errors
    /// None is left.
    pub fn within(
        rungs: Vec<Model>,
        places: &Places,
    ) -> Result<(Vec<Model>, Vec<CatalogError>), CatalogError> {
        let (inside, outside): (Vec<Model>, Vec<Model>) =
            rungs.into_iter().partition(|model| places.admit(model));
        let left_out: Vec<CatalogError> = outside
            .iter()
            .map(|model| CatalogError::OutsidePlaces {
                model: model.reference.clone(),
                place: place(model),
                places: places.clone(),
            })
            .collect();
        if inside.is_empty() {
            let reasons: Vec<String> = left_out.iter().map(ToString::to_string).collect();
            return Err(CatalogError::NowhereToGo {
                places: places.clone(),
                reasons: reasons.join(" "),
            });
        }
        Ok((inside, left_out))
    }

    /// A model by reference, allowed or not.
    ///
    /// # Errors
    /// An unknown provider, or a dialect that this version does not speak.
    pub fn model(&self, reference: &ModelRef) -> Result<Model, CatalogError> {
        let Some(provider) = self.providers.get(&reference.provider) else {
            return Err(CatalogError::UnknownProvider {
                model: reference.clone(),
                hint: self.hint(&reference.provider),
            });
        };
        let listed = provider
            .models
            .iter()
            .find(|model| model.id == reference.model)
            .or_else(|| {
                provider
                    .models
                    .iter()
                    .find(|model| model.id.eq_ignore_ascii_case(&reference.model))
            });
        let unlisted;
        let listed = match listed {
            Some(listed) => listed,
            None => {
                unlisted = CatalogModel::unlisted(&reference.model, provider);
                &unlisted
            }
        };
        let api = listed.api.as_ref().unwrap_or(&provider.api);
        let api = match api {
            Ok(api) => *api,
            Err(name) => {
                return Err(CatalogError::UnsupportedApi {
                    model: reference.clone(),
                    api: name.clone(),
                });
            }
        };
        let mut headers = provider.headers.clone();
        headers.extend(listed.headers.clone());
        let param = |name: &str| {
            self.entries
                .get(reference)
                .and_then(|entry| entry.params.as_ref()?.get(name))
        };
        let (context_window, context_source) = match (listed.context_known, self.context_tokens) {
            (false, Some(tokens)) => (tokens, Source::Config),
            _ => (listed.context_window, listed.context_source),
        };
        Ok(Model {
            reference: ModelRef::new(reference.provider.clone(), listed.id.clone()),
            name: listed.name.clone(),
            api,
            base_url: provider.base_url.clone(),
            base_urls: provider.base_urls.clone(),
            headers,
            auth_header: provider.auth_header,
            reasoning: listed.reasoning,
            vision: listed.vision,
            vision_source: listed.vision_source,
            context_window,
            context_source,
            max_tokens: listed.max_tokens,
            region: listed.region.clone().or_else(|| provider.region.clone()),
            routing: routing(provider.routing.as_ref(), param("provider")),
            cost: listed.cost,
            compat: listed.compat.clone(),
            output_limit: param("maxTokens").and_then(|v| v.as_u64()),
            temperature: param("temperature").and_then(|v| v.as_f64()),
            cache_ttl: param("cacheControlTtl")
                .and_then(|v| v.as_str())
                .map(str::to_owned),
            keep_alive: provider.keep_alive.clone(),
            timeout: provider.timeout,
            server: None,
            repairs: Repairs {
                tools_as_text: listed.compat.supports_tools == Some(false),
                ..Repairs::default()
            },
            parameters: None,
            slots: provider.slots,
            slot: None,
            credential: None,
        })
    }

    /// ` (did you mean "…"?)` for a provider id that is nearly one we know.
    fn hint(&self, provider: &str) -> String {
        moltbot_config::nearest(provider, self.providers.keys().map(String::as_str))
            .map(|near| format!(" (did you mean \"{near}\"?)"))
            .unwrap_or_default()
    }

    /// The ids of all providers, and whether the owner configured each.
    pub fn providers(&self) -> impl Iterator<Item = (&str, bool)> {
        self.providers
            .iter()
            .map(|(id, provider)| (id.as_str(), provider.configured))
    }

    /// Rows for a list of models: those the owner configured, chained, aliased or installed; with `all`, the built-in
    /// ones too.
    pub fn rows(&self, all: bool) -> Vec<ModelRow> {
        let mut references: Vec<ModelRef> = Vec::new();
        let mut add = |reference: ModelRef| {
            if !references.contains(&reference) {
                references.push(reference);
            }
        };
        self.primary
            .iter()
            .flatten()
            .chain(&self.fallbacks)
            .cloned()
            .for_each(&mut add);
        self.entries.keys().cloned().for_each(&mut add);
        for (id, provider) in &self.providers {
            if all || provider.configured {
                for model in &provider.models {
                    add(ModelRef::new(id.clone(), model.id.clone()));
                }
            }
        }
        references
            .into_iter()
            .filter_map(|reference| {
                let tags = self.tags(&reference);
                let model = self.model(&reference).ok()?;
                Some(ModelRow { model, tags })
            })
            .collect()
    }

    fn tags(&self, reference: &ModelRef) -> Vec<String> {
        let mut tags = Vec::new();
        if self
            .primary
            .as_ref()
            .is_some_and(|primary| primary.as_ref() == Ok(reference))
        {
            tags.push("default".to_owned());
        }
        if let Some(position) = self.fallbacks.iter().position(|model| model == reference) {
            tags.push(format!("fallback#{}", position + 1));
        }
        let configured = self.entries.contains_key(reference)
            || self
                .providers
                .get(&reference.provider)
                .is_some_and(|provider| {
                    provider.configured && provider.models.iter().any(|m| m.id == reference.model)
                });
        if configured {
            tags.push("configured".to_owned());
        }
        let aliases: Vec<&str> = self
            .aliases()
            .filter(|(_, target)| *target == reference)
            .map(|(alias, _)| alias)
            .collect();
        if !aliases.is_empty() {
            tags.push(format!("alias:{}", aliases.join(",")));
        }
        tags
    }
}

/// The provider's routing wishes with the model's own laid over them.
fn routing(of_provider: Option<&Value>, of_model: Option<&Value>) -> Option<Value> {
    match (of_provider, of_model) {
        (Some(Value::Object(general)), Some(Value::Object(own))) => {
            let mut both = general.clone();
            both.extend(own.clone());
            Some(both.into())
        }
        (general, own) => own.or(general).filter(|wishes| wishes.is_object()).cloned(),
    }
}

/// Used by the built-in table.
type ApiOrName = Result<Api, String>;

#[cfg(test)]
mod tests;
