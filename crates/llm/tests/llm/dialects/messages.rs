//! The habits of servers that speak the Messages API.

use moltbot_llm::{Api, AssistantPart, FailureClass, Request, StopReason, ThinkingLevel, Usage};
use serde_json::{Value, json};

use crate::fixture::{Outcome, data, decode, hi, model, read};

fn messages(frames: &[Value]) -> Outcome {
    read(Api::AnthropicMessages, &body(frames))
}

fn body(frames: &[Value]) -> String {
    frames
        .iter()
        .map(|frame| {
            format!(
                "event: {}\n{}",
                frame["type"].as_str().unwrap(),
                data(frame)
            )
        })
        .collect()
}

fn start(usage: Value) -> Value {
    json!({"type": "message_start", "message": {"id": "msg", "model": "m", "content": [], "usage": usage}})
}

fn block(index: u64, block: Value) -> Value {
    json!({"type": "content_block_start", "index": index, "content_block": block})
}

fn delta(index: u64, delta: Value) -> Value {
    json!({"type": "content_block_delta", "index": index, "delta": delta})
}

fn text(text: &str) -> Value {
    delta(0, json!({"type": "text_delta", "text": text}))
}

fn end(reason: &str, usage: Value) -> Value {
    json!({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage})
}

fn stop() -> Value {
    json!({"type": "message_stop"})
}

#[test]
fn signatures_and_redacted_blocks_are_kept() {
    let outcome = messages(&[
        start(json!({})),
        block(
            0,
            json!({"type": "thinking", "thinking": "", "signature": ""}),
        ),
        delta(0, json!({"type": "thinking_delta", "thinking": "Hm."})),
        delta(0, json!({"type": "signature_delta", "signature": "c2ln"})),
        block(1, json!({"type": "redacted_thinking", "data": "c2VhbGVk"})),
        block(2, json!({"type": "text", "text": ""})),
        delta(2, json!({"type": "text_delta", "text": "Hello."})),
        end("end_turn", json!({"output_tokens": 9})),
        stop(),
    ]);
    let blocks: Vec<_> = outcome
        .reply()
        .message
        .content
        .iter()
        .filter_map(|part| match part {
            AssistantPart::Thinking(t) => Some((t.thinking.as_str(), t.signature.as_deref())),
            _ => None,
        })
        .collect();
    assert_eq!(blocks, [("Hm.", Some("c2ln")), ("", Some("c2VhbGVk"))]);
    assert_eq!(outcome.text(), "Hello.");
}

#[test]
fn a_call_may_take_no_arguments_or_come_whole() {
    let call = |input: Value| {
        block(
            0,
            json!({"type": "tool_use", "id": "t1", "name": "f", "input": input}),
        )
    };
    let piece = |json: &str| delta(0, json!({"type": "input_json_delta", "partial_json": json}));
    for (frames, arguments) in [
        (vec![call(json!({}))], "{}"),
        (vec![call(json!({})), piece("")], "{}"),
        (vec![call(json!({"a": 1}))], r#"{"a":1}"#),
        (
            vec![call(json!({})), piece("{\"a\""), piece(": 1}")],
            r#"{"a": 1}"#,
        ),
    ] {
        let mut all = vec![start(json!({}))];
        all.extend(frames);
        all.extend([end("tool_use", json!({})), stop()]);
        let outcome = messages(&all);
        assert_eq!(outcome.calls(), [("f", arguments)]);
        assert_eq!(outcome.ids(), ["t1"]);
        assert_eq!(outcome.reply().message.stop_reason, StopReason::ToolUse);
    }
}

#[test]
fn counts_come_at_the_start_and_at_the_end() {
    let outcome = messages(&[
        start(json!({"input_tokens": 3, "cache_read_input_tokens": 40,
            "cache_creation_input_tokens": 5, "output_tokens": 1})),
        text("Hello."),
        end("end_turn", json!({"output_tokens": 9})),
        stop(),
    ]);
    let expected = Usage {
        input: 3,
        output: 9,
        cache_read: 40,
        cache_write: 5,
    };
    assert_eq!(outcome.reply().message.usage, expected);
    // A proxy that knows nothing at the start.
    let outcome = messages(&[
        start(json!({"input_tokens": 0, "output_tokens": 0})),
        text("Hello."),
        end(
            "end_turn",
            json!({"input_tokens": 7, "output_tokens": 9, "cache_read_input_tokens": null}),
        ),
        stop(),
    ]);
    let usage = outcome.reply().message.usage;
    assert_eq!((usage.input, usage.output, usage.cache_read), (7, 9, 0));
}

#[test]
fn the_reason_for_the_end_is_the_end() {
    let frames = [
        start(json!({})),
        text("Hello."),
        end("end_turn", json!({})),
        stop(),
    ];
    assert_eq!(messages(&frames).text(), "Hello.");
    assert_eq!(messages(&frames[..3]).text(), "Hello.");
    let cut = messages(&frames[..2]);
    assert_eq!(cut.failure().class, FailureClass::StreamCut);
    assert!(cut.failure().after_text);
}

#[test]
fn a_stream_that_only_pings_is_cut() {
    let ping = json!({"type": "ping"});
    let outcome = messages(&[ping.clone(), ping]);
    assert_eq!(outcome.failure().class, FailureClass::StreamCut);
}

#[test]
fn a_full_context_window_is_a_limit() {
    for reason in ["max_tokens", "model_context_window_exceeded"] {
        let outcome = messages(&[
            start(json!({})),
            text("And so"),
            end(reason, json!({})),
            stop(),
        ]);
        assert_eq!(outcome.reply().message.stop_reason, StopReason::Length);
    }
}

/// LiteLLM 1.106 in front of a server that was cut says so.
#[test]
fn an_end_at_the_limit_is_a_cut() {
    let frames = [
        start(json!({})),
        block(0, json!({"type": "text", "text": ""})),
        text("One, two, three,"),
        end("end_turn", json!({"input_tokens": 9, "output_tokens": 16})),
        stop(),
    ];
    let request = Request {
        max_tokens: Some(16),
        ..hi()
    };
    let bytes = body(&frames);
    let outcome = decode(&model(Api::AnthropicMessages), &request, [bytes.as_bytes()]);
    assert_eq!(outcome.reply().message.stop_reason, StopReason::Length);
}

#[test]
fn tokens_spent_on_thinking_do_not_make_an_answer_look_cut() {
    let request = Request {
        max_tokens: Some(10),
        thinking: ThinkingLevel::Low,
        ..hi()
    };
    let body = body(&[
        start(json!({"input_tokens": 3})),
        block(0, json!({"type": "thinking", "thinking": "Hm."})),
        delta(1, json!({"type": "text_delta", "text": "Hello."})),
        end("end_turn", json!({"output_tokens": 900})),
        stop(),
    ]);
    let outcome = decode(&model(Api::AnthropicMessages), &request, [body.as_bytes()]);
    assert_eq!(outcome.reply().message.stop_reason, StopReason::Stop);
}

#[test]
fn an_error_event_is_the_failure() {
    let error =
        json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
    let first = messages(std::slice::from_ref(&error));
    assert_eq!(first.failure().class, FailureClass::Overloaded);
    assert!(!first.failure().after_text);
    let later = messages(&[start(json!({})), text("And so"), error]);
    assert_eq!(later.failure().class, FailureClass::Overloaded);
    assert!(later.failure().after_text);
}
