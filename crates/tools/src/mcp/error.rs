//! What goes wrong with a server.

use std::time::Duration;

use moltbot_llm::innermost_cause;
use thiserror::Error;

/// Why a server's tools are not there, or a call of one was not done. `Display` says it to the owner.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("The MCP server \"{server}\" {problem}")]
pub struct McpError {
    /// Its name in the configuration.
    pub server: String,
    /// What happened.
    pub problem: Problem,
}

/// What happened to a server.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Problem {
    /// No server of this name is configured, or it is switched off.
    #[error("is not configured or is switched off; see moltbot mcp list for those that are.")]
    Unknown,
    /// Its program could not be started.
    #[error("could not be started: {program}: {reason}. Check its command and cwd.")]
    Start {
        /// The program.
        program: String,
        /// What the system says.
        reason: String,
    },
    /// It did not begin a conversation.
    #[error("did not answer as an MCP server: {reason}.{last_words} Check its command or url.")]
    Handshake {
        /// What the protocol's library says.
        reason: String,
        /// What it printed last, as a sentence; empty where it printed nothing.
        last_words: String,
    },
    /// What happened to it a short while ago, in the words of then.
    #[error("{0}")]
    Earlier(String),
    /// It asks for a login.
    #[error(
        "asks for a login (OAuth), which this program does not do; put a token into its headers, such as \"Authorization\": \"Bearer …\"."
    )]
    Login,
    /// It was not ready in time.
    #[error(
        "had not told its tools after {} s.{last_words} Raise its startSeconds if it only needs longer.",
        .limit.as_secs()
    )]
    StartTimeout {
        /// The limit.
        limit: Duration,
        /// What it printed last, as a sentence; empty where it printed nothing.
        last_words: String,
    },
    /// It told no list of tools.
    #[error("did not tell its tools: {0}.")]
    Listing(String),
    /// It refused a call.
    #[error("refused the call: {0}")]
    Refused(String),
    /// It did not answer a call in time.
    #[error(
        "did not answer within {} s; the call was cancelled, but may have been done in part. The owner can raise its timeoutSeconds.",
        .0.as_secs()
    )]
    CallTimeout(Duration),
    /// It ended during a call.
    #[error(
        "ended during the call, which may or may not have been done. The next call starts it again."
    )]
    Ended,
    /// A call did not reach it.
    #[error("could not be reached: {0}.")]
    Unreachable(String),
    /// It wants to be answered before it goes on.
    #[error("asked something back during the call, which this program does not do.")]
    AskedBack,
}

impl Problem {
    /// The same of a server.
    pub(super) fn of(self, server: &str) -> McpError {
        McpError {
            server: server.to_owned(),
            problem: self,
        }
    }
}

/// What lies at the bottom of an error, in one line without a full stop.
pub(super) fn cause(error: &dyn std::error::Error) -> String {
    super::listing::one_line(&innermost_cause(error), 400)
        .trim_end_matches('.')
        .to_owned()
}
