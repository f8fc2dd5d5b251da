//! Sub-agents, as a person meets them.

use std::process::Stdio;

use moltbot_testkit::{Part, Reply, Script, ScriptedServer, Step, When, block_on, openai_chat};
use serde_json::{Value, json};

use crate::setup::{Home, out};
use crate::terminal::Terminal;

const CHAT: &str = "/v1/chat/completions";
const PROMPT: &str = "› ";

fn home(server: &ScriptedServer) -> Home {
    Home::with_config(
        json!({
            "agents": {"defaults": {"model": {"primary": "box/m"}}},
            "models": {"providers": {"box": {"baseUrl": server.base_url(), "models": [
                {"id": "m", "name": "M"}]}}},
        })
        .to_string(),
    )
}

fn says(text: &'static str) -> When {
    When::post(CHAT).body(move |body| body["messages"].to_string().contains(text))
}

/// Conversations that start one sub-agent, which waits at a gate and finds three cats.
fn script() -> Script {
    script_behind(Script::new())
}

/// The same behind other rules.
fn script_behind(script: Script) -> Script {
    let found = openai_chat(&[Part::Text("3 cats")]).frames().concat();
    let call = Part::ToolCall {
        id: "a",
        name: "sessions_spawn",
        arguments: r#"{"task":"count the cats","label":"cats"}"#,
    };
    script
        .on(
            says("You are a sub-agent"),
            Reply::stream()
                .pause("cats")
                .step(Step::Bytes(found.into_bytes())),
        )
        .on(
            says("was interrupted"),
            openai_chat(&[Part::Text("It was cut off.")]),
        )
        .on(
            says("A sub-agent that you started"),
            openai_chat(&[Part::Text("You have 3 cats.")]),
        )
        .on(When::post(CHAT).once(), openai_chat(&[call]))
        .on(When::post(CHAT), openai_chat(&[Part::Text("I am on it.")]))
}

fn server() -> ScriptedServer {
    block_on(ScriptedServer::start(script()))
}

fn messages(server: &ScriptedServer) -> String {
    let posts = server.posts();
    let bodies: Vec<Value> = posts
        .iter()
        .map(|post| post.json()["messages"].clone())
        .collect();
    Value::from(bodies).to_string()
}

#[test]
fn one_message_waits_for_the_sub_agent_and_what_is_said_of_it() {
    let server = server();
    server.release("cats");
    let home = home(&server);
    assert_eq!(
        home.ok(&["agent", "-m", "Count my cats."]),
        "I am on it.\nYou have 3 cats.\n"
    );
    let said = messages(&server);
    assert!(said.contains("Findings:\\n3 cats"), "{said}");
    assert!(said.contains("Stats: runtime"), "{said}");
}

#[test]
fn a_killed_program_s_sub_agent_is_told_of_once_as_interrupted() {
    let server = server();
    let home = home(&server);
    let mut child = home
        .command(&["agent", "-m", "Count my cats."])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    block_on(server.wait_for_pause("cats"));
    // The conversation has been told that it started.
    block_on(server.wait_for_posts(3));
    child.kill().unwrap();
    child.wait().unwrap();
    let json = home.json(&["agent", "-m", "And now?", "--json"]);
    assert_eq!(
        json["payloads"],
        json!([{"text": "I am on it."}, {"text": "It was cut off."}])
    );
    let output = home.moltbot(&["agent", "-m", "/subagents"]);
    let list = out(&output);
    assert!(list.contains("1) cats · interrupted"), "{list}");
    let before = server.posts().len();
    server.set_script(Script::new().on(When::post(CHAT), openai_chat(&[Part::Text("Fine.")])));
    assert_eq!(home.ok(&["agent", "-m", "Hello?"]), "Fine.\n");
    assert_eq!(server.posts().len(), before + 1);
}

#[test]
fn at_a_terminal_what_comes_back_is_told_when_the_prompt_is_free() {
    let server = server();
    let home = home(&server);
    let mut terminal = Terminal::open(&home, &["chat"]);
    terminal.wait_for(PROMPT);
    terminal.line("Count my cats.");
    terminal.wait_for("I am on it.");
    terminal.wait_for(PROMPT);
    server.release("cats");
    terminal.wait_for("Back from a sub-agent: cats (done). Press Enter to hear of it.");
    terminal.line("");
    terminal.wait_for("You have 3 cats.");
    terminal.wait_for(PROMPT);
    terminal.line("/exit");
    assert!(terminal.wait().success());
}

#[test]
fn a_stop_at_a_terminal_ends_the_sub_agents() {
    let server = server();
    let home = home(&server);
    let mut terminal = Terminal::open(&home, &["chat"]);
    terminal.wait_for(PROMPT);
    terminal.line("Count my cats.");
    terminal.wait_for("I am on it.");
    terminal.wait_for(PROMPT);
    block_on(server.wait_for_pause("cats"));
    terminal.line("/stop");
    terminal.wait_for("⚙️ Agent was aborted. Stopped 1 sub-agent.");
    block_on(server.wait_for_cancel());
    terminal.wait_for(PROMPT);
    terminal.line("/exit");
    assert!(terminal.wait().success());
}

#[test]
fn a_pipe_gets_what_came_back_before_it_ends() {
    let server = server();
    server.release("cats");
    let home = home(&server);
    let input = home.write("input", "Count my cats.\n");
    let output = home
        .command(&["chat"])
        .stdin(std::fs::File::open(input).unwrap())
        .output()
        .unwrap();
    assert!(output.status.success());
    assert!(
        out(&output).ends_with("I am on it.\nYou have 3 cats.\n"),
        "{}",
        out(&output)
    );
}

#[test]
fn a_sub_agent_that_needs_a_word_asks_when_the_prompt_is_free() {
    let answer = |parts: &[Part<'_>]| openai_chat(parts).frames().concat().into_bytes();
    let run = answer(&[Part::ToolCall {
        id: "e",
        name: "exec",
        arguments: r#"{"command":"echo three > cats"}"#,
    }]);
    let first = says("You are a sub-agent").once();
    let script = Script::new().on(first, Reply::stream().pause("ask").step(Step::Bytes(run)));
    let server = block_on(ScriptedServer::start(script_behind(script)));
    server.release("cats");
    let home = home(&server);
    let mut terminal = Terminal::open(&home, &["chat"]);
    terminal.wait_for(PROMPT);
    terminal.line("Count my cats.");
    terminal.wait_for("I am on it.");
    terminal.wait_for(PROMPT);
    server.release("ask");
    terminal.wait_for("The sub-agent \"cats\" waits for your word (exec)");
    terminal.line("");
    terminal.wait_for("The sub-agent \"cats\" wants to run (exec):");
    terminal.wait_for("Allow it? [y/N]");
    terminal.line("y");
    terminal.wait_for("Back from a sub-agent: cats (done)");
    assert_eq!(home.read("clawd/cats"), "three\n");
    terminal.line("/exit");
    terminal.wait();
}
