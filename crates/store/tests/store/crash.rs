//! Several processes on one file, and one of them killed. The other processes are this test
//! program, started again with the name of one ignored test.

use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use moltbot_store::{StoreError, TurnEnd, TurnState, Usage};
use rusqlite::Connection;
use serde_json::json;

use crate::{KEY, message, open, owners};

const DIR: &str = "STORE_TEST_DIR";
const NUMBER: &str = "STORE_TEST_NUMBER";

/// A child that runs one of the tests marked as ignored.
struct Process {
    child: Child,
    said: BufReader<ChildStdout>,
}

impl Process {
    fn start(test: &str, dir: &Path, number: usize) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args([test, "--exact", "--ignored", "--nocapture"])
            .env(DIR, dir)
            .env(NUMBER, number.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        Self { child, said }
    }

    /// Waits for the child to say something and returns it; `None` when it has ended.
    fn hear(&mut self) -> Option<String> {
        let mut line = String::new();
        while self.said.read_line(&mut line).unwrap() > 0 {
            if let Some(word) = line.trim().strip_prefix("child: ") {
                return Some(word.to_owned());
            }
            line.clear();
        }
        None
    }

    /// Kills the child (SIGKILL on Unix); returns the last thing it said after what was heard.
    fn kill(mut self) -> Option<String> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        std::iter::from_fn(|| self.hear()).last()
    }
}

fn say(word: impl std::fmt::Display) {
    let mut out = std::io::stdout();
    // The test harness may have left the line unfinished.
    writeln!(out, "\nchild: {word}").unwrap();
    out.flush().unwrap();
}

fn given() -> Option<(PathBuf, usize)> {
    let dir = env::var_os(DIR)?.into();
    Some((dir, env::var(NUMBER).ok()?.parse().ok()?))
}

fn body(n: usize) -> String {
    json!({ "n": n }).to_string()
}

#[test]
#[ignore = "a process of its own, for the tests that kill it"]
fn process_in_a_turn() {
    let Some((dir, _)) = given() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let store = open(&dir);
        let session_id = store.session(KEY, "main").await.unwrap().session_id;
        let entry = |n| moltbot_store::NewEntry::new("message", body(n));
        let (turn, _) = store.begin_turn(&session_id, vec![entry(0)]).await.unwrap();
        for n in 1.. {
            say(n - 1);
            store.append(&turn.id, vec![entry(n)]).await.unwrap();
        }
    });
}

#[test]
#[ignore = "a process of its own, for the test that starts several"]
fn process_among_others() {
    let Some((dir, number)) = given() else { return };
    say("ready");
    std::io::stdin().read_exact(&mut [0]).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let store = open(&dir);
        let own = store
            .session(&format!("agent:main:{number}"), "main")
            .await
            .unwrap();
        let shared = store.session(KEY, "main").await.unwrap();
        for n in 0..5 {
            store
                .record(&own.session_id, vec![message(&n.to_string())])
                .await
                .unwrap();
            let turn = loop {
                match store
                    .begin_turn(&shared.session_id, vec![message("question")])
                    .await
                {
                    Ok((turn, _)) => break turn,
                    Err(StoreError::SessionBusy { .. }) => std::thread::yield_now(),
                    Err(error) => panic!("{error}"),
                }
            };
            store.append(&turn.id, vec![message("step")]).await.unwrap();
            let end = store.finish_turn(
                &turn.id,
                vec![message("answer")],
                TurnEnd::Done,
                Usage::default(),
            );
            end.await.unwrap();
        }
    });
}

