//! Documents, pictures and messages: what the program does with its own process for PDFs, and what a tool says to the
//! person in the middle of a turn.

use std::fs;
use std::io::Write;
use std::process::{Output, Stdio};

use moltbot_testkit::{Part, Script, ScriptedServer, Step, When, block_on, openai_chat};
use serde_json::{Value, json};

use crate::fixtures::{box_config, said};
use crate::setup::{Home, out};
use crate::terminal::Terminal;

const TWO_PAGES: &[u8] = include_bytes!("../../../tools/tests/data/two-pages.pdf");
const LOCKED: &[u8] = include_bytes!("../../../tools/tests/data/locked.pdf");

fn chat() -> When {
    When::post("/v1/chat/completions")
}

/// A server whose model makes these calls, each in a reply of its own, and then says something.
fn server(calls: &[(&str, Value)], answer: &str) -> ScriptedServer {
    let mut script = Script::new();
    for (number, (name, arguments)) in calls.iter().enumerate() {
        let (id, arguments) = (format!("call_{number}"), arguments.to_string());
        let call = Part::ToolCall {
            id: &id,
            name,
            arguments: &arguments,
        };
        script = script.on(chat().once(), openai_chat(&[call]));
    }
    block_on(ScriptedServer::start(
        script.on(chat(), openai_chat(&[Part::Text(answer)])),
    ))
}

/// What the model was told of its calls.
fn told(server: &ScriptedServer) -> Vec<String> {
    let asked = server.posts().pop().unwrap().json();
    let messages = asked["messages"].as_array().unwrap();
    let results = messages.iter().filter(|message| message["role"] == "tool");
    let texts = results.map(|message| message["content"].as_str().unwrap().to_owned());
    texts.collect()
}

fn offers(request: &Value, name: &str) -> bool {
    let tools = request["tools"].as_array().unwrap();
    tools.iter().any(|tool| tool["function"]["name"] == name)
}

/// Says this in a chat without a terminal.
fn piped(home: &Home, line: &str) -> Output {
    let mut child = home
        .command(&["chat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(format!("{line}\n").as_bytes()).unwrap();
    drop(input);
    child.wait_with_output().unwrap()
}

#[test]
fn the_pdfs_of_a_folder_are_summarised_into_a_file() {
    let notes = "- a.pdf: two lines and a price";
    let calls = [
        ("read", json!({"path": "papers"})),
        ("read", json!({"path": "papers/a.pdf"})),
        ("read", json!({"path": "papers/b.pdf"})),
        ("write", json!({"path": "notes.md", "content": notes})),
    ];
    let server = server(&calls, "notes.md has the summaries; b.pdf is locked.");
    let home = Home::with_config(box_config(&server.base_url()));
    home.write("clawd/notes.txt", "");
    let papers = home.path().join("clawd/papers");
    fs::create_dir(&papers).unwrap();
    fs::write(papers.join("a.pdf"), TWO_PAGES).unwrap();
    fs::write(papers.join("b.pdf"), LOCKED).unwrap();
    let question = "Summarise the PDFs in papers into notes.md.";
    let answer = home.ok(&["agent", "-m", question]);
    assert_eq!(answer, "notes.md has the summaries; b.pdf is locked.\n");
    assert_eq!(home.read("clawd/notes.md"), notes);
    let told = told(&server);
    assert!(told[0].ends_with("a.pdf\nb.pdf"), "{}", told[0]);
    let pages = "[Page 1 of 2]\nThe first page.\nIt has two lines.\n\n[Page 2 of 2]\nKöln – 12 €";
    assert_eq!(told[1], pages);
    assert!(told[2].contains("is locked with a password"), "{}", told[2]);
    let asked = server.posts().pop().unwrap().json();
    assert_eq!(said(&asked["messages"][1]), question);
}

#[test]
fn a_message_is_on_the_screen_while_the_answer_is_still_to_come() {
    let call = Part::ToolCall {
        id: "call_0",
        name: "message",
        arguments: r#"{"message":"Half of it is done."}"#,
    };
    let script = Script::new().on(chat().once(), openai_chat(&[call])).on(
        chat(),
        openai_chat(&[Part::Text("never")])
            .stream()
            .after_frames(0, Step::Hang),
    );
    let server = block_on(ScriptedServer::start(script));
    let home = Home::with_config(box_config(&server.base_url()));
    let mut terminal = Terminal::open(&home, &["chat"]);
    terminal.wait_for("› ");
    terminal.line("work");
    terminal.wait_for("Half of it is done.");
    terminal.press("\x03");
    terminal.wait_for("Stopped.");
    terminal.line("/exit");
    terminal.wait();
}

#[test]
fn an_answer_that_repeats_a_message_is_not_shown_twice() {
    let message = (
        "message",
        json!({"message": "The build is done 🎉, all tests pass."}),
    );
    for (answer, shown) in [
        ("The build is done, all tests pass.", ""),
        ("NO_REPLY", ""),
        ("It took 3 minutes.", "It took 3 minutes.\n"),
    ] {
        let server = server(std::slice::from_ref(&message), answer);
        let home = Home::with_config(box_config(&server.base_url()));
        let output = piped(&home, "build it");
        let whole = format!("The build is done 🎉, all tests pass.\n{shown}");
        assert_eq!(out(&output), whole, "{answer}");
        assert!(told(&server)[0].starts_with("Delivered to the user."));
    }
}

#[test]
fn a_prompt_is_the_same_in_a_chat_and_without_one() {
    let server = server(&[], "Hello.");
    let home = Home::with_config(box_config(&server.base_url()));
    home.ok(&["agent", "-m", "hi"]);
    let once = server.posts().pop().unwrap().json();
    assert!(home.json(&["prompt", "show", "--json"])["frozen"] == true);
    piped(&home, "hi");
    let chat = server.posts().pop().unwrap().json();
    assert_eq!(once["tools"], chat["tools"]);
    assert_eq!(once["messages"][0], chat["messages"][0]);
    // What has nothing to work with is not offered.
    assert!(offers(&chat, "message") && !offers(&chat, "image"));
    let shown = home.json(&["prompt", "show", "--json"]);
    let tools = shown["tools"].as_array().unwrap();
    assert!(shown["frozen"] == true && tools.iter().any(|tool| tool["name"] == "message"));
}

#[test]
fn a_picture_is_shown_to_the_model_that_the_owner_named_for_it() {
    let sees = chat().body(|body| body["model"] == "eye");
    let call = Part::ToolCall {
        id: "call_0",
        name: "image",
        arguments: r#"{"image":"a.png","prompt":"What is it?"}"#,
    };
    let script = Script::new()
        .on(sees, openai_chat(&[Part::Text("A duck.")]))
        .on(chat().once(), openai_chat(&[call]))
        .on(chat(), openai_chat(&[Part::Text("It is a duck.")]));
    let server = block_on(ScriptedServer::start(script));
    let config = json!({
        "agents": {"defaults": {
            "model": {"primary": "box/small"}, "imageModel": {"primary": "box/eye"}}},
        "models": {"providers": {"box": {"baseUrl": server.base_url(), "models": [
            {"id": "small", "name": "Small"}, {"id": "eye", "name": "Eye"}]}}},
    });
    let home = Home::with_config(config.to_string());
    home.write("clawd/notes.txt", "");
    fs::write(home.path().join("clawd/a.png"), b"\x89PNG\r\n\x1a\n....").unwrap();
    let output = home.moltbot(&["agent", "-m", "What is in a.png?"]);
    assert_eq!(out(&output), "It is a duck.\n");
    assert_eq!(told(&server), ["A duck."]);
}
