//! Values that the file may write in two forms.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An id that may be written as text or as a number: a chat, a user, a thread.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(untagged, expecting = "expected text or a whole number")]
#[schemars(inline)]
pub enum Id {
    /// Written as a number.
    Number(i64),
    /// Written as text.
    Text(String),
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// A list of senders or places: ids, names, or `*` for all.
pub type AllowList = Vec<Id>;

/// `true`, `false`, or `"auto"`: let the program decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected true, false or \"auto\"")]
#[schemars(inline)]
pub enum Switch {
    /// Decided by the owner.
    Set(bool),
    /// Decided by the program.
    Auto(Auto),
}

choice! {
    /// The word `auto`.
    pub enum Auto {
        /// Let the program decide.
        Auto = "auto",
    }
}

/// An amount of memory: a number of bytes, or text with a unit such as `512m` or `2g`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "expected a number of bytes or text such as \"512m\""
)]
#[schemars(inline)]
pub enum MemorySize {
    /// Bytes.
    Bytes(u64),
    /// A number with a unit (`b`, `k`, `m`, `g`).
    Text(String),
}
