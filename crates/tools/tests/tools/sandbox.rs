//! Tools of a sandboxed conversation: where they may work. That commands are confined needs the whole program, and is tested
//! with it.

use moltbot_agent::{SandboxSettings, Sandboxed};
use moltbot_config::{Environment, load_text};
use serde_json::{Value, json};

use crate::exec::Shell;

/// A sandbox of the main conversation, in this home, whose commands this program would confine.
fn sandbox(shell: &Shell, program: &str, sandbox: &Value) -> Sandboxed {
    let environment = Environment {
        home: shell.stage.dir.path().to_owned(),
        ..Environment::default()
    };
    let config = json!({"agents": {"defaults": {"sandbox": sandbox}}}).to_string();
    let snapshot = load_text(&environment, &config).unwrap();
    let settings = SandboxSettings::from_snapshot(&snapshot, "main", program.into());
    settings.of("agent:main:main").unwrap()
}

#[tokio::test]
async fn a_command_runs_in_the_sandbox_or_not_at_all() {
    let shell = Shell::new().await;
    let sandbox = sandbox(&shell, "/bin/echo", &json!({"mode": "all"}));
    for workdir in ["/", "..", "/tmp", "../../../.clawdbot"] {
        let arguments = json!({"command": "pwd", "workdir": workdir});
        let error = shell.stage.call_in(&sandbox, &shell.exec, arguments).await;
        let error = error.unwrap_err().to_string();
        assert!(error.starts_with("Path escapes sandbox root ("), "{error}");
    }
    // What is started is the program that confines, not the shell.
    let arguments = json!({"command": "pwd"});
    let output = shell.stage.call_in(&sandbox, &shell.exec, arguments).await;
    let text = format!("{:?}", output.unwrap().content);
    assert!(
        text.contains("sandboxed {") && text.contains("-- /bin/sh -c pwd"),
        "{text}"
    );
}

#[tokio::test]
async fn a_command_does_not_run_where_its_folder_cannot_be_made() {
    let shell = Shell::new().await;
    let file = shell.stage.dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let sandbox = sandbox(
        &shell,
        "/bin/echo",
        &json!({"mode": "all", "workspaceRoot": file}),
    );
    let arguments = json!({"command": "pwd"});
    let error = shell.stage.call_in(&sandbox, &shell.exec, arguments).await;
    let error = error.unwrap_err().to_string();
    assert!(error.contains("The sandbox folder"), "{error}");
}

#[tokio::test]
async fn commands_outside_are_not_followed_from_inside() {
    let shell = Shell::new().await;
    let sandbox = sandbox(&shell, "/bin/echo", &json!({"mode": "all"}));
    let running = json!({"command": "cat", "background": true});
    shell.stage.call(&shell.exec, running).await.unwrap();
    let list = json!({"action": "list"});
    let outside = shell.stage.call(&shell.process, list.clone()).await;
    let inside = shell.stage.call_in(&sandbox, &shell.process, list).await;
    let text = |output: moltbot_agent::ToolOutput| format!("{:?}", output.content);
    assert!(text(outside.unwrap()).contains("running"));
    assert!(text(inside.unwrap()).contains("No running or recent sessions."));
}
