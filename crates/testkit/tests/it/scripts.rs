//! Which rule answers which request, and what is recorded.

use moltbot_testkit::{
    Part, Reply, Script, ScriptedServer, When, anthropic_messages, block_on, models_list,
    openai_chat,
};
use serde_json::{Value, json};

use crate::client::{Client, get, post};

fn start(script: Script) -> ScriptedServer {
    block_on(ScriptedServer::start(script))
}

fn says(text: &str) -> Reply {
    Reply::whole(200, "text/plain", text)
}

fn body_of(server: &ScriptedServer, path: &str, body: &str) -> String {
    String::from_utf8(post(server, path, body).body).unwrap()
}

#[test]
fn the_first_rule_that_fits_answers() {
    let server = start(
        Script::new()
            .on(When::get("/v1/models"), models_list(&["small"]))
            .on(When::post("/v1/chat"), says("chat"))
            .on(When::any(), says("rest")),
    );
    assert_eq!(body_of(&server, "/v1/chat/completions", "{}"), "chat");
    assert_eq!(body_of(&server, "/v1/models", "{}"), "rest");
    assert_eq!(
        get(&server, "/v1/models?limit=1").header("content-type"),
        Some("application/json")
    );
    let rules: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.rule)
        .collect();
    assert_eq!(rules, [Some(1), Some(2), Some(0)]);
}

#[test]
fn rules_are_used_up_and_counted() {
    let server = start(
        Script::new()
            .on(When::any().once(), says("once"))
            .on(When::any().nth(2), says("second here"))
            .on(When::any().times(2), says("twice"))
            .on(When::any(), says("ever")),
    );
    let answers: Vec<String> = (0..6).map(|_| body_of(&server, "/", "")).collect();
    assert_eq!(
        answers,
        ["once", "twice", "second here", "twice", "ever", "ever"]
    );
}

