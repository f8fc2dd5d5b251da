//! Ollama's own chat API (<https://docs.ollama.com/api/chat>): one JSON object a line.

use serde_json::{Value, json};

use super::{Answer, Block, Finish, words};

/// When every answer says it was made, as [`super::CREATED`].
const CREATED_AT: &str = "2023-11-14T22:13:20Z";

pub(super) fn frames(answer: &Answer) -> Vec<String> {
    let mut lines: Vec<Value> = answer
        .blocks
        .iter()
        .flat_map(messages)
        .map(|message| object(answer, message))
        .collect();
    let mut last = object(answer, json!({"role": "assistant", "content": ""}));
    finish(answer, &mut last);
    lines.push(last);
    lines.iter().map(|line| format!("{line}\n")).collect()
}

pub(super) fn body(answer: &Answer) -> Value {
    let mut text = String::new();
    let mut thinking = String::new();
    let mut calls = Vec::new();
    for block in &answer.blocks {
        match block {
            Block::Text(piece) => text.push_str(piece),
            Block::Thinking(piece) => thinking.push_str(piece),
            Block::ToolCall { .. } => calls.push(call(block, calls.len())),
        }
    }
    let mut message = json!({"role": "assistant", "content": text});
    if !thinking.is_empty() {
        message["thinking"] = thinking.into();
    }
    if !calls.is_empty() {
        message["tool_calls"] = calls.into();
    }
    let mut whole = object(answer, message);
    finish(answer, &mut whole);
    whole
}

fn object(answer: &Answer, message: Value) -> Value {
    json!({
        "model": answer.model_name(), "created_at": CREATED_AT, "message": message, "done": false,
    })
}

/// Says that it is over, why, and what it took.
fn finish(answer: &Answer, object: &mut Value) {
    object["done"] = true.into();
    // Calls are no reason of their own here.
    object["done_reason"] = match answer.finish_reason() {
        Finish::Stop | Finish::ToolCalls | Finish::ContentFilter => "stop",
        Finish::Length => "length",
    }
    .into();
    object["total_duration"] = 2_000_000.into();
    object["load_duration"] = 1_000_000.into();
    let Some(usage) = answer.usage else { return };
    object["prompt_eval_count"] = usage.input_tokens.into();
    if usage.cached_tokens > 0 {
        object["prompt_eval_cached_count"] = usage.cached_tokens.into();
    }
    object["prompt_eval_duration"] = 500_000.into();
    object["eval_count"] = usage.output_tokens.into();
    object["eval_duration"] = 500_000.into();
}

/// What a block is told in: text by words, calls whole.
fn messages(block: &Block) -> Vec<Value> {
    match block {
        Block::Text(text) => words(text)
            .into_iter()
            .map(|word| json!({"role": "assistant", "content": word}))
            .collect(),
        Block::Thinking(text) => words(text)
            .into_iter()
            .map(|word| json!({"role": "assistant", "content": "", "thinking": word}))
            .collect(),
        Block::ToolCall { .. } => {
            vec![json!({"role": "assistant", "content": "", "tool_calls": [call(block, 0)]})]
        }
    }
}

fn call(block: &Block, index: usize) -> Value {
    let Block::ToolCall {
        id,
        name,
        arguments,
    } = block
    else {
        return Value::Null;
    };
    // Arguments that are no JSON have no form here; their text shows that.
    let arguments =
        serde_json::from_str::<Value>(arguments).unwrap_or_else(|_| arguments.as_str().into());
    let mut call = json!({"function": {"index": index, "name": name, "arguments": arguments}});
    if !id.is_empty() {
        call["id"] = id.as_str().into();
    }
    call
}
