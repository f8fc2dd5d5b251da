//! The Gemini API's `GenerateContentResponse`, v1beta
//! (<https://ai.google.dev/api/generate-content#generatecontentresponse>).

use serde_json::{Value, json};

use super::{Answer, Block, Finish, data_frame, words};

/// What stands in for a thought signature; real ones are opaque too.
const SIGNATURE: &str = "c2NyaXB0ZWQ=";

/// A response for each piece, each with the model and the counts so far; the last one says why
/// it ended.
pub(super) fn frames(answer: &Answer) -> Vec<String> {
    let parts = pieces(answer);
    let last = parts.len().saturating_sub(1);
    let mut responses: Vec<Value> = parts
        .into_iter()
        .enumerate()
        .map(|(index, part)| response(answer, vec![part], index == last))
        .collect();
    if responses.is_empty() {
        responses.push(response(answer, Vec::new(), true));
    }
    responses.iter().map(data_frame).collect()
}

pub(super) fn body(answer: &Answer) -> Value {
    let mut first_call = true;
    let parts = answer
        .blocks
        .iter()
        .map(|block| match block {
            Block::Text(text) => json!({"text": text}),
            Block::Thinking(text) => json!({"text": text, "thought": true}),
            Block::ToolCall { .. } => call(block, &mut first_call),
        })
        .collect();
    response(answer, parts, true)
}

/// The model and the method that a path names.
pub(super) fn target(path: &str) -> (&str, &str) {
    let last = path.split_once("/models/").map_or(path, |(_, rest)| rest);
    last.rsplit_once(':').unwrap_or((last, ""))
}

fn response(answer: &Answer, parts: Vec<Value>, is_last: bool) -> Value {
    let usage = answer.usage_or_zero();
    let mut candidate = json!({"content": {"parts": parts, "role": "model"}});
    let mut counts = json!({"promptTokenCount": usage.input_tokens});
    if is_last {
        candidate["finishReason"] = finish_reason(answer).into();
        counts["candidatesTokenCount"] = usage
            .output_tokens
            .saturating_sub(usage.reasoning_tokens)
            .into();
        counts["totalTokenCount"] = (usage.input_tokens + usage.output_tokens).into();
        if usage.cached_tokens > 0 {
            counts["cachedContentTokenCount"] = usage.cached_tokens.into();
        }
        if usage.reasoning_tokens > 0 {
            counts["thoughtsTokenCount"] = usage.reasoning_tokens.into();
        }
    }
    candidate["index"] = 0.into();
    json!({
        "candidates": [candidate],
        "usageMetadata": counts,
        "modelVersion": answer.model_name(),
        "responseId": answer.id,
    })
}

/// What an answer is told in: text by words, calls whole.
fn pieces(answer: &Answer) -> Vec<Value> {
    let mut first_call = true;
    let mut pieces = Vec::new();
    for block in &answer.blocks {
        match block {
            Block::Text(text) => {
                pieces.extend(words(text).into_iter().map(|word| json!({"text": word})));
            }
            Block::Thinking(text) => pieces.extend(
                words(text)
                    .into_iter()
                    .map(|word| json!({"text": word, "thought": true})),
            ),
            Block::ToolCall { .. } => pieces.push(call(block, &mut first_call)),
        }
    }
    pieces
}

/// A call; of parallel ones only the first is signed.
fn call(block: &Block, is_first: &mut bool) -> Value {
    let Block::ToolCall {
        id,
        name,
        arguments,
    } = block
    else {
        return Value::Null;
    };
    // Arguments that are no JSON have no form here; their text shows that.
    let args =
        serde_json::from_str::<Value>(arguments).unwrap_or_else(|_| arguments.as_str().into());
    let mut function = json!({"name": name, "args": args});
    if !id.is_empty() {
        function["id"] = id.as_str().into();
    }
    let mut part = json!({"functionCall": function});
    if std::mem::take(is_first) {
        part["thoughtSignature"] = SIGNATURE.into();
    }
    part
}

fn finish_reason(answer: &Answer) -> &'static str {
    match answer.finish_reason() {
        Finish::Stop | Finish::ToolCalls => "STOP",
        Finish::Length => "MAX_TOKENS",
        Finish::ContentFilter => "SAFETY",
    }
}
