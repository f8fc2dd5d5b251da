//! A model as the catalog resolved it: everything needed to send it a request.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use moltbot_config::schema::Compat;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::credentials::CredentialSource;
use crate::message::Usage;
use crate::probe::ServerKind;
use crate::reference::ModelRef;
use crate::repair::Repairs;

/// The dialect that a model is spoken to in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Api {
    /// `POST {base}/chat/completions`.
    #[serde(rename = "openai-completions")]
    OpenAiCompletions,
    /// `POST {base}/responses`.
    #[serde(rename = "openai-responses")]
    OpenAiResponses,
    /// `POST {base}/v1/messages`.
    #[serde(rename = "anthropic-messages")]
    AnthropicMessages,
    /// `POST {base}/models/{model}:streamGenerateContent`.
    #[serde(rename = "google-generative-ai")]
    GoogleGenerativeAi,
    /// Ollama's own `POST {root}/api/chat`.
    #[serde(rename = "ollama")]
    Ollama,
    /// The engine inside this machine's own process; no HTTP.
    #[serde(rename = "engine")]
    Engine,
}

impl Api {
    /// The name used in the config and in transcripts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OpenAiCompletions => "openai-completions",
            Self::OpenAiResponses => "openai-responses",
            Self::AnthropicMessages => "anthropic-messages",
            Self::GoogleGenerativeAi => "google-generative-ai",
            Self::Ollama => "ollama",
            Self::Engine => "engine",
        }
    }
}

impl fmt::Display for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Price of a model in US dollars per million tokens; zeros for local models.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Cost {
    /// Prompt tokens.
    pub input: f64,
    /// Generated tokens.
    pub output: f64,
    /// Prompt tokens taken from the server's cache.
    pub cache_read: f64,
    /// Prompt tokens written to the server's cache.
    pub cache_write: f64,
}

impl Cost {
    /// The price of one reply, in US dollars.
    pub fn of(&self, usage: &Usage) -> f64 {
        // Token counts are far below 2^53.
        let part = |tokens: u64, price: f64| tokens as f64 * price / 1e6;
        part(usage.input, self.input)
            + part(usage.output, self.output)
            + part(usage.cache_read, self.cache_read)
            + part(usage.cache_write, self.cache_write)
    }
}

/// Who said so. Of two that differ, the greater counts, but for a context window: no more fits than the server has loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// Nobody: a default, or what a neighbour has.
    Guess,
    /// The built-in catalog.
    Catalog,
    /// The server itself, now or when it was last asked.
    Probed,
    /// The owner's configuration.
    Config,
}

impl Source {
    /// Its name, as in `--json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Guess => "guess",
            Self::Catalog => "catalog",
            Self::Probed => "probed",
            Self::Config => "config",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A model of one provider, with config, catalog and defaults already merged.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Provider and model id.
    pub reference: ModelRef,
    /// Name for people.
    pub name: String,
    /// Dialect.
    pub api: Api,
    /// Base URL as the owner (or the catalog) wrote it; see [`crate::Endpoint`] for how it is read.
    pub base_url: String,
    /// The base URLs of all servers that offer this model, [`Model::base_url`] first; empty where there is only that one.
    pub base_urls: Vec<String>,
    /// Extra HTTP headers; a model's own win over its provider's.
    pub headers: BTreeMap<String, String>,
    /// Send `Authorization: Bearer` beside the dialect's native key header.
    pub auth_header: bool,
    /// Whether it can reason before it answers.
    pub reasoning: bool,
    /// Whether it can see images.
    pub vision: bool,
    /// Who said so.
    pub vision_source: Source,
    /// Tokens that one conversation can have, the answer included.
    pub context_window: u64,
    /// Who said so.
    pub context_source: Source,
    /// Most tokens it may generate in one reply.
    pub max_tokens: u64,
    /// Where its server stands, as the owner declared it; see [`crate::place`].
    pub region: Option<String>,
    /// OpenRouter's `provider` object: which hosts may serve the model, in which order, and what they may keep.
    pub routing: Option<Value>,
    /// Price.
    pub cost: Cost,
    /// What the owner knows of the server's quirks.
    pub compat: Compat,
    /// Output limit set for this model in `agents.defaults.models` (`params.maxTokens`).
    pub output_limit: Option<u64>,
    /// Sampling temperature set for this model in `agents.defaults.models`.
    pub temperature: Option<f64>,
    /// `5m` or `1h`: how long Anthropic keeps the prompt cached.
    pub cache_ttl: Option<String>,
    /// How long Ollama keeps the model loaded after a request: `30m`, `0`, or a negative number for ever.
    pub keep_alive: Option<String>,
    /// The most seconds one request may take in all.
    pub timeout: Option<Duration>,
    /// The program that serves it, where that is known.
    pub server: Option<ServerKind>,
    /// What this server and model were found to need of a request.
    pub repairs: Repairs,
    /// How many parameters it has, where its server tells.
    pub parameters: Option<u64>,
    /// How many requests its server answers at the same time, as configured or told by the server.
    pub slots: Option<u32>,
    /// The slot of the server that this request should use (llama.cpp's `id_slot`); `None` leaves it to the server.
    pub slot: Option<u32>,
    /// Where the key that signs this request comes from; `None` means the provider's first.
    pub credential: Option<CredentialSource>,
}

/// Domains that the public name service never answers for (RFC 6761, 6762, 8375 and ICANN's `internal`), and the one
/// that home routers hand out.
const LOCAL_DOMAINS: [&str; 5] = [".localhost", ".local", ".home.arpa", ".internal", ".lan"];

impl Model {
    /// Takes on the form that its server was found to need. What the owner says of tools stays.
    pub(crate) fn apply(&mut self, repairs: Repairs) {
        if let Some(api) = repairs.api {
            self.api = api;
        }
        self.repairs = repairs;
        self.repairs.tools_as_text |= self.compat.supports_tools == Some(false);
    }

    /// The context window, where it is known.
    pub(crate) fn window(&self) -> Option<u64> {
        (self.context_source != Source::Guess).then_some(self.context_window)
    }

    /// Whether each of its base URLs points at this machine or its local network by name.
    pub fn is_local(&self) -> bool {
        self.api == Api::Engine
            || is_local_address(&self.base_url)
                && self.base_urls.iter().all(|url| is_local_address(url))
    }
}

/// Whether a base URL points at this machine or its local network by name.
pub(crate) fn is_local_address(base_url: &str) -> bool {
    let Ok(url) = url::Url::parse(base_url) else {
        return false;
    };
    match url.host() {
        Some(url::Host::Domain(host)) => {
            !host.contains('.') || LOCAL_DOMAINS.iter().any(|domain| host.ends_with(domain))
        }
        Some(url::Host::Ipv4(ip)) => {
            ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_unspecified()
        }
        Some(url::Host::Ipv6(ip)) => {
            ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local()
        }
        None => false,
    }
}
