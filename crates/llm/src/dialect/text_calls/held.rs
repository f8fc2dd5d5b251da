//! Text of a reply that may yet turn out to be calls.

use std::borrow::Cow;

use crate::call_form::MARK;
use crate::request::ToolSpec;

use super::opening::{self, Opening};
use super::{Call, prescribed, recover, recover_fenced};

/// Holds text back as long as it may be part of a call, so that a call's markup is never shown.
///
/// From a whole opening on, text is kept as it came: tags in a call's arguments are arguments. Up to there it is read
/// like any other, because an opening may stand in what turns out to be reasoning.
#[derive(Debug)]
pub(in crate::dialect) struct HeldText<'a> {
    tools: Cow<'a, [ToolSpec]>,
    expected: Expected,
    stage: Stage,
    /// What may be the beginning of a call, or begins with one.
    held: String,
    /// What followed the beginning of a call.
    rest: String,
    /// Words that were given out before the beginning of a call.
    words: String,
}

/// Where in a reply its text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// All of it may be calls.
    Beginning,
    /// It began with words; calls may follow.
    Words,
    /// A call has begun.
    Call,
    /// What is left is no call.
    Over,
}

/// What is known of the calls in a text, and so whether words may stand before them: elsewhere these may as well be
/// words about calls.
#[derive(Debug)]
enum Expected {
    /// Nothing: only a text that is wholly calls has any.
    Alone,
    /// The system prompt asked for calls that begin with [`MARK`]. One that is not quoted is meant.
    Prescribed,
    /// A grammar held the text, so that nothing is quoted.
    Grammar {
        /// What calls behind words begin with, on a line of their own; `None` where there are none.
        marker: Option<String>,
    },
}

impl Expected {
    /// How much of a call's opening a text has that so far reads `text`.
    fn look(&self, text: &str, tools: &[ToolSpec]) -> Opening {
        let opening = opening::look(text, tools);
        match self {
            Self::Alone | Self::Prescribed => opening,
            Self::Grammar { .. } => opening.max(opening::look_fenced(text, tools)),
        }
    }

    /// What begins calls behind words; `None` where there are none. A line break in it is part of neither.
    fn mark(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Alone => None,
            Self::Prescribed => Some(Cow::Borrowed(MARK)),
            Self::Grammar { marker } => {
                let marker = marker.as_deref()?;
                Some(Cow::Owned(format!("\n{marker}")))
            }
        }
    }

    /// Whether a mark behind these words is only spoken of.
    fn is_quoted(&self, words: &str) -> bool {
        matches!(self, Self::Prescribed) && prescribed::is_quoted(words)
    }

    /// The calls that `text` consists of.
    fn calls(&self, text: &str, tools: &[ToolSpec]) -> Option<Vec<Call>> {
        recover(text, tools).or_else(|| match self {
            Self::Alone => None,
            Self::Prescribed => prescribed::calls(text),
            Self::Grammar { .. } => recover_fenced(text, tools),
        })
    }
}

impl<'a> HeldText<'a> {
    /// Looks out for calls of `tools`.
    pub(in crate::dialect) fn new(tools: Cow<'a, [ToolSpec]>) -> Self {
        let mut held = Self {
            tools,
            expected: Expected::Alone,
            stage: Stage::Over,
            held: String::new(),
            rest: String::new(),
            words: String::new(),
        };
        held.restart();
        held
    }

    /// The same for a model that was told in words how to call them.
    pub(in crate::dialect) fn prescribed(tools: Cow<'a, [ToolSpec]>) -> Self {
        Self {
            expected: Expected::Prescribed,
            ..Self::new(tools)
        }
    }

    /// From here on a grammar holds the text: a line that begins with `marker`, where there is one, begins calls that
    /// reach to the end, whatever words stand before it. Before any text.
    pub(in crate::dialect) fn hold_to_grammar(&mut self, marker: Option<&str>) {
        let marker = marker.map(str::to_owned);
        self.expected = Expected::Grammar { marker };
    }

