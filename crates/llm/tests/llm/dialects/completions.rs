//! The habits of servers that speak Chat Completions, one by one.

use moltbot_llm::{Api, Event, FailureClass, Phase, Request, StopReason, Usage};
use serde_json::{Value, json};

use crate::fixture::{Outcome, data, decode, hi, model, read};

pub(super) const DONE: &str = "data: [DONE]\n\n";

/// A frame with this delta.
pub(super) fn chunk(delta: &Value) -> String {
    data(&json!({"choices": [{"index": 0, "delta": delta, "finish_reason": null}]}))
}

/// The frame that says why the reply is over.
pub(super) fn end(reason: &str) -> String {
    data(&json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}))
}

/// A whole stream of these deltas.
pub(super) fn stream(deltas: &[Value], reason: &str) -> String {
    let chunks: String = deltas.iter().map(chunk).collect();
    format!("{chunks}{}{DONE}", end(reason))
}

fn chat(body: &str) -> Outcome {
    read(Api::OpenAiCompletions, body)
}

/// A delta with one entry of `tool_calls`.
fn call(entry: Value) -> Value {
    json!({"tool_calls": [entry]})
}

fn stop(outcome: &Outcome) -> StopReason {
    outcome.reply().message.stop_reason
}

const PARIS: &str = r#"{"city":"Paris"}"#;

#[test]
fn later_pieces_of_a_call_may_carry_an_empty_name_and_no_id() {
    let outcome = chat(&stream(
        &[
            call(json!({"index": 0, "id": "1", "function": {"name": "f", "arguments": ""}})),
            call(json!({"index": 0, "function": {"name": "", "arguments": "{\"city\":"}})),
            call(
                json!({"index": 0, "id": "", "function": {"name": "", "arguments": "\"Paris\"}"}}),
            ),
            call(json!({"index": 0, "function": {"name": "", "arguments": ""}})),
        ],
        "tool_calls",
    ));
    assert_eq!(outcome.calls(), [("f", PARIS)]);
    assert_eq!(outcome.ids(), ["1"]);
}

#[test]
fn empty_ids_are_replaced_by_ids_of_their_own() {
    let outcome = chat(&stream(
        &[
            call(json!({"index": 0, "id": "", "function": {"name": "f", "arguments": "{}"}})),
            call(json!({"index": 1, "id": "", "function": {"name": "g", "arguments": "{}"}})),
            call(json!({"index": 2, "function": {"name": "h", "arguments": "{}"}})),
        ],
        "tool_calls",
    ));
    let ids = outcome.ids();
    assert!(ids.iter().all(|id| !id.is_empty()), "{ids:?}");
    assert!(
        ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2],
        "{ids:?}"
    );
}

