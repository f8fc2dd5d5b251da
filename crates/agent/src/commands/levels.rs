//! What can be set for a conversation, in the words that people type.

use moltbot_config::schema::ElevatedLevel;
pub use moltbot_config::schema::VerboseLevel;

/// Whether a model's reasoning is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ReasoningLevel {
    /// No.
    #[default]
    Off,
    /// With the answer.
    On,
    /// While it is written, where the surface can.
    Stream,
}

impl ReasoningLevel {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::On => "on",
            Self::Stream => "stream",
        }
    }

    /// Reads what people type; `None` for anything else.
    pub(super) fn read(text: &str) -> Option<Self> {
        match switch(text) {
            Some(true) => Some(Self::On),
            Some(false) => Some(Self::Off),
            None => match text.trim().to_ascii_lowercase().as_str() {
                "stream" | "streaming" | "draft" | "live" => Some(Self::Stream),
                _ => None,
            },
        }
    }
}

/// Reads how much is shown of what tools do; `None` for anything else.
pub(super) fn verbose(text: &str) -> Option<VerboseLevel> {
    match switch(text) {
        Some(true) => Some(VerboseLevel::On),
        Some(false) => Some(VerboseLevel::Off),
        None => match text.trim().to_ascii_lowercase().as_str() {
            "full" | "all" | "everything" => Some(VerboseLevel::Full),
            "minimal" => Some(VerboseLevel::On),
            _ => None,
        },
    }
}

/// Reads whether commands leave the sandbox; `None` for anything else.
pub(crate) fn elevated(text: &str) -> Option<ElevatedLevel> {
    match text.trim().to_ascii_lowercase().as_str() {
        "ask" | "prompt" | "approval" | "approve" => Some(ElevatedLevel::Ask),
        "full" | "auto" | "auto-approve" | "autoapprove" => Some(ElevatedLevel::Full),
        other => match switch(other)? {
            true => Some(ElevatedLevel::On),
            false => Some(ElevatedLevel::Off),
        },
    }
}

/// What is said of tokens behind each answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum UsageFooter {
    /// Nothing.
    #[default]
    Off,
    /// How many went in and out, and what they cost where that is known.
    Tokens,
    /// The same and the session.
    Full,
}

impl UsageFooter {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Tokens => "tokens",
            Self::Full => "full",
        }
    }

    /// Reads what people type; `None` for anything else.
    pub(super) fn read(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "off" | "no" | "false" | "disable" | "disabled" | "0" => Some(Self::Off),
            "tokens" | "token" | "tok" | "on" | "minimal" | "min" => Some(Self::Tokens),
            "full" | "session" => Some(Self::Full),
            _ => None,
        }
    }

    /// The one that a bare `/usage` goes on to.
    pub(super) fn next(self) -> Self {
        match self {
            Self::Off => Self::Tokens,
            Self::Tokens => Self::Full,
            Self::Full => Self::Off,
        }
    }
}

/// On or off, in the words that people type.
fn switch(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "on" | "true" | "yes" | "1" | "enable" | "enabled" | "show" | "visible" => Some(true),
        "off" | "false" | "no" | "0" | "disable" | "disabled" | "hide" | "hidden" => Some(false),
        _ => None,
    }
}
