//! The visible text of a reply, held back while it may be calls.

use std::borrow::Cow;

use crate::request::ToolSpec;

use super::opening::{self, Opening};
use super::{Call, recover};

/// Holds text back as long as it begins as calls do, so that a call's markup is never shown.
///
/// What follows the opening of a call is kept as it came, reasoning tags and all: inside arguments they are somebody's
/// text, and taking them out would change what the tool is told.
#[derive(Debug)]
pub(in crate::dialect) struct HeldText<'a> {
    tools: Cow<'a, [ToolSpec]>,
    /// `None` once it is certain that this reply's text is no call.
    text: Option<String>,
    /// What followed a whole opening.
    rest: String,
}

impl<'a> HeldText<'a> {
    /// Looks out for calls of these tools; without any, nothing is held back.
    pub(in crate::dialect) fn new(tools: Cow<'a, [ToolSpec]>) -> Self {
        let mut held = Self {
            tools,
            text: None,
            rest: String::new(),
        };
        held.restart();
        held
    }

    /// Takes more text as it came and gives how much of it, in bytes, is to be looked through for tags before
    /// [`Self::push`]; the rest is to be given here again after that. `None` if it was kept whole.
    pub(in crate::dialect) fn offer(&mut self, text: &str) -> Option<usize> {
        let Some(held) = &self.text else {
            return Some(text.len());
        };
        if opening::look(held, &self.tools) == Opening::Whole {
            self.rest.push_str(text);
            return None;
        }
        let last = text.find(opening::LAST);
        Some(last.map_or(text.len(), |last| last + 1))
    }

    /// Takes more text, tags taken out, and gives what is certain to be text.
    pub(in crate::dialect) fn push(&mut self, text: String) -> Option<String> {
        let Some(held) = &mut self.text else {
            return Some(text);
        };
        held.push_str(&text);
        match opening::look(held, &self.tools) {
            Opening::Absent => self.release(),
            Opening::Partial | Opening::Whole => None,
        }
    }

    /// The calls that the reply's text consists of. Where it is anything else, all stays as it is.
    pub(in crate::dialect) fn take_calls(&mut self) -> Option<Vec<Call>> {
        let text = format!("{}{}", self.text.as_deref()?, self.rest);
        let calls = recover(&text, &self.tools)?;
        self.text = None;
        self.rest.clear();
        Some(calls)
    }

    /// Gives what was kept as it came: no call, so that its tags count.
    pub(in crate::dialect) fn take_rest(&mut self) -> String {
        std::mem::take(&mut self.rest)
    }

    /// Ends the looking out and gives what is held.
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
}
