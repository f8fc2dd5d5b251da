//! What a model is told of something that was not done.

use std::error::Error;

use moltbot_agent::ToolOutput;
use moltbot_llm::{Content, Provenance};

/// Why it was not done, in the program's words, and what a file says about it.
#[derive(Debug)]
pub(crate) struct Refusal {
    reason: String,
    quoted: Option<Content>,
}

impl Refusal {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            quoted: None,
        }
    }

    /// The same with words of a file behind it, and where those come from.
    pub(crate) fn quoting(mut self, words: String, from: Provenance) -> Self {
        self.quoted = Some(Content::text(words, from));
        self
    }
}

impl<E: Error> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self::new(error.to_string())
    }
}

impl From<Refusal> for ToolOutput {
    fn from(refusal: Refusal) -> Self {
        let mut output = Self::text(refusal.reason, Provenance::Program).failed();
        output.content.extend(refusal.quoted);
        output
    }
}
