//! `exec` with real commands.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use moltbot_agent::{Effect, Target, TargetKind, ToolError, ToolOutput};
use moltbot_llm::{Content, Provenance};
use moltbot_tools::{ExecSettings, ExecTool, ProcessTable, ProcessTool};
use serde_json::{Value, json};

use crate::call::{self, Stage};

/// An agent with its commands.
pub(crate) struct Shell {
    pub(crate) stage: Stage,
    pub(crate) exec: ExecTool,
    pub(crate) process: ProcessTool,
}

impl Shell {
    pub(crate) async fn new() -> Self {
        let stage = Stage::new().await;
        let table = Arc::new(ProcessTable::new(stage.dir.path().join("outputs")));
        Self::with(stage, table)
    }

    pub(crate) fn with(stage: Stage, table: Arc<ProcessTable>) -> Self {
        Self::keeping(stage, table, ExecSettings::default().keep)
    }

    /// One that remembers what has ended for this long.
    pub(crate) fn keeping(stage: Stage, table: Arc<ProcessTable>, keep: Duration) -> Self {
        let environment = ["PATH", "HOME"]
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)));
        let settings = ExecSettings {
            keep,
            environment: environment.collect::<BTreeMap<_, _>>(),
            ..ExecSettings::default()
        };
        Self {
            stage,
            exec: ExecTool::new(Arc::clone(&table), settings),
            process: ProcessTool::new(table),
        }
    }

    pub(crate) async fn run(&self, arguments: Value) -> ToolOutput {
        self.stage.call(&self.exec, arguments).await.unwrap()
    }

    /// What the model is told of a command.
    pub(crate) async fn told(&self, command: &str) -> String {
        self.stage
            .text(&self.exec, json!({"command": command}))
            .await
    }
}

/// A pipe by name, whose end says that everybody who held it is gone.
pub(crate) struct Fifo(PathBuf);

impl Fifo {
    pub(crate) fn new(dir: &Path) -> Self {
        let path = dir.join("fifo");
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success());
        Self(path)
    }

    /// Waits for somebody to write a line.
    pub(crate) async fn first_line(&self) -> (String, BufReader<std::fs::File>) {
        let path = self.0.clone();
        let wait = move || {
            let mut reader = BufReader::new(std::fs::File::open(path).unwrap());
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            (line.trim().to_owned(), reader)
        };
        tokio::task::spawn_blocking(wait).await.unwrap()
    }
}

/// Waits until nobody holds the pipe any more.
pub(crate) async fn all_gone(mut reader: BufReader<std::fs::File>) {
    let wait = move || reader.read_to_end(&mut Vec::new()).unwrap();
    tokio::task::spawn_blocking(wait).await.unwrap();
}

/// A grandchild that holds the pipe and does not obey.
pub(crate) const STUBBORN: &str =
    "(trap '' TERM HUP INT; exec 3>../fifo; echo ready >&3; while :; do sleep 1; done) & wait";

fn parts(output: &ToolOutput) -> Vec<(String, Provenance)> {
    let part = |content: &Content| match content {
        Content::Text { text, from } => Some((text.clone(), *from)),
        _ => None,
    };
    output.content.iter().filter_map(part).collect()
}

#[tokio::test]
async fn output_and_errors_come_in_the_order_in_which_they_were_printed() {
    let shell = Shell::new().await;
    let command = "for i in 1 2 3; do echo out $i; echo err $i >&2; done";
    assert_eq!(
        shell.told(command).await,
        "out 1\nerr 1\nout 2\nerr 2\nout 3\nerr 3"
    );
}

#[tokio::test]
async fn an_end_is_told_in_known_words() {
    let shell = Shell::new().await;
    assert_eq!(shell.told("true").await, "(no output)");
    for (arguments, said) in [
        (
            json!({"command": "echo oops; exit 3"}),
            "Command exited with code 3",
        ),
        (
            json!({"command": "echo oops; kill -KILL $$"}),
            "Command aborted by signal SIGKILL",
        ),
        (
            json!({"command": "echo oops; sleep 1000", "timeout": 1}),
            "Command timed out after 1 seconds",
        ),
    ] {
        let output = shell.run(arguments).await;
        assert!(output.is_error);
        assert_eq!(
            parts(&output),
            [
                ("oops".to_owned(), Provenance::Outside),
                (said.to_owned(), Provenance::Program)
            ]
        );
    }
}

#[tokio::test]
async fn what_cannot_run_is_said_before_it_is_tried() {
    let shell = Shell::new().await;
    for (arguments, said) in [
        (json!({"command": " "}), "command required"),
        (
            json!({"command": "true", "workdir": "nowhere"}),
            "There is no folder",
        ),
        (
            json!({"command": "true", "env": {"LD_PRELOAD": "x.so"}}),
            "env may not set LD_PRELOAD",
        ),
    ] {
        match shell.stage.call(&shell.exec, arguments).await {
            Err(ToolError::Arguments(reason)) => assert!(reason.starts_with(said), "{reason}"),
            other => panic!("{other:?}"),
        }
    }
    let error = shell
        .stage
        .call(&shell.exec, json!({"command": "echo \0"}))
        .await;
    assert!(matches!(error, Err(ToolError::Failed(_))), "{error:?}");
}

