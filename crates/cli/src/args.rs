//! The command line, as clap reads it.

mod approvals;

use clap::{Args as ClapArgs, Parser, Subcommand};
use moltbot_llm::{Api, ThinkingLevel};

pub(crate) use approvals::{AllowlistCommand, ApprovalsCommand, ApprovalsSetArgs};

/// A personal assistant that lives on your own machine and thinks with models on hardware you own.
#[derive(Debug, Parser)]
#[command(
    name = "moltbot",
    version,
    disable_version_flag = true,
    max_term_width = 100
)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags that stand before the command.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct Globals {
    /// Use the profile `dev`: state in ~/.clawdbot-dev.
    #[arg(long)]
    pub(crate) dev: bool,
    /// Use another installation: state in ~/.clawdbot-NAME.
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// No colours.
    #[arg(long, global = true)]
    pub(crate) no_color: bool,
    /// Print the version.
    #[arg(short = 'V', short_alias = 'v', long, action = clap::ArgAction::Version)]
    version: Option<bool>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Talk with the assistant in this terminal.
    Chat(ChatArgs),
    /// Ask once and print the answer.
    Agent(AgentArgs),
    /// Models: list, choose, pull.
    Models(ModelsArgs),
    /// What models are told before a conversation.
    Prompt {
        #[command(subcommand)]
        command: PromptCommand,
    },
    /// What agents may do unasked, and why.
    Guard {
        #[command(subcommand)]
        command: GuardCommand,
    },
    /// What agents ask you about, and what they may do for good.
    Approvals {
        #[command(subcommand)]
        command: ApprovalsCommand,
    },
    /// What confines the commands of a conversation.
    Sandbox {
        #[command(subcommand)]
        command: SandboxCommand,
    },
    /// The agent's notes: what is indexed, and searching them.
    Memory {
        #[command(subcommand)]
        command: MemoryCommand,
    },
    /// Servers that bring tools of their own (mcp.servers).
    Mcp {
        #[command(subcommand)]
        command: McpCommand,
    },
    /// Strangers who ask to be let in.
    Pairing {
        #[command(subcommand)]
        command: PairingCommand,
    },
    /// Secrets in the system's keyring, for ${keyring:NAME} in the configuration.
    Secrets {
        #[command(subcommand)]
        command: SecretsCommand,
    },
    /// What in settings and files makes it easier to be harmed.
    Security {
        #[command(subcommand)]
        command: SecurityCommand,
    },
    /// Read and change the configuration.
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Check the configuration, the model servers, credentials, disk and memory.
    Doctor(DoctorArgs),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// The process that starts and stops one model server.
    #[command(hide = true)]
    ServiceKeeper {
        /// The provider's id, for whoever reads the list of processes.
        provider: String,
    },
    /// The process that reads one document.
    #[command(hide = true)]
    DocumentWorker,
    /// The process that confines itself and becomes a command.
    #[command(hide = true)]
    Sandboxed {
        /// What is granted, as JSON.
        plan: String,
        /// The program and its arguments.
        #[arg(last = true, required = true)]
        program: Vec<String>,
    },
    /// The process that tries out a sandbox from inside.
    #[command(hide = true)]
    SandboxTrial {
        /// What is granted, as JSON.
        plan: String,
        /// A folder that is not granted.
        outside: std::path::PathBuf,
    },
    /// The engine's own process.
    #[cfg(feature = "engine")]
    #[command(hide = true)]
    EngineWorker,
}

/// `moltbot chat`.
#[derive(Debug, ClapArgs)]
pub(crate) struct ChatArgs {
    /// The model for this chat: provider/model or an alias.
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Option<String>,
    /// The session: its id, its key, or a name of your own.
    #[arg(long, value_name = "SESSION")]
    pub(crate) session: Option<String>,
    /// The agent that answers.
    #[arg(long, value_name = "ID")]
    pub(crate) agent: Option<String>,
    /// How much the model thinks: off, minimal, low, medium, high, xhigh.
    #[arg(long, value_name = "LEVEL")]
    pub(crate) thinking: Option<ThinkingLevel>,
    /// Show the model's reasoning.
    #[arg(long)]
    pub(crate) reasoning: bool,
}