#[tokio::test]
async fn a_killed_process_loses_nothing_it_was_told_is_stored() {
    for kill_after in [0, 1, 2, 13, 60] {
        let dir = tempfile::tempdir().unwrap();
        let mut child = Process::start("crash::process_in_a_turn", dir.path(), 0);
        let mut told: usize;
        loop {
            told = child.hear().unwrap().parse().unwrap();
            if told >= kill_after {
                break;
            }
        }
        if let Some(last) = child.kill() {
            told = last.parse().unwrap();
        }
        assert_eq!(
            owners(dir.path()),
            1,
            "the dead process leaves its owner file"
        );

        let store = open(dir.path());
        assert_eq!(owners(dir.path()), 1, "the next start removes it");
        let session = store.session(KEY, "main").await.unwrap();
        let entries = store.transcript(&session.session_id).await.unwrap();
        // One more may have been committed before the child could say so.
        assert!(
            (told + 1..=told + 2).contains(&entries.len()),
            "{told}: {}",
            entries.len()
        );
        for (n, entry) in entries.iter().enumerate() {
            assert_eq!((entry.seq, &entry.body), (n as u64 + 1, &body(n)));
        }
        let turns = store.turns(&session.session_id).await.unwrap();
        assert_eq!(turns.len(), 1);
        assert_eq!(turns[0].state, TurnState::Interrupted);
        assert_eq!(store.interrupted().await.unwrap(), turns);
        let check: String = Connection::open(store.path())
            .unwrap()
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .unwrap();
        assert_eq!(check, "ok");

        let (_, next) = store
            .begin_turn(&session.session_id, vec![message("again")])
            .await
            .unwrap();
        assert_eq!(
            next[0].parent_id.as_ref(),
            entries.last().map(|entry| &entry.id)
        );
    }
}

#[tokio::test]
async fn a_live_process_keeps_its_turn_until_it_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let before = open(dir.path());
    let mut child = Process::start("crash::process_in_a_turn", dir.path(), 0);
    assert_eq!(child.hear().as_deref(), Some("0"));
    let after = open(dir.path());
    let session_id = after.session(KEY, "main").await.unwrap().session_id;
    let turn = after.turns(&session_id).await.unwrap().remove(0);
    assert_eq!(turn.state, TurnState::Running);
    for store in [&before, &after] {
        let error = store.begin_turn(&session_id, vec![]).await.unwrap_err();
        assert!(
            matches!(&error, StoreError::SessionBusy { turn_id, .. } if *turn_id == turn.id),
            "{error:?}"
        );
        let error = store
            .append(&turn.id, vec![message("x")])
            .await
            .unwrap_err();
        assert!(matches!(error, StoreError::NotYourTurn { .. }), "{error:?}");
    }

    child.kill();
    // A store that was open all the time notices when it needs to.
    let (next, _) = before
        .begin_turn(&session_id, vec![message("mine")])
        .await
        .unwrap();
    let states: Vec<_> = after
        .turns(&session_id)
        .await
        .unwrap()
        .into_iter()
        .map(|turn| (turn.id, turn.state))
        .collect();
    assert_eq!(
        states,
        [
            (turn.id, TurnState::Interrupted),
            (next.id, TurnState::Running)
        ]
    );
}

#[tokio::test]
async fn several_processes_set_up_and_use_one_new_file_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut children: Vec<_> = (0..5)
        .map(|number| Process::start("crash::process_among_others", dir.path(), number))
        .collect();
    for child in &mut children {
        assert_eq!(child.hear().as_deref(), Some("ready"));
    }
    for child in &mut children {
        child.child.stdin.take().unwrap().write_all(b"!").unwrap();
    }
    for mut child in children {
        assert_eq!(child.hear(), None);
        assert!(child.child.wait().unwrap().success());
    }
    assert_eq!(owners(dir.path()), 0);

    let store = open(dir.path());
    assert_eq!(store.sessions().await.unwrap().len(), 6);
    for number in 0..5 {
        let own = store
            .session(&format!("agent:main:{number}"), "main")
            .await
            .unwrap();
        assert_eq!(store.transcript(&own.session_id).await.unwrap().len(), 5);
    }
    let shared = store.session(KEY, "main").await.unwrap();
    let turns = store.turns(&shared.session_id).await.unwrap();
    assert_eq!(turns.len(), 25);
    assert!(turns.iter().all(|turn| turn.state == TurnState::Done));
    // No turn's entries stand between another's.
    let entries = store.transcript(&shared.session_id).await.unwrap();
    let owners: Vec<_> = entries.iter().map(|entry| &entry.turn_id).collect();
    let expected: Vec<_> = turns.iter().flat_map(|turn| [&turn.id; 3]).collect();
    assert_eq!(owners, expected);
}