#[test]
fn an_id_given_twice_is_replaced_once() {
    let outcome = chat(&stream(
        &[
            call(json!({"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}})),
            call(json!({"index": 1, "id": "a", "function": {"name": "g", "arguments": "{}"}})),
        ],
        "tool_calls",
    ));
    assert_eq!(outcome.ids()[0], "a");
    assert_ne!(outcome.ids()[1], "a");
    assert_eq!(outcome.calls(), [("f", "{}"), ("g", "{}")]);
}

#[test]
fn a_plain_reply_may_carry_an_empty_list_of_calls() {
    let outcome = chat(&stream(
        &[json!({"content": "Hi.", "tool_calls": []})],
        "stop",
    ));
    assert_eq!(outcome.text(), "Hi.");
    assert_eq!(stop(&outcome), StopReason::Stop);
    let document = json!({"choices": [{"finish_reason": "stop", "message":
        {"role": "assistant", "content": "Hi.", "tool_calls": []}}]});
    assert_eq!(stop(&chat(&document.to_string())), StopReason::Stop);
}

#[test]
fn calls_that_all_have_index_0_are_kept_apart() {
    let entry = |id: Option<&str>, name: &str, arguments: &str| {
        call(json!({"index": 0, "id": id, "function": {"name": name, "arguments": arguments}}))
    };
    for ids in [[Some("a"), Some("b"), Some("c")], [None, None, None]] {
        let outcome = chat(&stream(
            &[
                entry(ids[0], "f", PARIS),
                entry(ids[1], "f", r#"{"city":"Rome"}"#),
                entry(ids[2], "g", "{}"),
            ],
            "stop",
        ));
        assert_eq!(
            outcome.calls(),
            [("f", PARIS), ("f", r#"{"city":"Rome"}"#), ("g", "{}")]
        );
        assert_eq!(stop(&outcome), StopReason::ToolUse);
    }
}

#[test]
fn calls_without_an_index_are_counted_in_their_order() {
    let outcome = chat(&stream(
        &[json!({"tool_calls": [
            {"id": "a", "function": {"name": "f", "arguments": PARIS}},
            {"id": "b", "index": null, "function": {"name": "g", "arguments": "{}"}},
        ]})],
        "tool_calls",
    ));
    assert_eq!(outcome.calls(), [("f", PARIS), ("g", "{}")]);
}

#[test]
fn fields_of_another_type_cost_no_call() {
    let outcome = chat(&stream(
        &[call(json!({
            "index": "0", "id": 17,
            "function": {"name": "f", "arguments": {"city": "Paris"}},
        }))],
        "tool_calls",
    ));
    assert_eq!(outcome.calls(), [("f", PARIS)]);
    assert_eq!(outcome.ids(), ["17"]);
}

#[test]
fn a_call_without_arguments_takes_none() {
    let outcome = chat(&stream(
        &[call(
            json!({"index": 0, "id": "a", "function": {"name": "f"}}),
        )],
        "tool_calls",
    ));
    assert_eq!(outcome.calls(), [("f", "{}")]);
}

#[test]
fn a_call_without_a_name_is_no_call() {
    let empty = call(json!({"index": 0, "id": "", "function": {"name": "", "arguments": ""}}));
    let outcome = chat(&stream(&[json!({"content": "Hi."}), empty], "stop"));
    assert_eq!(outcome.calls(), []);
    assert_eq!(stop(&outcome), StopReason::Stop);
    let nameless = call(json!({"index": 0, "id": "a", "function": {"arguments": "{\"a\":1}"}}));
    let outcome = chat(&stream(&[nameless], "tool_calls"));
    assert_eq!(outcome.failure().class, FailureClass::BadModelOutput);
}

#[test]
fn the_first_reason_counts() {
    let call = call(json!({"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}));
    let body = format!("{}{}{}{DONE}", chunk(&call), end("tool_calls"), end("stop"));
    assert_eq!(stop(&chat(&body)), StopReason::ToolUse);
    let body = format!(
        "{}{}{}{DONE}",
        chunk(&json!({"content": "A"})),
        end("length"),
        end("stop")
    );
    assert_eq!(stop(&chat(&body)), StopReason::Length);
}

#[test]
fn the_end_marker_may_be_missing_but_not_the_end() {
    let text = chunk(&json!({"content": "Hi."}));
    assert_eq!(chat(&format!("{text}{}", end("stop"))).text(), "Hi.");
    assert_eq!(chat(&format!("{text}{DONE}")).text(), "Hi.");
    let cut = chat(&text);
    assert_eq!(cut.failure().class, FailureClass::StreamCut);
    assert!(cut.failure().after_text);
}

#[test]
fn usage_may_come_alone_or_with_every_frame() {
    let alone = data(&json!({"choices": [], "usage":
        {"prompt_tokens": 40, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 30}}}));
    let body = format!(
        "{}{}{alone}{DONE}",
        chunk(&json!({"content": "Hi."})),
        end("stop")
    );
    let expected = Usage {
        input: 10,
        output: 2,
        cache_read: 30,
        cache_write: 0,
    };
    assert_eq!(chat(&body).reply().message.usage, expected);

    let running = |tokens: u64, word: &str| {
        data(&json!({
            "choices": [{"index": 0, "delta": {"content": word}, "finish_reason": null}],
            "usage": {"prompt_tokens": 10, "completion_tokens": tokens},
        }))
    };
    let body = format!("{}{}{}", running(1, "Hi"), running(2, "."), end("stop"));
    assert_eq!(chat(&body).reply().message.usage.output, 2);
}

#[test]
fn llama_cpp_s_timings_stand_in_for_usage() {
    let last = data(&json!({
        "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
        "timings": {"cache_n": 30, "prompt_n": 10, "predicted_n": 2, "prompt_ms": 3.5},
    }));
    let body = format!("{}{last}{DONE}", chunk(&json!({"content": "Hi."})));
    let expected = Usage {
        input: 10,
        output: 2,
        cache_read: 30,
        cache_write: 0,
    };
    assert_eq!(chat(&body).reply().message.usage, expected);
}

#[test]
fn progress_on_the_prompt_is_told_and_is_no_text() {
    let progress = |processed: u64| {
        data(&json!({
            "choices": [{"index": 0, "delta": {"role": "assistant", "content": null}, "finish_reason": null}],
            "prompt_progress": {"total": 900, "cache": 100, "processed": processed, "time_ms": 5},
        }))
    };
    let body = format!(
        "{}{}{}",
        progress(500),
        progress(900),
        stream(&[json!({"content": "Hi."})], "stop")
    );
    let prefill = |processed| {
        Event::Phase(Phase::Prefill {
            processed,
            total: 900,
        })
    };
    assert_eq!(
        chat(&body).events,
        [prefill(500), prefill(900), Event::Text("Hi.".to_owned())]
    );
}

#[test]
fn comments_are_passed_over() {
    let body = format!(
        ": OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\n{}: keep-alive\n\n{}{DONE}",
        chunk(&json!({"content": "Hi."})),
        end("stop")
    );
    assert_eq!(chat(&body).text(), "Hi.");
}

#[test]
fn an_event_of_a_megabyte_is_read() {
    let long = "é".repeat(600_000);
    let body = stream(&[json!({"content": long})], "stop");
    let model = model(Api::OpenAiCompletions);
    let outcome = decode(&model, &hi(), body.as_bytes().chunks(4096));
    assert!(outcome.text() == long);
}

#[test]
fn every_line_end_is_one() {
    let body = stream(
        &[json!({"content": "Hi,"}), json!({"content": " you."})],
        "stop",
    );
    for line_end in ["\r\n", "\r", "\n"] {
        let body = body.replace('\n', line_end);
        assert_eq!(chat(&body).text(), "Hi, you.");
        let model = model(Api::OpenAiCompletions);
        let crumbs = decode(&model, &hi(), body.as_bytes().chunks(1));
        assert_eq!(crumbs.text(), "Hi, you.");
    }
}

#[test]
fn events_without_the_empty_line_between_them_are_read() {
    let body = stream(
        &[json!({"content": "Hi,"}), json!({"content": " you."})],
        "stop",
    );
    assert_eq!(chat(&body.replace("\n\n", "\n")).text(), "Hi, you.");
}

#[test]
fn data_over_several_lines_is_one_event() {
    let frame = "data: {\"choices\": [{\"index\": 0,\ndata: \"delta\": {\"content\": \"Hi.\"}\ndata: }]}\n\n";
    let body = format!("{frame}{}{DONE}", end("stop"));
    assert_eq!(chat(&body).text(), "Hi.");
}

#[test]
fn a_document_without_a_reason_is_complete() {
    let document = json!({"choices": [{"message": {"role": "assistant", "content": "Hi."}}]});
    let outcome = chat(&document.to_string());
    assert_eq!(outcome.text(), "Hi.");
    assert_eq!(stop(&outcome), StopReason::Stop);
}

#[test]
fn a_refusal_is_text_for_the_person() {
    let outcome = chat(&stream(
        &[
            json!({"content": null, "refusal": "I can't"}),
            json!({"refusal": " help."}),
        ],
        "stop",
    ));
    assert_eq!(outcome.text(), "I can't help.");
}

#[test]
fn nothing_at_all_within_the_limit_is_no_answer() {
    let outcome = chat(&stream(&[json!({"content": null})], "length"));
    let failure = outcome.failure();
    assert_eq!(failure.class, FailureClass::OutputExhausted);
    assert!(failure.to_string().contains("raise maxTokens"), "{failure}");
}

#[test]
fn a_reply_as_long_as_allowed_was_cut_whatever_the_server_says() {
    let usage =
        data(&json!({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 4}}));
    let body = format!(
        "{}{}{usage}{DONE}",
        chunk(&json!({"content": "And so on"})),
        end("stop")
    );
    let limited = |max| Request {
        max_tokens: Some(max),
        ..hi()
    };
    let model = model(Api::OpenAiCompletions);
    let stop_at = |max| {
        let outcome = decode(&model, &limited(max), [body.as_bytes()]);
        stop(&outcome)
    };
    assert_eq!(stop_at(4), StopReason::Length);
    assert_eq!(stop_at(5), StopReason::Stop);
}
