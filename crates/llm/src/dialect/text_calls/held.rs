//! The visible text of a reply, held back while it may be calls.

use std::borrow::Cow;

use crate::request::ToolSpec;

use super::opening::{self, Opening};
use super::{Call, recover, recover_fenced};

/// Holds text back as long as it begins as calls do, so that a call's markup is never shown.
///
/// What follows the opening of a call is kept as it came, reasoning tags and all: inside arguments they are somebody's
/// text, and taking them out would change what the tool is told.
#[derive(Debug)]
pub(in crate::dialect) struct HeldText<'a> {
    tools: Cow<'a, [ToolSpec]>,
    /// `None` once it is certain that what is left of this reply's text is no call.
    text: Option<String>,
    /// What followed a whole opening.
    rest: String,
    grammar: Option<Grammar>,
}

/// What is known of a text that a grammar was made for: what reads like a call is one.
#[derive(Debug)]
struct Grammar {
    /// What calls that follow words begin with, on a line of their own.
    marker: Option<String>,
    /// Words came, and all of them were given out.
    after_words: bool,
}

impl<'a> HeldText<'a> {
    /// Looks out for calls of these tools; without any, nothing is held back.
    pub(in crate::dialect) fn new(tools: Cow<'a, [ToolSpec]>) -> Self {
        let mut held = Self {
            tools,
            text: None,
            rest: String::new(),
            grammar: None,
        };
        held.restart();
        held
    }

    /// From here on a grammar holds the text: a line that begins with `marker`, where there is one, begins calls that
    /// reach to the end, whatever words stand before it. Before any text.
    pub(in crate::dialect) fn hold_to_grammar(&mut self, marker: Option<&str>) {
        self.grammar = Some(Grammar {
            marker: marker.map(str::to_owned),
            after_words: false,
        });
    }

    /// Takes more text as it came and gives how much of it, in bytes, is to be looked through for tags before
    /// [`Self::push`]; the rest is to be given here again after that. `None` if it was kept whole.
    pub(in crate::dialect) fn offer(&mut self, text: &str) -> Option<usize> {
        if self.text.is_none() {
            return Some(text.len());
        }
        if self.look() == Opening::Whole {
            self.rest.push_str(text);
            return None;
        }
        let last = text.find(opening::LAST);
        Some(last.map_or(text.len(), |last| last + 1))
    }

    /// How much of a call's opening is held.
    fn look(&self) -> Opening {
        let Some(held) = &self.text else {
            return Opening::Absent;
        };
        match &self.grammar {
            None => opening::look(held, &self.tools),
            Some(grammar) if grammar.after_words => match &grammar.marker {
                Some(marker) if held.starts_with(marker) => Opening::Whole,
                Some(_) => Opening::Partial,
                None => Opening::Absent,
            },
            Some(_) => {
                opening::look(held, &self.tools).max(opening::look_fenced(held, &self.tools))
            }
        }
    }

    /// Whether the opening of a call came, and what follows it is kept.
    pub(in crate::dialect) fn is_in_call(&self) -> bool {
        self.look() == Opening::Whole
    }

    /// Takes more text, tags taken out, and gives what is certain to be text.
    pub(in crate::dialect) fn push(&mut self, text: String) -> Option<String> {
        let Some(held) = &mut self.text else {
            return Some(text);
        };
        held.push_str(&text);
        let look = self.look();
        match &mut self.grammar {
            Some(Grammar {
                marker: Some(marker),
                after_words,
            }) if look != Opening::Whole && (*after_words || look == Opening::Absent) => {
                *after_words = true;
                let held = self.text.as_mut()?;
                let words = take_words(held, marker);
                (!words.is_empty()).then_some(words)
            }
            _ => match look {
                Opening::Absent => self.release(),
                Opening::Partial | Opening::Whole => None,
            },
        }
    }

    /// The calls that the reply's text consists of. Where it is anything else, all stays as it is.
    pub(in crate::dialect) fn take_calls(&mut self) -> Option<Vec<Call>> {
        let text = format!("{}{}", self.text.as_deref()?, self.rest);
        let calls = recover(&text, &self.tools);
        let calls = match self.grammar {
            Some(_) => calls.or_else(|| recover_fenced(&text, &self.tools)),
            None => calls,
        }?;
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
        let held = std::mem::replace(&mut self.text, fresh);
        let given = self
            .grammar
            .as_mut()
            .is_some_and(|grammar| std::mem::take(&mut grammar.after_words));
        held.filter(|_| !given)
    }

    /// Whether anything to see is held back.
    pub(in crate::dialect) fn holds_text(&self) -> bool {
        self.text
            .as_deref()
            .is_some_and(|text| !text.trim().is_empty())
    }
}

/// Takes the words off the front of `held`, and leaves the marker that begins a line with what follows it, or what may
/// become one. The line break before the marker is part of neither.
fn take_words(held: &mut String, marker: &str) -> String {
    let line = format!("\n{marker}");
    if let Some(at) = held.find(&line) {
        let calls = held.split_off(at + 1);
        let mut words = std::mem::replace(held, calls);
        words.pop();
        return words;
    }
    let kept = line
        .char_indices()
        .map(|(at, _)| at)
        .rev()
        .find(|length| held.ends_with(&line[..*length]))
        .unwrap_or(0);
    let rest = held.split_off(held.len() - kept);
    std::mem::replace(held, rest)
}
