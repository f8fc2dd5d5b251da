//! The Messages API, with the events of Anthropic's streaming reference
//! (<https://docs.anthropic.com/en/api/messages-streaming>).

use serde_json::{Value, json};

use super::{Answer, Block, Finish, argument_pieces, typed_frame, words};

/// What stands in for the signature of a thinking block; real ones are opaque too.
const SIGNATURE: &str = "c2NyaXB0ZWQ=";

pub(super) fn frames(answer: &Answer) -> Vec<String> {
    let mut start = body(answer);
    start["content"] = json!([]);
    start["stop_reason"] = Value::Null;
    // The figure counts what was made when the message starts: one token.
    start["usage"]["output_tokens"] = 1.into();

    let mut events = vec![json!({"type": "message_start", "message": start})];
    for (index, block) in answer.blocks.iter().enumerate() {
        events.push(json!({
            "type": "content_block_start", "index": index, "content_block": opened(block)
        }));
        if index == 0 {
            events.push(json!({"type": "ping"}));
        }
        events.extend(
            deltas(block).into_iter().map(
                |delta| json!({"type": "content_block_delta", "index": index, "delta": delta}),
            ),
        );
        events.push(json!({"type": "content_block_stop", "index": index}));
    }
    events.push(json!({
        "type": "message_delta",
        "delta": {"stop_reason": stop_reason(answer), "stop_sequence": null},
        "usage": {"output_tokens": answer.usage_or_zero().output_tokens},
    }));
    events.push(json!({"type": "message_stop"}));
    events.iter().map(typed_frame).collect()
}

pub(super) fn body(answer: &Answer) -> Value {
    let content: Vec<Value> = answer.blocks.iter().map(closed).collect();
    let usage = answer.usage_or_zero();
    json!({
        "id": answer.id,
        "type": "message",
        "role": "assistant",
        "model": answer.model_name(),
        "content": content,
        "stop_reason": stop_reason(answer),
        "stop_sequence": null,
        "usage": {
            // Unlike elsewhere, tokens from the cache are not part of this figure.
            "input_tokens": usage.input_tokens.saturating_sub(usage.cached_tokens),
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": usage.cached_tokens,
            "output_tokens": usage.output_tokens,
        },
    })
}

/// A content block as it starts.
fn opened(block: &Block) -> Value {
    match block {
        Block::Text(_) => json!({"type": "text", "text": ""}),
        Block::Thinking(_) => json!({"type": "thinking", "thinking": "", "signature": ""}),
        Block::ToolCall { id, name, .. } => {
            json!({"type": "tool_use", "id": id, "name": name, "input": {}})
        }
    }
}

/// A content block as it is in the end.
fn closed(block: &Block) -> Value {
    match block {
        Block::Text(text) => json!({"type": "text", "text": text}),
        Block::Thinking(text) => {
            json!({"type": "thinking", "thinking": text, "signature": SIGNATURE})
        }
        Block::ToolCall {
            id,
            name,
            arguments,
        } => {
            // Arguments that are no JSON have no whole form; their text shows that.
            let input = serde_json::from_str::<Value>(arguments)
                .unwrap_or_else(|_| arguments.as_str().into());
            json!({"type": "tool_use", "id": id, "name": name, "input": input})
        }
    }
}

/// What a content block is told in.
fn deltas(block: &Block) -> Vec<Value> {
    match block {
        Block::Text(text) => words(text)
            .iter()
            .map(|word| json!({"type": "text_delta", "text": word}))
            .collect(),
        Block::Thinking(text) => words(text)
            .iter()
            .map(|word| json!({"type": "thinking_delta", "thinking": word}))
            .chain([json!({"type": "signature_delta", "signature": SIGNATURE})])
            .collect(),
        // The first piece is empty, as Anthropic sends it.
        Block::ToolCall { arguments, .. } => [String::new()]
            .into_iter()
            .chain(argument_pieces(arguments))
            .map(|piece| json!({"type": "input_json_delta", "partial_json": piece}))
            .collect(),
    }
}

fn stop_reason(answer: &Answer) -> &'static str {
    match answer.finish_reason() {
        Finish::Stop => "end_turn",
        Finish::Length => "max_tokens",
        Finish::ToolCalls => "tool_use",
        Finish::ContentFilter => "refusal",
    }
}
