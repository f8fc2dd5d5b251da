//! Builds one reply out of what a dialect's frames say. Every dialect reports into this, so that text, reasoning, tool
//! calls, usage and endings mean the same whatever the server.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::backend::Reply;
use crate::event::{Event, Phase};
use crate::failure::{Failure, FailureClass, Verdict};
use crate::message::{AssistantMessage, AssistantPart, StopReason, Thinking, ToolCall, Usage};
use crate::model::Model;
use crate::request::ToolSpec;

use super::sse::Ending;
use super::tags::{Piece, TagSplitter};
use super::text_calls::HeldText;

/// Names one tool call within a stream, in whatever way its dialect does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Slot {
    /// Its index.
    Index(u64),
    /// Its item id.
    Item(String),
}

#[derive(Debug)]
struct OpenCall {
    slot: Slot,
    part: usize,
    index: usize,
    /// Whether [`Event::ToolCallStarted`] was given; it waits for the name.
    announced: bool,
}

/// The growing reply.
#[derive(Debug)]
pub(super) struct Assembler<'a> {
    parts: Vec<AssistantPart>,
    calls: Vec<OpenCall>,
    splitter: TagSplitter,
    /// Text that may be calls. While it holds any, no text part has been begun.
    held: HeldText<'a>,
    events: Vec<Event>,
    usage: Usage,
    stop: Option<StopReason>,
    ended: bool,
    frames: bool,
    error: Option<Verdict>,
    served_by: Option<String>,
    text_shown: bool,
    /// White space at the start of a text part, given out once something to see follows it.
    space: String,
    max_tokens: Option<u64>,
    salt: u64,
}

/// What is left when the stream has ended.
pub(super) struct Outcome {
    pub(super) events: Vec<Event>,
    pub(super) result: Result<Reply, Failure>,
}

impl<'a> Assembler<'a> {
    /// `tools` are those whose calls are looked for in the text.
    pub(super) fn new(max_tokens: Option<u64>, salt: u64, tools: Cow<'a, [ToolSpec]>) -> Self {
        Self {
            parts: Vec::new(),
            calls: Vec::new(),
            splitter: TagSplitter::default(),
            held: HeldText::new(tools),
            events: Vec::new(),
            usage: Usage::default(),
            stop: None,
            ended: false,
            frames: false,
            error: None,
            served_by: None,
            text_shown: false,
            space: String::new(),
            max_tokens,
            salt,
        }
    }

    /// The same for a model that was told in words how to call the tools.
    pub(super) fn prescribing(
        max_tokens: Option<u64>,
        salt: u64,
        tools: Cow<'a, [ToolSpec]>,
    ) -> Self {
        Self {
            held: HeldText::prescribed(tools),
            ..Self::new(max_tokens, salt, Cow::Borrowed(&[]))
        }
    }

    /// A grammar holds the text that comes: a line that begins with `marker` begins calls, after words too.
    pub(super) fn hold_to_grammar(&mut self, marker: Option<&str>) {
        self.held.hold_to_grammar(marker);
    }

    /// Whether what came last is part of a call in the text.
    pub(super) fn is_in_text_call(&self) -> bool {
        self.held.is_in_call()
    }

    /// A frame that is part of the dialect came.
    pub(super) fn frame_seen(&mut self) {
        self.frames = true;
    }

    /// More text, reasoning tags and all.
    pub(super) fn text(&mut self, text: &str) {
        let mut rest = text;
        while !rest.is_empty()
            && let Some(length) = self.held.offer(rest)
        {
            let (head, tail) = rest.split_at(length);
            let mut pieces = Vec::new();
            self.splitter.push(head, &mut pieces);
            self.take_pieces(pieces);
            rest = tail;
        }
    }

    /// More reasoning, from a field of its own.
    pub(super) fn thinking(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.flush_text();
        self.take_thinking(text.to_owned());
    }

    /// A paragraph break between summaries of reasoning.
    pub(super) fn thinking_break(&mut self) {
        if let Some(AssistantPart::Thinking(t)) = self.parts.last()
            && !t.thinking.is_empty()
            && t.signature.is_none()
        {
            self.thinking("\n\n");
        }
    }

    /// What seals the last block of reasoning; a block of its own where there is none to seal.
    pub(super) fn thinking_signature(&mut self, signature: String) {
        self.flush_text();
        match self.parts.last_mut() {
            Some(AssistantPart::Thinking(t)) if t.signature.is_none() => {
                t.signature = Some(signature);
            }
            _ => self.push_part(AssistantPart::Thinking(Thinking {
                thinking: String::new(),
                signature: Some(signature),
            })),
        }
    }

