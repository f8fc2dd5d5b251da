//! What a model is told before the conversation: frozen when a session begins, so that every server can keep what it has
//! read.

use moltbot_llm::ToolSpec;
use moltbot_store::NewEntry;
use serde::{Deserialize, Serialize};

/// The kind of entries that hold a [`Prompt`].
pub(crate) const PROMPT: &str = "prompt";

/// The system prompt of a session and the tools that it was offered. Holds nothing that changes from turn to turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Prompt {
    /// The system prompt.
    pub(crate) system: String,
    /// The tools, in the order in which they are offered.
    pub(crate) tools: Vec<ToolSpec>,
}

impl Prompt {
    /// As an entry of the transcript.
    pub(crate) fn entry(&self) -> NewEntry {
        // String keys only, so it always serialises.
        NewEntry::new(PROMPT, serde_json::to_string(self).unwrap_or_default())
    }
}

/// What the model is told about itself.
const SYSTEM: &str = "You are Moltbot, a personal assistant that runs on its owner's own machine. \
You are talking with your owner. Answer in the language you are spoken to, directly and briefly; \
when you do not know something, say so.";

/// The system prompt of an agent.
pub fn system_prompt() -> &'static str {
    SYSTEM
}
