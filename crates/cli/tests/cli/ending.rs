//! How the program ends when it is told to: nothing that it started goes on, and the journal says what was stopped.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use moltbot_store::{Store, TurnState};
use moltbot_testkit::{Part, Script, ScriptedServer, Step, When, block_on, error, openai_chat};
use serde_json::json;

use crate::fixtures::box_config;
use crate::setup::{Home, err};
use crate::terminal::Terminal;

const PROMPT: &str = "› ";

fn signal(name: &str, pid: u32) {
    let sent = Command::new("kill")
        .args([&format!("-{name}"), &pid.to_string()])
        .status();
    assert!(sent.unwrap().success());
}

/// A pipe by name, whose end says that everybody who held it is gone.
struct Fifo {
    path: PathBuf,
}

impl Fifo {
    fn new(home: &Home, name: &str) -> Self {
        let path = home.path().join(name);
        let made = Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success());
        Self { path }
    }

    /// A command whose grandchild holds the pipe and obeys no signal that can be ignored.
    fn held_by_stubborn(&self) -> String {
        let path = self.path.display();
        format!(
            "(trap '' TERM HUP INT; exec 3>{path}; echo ready >&3; while :; do sleep 1; done) & wait"
        )
    }

    /// Waits until somebody holds it.
    fn held(&self) -> Held {
        let mut reader = BufReader::new(std::fs::File::open(&self.path).unwrap());
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Held(reader)
    }
}

/// A pipe that somebody holds.
struct Held(BufReader<std::fs::File>);

impl Held {
    /// Waits until nobody does any more.
    fn all_gone(mut self) {
        self.0.read_to_end(&mut Vec::new()).unwrap();
    }
}

fn chat() -> When {
    When::post("/v1/chat/completions")
}

/// A model that runs these commands, the first in the background, and then says that it is done.
fn runs(background: &str, waited_for: Option<&str>) -> Script {
    let mut arguments = vec![json!({"command": background, "background": true}).to_string()];
    arguments.extend(waited_for.map(|command| json!({"command": command}).to_string()));
    let calls: Vec<Part<'_>> = arguments
        .iter()
        .zip(["call_1", "call_2"])
        .map(|(arguments, id)| Part::ToolCall {
            id,
            name: "exec",
            arguments,
        })
        .collect();
    Script::new()
        .on(chat().once(), openai_chat(&calls))
        .on(chat(), openai_chat(&[Part::Text("It runs.")]))
}

/// A model that begins an answer and never ends it.
fn hangs() -> Script {
    let answer = openai_chat(&[Part::Text("one two three four")]);
    Script::new().on(chat(), answer.stream().after_frames(3, Step::Hang))
}

fn home(server: &ScriptedServer) -> Home {
    Home::with_config(box_config(&server.base_url()))
}

fn allow(terminal: &mut Terminal) {
    terminal.wait_for("Allow it? [y/N]");
    terminal.line("y");
}

/// What the journal says of the last turn.
fn last_turn(home: &Home) -> TurnState {
    let store = Store::open(home.state().join("moltbot.db")).unwrap();
    block_on(async {
        let session = store.sessions().await.unwrap().remove(0);
        let turns = store.turns(&session.session_id).await.unwrap();
        turns.last().unwrap().state
    })
}

#[test]
fn who_ends_the_chat_ends_the_commands_that_it_runs() {
    for (name, code) in [("TERM", 143), ("HUP", 129)] {
        let home = Home::new();
        let (first, second) = (Fifo::new(&home, "first"), Fifo::new(&home, "second"));
        let script = runs(&first.held_by_stubborn(), Some(&second.held_by_stubborn()));
        let server = block_on(ScriptedServer::start(script));
        home.write(".clawdbot/moltbot.json", box_config(&server.base_url()));
        let mut terminal = Terminal::open(&home, &["chat"]);
        terminal.wait_for(PROMPT);
        terminal.line("start both");
        allow(&mut terminal);
        allow(&mut terminal);
        let (first, second) = (first.held(), second.held());
        signal(name, terminal.pid());
        assert_eq!(terminal.wait().exit_code(), code, "{name}");
        first.all_gone();
        second.all_gone();
        assert_eq!(last_turn(&home), TurnState::Aborted, "{name}");
    }
}

#[test]
fn who_leaves_the_chat_leaves_no_command_behind() {
    let home = Home::new();
    let fifo = Fifo::new(&home, "fifo");
    let server = block_on(ScriptedServer::start(runs(&fifo.held_by_stubborn(), None)));
    home.write(".clawdbot/moltbot.json", box_config(&server.base_url()));
    let mut terminal = Terminal::open(&home, &["chat"]);
    terminal.wait_for(PROMPT);
    terminal.line("start it");
    allow(&mut terminal);
    let held = fifo.held();
    terminal.wait_for("It runs.");
    terminal.wait_for(PROMPT);
    terminal.line("/exit");
    assert!(terminal.wait().success());
    held.all_gone();
}

#[test]
fn a_chat_that_is_ended_leaves_the_terminal_as_it_found_it() {
    let server = block_on(ScriptedServer::start(Script::new()));
    let home = home(&server);
    // Of a program that does not touch it.
    let (status, untouched) = Terminal::open(&home, &["--version"]).wait_and_look();
    assert!(status.success());
    let mut terminal = Terminal::open(&home, &["chat"]);
    terminal.wait_for(PROMPT);
    assert_ne!(terminal.modes(), untouched, "the line editor is at work");
    signal("TERM", terminal.pid());
    let (status, left) = terminal.wait_and_look();
    assert_eq!(status.exit_code(), 143);
    assert_eq!(left, untouched);
}

#[test]
fn a_message_that_was_on_its_way_is_stopped_and_kept() {
    let server = block_on(ScriptedServer::start(hangs()));
    let home = home(&server);
    for (count, (name, code)) in [("TERM", 143), ("HUP", 129)].into_iter().enumerate() {
        let child = home
            .command(&["agent", "-m", "count"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        block_on(server.wait_for_posts(count + 1));
        signal(name, child.id());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{name}");
        assert_eq!(err(&output), "Stopped.\n");
        assert_eq!(last_turn(&home), TurnState::Aborted, "{name}");
    }
}

/// Elsewhere nobody tells which signals were ignored before.
#[cfg(target_os = "linux")]
#[test]
fn a_program_that_is_to_outlive_its_terminal_does() {
    let server = block_on(ScriptedServer::start(hangs()));
    let home = home(&server);
    let run = home.command(&["agent", "-m", "count"]);
    let child = Command::new("sh")
        .args(["-c", "trap '' HUP; exec \"$@\"", "sh"])
        .arg(run.get_program())
        .args(run.get_args())
        .env_clear()
        .env("HOME", home.path())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    block_on(server.wait_for_posts(1));
    signal("HUP", child.id());
    signal("TERM", child.id());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(143), "{}", err(&output));
}

#[test]
fn notices_that_nobody_reads_are_lost_and_nothing_else() {
    let server = block_on(ScriptedServer::start(
        Script::new().on(chat(), error(400, "no")),
    ));
    let home = home(&server);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = home
        .command(&["agent", "-m", "hi"])
        .stderr(writer)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
}