    /// Takes more text as it came and gives how much of it, in bytes, is to be looked through for tags before
    /// [`Self::push`]; the rest is to be given here again after that. `None` if it was kept whole.
    pub(in crate::dialect) fn offer(&mut self, text: &str) -> Option<usize> {
        match self.stage {
            Stage::Over => Some(text.len()),
            Stage::Call => {
                self.rest.push_str(text);
                None
            }
            Stage::Beginning | Stage::Words => {
                let last = text.find(opening::LAST);
                Some(last.map_or(text.len(), |last| last + 1))
            }
        }
    }

    /// Whether the beginning of a call came, and what follows it is kept.
    pub(in crate::dialect) fn is_in_call(&self) -> bool {
        self.stage == Stage::Call
    }

    /// Takes more text, tags taken out, and gives what is certain to be text.
    pub(in crate::dialect) fn push(&mut self, text: String) -> Option<String> {
        if self.stage == Stage::Over {
            return Some(text);
        }
        self.held.push_str(&text);
        if self.stage == Stage::Beginning {
            self.stage = match self.expected.look(&self.held, &self.tools) {
                Opening::Absent => Stage::Words,
                Opening::Partial => Stage::Beginning,
                Opening::Whole => Stage::Call,
            };
        }
        match self.stage {
            Stage::Words => self.take_words(),
            _ => None,
        }
    }

    /// Takes the words off the front of what is held, and leaves the mark that begins calls with what follows it, or
    /// what may become one.
    fn take_words(&mut self) -> Option<String> {
        let Some(mark) = self.expected.mark() else {
            return self.release();
        };
        let known = self.words.len();
        for (at, _) in self.held.match_indices(mark.as_ref()) {
            self.words.truncate(known);
            self.words.push_str(&self.held[..at]);
            if !self.expected.is_quoted(&self.words) {
                self.held.drain(..at);
                self.stage = Stage::Call;
                return given(self.words[known..].to_owned());
            }
        }
        self.words.truncate(known);
        let begun = mark
            .char_indices()
            .map(|(at, _)| at)
            .rfind(|length| self.held.ends_with(&mark[..*length]))
            .unwrap_or(0);
        let begun = self.held.split_off(self.held.len() - begun);
        let words = std::mem::replace(&mut self.held, begun);
        self.words.push_str(&words);
        given(words)
    }

    /// The calls that the reply's text consists of, or ends with where words may stand before them. Where it is anything
    /// else, all stays as it is.
    pub(in crate::dialect) fn take_calls(&mut self) -> Option<Vec<Call>> {
        if !matches!(self.stage, Stage::Beginning | Stage::Call) {
            return None;
        }
        let text = format!("{}{}", self.held, self.rest);
        let calls = self.expected.calls(&text, &self.tools)?;
        self.stage = Stage::Over;
        self.held.clear();
        self.rest.clear();
        Some(calls)
    }

    /// Gives what was kept as it came: no call, so that its tags count.
    pub(in crate::dialect) fn take_rest(&mut self) -> String {
        let rest = std::mem::take(&mut self.rest);
        match self.stage {
            // The words before it are out: the mark is text, and whatever may follow it.
            Stage::Call if self.has_given() => self.release().unwrap_or_default() + &rest,
            _ => rest,
        }
    }

    /// Ends the looking out and gives what is held.
    pub(in crate::dialect) fn release(&mut self) -> Option<String> {
        self.stage = Stage::Over;
        given(std::mem::take(&mut self.held))
    }

    /// Begins anew: the text so far was none. Gives what was held; `None` if text had been given out.
    pub(in crate::dialect) fn restart(&mut self) -> Option<String> {
        let has_given = self.has_given();
        let held = std::mem::take(&mut self.held);
        self.words.clear();
        self.stage = match self.tools.is_empty() {
            true => Stage::Over,
            false => Stage::Beginning,
        };
        (!has_given).then_some(held)
    }

    /// Whether text may have been given out since the beginning.
    fn has_given(&self) -> bool {
        match self.stage {
            Stage::Beginning => false,
            Stage::Call => !self.words.is_empty(),
            Stage::Words | Stage::Over => true,
        }
    }

    /// Whether anything to see is held back.
    pub(in crate::dialect) fn holds_text(&self) -> bool {
        !self.held.trim().is_empty()
    }
}

/// Text to give out; `None` where there is none of it.
fn given(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}
