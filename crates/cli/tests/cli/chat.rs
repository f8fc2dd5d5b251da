//! `moltbot chat`, at a terminal and in a pipe.

use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use moltbot_testkit::{Part, Script, ScriptedServer, Step, When, block_on, error, openai_chat};
use serde_json::json;

use crate::fixtures::said;
use crate::setup::{Home, err, out};
use crate::terminal::Terminal;

const PROMPT: &str = "› ";
const CTRL_C: &str = "\x03";
const CTRL_D: &str = "\x04";
const UP: &str = "\x1b[A";

fn server(script: Script) -> ScriptedServer {
    block_on(ScriptedServer::start(script))
}

fn home(server: &ScriptedServer) -> Home {
    Home::with_config(
        json!({
            "agents": {"defaults": {
                "model": {"primary": "box/m"},
                "models": {"box/m": {}, "box/n": {"alias": "Other"}},
            }},
            "models": {"providers": {"box": {"baseUrl": server.base_url(), "models": [
                {"id": "m", "name": "M", "reasoning": true}, {"id": "n", "name": "N"}]}}},
        })
        .to_string(),
    )
}

fn says(text: &str) -> Script {
    Script::new().on(
        When::post("/v1/chat/completions"),
        openai_chat(&[Part::Text(text)]),
    )
}

#[test]
fn a_person_talks_and_leaves() {
    let server = server(says("Hello there."));
    let home = home(&server);
    let mut terminal = Terminal::open(&home, &["chat"]);
    terminal.wait_for("Model: box/m");
    terminal.wait_for(PROMPT);
    terminal.line("hi");
    terminal.wait_for("Hello there.");
    terminal.wait_for(PROMPT);
    terminal.press(CTRL_D);
    assert!(terminal.wait().success());
    assert_eq!(server.posts().len(), 1);
}

#[test]
fn lines_are_remembered_from_one_chat_to_the_next() {
    let server = server(says("Yes."));
    let home = home(&server);
    let mut terminal = Terminal::open(&home, &["chat"]);
    terminal.wait_for(PROMPT);
    terminal.line("remember me");
    terminal.wait_for("Yes.");
    terminal.wait_for(PROMPT);
    terminal.line("/exit");
    terminal.wait();

    let mut terminal = Terminal::open(&home, &["chat"]);
    terminal.wait_for(PROMPT);
    terminal.press(UP);
    terminal.press(UP);
    terminal.wait_for("remember me");
    terminal.line("");
    terminal.wait_for("Yes.");
    terminal.wait_for(PROMPT);
    terminal.press(CTRL_D);
    terminal.wait();
    let last = server.posts().pop().unwrap().json();
    let messages = last["messages"].as_array().unwrap();
    assert_eq!(said(messages.last().unwrap()), "remember me");
}

#[test]
fn ctrl_c_stops_the_answer_and_keeps_what_was_said() {
    let script = Script::new()
        .on(
            When::post("/v1/chat/completions").once(),
            openai_chat(&[Part::Text("one two three four five six")])
                .stream()
                .after_frames(4, Step::Hang),
        )
        .on(
            When::post("/v1/chat/completions"),
            openai_chat(&[Part::Text("Next answer.")]),
        );
    let server = server(script);
    let home = home(&server);
    let mut terminal = Terminal::open(&home, &["chat"]);
    terminal.wait_for(PROMPT);
    terminal.line("count");
    terminal.wait_for("one");
    terminal.press(CTRL_C);
    terminal.wait_for("Stopped.");
    block_on(server.wait_for_cancel());
    terminal.wait_for(PROMPT);
    terminal.line("go on");
    terminal.wait_for("Next answer.");
    terminal.wait_for(PROMPT);
    // At the prompt: once warns, twice leaves.
    terminal.press(CTRL_C);
    terminal.wait_for("Ctrl-C again leaves.");
    terminal.wait_for(PROMPT);
    terminal.press(CTRL_C);
    assert!(terminal.wait().success());
    let last = server.posts().pop().unwrap().json();
    let messages = last["messages"].as_array().unwrap();
    let kept = messages[messages.len() - 2]["content"].as_str().unwrap();
    assert!(kept.starts_with("one"), "{kept}");
}

#[test]
fn commands_choose_the_model_and_begin_a_new_session() {
    let server = server(says("Sure."));
    let home = home(&server);
    let mut terminal = Terminal::open(&home, &["chat"]);
    terminal.wait_for(PROMPT);
    terminal.line("first");
    terminal.wait_for("Sure.");
    terminal.wait_for(PROMPT);
    terminal.line("/model other");
    terminal.wait_for("Model set to Other (box/n).");
    terminal.line("/status");
    terminal.wait_for("box/n (openai-completions)");
    terminal.wait_for("agent:main:main");
    terminal.line("/think high");
    terminal.wait_for("Thinking level set to high; the model of this session does not reason.");
    terminal.line("/nonsense");
    terminal.wait_for("There is no command /nonsense");
    terminal.line("/new second");
    terminal.wait_for("New session started · model: box/m");
    terminal.wait_for("Sure.");
    terminal.wait_for(PROMPT);
    terminal.press(CTRL_D);
    terminal.wait();
    let requests = server.posts();
    assert_eq!(requests[0].json()["model"], "m");
    let last = requests[1].json();
    assert_eq!(last["model"], "m", "a new session forgets the choice");
    assert_eq!(
        last["messages"].as_array().unwrap().len(),
        2,
        "system and one message"
    );
}

