//! The capable server: what it takes, what it refuses and in which words.

mod discovery;
mod refusals;
mod streams;

use moltbot_testkit::block_on;
use moltbot_testkit::capable::{
    Busy, Capabilities, CapableServer, Family, GREETING, Kind, Reason, Slots, Tools, WITHOUT_TOOLS,
    sentence_with,
};
use moltbot_testkit::capture::Capture;
use serde_json::{Value, json};

use crate::client::{Client, get, post};

pub(crate) const CHAT: &str = "/v1/chat/completions";
pub(crate) const RESPONSES: &str = "/v1/responses";
pub(crate) const MESSAGES: &str = "/v1/messages";

pub(crate) fn start(capabilities: Capabilities) -> CapableServer {
    block_on(CapableServer::start(capabilities))
}

pub(crate) fn json_of(reply: &Capture) -> Value {
    serde_json::from_slice(&reply.body).unwrap()
}

pub(crate) fn schema() -> Value {
    json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]})
}

/// A chat request that offers the tool `get_weather`.
pub(crate) fn chat(messages: Value) -> Value {
    json!({"model": "capable-model", "messages": messages, "tools": [
        {"type": "function", "function": {"name": "now", "parameters": {"type": "object"}}},
        {"type": "function", "function": {"name": "get_weather", "parameters": schema()}},
    ]})
}

pub(crate) fn user(text: &str) -> Value {
    json!([{"role": "user", "content": text}])
}

pub(crate) fn ask(server: &CapableServer, path: &str, body: &Value) -> Capture {
    post(server.server(), path, &body.to_string())
}

/// The first choice's message.
fn message(server: &CapableServer, body: &Value) -> Value {
    json_of(&ask(server, CHAT, body))["choices"][0]["message"].clone()
}

