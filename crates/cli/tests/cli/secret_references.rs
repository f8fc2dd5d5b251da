//! Secrets that the configuration refers to: used where they are needed, shown nowhere, asked for by nothing else.

use std::fs::Permissions;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Output, Stdio};

use moltbot_testkit::{Part, Script, ScriptedServer, When, block_on, models_list, openai_chat};
use serde_json::Value;

use crate::keyring::KeyringSession;
use crate::secrets::holding;
use crate::setup::{Home, err, out};
use crate::terminal::Terminal;

/// No key is named so, and it does not look like a secret.
const CANARY: &str = "opensesamecanary";

/// A server that takes the canary alone, and a configuration whose key is `reference`.
fn lab(reference: &str) -> (ScriptedServer, Home) {
    let chat = || When::post("/v1/chat/completions").api_key(CANARY);
    let read = Part::ToolCall {
        id: "1",
        name: "read",
        arguments: r#"{"path":"key.txt"}"#,
    };
    let script = Script::new()
        .on(
            When::get("/v1/models").api_key(CANARY),
            models_list(&["small"]),
        )
        .on(chat().once(), openai_chat(&[read]))
        .on(chat(), openai_chat(&[Part::Text("It is kept well.")]));
    let server = block_on(ScriptedServer::start(script));
    let home = Home::with_config(format!(
        "{{
  logging: {{ level: 'trace' }},
  // Kept elsewhere.
  models: {{ providers: {{ box: {{ baseUrl: '{}', apiKey: '{reference}', api: 'openai-completions',
    models: [{{ id: 'small', name: 'Small', contextWindow: 32768 }}] }} }} }},
  agents: {{ defaults: {{ model: {{ primary: 'box/small' }} }} }},
}}
",
        server.base_url()
    ));
    (server, home)
}

/// A script in the state directory that writes down that it ran, and prints the canary.
fn key_script(home: &Home) {
    let path = home.write(
        ".clawdbot/key",
        format!("#!/bin/sh\necho run >> \"$HOME/ran\"\necho {CANARY}\n"),
    );
    std::fs::set_permissions(&path, Permissions::from_mode(0o700)).unwrap();
}

fn runs(home: &Home) -> usize {
    std::fs::read_to_string(home.path().join("ran")).map_or(0, |text| text.lines().count())
}

/// Has a turn, in which the model reads a file with the secret.
#[track_caller]
fn use_it(server: &ScriptedServer, output: &Output) {
    assert!(output.status.success(), "{}", err(output));
    assert_eq!(out(output).trim(), "It is kept well.");
    let posts = server.posts();
    for request in &posts {
        let body = request.json().to_string();
        assert!(!body.contains(CANARY), "{body}");
    }
    let last = posts.last().unwrap().json().to_string();
    assert!(
        last.contains("[secret: models.providers.box.apiKey]"),
        "{last}"
    );
}

#[test]
fn a_commands_secret_is_used_and_kept() {
    let (server, home) = lab("${command:./key}");
    key_script(&home);
    home.write("clawd/key.txt", format!("It says {CANARY}."));
    use_it(&server, &home.moltbot(&["agent", "-m", "Read key.txt."]));
    assert_eq!(runs(&home), 1);

    let mut found = Vec::new();
    holding(home.path(), CANARY, &mut found);
    found.sort();
    let places = [".clawdbot/key", "clawd/key.txt"].map(|name| home.path().join(name));
    assert_eq!(found, places.map(|path| path.display().to_string()));
}

#[test]
fn nothing_is_run_to_look_at_the_configuration_or_to_change_it() {
    let (_server, home) = lab("${command:./key}");
    key_script(&home);
    let key = "models.providers.box.apiKey";
    assert_eq!(home.ok(&["config", "get", key]).trim(), "${command:./key}");
    home.ok(&["config", "validate"]);
    home.ok(&["config", "file"]);
    home.ok(&["models", "list"]);
    home.ok(&["models", "set", "box/small"]);
    home.ok(&["config", "set", "logging.level", "debug"]);
    home.ok(&["security", "audit", "--fix", "--deep"]);
    assert_eq!(runs(&home), 0);
    let text = home.read(".clawdbot/moltbot.json");
    assert!(text.contains("apiKey: '${command:./key}'") && text.contains("// Kept elsewhere."));
    let report = home.json(&["security", "audit", "--json"]);
    assert!(!report.to_string().contains("config.secrets"), "{report}");
}

