//! What is asked of a model.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::message::{Content, Message};

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
    /// On whose behalf it is asked. Never sent.
    pub origin: Origin,
}

impl Request {
    /// Whether a picture stands anywhere in the conversation.
    pub(crate) fn has_images(&self) -> bool {
        let any = |content: &[Content]| content.iter().any(|c| matches!(c, Content::Image(_)));
        self.messages.iter().any(|message| match message {
            Message::User(user) => any(&user.content),
            Message::ToolResult(result) => any(&result.content),
            Message::Assistant(_) => false,
        })
    }
}

/// On whose behalf a request is made: what decides whose turn it is and where it goes, but not what is said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The session, by a name that stays the same from turn to turn: it sticks to the slot or replica that holds its
    /// prompt, and to its credential. `None` for a request that belongs to none.
    pub session: Option<String>,
    /// Whether somebody waits for the answer.
    pub priority: Priority,
    /// The auth profile that must be used, by id; `None` leaves the choice to the rotation.
    pub profile: Option<String>,
    /// Whether to ask even what is cooling down: nothing else is left. The ladder sets it.
    pub despite_cooldown: bool,
}

/// Which of two waiting requests goes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Heartbeats, scheduled work, titles, summaries: nobody waits.
    Background,
    /// A person waits for the answer.
    #[default]
    Person,
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
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
