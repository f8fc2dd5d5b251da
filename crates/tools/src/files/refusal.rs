//! What a model is told of something that was not done.

use std::error::Error;

use moltbot_agent::ToolOutput;
use moltbot_llm::{Content, Provenance};

/// Why it was not done, in the program's words, and what a file says about it.
#[derive(Debug)]
pub(crate) struct Refusal {
    reason: String,
    quoted: Option<String>,
}

impl Refusal {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            quoted: None,
        }
    }

    /// The same with words of a file behind it.
    pub(crate) fn quoting(mut self, words: Option<String>) -> Self {
        self.quoted = words;
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
        if let Some(words) = refusal.quoted {
            output
                .content
                .push(Content::text(words, Provenance::OwnFiles));
        }
        output
    }
}
