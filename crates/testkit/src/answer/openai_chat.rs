//! Chat completions, field for field as llama.cpp's server sends them.

use serde_json::{Value, json};

use super::{Answer, Block, CREATED, Finish, Usage, argument_pieces, data_frame, words};

const FINGERPRINT: &str = "scripted";

pub(super) fn frames(answer: &Answer) -> Vec<String> {
    let mut frames = vec![delta(answer, json!({"role": "assistant", "content": null}))];
    let mut call = 0;
    for block in &answer.blocks {
        match block {
            Block::Text(text) => {
                frames.extend(
                    words(text)
                        .iter()
                        .map(|word| delta(answer, json!({"content": word}))),
                );
            }
            Block::Thinking(text) => {
                let field = answer.reasoning_field;
                frames.extend(
                    words(text)
                        .iter()
                        .map(|word| delta(answer, json!({field: word}))),
                );
            }
            Block::ToolCall {
                id,
                name,
                arguments,
            } => {
                let mut pieces = argument_pieces(arguments).into_iter();
                let first = pieces.next().unwrap_or_default();
                let function = json!({"name": name, "arguments": first});
                frames.push(delta(
                    answer,
                    json!({"tool_calls": [
                        {"index": call, "id": id, "type": "function", "function": function}
                    ]}),
                ));
                frames.extend(pieces.map(|piece| {
                    delta(
                        answer,
                        json!({"tool_calls": [
                            {"index": call, "function": {"arguments": piece}}
                        ]}),
                    )
                }));
                call += 1;
            }
        }
    }

    let mut last = chunk(answer, json!([choice(json!({}), finish_reason(answer))]));
    match answer.usage {
        None => {
            last["timings"] = timings(answer.usage_or_zero());
            frames.push(data_frame(&last));
        }
        Some(figures) => {
            frames.push(data_frame(&last));
            let mut closing = chunk(answer, json!([]));
            closing["usage"] = usage(figures);
            closing["timings"] = timings(figures);
            frames.push(data_frame(&closing));
        }
    }
    frames.push("data: [DONE]\n\n".to_owned());
    frames
}

pub(super) fn body(answer: &Answer) -> Value {
    let mut text = String::new();
    let mut thinking = String::new();
    let mut calls = Vec::new();
    for block in &answer.blocks {
        match block {
            Block::Text(part) => text.push_str(part),
            Block::Thinking(part) => thinking.push_str(part),
            Block::ToolCall {
                id,
                name,
                arguments,
            } => calls.push(json!({
                "type": "function",
                "function": {"name": name, "arguments": arguments},
                "id": id,
            })),
        }
    }
    // Without text the content is null, but an empty string beside tool calls.
    let content = (!text.is_empty() || !calls.is_empty()).then_some(text);
    let mut message = json!({"role": "assistant", "content": content});
    if !thinking.is_empty() {
        message[answer.reasoning_field] = thinking.into();
    }
    if !calls.is_empty() {
        message["tool_calls"] = calls.into();
    }
    let mut body = json!({
        "choices": [{
            "finish_reason": finish_reason(answer),
            "index": 0,
            "message": message,
        }],
        "created": CREATED,
        "model": answer.model_name(),
        "system_fingerprint": FINGERPRINT,
        "object": "chat.completion",
    });
    if let Some(figures) = answer.usage {
        body["usage"] = usage(figures);
    }
    body["id"] = answer.id.as_str().into();
    body["timings"] = timings(answer.usage_or_zero());
    body
}

fn delta(answer: &Answer, delta: Value) -> String {
    data_frame(&chunk(answer, json!([choice(delta, Value::Null)])))
}

fn choice(delta: Value, finish_reason: Value) -> Value {
    json!({"finish_reason": finish_reason, "index": 0, "delta": delta})
}

fn chunk(answer: &Answer, choices: Value) -> Value {
    json!({
        "choices": choices,
        "created": CREATED,
        "id": answer.id,
        "model": answer.model_name(),
        "system_fingerprint": FINGERPRINT,
        "object": "chat.completion.chunk",
    })
}

fn finish_reason(answer: &Answer) -> Value {
    let reason = match answer.finish_reason() {
        Finish::Stop => "stop",
        Finish::Length => "length",
        Finish::ToolCalls => "tool_calls",
        Finish::ContentFilter => "content_filter",
    };
    reason.into()
}

fn usage(usage: Usage) -> Value {
    json!({
        "completion_tokens": usage.output_tokens,
        "prompt_tokens": usage.input_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    })
}

/// llama.cpp's own figures: 1 ms for each token of the prompt that was read, 10 ms for
/// each that was made.
fn timings(usage: Usage) -> Value {
    let read = usage.input_tokens.saturating_sub(usage.cached_tokens);
    json!({
        "cache_n": usage.cached_tokens,
        "prompt_n": read,
        "prompt_ms": read as f64,
        "prompt_per_token_ms": 1.0,
        "prompt_per_second": 1000.0,
        "predicted_n": usage.output_tokens,
        "predicted_ms": usage.output_tokens as f64 * 10.0,
        "predicted_per_token_ms": 10.0,
        "predicted_per_second": 100.0,
    })
}
