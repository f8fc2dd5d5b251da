//! The habits of the Gemini API.

use moltbot_llm::{Api, AssistantPart, FailureClass, StopReason, Usage};
use serde_json::{Value, json};

use crate::fixture::{Outcome, data, read};

fn google(frames: &[Value]) -> Outcome {
    let body: String = frames.iter().map(data).collect();
    read(Api::GoogleGenerativeAi, &body)
}

fn parts(parts: Value) -> Value {
    json!({"candidates": [{"content": {"role": "model", "parts": parts}, "index": 0}]})
}

fn text(text: &str) -> Value {
    parts(json!([{"text": text}]))
}

/// A last frame, which gives a reason and may hold more.
fn end(reason: &str, more: Value) -> Value {
    let mut frame = parts(more);
    frame["candidates"][0]["finishReason"] = reason.into();
    frame
}

/// The blocks of reasoning with their signatures, and what else there is.
fn blocks(outcome: &Outcome) -> Vec<(&str, Option<&str>)> {
    let content = &outcome.reply().message.content;
    content
        .iter()
        .map(|part| match part {
            AssistantPart::Thinking(t) => (t.thinking.as_str(), t.signature.as_deref()),
            AssistantPart::Text { text } => (text.as_str(), None),
            AssistantPart::ToolCall(call) => (call.name.as_str(), None),
        })
        .collect()
}

