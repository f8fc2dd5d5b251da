//! The visible text of a reply, held back while it may be calls.

use std::borrow::Cow;

use crate::gbnf::MARK;
use crate::request::ToolSpec;

use super::opening::{self, Opening};
use super::{Call, prescribed, recover};

/// Holds text back as long as it begins as calls do, so that a call's markup is never shown.
///
/// What follows the opening of a call is kept as it came, reasoning tags and all: inside arguments they are somebody's
/// text, and taking them out would change what the tool is told.
#[derive(Debug)]
pub(in crate::dialect) struct HeldText<'a> {
    tools: Cow<'a, [ToolSpec]>,
    /// `None` once it is certain that this reply's text does not begin as a call.
    text: Option<String>,
    /// What followed a whole opening.
    rest: String,
    /// Looks out for calls in the prescribed form behind words; `None` where no form was prescribed.
    behind: Option<Behind>,
}

/// Words, and what may be a call behind them.
#[derive(Debug, Default)]
struct Behind {
    /// The words that were given out.
    words: String,
    /// What may be the beginning of a mark, or the mark itself once it is whole.
    held: String,
}

impl Behind {
    fn is_call(&self) -> bool {
        self.held == MARK
    }

    /// Takes more words and gives those that are certain to be none but words, and what stands behind a whole mark.
    fn push(&mut self, text: &str) -> (String, String) {
        self.held.push_str(text);
        let held = std::mem::take(&mut self.held);
        let known = self.words.len();
        for (at, _) in held.match_indices(MARK) {
            self.words.truncate(known);
            self.words.push_str(&held[..at]);
            if !prescribed::is_quoted(&self.words) {
                self.held.push_str(MARK);
                return (held[..at].to_owned(), held[at + MARK.len()..].to_owned());
            }
        }
        self.words.truncate(known);
        let (words, begun) = held.split_at(held.len() - prescribed::begun(&held));
        self.words.push_str(words);
        self.held.push_str(begun);
        (words.to_owned(), String::new())
    }
}

impl<'a> HeldText<'a> {
    /// Looks out for calls of these tools; without any, nothing is held back.
    pub(in crate::dialect) fn new(tools: Cow<'a, [ToolSpec]>) -> Self {
        let mut held = Self {
            tools,
            text: None,
            rest: String::new(),
            behind: None,
        };
        held.restart();
        held
    }

    /// The same for a model that was told in words how to call them.
    pub(in crate::dialect) fn prescribed(tools: Cow<'a, [ToolSpec]>) -> Self {
        Self {
            behind: (!tools.is_empty()).then(Behind::default),
            ..Self::new(tools)
        }
    }

    /// Takes more text as it came and gives how much of it, in bytes, is to be looked through for tags before
    /// [`Self::push`]; the rest is to be given here again after that. `None` if it was kept whole.
    pub(in crate::dialect) fn offer(&mut self, text: &str) -> Option<usize> {
        let is_call = match (&self.text, &self.behind) {
            (Some(held), _) => opening::look(held, &self.tools) == Opening::Whole,
            (None, Some(behind)) => behind.is_call(),
            (None, None) => return Some(text.len()),
        };
        if is_call {
            self.rest.push_str(text);
            return None;
        }
        let last = text.find(opening::LAST);
        Some(last.map_or(text.len(), |last| last + 1))
    }

    /// Takes more text, tags taken out, and gives what is certain to be text.
    pub(in crate::dialect) fn push(&mut self, text: String) -> Option<String> {
        let Some(held) = &mut self.text else {
            return self.push_behind(text);
        };
        held.push_str(&text);
        match opening::look(held, &self.tools) {
            Opening::Absent => {
                let text = self.text.take()?;
                self.push_behind(text)
            }
            Opening::Partial | Opening::Whole => None,
        }
    }

    /// Takes text of a reply that did not begin as a call.
    fn push_behind(&mut self, text: String) -> Option<String> {
        let Some(behind) = &mut self.behind else {
            return Some(text);
        };
        if behind.is_call() {
            self.rest.push_str(&text);
            return None;
        }
        let (words, rest) = behind.push(&text);
        self.rest.push_str(&rest);
        Some(words).filter(|words| !words.is_empty())
    }

    /// The calls that the reply's text consists of, or ends with in the prescribed form. Where it is anything else, all
    /// stays as it is.
    pub(in crate::dialect) fn take_calls(&mut self) -> Option<Vec<Call>> {
        let head = match (&self.text, &self.behind) {
            (Some(text), _) => text,
            (None, Some(behind)) if behind.is_call() => &behind.held,
            (None, _) => return None,
        };
        let text = format!("{head}{}", self.rest);
        let calls = recover(&text, &self.tools).or_else(|| {
            self.behind.as_ref()?;
            prescribed::calls(&text)
        })?;
        self.text = None;
        self.rest.clear();
        self.behind = None;
        Some(calls)
    }

    /// Gives what was kept as it came: no call, so that its tags count.
    pub(in crate::dialect) fn take_rest(&mut self) -> String {
        let rest = std::mem::take(&mut self.rest);
        match &mut self.behind {
            // The mark is text, and whatever may follow it.
            Some(behind) if self.text.is_none() && behind.is_call() => {
                self.behind = None;
                format!("{MARK}{rest}")
            }
            _ => rest,
        }
    }

    /// Ends the looking out and gives what is held.
    pub(in crate::dialect) fn release(&mut self) -> Option<String> {
        let begun = self.behind.take().map(|behind| behind.held);
        let text = self.text.take();
        text.or(begun.filter(|begun| !begun.is_empty()))
    }

    /// Begins anew: the text so far was none. Gives what was held; `None` if text had been given out.
    pub(in crate::dialect) fn restart(&mut self) -> Option<String> {
        if let Some(behind) = &mut self.behind {
            *behind = Behind::default();
        }
        let fresh = (!self.tools.is_empty()).then(String::new);
        std::mem::replace(&mut self.text, fresh)
    }

    /// Whether anything to see is held back.
    pub(in crate::dialect) fn holds_text(&self) -> bool {
        let begun = self.behind.as_ref().map(|behind| behind.held.as_str());
        [self.text.as_deref(), begun]
            .into_iter()
            .flatten()
            .any(|text| !text.trim().is_empty())
    }
}
