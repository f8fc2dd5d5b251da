//! What is asked of a model.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::message::Message;

/// One request to a model, in no particular dialect.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Request {
    /// The system prompt; empty means none.
    pub system: String,
    /// The conversation so far, oldest first.
    pub messages: Vec<Message>,
    /// The tools offered. Kept in the caller's order, which must be stable from turn to turn.
    pub tools: Vec<ToolSpec>,
    /// Whether and which tool must be called.
    pub tool_choice: ToolChoice,
    /// Upper bound of generated tokens; `None` means the model's own.
    pub max_tokens: Option<u64>,
    /// Sampling temperature; `None` leaves it to the server.
    pub temperature: Option<f64>,
    /// How much the model should reason before it answers.
    pub thinking: ThinkingLevel,
}

/// A tool as it is offered to the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolSpec {
    /// Its name, `[A-Za-z0-9_-]{1,64}`.
    pub name: String,
    /// What it does, for the model.
    pub description: String,
    /// JSON Schema of its arguments: an object schema.
    pub parameters: Value,
}

/// Whether the model may, must or must not call a tool.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ToolChoice {
    /// The model decides.
    #[default]
    Auto,
    /// It must call some tool.
    Required,
    /// It must not call any.
    None,
    /// It must call this one.
    Named(String),
}

/// How much a reasoning model should think. Ignored for models that do not reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ThinkingLevel {
    /// Not at all.
    #[default]
    Off,
    /// As little as the model allows.
    Minimal,
    /// A little.
    Low,
    /// Moderately.
    Medium,
    /// A lot.
    High,
    /// As much as the few models that know this level allow.
    Xhigh,
}

impl ThinkingLevel {
    /// The level's name, as in the config and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Xhigh => "xhigh",
        }
    }
}

impl fmt::Display for ThinkingLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ThinkingLevel {
    type Err = String;

    /// Accepts the levels and the synonyms that people type (`on`, `mid`, `max`, `ultrathink`, …).
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let level = match text.trim().to_ascii_lowercase().as_str() {
            "off" => Self::Off,
            "min" | "minimal" | "think" => Self::Minimal,
            "on" | "enable" | "enabled" | "low" | "thinkhard" | "think-hard" | "think_hard" => {
                Self::Low
            }
            "mid" | "med" | "medium" | "thinkharder" | "think-harder" | "harder" => Self::Medium,
            "high" | "ultra" | "ultrathink" | "thinkhardest" | "highest" | "max" => Self::High,
            "xhigh" | "x-high" | "x_high" => Self::Xhigh,
            _ => {
                return Err(format!(
                    "Unrecognized thinking level \"{text}\". Valid levels: off, minimal, low, medium, high, xhigh."
                ));
            }
        };
        Ok(level)
    }
}