#[test]
fn a_signature_stays_with_the_part_it_came_on() {
    let call = |name: &str| json!({"functionCall": {"name": name, "args": {"a": 1}}});
    let mut signed = call("f");
    signed["thoughtSignature"] = "c2ln".into();
    let outcome = google(&[
        parts(json!([{"text": "Let me", "thought": true}])),
        parts(json!([{"text": " see.", "thought": true}])),
        parts(json!([signed, call("g")])),
        end("STOP", json!([])),
    ]);
    // The reasoning is not sealed by what the call was signed with.
    assert_eq!(
        blocks(&outcome),
        [
            ("Let me see.", None),
            ("", Some("c2ln")),
            ("f", None),
            ("g", None)
        ]
    );
    assert_eq!(outcome.calls(), [("f", r#"{"a":1}"#), ("g", r#"{"a":1}"#)]);
    assert_eq!(outcome.reply().message.stop_reason, StopReason::ToolUse);

    let last = json!([{"text": "", "thoughtSignature": "c2ln"}]);
    let outcome = google(&[text("Hello"), text(" there."), end("STOP", last)]);
    assert_eq!(
        blocks(&outcome),
        [("Hello there.", None), ("", Some("c2ln"))]
    );
    assert_eq!(outcome.text(), "Hello there.");
    assert_eq!(outcome.thinking(), "");

    let sealed = json!([{"text": "Hm.", "thought": true, "thoughtSignature": "c2ln"}]);
    let outcome = google(&[parts(sealed), end("STOP", json!([{"text": "Hi."}]))]);
    assert_eq!(blocks(&outcome), [("Hm.", Some("c2ln")), ("Hi.", None)]);
}

#[test]
fn calls_without_ids_get_ids_and_the_same_call_twice_is_two() {
    let call = json!({"functionCall": {"name": "f", "args": {}}});
    let outcome = google(&[
        parts(json!([call, call])),
        parts(json!([{"functionCall": {"name": "f", "id": "own"}}])),
        end("STOP", json!([])),
    ]);
    assert_eq!(outcome.calls(), [("f", "{}"), ("f", "{}"), ("f", "{}")]);
    let ids = outcome.ids();
    assert_eq!(ids[2], "own");
    assert!(!ids[0].is_empty() && ids[0] != ids[1], "{ids:?}");
}

#[test]
fn a_reason_in_every_frame_ends_nothing_before_its_time() {
    let outcome = google(&[
        end("STOP", json!([{"text": "One"}])),
        end("STOP", json!([{"text": " two."}])),
    ]);
    assert_eq!(outcome.text(), "One two.");
}

#[test]
fn thoughts_are_part_of_the_output_and_the_cache_of_the_prompt() {
    let mut last = end("STOP", json!([{"text": "Hi."}]));
    last["usageMetadata"] = json!({"promptTokenCount": 100, "cachedContentTokenCount": 60,
        "toolUsePromptTokenCount": 5, "candidatesTokenCount": 7, "thoughtsTokenCount": 30, "totalTokenCount": 142});
    let expected = Usage {
        input: 45,
        output: 37,
        cache_read: 60,
        cache_write: 0,
    };
    assert_eq!(google(&[last]).reply().message.usage, expected);
}

#[test]
fn what_a_filter_withholds_is_a_failure_that_says_so() {
    let blocked = json!({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"},
        "usageMetadata": {"promptTokenCount": 5}});
    let mut outcomes = vec![google(&[blocked])];
    for reason in ["SAFETY", "RECITATION", "SPII", "LANGUAGE", "A_NEW_ONE"] {
        let silent = json!({"candidates": [{"finishReason": reason}]});
        outcomes.push(google(&[silent]));
    }
    let reasons = [
        "PROHIBITED_CONTENT",
        "SAFETY",
        "RECITATION",
        "SPII",
        "LANGUAGE",
        "A_NEW_ONE",
    ];
    for (outcome, reason) in outcomes.iter().zip(reasons) {
        let failure = outcome.failure();
        assert_eq!(failure.class, FailureClass::EmptyReply);
        assert!(failure.to_string().contains(reason), "{failure}");
        assert!(failure.to_string().contains("filter"), "{failure}");
    }
    let rest = google(&[
        text("What I may say"),
        json!({"candidates": [{"finishReason": "SAFETY"}]}),
    ]);
    assert_eq!(rest.text(), "What I may say");
}

#[test]
fn a_call_that_the_server_could_not_read_is_a_failure() {
    for (reason, class) in [
        ("MALFORMED_FUNCTION_CALL", FailureClass::BadModelOutput),
        ("UNEXPECTED_TOOL_CALL", FailureClass::BadModelOutput),
        ("TOO_MANY_TOOL_CALLS", FailureClass::BadModelOutput),
        ("MISSING_THOUGHT_SIGNATURE", FailureClass::HistoryRejected),
    ] {
        let mut frame = end(reason, json!([]));
        frame["candidates"][0]["finishMessage"] = "print(f(a=1))".into();
        let outcome = google(&[text("One moment."), frame]);
        let failure = outcome.failure();
        assert_eq!(failure.class, class, "{reason}");
        assert!(failure.detail.contains("print(f(a=1))"), "{failure}");
        assert!(failure.after_text);
    }
}

#[test]
fn a_limit_that_thoughts_have_used_up_is_named() {
    let outcome = google(&[
        parts(json!([{"text": "Hm", "thought": true}])),
        json!({"candidates": [{"finishReason": "MAX_TOKENS"}]}),
    ]);
    let failure = outcome.failure();
    assert_eq!(failure.class, FailureClass::OutputExhausted);
    assert!(failure.to_string().contains("maxTokens"), "{failure}");
}

#[test]
fn a_list_of_responses_is_read_like_their_stream() {
    let frames = json!([
        text("Hello"),
        end("MAX_TOKENS", json!([{"text": " there"}]))
    ]);
    let pretty = serde_json::to_string_pretty(&frames).unwrap();
    let outcome = read(Api::GoogleGenerativeAi, &pretty);
    assert_eq!(outcome.text(), "Hello there");
    assert_eq!(outcome.reply().message.stop_reason, StopReason::Length);
}

#[test]
fn an_error_in_the_stream_is_the_failure() {
    let error = json!({"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}});
    let outcome = google(&[text("And so"), error]);
    assert_eq!(outcome.failure().class, FailureClass::Overloaded);
    assert!(outcome.failure().after_text);
    let cut = google(&[text("And so")]);
    assert_eq!(cut.failure().class, FailureClass::StreamCut);
}
