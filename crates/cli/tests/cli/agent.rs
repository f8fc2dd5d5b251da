//! `moltbot agent`: one message, one answer.

use std::io::Read;
use std::process::Stdio;

use moltbot_testkit::{
    Part, Reply, Script, ScriptedServer, When, anthropic_messages, block_on, error, openai_chat,
};
use serde_json::json;

use crate::fixtures::said;
use crate::setup::{Home, err, out};

fn server(script: Script) -> ScriptedServer {
    block_on(ScriptedServer::start(script))
}

/// A home whose default model is `box/m` at this server, with these fallbacks and providers beside it.
fn home(server: &ScriptedServer, more: serde_json::Value) -> Home {
    let mut config = json!({
        "agents": {"defaults": {"model": {"primary": "box/m"}}},
        "models": {"providers": {"box": {
            "baseUrl": server.base_url(),
            "models": [{"id": "m", "name": "M"}],
        }}},
    });
    merge(&mut config, more);
    Home::with_config(config.to_string())
}

fn merge(into: &mut serde_json::Value, more: serde_json::Value) {
    match (into, more) {
        (serde_json::Value::Object(into), serde_json::Value::Object(more)) => {
            for (key, value) in more {
                merge(into.entry(key).or_insert(serde_json::Value::Null), value);
            }
        }
        (into, more) => *into = more,
    }
}

fn says(text: &str) -> Script {
    Script::new().on(
        When::post("/v1/chat/completions"),
        openai_chat(&[Part::Text(text)]),
    )
}

#[test]
fn the_answer_is_printed_and_nothing_else() {
    let server = server(says("Hello there."));
    let home = home(&server, json!({}));
    let output = home.moltbot(&["agent", "--message", "hi"]);
    assert_eq!(out(&output), "Hello there.\n");
    assert_eq!(err(&output), "");
}

#[test]
fn json_has_the_answer_the_model_and_the_usage() {
    let server = server(says("Hello there."));
    let home = home(&server, json!({}));
    let json = home.json(&["agent", "-m", "hi", "--json"]);
    assert_eq!(json["payloads"], json!([{"text": "Hello there."}]));
    let meta = &json["meta"]["agentMeta"];
    assert_eq!(
        (&meta["provider"], &meta["model"]),
        (&json!("box"), &json!("m"))
    );
    assert!(meta["usage"]["total"].as_u64().unwrap() > 0);
    assert_eq!(meta["usage"]["promptTokens"], meta["usage"]["input"]);
    assert_eq!(meta["usage"]["promptSource"], "server");
    assert_eq!(json["meta"]["fallback"], json!([]));
}

#[test]
fn commands_are_carried_out_without_a_model() {
    let server = server(says("Hello there."));
    let home = home(&server, json!({}));
    let status = home.ok(&["agent", "-m", "/status"]);
    assert!(
        status.contains("box/m") && status.contains("agent:main:main"),
        "{status}"
    );
    let json = home.json(&["agent", "-m", "/think high", "--json"]);
    let text = "Thinking level set to high; the model of this session does not reason.";
    assert_eq!(json["payloads"], json!([{"text": text}]));
    assert!(json["meta"]["agentMeta"]["sessionId"].is_string());
    assert_eq!(server.requests().len(), 0);
    let json = home.json(&["agent", "-m", "hi /whoami", "--json"]);
    assert_eq!(json["payloads"][1], json!({"text": "Hello there."}));
    assert_eq!(said(&server.posts()[0].json()["messages"][1]), "hi");
}

#[test]
fn media_and_magic_words_are_no_text() {
    let server = server(says("Here.\nMEDIA:./a.png\nNO_REPLY"));
    let home = home(&server, json!({}));
    assert_eq!(home.ok(&["agent", "-m", "hi"]), "Here.\nMEDIA:./a.png\n");
    let json = home.json(&["agent", "-m", "hi", "--json"]);
    assert_eq!(
        json["payloads"],
        json!([{"text": "Here.", "mediaUrl": "./a.png", "mediaUrls": ["./a.png"]}])
    );
}

#[test]
fn reasoning_stays_out_of_the_answer() {
    let script = Script::new().on(
        When::post("/v1/chat/completions"),
        openai_chat(&[
            Part::Thinking("The person greets."),
            Part::Text("<think>more</think>Hi!"),
        ]),
    );
    let server = server(script);
    assert_eq!(home(&server, json!({})).ok(&["agent", "-m", "hi"]), "Hi!\n");
}

