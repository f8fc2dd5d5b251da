//! How the capable server's streams deviate.

use moltbot_testkit::capable::{Capabilities, Oddities, Reasoning, THOUGHT, UsageReport};
use serde_json::{Value, json};

use super::{CHAT, MESSAGES, RESPONSES, ask, chat, schema, start, user};

/// The stream of a server with these oddities, whose model calls a tool twice.
fn stream(path: &str, oddities: Oddities) -> String {
    let tools = match path {
        CHAT => chat(json!([]))["tools"].clone(),
        RESPONSES => json!([{"type": "function", "name": "weather", "parameters": schema()}]),
        _ => json!([{"name": "weather", "input_schema": schema()}]),
    };
    let asked = user("Weather in Paris and Rome?");
    let body = json!({
        "model": "capable-model", "stream": true, "max_tokens": 99, "tools": tools,
        "messages": asked, "input": asked, "stream_options": {"include_usage": true},
    });
    say(
        path,
        Capabilities {
            oddities,
            ..Capabilities::default()
        },
        &body,
    )
}

fn say(path: &str, can: Capabilities, body: &Value) -> String {
    let server = start(can);
    let reply = ask(&server, path, body);
    assert_eq!(reply.status, 200, "{:?}", server.refusals());
    String::from_utf8(reply.body).unwrap()
}

fn frames(stream: &str) -> Vec<Value> {
    let data = stream
        .lines()
        .filter_map(|line| line.strip_prefix("data: "));
    data.filter_map(|data| serde_json::from_str(data).ok())
        .collect()
}

/// The pieces of calls in a chat completion.
fn pieces(stream: &str) -> Vec<Value> {
    let mut pieces = Vec::new();
    for frame in frames(stream) {
        let calls = frame["choices"][0]["delta"]["tool_calls"]
            .as_array()
            .cloned();
        pieces.extend(calls.unwrap_or_default());
    }
    pieces
}

fn kinds(stream: &str) -> Vec<String> {
    let kind = |frame: &Value| frame["type"].as_str().unwrap().to_owned();
    let mut kinds: Vec<String> = frames(stream).iter().map(kind).collect();
    kinds.dedup();
    kinds
}

#[test]
fn framing_deviates_in_every_dialect() {
    for path in [CHAT, RESPONSES, MESSAGES] {
        let plain = stream(path, Oddities::default());
        let odd = stream(
            path,
            Oddities {
                comments: true,
                carriage_returns: true,
                drip: Some(7),
                ..Oddities::default()
            },
        );
        assert!(odd.starts_with(": PROCESSING\r\n\r\n"), "{odd}");
        assert_eq!(
            odd.replace("\r\n", "\n").replace(": PROCESSING\n\n", ""),
            plain
        );
        let huge = stream(
            path,
            Oddities {
                huge_frame: true,
                ..Oddities::default()
            },
        );
        assert!(huge.lines().any(|line| line.len() > 1_000_000));
        let whole = stream(
            path,
            Oddities {
                whole_document: true,
                ..Oddities::default()
            },
        );
        assert!(serde_json::from_str::<Value>(&whole).is_ok(), "{whole}");
    }
}

#[test]
fn ends_deviate() {
    let reasons = |stream: &str| -> Vec<Value> {
        let reason = |frame: &Value| frame["choices"][0]["finish_reason"].clone();
        frames(stream)
            .iter()
            .map(reason)
            .filter(|reason| !reason.is_null())
            .collect()
    };
    let plain = stream(CHAT, Oddities::default());
    assert_eq!(reasons(&plain), ["tool_calls"]);
    assert!(plain.ends_with("data: [DONE]\n\n"));
    let odd = stream(
        CHAT,
        Oddities {
            finish_twice: true,
            no_done: true,
            stop_with_calls: true,
            usage_in_last_choice: true,
            ..Oddities::default()
        },
    );
    assert_eq!(reasons(&odd), ["stop", "stop"]);
    assert!(!odd.contains("[DONE]") && !odd.contains("\"choices\":[]"));
    let last = frames(&odd).pop().unwrap();
    assert!(last["usage"]["prompt_tokens"].as_u64().unwrap() > 10);
    let messages = stream(
        MESSAGES,
        Oddities {
            stop_with_calls: true,
            ..Oddities::default()
        },
    );
    assert!(messages.contains("\"stop_reason\":\"end_turn\"") && messages.contains("tool_use"));
}

#[test]
fn calls_of_a_chat_completion_deviate() {
    let plain = pieces(&stream(CHAT, Oddities::default()));
    assert_eq!(plain.len(), 4);
    let odd = pieces(&stream(
        CHAT,
        Oddities {
            empty_ids: true,
            later_names_empty: true,
            ..Oddities::default()
        },
    ));
    assert_eq!(odd.len(), plain.len());
    assert_eq!(odd[0]["id"], "");
    assert_eq!(odd[1]["function"]["name"], "");
    let whole = pieces(&stream(
        CHAT,
        Oddities {
            index_zero: true,
            ..Oddities::default()
        },
    ));
    assert_eq!(whole.len(), 2);
    for (piece, city) in whole.iter().zip(["Paris", "Rome"]) {
        assert_eq!(piece["index"], 0);
        assert_eq!(
            piece["function"]["arguments"],
            json!({"city": city}).to_string()
        );
    }
    let greeting = json!({"model": "capable-model", "stream": true, "messages": user("Hi")});
    let oddities = Oddities {
        empty_tool_calls: true,
        ..Oddities::default()
    };
    let text = say(
        CHAT,
        Capabilities {
            oddities,
            ..Capabilities::default()
        },
        &greeting,
    );
    assert!(text.contains("\"tool_calls\":[]"), "{text}");
}

