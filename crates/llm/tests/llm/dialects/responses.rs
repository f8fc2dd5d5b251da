//! The habits of servers that speak the Responses API.

use moltbot_llm::{Api, AssistantPart, Event, FailureClass, Request, StopReason};
use serde_json::{Value, json};

use crate::fixture::{Outcome, data, decode, hi, model, read};

const PARIS: &str = r#"{"city":"Paris"}"#;

fn responses(frames: &[Value]) -> Outcome {
    let body: String = frames.iter().map(data).collect();
    read(Api::OpenAiResponses, &body)
}

fn created() -> Value {
    json!({"type": "response.created", "response": {"id": "r", "status": "in_progress"}})
}

fn completed(output: Value) -> Value {
    json!({"type": "response.completed", "response": {
        "id": "r", "status": "completed", "output": output,
        "usage": {"input_tokens": 9, "output_tokens": 4, "input_tokens_details": {"cached_tokens": 5}},
    }})
}

fn text(delta: &str) -> Value {
    json!({"type": "response.output_text.delta", "output_index": 0, "item_id": "m1", "delta": delta})
}

fn function(id: &str, arguments: &str) -> Value {
    json!({"type": "function_call", "id": id, "call_id": "call_1", "name": "f", "arguments": arguments})
}

fn added(index: u64, item: &Value) -> Value {
    json!({"type": "response.output_item.added", "output_index": index, "item": item})
}

fn done(index: u64, item: &Value) -> Value {
    json!({"type": "response.output_item.done", "output_index": index, "item": item})
}

fn arguments_done(index: Value, id: &str) -> Value {
    json!({"type": "response.function_call_arguments.done", "output_index": index, "item_id": id,
        "arguments": PARIS})
}