#[test]
fn the_conversation_is_kept_from_one_run_to_the_next() {
    let server = server(says("Noted."));
    let home = home(&server, json!({}));
    home.ok(&["agent", "-m", "I am Ada."]);
    home.ok(&["agent", "-m", "Who am I?"]);
    home.ok(&["agent", "-m", "Elsewhere?", "--session-id", "other"]);
    let asked: Vec<Vec<String>> = server
        .posts()
        .iter()
        .map(|request| {
            request.json()["messages"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|message| message["role"] != "system")
                .map(|message| said(message).to_owned())
                .collect()
        })
        .collect();
    assert_eq!(asked[0], ["I am Ada."]);
    assert_eq!(asked[1], ["I am Ada.", "Noted.", "Who am I?"]);
    assert_eq!(asked[2], ["Elsewhere?"]);
}

#[test]
fn each_request_begins_with_the_bytes_of_the_one_before() {
    let server = server(says("Noted."));
    let home = home(&server, json!({}));
    for message in ["one", "two", "three"] {
        home.ok(&["agent", "-m", message]);
    }
    let rendered: Vec<String> = server
        .posts()
        .iter()
        .map(|request| serde_json::to_string(&request.json()["messages"]).unwrap())
        .collect();
    for pair in rendered.windows(2) {
        let open = pair[0].trim_end_matches(']');
        assert!(
            pair[1].starts_with(open),
            "{} is no prefix of {}",
            pair[0],
            pair[1]
        );
    }
}

#[test]
fn a_greeting_costs_less_than_seven_kilobytes_with_all_tools() {
    let server = server(says("Hello."));
    home(&server, json!({})).ok(&["agent", "-m", "hi"]);
    let body = server.posts()[0].body.len();
    assert!(body < 7 * 1024, "the request for \"hi\" is {body} bytes");
}

#[test]
fn the_next_model_answers_and_the_person_sees_which() {
    let script = Script::new()
        .on(
            When::post("/v1/chat/completions"),
            error(500, "out of luck"),
        )
        .on(
            When::post("/v1/messages"),
            anthropic_messages(&[Part::Text("From afar.")]),
        );
    let server = server(script);
    let home = home(
        &server,
        json!({
            "agents": {"defaults": {"model": {"fallbacks": ["anthropic/claude-opus-4-5"]}}},
            "models": {"providers": {"anthropic": {
                "baseUrl": server.origin(), "apiKey": "k", "models": []}}},
        }),
    );
    let output = home.moltbot(&["agent", "-m", "hi"]);
    assert_eq!(out(&output), "From afar.\n");
    let said = err(&output);
    assert!(
        said.contains("Answered by anthropic/claude-opus-4-5"),
        "{said}"
    );
    assert!(said.contains("failed while answering"), "{said}");
    let json = home.json(&["agent", "-m", "hi", "--json"]);
    assert_eq!(json["meta"]["fallback"][0]["reason"], "server_error");
    let request = &server.posts()[1];
    assert_eq!(request.header("x-api-key"), Some("k"));
}

#[test]
fn every_way_of_failing_is_one_sentence_with_the_next_step() {
    let refused = "http://127.0.0.1:9";
    let cases: Vec<(&str, Reply, &str, &str)> = vec![
        (
            "a 200 with an error",
            Reply::json(
                200,
                &json!({"error": "Unexpected endpoint or method. (POST /x)"}),
            ),
            "no such API path",
            "baseUrl",
        ),
        ("an empty stream", Reply::stream(), "broke off", "ask again"),
        (
            "an unknown model",
            error(404, "The model `m` does not exist."),
            "does not have m ready",
            "moltbot models list",
        ),
        (
            "a wrong key",
            error(401, "Incorrect API key provided"),
            "wants a valid API key",
            "apiKey",
        ),
        (
            "a page",
            Reply::whole(200, "text/html", "<html>Welcome</html>"),
            "not its API's",
            "baseUrl",
        ),
        (
            "a bad request",
            error(400, "no"),
            "refused the request",
            "box",
        ),
    ];
    for (what, reply, sentence, next) in cases {
        let server = server(Script::new().on(When::post("/v1/chat/completions"), reply));
        let said = home(&server, json!({})).fails(&["agent", "-m", "hi"]);
        assert!(said.contains(sentence), "{what}: {said}");
        assert!(said.contains(next), "{what}: {said}");
        assert_eq!(said.trim().lines().count(), 1, "{what}: {said}");
        assert!(!said.contains('{'), "{what} shows raw JSON: {said}");
    }
    let gone = Home::with_config(format!(
        r#"{{agents: {{defaults: {{model: {{primary: "box/m"}}}}}}, models: {{providers: {{box: {{baseUrl: "{refused}", models: []}}}}}}}}"#
    ));
    let said = gone.fails(&["agent", "-m", "hi"]);
    assert!(
        said.contains("cannot be reached") && said.contains("start the server"),
        "{said}"
    );
}