#[test]
fn calls_of_the_responses_api_deviate() {
    let odd = stream(
        RESPONSES,
        Oddities {
            lm_studio_order: true,
            empty_item_at_done: true,
            other_final_ids: true,
            ..Oddities::default()
        },
    );
    assert_eq!(
        kinds(&odd),
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.output_item.done",
            "response.function_call_arguments.done",
            "response.completed",
        ]
    );
    let all = frames(&odd);
    let done = all
        .iter()
        .find(|frame| frame["type"] == "response.output_item.done")
        .unwrap();
    assert_eq!(done["item"]["arguments"], "{}");
    let last = all.last().unwrap();
    assert_eq!(last["sequence_number"], all.len() - 1);
    let id = last["response"]["output"][0]["id"].as_str().unwrap();
    assert!(id.ends_with("_final") && done["item"]["id"] != id);
    let whole = stream(
        RESPONSES,
        Oddities {
            whole_arguments: true,
            ..Oddities::default()
        },
    );
    let deltas: Vec<Value> = frames(&whole)
        .into_iter()
        .filter(|frame| frame["type"] == "response.function_call_arguments.delta")
        .map(|frame| frame["delta"].clone())
        .collect();
    assert_eq!(deltas, [r#"{"city":"Paris"}"#, r#"{"city":"Rome"}"#]);
    let late = stream(
        RESPONSES,
        Oddities {
            arguments_at_done: true,
            ..Oddities::default()
        },
    );
    assert!(!late.contains("arguments.delta"));
}

#[test]
fn calls_of_the_messages_api_come_whole() {
    let whole = stream(
        MESSAGES,
        Oddities {
            whole_arguments: true,
            ..Oddities::default()
        },
    );
    let pieces: Vec<Value> = frames(&whole)
        .into_iter()
        .filter_map(|frame| frame["delta"].get("partial_json").cloned())
        .collect();
    assert_eq!(pieces, [r#"{"city":"Paris"}"#, r#"{"city":"Rome"}"#]);
}

#[test]
fn reasoning_is_where_the_server_puts_it() {
    let body = json!({"model": "capable-model", "messages": user("Hi")});
    let message = |reasoning| -> Value {
        let can = Capabilities {
            reasoning,
            ..Capabilities::default()
        };
        let reply: Value = serde_json::from_str(&say(CHAT, can, &body)).unwrap();
        reply["choices"][0]["message"].clone()
    };
    assert_eq!(message(Reasoning::Field)["reasoning_content"], THOUGHT);
    assert_eq!(message(Reasoning::ShortField)["reasoning"], THOUGHT);
    let text = |message: Value| message["content"].as_str().unwrap().to_owned();
    assert!(text(message(Reasoning::Tags)).starts_with("<think>\n"));
    let closing = text(message(Reasoning::ClosingTag));
    assert!(
        closing.starts_with(&format!("{THOUGHT}\n</think>")),
        "{closing}"
    );
    let can = Capabilities {
        reasoning: Reasoning::BothFields,
        ..Capabilities::default()
    };
    let streamed = json!({"model": "capable-model", "stream": true, "messages": user("Hi")});
    let both = say(CHAT, can, &streamed);
    let count = |field: &str| both.matches(field).count();
    assert_eq!(count("\"reasoning\":"), count("\"reasoning_content\":"));
    assert!(count("\"reasoning\":") > 1);
}

#[test]
fn usage_is_told_when_the_server_tells_it() {
    let told = |usage, path: &str, asks: bool| {
        let mut body = json!({"model": "capable-model", "stream": true, "max_tokens": 99, "messages": user("Hi"), "input": "Hi"});
        if asks {
            body["stream_options"] = json!({"include_usage": true});
        }
        let can = Capabilities {
            usage,
            ..Capabilities::default()
        };
        let text = say(path, can, &body);
        let figure = |frame: &Value| {
            let places = [
                "/usage/completion_tokens",
                "/response/usage/output_tokens",
                "/usage/output_tokens",
            ];
            places
                .iter()
                .find_map(|place| frame.pointer(place)?.as_u64())
                .unwrap_or(0)
        };
        frames(&text).iter().map(figure).max().unwrap() > 0
    };
    for path in [CHAT, RESPONSES, MESSAGES] {
        assert!(told(UsageReport::WhenAsked, path, true), "{path}");
        assert!(told(UsageReport::Always, path, false), "{path}");
        assert!(
            !told(UsageReport::Never, path, true) || path == MESSAGES,
            "{path}"
        );
    }
    assert!(!told(UsageReport::WhenAsked, CHAT, false));
}

#[test]
fn an_answer_is_cut_where_its_tokens_end() {
    let can = Capabilities {
        default_output: Some(3),
        ..Capabilities::default()
    };
    let body = |limit: Option<u64>| json!({"model": "capable-model", "messages": user("Hi"), "max_tokens": limit});
    let answer =
        |limit| -> Value { serde_json::from_str(&say(CHAT, can.clone(), &body(limit))).unwrap() };
    let cut = answer(None);
    assert_eq!(cut["choices"][0]["message"]["content"], "Hello there, how");
    assert_eq!(cut["choices"][0]["finish_reason"], "length");
    assert_eq!(cut["usage"]["completion_tokens"], 3);
    let whole = answer(Some(99));
    assert_eq!(whole["choices"][0]["finish_reason"], "stop");
    assert_eq!(answer(Some(1))["choices"][0]["message"]["content"], "Hello");
}
