//! `process` with commands in the background.

use std::sync::Arc;
use std::time::Duration;

use moltbot_agent::{Effect, Tool};
use moltbot_tools::ProcessTable;
use serde_json::{Value, json};

use crate::call::{self, Stage};
use crate::exec::{Fifo, STUBBORN, Shell, all_gone};

impl Shell {
    /// Starts a command in the background; its session.
    async fn start(&self, arguments: Value) -> String {
        session(&call::text(&self.run(arguments).await))
    }

    /// What `process` says.
    async fn says(&self, arguments: Value) -> String {
        match self.stage.call(&self.process, arguments).await {
            Ok(output) => call::text(&output),
            Err(error) => error.to_string(),
        }
    }

    async fn act(&self, action: &str, id: &str) -> String {
        self.says(json!({"action": action, "sessionId": id})).await
    }

    /// Polls until this was said; everything that was.
    async fn poll_until(&self, id: &str, wanted: &str) -> String {
        // What was there when the command went to the background was shown then.
        let mut all = self.act("log", id).await;
        while !all.contains(wanted) {
            let said = self.act("poll", id).await;
            assert!(
                said.contains("Process still running.") || said.contains(wanted),
                "{all}{said}"
            );
            all.push_str(&said);
        }
        all
    }
}

/// The session that a text names.
fn session(text: &str) -> String {
    let rest = text.split_once("(session ").unwrap().1;
    rest.split_once(',').unwrap().0.to_owned()
}

#[tokio::test]
async fn what_takes_long_goes_on_and_is_followed() {
    let shell = Shell::new().await;
    let fifo = Fifo::new(shell.stage.dir.path());
    let said = call::text(
        &shell
            .run(json!({"command": "echo first; cat ../fifo; echo last; exit 5", "yieldMs": 10}))
            .await,
    );
    let id = session(&said);
    assert!(said.contains(&format!("Command still running (session {id}, pid ")));
    assert!(
        said.ends_with("). Use process (list/poll/log/write/kill/clear/remove) for follow-up.")
    );
    let list = shell.says(json!({"action": "list"})).await;
    assert!(
        list.starts_with(&format!("{id} running")) && list.contains(":: echo first; cat"),
        "{list}"
    );
    assert!(shell.act("write", &id).await.contains("has no input"));
    let running = shell.act("clear", &id).await;
    assert!(running.contains("still runs"), "{running}");

    let path = shell.stage.dir.path().join("fifo");
    tokio::task::spawn_blocking(move || std::fs::write(path, "between\n").unwrap())
        .await
        .unwrap();
    drop(fifo);
    shell.poll_until(&id, "Process exited with code 5.").await;
    assert_eq!(
        shell.act("poll", &id).await,
        "(no new output)\nProcess exited with code 5."
    );
    assert_eq!(shell.act("log", &id).await, "first\nbetween\nlast");
    let log = |offset, limit| {
        shell.says(json!({"action": "log", "sessionId": id, "offset": offset, "limit": limit}))
    };
    assert_eq!(
        log(json!(1), json!(1)).await,
        "between\n[More lines follow, from offset 2 on.]"
    );
    assert_eq!(log(json!(2), json!(null)).await, "last");
    assert_eq!(
        log(json!(3), json!(null)).await,
        "There are no lines from 3 on."
    );
    assert_eq!(log(json!(null), json!(2)).await, "between\nlast");
    assert!(shell.act("kill", &id).await.contains("has ended"));
    assert_eq!(
        shell.act("clear", &id).await,
        format!("Cleared session {id}.")
    );
    assert_eq!(
        shell.act("poll", &id).await,
        format!("No session found for {id}")
    );
    assert_eq!(
        shell.says(json!({"action": "list"})).await,
        "No running or recent sessions."
    );
}