#[test]
fn a_model_that_cannot_be_asked_is_one_sentence_too() {
    let server = server(says("x"));
    let home = home(&server, json!({}));
    let said = home.fails(&["agent", "-m", "hi", "--model", "bx/m"]);
    assert!(
        said.contains("there is no provider \"bx\"") && said.contains("did you mean \"box\""),
        "{said}"
    );
    let said = home.fails(&["agent", "-m", "hi", "--agent", "ghost"]);
    assert!(said.contains("no agent \"ghost\""), "{said}");
    let said = Home::new().fails(&["agent", "-m", "hi"]);
    assert!(said.contains("moltbot models pull"), "{said}");
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn json_says_in_json_why_there_is_no_answer() {
    let server =
        server(Script::new().on(When::post("/v1/chat/completions"), error(402, "no credit")));
    let output = home(&server, json!({})).moltbot(&["agent", "-m", "hi", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["payloads"], json!([]));
    assert_eq!(json["meta"]["error"]["kind"], "billing");
}

#[test]
fn a_valid_key_that_nothing_acts_on_is_named_once() {
    let server = server(says("Hi."));
    let home = home(
        &server,
        json!({"channels": {"telegram": {"botToken": "t"}}}),
    );
    let output = home.moltbot(&["agent", "-m", "hi"]);
    let said = err(&output);
    assert_eq!(said.matches("channels.telegram").count(), 1, "{said}");
    assert_eq!(out(&output), "Hi.\n");
}

#[test]
fn a_key_never_shows_in_output_log_or_store() {
    let secret = "sk-test-0123456789abcdef0123456789abcdef";
    let server =
        server(Script::new().on(When::post("/v1/chat/completions"), error(401, "bad key")));
    let home = home(
        &server,
        json!({"models": {"providers": {"box": {"apiKey": secret}}}, "logging": {"level": "trace"}}),
    );
    let output = home.moltbot(&["agent", "-m", "hi"]);
    assert_eq!(
        server.posts()[0].header("authorization"),
        Some(format!("Bearer {secret}").as_str())
    );
    assert!(!(out(&output) + &err(&output)).contains(secret));
    for entry in walk(&home.state()) {
        if entry.file_name().unwrap() != "moltbot.json" {
            let bytes = std::fs::read(&entry).unwrap();
            let found = bytes.windows(secret.len()).any(|w| w == secret.as_bytes());
            assert!(!found, "{} holds the key", entry.display());
        }
    }
}

fn walk(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    std::fs::read_dir(dir)
        .unwrap()
        .flat_map(|entry| {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

/// kill -9 in the middle of an answer: the next start loads the session, marks the turn, and has lost nothing.
#[test]
fn a_killed_turn_is_marked_and_nothing_before_it_is_lost() {
    let script = Script::new()
        .on(
            When::post("/v1/chat/completions").once(),
            openai_chat(&[Part::Text("First.")]),
        )
        .on(
            When::post("/v1/chat/completions").once(),
            openai_chat(&[Part::Text("A long answer that never ends")])
                .stream()
                .after_frames(3, moltbot_testkit::Step::Hang),
        )
        .on(
            When::post("/v1/chat/completions"),
            openai_chat(&[Part::Text("Third.")]),
        );
    let server = server(script);
    let home = home(&server, json!({}));
    home.ok(&["agent", "-m", "one"]);

    let mut child = home.command(&["agent", "-m", "two"]).spawn().unwrap();
    block_on(server.wait_for_posts(2));
    child.kill().unwrap();
    child.wait().unwrap();
    block_on(server.wait_for_cancel());

    let mut chat = home
        .command(&["chat"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(chat.stdin.take());
    let mut said = String::new();
    chat.stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    chat.wait().unwrap();
    assert!(
        said.contains("the program ended before it was answered"),
        "{said}"
    );
    assert!(said.contains("“two”"), "{said}");

    home.ok(&["agent", "-m", "three"]);
    let last = server.posts().pop().unwrap().json();
    let contents: Vec<&str> = last["messages"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|message| message["role"] != "system")
        .map(crate::fixtures::said)
        .collect();
    assert_eq!(contents, ["one", "First.", "three"]);
}

#[test]
fn an_answer_cut_at_its_limit_is_said_to_be_cut() {
    let script = Script::new().on(
        When::post("/v1/chat/completions"),
        openai_chat(&[Part::Text("Half of")]).finish(moltbot_testkit::Finish::Length),
    );
    let server = server(script);
    let output = home(&server, json!({})).moltbot(&["agent", "-m", "hi"]);
    assert_eq!(out(&output), "Half of\n");
    assert!(
        err(&output).contains("cut off at its length limit"),
        "{}",
        err(&output)
    );
}

#[test]
fn a_model_cannot_steer_the_terminal() {
    let server = server(says("\u{1b}]0;pwned\u{7}\u{1b}[2Jhello"));
    assert_eq!(
        home(&server, json!({})).ok(&["agent", "-m", "hi"]),
        "]0;pwned[2Jhello\n"
    );
}

#[test]
fn setup_failures_are_json_too_and_an_empty_message_is_refused() {
    let server = server(says("x"));
    let home = home(&server, json!({}));
    for args in [
        ["agent", "-m", "hi", "--json", "--agent", "ghost"],
        ["agent", "-m", "  ", "--json", "--agent", "main"],
    ] {
        let output = home.moltbot(&args);
        assert_eq!(output.status.code(), Some(1));
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(json["meta"]["error"]["kind"], "setup");
    }
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn a_session_that_was_reset_is_not_silently_begun_anew() {
    let server = server(says("x"));
    let home = home(&server, json!({}));
    let json = home.json(&["agent", "-m", "hi", "--json"]);
    let id = json["meta"]["agentMeta"]["sessionId"]
        .as_str()
        .unwrap()
        .to_owned();
    home.ok(&["agent", "-m", "more", "--session-id", &id]);
    let mut chat = home
        .command(&["chat"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut chat.stdin.take().unwrap(), b"/new\n").unwrap();
    assert!(chat.wait().unwrap().success());
    let said = home.fails(&["agent", "-m", "again", "--session-id", &id]);
    assert!(said.contains("ended by a reset"), "{said}");
    let said = home.fails(&["agent", "-m", "hi", "--session-id", "agent:ghost:main"]);
    assert!(said.contains("no agent \"ghost\""), "{said}");
}

#[test]
fn a_password_in_a_base_url_is_not_shown() {
    let home = Home::with_config(
        r#"{agents: {defaults: {model: {primary: "box/m"}}}, models: {providers: {box: {baseUrl: "http://bob:hunter2@127.0.0.1:9/v1", models: []}}}}"#,
    );
    let said = home.fails(&["agent", "-m", "hi"]);
    assert!(
        said.contains("127.0.0.1:9") && !said.contains("hunter2"),
        "{said}"
    );
    assert!(!home.ok(&["doctor"]).contains("hunter2"));
}

#[test]
fn a_session_bound_to_a_place_stays_there() {
    let inside = server(Script::new().on(When::any(), error(500, "{}")));
    let outside = server(says("Hello from afar."));
    let home = home(
        &inside,
        json!({
            "agents": {"defaults": {"model": {"fallbacks": ["far/m"]}}},
            "models": {"providers": {"far": {
                "baseUrl": outside.base_url(),
                "region": "us",
                "models": [{"id": "m", "name": "M"}],
            }}},
        }),
    );
    let ask = |more: &[&str]| home.moltbot(&[&["agent", "-m", "hi"], more].concat());
    assert_eq!(out(&ask(&[])), "Hello from afar.\n");
    let asked = outside.requests().len();

    // Bound once, it stays bound.
    for more in [&["--places", "local"][..], &[]] {
        let refused = ask(more);
        assert!(!refused.status.success());
        assert!(err(&refused).contains("box at"), "{}", err(&refused));
    }
    assert_eq!(outside.requests().len(), asked);
    let nowhere = ask(&["--places", "eu"]);
    assert!(
        err(&nowhere).contains("may only go to eu"),
        "{}",
        err(&nowhere)
    );
    assert!(err(&nowhere).contains("far/m"), "{}", err(&nowhere));

    assert_eq!(out(&ask(&["--places", "anywhere"])), "Hello from afar.\n");
}
