//! What a server and model were found to need of a request, because they refused the plain form of it.
//!
//! A refusal says (or hints at) what was wrong. [`mend`] turns it into [`Repairs`]; the [`Repairing`] layer sends the
//! request once more in that form and remembers it, so that the next turn is right the first time. Only the wire copy
//! changes: the conversation and the tools stay as they are, and arguments are validated against the original schemas.

mod as_text;
mod form;
mod layer;
mod mend;
mod schema;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::model::Api;
use crate::request::Request;

pub use layer::Repairing;

pub(crate) use form::{wire_form, without_dropped};
pub(crate) use schema::simplify;

/// The form that requests to one model on one server must take. The default is the plain form.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Repairs {
    /// Fields of the body that are not sent.
    pub dropped: BTreeSet<String>,
    /// Tool schemas go out in the subset that every grammar builder takes.
    pub simple_schemas: bool,
    /// Neighbouring messages of one side are joined, so that the sides alternate.
    pub strict_turns: bool,
    /// The system prompt goes out at the head of the first user message.
    pub system_in_user: bool,
    /// The system prompt goes out under the role `system`, never `developer`.
    pub plain_system_role: bool,
    /// Text goes out as a plain string, never as a list of parts.
    pub plain_content: bool,
    /// Ids of tool calls go out as nine letters and digits (Mistral's rule).
    pub short_call_ids: bool,
    /// Sealed reasoning is not sent back.
    pub without_sealed_reasoning: bool,
    /// Pictures are left out.
    pub without_images: bool,
    /// Tools are told of in the system prompt, and called in text; calls and results of the history go out as text.
    pub tools_as_text: bool,
    /// The most output tokens that may be asked for.
    pub max_tokens: Option<u64>,
    /// The dialect to speak instead of the configured one.
    pub api: Option<Api>,
}

impl Repairs {
    /// Whether requests go out in the plain form.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What this request loses by them, as clauses for the person; empty where the form alone changes.
    pub(crate) fn losses_for(&self, request: &Request) -> Vec<&'static str> {
        let mut losses = Vec::new();
        if self.without_images && request.has_images() {
            losses.push("it cannot see images on its server, so they were left out");
        }
        losses
    }
}

/// Each repair in words, for people who look into them.
impl std::fmt::Display for Repairs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut words: Vec<String> = self
            .dropped
            .iter()
            .map(|field| format!("no {field}"))
            .collect();
        let flags = [
            (self.simple_schemas, "simple tool schemas"),
            (self.strict_turns, "alternating turns"),
            (
                self.system_in_user,
                "system prompt in the first user message",
            ),
            (self.plain_system_role, "role system instead of developer"),
            (self.plain_content, "content as plain text"),
            (self.short_call_ids, "short tool call ids"),
            (self.without_sealed_reasoning, "no sealed reasoning"),
            (self.without_images, "no images"),
            (self.tools_as_text, "tools as text"),
        ];
        words.extend(
            flags
                .iter()
                .filter(|(on, _)| *on)
                .map(|(_, word)| (*word).to_owned()),
        );
        words.extend(
            self.max_tokens
                .map(|max| format!("at most {max} output tokens")),
        );
        words.extend(
            self.api
                .map(|api| format!("{api} instead of the configured dialect")),
        );
        match words.is_empty() {
            true => f.write_str("none"),
            false => f.write_str(&words.join(", ")),
        }
    }
}