#[tokio::test]
async fn a_command_in_the_background_can_be_written_to() {
    let shell = Shell::new().await;
    let id = shell
        .start(json!({"command": "cat; echo end", "background": true}))
        .await;
    let wrote = shell
        .says(json!({"action": "write", "sessionId": id, "data": "grüße\n"}))
        .await;
    assert_eq!(wrote, format!("Wrote 8 bytes to session {id}."));
    shell.poll_until(&id, "grüße").await;
    let submitted = shell
        .says(json!({"action": "submit", "sessionId": id, "data": "more"}))
        .await;
    assert_eq!(submitted, format!("Submitted session {id} (sent CR)."));
    shell.poll_until(&id, "more").await;
    let keys = shell
        .says(json!({"action": "send-keys", "sessionId": id, "keys": ["Up"]}))
        .await;
    assert!(keys.contains("has no terminal"), "{keys}");
    let closed = shell
        .says(json!({"action": "write", "sessionId": id, "eof": true}))
        .await;
    assert_eq!(
        closed,
        format!("Wrote 0 bytes to session {id} (stdin closed).")
    );
    let last = shell.poll_until(&id, "Process exited with code 0.").await;
    assert!(last.contains("end"), "{last}");
    let late = shell
        .says(json!({"action": "write", "sessionId": id, "data": "x"}))
        .await;
    assert!(late.contains("has ended"), "{late}");
}

#[tokio::test]
async fn a_command_that_closes_its_input_is_not_written_to() {
    let shell = Shell::new().await;
    let fifo = Fifo::new(shell.stage.dir.path());
    let id = shell
        .start(json!({"command": "exec <&-; exec 3>../fifo; echo closed >&3; sleep 1000", "background": true}))
        .await;
    let (_, held) = fifo.first_line().await;
    let said = shell
        .says(json!({"action": "write", "sessionId": id, "data": "x"}))
        .await;
    assert!(said.contains("it takes no more input"), "{said}");
    assert_eq!(
        shell.act("remove", &id).await,
        format!("Removed session {id}.")
    );
    all_gone(held).await;
}

#[tokio::test]
async fn a_program_in_a_terminal_takes_keys_and_pasted_text() {
    let shell = Shell::new().await;
    let command = "trap 'echo caught; exit 7' INT; printf '\\033[?2004hName: '; read name; echo \"hello $name\"; \
        while :; do sleep 1; done";
    let id = shell
        .start(json!({"command": command, "background": true, "pty": true}))
        .await;
    shell.poll_until(&id, "Name: ").await;
    let pasted = shell
        .says(json!({"action": "paste", "sessionId": id, "text": "Anna"}))
        .await;
    assert_eq!(pasted, format!("Pasted 4 chars to session {id}."));
    let sent = shell
        .says(json!({"action": "send-keys", "sessionId": id, "keys": ["!", "Enter"]}))
        .await;
    assert_eq!(sent, format!("Sent 2 bytes to session {id}."));
    // The brackets that it asked for are there; a terminal's own editing leaves them in the text.
    shell.poll_until(&id, "hello ").await;
    let log = shell.act("log", &id).await;
    assert!(log.contains("[200~Anna") && log.contains("[201~!"), "{log}");
    let unknown = shell
        .says(json!({"action": "send-keys", "sessionId": id, "keys": ["Entre"]}))
        .await;
    assert!(unknown.contains("There is no key \"Entre\""), "{unknown}");
    shell
        .says(json!({"action": "send-keys", "sessionId": id, "keys": ["C-c"]}))
        .await;
    let last = shell.poll_until(&id, "Process exited with code 7.").await;
    assert!(last.contains("caught"), "{last}");
}

#[tokio::test]
async fn the_end_of_a_terminals_input_is_a_key() {
    let shell = Shell::new().await;
    let id = shell
        .start(json!({"command": "cat; echo over", "background": true, "pty": true}))
        .await;
    shell
        .says(json!({"action": "write", "sessionId": id, "data": "line\n", "eof": true}))
        .await;
    shell.poll_until(&id, "Process exited with code 0.").await;
    assert_eq!(shell.act("log", &id).await, "line\nline\nover");
}

#[tokio::test]
async fn killing_ends_everything_that_was_started() {
    let shell = Shell::new().await;
    let fifo = Fifo::new(shell.stage.dir.path());
    let id = shell
        .start(json!({"command": STUBBORN, "background": true}))
        .await;
    let (_, held) = fifo.first_line().await;
    assert_eq!(
        shell.act("kill", &id).await,
        format!("Killed session {id}.")
    );
    all_gone(held).await;
    assert_eq!(
        shell.act("poll", &id).await,
        "(no new output)\nProcess exited with signal SIGTERM."
    );
    let list = shell.says(json!({"action": "list"})).await;
    assert!(list.starts_with(&format!("{id} failed")), "{list}");
}

