//! `models`: the servers that think, and the models they offer.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::service::Service;

section! {
    /// Model providers, beside the built-in ones.
    pub struct Models {
        /// How these providers join those already known: `merge` adds them, `replace` forgets the
        /// others. Default: merge.
        pub mode: Option<ModelsMode>,
        /// Providers by id. The id is the first part of a model reference (`lmstudio/qwen3`).
        pub providers: Option<BTreeMap<String, Provider>>,
        /// Looking up the models of an AWS account.
        pub bedrock_discovery: Option<BedrockDiscovery>,
    }
}

choice! {
    /// How configured providers join those already known.
    pub enum ModelsMode {
        /// Known providers stay; one with the same id is replaced.
        Merge = "merge",
        /// Only the configured providers count.
        Replace = "replace",
    }
}

section! {
    /// One server that offers models.
    pub struct Provider {
        required {
            /// Address of the server's API. For OpenAI-style servers it ends in `/v1`.
            #[schemars(length(min = 1))]
            pub base_url: String,
            /// The models used on this server. An empty list only changes the address and headers
            /// of a built-in provider.
            pub models: Vec<ProviderModel>,
        }
        /// Addresses of further servers that offer the same models (a second Mac Studio, say).
        /// `baseUrl` is the first; it may be listed here again. A conversation stays with the
        /// server that has read it, others go where there is least to do.
        #[schemars(inner(length(min = 1)))]
        pub base_urls: Option<Vec<String>>,
        /// How many requests each of these servers answers at the same time; further ones wait
        /// here. For llama.cpp's server no more than its `--parallel`. Default: what the server
        /// says, else 4 for a server on the local network and 16 for one elsewhere.
        #[schemars(range(min = 1))]
        pub slots: Option<u32>,
        /// Key sent to the server, or the name of the environment variable that holds it.
        pub api_key: Option<String>,
        /// How requests are authenticated. Default: api-key.
        pub auth: Option<ProviderAuth>,
        /// Wire format that the server speaks, unless a model says otherwise.
        pub api: Option<Api>,
        /// Extra HTTP headers sent with every request to this server.
        pub headers: Option<BTreeMap<String, String>>,
        /// Also send the key as `Authorization: Bearer`, beside the wire format's own header.
        /// Default: false.
        pub auth_header: Option<bool>,
        /// Longest time that one request to this server may take, in seconds. Default: no limit of
        /// its own; the limit of the whole run applies.
        #[schemars(range(min = 1))]
        pub timeout_seconds: Option<u64>,
        /// The server as a program that is started when it is needed, and stopped when it is idle.
        pub service: Option<Service>,
        /// Where this server stands, in a word of your choosing such as `eu` or `us`: agents and
        /// sessions can be bound to it. Default: `local` for addresses of this machine and its
        /// network, else unknown.
        #[schemars(length(min = 1))]
        pub region: Option<String>,
        /// Parameters sent with every request to this server. `provider`: OpenRouter's routing
        /// wishes (`order`, `only`, `ignore`, `allow_fallbacks`, `data_collection`, `zdr`, …).
        pub params: Option<BTreeMap<String, Value>>,
        /// How long a server that speaks `ollama` keeps a model loaded after a request: a number
        /// of seconds, or one with a unit (`30m`, `24h`); 0 unloads at once, -1 never does.
        /// Default: the server's own, five minutes.
        #[schemars(regex(pattern = r"^-?[0-9]+(ms|s|m|h)?$"))]
        pub keep_alive: Option<String>,
    }
}

impl Provider {
    /// How requests are authenticated.
    pub fn auth(&self) -> ProviderAuth {
        self.auth.unwrap_or(ProviderAuth::ApiKey)
    }

    /// Whether the key is also sent as `Authorization: Bearer`.
    pub fn auth_header(&self) -> bool {
        self.auth_header.unwrap_or(false)
    }

    /// Longest time that one request may take, where the owner set one.
    pub fn timeout(&self) -> Option<Duration> {
        self.timeout_seconds.map(Duration::from_secs)
    }

