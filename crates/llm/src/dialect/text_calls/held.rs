//! The visible text of a reply, held back while it may be calls.

use crate::request::ToolSpec;

use super::{Call, opening, recover};

/// Holds text back as long as it begins as calls do, so that a call's markup is never shown.
#[derive(Debug)]
pub(in crate::dialect) struct HeldText {
    tools: Vec<ToolSpec>,
    /// `None` once it is certain that this reply's text is no call.
    text: Option<String>,
}

/// What held text turned out to be.
#[derive(Debug)]
pub(in crate::dialect) enum Settled {
    /// Calls, and nothing else.
    Calls(Vec<Call>),
    /// Text for the person.
    Text(String),
}

impl HeldText {
    /// Looks out for calls of these tools; without any, nothing is held back.
    pub(in crate::dialect) fn new(tools: Vec<ToolSpec>) -> Self {
        let mut held = Self { tools, text: None };
        held.restart();
        held
    }

    /// Takes more text and gives what is certain to be text.
    pub(in crate::dialect) fn push(&mut self, text: String) -> Option<String> {
        let Some(held) = &mut self.text else {
            return Some(text);
        };
        held.push_str(&text);
        if opening::may_begin(held, &self.tools) {
            return None;
        }
        self.release()
    }

    /// Ends the looking out and gives what is held: this reply's calls come in another way.
    pub(in crate::dialect) fn release(&mut self) -> Option<String> {
        self.text.take()
    }

    /// Begins anew: the text so far was none. Gives what was held; `None` if text had been given out.
    pub(in crate::dialect) fn restart(&mut self) -> Option<String> {
        let fresh = (!self.tools.is_empty()).then(String::new);
        std::mem::replace(&mut self.text, fresh)
    }

    /// Whether anything to see is held back.
    pub(in crate::dialect) fn holds_text(&self) -> bool {
        self.text
            .as_deref()
            .is_some_and(|text| !text.trim().is_empty())
    }

    /// The text is over: decides what is held, if anything is.
    pub(in crate::dialect) fn settle(&mut self) -> Option<Settled> {
        let text = self.text.take()?;
        Some(match recover(&text, &self.tools) {
            Some(calls) => Settled::Calls(calls),
            None => Settled::Text(text),
        })
    }
}
