//! `GenerateContentResponse` frames and documents.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::dialect::assembler::{Assembler, Slot};
use crate::dialect::{Wire, count, frame_error, is_error, lenient_text};
use crate::failure::{FailureClass, Verdict};
use crate::message::{StopReason, Usage};

/// Reads the frames of a stream, each a whole response of its own, and documents: one response, or the list of them
/// that the API sends where no event stream was asked for.
#[derive(Default)]
pub(crate) struct GoogleWire {
    /// Calls so far; each comes whole, so each is a slot of its own.
    calls: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Frame<'a> {
    #[serde(borrow, default)]
    candidates: Option<Vec<Candidate<'a>>>,
    #[serde(default)]
    prompt_feedback: Option<Value>,
    #[serde(default)]
    usage_metadata: Option<Value>,
    #[serde(borrow, default)]
    model_version: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate<'a> {
    #[serde(borrow, default)]
    content: Option<Content<'a>>,
    #[serde(borrow, default)]
    finish_reason: Option<&'a RawValue>,
    #[serde(borrow, default)]
    finish_message: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow, default)]
    parts: Option<Vec<Part<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part<'a> {
    #[serde(borrow, default)]
    text: Option<&'a RawValue>,
    #[serde(default)]
    thought: Option<Value>,
    #[serde(borrow, default)]
    thought_signature: Option<&'a RawValue>,
    #[serde(borrow, default)]
    function_call: Option<FunctionCall<'a>>,
}

#[derive(Deserialize)]
struct FunctionCall<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    name: Option<&'a RawValue>,
    #[serde(borrow, default)]
    args: Option<&'a RawValue>,
}

impl Wire for GoogleWire {
    fn frame(&mut self, data: &str, out: &mut Assembler) {
        let Ok(frame) = serde_json::from_str::<Frame<'_>>(data) else {
            if is_error(data) {
                out.error(frame_error(data));
            }
            return;
        };
        let is_response = frame.candidates.is_some()
            || frame.usage_metadata.is_some()
            || frame.prompt_feedback.is_some();
        if frame.error.is_some_and(|e| e.get() != "null") || (!is_response && is_error(data)) {
            out.error(frame_error(data));
            return;
        }
        if is_response {
            out.frame_seen();
        }
        if let Some(name) = lenient_text(frame.model_version) {
            out.served_by(&name);
        }
        if let Some(usage) = &frame.usage_metadata {
            out.usage(usage_of(usage));
        }
        if let Some(reason) = frame.prompt_feedback.as_ref().and_then(block_reason) {
            out.error(withheld("the prompt was blocked", reason));
            return;
        }
        if let Some(candidate) = frame.candidates.iter().flatten().next() {
            let parts = candidate.content.iter().flat_map(|c| c.parts.iter());
            for part in parts.flatten() {
                self.part_into(part, out);
            }
            if let Some(reason) = lenient_text(candidate.finish_reason) {
                let message = lenient_text(candidate.finish_message);
                finish(&reason, message.as_deref(), out);
            }
        }
    }

    fn document(&mut self, body: &str, out: &mut Assembler) {
        match serde_json::from_str::<Vec<&RawValue>>(body) {
            Ok(frames) => frames.iter().for_each(|frame| self.frame(frame.get(), out)),
            Err(_) => self.frame(body, out),
        }
        // A whole document is complete even where it gives no reason.
        out.stop(StopReason::Stop);
    }
}

impl GoogleWire {
    /// A signature belongs to the part it stands on: reasoning is sealed by it, before a call and behind a text it is
    /// a block of its own.
    fn part_into(&mut self, part: &Part<'_>, out: &mut Assembler) {
        let signature = lenient_text(part.thought_signature).filter(|s| !s.is_empty());
        let text = lenient_text(part.text).unwrap_or_default();
        if part.thought == Some(Value::Bool(true)) {
            out.thinking(&text);
            if let Some(signature) = signature {
                out.thinking_signature(signature.into_owned());
            }
            return;
        }
        out.text(&text);
        if let Some(signature) = signature {
            out.seal(signature.into_owned());
        }
        if let Some(call) = &part.function_call {
            let slot = Slot::Index(self.calls);
            self.calls += 1;
            out.tool_call(
                slot,
                lenient_text(call.id).as_deref(),
                lenient_text(call.name).as_deref(),
                &lenient_text(call.args).unwrap_or_default(),
            );
        }
    }
}

fn block_reason(feedback: &Value) -> Option<&str> {
    let reason = feedback.get("blockReason")?.as_str()?;
    Some(reason).filter(|reason| !reason.ends_with("UNSPECIFIED"))
}

/// What Google's filters leave unanswered, another model may answer.
fn withheld(what: &str, reason: &str) -> Verdict {
    Verdict::new(
        FailureClass::EmptyReply,
        format!("{what} by a filter of the server: {reason}"),
    )
}

/// The reason for the end (`Candidate.FinishReason` of the Gemini API, v1beta).
fn finish(reason: &str, message: Option<&str>, out: &mut Assembler) {
    match reason {
        "" | "FINISH_REASON_UNSPECIFIED" => {}
        "STOP" => out.stop(StopReason::Stop),
        "MAX_TOKENS" => out.stop(StopReason::Length),
        "MALFORMED_FUNCTION_CALL"
        | "UNEXPECTED_TOOL_CALL"
        | "TOO_MANY_TOOL_CALLS"
        | "MALFORMED_RESPONSE" => out.error(Verdict::new(
            FailureClass::BadModelOutput,
            message.unwrap_or(reason),
        )),
        "MISSING_THOUGHT_SIGNATURE" => out.error(Verdict::new(
            FailureClass::HistoryRejected,
            message.unwrap_or(reason),
        )),
        // What the filter left is the answer.
        _ if out.has_output() => out.stop(StopReason::Stop),
        _ => out.error(withheld("the answer was withheld", reason)),
    }
}

/// The prompt's count includes what came from the cache; thoughts are counted apart from the answer.
fn usage_of(usage: &Value) -> Usage {
    let field = |name: &str| count(usage.get(name));
    let prompt = field("promptTokenCount") + field("toolUsePromptTokenCount");
    let cache_read = field("cachedContentTokenCount").min(prompt);
    Usage {
        input: prompt - cache_read,
        output: field("candidatesTokenCount") + field("thoughtsTokenCount"),
        cache_read,
        cache_write: 0,
    }
}
