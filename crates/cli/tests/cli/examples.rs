//! The transcripts in `examples/`: each is played again, with the program as it is now, and must come out the same.
//!
//! What the person types is read from the transcript, what the model says from the `model.script` beside it. With
//! `MOLTBOT_RECORD_EXAMPLES=1` the transcripts are written anew instead.

use std::path::{Path, PathBuf};
use std::process::Command;

use moltbot_testkit::{Script, ScriptedServer, block_on};
use serde_json::Value;

use crate::fixtures::box_config;
use crate::setup::Home;
use crate::terminal::Terminal;

const PROMPT: &str = "› ";
const QUESTION: &str = "Allow it? [y/N] ";
const BEGIN: &str = "```text\n$ moltbot chat\n";
const END: &str = "```\n";

/// An example that was played.
struct Played {
    home: Home,
    server: ScriptedServer,
}

impl Played {
    /// What tools told the model, in order.
    fn told(&self) -> Vec<String> {
        let last = self.server.posts().pop().unwrap().json();
        let messages = last["messages"].as_array().unwrap();
        messages
            .iter()
            .filter(|message| message["role"] == "tool")
            .map(|message| message["content"].as_str().unwrap().to_owned())
            .collect()
    }

    /// The agent's folder.
    fn workspace(&self) -> PathBuf {
        self.home.path().join("clawd")
    }
}

/// Plays an example and compares what stands on the screen with its transcript.
fn play(name: &str) -> Played {
    let example = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../examples")
        .join(name);
    let file = example.join("transcript.md");
    let document = std::fs::read_to_string(&file).unwrap();
    let (head, rest) = document.split_once(BEGIN).unwrap();
    let (transcript, tail) = rest.split_once(END).unwrap();

    let script = Script::load(example.join("model.script")).unwrap();
    let server = block_on(ScriptedServer::start(script));
    let home = Home::with_config(box_config(&server.base_url()));
    copy_folders(&example, &home.path().join("clawd"));

    let mut terminal = Terminal::open(&home, &["chat"]);
    for line in transcript.lines() {
        if let Some(text) = line.strip_prefix(PROMPT) {
            terminal.wait_for(PROMPT);
            terminal.line(text);
        } else if let Some(answer) = line.strip_prefix(QUESTION) {
            terminal.wait_for(QUESTION);
            terminal.line(answer);
        }
    }
    let (status, screen) = terminal.wait_and_read();
    assert!(status.success(), "{name}: {screen}");
    let shown = screen.replace(&home.path().display().to_string(), "~");
    if std::env::var_os("MOLTBOT_RECORD_EXAMPLES").is_some() {
        std::fs::write(&file, format!("{head}{BEGIN}{shown}{END}{tail}")).unwrap();
    } else {
        assert_eq!(
            shown, transcript,
            "{name} looks different now; if that is meant: MOLTBOT_RECORD_EXAMPLES=1"
        );
    }
    Played { home, server }
}

/// Copies the folders of an example, which hold files only.
fn copy_folders(from: &Path, to: &Path) {
    for folder in std::fs::read_dir(from).unwrap() {
        let folder = folder.unwrap();
        if !folder.file_type().unwrap().is_dir() {
            continue;
        }
        let to = to.join(folder.file_name());
        std::fs::create_dir_all(&to).unwrap();
        for file in std::fs::read_dir(folder.path()).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    }
}

#[test]
fn fix_the_failing_test() {
    let played = play("fix-the-failing-test");
    let told = played.told();
    assert!(
        told[0].contains("year 1900: expected no, got yes"),
        "{told:?}"
    );
    assert!(told.last().unwrap().contains("4 of 4"), "{told:?}");
    let test = played.workspace().join("project/test.sh");
    assert!(Command::new("sh").arg(test).status().unwrap().success());
}

#[test]
fn summarise_pdfs() {
    let played = play("summarise-pdfs");
    let told = played.told();
    assert!(
        told[1].contains("61,900") && told[2].contains("[Page 2 of 2]"),
        "{told:?}"
    );
    assert!(told[3].contains("The owner said no"), "{told:?}");
    let notes = std::fs::read_to_string(played.workspace().join("notes.md")).unwrap();
    assert!(notes.contains("18 January 2027"), "{notes}");
}

#[test]
fn every_hour() {
    let played = play("every-hour");
    // The model knows because it is told.
    let first: Value = played.server.posts()[0].json();
    let system = first["messages"][0]["content"].as_str().unwrap();
    assert!(system.contains("Nothing can be scheduled"), "{system}");
    let told = played.told();
    assert!(told[0].contains("The owner said no"), "{told:?}");
}