    /// What seals a part that is no reasoning, in a block of its own without words: before a call it belongs to that
    /// call. A seal says that what came before it is no part of a call written as text.
    pub(super) fn seal(&mut self, signature: String) {
        self.flush_text();
        self.release_text();
        self.push_part(AssistantPart::Thinking(Thinking {
            thinking: String::new(),
            signature: Some(signature),
        }));
    }

    /// Whether any readable reasoning came.
    pub(super) fn has_thinking(&self) -> bool {
        self.parts
            .iter()
            .any(|part| matches!(part, AssistantPart::Thinking(t) if !t.thinking.is_empty()))
    }

    /// A call in `slot`, begun or gone on with. Empty ids and names count as absent. A call that is already complete in
    /// the same slot, or one with another id, makes this a new call: some servers number all parallel calls 0. A piece
    /// that tells neither id nor name and stands in no known slot goes on with the last call: some servers change a
    /// call's item id between its frames.
    pub(super) fn tool_call(
        &mut self,
        slot: Slot,
        id: Option<&str>,
        name: Option<&str>,
        arguments: &str,
    ) {
        let id = id.filter(|id| !id.is_empty());
        let name = name.filter(|name| !name.is_empty());
        let same = self.calls.iter().rposition(|call| call.slot == slot);
        let last = self.calls.len().checked_sub(1);
        let position = match (same, last) {
            (Some(position), _) if !self.is_another(position, id, name) => position,
            (None, Some(last)) if id.is_none() && name.is_none() => last,
            _ => {
                self.flush_text();
                self.release_text();
                self.push_part(AssistantPart::ToolCall(ToolCall {
                    id: String::new(),
                    name: String::new(),
                    arguments: String::new(),
                }));
                self.calls.push(OpenCall {
                    slot,
                    part: self.parts.len() - 1,
                    index: self.calls.len(),
                    announced: false,
                });
                self.calls.len() - 1
            }
        };
        let call = &mut self.calls[position];
        let AssistantPart::ToolCall(part) = &mut self.parts[call.part] else {
            return;
        };
        if let Some(id) = id
            && part.id.is_empty()
        {
            part.id = id.to_owned();
        }
        if let Some(name) = name
            && part.name.is_empty()
        {
            part.name = name.to_owned();
        }
        if !call.announced && !part.name.is_empty() {
            call.announced = true;
            self.events.push(Event::ToolCallStarted {
                index: call.index,
                name: part.name.clone(),
            });
        }
        if !arguments.is_empty() {
            part.arguments.push_str(arguments);
            self.events.push(Event::ToolCallArguments {
                index: call.index,
                json: arguments.to_owned(),
            });
        }
    }

    fn is_another(&self, position: usize, id: Option<&str>, name: Option<&str>) -> bool {
        let AssistantPart::ToolCall(known) = &self.parts[self.calls[position].part] else {
            return true;
        };
        match id {
            Some(id) if !known.id.is_empty() => id != known.id,
            _ => {
                name.is_some()
                    && !known.arguments.is_empty()
                    && serde_json::from_str::<serde::de::IgnoredAny>(&known.arguments).is_ok()
            }
        }
    }

    /// The whole arguments of the call in `slot`, from a closing frame: used only where no pieces came before. An
    /// unknown slot means the only call there is, if there is only one.
    pub(super) fn tool_arguments_whole(&mut self, slot: &Slot, arguments: &str) {
        let call = match self.calls.iter().rev().find(|call| call.slot == *slot) {
            None if self.calls.len() == 1 => self.calls.first(),
            found => found,
        };
        let Some(call) = call else { return };
        if let AssistantPart::ToolCall(part) = &mut self.parts[call.part]
            && part.arguments.is_empty()
            && !matches!(arguments, "" | "{}" | "null")
        {
            part.arguments = arguments.to_owned();
            self.events.push(Event::ToolCallArguments {
                index: call.index,
                json: arguments.to_owned(),
            });
        }
    }

    /// Whether any visible text or call came.
    pub(super) fn has_output(&self) -> bool {
        !self.calls.is_empty()
            || self.splitter.holds_back()
            || self.held.holds_text()
            || self.has_text()
    }

    /// The counts known so far; each report replaces the one before it.
    pub(super) fn usage(&mut self, usage: Usage) {
        if usage.is_known() {
            self.usage = usage;
        }
    }

    /// The counts reported last.
    pub(super) fn usage_so_far(&self) -> Usage {
        self.usage
    }

    /// Prompt tokens read so far.
    pub(super) fn prefill(&mut self, processed: u64, total: u64) {
        self.events
            .push(Event::Phase(Phase::Prefill { processed, total }));
    }

