//! What the commands take that are about what agents may do, and who may talk with them.

use clap::{Args as ClapArgs, Subcommand};

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
