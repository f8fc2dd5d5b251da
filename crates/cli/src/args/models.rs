//! What `moltbot models` takes.

use clap::{Args as ClapArgs, Subcommand};
use moltbot_llm::Api;

/// `moltbot models`.
#[derive(Debug, ClapArgs)]
pub(crate) struct ModelsArgs {
    #[command(subcommand)]
    pub(crate) command: Option<ModelsCommand>,
}

/// How `models list` and `models status` print.
#[derive(Debug, Clone, Copy, Default, ClapArgs)]
pub(crate) struct FormatArgs {
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Print only names, one a line.
    #[arg(long)]
    pub(crate) plain: bool,
}

/// `moltbot models …`; without a command, `status`.
#[derive(Debug, Subcommand)]
pub(crate) enum ModelsCommand {
    /// The models you configured or installed; with --all, those of the built-in catalog too.
    List {
        /// All models of the catalog.
        #[arg(long)]
        all: bool,
        /// Only models on this machine or its local network.
        #[arg(long)]
        local: bool,
        /// Only models of this provider.
        #[arg(long, value_name = "ID")]
        provider: Option<String>,
        #[command(flatten)]
        format: FormatArgs,
    },
    /// The default model, its fallbacks, aliases and credentials.
    Status {
        #[command(flatten)]
        format: FormatArgs,
        /// Exit with 1 when a credential in use is missing or has expired, with 2 when one expires within a day.
        #[arg(long)]
        check: bool,
    },
    /// Ask model servers what they are, what they have loaded, with how much context, and how they take tools.
    ///
    /// Loaded models are asked a few short questions, which costs some hundred tokens each; hosted ones only where you
    /// name them. What comes out is kept, and turns go by it.
    Probe(ProbeArgs),
    /// Write a model server into the configuration, with the models that it really has.
    Add(AddArgs),
    /// Make a model the default.
    Set {
        /// provider/model or an alias.
        model: String,
    },
    /// Other names for models.
    Aliases {
        #[command(subcommand)]
        command: AliasesCommand,
    },
    /// The models tried when the default fails.
    Fallbacks {
        #[command(subcommand)]
        command: FallbacksCommand,
    },
    /// What is left alone for a while because it failed.
    Cooldown {
        #[command(subcommand)]
        command: CooldownCommand,
    },
    /// The stored credentials of providers.
    Auth {
        #[command(subcommand)]
        command: AuthCommand,
    },
    /// Fetch a model that runs inside moltbot: an id of `models recommend`, hf:OWNER/REPO/FILE.gguf, or a path.
    Pull {
        /// What to fetch.
        model: String,
    },
    /// The best model for this machine's memory, and why.
    Recommend {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// `moltbot models probe`.
#[derive(Debug, ClapArgs)]
pub(crate) struct ProbeArgs {
    /// A provider, provider/model or an alias. Left out: the servers of the default model and its fallbacks.
    #[arg(value_name = "PROVIDER|MODEL")]
    pub(crate) target: Option<String>,
    /// Ask no model anything: spends no tokens.
    #[arg(long)]
    pub(crate) passive: bool,
    /// Ask models that are not loaded too, which loads them.
    #[arg(long, conflicts_with = "passive")]
    pub(crate) load: bool,
    /// Print JSON, with the source of each figure.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `moltbot models add`.
#[derive(Debug, ClapArgs)]
pub(crate) struct AddArgs {
    /// Where the server is, such as http://127.0.0.1:1234/v1.
    pub(crate) base_url: String,
    /// The provider's id. Left out: the server's name, such as lmstudio or vllm.
    #[arg(long, value_name = "PROVIDER")]
    pub(crate) id: Option<String>,
    /// The dialect: openai-completions, openai-responses or anthropic-messages. Left out: what suits the server.
    #[arg(long, value_name = "API", value_parser = api)]
    pub(crate) api: Option<Api>,
    /// The API key, or ${NAME} for an environment variable.
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// Write over a provider of the same id.
    #[arg(long)]
    pub(crate) yes: bool,
    /// Make its loaded model the default.
    #[arg(long)]
    pub(crate) set_default: bool,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

fn api(text: &str) -> Result<Api, String> {
    let apis = [
        Api::OpenAiCompletions,
        Api::OpenAiResponses,
        Api::AnthropicMessages,
    ];
    apis.into_iter()
        .find(|api| api.as_str() == text)
        .ok_or_else(|| format!("choose {}, {} or {}", apis[0], apis[1], apis[2]))
}

/// `moltbot models aliases …`.
#[derive(Debug, Subcommand)]
pub(crate) enum AliasesCommand {
    /// All aliases.
    List {
        #[command(flatten)]
        format: FormatArgs,
    },
    /// Give a model another name.
    Add {
        /// The name: letters, digits, `_`, `.`, `:` and `-`.
        alias: String,
        /// provider/model.
        model: String,
    },
    /// Take a name away.
    Remove {
        /// The name.
        alias: String,
    },
}

/// `moltbot models fallbacks …`.
#[derive(Debug, Subcommand)]
pub(crate) enum FallbacksCommand {
    /// The fallbacks, in order.
    List {
        #[command(flatten)]
        format: FormatArgs,
    },
    /// Try this model last.
    Add {
        /// provider/model or an alias.
        model: String,
    },
    /// No longer try this model.
    Remove {
        /// provider/model or an alias.
        model: String,
    },
    /// No fallbacks at all.
    Clear,
}

/// `moltbot models cooldown …`.
#[derive(Debug, Subcommand)]
pub(crate) enum CooldownCommand {
    /// Models and credentials that are left alone, until when and why.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Ask them again at once.
    Reset {
        /// A provider, provider/model or an alias. Left out: all.
        #[arg(value_name = "PROVIDER|MODEL|all")]
        target: Option<String>,
    },
}

/// `moltbot models auth …`.
#[derive(Debug, Subcommand)]
pub(crate) enum AuthCommand {
    /// Use refused credentials again at once.
    Reset {
        /// A profile's id or a provider. Left out: all.
        #[arg(value_name = "PROFILE|PROVIDER")]
        target: Option<String>,
    },
    /// The order in which a provider's profiles are tried (auth.order).
    Order {
        #[command(subcommand)]
        command: OrderCommand,
    },
}

/// `moltbot models auth order …`.
#[derive(Debug, Subcommand)]
pub(crate) enum OrderCommand {
    /// Print it.
    Get {
        /// The provider.
        #[arg(long, value_name = "ID")]
        provider: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Try these profiles, in this order, and no others.
    Set {
        /// The provider.
        #[arg(long, value_name = "ID")]
        provider: String,
        /// Profile ids.
        #[arg(required = true, value_name = "PROFILE")]
        profiles: Vec<String>,
    },
    /// Let them take turns again.
    Clear {
        /// The provider.
        #[arg(long, value_name = "ID")]
        provider: String,
    },
}