    /// The model name the server reports.
    pub(super) fn served_by(&mut self, name: &str) {
        if self.served_by.is_none() && !name.is_empty() {
            self.served_by = Some(name.to_owned());
        }
    }

    /// The announced end. The first reason counts: some servers repeat the frame.
    pub(super) fn stop(&mut self, reason: StopReason) {
        self.stop.get_or_insert(reason);
    }

    /// The dialect's very last frame came: `[DONE]`, `message_stop`, `response.completed`. A server that keeps the
    /// connection open behind it is not waited for.
    pub(super) fn ended(&mut self) {
        self.ended = true;
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// An error frame. The first counts.
    pub(super) fn error(&mut self, verdict: Verdict) {
        self.error.get_or_insert(verdict);
    }

    pub(super) fn failed(&self) -> bool {
        self.error.is_some()
    }

    pub(super) fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Gives out the text held back for a tag that might have begun: something else follows it.
    fn flush_text(&mut self) {
        let mut pieces = Vec::new();
        self.splitter.flush(&mut pieces);
        self.take_pieces(pieces);
    }

    /// Gives out the text held back for a call that might have begun: it is no call.
    fn release_text(&mut self) {
        let rest = self.held.take_rest();
        let mut pieces = Vec::new();
        self.splitter.push(&rest, &mut pieces);
        self.splitter.flush(&mut pieces);
        self.take_pieces(pieces);
        if let Some(text) = self.held.release() {
            self.give_text(text);
        }
    }

    /// The text is over: what is held is calls, or text after all.
    fn settle_text(&mut self) {
        let mut calls = self.held.take_calls();
        if calls.is_none() {
            // A call may stand behind the end of reasoning that itself began like one.
            let rest = self.held.take_rest();
            let mut pieces = Vec::new();
            self.splitter.push(&rest, &mut pieces);
            self.splitter.finish(&mut pieces);
            self.take_pieces(pieces);
            calls = self.held.take_calls();
        }
        for call in calls.into_iter().flatten() {
            self.text_call(&call.name, &call.arguments);
        }
        self.release_text();
    }

    fn take_pieces(&mut self, pieces: Vec<Piece>) {
        for piece in pieces {
            match piece {
                Piece::Text(text) => self.take_text(text),
                Piece::Thinking(text) => self.take_thinking(text),
                Piece::TextWasThinking => self.text_was_thinking(),
                Piece::ThinkingWasText(text) => {
                    let unsealed = |part: &mut AssistantPart| matches!(part, AssistantPart::Thinking(t) if t.signature.is_none());
                    self.parts.pop_if(unsealed);
                    self.take_text(text);
                }
                Piece::ToolCall { name, arguments } => self.text_call(&name, &arguments),
            }
        }
    }

    /// A whole call out of the text.
    fn text_call(&mut self, name: &str, arguments: &str) {
        let slot = Slot::Item(format!("text-{}", self.calls.len()));
        self.tool_call(slot, None, Some(name), arguments);
    }

    fn take_text(&mut self, text: String) {
        if let Some(text) = self.held.push(text) {
            self.give_text(text);
        }
    }

    /// Takes text that is certain to be text.
    fn give_text(&mut self, text: String) {
        if let Some(AssistantPart::Text { text: last }) = self.parts.last_mut() {
            last.push_str(&text);
            self.events.push(Event::Text(text));
            return;
        }
        // Blank lines between reasoning or calls and the answer are nobody's text.
        self.space.push_str(&text);
        if self.space.trim().is_empty() {
            return;
        }
        let mut text = std::mem::take(&mut self.space);
        if !self.has_text() {
            text = text.trim_start().to_owned();
        }
        self.parts.push(AssistantPart::Text { text: text.clone() });
        self.text_shown = true;
        self.events.push(Event::Text(text));
    }

    fn take_thinking(&mut self, text: String) {
        match self.parts.last_mut() {
            // A signature seals its block.
            Some(AssistantPart::Thinking(t)) if t.signature.is_none() => {
                t.thinking.push_str(&text);
            }
            _ => self.push_part(AssistantPart::Thinking(Thinking {
                thinking: text.clone(),
                signature: None,
            })),
        }
        self.events.push(Event::Thinking(text));
    }

    /// Adds a part that is no text: white space before it belongs to nothing.
    fn push_part(&mut self, part: AssistantPart) {
        self.space.clear();
        self.parts.push(part);
    }

    fn has_text(&self) -> bool {
        self.parts
            .iter()
            .any(|part| matches!(part, AssistantPart::Text { .. }))
    }

    fn text_was_thinking(&mut self) {
        // What was held has not been shown: there is nothing to take back.
        if let Some(held) = self.held.restart() {
            let thinking = held.trim().to_owned();
            if !thinking.is_empty() {
                self.push_part(AssistantPart::Thinking(Thinking {
                    thinking: thinking.clone(),
                    signature: None,
                }));
                self.events.push(Event::Thinking(thinking));
            }
            return;
        }
        for part in &mut self.parts {
            if let AssistantPart::Text { text } = part {
                *part = AssistantPart::Thinking(Thinking {
                    thinking: std::mem::take(text).trim_end().to_owned(),
                    signature: None,
                });
            }
        }
        self.text_shown = false;
        self.space.clear();
        self.events.push(Event::TextWasThinking);
    }

    /// Ends the reply. `ending` is what the body amounted to, frames apart.
    pub(super) fn finish(mut self, model: &Model, ending: Ending) -> Outcome {
        // Of a reply that broke off, what was held is lost: a call may be half written, and half of one is no text.
        if self.error.is_none() && self.is_complete() {
            self.settle_text();
        } else {
            let mut pieces = Vec::new();
            self.splitter.finish(&mut pieces);
            self.take_pieces(pieces);
        }
        let result = self.result(model, ending);
        Outcome {
            events: self.events,
            result: result.map_err(|mut failure| {
                failure.after_text = self.text_shown;
                failure
            }),
        }
    }

    /// Whether the server said that the reply was over.
    fn is_complete(&self) -> bool {
        self.stop.is_some() || self.ended
    }

    fn result(&mut self, model: &Model, ending: Ending) -> Result<Reply, Failure> {
        let fail = |class, detail: &str| Err(Failure::new(class, model, detail));
        if let Some(verdict) = self.error.take() {
            return Err(Failure::from_verdict(model, None, verdict));
        }
        if !self.frames {
            return match ending {
                Ending::Begun => fail(FailureClass::StreamCut, ""),
                Ending::Read if !self.ended => fail(FailureClass::BadReply, ""),
                _ if self.ended => fail(FailureClass::EmptyReply, ""),
                // No end was announced either.
                _ => fail(FailureClass::StreamCut, "the server sent nothing"),
            };
        }
        if !self.is_complete() {
            return fail(FailureClass::StreamCut, "");
        }
        self.close_parts();
        let mut calls = self.parts.iter().filter_map(|part| match part {
            AssistantPart::ToolCall(call) => Some(call),
            _ => None,
        });
        if calls.clone().any(|call| call.name.is_empty()) {
            return fail(
                FailureClass::BadModelOutput,
                "it called a tool without naming it",
            );
        }
        let has_calls = calls.next().is_some();
        let has_text = self
            .parts
            .iter()
            .any(|part| matches!(part, AssistantPart::Text { text } if !text.trim().is_empty()));
        let mut stop = self.stop.unwrap_or(StopReason::Stop);
        // Some servers call a reply complete that their own limit cut off.
        if stop == StopReason::Stop && self.max_tokens.is_some_and(|max| self.usage.output >= max) {
            stop = StopReason::Length;
        }
        if has_calls && stop == StopReason::Stop {
            stop = StopReason::ToolUse;
        }
        if !has_calls && !has_text {
            return fail(
                match (self.has_thinking(), stop) {
                    (_, StopReason::Length) => FailureClass::OutputExhausted,
                    (true, _) => FailureClass::ReasoningOnly,
                    (false, _) => FailureClass::EmptyReply,
                },
                "",
            );
        }
        Ok(Reply {
            message: AssistantMessage {
                content: std::mem::take(&mut self.parts),
                api: model.api.as_str().to_owned(),
                provider: model.reference.provider.clone(),
                model: model.reference.model.clone(),
                usage: self.usage,
                stop_reason: stop,
                error_message: None,
                timestamp: 0,
            },
            served_by: self
                .served_by
                .take()
                .filter(|name| *name != model.reference.model),
        })
    }

    /// Drops parts that hold nothing, and gives every call arguments and an id of its own.
    fn close_parts(&mut self) {
        self.parts.retain(|part| match part {
            AssistantPart::Text { text } => !text.trim().is_empty(),
            AssistantPart::Thinking(t) => !t.thinking.trim().is_empty() || t.signature.is_some(),
            AssistantPart::ToolCall(call) => !call.name.is_empty() || !call.arguments.is_empty(),
        });
        let mut ids = HashSet::new();
        for part in &mut self.parts {
            let AssistantPart::ToolCall(call) = part else {
                continue;
            };
            if call.id.is_empty() || ids.contains(&call.id) {
                call.id = format!("call_{:x}_{}", self.salt, ids.len());
            }
            ids.insert(call.id.clone());
            if call.arguments.trim().is_empty() {
                call.arguments = "{}".to_owned();
            }
        }
    }
}