#[track_caller]
fn calls_f_once(outcome: &Outcome) {
    assert_eq!(outcome.calls(), [("f", PARIS)]);
    assert_eq!(outcome.ids(), ["call_1"]);
    assert_eq!(outcome.reply().message.stop_reason, StopReason::ToolUse);
    let told: String = outcome
        .events
        .iter()
        .filter_map(|event| match event {
            Event::ToolCallArguments { json, .. } => Some(json.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(told, PARIS, "the events tell the arguments once");
}

#[test]
fn arguments_may_come_only_when_they_are_done() {
    for last in ["", "{}", PARIS] {
        calls_f_once(&responses(&[
            created(),
            added(0, &function("fc1", "")),
            arguments_done(json!(0), "fc1"),
            done(0, &function("fc1", last)),
            completed(json!([function("fc1", last)])),
        ]));
    }
}

#[test]
fn arguments_may_come_only_with_the_whole_item() {
    calls_f_once(&responses(&[
        created(),
        added(0, &function("fc1", "")),
        done(0, &function("fc1", PARIS)),
        completed(json!([])),
    ]));
    calls_f_once(&responses(&[
        created(),
        done(0, &function("fc1", PARIS)),
        completed(json!([])),
    ]));
}

#[test]
fn the_sequence_of_lm_studio() {
    let reasoning = |delta: &str| {
        json!({"type": "response.reasoning_text.delta", "output_index": 0, "item_id": "rs1",
            "content_index": 0, "delta": delta})
    };
    let thought = json!({"type": "reasoning", "id": "rs1", "summary": [],
        "content": [{"type": "reasoning_text", "text": "Let me see."}]});
    let outcome = responses(&[
        created(),
        json!({"type": "response.in_progress", "response": {"id": "r"}}),
        added(0, &json!({"type": "reasoning", "id": "rs1", "summary": []})),
        added(1, &function("fc1", "")),
        json!({"type": "response.content_part.added", "output_index": 0, "item_id": "rs1",
            "part": {"type": "reasoning_text", "text": ""}}),
        reasoning("Let me"),
        reasoning(" see."),
        json!({"type": "response.reasoning_text.done", "output_index": 0, "text": "Let me see."}),
        json!({"type": "response.content_part.done", "output_index": 0, "item_id": "rs1",
            "part": {"type": "reasoning_text", "text": "Let me see."}}),
        done(0, &thought),
        done(1, &function("fc1", "{}")),
        arguments_done(json!(1), "fc1"),
        completed(json!([thought, function("fc9", "{}")])),
    ]);
    calls_f_once(&outcome);
    assert_eq!(outcome.thinking(), "Let me see.");
}

#[test]
fn the_only_call_is_meant_whatever_its_item_is_called() {
    calls_f_once(&responses(&[
        created(),
        added(0, &function("fc1", "")),
        arguments_done(Value::Null, "another"),
        completed(json!([])),
    ]));
    let piece = |delta: &str| json!({"type": "response.function_call_arguments.delta", "item_id": "another", "delta": delta});
    calls_f_once(&responses(&[
        created(),
        added(0, &function("fc1", "")),
        piece("{\"city\":"),
        piece("\"Paris\"}"),
        completed(json!([function("fc1", PARIS)])),
    ]));
}

#[test]
fn text_may_come_only_with_the_whole_item_or_the_whole_response() {
    let message = json!({"type": "message", "id": "m1", "role": "assistant",
        "content": [{"type": "output_text", "text": "Hello."}]});
    let at_the_item = responses(&[created(), done(0, &message), completed(json!([message]))]);
    assert_eq!(at_the_item.text(), "Hello.");
    let at_the_end = responses(&[created(), completed(json!([message]))]);
    assert_eq!(at_the_end.text(), "Hello.");
    let thought = json!({"type": "reasoning", "id": "rs1", "content": [{"type": "reasoning_text", "text": "Hm."}]});
    let only_thinking_streamed = responses(&[
        created(),
        json!({"type": "response.reasoning_text.delta", "item_id": "rs0", "delta": "Hm."}),
        completed(json!([thought, message])),
    ]);
    assert_eq!(only_thinking_streamed.text(), "Hello.");
    assert_eq!(only_thinking_streamed.thinking(), "Hm.");
}

#[test]
fn a_message_is_not_repeated_by_its_closing_frames() {
    let message = json!({"type": "message", "id": "m1", "role": "assistant",
        "content": [{"type": "output_text", "text": "Hello."}]});
    let mut frames = vec![
        created(),
        added(0, &json!({"type": "message", "id": "m1", "content": []})),
        text("Hel"),
        text("lo."),
        json!({"type": "response.output_text.done", "output_index": 0, "item_id": "m1", "text": "Hello."}),
        done(0, &message),
        completed(json!([message])),
    ];
    let outcome = responses(&frames);
    assert_eq!(outcome.text(), "Hello.");
    assert_eq!(outcome.words().len(), 2);
    let usage = outcome.reply().message.usage;
    assert_eq!((usage.input, usage.cache_read, usage.output), (4, 5, 4));
    // The same of a server that counts no positions.
    for frame in &mut frames {
        frame.as_object_mut().unwrap().remove("output_index");
    }
    assert_eq!(responses(&frames).text(), "Hello.");
}

#[test]
fn summaries_of_reasoning_are_paragraphs_and_the_sealed_item_is_kept() {
    let part = |index: u64| json!({"type": "response.reasoning_summary_part.added", "output_index": 0, "summary_index": index});
    let summary = |delta: &str| json!({"type": "response.reasoning_summary_text.delta", "output_index": 0, "delta": delta});
    let sealed = json!({"type": "reasoning", "id": "rs1", "encrypted_content": "c2VhbGVk", "summary": [
        {"type": "summary_text", "text": "First."}, {"type": "summary_text", "text": "Second."}]});
    let outcome = responses(&[
        created(),
        part(0),
        summary("First."),
        part(1),
        summary("Second."),
        done(0, &sealed),
        json!({"type": "response.output_text.delta", "output_index": 1, "delta": "Hello."}),
        completed(json!([])),
    ]);
    assert_eq!(outcome.thinking(), "First.\n\nSecond.");
    let AssistantPart::Thinking(block) = &outcome.reply().message.content[0] else {
        panic!("no reasoning first");
    };
    let kept: Value = serde_json::from_str(block.signature.as_deref().unwrap()).unwrap();
    assert_eq!(kept, sealed);
}

#[test]
fn an_incomplete_response_says_why() {
    let incomplete = |reason: &str| {
        let outcome = responses(&[
            created(),
            text("And so"),
            json!({"type": "response.incomplete", "response": {"status": "incomplete",
                "incomplete_details": {"reason": reason}, "output": []}}),
        ]);
        assert_eq!(outcome.text(), "And so");
        outcome.reply().message.stop_reason
    };
    assert_eq!(incomplete("max_output_tokens"), StopReason::Length);
    assert_eq!(incomplete("content_filter"), StopReason::Stop);
}

#[test]
fn a_response_called_complete_at_its_limit_was_cut() {
    let request = Request {
        max_tokens: Some(4),
        ..hi()
    };
    let body: String = [created(), text("And so"), completed(json!([]))]
        .iter()
        .map(data)
        .collect();
    let outcome = decode(&model(Api::OpenAiResponses), &request, [body.as_bytes()]);
    assert_eq!(outcome.reply().message.stop_reason, StopReason::Length);
}

#[test]
fn refusals_are_text() {
    let outcome = responses(&[
        created(),
        json!({"type": "response.refusal.delta", "output_index": 0, "delta": "I can't."}),
        completed(json!([])),
    ]);
    assert_eq!(outcome.text(), "I can't.");
}

#[test]
fn failures_inside_the_stream_are_read() {
    let error = json!({"code": "rate_limit_exceeded", "message": "Please try again in 20s."});
    let mut flat = error.clone();
    flat["type"] = "error".into();
    for frame in [
        json!({"type": "response.failed", "response": {"status": "failed", "error": error}}),
        json!({"type": "error", "error": error}),
        flat,
        json!({"error": error}),
    ] {
        let outcome = responses(&[created(), text("And so"), frame.clone()]);
        let failure = outcome.failure();
        assert_eq!(failure.class, FailureClass::RateLimit, "{frame}");
        assert_eq!(failure.retry_after.map(|wait| wait.as_secs()), Some(20));
        assert!(failure.after_text, "{frame}");
    }
    let document = json!({"id": "r", "status": "failed", "output": [],
        "error": {"code": "server_error", "message": "The model had an error."}});
    let outcome = read(Api::OpenAiResponses, &document.to_string());
    assert_eq!(outcome.failure().class, FailureClass::ServerError);
}

#[test]
fn a_stream_without_its_completion_is_cut() {
    for frames in [vec![created()], vec![created(), text("And so")]] {
        let outcome = responses(&frames);
        assert_eq!(outcome.failure().class, FailureClass::StreamCut);
        assert_eq!(outcome.failure().after_text, frames.len() > 1);
    }
}
