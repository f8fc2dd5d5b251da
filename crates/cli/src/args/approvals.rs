//! What `moltbot approvals` takes.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `moltbot approvals`.
#[derive(Debug, Subcommand)]
pub(crate) enum ApprovalsCommand {
    /// What agents wait for your word on.
    List {
        /// What was answered or has expired, too.
        #[arg(long)]
        all: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Allow a call, once. Whoever waits for it goes on; else it is done when the agent asks for it again within the hour.
    Allow {
        /// The id of the question, or how it begins.
        id: String,
        /// From now on, the programs that the command runs.
        #[arg(long)]
        always: bool,
    },
    /// Say no to a call.
    Deny {
        /// The id of the question, or how it begins.
        id: String,
    },
    /// What is allowed for good: exec-approvals.json.
    Get {
        /// Print JSON on one line.
        #[arg(long)]
        json: bool,
    },
    /// Put another exec-approvals.json in place of the present one.
    Set(ApprovalsSetArgs),
    /// Programs that agents may run unasked.
    Allowlist {
        #[command(subcommand)]
        command: AllowlistCommand,
    },
}

/// `moltbot approvals set`.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct ApprovalsSetArgs {
    /// The new content.
    #[arg(long, value_name = "PATH")]
    pub(crate) file: Option<PathBuf>,
    /// Read the new content from standard input.
    #[arg(long)]
    pub(crate) stdin: bool,
}

/// `moltbot approvals allowlist`.
#[derive(Debug, Subcommand)]
pub(crate) enum AllowlistCommand {
    /// Allow a program by its whole path; * stands for anything within a folder, ** for any folders.
    Add(PatternArgs),
    /// Take a pattern off the list.
    Remove(PatternArgs),
}

/// A pattern of a list.
#[derive(Debug, Args)]
pub(crate) struct PatternArgs {
    /// The pattern, such as /usr/bin/rg.
    pub(crate) pattern: String,
    /// Whose list; * is everybody's.
    #[arg(long, value_name = "ID", default_value = "*")]
    pub(crate) agent: String,
}
