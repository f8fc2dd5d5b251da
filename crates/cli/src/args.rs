//! The command line, as clap reads it.

mod approvals;
mod guard;
mod models;

use clap::{Args as ClapArgs, Parser, Subcommand};
use moltbot_llm::ThinkingLevel;

pub(crate) use approvals::{AllowlistCommand, ApprovalsCommand, ApprovalsSetArgs};
pub(crate) use guard::{
    GuardCommand, GuardExplainArgs, PairingCommand, SandboxCommand, SandboxExplainArgs,
    SandboxRecreateArgs, SecretsCommand, SecurityAuditArgs, SecurityCommand,
};
pub(crate) use models::{
    AddArgs, AliasesCommand, AuthCommand, CooldownCommand, FallbacksCommand, FormatArgs,
    ModelsArgs, ModelsCommand, OrderCommand, ProbeArgs,
};

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