    /// The addresses of all servers that offer the models, `baseUrl` first, as written.
    pub fn addresses(&self) -> impl Iterator<Item = &str> {
        let further = self.base_urls.iter().flatten();
        std::iter::once(&self.base_url)
            .chain(further)
            .map(String::as_str)
    }

    /// The listed model with this id (exact spelling).
    pub fn model(&self, id: &str) -> Option<&ProviderModel> {
        self.models.iter().find(|model| model.id == id)
    }

    /// Wire format for a model: its own, else the provider's; `None` when neither says.
    pub fn api_for(&self, model: &ProviderModel) -> Option<Api> {
        model.api.or(self.api)
    }

    /// Extra headers for a model: the provider's, with the model's own on top.
    pub fn headers_for(&self, model: &ProviderModel) -> BTreeMap<String, String> {
        let mut headers = self.headers.clone().unwrap_or_default();
        headers.extend(model.headers.clone().unwrap_or_default());
        headers
    }
}

choice! {
    /// How requests to a provider are authenticated.
    pub enum ProviderAuth {
        /// A fixed key.
        ApiKey = "api-key",
        /// The AWS credential chain.
        AwsSdk = "aws-sdk",
        /// A login whose token is renewed.
        Oauth = "oauth",
        /// A bearer token that is never renewed.
        Token = "token",
    }
}

choice! {
    /// The wire format of a model server.
    pub enum Api {
        /// OpenAI's `POST /chat/completions`.
        OpenaiCompletions = "openai-completions",
        /// OpenAI's `POST /responses`.
        OpenaiResponses = "openai-responses",
        /// Anthropic's `POST /v1/messages`.
        AnthropicMessages = "anthropic-messages",
        /// Google's `streamGenerateContent`.
        GoogleGenerativeAi = "google-generative-ai",
        /// GitHub Copilot, after a token exchange.
        GithubCopilot = "github-copilot",
        /// AWS Bedrock's converse stream.
        BedrockConverseStream = "bedrock-converse-stream",
        /// Ollama's own `POST /api/chat`.
        Ollama = "ollama",
    }
}

section! {
    /// One model of a provider.
    pub struct ProviderModel {
        required {
            /// The model's id as the server knows it.
            #[schemars(length(min = 1))]
            pub id: String,
            /// The model's name as people see it.
            #[schemars(length(min = 1))]
            pub name: String,
        }
        /// Wire format for this model, when it differs from the provider's.
        pub api: Option<Api>,
        /// Whether the model thinks before it answers. Default: false.
        pub reasoning: Option<bool>,
        /// What the model can read. Default: text only.
        pub input: Option<Vec<Input>>,
        /// Price per million tokens. Default: free.
        pub cost: Option<Cost>,
        /// Tokens that fit into one conversation, question and answer together. Default: 200000.
        #[schemars(range(min = 1))]
        pub context_window: Option<u64>,
        /// Most tokens in one answer. Default: 8192, or the context window if that is smaller.
        #[schemars(range(min = 1))]
        pub max_tokens: Option<u64>,
        /// Extra HTTP headers for this model, on top of the provider's.
        pub headers: Option<BTreeMap<String, String>>,
        /// Where this model is hosted, when that differs from its provider's region.
        #[schemars(length(min = 1))]
        pub region: Option<String>,
        /// What this server does differently from the wire format.
        pub compat: Option<Compat>,
    }
}

impl ProviderModel {
    /// Context window where none is configured, in tokens.
    pub const DEFAULT_CONTEXT_WINDOW: u64 = 200_000;
    /// Longest answer where none is configured, in tokens.
    pub const DEFAULT_MAX_TOKENS: u64 = 8_192;

    /// Whether the model thinks before it answers.
    pub fn reasoning(&self) -> bool {
        self.reasoning.unwrap_or(false)
    }

    /// What the model can read.
    pub fn input(&self) -> &[Input] {
        self.input.as_deref().unwrap_or(&[Input::Text])
    }

