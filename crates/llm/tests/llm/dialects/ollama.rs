//! The habits of Ollama's own API.

use moltbot_llm::{Api, FailureClass, Message, Model, Request, StopReason, Usage};
use moltbot_testkit::{Part, Reply, Script, ScriptedServer, When, ollama_chat};
use serde_json::{Value, json};

use crate::fixture::{Outcome, ask, decode, hi, model_at, model_with, read};

fn lines(frames: &[Value]) -> String {
    frames.iter().map(|frame| format!("{frame}\n")).collect()
}

fn ollama(frames: &[Value]) -> Outcome {
    read(Api::Ollama, &lines(frames))
}

fn message(message: Value) -> Value {
    json!({"model": "m", "created_at": "2026-01-01T00:00:00Z", "message": message, "done": false})
}

fn text(text: &str) -> Value {
    message(json!({"role": "assistant", "content": text}))
}

fn end(fields: Value) -> Value {
    let mut frame = text("");
    frame["done"] = true.into();
    for (name, value) in fields.as_object().unwrap() {
        frame[name] = value.clone();
    }
    frame
}

#[test]
fn calls_come_whole_and_all_numbered_0() {
    let call = |function: Value| {
        message(json!({"role": "assistant", "content": "", "tool_calls": [{"function": function}]}))
    };
    let outcome = ollama(&[
        call(json!({"name": "f", "arguments": {"b": 1, "a": [2]}})),
        call(json!({"index": 0, "name": "f", "arguments": {"b": 1, "a": [2]}})),
        call(json!({"index": 0, "name": "g", "arguments": {}})),
        call(json!({"name": "h", "arguments": "{\"as\": \"text\"}"})),
        end(json!({"done_reason": "stop"})),
    ]);
    let json = r#"{"b":1,"a":[2]}"#;
    assert_eq!(
        outcome.calls(),
        [
            ("f", json),
            ("f", json),
            ("g", "{}"),
            ("h", r#"{"as": "text"}"#)
        ]
    );
    let mut ids = outcome.ids();
    assert!(ids.iter().all(|id| !id.is_empty()));
    ids.dedup();
    assert_eq!(ids.len(), 4, "each has an id of its own");
    assert_eq!(outcome.reply().message.stop_reason, StopReason::ToolUse);
}

#[test]
fn the_cached_count_is_part_of_the_prompt_s() {
    let outcome = ollama(&[
        text("Hi."),
        end(
            json!({"done_reason": "stop", "prompt_eval_count": 50, "prompt_eval_cached_count": 40, "eval_count": 3}),
        ),
    ]);
    let expected = Usage {
        input: 10,
        output: 3,
        cache_read: 40,
        cache_write: 0,
    };
    assert_eq!(outcome.reply().message.usage, expected);
}

#[test]
fn thinking_has_a_field_of_its_own() {
    let outcome = ollama(&[
        message(json!({"role": "assistant", "content": "", "thinking": "Hm"})),
        message(json!({"role": "assistant", "content": "", "thinking": "."})),
        text("Hi."),
        end(json!({})),
    ]);
    assert_eq!(outcome.thinking(), "Hm.");
    assert_eq!(outcome.text(), "Hi.");
}

#[test]
fn the_last_line_says_that_it_is_over() {
    let frames = [text("And so"), end(json!({"done_reason": "length"}))];
    assert_eq!(
        ollama(&frames).reply().message.stop_reason,
        StopReason::Length
    );
    // Versions before 0.2 give no reason, and some proxies drop the line's end.
    let silent = lines(&[text("Hi."), end(json!({}))]);
    assert_eq!(read(Api::Ollama, silent.trim_end()).text(), "Hi.");
    let cut = ollama(&frames[..1]);
    assert_eq!(cut.failure().class, FailureClass::StreamCut);
    assert!(cut.failure().after_text);
    let loaded = ollama(&[end(json!({"done_reason": "load"}))]);
    assert_eq!(loaded.failure().class, FailureClass::EmptyReply);
}

#[test]
fn an_error_line_is_the_failure() {
    let error =
        json!({"error": "an error was encountered while running the model: unexpected EOF"});
    let outcome = ollama(&[text("And so"), error]);
    assert_eq!(outcome.failure().class, FailureClass::ServerError);
    assert!(outcome.failure().after_text);
    assert!(outcome.failure().detail.contains("unexpected EOF"));
}

#[test]
fn a_gateway_may_send_the_lines_as_events() {
    let body: String = [text("Hi."), end(json!({"done_reason": "stop"}))]
        .iter()
        .map(crate::fixture::data)
        .collect();
    assert_eq!(read(Api::Ollama, &body).text(), "Hi.");
}

/// A question of this many words, and what comes of it when the server read this many tokens.
fn counted(model: &Model, words: usize, read: u64) -> Outcome {
    let request = Request {
        messages: vec![Message::user("word ".repeat(words), 0)],
        ..hi()
    };
    let body = lines(&[
        text("Sure."),
        end(json!({"done_reason": "stop", "prompt_eval_count": read, "eval_count": 2})),
    ]);
    decode(model, &request, [body.as_bytes()])
}

#[test]
fn a_prompt_that_was_cut_in_silence_is_an_overflow() {
    let stated = model_with(
        "http://127.0.0.1:9",
        Api::Ollama,
        json!({"contextWindow": 8192}),
    );
    let assumed = model_at("http://127.0.0.1:9", Api::Ollama);
    for (model, words, read) in [
        // Cut to the window, to half of it, by whole messages, and to the server's own window.
        (&stated, 9000, 8192),
        (&stated, 5000, 4099),
        (&stated, 9000, 7013),
        (&assumed, 5000, 4096),
    ] {
        let outcome = counted(model, words, read);
        let failure = outcome.failure();
        assert_eq!(
            failure.class,
            FailureClass::ContextOverflow,
            "{words} {read}"
        );
        assert_eq!(failure.tokens.limit, Some(read));
        assert!(failure.after_text, "what was shown is void");
    }
    for (model, words, read) in [
        (&stated, 5000, 6300),
        (&stated, 5000, 0),
        // A version that counts only what its cache did not hold.
        (&stated, 5000, 20),
        (&assumed, 5000, 20),
        (&assumed, 4000, 4096),
    ] {
        assert_eq!(
            counted(model, words, read).text(),
            "Sure.",
            "{words} {read}"
        );
    }
}

#[tokio::test]
async fn a_server_that_refuses_what_does_not_fit_gives_its_figures() {
    let error = json!({"error": {"code": 400, "type": "exceed_context_size_error",
        "message": "the request exceeds the available context size", "n_prompt_tokens": 2087, "n_ctx": 2048}});
    let when = When::post("/api/chat").body(|body| body["truncate"] == false);
    let script = Script::new().on(when, Reply::json(400, &error));
    let server = ScriptedServer::start(script).await;
    let outcome = ask(&model_at(&server.base_url(), Api::Ollama), &hi()).await;
    let failure = outcome.failure();
    assert_eq!(failure.class, FailureClass::ContextOverflow);
    assert_eq!(failure.tokens.prompt, Some(2087));
    assert_eq!(failure.tokens.limit, Some(2048));
}

#[tokio::test]
async fn the_scripted_server_streams_unless_told_otherwise() {
    let script = Script::new().on(
        When::post("/api/chat"),
        ollama_chat(&[Part::Text("One two.")]),
    );
    let server = ScriptedServer::start(script).await;
    let outcome = ask(&model_at(&server.origin(), Api::Ollama), &hi()).await;
    assert_eq!(outcome.words().len(), 2);
    assert_eq!(outcome.reply().served_by, None);
}
