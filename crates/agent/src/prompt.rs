//! What a model is told before the conversation: frozen when a session begins, so that every server can keep what it has
//! read.

mod build;
mod profile;
mod report;
mod settings;
mod words;

use moltbot_llm::ToolSpec;
use moltbot_store::NewEntry;
use serde::{Deserialize, Serialize};

pub(crate) use build::{Ingredients, safe_window};
pub use profile::PromptProfile;
pub use report::{HiddenToolCost, LastTurn, PromptReport, SectionCost, ToolCost};
pub use settings::PromptSettings;

/// The kind of entries that hold a [`Prompt`].
pub(crate) const PROMPT: &str = "prompt";

/// The system prompt of a session and the tools that it was offered. Holds nothing that changes from turn to turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Prompt {
    /// How much is said.
    pub(crate) profile: PromptProfile,
    /// The system prompt, in its parts.
    pub(crate) sections: Vec<Section>,
    /// The tools, in the order in which they are offered.
    pub(crate) tools: Vec<ToolSpec>,
}

/// A part of a system prompt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Section {
    /// What it is about, for people.
    pub(crate) name: String,
    /// What the model is told.
    pub(crate) text: String,
}

impl Prompt {
    /// As an entry of the transcript.
    pub(crate) fn entry(&self) -> NewEntry {
        // String keys only, so it always serialises.
        NewEntry::new(PROMPT, serde_json::to_string(self).unwrap_or_default())
    }

    /// The system prompt.
    pub(crate) fn system(&self) -> String {
        joined(&self.sections)
    }
}

/// Sections as a model is told them.
fn joined(sections: &[Section]) -> String {
    let texts: Vec<&str> = sections
        .iter()
        .map(|section| section.text.as_str())
        .collect();
    texts.join("\n\n")
}
