//! Chat Completions frames and documents.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::dialect::assembler::{Assembler, Slot};
use crate::dialect::{Wire, count, frame_error, is_error, lenient_text};
use crate::message::{StopReason, Usage};

/// Reads `chat.completion.chunk` frames and whole `chat.completion` documents: they differ only in `delta`/`message`.
#[derive(Default)]
pub(crate) struct CompletionsWire;

/// Fields whose type differs between servers stay raw, so that an odd one never costs the frame.
#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow, default)]
    choices: Option<First<Choice<'a>>>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    timings: Option<&'a RawValue>,
    #[serde(borrow, default)]
    prompt_progress: Option<&'a RawValue>,
    #[serde(borrow, default)]
    model: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

/// The first item of a list, if it has any. One choice is asked for, so a list of them would be made for nothing, and that
/// for each word.
struct First<T>(Option<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for First<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Items<T> {
            type Value = First<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<First<T>, A::Error> {
                let first = items.next_element()?;
                while items.next_element::<IgnoredAny>()?.is_some() {}
                Ok(First(first))
            }
        }
        deserializer.deserialize_seq(Items(PhantomData))
    }
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow, default)]
    delta: Option<Delta<'a>>,
    #[serde(borrow, default)]
    message: Option<Delta<'a>>,
    #[serde(borrow, default)]
    finish_reason: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    reasoning_content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    reasoning: Option<&'a RawValue>,
    #[serde(borrow, default)]
    thinking: Option<&'a RawValue>,
    #[serde(borrow, default)]
    reasoning_details: Option<&'a RawValue>,
    #[serde(borrow, default)]
    refusal: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tool_calls: Option<Vec<CallDelta<'a>>>,
}

#[derive(Deserialize)]
struct CallDelta<'a> {
    #[serde(default)]
    index: Option<Value>,
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    function: Option<FunctionDelta<'a>>,
}

#[derive(Deserialize)]
struct FunctionDelta<'a> {
    #[serde(borrow, default)]
    name: Option<&'a RawValue>,
    #[serde(borrow, default)]
    arguments: Option<&'a RawValue>,
}

impl Wire for CompletionsWire {
    fn frame(&mut self, data: &str, out: &mut Assembler) {
        let Ok(chunk) = serde_json::from_str::<Chunk<'_>>(data) else {
            // Not this dialect's frame: an error in another envelope, or nothing we know.
            if is_error(data) {
                out.error(frame_error(data));
            }
            return;
        };
        if chunk.error.is_some_and(|e| e.get() != "null")
            || (chunk.choices.is_none() && is_error(data))
        {
            out.error(frame_error(data));
            return;
        }
        if let Some(name) = lenient_text(chunk.model) {
            out.served_by(&name);
        }
        if let Some(progress) = chunk.prompt_progress.map(value_of) {
            out.frame_seen();
            out.prefill(
                count(progress.get("processed")),
                count(progress.get("total")),
            );
        }
        if let Some(choices) = &chunk.choices {
            out.frame_seen();
            if let First(Some(choice)) = choices {
                choice_into(choice, out);
            }
        }
        match (chunk.usage, chunk.timings) {
            (Some(usage), _) if usage.get().starts_with('{') => {
                out.usage(usage_of(&value_of(usage)));
            }
            (_, Some(timings)) => out.usage(usage_of_timings(&value_of(timings))),
            _ => {}
        }
    }

    fn document(&mut self, body: &str, out: &mut Assembler) {
        self.frame(body, out);
        // A whole document is complete even where it gives no reason.
        out.stop(StopReason::Stop);
    }
}

/// What a part of a frame holds. The frame was read, so all of its parts can be.
fn value_of(raw: &RawValue) -> Value {
    serde_json::from_str(raw.get()).unwrap_or_default()
}