#[test]
fn a_body_test_sees_json_only() {
    let server = start(
        Script::new()
            .on(
                When::post("/").body(|json| json["stream"] == true),
                says("stream"),
            )
            .on(When::post("/").body(|_| true), says("json"))
            .on(When::any(), says("other")),
    );
    assert_eq!(body_of(&server, "/", r#"{"stream":true}"#), "stream");
    assert_eq!(body_of(&server, "/", "{}"), "json");
    assert_eq!(body_of(&server, "/", "{"), "other");
}

#[test]
fn a_missing_key_is_refused() {
    let server = start(Script::new().on(When::any().api_key("right").once(), says("in")));
    let with = |header: &str| {
        let mut client = Client::connect(&server);
        client.send("GET /v1/models", &[header], "");
        client.read_whole()
    };
    let refused = with("authorization: Bearer wrong");
    assert_eq!(refused.status, 401);
    let body: Value = serde_json::from_slice(&refused.body).unwrap();
    assert_eq!(body["error"]["code"], "invalid_api_key");
    assert_eq!(with("Authorization: Bearer right").body, b"in");
    // The rule is used up; its key is not what is missing.
    assert_eq!(with("Authorization: Bearer right").status, 404);
    assert!(server.requests()[1].has_api_key("right"));
}

#[test]
fn each_header_of_a_key_is_read() {
    let server = start(Script::new().on(When::any().api_key("k"), says("in")));
    for header in ["X-Api-Key: k", "api-key: k", "x-goog-api-key: k"] {
        let mut client = Client::connect(&server);
        client.send("GET /", &[header], "");
        assert_eq!(client.read_whole().status, 200, "{header}");
    }
}

#[test]
fn what_no_rule_takes_is_not_found() {
    let server = start(Script::new().on(When::get("/v1/models"), models_list(&[])));
    let reply = post(&server, "/v1/nothing", "{}");
    assert_eq!(reply.status, 404);
    let body: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(
        body["error"]["message"],
        "Unknown request URL: POST /v1/nothing."
    );
    let unmatched = server.unmatched();
    assert_eq!(unmatched.len(), 1);
    assert_eq!(unmatched[0].path, "/v1/nothing");
}

#[test]
fn a_request_is_recorded_as_sent() {
    let server = start(Script::new());
    let mut client = Client::connect(&server);
    client.send(
        "POST /v1/x?alt=sse&n=1",
        &["X-One: 1", "x-one: 2"],
        r#"{"a":[1]}"#,
    );
    client.read_whole();
    let request = server.requests().remove(0);
    assert_eq!(request.method, "POST");
    assert_eq!(request.path, "/v1/x");
    assert_eq!(request.query.as_deref(), Some("alt=sse&n=1"));
    assert_eq!(request.header("X-ONE"), Some("1"));
    assert!(
        request
            .headers
            .contains(&("x-one".to_owned(), "2".to_owned()))
    );
    assert_eq!(request.body, br#"{"a":[1]}"#);
    assert_eq!(request.json(), json!({"a": [1]}));
}

#[test]
#[should_panic(expected = "the body of POST / is not JSON: \"plain\"")]
fn json_of_another_body_fails_the_test() {
    let server = start(Script::new());
    post(&server, "/", "plain");
    let _ = server.requests()[0].json();
}

#[test]
fn a_chunked_request_is_put_together() {
    let server = start(Script::new().on(When::any(), says("ok")));
    let mut client = Client::connect(&server);
    client.write("POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\n{\"a\r\n");
    client.write("4\r\n\":1}\r\n0\r\n\r\n");
    assert_eq!(client.read_whole().body, b"ok");
    assert_eq!(server.requests()[0].json(), json!({"a": 1}));
}

#[test]
fn a_client_that_asks_first_is_told_to_go_on() {
    let server = start(Script::new().on(When::any(), says("ok")));
    let mut client = Client::connect(&server);
    client.write("POST / HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n");
    client.read_until("HTTP/1.1 100 Continue\r\n\r\n");
    client.write("{}");
    assert_eq!(client.read_whole().body, b"ok");
}

#[test]
fn what_is_no_request_is_refused() {
    for bytes in [
        "nonsense\r\n\r\n",
        "POST / HTTP/1.1\r\ncontent-length: many\r\n\r\n",
        "POST / HTTP/1.1\r\ntransfer-encoding: gzip\r\n\r\n",
        "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ] {
        let server = start(Script::new());
        let mut client = Client::connect(&server);
        client.write(bytes);
        assert_eq!(client.read_whole().status, 400, "{bytes:?}");
        assert_eq!(client.read_to_end(), Ok(Vec::new()));
        assert_eq!(server.connections().total_requests, 0);
    }
}

#[test]
fn a_closure_makes_the_reply_from_the_request() {
    let server = start(Script::new().on_with(When::any(), |request| {
        Reply::json(200, &json!({"echo": request.json()["n"]}))
    }));
    assert_eq!(body_of(&server, "/", r#"{"n":7}"#), r#"{"echo":7}"#);
}

#[test]
fn a_closure_that_panics_closes_the_connection_only() {
    let server = start(
        Script::new()
            .on_with(When::any().once(), |_| panic!("wanted by this test"))
            .on(When::any(), says("alive")),
    );
    let mut client = Client::connect(&server);
    client.get("/");
    assert_eq!(client.read_to_end(), Ok(Vec::new()));
    assert_eq!(body_of(&server, "/", ""), "alive");
}

#[test]
fn the_script_can_be_replaced() {
    let server = start(Script::new());
    assert_eq!(get(&server, "/").status, 404);
    server.set_script(Script::new().on(When::any(), says("new")));
    assert_eq!(get(&server, "/").body, b"new");
}

#[test]
fn an_answer_is_sent_as_the_request_asks() {
    let parts = [Part::Text("Hi there.")];
    let server = start(
        Script::new()
            .on(When::post("/v1/chat/completions"), openai_chat(&parts))
            .on(When::post("/v1/messages"), anthropic_messages(&parts)),
    );
    let ask = |path: &str, body: &str| {
        let reply = post(&server, path, body);
        let streamed = reply.is_event_stream();
        (streamed, String::from_utf8(reply.body).unwrap())
    };
    let chat = "/v1/chat/completions";

    let (streamed, body) = ask(chat, r#"{"model":"m-7"}"#);
    assert!(!streamed);
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["model"], "m-7");
    assert_eq!(body["choices"][0]["message"]["content"], "Hi there.");

    let (streamed, body) = ask(chat, r#"{"stream":true}"#);
    assert!(streamed && !body.contains("\"usage\"") && body.ends_with("data: [DONE]\n\n"));

    let (_, body) = ask(
        chat,
        r#"{"stream":true,"stream_options":{"include_usage":true}}"#,
    );
    assert!(body.contains(r#""usage":{"completion_tokens":2,"#));

    let (streamed, body) = ask("/v1/messages", r#"{"stream":true}"#);
    assert!(
        streamed && body.ends_with("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n")
    );
}
