//! How much a model is told before the conversation.

use std::fmt;

use moltbot_llm::{Model, Source, billions_in_name};
use serde::{Deserialize, Serialize};

/// Models with a smaller context window are told little.
const SMALL_WINDOW: u64 = 33_000;

/// Models with no more parameters are told little, in billions: more instructions make them worse, and on a laptop each
/// token takes its time.
const SMALL_MODEL: f64 = 15.0;

/// How much a model is told before the conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PromptProfile {
    /// Everything.
    Full,
    /// What a small model needs, in few words.
    Lean,
    /// One sentence.
    None,
}

impl PromptProfile {
    /// What suits a model: lean where its context window is small, where its name says that it has few parameters, and
    /// where it runs in the house and nobody knows its window; else full.
    pub fn suiting(model: &Model) -> Self {
        let is_known = model.context_source != Source::Guess;
        let is_small = match billions_in_name(&model.reference.model) {
            Some(parameters) => parameters <= SMALL_MODEL,
            None => false,
        };
        let has_room = match is_known {
            true => model.context_window >= SMALL_WINDOW,
            false => !model.is_local(),
        };
        match has_room && !is_small {
            true => Self::Full,
            false => Self::Lean,
        }
    }

    /// Its name, as in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Lean => "lean",
            Self::None => "none",
        }
    }
}

impl fmt::Display for PromptProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
