//! Asking a model server what it is and what it can do, without spending a token.
//!
//! Only questions that answer from memory are asked: lists, versions, properties. Each figure says which URL told it,
//! since servers contradict their own documentation, and themselves.

pub(crate) mod active;
mod fields;
pub(crate) mod fingerprint;
mod generic;
mod litellm;
mod llama_cpp;
mod lm_studio;
mod ollama;
mod openrouter;
mod sglang;
mod site;
mod vllm;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::endpoint::Endpoint;
use crate::failure::{Failure, FailureClass};
use crate::listing::{List, ListingError, read_list, working_base};
use crate::lookup::Lookup;
use crate::model::{Api, Model};
use site::{Finding, Site};

/// How long one question may take. All of them together take little longer: servers that do not hang answer at once.
const LIMIT: Duration = Duration::from_secs(4);

/// A value and where it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact<T> {
    /// The value.
    pub value: T,
    /// The URL that told it.
    pub source: String,
}

/// The program behind a base URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServerKind {
    /// LM Studio.
    #[serde(rename = "lm-studio")]
    LmStudio,
    /// vLLM.
    #[serde(rename = "vllm")]
    Vllm,
    /// llama.cpp's own server.
    #[serde(rename = "llama.cpp")]
    LlamaCpp,
    /// Ollama.
    #[serde(rename = "ollama")]
    Ollama,
    /// SGLang.
    #[serde(rename = "sglang")]
    Sglang,
    /// The LiteLLM proxy.
    #[serde(rename = "litellm")]
    LiteLlm,
    /// OpenRouter.
    #[serde(rename = "openrouter")]
    OpenRouter,
    /// None of these: it lists models in the usual form.
    #[serde(rename = "generic")]
    Generic,
}

impl fmt::Display for ServerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LmStudio => "LM Studio",
            Self::Vllm => "vLLM",
            Self::LlamaCpp => "llama.cpp",
            Self::Ollama => "Ollama",
            Self::Sglang => "SGLang",
            Self::LiteLlm => "LiteLLM",
            Self::OpenRouter => "OpenRouter",
            Self::Generic => "unknown server",
        })
    }
}

/// Whether a model is in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModelState {
    /// It can answer now.
    Loaded,
    /// It is on its way.
    Loading,
    /// It would have to be loaded first; some servers do so by themselves.
    NotLoaded,
}

/// A model that a server has. What the server does not tell is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServedModel {
    /// Its id there.
    pub id: String,
    /// Other names that mean it there.
    pub aliases: Vec<String>,
    /// Whether it is in memory.
    pub state: Option<Fact<ModelState>>,
    /// Tokens that one conversation can really have, as the model is loaded (or hosted) now.
    pub loaded_context: Option<Fact<u64>>,
    /// Tokens that the model itself can take.
    pub max_context: Option<Fact<u64>>,
    /// Requests that it serves at the same time.
    pub slots: Option<Fact<u64>>,
    /// Whether it sees images.
    pub vision: Option<Fact<bool>>,
    /// Whether it takes tools.
    pub tools: Option<Fact<bool>>,
    /// How many parameters it has.
    #[serde(default)]
    pub parameters: Option<Fact<u64>>,
}

impl ServedModel {
    /// A model of which nothing is known but its id.
    fn named(id: String) -> Self {
        Self {
            id,
            aliases: Vec::new(),
            state: None,
            loaded_context: None,
            max_context: None,
            slots: None,
            vision: None,
            tools: None,
            parameters: None,
        }
    }

    /// The id and the aliases.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.id.as_str()).chain(self.aliases.iter().map(String::as_str))
    }
}

/// What a server told about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Probe {
    /// The base URL that works; another than the configured one where that is wrong.
    pub base_url: String,
    /// The program, and what gave it away.
    pub server: Fact<ServerKind>,
    /// Its version or build.
    pub version: Option<Fact<String>>,
    /// Its models, in its order. Models that only make embeddings are left out where the server tells them apart.
    pub models: Vec<ServedModel>,
    /// A hash of the answer that tells what is loaded: as long as it stays the same, so does all of this.
    pub fingerprint: String,
}

impl Probe {
    /// The model behind an id. A llama.cpp server with one model answers to every name.
    pub fn served(&self, id: &str) -> Option<&ServedModel> {
        let by = |same: &dyn Fn(&str) -> bool| {
            let mut models = self.models.iter();
            models.find(|model| model.names().any(same))
        };
        by(&|name| name == id)
            .or_else(|| by(&|name| name.eq_ignore_ascii_case(id)))
            .or_else(|| match &self.models[..] {
                [only] if self.server.value == ServerKind::LlamaCpp => Some(only),
                _ => None,
            })
    }
}

