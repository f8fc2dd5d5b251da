//! Responses events and documents.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::dialect::assembler::{Assembler, Slot};
use crate::dialect::{Wire, count, frame_error, is_error, lenient_text};
use crate::message::{StopReason, Usage};

/// Reads `response.*` events and whole `response` documents.
#[derive(Default)]
pub(crate) struct ResponsesWire {
    /// What came for each item before its closing frame, which repeats it.
    items: HashMap<ItemKey, Seen>,
}

/// An item is known by its position; servers that send none are known by its id.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum ItemKey {
    Index(u64),
    Id(String),
    /// In the final object, where ids and positions may be others than in the stream.
    Final(usize),
}

#[derive(Debug, Default, Clone, Copy)]
struct Seen {
    text: bool,
    call: bool,
}

#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    delta: Option<&'a RawValue>,
    #[serde(borrow, default)]
    arguments: Option<&'a RawValue>,
    #[serde(default)]
    item: Option<Value>,
    #[serde(default)]
    item_id: Option<String>,
    #[serde(default)]
    output_index: Option<u64>,
    #[serde(default)]
    response: Option<Value>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

impl Frame<'_> {
    fn key(&self) -> ItemKey {
        match (self.output_index, &self.item_id, &self.item) {
            (Some(index), _, _) => ItemKey::Index(index),
            (None, Some(id), _) => ItemKey::Id(id.clone()),
            (None, None, item) => ItemKey::Id(
                item.as_ref()
                    .and_then(|item| item.get("id")?.as_str())
                    .unwrap_or_default()
                    .to_owned(),
            ),
        }
    }
}

impl ItemKey {
    fn slot(&self) -> Slot {
        match self {
            Self::Index(index) => Slot::Index(*index),
            Self::Id(id) => Slot::Item(id.clone()),
            Self::Final(index) => Slot::Item(format!("final-{index}")),
        }
    }
}

impl Wire for ResponsesWire {
    fn frame(&mut self, data: &str, out: &mut Assembler) {
        let Ok(frame) = serde_json::from_str::<Frame<'_>>(data) else {
            if is_error(data) {
                out.error(frame_error(data));
            }
            return;
        };
        let has_error = frame.error.is_some_and(|e| e.get() != "null");
        if frame.kind.is_empty() {
            if is_error(data) {
                out.error(frame_error(data));
            }
            return;
        }
        match frame.kind.as_ref() {
            "error" => {
                // Either nested under `error` or flat in the frame itself.
                let flat = format!(r#"{{"error":{data}}}"#);
                out.error(frame_error(if has_error { data } else { &flat }));
            }
            "response.failed" => {
                let response = frame.response.unwrap_or_default();
                out.error(frame_error(&failed_response(&response)));
            }
            "response.created" | "response.in_progress" | "response.queued" => {
                out.frame_seen();
                if let Some(name) = frame
                    .response
                    .as_ref()
                    .and_then(|r| r.get("model")?.as_str())
                {
                    out.served_by(name);
                }
            }
            "response.output_text.delta" | "response.refusal.delta" => {
                out.frame_seen();
                self.items.entry(frame.key()).or_default().text = true;
                out.text(&lenient_text(frame.delta).unwrap_or_default());
            }
            "response.reasoning_text.delta"
            | "response.reasoning_summary_text.delta"
            | "response.reasoning.delta" => {
                out.frame_seen();
                self.items.entry(frame.key()).or_default().text = true;
                out.thinking(&lenient_text(frame.delta).unwrap_or_default());
            }
            "response.reasoning_summary_part.added" => out.thinking_break(),
            "response.function_call_arguments.delta" => {
                out.frame_seen();
                let key = frame.key();
                self.items.entry(key.clone()).or_default().call = true;
                let piece = lenient_text(frame.delta).unwrap_or_default();
                out.tool_call(key.slot(), None, None, &piece);
            }
            "response.function_call_arguments.done" => {
                let whole = lenient_text(frame.arguments).unwrap_or_default();
                out.tool_arguments_whole(&frame.key().slot(), &whole);
            }
            "response.output_item.added" => {
                out.frame_seen();
                let key = frame.key();
                if let Some(item) = &frame.item {
                    self.item_added(&key, item, out);
                }
            }
            "response.output_item.done" => {
                let key = frame.key();
                if let Some(item) = &frame.item {
                    self.item_done(&key, item, out);
                }
            }
            "response.completed" | "response.incomplete" | "response.done" => {
                let response = frame.response.unwrap_or_default();
                out.frame_seen();
                self.response_into(&response, out);
                out.ended();
            }
            _ => {}
        }
    }