#[tokio::test]
async fn what_a_shell_leaves_behind_is_still_its_command() {
    let shell = Shell::new().await;
    let fifo = Fifo::new(shell.stage.dir.path());
    // It would be over its time if the call waited for it.
    let command = "(exec 3>../fifo; echo up >&3; exec sleep 1000) >/dev/null 2>&1 & echo started";
    let call = shell.run(json!({"command": command, "yieldMs": 120_000, "timeout": 60}));
    let (output, (_, held)) = tokio::join!(call, fifo.first_line());
    let said = call::text(&output);
    assert!(said.starts_with("started\nCommand still running"), "{said}");
    let id = session(&said);
    assert_eq!(
        shell.act("remove", &id).await,
        format!("Removed session {id}.")
    );
    all_gone(held).await;
}

#[tokio::test]
async fn nothing_outlives_the_table() {
    let shell = Shell::new().await;
    let fifo = Fifo::new(shell.stage.dir.path());
    shell
        .start(json!({"command": STUBBORN, "background": true}))
        .await;
    let (_, held) = fifo.first_line().await;
    let Shell {
        stage: _stage,
        exec,
        process,
    } = shell;
    drop((exec, process));
    all_gone(held).await;
}

#[tokio::test]
async fn a_table_that_is_shut_starts_nothing() {
    let stage = Stage::new().await;
    let table = Arc::new(ProcessTable::new(stage.dir.path().join("outputs")));
    let shell = Shell::with(stage, Arc::clone(&table));
    table.shutdown();
    let refused = shell
        .stage
        .call(&shell.exec, json!({"command": "true"}))
        .await;
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("this program is ending")
    );
}

#[tokio::test]
async fn agents_do_not_see_each_others_commands() {
    let stage = Stage::new().await;
    let table = Arc::new(ProcessTable::new(stage.dir.path().join("outputs")));
    let main = Shell::with(stage, Arc::clone(&table));
    let work = Shell::with(Stage::of("work").await, table);
    let id = main
        .start(json!({"command": "cat", "background": true}))
        .await;
    assert_eq!(
        work.act("kill", &id).await,
        format!("No session found for {id}")
    );
    assert_eq!(
        work.says(json!({"action": "list"})).await,
        "No running or recent sessions."
    );
    assert_eq!(
        main.act("poll", &id).await,
        "(no new output)\nProcess still running."
    );
}

#[tokio::test]
async fn typing_into_a_command_is_running_code() {
    let shell = Shell::new().await;
    let id = shell
        .start(json!({"command": "sh", "background": true}))
        .await;
    let plan = |arguments| shell.stage.plan(&shell.process, arguments);
    let typed = plan(json!({"action": "submit", "sessionId": id, "data": "rm -r x"}));
    assert_eq!(typed.effect, Effect::RunsCode);
    assert_eq!(
        typed.detail,
        format!("rm -r x (typed into session {id}: sh)")
    );
    for action in ["poll", "log", "kill", "clear", "remove"] {
        let plan = plan(json!({"action": action, "sessionId": id}));
        assert_eq!(plan.effect, Effect::ReadsOwn);
        assert_eq!(plan.detail, format!("{action} {id}"));
    }
    assert_eq!(plan(json!({"action": "list"})).detail, "list");
}

#[tokio::test]
async fn what_has_ended_is_not_remembered_for_ever() {
    let stage = Stage::new().await;
    let table = Arc::new(ProcessTable::new(stage.dir.path().join("outputs")));
    let shell = Shell::with(stage, Arc::clone(&table));
    let mut ids = Vec::new();
    for _ in 0..34 {
        let id = shell
            .start(json!({"command": ":", "background": true}))
            .await;
        shell.poll_until(&id, "Process exited with code 0.").await;
        ids.push(id);
    }
    let list = shell.says(json!({"action": "list"})).await;
    assert_eq!(list.lines().count(), 32);
    assert!(list.starts_with(&format!("{} completed", ids[2])), "{list}");

    let forgetful = Shell::keeping(Stage::of("work").await, table, Duration::ZERO);
    let id = forgetful
        .start(json!({"command": "cat", "background": true}))
        .await;
    forgetful.act("kill", &id).await;
    assert_eq!(
        forgetful.act("poll", &id).await,
        format!("No session found for {id}")
    );
}

#[tokio::test]
async fn both_tools_are_short_to_read() {
    let shell = Shell::new().await;
    let tools: [&dyn Tool; 2] = [&shell.exec, &shell.process];
    for tool in tools {
        let spec = tool.spec();
        let size = spec.description.len() + spec.parameters.to_string().len();
        // About 4 characters a token.
        assert!(size < 640, "{}: {size}", spec.name);
    }
}
