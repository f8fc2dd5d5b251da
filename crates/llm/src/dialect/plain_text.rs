//! The text of a model that runs without a server: no frames, but reasoning tags all the same.

use std::borrow::Cow;

use crate::backend::Reply;
use crate::event::Event;
use crate::failure::Failure;
use crate::message::{StopReason, Usage};
use crate::model::Model;
use crate::request::ToolSpec;

use super::assembler::Assembler;
use super::sse::Ending;
use super::text_calls;

/// A regular expression of all the ways in which text that is wholly calls of `tools` may begin, in the form of any
/// family that [`TextDecoder::with_tools`] reads; blanks before it are not part of it. For whoever generates text that
/// must not be taken for calls.
pub fn call_openings(tools: &[ToolSpec]) -> String {
    text_calls::openings(tools)
}

/// A regular expression of the ways in which text that is wholly one call, shown as a block of code, may begin, up to the
/// quote behind the tool's name: one of `names`. Such text is a call only where [`TextDecoder::hold_to_grammar`] says so.
pub fn fenced_call_opening(names: &[&str]) -> String {
    text_calls::fenced_opening(names)
}

/// A regular expression of how text that is one call, written as an object, may begin, up to the quote behind `name`.
pub fn bare_call_opening(name: &str) -> String {
    text_calls::bare_opening(name)
}

/// Takes a model's raw text apart as it comes: reasoning, answer, and calls in the model's own markup.
#[derive(Debug)]
pub struct TextDecoder {
    assembler: Assembler<'static>,
    model: Model,
}

impl TextDecoder {
    /// A decoder for one reply of `model`, to which no tools were offered. `salt` makes the ids of tool calls unique;
    /// the time in milliseconds serves.
    pub fn new(model: &Model, salt: u64) -> Self {
        Self::with_tools(model, salt, &[])
    }

    /// A decoder for one reply of `model` to a request that offers these tools: a reply that is wholly calls of them,
    /// in the form of any known family, gives calls.
    pub fn with_tools(model: &Model, salt: u64, tools: &[ToolSpec]) -> Self {
        Self {
            assembler: Assembler::new(None, salt, Cow::Owned(tools.to_vec())),
            model: model.clone(),
        }
    }

    /// Says before any text that a grammar holds it: what reads like a call is one, not words about one. Then a line that
    /// begins with `marker` begins calls, after words too, and a block of code that is wholly a call is that call.
    pub fn hold_to_grammar(&mut self, marker: Option<&str>) {
        self.assembler.hold_to_grammar(marker);
    }

    /// Whether the text so far ends within a call.
    pub fn is_in_call(&self) -> bool {
        self.assembler.is_in_text_call()
    }

    /// Takes more text and gives what it says.
    pub fn feed(&mut self, text: &str) -> Vec<Event> {
        self.assembler.frame_seen();
        self.assembler.text(text);
        self.assembler.take_events()
    }

    /// Ends the reply, which stopped for this reason and took this many tokens. Text held back so far goes to `events`.
    ///
    /// # Errors
    /// A reply with nothing for the person.
    pub fn finish(
        mut self,
        stop: StopReason,
        usage: Usage,
        events: &mut Vec<Event>,
    ) -> Result<Reply, Failure> {
        self.assembler.frame_seen();
        self.assembler.usage(usage);
        self.assembler.stop(stop);
        let outcome = self.assembler.finish(&self.model, Ending::Read);
        events.extend(outcome.events);
        outcome.result
    }
}