#[test]
fn a_files_secret_is_shown_as_it_is_written() {
    let (server, home) = lab("${file:../lab.key}");
    let path = home.write("lab.key", format!("{CANARY}\n"));
    let key = "models.providers.box.apiKey";
    assert_eq!(
        home.ok(&["config", "get", key]).trim(),
        "${file:../lab.key}"
    );
    let all = home.ok(&["config", "get", "models", "--json"]);
    assert!(!all.contains(CANARY), "{all}");
    home.write("clawd/key.txt", format!("It says {CANARY}."));
    let output = home.moltbot(&["agent", "-m", "Read key.txt."]);
    use_it(&server, &output);
    assert!(err(&output).contains("~/lab.key holds a secret and can be read by other users"));
    std::fs::remove_file(path).unwrap();
    let said = home.fails(&["agent", "-m", "Hi"]);
    assert!(
        said.contains("moltbot.json:4:")
            && said.contains(&format!("{key}: no secret from the file ")),
        "{said}"
    );
}

#[test]
fn doctor_says_whether_references_lead_anywhere_and_uses_them() {
    let (server, home) = lab("${command:./key}");
    let secrets = |report: &Value| {
        let checks = report["checks"].as_array().unwrap();
        checks
            .iter()
            .find(|check| check["id"] == "config.secrets")
            .cloned()
            .unwrap()
    };
    let report = home.json(&["doctor", "--json"]);
    let check = secrets(&report);
    assert_eq!(check["status"], "fail");
    let detail = check["detail"].as_str().unwrap();
    assert!(detail.contains("apiKey: no secret from the command ./key: it could not be started"));
    // No server gets the reference in place of the key.
    assert!(server.requests().is_empty());

    key_script(&home);
    let report = home.json(&["doctor", "--json"]);
    let check = secrets(&report);
    assert_eq!(check["status"], "ok");
    assert_eq!(
        check["detail"],
        "every reference leads to one: 1 from commands"
    );
    assert!(!report.to_string().contains(CANARY));
    assert_eq!(runs(&home), 1);
    // The server takes no other key.
    let found = report["checks"].as_array().unwrap().iter();
    let found = found.filter(|check| check["id"] == "models.server.box");
    let statuses: Vec<&Value> = found.map(|check| &check["status"]).collect();
    assert_eq!(statuses, ["ok"], "{report:#}");
}

#[test]
fn the_systems_keyring_keeps_a_secret() {
    let (server, home) = lab("${keyring:lab/key}");
    let Some(session) = KeyringSession::start(&home) else {
        return;
    };
    let run = |args: &[&str], input: &str| {
        let mut command = home.command(args);
        session.join(&mut command);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(input.as_bytes())
            .unwrap();
        child.wait_with_output().unwrap()
    };
    home.write("clawd/key.txt", format!("It says {CANARY}."));
    let output = run(&["agent", "-m", "Hi"], "");
    assert!(
        err(&output).contains("the keyring has no password \"lab/key\" of moltbot; store it with: moltbot secrets set lab/key"),
        "{}",
        err(&output)
    );

    let output = run(&["secrets", "set", "lab/key"], &format!("{CANARY}\n"));
    assert!(output.status.success(), "{}", err(&output));
    assert_eq!(out(&output), "${keyring:lab/key}\n");
    use_it(&server, &run(&["agent", "-m", "Read key.txt."], ""));
    // Written over.
    assert!(
        run(&["secrets", "set", "lab/key"], "another")
            .status
            .success()
    );
    let output = run(&["models", "probe"], "");
    assert!(
        !output.status.success() && !err(&output).contains("another"),
        "{}",
        out(&output)
    );

    assert!(run(&["secrets", "remove", "lab/key"], "").status.success());
    let output = run(&["secrets", "remove", "lab/key"], "");
    assert!(err(&output).contains("has no password"), "{}", err(&output));
}

#[test]
fn a_secret_is_typed_unseen() {
    let home = Home::new();
    let mut terminal = Terminal::open(&home, &["secrets", "set", "lab"]);
    terminal.wait_for("Type the secret lab (it is not shown):");
    terminal.line(CANARY);
    // There is no keyring here.
    let (status, screen) = terminal.wait_and_read();
    assert!(!status.success());
    assert!(
        screen.contains("Nothing was changed: the keyring"),
        "{screen}"
    );
    assert!(!screen.contains(CANARY), "{screen}");

    let mut terminal = Terminal::open(&home, &["secrets", "set", "lab"]);
    terminal.wait_for("not shown");
    let hidden = terminal.modes();
    terminal.press("\u{3}");
    let (status, left) = terminal.wait_and_look();
    assert_eq!(status.exit_code(), 130);
    assert_ne!(hidden, left);

    let said = home.fails(&["secrets", "set", "two words"]);
    assert!(said.contains("cannot be the name"), "{said}");
}