    /// Whether the model can be shown pictures.
    pub fn reads_images(&self) -> bool {
        self.input().contains(&Input::Image)
    }

    /// Price per million tokens, zero where none is given.
    pub fn cost(&self) -> Cost {
        self.cost.clone().unwrap_or_default()
    }

    /// Tokens that fit into one conversation.
    pub fn context_window(&self) -> u64 {
        self.context_window.unwrap_or(Self::DEFAULT_CONTEXT_WINDOW)
    }

    /// Most tokens in one answer.
    pub fn max_tokens(&self) -> u64 {
        self.max_tokens
            .unwrap_or_else(|| Self::DEFAULT_MAX_TOKENS.min(self.context_window()))
    }
}

choice! {
    /// A kind of input that a model can read.
    pub enum Input {
        /// Text.
        Text = "text",
        /// Pictures.
        Image = "image",
    }
}

section! {
    /// Price per million tokens, in the provider's currency.
    pub struct Cost {
        /// Tokens sent. Default: 0.
        pub input: Option<f64>,
        /// Tokens answered. Default: 0.
        pub output: Option<f64>,
        /// Tokens read from the server's cache. Default: 0.
        pub cache_read: Option<f64>,
        /// Tokens written to the server's cache. Default: 0.
        pub cache_write: Option<f64>,
    }
}

impl Cost {
    /// Price per million tokens sent.
    pub fn input(&self) -> f64 {
        self.input.unwrap_or(0.0)
    }

    /// Price per million tokens answered.
    pub fn output(&self) -> f64 {
        self.output.unwrap_or(0.0)
    }

    /// Price per million tokens read from the server's cache.
    pub fn cache_read(&self) -> f64 {
        self.cache_read.unwrap_or(0.0)
    }

    /// Price per million tokens written to the server's cache.
    pub fn cache_write(&self) -> f64 {
        self.cache_write.unwrap_or(0.0)
    }
}

section! {
    /// What a server does differently from its wire format. Unset: asked of the server.
    pub struct Compat {
        /// Whether the server takes the `store` field.
        pub supports_store: Option<bool>,
        /// Whether the server takes the `developer` role.
        pub supports_developer_role: Option<bool>,
        /// Whether the server takes `reasoning_effort`.
        pub supports_reasoning_effort: Option<bool>,
        /// Whether the server takes tools for this model. Where it does not, they are told of in the
        /// system prompt and called in text.
        pub supports_tools: Option<bool>,
        /// Field in which the server takes the limit of the answer. Default: max_tokens, and
        /// max_completion_tokens for OpenAI itself.
        pub max_tokens_field: Option<MaxTokensField>,
    }
}

choice! {
    /// The field that limits the length of an answer.
    pub enum MaxTokensField {
        /// The newer OpenAI name.
        MaxCompletionTokens = "max_completion_tokens",
        /// The older name, which most local servers know.
        MaxTokens = "max_tokens",
    }
}

section! {
    /// Looking up the models of an AWS account.
    pub struct BedrockDiscovery {
        /// Whether to look them up. Default: when AWS credentials are found.
        pub enabled: Option<bool>,
        /// AWS region. Default: `AWS_REGION`, `AWS_DEFAULT_REGION`, else us-east-1.
        pub region: Option<String>,
        /// Only models of these makers. Default: all.
        pub provider_filter: Option<Vec<String>>,
        /// Seconds until the list is asked for again; 0 asks every time. Default: 3600.
        pub refresh_interval: Option<u64>,
        /// Context window assumed for a model that does not tell, in tokens.
        #[schemars(range(min = 1))]
        pub default_context_window: Option<u64>,
        /// Longest answer assumed for a model that does not tell, in tokens.
        #[schemars(range(min = 1))]
        pub default_max_tokens: Option<u64>,
    }
}

impl Models {
    /// How these providers join those already known.
    pub fn mode(&self) -> ModelsMode {
        self.mode.unwrap_or(ModelsMode::Merge)
    }
}
