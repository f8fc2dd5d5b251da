//! Builds one reply out of what a dialect's frames say. Every dialect reports into this, so that text, reasoning, tool
//! calls, usage and endings mean the same whatever the server.

use crate::backend::Reply;
use crate::event::{Event, Phase};
use crate::failure::{Failure, FailureClass, Verdict};
use crate::message::{AssistantMessage, AssistantPart, StopReason, Thinking, ToolCall, Usage};
use crate::model::Model;

use super::tags::{Piece, TagSplitter};

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
pub(super) struct Assembler {
    parts: Vec<AssistantPart>,
    calls: Vec<OpenCall>,
    splitter: TagSplitter,
    events: Vec<Event>,
    usage: Usage,
    stop: Option<StopReason>,
    done_marker: bool,
    frames: bool,
    error: Option<Verdict>,
    served_by: Option<String>,
    text_shown: bool,
    max_tokens: Option<u64>,
    salt: u64,
}

/// What is left when the stream has ended.
pub(super) struct Outcome {
    pub(super) events: Vec<Event>,
    pub(super) result: Result<Reply, Failure>,
}

impl Assembler {
    pub(super) fn new(max_tokens: Option<u64>, salt: u64) -> Self {
        Self {
            parts: Vec::new(),
            calls: Vec::new(),
            splitter: TagSplitter::default(),
            events: Vec::new(),
            usage: Usage::default(),
            stop: None,
            done_marker: false,
            frames: false,
            error: None,
            served_by: None,
            text_shown: false,
            max_tokens,
            salt,
        }
    }

    /// A frame that is part of the dialect came.
    pub(super) fn frame_seen(&mut self) {
        self.frames = true;
    }

    /// More text, reasoning tags and all.
    pub(super) fn text(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        let mut pieces = Vec::new();
        self.splitter.push(text, &mut pieces);
        self.take_pieces(pieces);
    }

