//! Messages events and documents.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::dialect::assembler::{Assembler, Slot};
use crate::dialect::{Wire, count, frame_error, is_error};
use crate::message::{StopReason, Usage};

/// Reads `message_start` … `message_stop` and whole `message` documents.
#[derive(Default)]
pub(crate) struct AnthropicWire;

#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Cow<'a, str>,
    #[serde(default)]
    index: Option<u64>,
    #[serde(borrow, default)]
    delta: Option<Delta<'a>>,
    #[serde(default)]
    content_block: Option<Value>,
    #[serde(default)]
    message: Option<Value>,
    #[serde(default)]
    usage: Option<Value>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Cow<'a, str>,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    thinking: Option<String>,
    #[serde(default)]
    signature: Option<String>,
    #[serde(default)]
    partial_json: Option<String>,
    #[serde(default)]
    stop_reason: Option<String>,
}

impl Wire for AnthropicWire {
    fn frame(&mut self, data: &str, out: &mut Assembler) {
        let Ok(frame) = serde_json::from_str::<Frame<'_>>(data) else {
            if is_error(data) {
                out.error(frame_error(data));
            }
            return;
        };
        let has_error = frame.error.is_some_and(|e| e.get() != "null");
        if frame.kind == "error" || has_error || (frame.kind.is_empty() && is_error(data)) {
            out.error(frame_error(data));
            return;
        }
        match frame.kind.as_ref() {
            "message_start" => {
                out.frame_seen();
                if let Some(message) = &frame.message {
                    if let Some(name) = message.get("model").and_then(Value::as_str) {
                        out.served_by(name);
                    }
                    usage_into(message.get("usage"), out);
                }
            }
            "content_block_start" => {
                out.frame_seen();
                if let Some(block) = &frame.content_block {
                    block_into(frame.index.unwrap_or(0), block, out);
                }
            }
            "content_block_delta" => {
                out.frame_seen();
                if let Some(delta) = &frame.delta {
                    delta_into(frame.index.unwrap_or(0), delta, out);
                }
            }
            "message_delta" => {
                out.frame_seen();
                if let Some(reason) = frame.delta.as_ref().and_then(|d| d.stop_reason.as_deref()) {
                    out.stop(stop_reason(reason));
                }
                usage_into(frame.usage.as_ref(), out);
            }
            "message_stop" => {
                out.frame_seen();
                out.stop(StopReason::Stop);
                out.ended();
            }
            "ping" => out.frame_seen(),
            _ => {}
        }
    }

    fn document(&mut self, body: &str, out: &mut Assembler) {
        let Ok(message) = serde_json::from_str::<Value>(body) else {
            return;
        };
        let Some(blocks) = message.get("content").and_then(Value::as_array) else {
            if crate::failure::is_error(&message) {
                out.error(frame_error(body));
            }
            return;
        };
        out.frame_seen();
        if let Some(name) = message.get("model").and_then(Value::as_str) {
            out.served_by(name);
        }
        for (index, block) in blocks.iter().enumerate() {
            block_into(index as u64, block, out);
        }
        usage_into(message.get("usage"), out);
        out.stop(
            message
                .get("stop_reason")
                .and_then(Value::as_str)
                .map_or(StopReason::Stop, stop_reason),
        );
    }
}

/// A block at its start: usually empty, whole in a document and from some proxies.
fn block_into(index: u64, block: &Value, out: &mut Assembler) {
    let field = |name: &str| block.get(name).and_then(Value::as_str).unwrap_or_default();
    match field("type") {
        "text" => out.text(field("text")),
        "thinking" => {
            out.thinking(field("thinking"));
            if !field("signature").is_empty() {
                out.thinking_signature(field("signature").to_owned());
            }
        }
        "redacted_thinking" => out.thinking_signature(field("data").to_owned()),
        "tool_use" => {
            let input = match block.get("input") {
                Some(Value::Object(map)) if !map.is_empty() => {
                    Value::Object(map.clone()).to_string()
                }
                _ => String::new(),
            };
            out.tool_call(
                Slot::Index(index),
                Some(field("id")),
                Some(field("name")),
                &input,
            );
        }
        _ => {}
    }
}

fn delta_into(index: u64, delta: &Delta<'_>, out: &mut Assembler) {
    match delta.kind.as_ref() {
        "text_delta" => out.text(delta.text.as_deref().unwrap_or_default()),
        "thinking_delta" => out.thinking(delta.thinking.as_deref().unwrap_or_default()),
        "signature_delta" => {
            if let Some(signature) = &delta.signature {
                out.thinking_signature(signature.clone());
            }
        }
        "input_json_delta" => {
            let piece = delta.partial_json.as_deref().unwrap_or_default();
            out.tool_call(Slot::Index(index), None, None, piece);
        }
        _ => {}
    }
}

/// Later reports repeat or complete earlier ones; a count left out keeps its value.
fn usage_into(usage: Option<&Value>, out: &mut Assembler) {
    let Some(usage) = usage else { return };
    let known = out.usage_so_far();
    let field = |name: &str, before: u64| match usage.get(name) {
        Some(Value::Null) | None => before,
        value => count(value),
    };
    out.usage(Usage {
        input: field("input_tokens", known.input),
        output: field("output_tokens", known.output),
        cache_read: field("cache_read_input_tokens", known.cache_read),
        cache_write: field("cache_creation_input_tokens", known.cache_write),
    });
}

fn stop_reason(reason: &str) -> StopReason {
    match reason {
        "max_tokens" | "model_context_window_exceeded" => StopReason::Length,
        "tool_use" => StopReason::ToolUse,
        _ => StopReason::Stop,
    }
}
