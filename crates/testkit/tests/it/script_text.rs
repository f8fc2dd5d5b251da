//! Scripts written as text, as a client sees them.

use moltbot_testkit::{Script, ScriptError, ScriptedServer, block_on};
use serde_json::{Value, json};

use crate::client::{Client, get, post};

fn start(text: &str) -> ScriptedServer {
    block_on(ScriptedServer::start(Script::parse(text).unwrap()))
}

fn body_of(server: &ScriptedServer, path: &str, body: &str) -> String {
    String::from_utf8(post(server, path, body).body).unwrap()
}

#[test]
fn conditions_choose_the_rule() {
    let server = start(
        r#"
POST / nth 2
  when /a absent
  body "second without"
POST /
  when /a = {"b": [1]}
  body "equal"
POST /
  when /a contains "part"
  body "contains"
POST /
  when /a exists
  when /b exists
  body "both"
POST / times 2
  body "twice"
any
  key secret
  body "known"
"#,
    );
    for (body, answer) in [
        (json!({"a": {"b": [1]}}), "equal"),
        (json!({"a": "a party"}), "contains"),
        (json!({"a": ["x", "part"]}), "contains"),
        (json!({"a": {"part": null}}), "contains"),
        (json!({"a": null, "b": 1}), "both"),
        (json!({}), "twice"),
        (json!({}), "second without"),
        (json!({"a": "par"}), "twice"),
    ] {
        assert_eq!(body_of(&server, "/", &body.to_string()), answer, "{body}");
    }
    assert_eq!(post(&server, "/", "{}").status, 401);
    let mut client = Client::connect(&server);
    client.send("GET /", &["x-api-key: secret"], "");
    assert_eq!(client.read_whole().body, b"known");
}

#[test]
fn status_headers_and_bodies_are_sent() {
    let server = start(
        "GET /models\n  models one two\n\nany\n  status 503\n  header Retry-After: 7\n  json {\"error\":\n    \"busy\"}\n",
    );
    let reply = get(&server, "/");
    assert_eq!(reply.status, 503);
    assert_eq!(reply.header("retry-after"), Some("7"));
    assert_eq!(reply.body, br#"{"error":"busy"}"#);
    let models: Value = serde_json::from_slice(&get(&server, "/models").body).unwrap();
    assert_eq!(models["data"][1]["id"], "two");
}

#[test]
fn an_answer_is_in_the_dialect_of_the_path() {
    let server = start(
        r#"
POST /v1/fixed
  answer messages
    text "Hi."
POST /
  answer
    thinking "Hm."
    text "Hi \"you\"."
    call c1 look {"a": 1}
    finish length
    usage input=5 output=7
    id one
    model tiny
"#,
    );
    let ask =
        |path: &str| -> Value { serde_json::from_str(&body_of(&server, path, "{}")).unwrap() };
    let chat = ask("/v1/chat/completions");
    let choice = &chat["choices"][0];
    assert_eq!(choice["message"]["content"], "Hi \"you\".");
    assert_eq!(choice["message"]["reasoning_content"], "Hm.");
    assert_eq!(
        choice["message"]["tool_calls"][0]["function"]["arguments"],
        r#"{"a": 1}"#
    );
    assert_eq!(choice["finish_reason"], "length");
    assert_eq!(chat["usage"]["prompt_tokens"], 5);
    assert_eq!(
        (&chat["id"], &chat["model"]),
        (&json!("one"), &json!("tiny"))
    );
    assert_eq!(ask("/v1/responses")["output"][2]["call_id"], "c1");
    assert_eq!(ask("/v1/messages")["content"][2]["input"], json!({"a": 1}));
    assert_eq!(ask("/v1/fixed")["content"][0]["text"], "Hi.");
    let streamed = body_of(&server, "/v1/messages", r#"{"stream": true}"#);
    assert!(streamed.starts_with("event: message_start\n"), "{streamed}");
}

#[test]
fn frames_are_sent_as_written() {
    let server = start(
        "any\n  comment waiting\n  data {\"a\": 1}\n  event ping {}\n  bytes \"data: x\\r\\n\\r\\n\"\n  data [DONE]\n",
    );
    let reply = get(&server, "/");
    assert!(reply.is_event_stream());
    assert_eq!(
        String::from_utf8(reply.body).unwrap(),
        ": waiting\n\ndata: {\"a\": 1}\n\nevent: ping\ndata: {}\n\ndata: x\r\n\r\ndata: [DONE]\n\n"
    );
}

#[test]
fn one_reply_waits_for_another() {
    let server = start(
        "GET /slow\n  data one\n  pause turn\n  data two\nGET /fast\n  body \"done\"\n  release turn\n",
    );
    let mut slow = Client::connect(&server);
    slow.get("/slow");
    block_on(server.wait_for_pause("turn"));
    assert_eq!(get(&server, "/fast").body, b"done");
    slow.read_until("data: two\n\n");
}

#[test]
fn a_reply_is_cut_where_the_script_says() {
    let server = start(
        "GET /bytes\n  data abcdef\n  data ghi\n  after 9 bytes cut\nGET /frames\n  data a\n  data b\n  after 1 frame cut\nGET /drip\n  data abc\n  until-close\n  drip 2\n  after 3 frames cut\nGET /head\n  before cut\nGET /whole\n  json \"12345\"\n  after 3 bytes cut\n",
    );
    let sent = |path: &str| {
        let mut client = Client::connect(&server);
        client.get(path);
        let bytes = String::from_utf8(client.read_to_end().unwrap()).unwrap();
        bytes
            .split_once("\r\n\r\n")
            .map(|(_, body)| body.to_owned())
    };
    assert_eq!(sent("/bytes").as_deref(), Some("9\r\ndata: abc\r\n"));
    assert_eq!(sent("/frames").as_deref(), Some("9\r\ndata: a\n\n\r\n"));
    assert_eq!(sent("/drip").as_deref(), Some("data: "));
    assert_eq!(sent("/whole").as_deref(), Some("\"12"));
    assert_eq!(sent("/head"), None);
}

#[test]
fn a_connection_is_reset_or_kept_hanging() {
    let server = start("GET /reset\n  data a\n  reset\nGET /hang\n  data a\n  hang\n");
    let mut client = Client::connect(&server);
    client.get("/reset");
    assert!(client.read_to_end().is_err());
    let mut client = Client::connect(&server);
    client.get("/hang");
    client.read_until("data: a\n\n");
    drop(client);
    block_on(server.wait_for_cancel());
}

#[test]
fn a_script_file_finds_its_fixtures_beside_it() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("cold.script");
    let recorded =
        "HTTP/1.1 404 Not Found\r\nX-Served: yes\r\nContent-Type: text/plain\r\n\r\nnothing";
    std::fs::write(directory.path().join("lost.http"), recorded).unwrap();
    std::fs::write(
        &file,
        "GET /lost\n  fixture lost.http\nany\n  status 410\n  fixture lost.http\n",
    )
    .unwrap();
    let server = block_on(ScriptedServer::start(Script::load(&file).unwrap()));
    let reply = get(&server, "/lost");
    assert_eq!((reply.status, reply.header("x-served")), (404, Some("yes")));
    assert_eq!(get(&server, "/").status, 410);
    assert!(matches!(
        Script::parse("any\n  fixture lost.http"),
        Err(ScriptError::Fixture { line: 1, .. })
    ));
}
