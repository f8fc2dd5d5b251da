//! Model references: `provider/model`.

use std::fmt;

use thiserror::Error;

/// A provider's id and a model's id there. The canonical form is `provider/model`; the model id may itself contain `/`,
/// `:` and `.` (`openrouter/moonshotai/kimi-k2`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelRef {
    /// Provider id, lower case.
    pub provider: String,
    /// Model id, in the case given.
    pub model: String,
}

/// A text that is no model reference.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ModelRefError {
    /// An empty text or half.
    #[error("\"{0}\" is not a model: write provider/model, such as lmstudio/minimax-m2.1-gs32")]
    Malformed(String),
    /// No provider half, and the caller allows none.
    #[error("\"{0}\" names no provider: write provider/model, such as lmstudio/{0}")]
    NoProvider(String),
}

impl ModelRef {
    /// Joins the two halves as they are, without normalising.
    pub fn new(provider: impl Into<String>, model: impl Into<String>) -> Self {
        Self {
            provider: provider.into(),
            model: model.into(),
        }
    }

    /// Reads `provider/model`, splitting at the first slash and normalising spellings that people use.
    ///
    /// # Errors
    /// Empty halves, or no slash.
    pub fn parse(text: &str) -> Result<Self, ModelRefError> {
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Err(ModelRefError::Malformed(text.to_owned()));
        }
        let Some((provider, model)) = trimmed.split_once('/') else {
            return Err(ModelRefError::NoProvider(trimmed.to_owned()));
        };
        let (provider, model) = (provider.trim(), model.trim());
        if provider.is_empty() || model.is_empty() {
            return Err(ModelRefError::Malformed(text.to_owned()));
        }
        let provider = normalize_provider(provider);
        let model = normalize_model(&provider, model);
        Ok(Self { provider, model })
    }
}

impl fmt::Display for ModelRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.provider, self.model)
    }
}

/// A provider id in its canonical spelling, as in [`ModelRef::provider`].
pub fn normalize_provider(id: &str) -> String {
    let lower = id.trim().to_ascii_lowercase();
    match lower.as_str() {
        "z.ai" | "z-ai" => "zai".into(),
        "opencode-zen" => "opencode".into(),
        "qwen" => "qwen-portal".into(),
        _ => lower,
    }
}

fn normalize_model(provider: &str, model: &str) -> String {
    let known: &[(&str, &str)] = match provider {
        "anthropic" => &[
            ("opus-4.5", "claude-opus-4-5"),
            ("sonnet-4.5", "claude-sonnet-4-5"),
        ],
        "google" => &[
            ("gemini-3-pro", "gemini-3-pro-preview"),
            ("gemini-3-flash", "gemini-3-flash-preview"),
        ],
        _ => &[],
    };
    known
        .iter()
        .find(|(short, _)| model.eq_ignore_ascii_case(short))
        .map_or_else(|| model.to_owned(), |(_, full)| (*full).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_slash_splits_and_the_rest_is_the_model() {
        let r = ModelRef::parse(" OpenRouter/moonshotai/kimi-k2:free ");
        assert_eq!(
            r,
            Ok(ModelRef::new("openrouter", "moonshotai/kimi-k2:free"))
        );
        assert_eq!(
            ModelRef::parse("synthetic/hf:MiniMaxAI/MiniMax-M2.1"),
            Ok(ModelRef::new("synthetic", "hf:MiniMaxAI/MiniMax-M2.1"))
        );
    }

    #[test]
    fn people_s_spellings_are_normalised() {
        assert_eq!(
            ModelRef::parse("Z.AI/glm-4.7"),
            Ok(ModelRef::new("zai", "glm-4.7"))
        );
        assert_eq!(
            ModelRef::parse("anthropic/Opus-4.5"),
            Ok(ModelRef::new("anthropic", "claude-opus-4-5"))
        );
        assert_eq!(
            ModelRef::parse("google/gemini-3-pro"),
            Ok(ModelRef::new("google", "gemini-3-pro-preview"))
        );
    }

    #[test]
    fn empty_halves_are_refused() {
        for bad in ["", "  ", "/", "a/", "/b", " / "] {
            assert!(
                matches!(ModelRef::parse(bad), Err(ModelRefError::Malformed(_))),
                "{bad:?}"
            );
        }
        assert!(matches!(
            ModelRef::parse("gpt-5"),
            Err(ModelRefError::NoProvider(_))
        ));
    }
}