    fn document(&mut self, body: &str, out: &mut Assembler) {
        let Ok(value) = serde_json::from_str::<Value>(body) else {
            return;
        };
        if value.get("output").is_some_and(Value::is_array) {
            out.frame_seen();
            if value.get("status").and_then(Value::as_str) == Some("failed") {
                out.error(frame_error(&failed_response(&value)));
                return;
            }
            self.response_into(&value, out);
        } else if crate::failure::is_error(&value) {
            out.error(frame_error(body));
        }
    }
}

impl ResponsesWire {
    fn item_added(&mut self, key: &ItemKey, item: &Value, out: &mut Assembler) {
        if item.get("type").and_then(Value::as_str) == Some("function_call") {
            self.items.entry(key.clone()).or_default().call = true;
            out.tool_call(
                key.slot(),
                item.get("call_id").and_then(Value::as_str),
                item.get("name").and_then(Value::as_str),
                "",
            );
        }
    }

    /// A closing frame: what its item holds counts only where nothing of it came before.
    fn item_done(&mut self, key: &ItemKey, item: &Value, out: &mut Assembler) {
        let seen = self.items.get(key).copied().unwrap_or_default();
        let entry = Seen {
            text: true,
            call: true,
        };
        match item.get("type").and_then(Value::as_str) {
            Some("message") if !seen.text => {
                for part in item
                    .get("content")
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten()
                {
                    for field in ["text", "refusal"] {
                        if let Some(text) = part.get(field).and_then(Value::as_str) {
                            out.text(text);
                        }
                    }
                }
            }
            Some("reasoning") => {
                if !seen.text {
                    for field in ["summary", "content"] {
                        for part in item
                            .get(field)
                            .and_then(Value::as_array)
                            .into_iter()
                            .flatten()
                        {
                            if let Some(text) = part.get("text").and_then(Value::as_str) {
                                out.thinking_break();
                                out.thinking(text);
                            }
                        }
                    }
                }
                if item.get("encrypted_content").is_some_and(Value::is_string) {
                    out.thinking_signature(item.to_string());
                }
            }
            Some("function_call") => {
                if !seen.call {
                    self.item_added(key, item, out);
                }
                let arguments = match item.get("arguments") {
                    Some(Value::String(text)) => text.clone(),
                    Some(other) => other.to_string(),
                    None => String::new(),
                };
                out.tool_arguments_whole(&key.slot(), &arguments);
            }
            _ => {}
        }
        self.items.insert(key.clone(), entry);
    }

    /// The final object: usage, status, and its output where the stream brought none.
    fn response_into(&mut self, response: &Value, out: &mut Assembler) {
        if let Some(name) = response.get("model").and_then(Value::as_str) {
            out.served_by(name);
        }
        if !out.has_output() {
            let items = response.get("output").and_then(Value::as_array);
            for (index, item) in items.into_iter().flatten().enumerate() {
                let is_reasoning = item.get("type").and_then(Value::as_str) == Some("reasoning");
                if !(is_reasoning && out.has_thinking()) {
                    self.item_done(&ItemKey::Final(index), item, out);
                }
            }
        }
        if let Some(usage) = response.get("usage") {
            out.usage(usage_of(usage));
        }
        let status = response.get("status").and_then(Value::as_str);
        let reason = response
            .get("incomplete_details")
            .and_then(|d| d.get("reason")?.as_str());
        out.stop(match (status, reason) {
            (Some("incomplete"), Some("max_output_tokens") | None) => StopReason::Length,
            (_, Some("max_output_tokens")) => StopReason::Length,
            _ => StopReason::Stop,
        });
    }
}

fn failed_response(response: &Value) -> String {
    let error = response.get("error").cloned().unwrap_or_default();
    serde_json::json!({ "error": error }).to_string()
}

fn usage_of(usage: &Value) -> Usage {
    let prompt = count(usage.get("input_tokens"));
    let cached = usage
        .get("input_tokens_details")
        .and_then(|d| d.get("cached_tokens"));
    let cache_read = count(cached).min(prompt);
    Usage {
        input: prompt - cache_read,
        output: count(usage.get("output_tokens")),
        cache_read,
        cache_write: 0,
    }
}