#[test]
fn reasoning_is_shown_only_when_asked_for() {
    let script = Script::new().on(
        When::post("/v1/chat/completions"),
        openai_chat(&[Part::Thinking("Pondering hard."), Part::Text("Done.")]),
    );
    let server = server(script);
    let home = home(&server);
    let mut terminal = Terminal::open(&home, &["chat"]);
    terminal.wait_for(PROMPT);
    terminal.line("a");
    terminal.wait_for("Done.");
    assert!(!terminal.text().contains("Pondering"));
    terminal.wait_for(PROMPT);
    terminal.line("/reasoning on");
    terminal.wait_for(PROMPT);
    terminal.line("b");
    terminal.wait_for("Pondering");
    terminal.wait_for("Done.");
    terminal.wait_for(PROMPT);
    terminal.press(CTRL_D);
    terminal.wait();
}

#[test]
fn no_magic_word_is_shown_and_none_silences_an_answer() {
    let script = Script::new()
        .on(
            When::post("/v1/chat/completions").once(),
            openai_chat(&[Part::Text("NO_REPLY")]),
        )
        .on(
            When::post("/v1/chat/completions"),
            openai_chat(&[Part::Text(
                "[[reply_to_current]] All quiet.\nMEDIA:./quiet.png\nHEARTBEAT_OK",
            )]),
        );
    let server = server(script);
    let home = home(&server);
    let mut terminal = Terminal::open(&home, &["chat"]);
    terminal.wait_for(PROMPT);
    terminal.line("a");
    terminal.wait_for("chose to say nothing");
    terminal.wait_for(PROMPT);
    terminal.line("b");
    terminal.wait_for("All quiet.");
    terminal.wait_for("Attachment: ./quiet.png");
    terminal.wait_for(PROMPT);
    let text = terminal.text();
    terminal.press(CTRL_D);
    terminal.wait();
    for word in ["NO_REPLY", "HEARTBEAT_OK", "reply_to", "MEDIA:"] {
        assert!(!text.contains(word), "{word}: {text}");
    }
}

#[test]
fn a_directive_in_a_message_holds_for_that_message() {
    let server = server(says("Sure."));
    let home = home(&server);
    let mut terminal = Terminal::open(&home, &["chat"]);
    terminal.wait_for(PROMPT);
    terminal.line("/model other who are you?");
    terminal.wait_for("Sure.");
    terminal.wait_for(PROMPT);
    terminal.line("/usage tokens");
    terminal.wait_for("Usage footer: tokens.");
    terminal.line("and now?");
    terminal.wait_for("Sure.");
    terminal.wait_for("Usage: ");
    terminal.wait_for(PROMPT);
    terminal.line("stop");
    terminal.wait_for("Nothing is running");
    terminal.line("/quit");
    terminal.wait();
    let bodies: Vec<serde_json::Value> = server.posts().iter().map(|post| post.json()).collect();
    assert_eq!(bodies.len(), 2);
    assert_eq!(bodies[0]["model"], "n");
    assert_eq!(said(&bodies[0]["messages"][1]), "who are you?");
    assert_eq!(bodies[1]["model"], "m");
}

