//! The end of a call whose answer has few tokens left, for models that would not find it: half a call is worth nothing.

use llguidance::toktrie::{SimpleVob, TokEnv, TokenId};
use serde_json::Value;

use super::Request;

/// What closes a value, the innermost first: a text, a list, an object; and what goes on to the next after a number.
const CLOSERS: [&str; 4] = ["\"", "]", "}", ","];
/// What begins a call as a block of code or as an object.
const CODE: [char; 2] = ['`', '{'];
/// Tokens for the text around a call.
const FRAME: usize = 24;
/// Tokens for the marks around one property.
const MARKS: usize = 8;

/// Watches an answer, and when it is a call that is running out of tokens, leaves only what closes it.
#[derive(Debug, Clone)]
pub(super) struct Closing {
    /// Tokens that closing may take.
    reserve: u64,
    closers: Vec<TokenId>,
    /// How calls begin, where they stand alone.
    opening: String,
    /// How they begin behind words, where they may.
    behind_words: Option<String>,
    /// How they go on behind the beginning of a block of code or an object.
    in_code: Vec<String>,
    /// What has been written, until it is known for a call.
    written: Vec<u8>,
    calling: bool,
}

impl Closing {
    pub(super) fn new(vocabulary: &TokEnv, request: &Request, most_tokens: u64) -> Self {
        let (form, tools) = (request.form, &request.tools);
        let opening = format!("{}{}", form.first, form.before);
        let longest = tools.iter().map(|tool| length(&tool.parameters)).max();
        let reserve = (longest.unwrap_or(0) + FRAME) as u64;
        let closers = CLOSERS.iter();
        Self {
            reserve: reserve.min(most_tokens / 2),
            closers: closers
                .filter_map(|closer| vocabulary.tok_trie().token_id(closer.as_bytes()))
                .collect(),
            behind_words: request.marker.map(|_| format!("\n{opening}")),
            opening,
            in_code: tools
                .iter()
                .map(|tool| format!("\"{}{}", tool.name, form.middle))
                .collect(),
            written: Vec::new(),
            calling: false,
        }
    }

    /// Notes what has been written.
    pub(super) fn written(&mut self, bytes: &[u8]) {
        if self.calling {
            return;
        }
        self.written.extend_from_slice(bytes);
        let text = String::from_utf8_lossy(&self.written);
        let answer = text.rsplit("</think>").next().unwrap_or_default();
        let answer = answer.trim_start();
        let has = |part: &String| answer.contains(part.as_str());
        self.calling = answer.starts_with(&self.opening)
            || self.behind_words.as_ref().is_some_and(has)
            || (answer.starts_with(CODE) && self.in_code.iter().any(has));
    }

    /// Whether it is time to close, with this many tokens left.
    pub(super) fn is_due(&self, left: u64) -> bool {
        self.calling && left <= self.reserve
    }

    /// Which of the tokens allowed closes; none where what comes next is given anyhow, or is the model's to say.
    pub(super) fn closer(&self, allowed: &SimpleVob) -> Option<TokenId> {
        self.closers
            .iter()
            .copied()
            .find(|closer| allowed.is_allowed(*closer))
    }
}

/// How many tokens the names, choices and marks of a value of this schema take at most, its texts and lists left empty.
fn length(schema: &Value) -> usize {
    let choice = schema["enum"].as_array().into_iter().flatten();
    let choice = choice.map(|one| one.to_string().len()).max().unwrap_or(0);
    let properties = schema["properties"].as_object().into_iter().flatten();
    let properties: usize = properties
        .map(|(name, schema)| name.len() + MARKS + length(schema))
        .sum();
    let items = schema.get("items").map_or(0, length);
    choice + properties + items
}