/// Why a server could not be probed. Each message is the sentence for the person.
#[derive(Debug, Error)]
pub enum ProbeError {
    /// The model runs in this program.
    #[error(
        "{0} runs inside moltbot, so there is no server to probe; see moltbot models list --local."
    )]
    InProcess(String),
    /// The base URL has no scheme.
    #[error(
        "{base_url} is no address; write http:// or https:// before it in models.providers.{provider}.baseUrl."
    )]
    NoAddress {
        /// The provider.
        provider: String,
        /// As configured.
        base_url: String,
    },
    /// It cannot be reached, is too slow, or refused.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// Something answers, but no model server, neither there nor at the usual places beside.
    #[error(
        "{provider} at {base_url} answers, but not with a list of models; correct models.providers.{provider}.baseUrl, which usually ends in /v1 (another program may be listening there)."
    )]
    NotAServer {
        /// The provider.
        provider: String,
        /// As configured.
        base_url: String,
    },
}

/// Asks the server behind `model` what it is, signed with `key` where there is one. Where the base URL is wrong, the
/// usual places beside it are tried and [`Probe::base_url`] names the one that works.
///
/// # Errors
/// See [`ProbeError`].
pub async fn probe(model: &Model, key: Option<&str>) -> Result<Probe, ProbeError> {
    let (provider, base_url) = (&model.reference.provider, &model.base_url);
    if model.api == Api::Engine {
        return Err(ProbeError::InProcess(model.reference.to_string()));
    }
    if !base_url.contains("://") {
        return Err(ProbeError::NoAddress {
            provider: provider.clone(),
            base_url: Endpoint::shown(base_url),
        });
    }
    let not_a_server = || ProbeError::NotAServer {
        provider: provider.clone(),
        base_url: Endpoint::shown(base_url),
    };
    let failed = |error: ListingError| match error {
        ListingError::TimedOut => Failure::new(FailureClass::Timeout, model, "").into(),
        ListingError::Unreachable(reason) => {
            Failure::new(FailureClass::Unreachable, model, reason).into()
        }
        ListingError::Refused(failure) => ProbeError::Failed(failure),
        ListingError::NotAList => not_a_server(),
    };
    let lookup = Lookup::new(model, key, LIMIT).map_err(|error| failed(error.into()))?;
    let (base_url, list) = match read_list(&lookup, model, base_url).await {
        Ok(list) => (base_url.clone(), list),
        Err(error) if error.is_wrong_place() => {
            let base = working_base(model, key, LIMIT)
                .await
                .ok_or_else(not_a_server)?;
            let moved = Model {
                base_url: base.clone(),
                ..model.clone()
            };
            let list = read_list(&lookup, &moved, &base).await.map_err(failed)?;
            (base, list)
        }
        Err(error) => return Err(failed(error)),
    };
    Ok(look_around(&lookup, model, base_url, &list).await)
}

/// Asks as [`probe`] does, but at the configured base URL alone.
pub(crate) async fn probe_in_place(lookup: &Lookup, model: &Model) -> Result<Probe, ListingError> {
    let list = read_list(lookup, model, &model.base_url).await?;
    Ok(look_around(lookup, model, model.base_url.clone(), &list).await)
}

async fn look_around(lookup: &Lookup, model: &Model, base_url: String, list: &List) -> Probe {
    let site = Site::new(lookup, model, &base_url, list);
    let found = identify(&site).await;
    let fingerprint = found
        .told
        .unwrap_or_else(|| fingerprint::of_list(&list.entries));
    Probe {
        base_url,
        server: found.server,
        version: found.version,
        models: found.models,
        fingerprint,
    }
}

/// Whether the model is in memory. Asked of those programs alone that load a model while the request for it waits;
/// `None` for the others, and where nothing is told.
pub(crate) async fn state_of(lookup: &Lookup, model: &Model) -> Option<ModelState> {
    // What these programs tell of it does not stand in the list.
    let list = List::default();
    let site = Site::new(lookup, model, &model.base_url, &list);
    match model.server? {
        ServerKind::LmStudio => {
            let found = lm_studio::find(&site).await?;
            let mut models = found.models.into_iter();
            let model = models.find(|model| model.names().any(|name| name == site.wanted))?;
            model.state.map(|fact| fact.value)
        }
        ServerKind::Ollama => ollama::state(&site).await,
        _ => None,
    }
}

/// What the list gives away is asked no further; else every program is asked the question that only it answers.
async fn identify(site: &Site<'_>) -> Finding {
    if let Some(found) = openrouter::find(site) {
        return found;
    }
    // None of these programs speaks Google's dialect.
    if site.api == Api::GoogleGenerativeAi {
        return generic::read(site);
    }
    let told = match site.owner() {
        Some("vllm") => vllm::find(site).await,
        Some("llamacpp") => llama_cpp::find(site).await,
        Some("sglang") => sglang::find(site).await,
        _ => None,
    };
    if let Some(found) = told {
        return found;
    }
    let (lm_studio, ollama, llama_cpp, sglang, litellm) = tokio::join!(
        lm_studio::find(site),
        ollama::find(site),
        llama_cpp::find(site),
        sglang::find(site),
        litellm::find(site),
    );
    lm_studio
        .or(ollama)
        .or(llama_cpp)
        .or(sglang)
        .or(litellm)
        .unwrap_or_else(|| generic::read(site))
}