#[test]
fn a_pipe_gets_answers_alone_and_an_exit_code() {
    let script = Script::new()
        .on(
            When::post("/v1/chat/completions").once(),
            openai_chat(&[Part::Text("First.")]),
        )
        .on(When::post("/v1/chat/completions"), error(400, "no"));
    let server = server(script);
    let home = home(&server);
    let mut child = home
        .command(&["chat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"one\n\ntwo\n")
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(out(&output), "First.\n");
    assert!(
        err(&output).contains("refused the request"),
        "{}",
        err(&output)
    );
    assert!(!err(&output).contains('\x1b'), "no escape codes in a pipe");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn an_unanswered_message_is_sent_again_on_request() {
    let script = Script::new()
        .on(
            When::post("/v1/chat/completions").once(),
            error(500, "boom"),
        )
        .on(
            When::post("/v1/chat/completions"),
            openai_chat(&[Part::Text("Now it works.")]),
        );
    let server = server(script);
    let home = home(&server);
    home.fails(&["agent", "-m", "important question"]);
    let mut terminal = Terminal::open(&home, &["chat"]);
    terminal.wait_for("“important question”");
    terminal.wait_for(PROMPT);
    terminal.line("/retry");
    terminal.wait_for("Now it works.");
    terminal.wait_for(PROMPT);
    terminal.press(CTRL_D);
    terminal.wait();
}

#[test]
fn a_pipe_gets_one_answer_even_when_a_model_breaks_off() {
    let script = Script::new()
        .on(
            When::post("/v1/chat/completions").once(),
            openai_chat(&[Part::Text("Half an answer that")])
                .stream()
                .after_frames(3, Step::Cut),
        )
        .on(
            When::post("/v1/chat/completions"),
            openai_chat(&[Part::Text("A whole answer.")]),
        );
    let server = server(script);
    let home = Home::with_config(
        json!({
            "agents": {"defaults": {"model": {"primary": "box/m", "fallbacks": ["box/n"]}}},
            "models": {"providers": {"box": {"baseUrl": server.base_url(), "models": []}}},
        })
        .to_string(),
    );
    let mut child = home
        .command(&["chat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"hi\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(out(&output), "A whole answer.\n");
    assert!(err(&output).contains("Asking box/n."), "{}", err(&output));
}

#[test]
fn a_message_stopped_before_any_word_can_be_sent_again() {
    let script = Script::new()
        .on(
            When::post("/v1/chat/completions").once(),
            openai_chat(&[Part::Text("never")])
                .stream()
                .after_frames(0, Step::Hang),
        )
        .on(
            When::post("/v1/chat/completions"),
            openai_chat(&[Part::Text("Here you are.")]),
        );
    let server = server(script);
    let home = home(&server);
    let mut terminal = Terminal::open(&home, &["chat"]);
    terminal.wait_for(PROMPT);
    terminal.line("question");
    block_on(server.wait_for_posts(1));
    terminal.press(CTRL_C);
    terminal.wait_for("Stopped.");
    terminal.wait_for(PROMPT);
    terminal.line("/retry");
    terminal.wait_for("Here you are.");
    terminal.wait_for(PROMPT);
    terminal.press(CTRL_D);
    terminal.wait();
    let asked = server.posts().pop().unwrap().json();
    assert_eq!(said(&asked["messages"][1]), "question");
}

/// A call of `exec`, then an answer.
fn runs(command: &str) -> Script {
    let arguments = serde_json::json!({"command": command}).to_string();
    let call = Part::ToolCall {
        id: "call_1",
        name: "exec",
        arguments: &arguments,
    };
    let chat = || When::post("/v1/chat/completions");
    Script::new()
        .on(chat().once(), openai_chat(&[call]))
        .on(chat(), openai_chat(&[Part::Text("That is done.")]))
}

/// What the model was told of its call.
fn told(server: &ScriptedServer) -> String {
    let body = server.posts().pop().unwrap().json();
    let last = body["messages"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(last["role"], "tool");
    last["content"].as_str().unwrap().to_owned()
}

#[cfg(unix)]
#[test]
fn a_command_runs_where_the_owner_allows_it_at_the_terminal() {
    for (answer, told_to_model, ran) in [("y", "good morning", true), ("n", "said no", false)] {
        let server = server(runs("echo good morning | tee made.txt"));
        let home = home(&server);
        let mut terminal = Terminal::open(&home, &["chat"]);
        terminal.wait_for(PROMPT);
        terminal.line("greet me");
        terminal.wait_for("Allow it? [y/N]");
        terminal.line(answer);
        terminal.wait_for("That is done.");
        terminal.line("/exit");
        terminal.wait();
        assert!(told(&server).contains(told_to_model), "{}", told(&server));
        assert_eq!(home.path().join("clawd/made.txt").exists(), ran);
    }
}

#[cfg(unix)]
#[test]
fn a_command_is_refused_where_nobody_can_be_asked() {
    let server = server(runs("touch made.txt"));
    let home = home(&server);
    home.ok(&["agent", "-m", "make it"]);
    assert!(
        told(&server).contains("nobody can be asked here"),
        "{}",
        told(&server)
    );
    assert!(!home.path().join("clawd/made.txt").exists());
}

#[cfg(unix)]
#[test]
fn nothing_moves_while_a_question_stands() {
    let server = server(runs("echo good morning"));
    let home = home(&server);
    let mut terminal = Terminal::open(&home, &["chat"]);
    terminal.wait_for(PROMPT);
    terminal.line("/verbose off");
    terminal.wait_for(PROMPT);
    terminal.line("greet me");
    terminal.wait_for("Allow it? [y/N]");
    // The time in which a spinner would have turned thrice.
    std::thread::sleep(Duration::from_millis(300));
    let text = terminal.text();
    let (_, since) = text.rsplit_once("Allow it?").unwrap();
    assert!(!since.chars().any(|c| matches!(c, '⠀'..='⣿')), "{since:?}");
    terminal.line("y");
    terminal.wait_for("That is done.");
    terminal.line("/exit");
    terminal.wait();
}
