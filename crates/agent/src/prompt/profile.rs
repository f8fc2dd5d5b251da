//! How much a model is told before the conversation.

use std::fmt;

use moltbot_llm::{Model, Source};
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
        let is_small = match billions(&model.reference.model) {
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

/// The parameters that a model's name speaks of, in billions: `qwen3-4b` 4, `llama3.2:1b` 1, `mixtral-8x7b` 56,
/// `smollm2-135m` 0.135. Of `qwen3-30b-a3b`, all 30 count: the active ones say how fast it is, not how able.
fn billions(name: &str) -> Option<f64> {
    let lower = name.to_ascii_lowercase();
    let words = lower.split(|c: char| !(c.is_ascii_alphanumeric() || c == '.'));
    words.filter_map(size).reduce(f64::max)
}

fn size(word: &str) -> Option<f64> {
    let (number, unit) = match (word.strip_suffix('b'), word.strip_suffix('m')) {
        (Some(number), _) => (number, 1.0),
        (_, Some(number)) => (number, 1e-3),
        _ => return None,
    };
    // `e4b`: so many effective ones.
    let number = number.strip_prefix('e').unwrap_or(number);
    let factors = number.split('x').map(|factor| {
        let is_number = factor.starts_with(|c: char| c.is_ascii_digit());
        is_number.then(|| factor.parse::<f64>().ok()).flatten()
    });
    let size = factors.reduce(|all, factor| Some(all? * factor?))?? * unit;
    (size > 0.0).then_some(size)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::billions;

    #[test]
    fn names_say_how_large_models_are() {
        for (name, size) in [
            ("qwen3-4b", Some(4.0)),
            ("Qwen2.5-Coder-0.5B-Instruct-Q4_K_M", Some(0.5)),
            ("llama3.2:1b", Some(1.0)),
            ("meta-llama/Llama-3.3-70B-Instruct", Some(70.0)),
            ("mixtral-8x7b", Some(56.0)),
            ("qwen3-30b-a3b", Some(30.0)),
            ("gemma3n:e4b", Some(4.0)),
            ("gpt-oss:20b", Some(20.0)),
            ("SmolLM2-135M-Instruct", Some(0.135)),
            ("gpt-5.2", None),
            ("claude-opus-4-5", None),
            ("glm-4.7", None),
            ("b", None),
            ("xb", None),
            ("0b", None),
        ] {
            assert_eq!(billions(name), size, "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_name_can_be_asked(name in any::<String>()) {
            prop_assert!(billions(&name).is_none_or(|size| size > 0.0));
        }
    }
}