fn choice_into(choice: &Choice<'_>, out: &mut Assembler) {
    if let Some(delta) = choice.delta.as_ref().or(choice.message.as_ref()) {
        delta_into(delta, out);
    }
    if let Some(reason) = lenient_text(choice.finish_reason) {
        out.stop(match &*reason {
            "length" | "max_tokens" => StopReason::Length,
            "tool_calls" | "function_call" => StopReason::ToolUse,
            _ => StopReason::Stop,
        });
    }
}

fn delta_into(delta: &Delta<'_>, out: &mut Assembler) {
    // Several of these may carry the same text: the first that has any counts.
    let reasoning = [delta.reasoning_content, delta.reasoning, delta.thinking]
        .into_iter()
        .find_map(|raw| lenient_text(raw).filter(|text| !text.is_empty()))
        .or_else(|| {
            let details = value_of(delta.reasoning_details?);
            Some(reasoning_details(&details).into())
        });
    if let Some(reasoning) = reasoning {
        out.thinking(&reasoning);
    }
    if let Some(content) = delta.content {
        content_into(content, out);
    }
    if let Some(refusal) = lenient_text(delta.refusal) {
        out.text(&refusal);
    }
    for (position, call) in delta.tool_calls.iter().flatten().enumerate() {
        let index = match &call.index {
            Some(index) if !index.is_null() => count(Some(index)),
            _ => position as u64,
        };
        let (name, arguments) = match &call.function {
            Some(function) => (
                lenient_text(function.name),
                lenient_text(function.arguments),
            ),
            None => (None, None),
        };
        out.tool_call(
            Slot::Index(index),
            lenient_text(call.id).as_deref(),
            name.as_deref(),
            arguments.as_deref().unwrap_or(""),
        );
    }
}

/// Content is a string, or a list of typed parts (Mistral's reasoning models).
fn content_into(content: &RawValue, out: &mut Assembler) {
    if !content.get().starts_with('[') {
        if let Some(text) = lenient_text(Some(content)) {
            out.text(&text);
        }
        return;
    }
    let parts: Vec<Value> = serde_json::from_str(content.get()).unwrap_or_default();
    for part in &parts {
        match part.get("type").and_then(Value::as_str) {
            Some("thinking" | "reasoning") => {
                let inner = part.get("thinking").or_else(|| part.get("text"));
                match inner {
                    Some(Value::String(text)) => out.thinking(text),
                    Some(Value::Array(items)) => {
                        for item in items {
                            if let Some(text) = item.get("text").and_then(Value::as_str) {
                                out.thinking(text);
                            }
                        }
                    }
                    _ => {}
                }
            }
            _ => {
                if let Some(text) = part.get("text").and_then(Value::as_str) {
                    out.text(text);
                }
            }
        }
    }
}

/// OpenRouter's `reasoning_details`: text and summary entries; sealed ones have nothing to read.
fn reasoning_details(details: &Value) -> String {
    let mut text = String::new();
    for detail in details.as_array().into_iter().flatten() {
        for key in ["text", "summary"] {
            if let Some(part) = detail.get(key).and_then(Value::as_str) {
                text.push_str(part);
            }
        }
    }
    text
}

fn usage_of(usage: &Value) -> Usage {
    let prompt = count(usage.get("prompt_tokens"));
    let cached = usage
        .get("prompt_tokens_details")
        .and_then(|d| d.get("cached_tokens"))
        .or_else(|| usage.get("prompt_cache_hit_tokens"));
    let cache_read = count(cached).min(prompt);
    Usage {
        input: prompt - cache_read,
        output: count(usage.get("completion_tokens")),
        cache_read,
        cache_write: 0,
    }
}

/// llama.cpp's own figures, for a stream without usage.
fn usage_of_timings(timings: &Value) -> Usage {
    Usage {
        input: count(timings.get("prompt_n")),
        output: count(timings.get("predicted_n")),
        cache_read: count(timings.get("cache_n")),
        cache_write: 0,
    }
}
