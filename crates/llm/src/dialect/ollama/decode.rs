//! Lines of a chat stream, and the one object of an answer that was not streamed: it has the same form.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::window::Prompt;
use crate::dialect::assembler::{Assembler, Slot};
use crate::dialect::{Wire, count, frame_error, is_error, lenient_text};
use crate::failure::{FailureClass, TokenFigures, Verdict};
use crate::message::{StopReason, Usage};
use crate::model::Model;
use crate::request::Request;

/// Reads `{"message": …, "done": false}` up to the one that is done.
pub(crate) struct OllamaWire {
    /// Calls so far; each comes whole, so each is a slot of its own.
    calls: u64,
    prompt: Prompt,
}

impl OllamaWire {
    /// `request` is what was sent, by which a prompt that was cut is known.
    pub(crate) fn new(model: &Model, request: &Request) -> Self {
        Self {
            calls: 0,
            prompt: Prompt::new(model, request),
        }
    }
}

#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(borrow, default)]
    model: Option<&'a RawValue>,
    #[serde(borrow, default)]
    message: Option<Message<'a>>,
    #[serde(default)]
    done: Option<bool>,
    #[serde(borrow, default)]
    done_reason: Option<&'a RawValue>,
    #[serde(default)]
    prompt_eval_count: Option<Value>,
    #[serde(default)]
    prompt_eval_cached_count: Option<Value>,
    #[serde(default)]
    eval_count: Option<Value>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    thinking: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tool_calls: Option<Vec<Call<'a>>>,
}

#[derive(Deserialize)]
struct Call<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    function: Option<Function<'a>>,
}

#[derive(Deserialize)]
struct Function<'a> {
    #[serde(borrow, default)]
    name: Option<&'a RawValue>,
    #[serde(borrow, default)]
    arguments: Option<&'a RawValue>,
}

impl Wire for OllamaWire {
    fn frame(&mut self, data: &str, out: &mut Assembler) {
        let Ok(frame) = serde_json::from_str::<Frame<'_>>(data) else {
            if is_error(data) {
                out.error(frame_error(data));
            }
            return;
        };
        let is_chat = frame.message.is_some() || frame.done.is_some();
        if frame.error.is_some_and(|e| e.get() != "null") || (!is_chat && is_error(data)) {
            out.error(frame_error(data));
            return;
        }
        if !is_chat {
            return;
        }
        out.frame_seen();
        if let Some(name) = lenient_text(frame.model) {
            out.served_by(&name);
        }
        if let Some(message) = &frame.message {
            self.message_into(message, out);
        }
        if frame.done == Some(true) {
            self.end(&frame, out);
        }
    }

    fn document(&mut self, body: &str, out: &mut Assembler) {
        self.frame(body, out);
    }
}

impl OllamaWire {
    fn message_into(&mut self, message: &Message<'_>, out: &mut Assembler) {
        out.thinking(&lenient_text(message.thinking).unwrap_or_default());
        out.text(&lenient_text(message.content).unwrap_or_default());
        for call in message.tool_calls.iter().flatten() {
            let slot = Slot::Index(self.calls);
            self.calls += 1;
            let function = call.function.as_ref();
            out.tool_call(
                slot,
                lenient_text(call.id).as_deref(),
                lenient_text(function.and_then(|f| f.name)).as_deref(),
                &lenient_text(function.and_then(|f| f.arguments)).unwrap_or_default(),
            );
        }
    }

    fn end(&self, frame: &Frame<'_>, out: &mut Assembler) {
        let read = count(frame.prompt_eval_count.as_ref());
        let cache_read = count(frame.prompt_eval_cached_count.as_ref()).min(read);
        out.usage(Usage {
            input: read - cache_read,
            output: count(frame.eval_count.as_ref()),
            cache_read,
            cache_write: 0,
        });
        if self.prompt.was_cut(read) {
            let verdict = Verdict::new(
                FailureClass::ContextOverflow,
                format!("the server read only {read} tokens of a longer prompt"),
            );
            out.error(Verdict {
                tokens: TokenFigures {
                    limit: Some(read),
                    ..TokenFigures::default()
                },
                ..verdict
            });
            return;
        }
        out.stop(match lenient_text(frame.done_reason).as_deref() {
            Some("length") => StopReason::Length,
            _ => StopReason::Stop,
        });
        out.ended();
    }
}
