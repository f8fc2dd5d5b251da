//! Slash commands and directives: what a person orders in a message, read before any queue and any model.
//!
//! [`parse`] reads a message without knowing a conversation; [`Agent::take`](crate::Agent::take) carries out what it orders
//! and says what is to be done next. A surface (a terminal, a channel) needs no commands of its own beyond leaving.

mod approve;
mod context;
mod elevated;
mod known;
mod levels;
mod model;
mod obey;
mod parse;
mod status;
mod subagents;

pub use known::command_names;
pub(crate) use levels::elevated as elevated_level;
pub use levels::{ReasoningLevel, UsageFooter, VerboseLevel};
pub(crate) use obey::RESET_SETTINGS;
pub use obey::{CommandError, Conversation, Next, Peer, Taken, compacted, place_list, stopped};
pub use parse::{Command, Directives, Names, Parsed, parse};
pub use status::short_tokens;

#[cfg(test)]
mod tests;
