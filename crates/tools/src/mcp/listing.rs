//! What a server lists, as it is kept.

use rmcp::model::Tool;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::web::strip_invisible;

/// Tools of one server, at most.
pub(super) const MOST: usize = 256;
/// Longest schema that is kept, in bytes of JSON. What is longer is no list of parameters.
const LONGEST_SCHEMA: usize = 128 * 1024;
/// Longest name that is kept, in bytes.
const LONGEST_NAME: usize = 256;
/// Longest description that is kept, in characters.
const LONGEST_DESCRIPTION: usize = 4_000;

/// A tool that a server lists, as the server says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListedTool {
    /// Its name.
    pub(super) name: String,
    /// What it does; may be empty.
    #[serde(default)]
    pub(super) description: String,
    /// The schema of its arguments.
    pub(super) schema: Value,
    /// Whether the server says that it changes nothing.
    #[serde(default)]
    pub(super) only_reads: bool,
}

impl ListedTool {
    /// Takes what a server said; `None` for what is too long to be a tool.
    pub(super) fn new(tool: Tool) -> Option<Self> {
        let schema = Value::Object(tool.input_schema.as_ref().clone());
        let is_fair = !tool.name.is_empty()
            && tool.name.len() <= LONGEST_NAME
            && schema.to_string().len() <= LONGEST_SCHEMA;
        if !is_fair {
            return None;
        }
        let hints = tool.annotations.as_ref();
        let title = || tool.title.clone().or_else(|| hints?.title.clone());
        let description = tool.description.as_deref().map(str::to_owned);
        let description = description.or_else(title).unwrap_or_default();
        Some(Self {
            name: tool.name.into_owned(),
            description: description.chars().take(LONGEST_DESCRIPTION).collect(),
            schema,
            only_reads: hints.and_then(|hints| hints.read_only_hint) == Some(true),
        })
    }
}

/// What is known of a server.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Listing {
    /// What it was started or reached with when it told this.
    pub(super) fingerprint: String,
    /// Its tools; none where it never told any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) tools: Option<Vec<ListedTool>>,
    /// What went wrong when it was asked last, without its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
    /// Until when no conversation waits for it again, in milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) rests_until: Option<i64>,
}

/// A text of somebody else's in one line, without characters that nobody sees, of at most `most` characters.
pub(super) fn one_line(text: &str, most: usize) -> String {
    let spaced: String = text
        .chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .collect();
    let text = strip_invisible(&spaced);
    let text = text.split(' ').filter(|word| !word.is_empty());
    shortened(&text.collect::<Vec<_>>().join(" "), most)
}

/// A text of somebody else's without characters that nobody sees, of at most `most` characters.
pub(super) fn clean(text: &str, most: usize) -> String {
    shortened(strip_invisible(text).trim(), most)
}

fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(most.saturating_sub(1)).collect();
    short.truncate(short.trim_end().len());
    if most > 0 {
        short.push('…');
    }
    short
}