#[test]
fn a_turn_with_tools_goes_through_in_every_dialect() {
    let server = start(Capabilities::default());
    let question = "What is the weather in Rome and Tokyo?";
    let answer = sentence_with(&["sun", "rain"]);

    let first = message(&server, &chat(user(question)));
    let calls = first["tool_calls"].as_array().unwrap();
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[0]["function"]["name"], "get_weather");
    assert_eq!(calls[1]["function"]["arguments"], r#"{"city":"Tokyo"}"#);
    let second = message(
        &server,
        &chat(json!([
            {"role": "user", "content": question},
            {"role": "assistant", "content": null, "tool_calls": calls},
            {"role": "tool", "tool_call_id": calls[0]["id"], "content": "sun"},
            {"role": "tool", "tool_call_id": calls[1]["id"], "content": "rain"},
        ])),
    );
    assert_eq!(second["content"], answer.as_str());

    let tools = json!([{"type": "function", "name": "get_weather", "parameters": schema()}]);
    let first = json_of(&ask(
        &server,
        RESPONSES,
        &json!({
            "model": "capable-model", "input": question, "tools": tools,
        }),
    ));
    let calls = first["output"].as_array().unwrap();
    assert_eq!(calls[1]["arguments"], r#"{"city":"Tokyo"}"#);
    let result = |at: usize, text: &str| json!({"type": "function_call_output", "call_id": calls[at]["call_id"], "output": text});
    let second = json_of(&ask(
        &server,
        RESPONSES,
        &json!({"model": "capable-model", "tools": tools, "input": [
            {"role": "user", "content": [{"type": "input_text", "text": question}]},
            calls[0], calls[1], result(0, "sun"), result(1, "rain"),
        ]}),
    ));
    assert_eq!(second["output"][0]["content"][0]["text"], answer.as_str());

    let tools = json!([{"name": "get_weather", "input_schema": schema()}]);
    let first = json_of(&ask(
        &server,
        MESSAGES,
        &json!({
            "model": "capable-model", "max_tokens": 100, "tools": tools, "messages": user(question),
        }),
    ));
    let calls = &first["content"];
    assert_eq!(calls[0]["input"], json!({"city": "Rome"}));
    let result = |at: usize, text: &str| json!({"type": "tool_result", "tool_use_id": calls[at]["id"], "content": text});
    let second = json_of(&ask(
        &server,
        MESSAGES,
        &json!({
            "model": "capable-model", "max_tokens": 100, "tools": tools, "messages": [
                {"role": "user", "content": question},
                {"role": "assistant", "content": calls},
                {"role": "user", "content": [result(0, "sun"), result(1, "rain")]},
            ],
        }),
    ));
    assert_eq!(second["content"][0]["text"], answer.as_str());
    assert_eq!(server.refusals(), []);
    assert_eq!(server.asked(), 6);
}

#[test]
fn one_call_after_the_other_where_parallel_ones_are_not_made() {
    let server = start(Capabilities {
        parallel_calls: false,
        short_tool_ids: true,
        ..Capabilities::default()
    });
    let mut messages = user("The weather in Paris and Tokyo, please");
    for (city, weather) in [("Paris", "wind"), ("Tokyo", "snow")] {
        let said = message(&server, &chat(messages.clone()));
        let calls = said["tool_calls"].as_array().unwrap();
        assert_eq!(calls.len(), 1);
        assert_eq!(
            calls[0]["function"]["arguments"],
            json!({"city": city}).to_string()
        );
        let id = calls[0]["id"].as_str().unwrap();
        assert_eq!(id.len(), 9);
        let all = messages.as_array_mut().unwrap();
        all.push(said.clone());
        all.push(json!({"role": "tool", "tool_call_id": id, "content": weather}));
    }
    let said = message(&server, &chat(messages));
    assert_eq!(said["content"], sentence_with(&["wind", "snow"]).as_str());
}

#[test]
fn without_tools_it_says_so() {
    let server = start(Capabilities::default());
    let said = |body: &Value| message(&server, body)["content"].clone();
    let mut asked = chat(user("How is the weather?"));
    asked["tool_choice"] = "none".into();
    assert_eq!(said(&asked), WITHOUT_TOOLS);
    assert_eq!(
        said(&json!({"model": "capable-model", "messages": user("Hi")})),
        GREETING
    );
    server.become_capable_of(Capabilities {
        tools: Tools::Dropped,
        ..Capabilities::default()
    });
    assert_eq!(said(&chat(user("How is the weather?"))), WITHOUT_TOOLS);
}

#[test]
fn arguments_are_what_the_schema_allows() {
    let server = start(Capabilities::default());
    let arguments = |parameters: Value, choice: Value| -> Value {
        let body = json!({
            "model": "capable-model", "messages": user("Rome"), "tool_choice": choice,
            "tools": [
                {"type": "function", "function": {"name": "weather", "parameters": {}}},
                {"type": "function", "function": {"name": "f", "parameters": parameters}},
            ],
        });
        let said = message(&server, &body);
        serde_json::from_str(
            said["tool_calls"][0]["function"]["arguments"]
                .as_str()
                .unwrap(),
        )
        .unwrap()
    };
    let named = json!({"type": "function", "function": {"name": "f"}});
    let parameters = json!({
        "type": "object",
        "properties": {
            "unit": {"enum": ["C", "F"]},
            "place": {"$ref": "#/$defs/place"},
            "days": {"type": "integer", "minimum": 3},
            "tags": {"type": "array", "items": {"anyOf": [{"type": "boolean"}, {"type": "null"}]}},
            "extra": {"type": "string"},
        },
        "required": ["unit", "place", "days", "tags"],
        "$defs": {"place": {"type": "object", "properties": {"city": {"type": ["string", "null"]}}}},
    });
    assert_eq!(
        arguments(parameters, named.clone()),
        json!({"unit": "C", "place": {"city": "Rome"}, "days": 3, "tags": [true]})
    );
    let endless = json!({"$ref": "#"});
    assert_eq!(arguments(endless, named), json!({}));
    assert_eq!(arguments(json!({}), Value::Null), json!({}));
}

#[test]
fn a_family_writes_its_calls_as_text() {
    for (family, text) in [
        (
            Family::Hermes,
            "<tool_call>\n{\"name\":\"get_weather\",\"arguments\":{\"city\":\"Rome\"}}\n</tool_call>",
        ),
        (
            Family::QwenCoder,
            "<tool_call>\n<function=get_weather>\n<parameter=city>\nRome\n</parameter>\n</function>\n</tool_call>",
        ),
        (
            Family::MistralArgs,
            "[TOOL_CALLS]get_weather[ARGS]{\"city\":\"Rome\"}",
        ),
        (Family::Pythonic, "[get_weather(city=\"Rome\")]"),
        (
            Family::Bracketed,
            "[get_weather]{\"city\":\"Rome\"}[END_TOOL_REQUEST]",
        ),
    ] {
        let server = start(Capabilities {
            tools: Tools::Text(family),
            ..Capabilities::default()
        });
        let said = message(&server, &chat(user("Weather in Rome?")));
        assert_eq!(said["content"], text);
        assert_eq!(said.get("tool_calls"), None);
    }
}

#[test]
fn the_first_requests_are_refused_while_it_loads_or_is_busy() {
    let server = start(Capabilities {
        loading: 2,
        busy: Busy {
            requests: 1,
            status: 429,
            retry_after: Some(3),
        },
        ..Capabilities::of(Kind::LlamaCpp)
    });
    let body = chat(user("Hi"));
    assert_eq!(get(server.server(), "/health").status, 503);
    for _ in 0..2 {
        let reply = ask(&server, CHAT, &body);
        assert_eq!(reply.status, 503);
        assert_eq!(json_of(&reply)["error"]["message"], "Loading model");
    }
    assert_eq!(get(server.server(), "/health").status, 200);
    let reply = ask(&server, CHAT, &body);
    assert_eq!(
        (reply.status, reply.header("retry-after")),
        (429, Some("3"))
    );
    assert_eq!(ask(&server, CHAT, &body).status, 200);
    let reasons: Vec<Reason> = server.refusals().into_iter().map(|r| r.reason).collect();
    assert_eq!(reasons, [Reason::Loading, Reason::Loading, Reason::Busy]);
}

/// A server of one slot, whose answers wait at a gate.
fn one_slot(refuses_more: bool) -> CapableServer {
    start(Capabilities {
        slots: Some(Slots {
            count: 1,
            refuses_more,
        }),
        gate: Some("speak".to_owned()),
        ..Capabilities::default()
    })
}

fn begin(server: &CapableServer) -> Client {
    let mut client = Client::connect(server.server());
    let body = json!({"model": "capable-model", "messages": user("Hi")}).to_string();
    client.send(&format!("POST {CHAT}"), &[], &body);
    client
}

#[test]
fn a_request_above_the_slots_is_refused() {
    let server = one_slot(true);
    let mut first = begin(&server);
    block_on(server.server().wait_for_pause("speak"));
    assert_eq!(begin(&server).read_whole().status, 503);
    server.server().release("speak");
    assert_eq!(first.read_whole().status, 200);
    assert_eq!(begin(&server).read_whole().status, 200);
    assert_eq!(server.refusals().len(), 1);
}

#[test]
fn a_request_above_the_slots_waits_for_one() {
    let server = one_slot(false);
    let mut first = begin(&server);
    block_on(server.server().wait_for_pause("speak"));
    let mut second = begin(&server);
    block_on(server.server().wait_for_requests(2));
    // One that leaves while it waits takes no slot.
    drop(begin(&server));
    block_on(server.server().wait_for_cancel());
    assert!(second.has_nothing_to_read());
    server.server().release("speak");
    assert_eq!(first.read_whole().status, 200);
    assert_eq!(second.read_whole().status, 200);
    assert_eq!(server.server().connections().peak_concurrent, 3);
}

#[test]
fn a_slot_is_free_again_when_its_client_leaves() {
    let server = one_slot(false);
    drop({
        let first = begin(&server);
        block_on(server.server().wait_for_pause("speak"));
        first
    });
    block_on(server.server().wait_for_cancel());
    server.server().release("speak");
    assert_eq!(begin(&server).read_whole().status, 200);
}
