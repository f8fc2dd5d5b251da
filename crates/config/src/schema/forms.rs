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

impl MemorySize {
    /// The amount in bytes, units in powers of 1024; `None` for text that is no amount. Takes the unit in either case
    /// and in full (`24g`, `24GB`, `24 GiB`), and a fraction (`1.5g`).
    pub fn bytes(&self) -> Option<u64> {
        let text = match self {
            Self::Bytes(bytes) => return Some(*bytes),
            Self::Text(text) => text.trim(),
        };
        let split = text
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(text.len());
        let (number, unit) = text.split_at(split);
        let number: f64 = number.parse().ok()?;
        let shift = match unit.trim().to_ascii_lowercase().as_str() {
            "" | "b" => 0,
            "k" | "kb" | "kib" => 10,
            "m" | "mb" | "mib" => 20,
            "g" | "gb" | "gib" => 30,
            "t" | "tb" | "tib" => 40,
            _ => return None,
        };
        // An amount beyond 2^64 bytes becomes the largest there is.
        Some((number * (1u64 << shift) as f64) as u64)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::MemorySize;

    #[test]
    fn amounts_of_memory_are_read_as_people_write_them() {
        let bytes = |text: &str| MemorySize::Text(text.to_owned()).bytes();
        assert_eq!(MemorySize::Bytes(7).bytes(), Some(7));
        for same in ["24g", "24G", "24GB", " 24 GiB ", "24576m", "25769803776"] {
            assert_eq!(bytes(same), Some(24 << 30), "{same:?}");
        }
        assert_eq!(bytes("1.5k"), Some(1536));
        assert_eq!(bytes("512b"), Some(512));
        for none in ["", "lots", "g", "24 bits", "-1g", "1.2.3", "1e3"] {
            assert_eq!(bytes(none), None, "{none:?}");
        }
    }
}