#[tokio::test]
async fn a_command_has_its_folder_and_its_variables() {
    let shell = Shell::new().await;
    let workspace = shell.stage.workspace().canonicalize().unwrap();
    assert_eq!(shell.told("pwd -P").await, workspace.display().to_string());

    std::fs::create_dir(workspace.join("sub")).unwrap();
    let output = shell
        .run(json!({"command": "basename \"$PWD\"; echo $A; env | wc -l", "workdir": "sub", "env": {"A": "b"}}))
        .await;
    let text = call::text(&output);
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    assert_eq!(lines[..2], ["sub", "b"]);
    // PATH, HOME and A, and what the shell and env add (PWD, OLDPWD, SHLVL, _).
    assert!(lines[2].parse::<u32>().unwrap() <= 7, "{text}");
}

#[tokio::test]
async fn the_owner_is_asked_with_the_whole_command() {
    let shell = Shell::new().await;
    let plan = shell.stage.plan(
        &shell.exec,
        json!({"command": "make\ninstall", "workdir": "/srv", "env": {"A": "b"}}),
    );
    assert_eq!(plan.effect, Effect::RunsCode);
    assert_eq!(plan.detail, "make\ninstall (in /srv, with A=\"b\")");
}

#[tokio::test]
async fn an_order_covers_the_bare_command_alone() {
    let shell = Shell::new().await;
    for (arguments, is_covered) in [
        (json!({"command": "make"}), true),
        (json!({"command": "make", "timeout": 5}), true),
        (json!({"command": "make", "workdir": "/srv"}), false),
        (json!({"command": "make", "env": {"PATH": "/evil"}}), false),
    ] {
        let plan = shell.stage.plan(&shell.exec, arguments.clone());
        let covered = plan.targets == [Target::new(TargetKind::Command, "make")];
        assert_eq!(covered, is_covered, "{arguments}");
    }
}

#[tokio::test]
async fn nothing_waits_for_input_that_nobody_gives() {
    let shell = Shell::new().await;
    assert_eq!(shell.told("cat").await, "(no output)");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_command_has_a_session_of_its_own() {
    let shell = Shell::new().await;
    let command = "[ \"$(cut -d' ' -f6 /proc/$$/stat)\" = $$ ] && echo own";
    assert_eq!(shell.told(command).await, "own");
}

#[tokio::test]
async fn whoever_stops_waiting_ends_even_what_does_not_obey() {
    let shell = Shell::new().await;
    let fifo = Fifo::new(shell.stage.dir.path());
    let call = shell.run(json!({"command": STUBBORN}));
    let held = tokio::select! {
        output = call => panic!("{output:?}"),
        (line, held) = fifo.first_line() => {
            assert_eq!(line, "ready");
            held
        }
    };
    all_gone(held).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn jobs_in_groups_of_their_own_end_too() {
    let shell = Shell::new().await;
    let fifo = Fifo::new(shell.stage.dir.path());
    let call = shell.run(json!({"command": format!("set -m; {STUBBORN}"), "pty": true}));
    let held = tokio::select! {
        output = call => panic!("{output:?}"),
        (_, held) = fifo.first_line() => held,
    };
    all_gone(held).await;
}

#[tokio::test]
async fn a_terminal_is_one() {
    let shell = Shell::new().await;
    let command = "test -t 0 && test -t 1 && test -t 2 && stty size && echo $TERM && : </dev/tty";
    let output = shell.run(json!({"command": command, "pty": true})).await;
    assert_eq!(call::text(&output), "30 120\nxterm-256color");
    let output = shell.run(json!({"command": "exit 4", "pty": true})).await;
    assert_eq!(call::text(&output), "Command exited with code 4");
}

#[tokio::test]
async fn what_is_not_text_is_made_text() {
    let shell = Shell::new().await;
    assert_eq!(
        shell
            .told(r"printf 'a\377\000b\033[1mc\033[0m\n10%%\r100%%\n'")
            .await,
        "a\u{fffd}bc\n100%"
    );
    let text = shell.told("head -c 300000 /dev/urandom").await;
    assert!(!text.contains(|c: char| c.is_control() && c != '\n' && c != '\t'));
}

#[tokio::test]
async fn of_a_long_output_both_ends_are_shown_and_the_file_is_named() {
    let shell = Shell::new().await;
    let output = shell.run(json!({"command": "seq 1 100000"})).await;
    let parts = parts(&output);
    let [(head, _), (gap, Provenance::Program), (tail, _)] = &parts[..] else {
        panic!("{parts:?}");
    };
    assert!(head.starts_with("1\n2\n") && tail.ends_with("\n99999\n100000"));
    let path = gap.split_once("is in ").unwrap().1.trim_end_matches(".]");
    let whole = std::fs::read_to_string(path).unwrap();
    assert_eq!(whole.lines().count(), 100_000);
    let left_out = whole.len() - 30_000;
    assert!(gap.starts_with(&format!("[{left_out} characters")), "{gap}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_flood_takes_neither_memory_nor_the_disk() {
    let shell = Shell::new().await;
    let before = peak_memory();
    let text = shell.told("yes | head -c 100000000").await;
    assert!(text.contains("characters are left out here"), "{text}");
    assert!(text.len() < 35_000);
    let grown = peak_memory() - before;
    assert!(grown < 16 << 20, "{grown}");
    let files: Vec<_> = std::fs::read_dir(shell.stage.dir.path().join("outputs"))
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .collect();
    assert!(
        matches!(files[..], [size] if size <= (64 << 20) + 200),
        "{files:?}"
    );
}

/// The most memory that this process has had, in bytes.
#[cfg(target_os = "linux")]
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    kilobytes * 1024
}
