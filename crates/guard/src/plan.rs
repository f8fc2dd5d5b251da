//! What a call would do, as far as its arguments tell.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::effect::{Effect, Manner};

/// What a call would do, before it is done: this is what is decided on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Its kind.
    pub effect: Effect,
    /// What exactly, for the person who is asked: the resolved path, the whole command, the address.
    #[serde(default)]
    pub detail: String,
    /// Whether it adds, changes or removes, where it writes at all.
    #[serde(default)]
    pub manner: Manner,
    /// What it acts on. A plan that names nothing is judged by its kind and by what the conversation has read alone.
    #[serde(default)]
    pub targets: Vec<Target>,
    /// The words that somebody gets to read by it: a message, a title, the subject of a payment.
    #[serde(default)]
    pub content: Vec<String>,
    /// Whether the owner allowed every program of a command for good.
    #[serde(default)]
    pub listed: bool,
    /// The programs that allowing a command for good would allow; none where that cannot be.
    #[serde(default)]
    pub programs: Vec<PathBuf>,
    /// Whether the owner vouches for whom it asks, and that it only reads there.
    #[serde(default)]
    pub vouched: bool,
    /// Why the owner's settings forbid the call, whatever the rules say.
    #[serde(default)]
    pub forbidden: Option<String>,
}

impl Plan {
    /// A plan of this kind that does not say what it acts on.
    pub fn new(effect: Effect, detail: impl Into<String>) -> Self {
        Self {
            effect,
            detail: detail.into(),
            manner: Manner::default(),
            targets: Vec::new(),
            content: Vec::new(),
            listed: false,
            programs: Vec::new(),
            vouched: false,
            forbidden: None,
        }
    }

    /// The same, acting on this too.
    #[must_use]
    pub fn on(mut self, kind: TargetKind, value: impl Into<String>) -> Self {
        self.targets.push(Target::new(kind, value));
        self
    }

    /// The same, done in this manner.
    #[must_use]
    pub fn by(mut self, manner: Manner) -> Self {
        self.manner = manner;
        self
    }

    /// The same, with words that somebody gets to read.
    #[must_use]
    pub fn saying(mut self, text: impl Into<String>) -> Self {
        self.content.push(text.into());
        self
    }
}

/// One thing that a call acts on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Target {
    /// What it is.
    pub kind: TargetKind,
    /// The value as the model wrote it.
    pub value: String,
}

impl Target {
    /// A target of this kind.
    pub fn new(kind: TargetKind, value: impl Into<String>) -> Self {
        Self {
            kind,
            value: value.into(),
        }
    }
}

/// What a target is. Evidence is kept apart by kind: the id of an event is no evidence for a file of the same id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TargetKind {
    /// Whom something goes to or who gets access: an address, an account number, a person, a channel.
    Recipient,
    /// An address on the web: what goes there, its host gets to read.
    Url,
    /// A file or folder.
    Path,
    /// A file that shapes what the agent knows and is from now on: its memory, its instructions.
    Memory,
    /// A command, whole.
    Command,
    /// Words that a search is made with.
    Query,
    /// An amount of money.
    Amount,
    /// A value that something is set to: a password, a street.
    Setting,
    /// What something new is to go by: the title of an event, the name of a file.
    Name,
    /// The id of something in an account, and of what.
    Handle(String),
}

impl TargetKind {
    /// Whether somebody learns something by being this target.
    pub(crate) fn receives(&self) -> bool {
        matches!(self, Self::Recipient | Self::Url)
    }
}
