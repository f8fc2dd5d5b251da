//! One provider of the catalog, and how the owner's entry joins the built-in one.

use std::collections::BTreeMap;
use std::time::Duration;

use moltbot_config::schema::{self, Compat, Models, ModelsMode};
use serde_json::Value;

use super::{Api, ApiOrName, Cost, ENGINE_PROVIDER, Source, builtin};
use crate::endpoint::Endpoint;
use crate::reference::normalize_provider;

/// A provider with everything merged.
#[derive(Debug, Clone)]
pub(super) struct Provider {
    pub(super) base_url: String,
    /// All addresses, that one first; empty where there is only that one.
    pub(super) base_urls: Vec<String>,
    pub(super) slots: Option<u32>,
    /// The dialect, or the name of one that this version does not speak.
    pub(super) api: ApiOrName,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) auth_header: bool,
    pub(super) timeout: Option<Duration>,
    pub(super) region: Option<String>,
    /// OpenRouter's `provider` object for all its models.
    pub(super) routing: Option<Value>,
    pub(super) keep_alive: Option<String>,
    pub(super) models: Vec<CatalogModel>,
    /// Whether the owner configured (or installed) it.
    pub(super) configured: bool,
}

/// A model as a provider lists it.
#[derive(Debug, Clone)]
pub(super) struct CatalogModel {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) api: Option<ApiOrName>,
    pub(super) reasoning: bool,
    pub(super) vision: bool,
    pub(super) vision_source: Source,
    pub(super) context_window: u64,
    /// Whether the window was stated by anyone, or is only the default.
    pub(super) context_known: bool,
    pub(super) context_source: Source,
    pub(super) max_tokens: u64,
    pub(super) region: Option<String>,
    pub(super) cost: Cost,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) compat: Compat,
}

impl CatalogModel {
    /// A model that its provider does not list: text only, with the limits of the provider's first model.
    pub(super) fn unlisted(id: &str, provider: &Provider) -> Self {
        let first = provider.models.first();
        Self {
            id: id.to_owned(),
            name: id.to_owned(),
            api: None,
            reasoning: false,
            vision: false,
            vision_source: Source::Guess,
            context_window: first.map_or(schema::ProviderModel::DEFAULT_CONTEXT_WINDOW, |m| {
                m.context_window
            }),
            context_known: first.is_some_and(|m| m.context_known),
            // Its neighbour's figure says little about it.
            context_source: Source::Guess,
            max_tokens: first.map_or(schema::ProviderModel::DEFAULT_MAX_TOKENS, |m| m.max_tokens),
            region: None,
            cost: Cost::default(),
            headers: BTreeMap::new(),
            compat: first.map(|m| m.compat.clone()).unwrap_or_default(),
        }
    }

    fn from_config(model: &schema::ProviderModel) -> Self {
        let cost = model.cost();
        Self {
            id: model.id.clone(),
            name: model.name.clone(),
            api: model.api.map(supported),
            reasoning: model.reasoning(),
            vision: model.reads_images(),
            vision_source: configured_or_guess(model.input.is_some()),
            context_window: model.context_window(),
            context_known: model.context_window.is_some(),
            context_source: configured_or_guess(model.context_window.is_some()),
            max_tokens: model.max_tokens(),
            region: model.region.clone(),
            cost: Cost {
                input: cost.input(),
                output: cost.output(),
                cache_read: cost.cache_read(),
                cache_write: cost.cache_write(),
            },
            headers: model.headers.clone().unwrap_or_default(),
            compat: model.compat.clone().unwrap_or_default(),
        }
    }

    /// A model file of the engine, whose real limits (and whether its template reasons) the engine reads from the file
    /// itself.
    fn engine(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            name: id.to_owned(),
            api: Some(Ok(Api::Engine)),
            reasoning: true,
            vision: false,
            vision_source: Source::Guess,
            context_window: 16_384,
            context_known: false,
            context_source: Source::Guess,
            max_tokens: 2048,
            region: None,
            cost: Cost::default(),
            headers: BTreeMap::new(),
            compat: Compat::default(),
        }
    }
}