    /// More reasoning, from a field of its own.
    pub(super) fn thinking(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.flush_text();
        match self.parts.last_mut() {
            // A signature seals its block.
            Some(AssistantPart::Thinking(t)) if t.signature.is_none() => t.thinking.push_str(text),
            _ => self.parts.push(AssistantPart::Thinking(Thinking {
                thinking: text.to_owned(),
                signature: None,
            })),
        }
        self.events.push(Event::Thinking(text.to_owned()));
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
            _ => self.parts.push(AssistantPart::Thinking(Thinking {
                thinking: String::new(),
                signature: Some(signature),
            })),
        }
    }

    /// Whether the last part is reasoning with readable text.
    pub(super) fn has_thinking(&self) -> bool {
        self.parts.iter().any(
            |part| matches!(part, AssistantPart::Thinking(t) if !t.thinking.is_empty()),
        )
    }

    /// A call in `slot`, begun or gone on with. Empty ids and names count as absent. A call that is already complete in
    /// the same slot, or one with another id, makes this a new call: some servers number all parallel calls 0.
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
        let position = match same {
            Some(position) if !self.is_another(position, id, name) => position,
            _ => {
                self.flush_text();
                self.parts.push(AssistantPart::ToolCall(ToolCall {
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

    /// The whole arguments of the call in `slot`, from a closing frame: used only where no pieces came before.
    pub(super) fn tool_arguments_whole(&mut self, slot: &Slot, arguments: &str) {
        let Some(call) = self.calls.iter().rev().find(|call| call.slot == *slot) else {
            return;
        };
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
            || self
                .parts
                .iter()
                .any(|part| matches!(part, AssistantPart::Text { .. }))
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
        self.events.push(Event::Phase(Phase::Prefill { processed, total }));
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

    /// `[DONE]`.
    pub(super) fn done_marker(&mut self) {
        self.done_marker = true;
    }

    pub(super) fn saw_done_marker(&self) -> bool {
        self.done_marker
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

    fn take_pieces(&mut self, pieces: Vec<Piece>) {
        for piece in pieces {
            match piece {
                Piece::Text(text) => {
                    match self.parts.last_mut() {
                        Some(AssistantPart::Text { text: last }) => last.push_str(&text),
                        // Blank lines between reasoning or calls and the answer are nobody's text.
                        _ if text.trim().is_empty() => continue,
                        _ => self.parts.push(AssistantPart::Text { text: text.clone() }),
                    }
                    self.text_shown = true;
                    self.events.push(Event::Text(text));
                }
                Piece::Thinking(text) => {
                    match self.parts.last_mut() {
                        Some(AssistantPart::Thinking(t)) if t.signature.is_none() => {
                            t.thinking.push_str(&text);
                        }
                        _ => self.parts.push(AssistantPart::Thinking(Thinking {
                            thinking: text.clone(),
                            signature: None,
                        })),
                    }
                    self.events.push(Event::Thinking(text));
                }
                Piece::TextWasThinking => self.text_was_thinking(),
                Piece::ToolCall { name, arguments } => {
                    let slot = Slot::Item(format!("text-{}", self.calls.len()));
                    self.tool_call(slot, None, Some(&name), &arguments);
                }
            }
        }
    }

    fn text_was_thinking(&mut self) {
        for part in &mut self.parts {
            if let AssistantPart::Text { text } = part {
                *part = AssistantPart::Thinking(Thinking {
                    thinking: std::mem::take(text).trim_end().to_owned(),
                    signature: None,
                });
            }
        }
        self.text_shown = false;
        self.events.push(Event::TextWasThinking);
    }

    /// Ends the reply. `received` says whether any byte of a body came.
    pub(super) fn finish(mut self, model: &Model, received: bool) -> Outcome {
        let mut pieces = Vec::new();
        self.splitter.finish(&mut pieces);
        self.take_pieces(pieces);
        let result = self.result(model, received);
        Outcome {
            events: self.events,
            result: result.map_err(|mut failure| {
                failure.after_text = self.text_shown;
                failure
            }),
        }
    }

    fn result(&mut self, model: &Model, received: bool) -> Result<Reply, Failure> {
        let fail = |class, detail: &str| Err(Failure::new(class, model, detail));
        if let Some(verdict) = self.error.take() {
            return Err(Failure::from_verdict(model, None, verdict));
        }
        if !received {
            return fail(FailureClass::EmptyReply, "the server sent nothing");
        }
        if !self.frames {
            return match self.done_marker {
                true => fail(FailureClass::EmptyReply, "the server sent nothing"),
                false => fail(FailureClass::BadReply, ""),
            };
        }
        if self.stop.is_none() && !self.done_marker {
            return fail(FailureClass::StreamCut, "");
        }
        self.close_parts();
        let has_calls = !self.calls.is_empty();
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
            let reasoned = self.has_thinking();
            return fail(
                FailureClass::EmptyReply,
                match (reasoned, stop) {
                    (true, StopReason::Length) => {
                        "its output limit was spent on reasoning: raise maxTokens or lower the thinking level"
                    }
                    (true, _) => "it reasoned and then said nothing",
                    (false, StopReason::Length) => {
                        "its output limit left no room for an answer: raise maxTokens or shorten the conversation"
                    }
                    (false, _) => "",
                },
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

    /// Gives every call an id and arguments, and drops parts that hold nothing.
    fn close_parts(&mut self) {
        for call in &self.calls {
            if let AssistantPart::ToolCall(part) = &mut self.parts[call.part] {
                if part.id.is_empty() {
                    part.id = format!("call_{:x}_{}", self.salt, call.index);
                }
                if part.arguments.trim().is_empty() {
                    part.arguments = "{}".to_owned();
                }
            }
        }
        self.parts.retain(|part| match part {
            AssistantPart::Text { text } => !text.trim().is_empty(),
            AssistantPart::Thinking(t) => !t.thinking.trim().is_empty() || t.signature.is_some(),
            AssistantPart::ToolCall(_) => true,
        });
    }
}