/// `moltbot agent`.
#[derive(Debug, ClapArgs)]
pub(crate) struct AgentArgs {
    /// What to ask.
    #[arg(short, long, value_name = "TEXT")]
    pub(crate) message: String,
    /// The session: its id, its key, or a name of your own. Left out: the agent's main session.
    #[arg(long, value_name = "SESSION")]
    pub(crate) session_id: Option<String>,
    /// The agent that answers.
    #[arg(long, value_name = "ID")]
    pub(crate) agent: Option<String>,
    /// The model for this turn: provider/model or an alias.
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Option<String>,
    /// How much the model thinks: off, minimal, low, medium, high, xhigh.
    #[arg(long, value_name = "LEVEL")]
    pub(crate) thinking: Option<ThinkingLevel>,
    /// Where this session may go from now on: local, regions or providers, comma-separated; "anywhere" lifts its bound.
    #[arg(long, value_name = "PLACES")]
    pub(crate) places: Option<String>,
    /// The most seconds the whole turn may take. Default: agents.defaults.timeoutSeconds, or 600.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) timeout: Option<u64>,
    /// Run in this process. It always does: there is no gateway yet to hand the turn to.
    #[arg(long, hide = true)]
    pub(crate) local: bool,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

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

/// `moltbot prompt …`.
#[derive(Debug, Subcommand)]
pub(crate) enum PromptCommand {
    /// Print it with the tokens of each part, and what the last turn cost and read again.
    Show(PromptShowArgs),
}

/// `moltbot prompt show`.
#[derive(Debug, ClapArgs)]
pub(crate) struct PromptShowArgs {
    /// The agent.
    #[arg(long, value_name = "ID")]
    pub(crate) agent: Option<String>,
    /// The session: its id, its key, or a name of your own. Left out: the agent's main session.
    #[arg(long, value_name = "SESSION")]
    pub(crate) session_id: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `moltbot guard …`.
#[derive(Debug, Subcommand)]
pub(crate) enum GuardCommand {
    /// What would be decided about a call of a tool, and why. Nothing is done.
    Explain(GuardExplainArgs),
}

/// `moltbot guard explain`.
#[derive(Debug, ClapArgs)]
pub(crate) struct GuardExplainArgs {
    /// The tool.
    pub(crate) tool: String,
    /// Its arguments, as JSON.
    #[arg(default_value = "{}")]
    pub(crate) arguments: String,
    /// The agent.
    #[arg(long, value_name = "ID")]
    pub(crate) agent: Option<String>,
    /// The session: its id, its key, or a name of your own. Left out: the agent's main session.
    #[arg(long, value_name = "SESSION")]
    pub(crate) session_id: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `moltbot sandbox …`.
#[derive(Debug, Subcommand)]
pub(crate) enum SandboxCommand {
    /// What holds for a conversation, and whether it really does: it is tried out from inside.
    Explain(SandboxExplainArgs),
    /// The containers that this installation has made.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Remove containers, with what runs in them. The next command makes them anew.
    Recreate(SandboxRecreateArgs),
}

/// `moltbot sandbox recreate`.
#[derive(Debug, ClapArgs)]
#[group(required = true, multiple = false)]
pub(crate) struct SandboxRecreateArgs {
    /// All of them.
    #[arg(long)]
    pub(crate) all: bool,
    /// The one of this session: its key, or a name of your own.
    #[arg(long, value_name = "SESSION")]
    pub(crate) session: Option<String>,
    /// Those of this agent.
    #[arg(long, value_name = "ID")]
    pub(crate) agent: Option<String>,
}

/// `moltbot sandbox explain`.
#[derive(Debug, ClapArgs)]
pub(crate) struct SandboxExplainArgs {
    /// The session: its key, or a name of your own. Left out: the agent's main session.
    #[arg(long, value_name = "SESSION")]
    pub(crate) session: Option<String>,
    /// The agent.
    #[arg(long, value_name = "ID")]
    pub(crate) agent: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `moltbot mcp`.
#[derive(Debug, Subcommand)]
pub(crate) enum McpCommand {
    /// The servers, where they stand, and the tools that they bring. Starts none.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Ask a server for its tools now, starting it if need be.
    Probe {
        /// Its name in mcp.servers.
        name: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// `moltbot pairing`.
#[derive(Debug, Subcommand)]
pub(crate) enum PairingCommand {
    /// Who waits for your word, with their codes.
    List {
        /// The channel: telegram, whatsapp, …
        channel: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Let in whoever was told this code. Holds from their next message on.
    Approve {
        /// The channel: telegram, whatsapp, …
        channel: String,
        /// The code, eight characters.
        code: String,
    },
}

/// `moltbot memory …`.
#[derive(Debug, Subcommand)]
pub(crate) enum MemoryCommand {
    /// What is indexed, of each agent.
    Status {
        /// Only this agent.
        #[arg(long, value_name = "ID")]
        agent: Option<String>,
        /// Bring the index up to date first.
        #[arg(long)]
        index: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Bring the index up to date with the files.
    Index {
        /// Only this agent. Left out: all.
        #[arg(long, value_name = "ID")]
        agent: Option<String>,
        /// Read every file again, changed or not.
        #[arg(long)]
        force: bool,
    },
    /// Search the notes as the agent does.
    Search {
        /// What to look for.
        query: String,
        /// The agent whose notes are searched.
        #[arg(long, value_name = "ID")]
        agent: Option<String>,
        /// The most results. Default: memorySearch.query.maxResults, or 6.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=50))]
        max_results: Option<u16>,
        /// The least score of a result, 0 to 1.
        #[arg(long, value_name = "SCORE")]
        min_score: Option<f64>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// `moltbot config …`.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Check the file and name everything that is wrong with it.
    Validate {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print a value, defaults not filled in.
    Get {
        /// Where, such as agents.defaults.model.primary.
        path: String,
        /// Print JSON, scalars too.
        #[arg(long)]
        json: bool,
    },
    /// Change a value; comments, order and formatting of the file stay.
    Set {
        /// Where, such as agents.defaults.model.primary.
        path: String,
        /// JSON5, or plain text.
        value: String,
        /// Refuse a value that is not JSON5.
        #[arg(long)]
        json: bool,
    },
    /// Take a value out.
    Unset {
        /// Where, such as models.providers.box.
        path: String,
    },
    /// Print the JSON Schema of the configuration.
    Schema,
    /// Print the path of the configuration file.
    File,
}

/// `moltbot doctor`.
#[derive(Debug, ClapArgs)]
pub(crate) struct DoctorArgs {
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `moltbot secrets`.
#[derive(Debug, Subcommand)]
pub(crate) enum SecretsCommand {
    /// Store a secret, typed unseen or from standard input, and print the reference to it.
    Set {
        /// Its name: letters, digits and . _ @ / : + -
        name: String,
    },
    /// Remove a secret.
    Remove {
        /// Its name.
        name: String,
    },
}

/// `moltbot security`.
#[derive(Debug, Subcommand)]
pub(crate) enum SecurityCommand {
    /// Look for settings, permissions and models that make it easier to be harmed.
    Audit(SecurityAuditArgs),
}

/// `moltbot security audit`.
#[derive(Debug, ClapArgs)]
pub(crate) struct SecurityAuditArgs {
    /// Also look for secrets in workspaces and logs.
    #[arg(long)]
    pub(crate) deep: bool,
    /// First put right what can be: log masking, open groups, permissions.
    #[arg(long)]
    pub(crate) fix: bool,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