fn configured_or_guess(written: bool) -> Source {
    match written {
        true => Source::Config,
        false => Source::Guess,
    }
}

/// All providers: built-in ones unless the owner's replace them, the owner's merged over them, and the engine's.
pub(super) fn merge(config: Option<&Models>, installed: &[String]) -> BTreeMap<String, Provider> {
    let replace = config.is_some_and(|models| models.mode() == ModelsMode::Replace);
    let mut providers = match replace {
        true => BTreeMap::new(),
        false => builtin::providers(),
    };
    for (id, entry) in config
        .iter()
        .flat_map(|models| models.providers.iter().flatten())
    {
        let id = normalize_provider(id);
        let known = providers.remove(&id);
        providers.insert(id, configured(entry, known));
    }
    // An owner may have a server called `local` too: the engine's models then stand beside that server's.
    let engine = providers
        .entry(ENGINE_PROVIDER.to_owned())
        .or_insert_with(|| Provider {
            base_url: String::new(),
            base_urls: Vec::new(),
            slots: None,
            api: Ok(Api::Engine),
            headers: BTreeMap::new(),
            auth_header: false,
            timeout: None,
            region: None,
            routing: None,
            keep_alive: None,
            models: Vec::new(),
            configured: !installed.is_empty(),
        });
    for id in installed {
        if !engine.models.iter().any(|model| model.id == *id) {
            engine.models.push(CatalogModel::engine(id));
        }
    }
    providers
}

/// The owner's entry over the built-in one of the same id: the owner's fields win, the owner's models come first.
fn configured(entry: &schema::Provider, known: Option<Provider>) -> Provider {
    let mut models: Vec<CatalogModel> =
        entry.models.iter().map(CatalogModel::from_config).collect();
    // An entry without models only moves a known provider to another address; one with models and no dialect is a
    // server of the owner's own, and those nearly all speak this one.
    let api = match (entry.api, &known) {
        (Some(api), _) => supported(api),
        (None, Some(known)) if models.is_empty() => known.api.clone(),
        (None, _) => Ok(Api::OpenAiCompletions),
    };
    let mut headers = BTreeMap::new();
    if let Some(known) = known {
        headers = known.headers;
        for model in known.models {
            if !models.iter().any(|mine| mine.id == model.id) {
                models.push(model);
            }
        }
    }
    headers.extend(entry.headers.clone().unwrap_or_default());
    Provider {
        base_url: entry.base_url.clone(),
        base_urls: addresses(entry),
        slots: entry.slots,
        api,
        headers,
        auth_header: entry.auth_header(),
        timeout: entry.timeout(),
        region: entry.region.clone(),
        routing: entry
            .params
            .as_ref()
            .and_then(|params| params.get("provider"))
            .cloned(),
        keep_alive: entry.keep_alive.clone(),
        models,
        configured: true,
    }
}

/// Every server of the entry once, if there are several.
fn addresses(entry: &schema::Provider) -> Vec<String> {
    let mut addresses: Vec<String> = Vec::new();
    for address in entry.addresses() {
        let known = |known: &String| Endpoint::server(known) == Endpoint::server(address);
        if !addresses.iter().any(known) {
            addresses.push(address.to_owned());
        }
    }
    if addresses.len() < 2 {
        addresses.clear();
    }
    addresses
}

/// A configured dialect, or its name where this version does not speak it.
fn supported(api: schema::Api) -> ApiOrName {
    match api {
        schema::Api::OpenaiCompletions => Ok(Api::OpenAiCompletions),
        schema::Api::OpenaiResponses => Ok(Api::OpenAiResponses),
        schema::Api::AnthropicMessages => Ok(Api::AnthropicMessages),
        schema::Api::GoogleGenerativeAi => Ok(Api::GoogleGenerativeAi),
        schema::Api::GithubCopilot => Err("github-copilot".to_owned()),
        schema::Api::BedrockConverseStream => Err("bedrock-converse-stream".to_owned()),
        schema::Api::Ollama => Ok(Api::Ollama),
    }
}
