//! Secrets that are kept elsewhere: in files, behind commands, in the keyring.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use moltbot_config::{References, SecretSource, Snapshot, edit, load, load_with};
use serde_json::json;

use crate::Home;

impl Home {
    fn follow(&self) -> Snapshot {
        load_with(&self.environment, References::Followed).unwrap()
    }

    fn follow_problems(&self) -> String {
        let error = load_with(&self.environment, References::Followed).unwrap_err();
        error.to_string()
    }

    /// Writes an executable script in the state directory.
    fn script(&self, name: &str, text: &str) {
        self.put(name, &format!("#!/bin/sh\n{text}\n"));
        self.mode(name, 0o700);
    }

    fn mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.state(name), fs::Permissions::from_mode(mode)).unwrap();
    }
}

#[test]
fn a_files_text_stands_in_without_its_last_newline() {
    let home = Home::with(
        "{$include: './more/part.json5', gateway: {auth: {token: 'a ${file:keys/one} b', password: '${file:~/two}'}}}",
    );
    home.put("keys/one", "first\n\n");
    home.put(
        "more/part.json5",
        "{hooks: {token: '${file:three}'}, env: {vars: {FOUR: '${file:three}!'}}}",
    );
    home.put("more/three", "third\r\n");
    fs::write(home.environment.home.join("two"), " second ").unwrap();
    for name in ["keys/one", "more/three"] {
        home.mode(name, 0o600);
    }
    let snapshot = home.load();
    assert_eq!(
        snapshot.value["gateway"]["auth"],
        json!({"token": "a first\n b", "password": " second "})
    );
    assert_eq!(snapshot.config.hooks.unwrap().token.unwrap(), "third");
    assert_eq!(snapshot.environment.get("FOUR"), Some("third!"));
    let mut found: Vec<_> = snapshot
        .secrets
        .iter()
        .map(|secret| (secret.key.to_string(), secret.value().unwrap_or("none")))
        .collect();
    found.sort();
    assert_eq!(
        found,
        [
            ("env.vars.FOUR".to_owned(), "third"),
            ("gateway.auth.password".to_owned(), " second "),
            ("gateway.auth.token".to_owned(), "first\n"),
            ("hooks.token".to_owned(), "third"),
        ]
    );
    assert_eq!(
        snapshot.warnings,
        ["~/two holds a secret and can be read by other users (mode 644); chmod 600 ~/two"]
    );
}

#[test]
fn commands_run_only_where_they_are_followed_and_once() {
    let home = Home::with(
        "{gateway: {auth: {token: '${command:./key  \"one two\"}', password: 'x${command:./key \\'one two\\'}'}}, \
         env: {vars: {A_KEY: '${command:./key \"one two\"}', Z_PLACE: 'far'}}, hooks: {token: '${A_KEY}'}}",
    );
    home.script("key", "echo run >> ran; cat; echo \"$# $1 $Z_PLACE\"");
    let token = |snapshot: &Snapshot| snapshot.value["gateway"]["auth"]["token"].clone();

    let written = home.load();
    assert_eq!(token(&written), "${command:./key  \"one two\"}");
    assert_eq!(
        written.environment.get("A_KEY"),
        Some("${command:./key \"one two\"}")
    );
    assert!(
        written
            .secrets
            .iter()
            .all(|secret| secret.value().is_none())
    );
    assert!(!home.state("ran").exists());

    let followed = home.follow();
    // The block's variables are there for it, and nothing waits at its standard input.
    assert_eq!(token(&followed), "1 one two far");
    assert_eq!(
        followed.value["gateway"]["auth"]["password"],
        "x1 one two far"
    );
    assert_eq!(followed.environment.get("A_KEY"), Some("1 one two far"));
    assert_eq!(followed.value["hooks"]["token"], "1 one two far");
    assert_eq!(fs::read_to_string(home.state("ran")).unwrap(), "run\n");
    // What is shown is what is written.
    for key in ["gateway", "env"] {
        assert_eq!(followed.shown_value()[key], written.value[key]);
    }
    assert!(!format!("{followed:?}").contains("one two far"));
}

#[test]
fn what_cannot_be_had_is_told_with_its_place_and_nothing_of_the_output() {
    let home = Home::with(
        "{gateway: {auth: {\n  token: '${command:./key}',\n  password: '${file:none}'}},\n\
         hooks: {token: '${command:no-such-program-here}'}, logging: {file: '${file:.}', level: '${command:./empty}'}}",
    );
    home.script("key", "echo hunter2; echo 'locked\nfor good' >&2; exit 3");
    home.script("empty", "echo");
    let problems = home.follow_problems();
    let lines: Vec<&str> = problems.lines().collect();
    let starts = [
        "~/.clawdbot/moltbot.json:2:10: gateway.auth.token: no secret from the command ./key: it ended with exit status: 3: locked for good",
        "~/.clawdbot/moltbot.json:3:13: gateway.auth.password: no secret from the file ",
        "~/.clawdbot/moltbot.json:4:16: hooks.token: no secret from the command no-such-program-here: it could not be started (",
        "~/.clawdbot/moltbot.json:4:68: logging.file: no secret from the file ",
        "~/.clawdbot/moltbot.json:4:88: logging.level: no secret from the command ./empty: it is empty",
    ];
    assert_eq!(lines.len(), starts.len(), "{problems}");
    for (line, start) in lines.iter().zip(starts) {
        assert!(line.starts_with(start), "{line}");
    }
    assert!(lines[1].contains("none: it cannot be read (No such file"));
    assert!(lines[3].ends_with("it is not a file"));
    assert!(!problems.contains("hunter2"));
    // Without running anything, only the files are missed.
    assert_eq!(home.problems().lines().count(), 2, "{}", home.problems());
}

#[test]
fn a_secret_in_the_wrong_place_is_not_told() {
    let home = Home::with(
        "{agents: {list: [{id: '${command:echo Hunter2}'}]}, logging: {level: '${file:key}'}}",
    );
    home.put("key", "hunter3");
    let problems = home.follow_problems();
    assert!(problems.contains("logging.level: "), "{problems}");
    assert!(!problems.contains("hunter3"), "{problems}");
    let home = Home::with("{agents: {list: [{id: '${command:echo Hunter 2}'}]}}");
    let warnings = home.follow().warnings.join(" ");
    assert!(
        warnings.contains("the agent id \"[secret: agents.list[0].id]\" is used as"),
        "{warnings}"
    );
}

#[test]
fn a_reference_that_is_none_is_an_error() {
    let home =
        Home::with("{logging: {file: '${command:a | b}'}, hooks: {token: '${keyring:a b}'}}");
    let problems = home.problems();
    assert!(problems.contains("logging.file: the reference to a secret is wrong: no shell reads"));
    assert!(
        problems.contains(
            "hooks.token: the reference to a secret is wrong: \"a b\" cannot be the name"
        )
    );
}

#[test]
fn a_key_that_only_takes_certain_words_is_not_judged_before_it_is_known() {
    let home = Home::with(
        "{models: {providers: {lab: {baseUrl: '${command:echo http://h/v1}', models: []}}}}",
    );
    home.load();
    assert_eq!(
        home.follow().value["models"]["providers"]["lab"]["baseUrl"],
        "http://h/v1"
    );
}

#[test]
fn edits_keep_references_as_they_are_written() {
    let text = "{\n  // where it is kept\n  gateway: {auth: {token: '${command:./key}', password: \"${file:pass}\"}},\n  hooks: {token: '${keyring:hooks}'},\n}\n";
    let home = Home::with(text);
    home.put("pass", "secret\n");
    home.script("key", "echo secret-of-command");
    // Also from a configuration in which commands have been followed.
    fs::write(
        home.state("moltbot.json"),
        text.replace("${keyring:hooks}", "${file:pass}"),
    )
    .unwrap();
    edit::set(
        &home.environment,
        &home.follow(),
        &"logging.level".parse().unwrap(),
        json!("info"),
    )
    .unwrap();
    let new = home.text();
    assert!(
        new.contains("'${command:./key}', password: \"${file:pass}\""),
        "{new}"
    );
    assert!(new.contains("// where it is kept"));
    assert!(!new.contains("secret"), "{new}");
    assert_eq!(home.follow().value["logging"]["level"], "info");
}

#[test]
fn a_reference_says_where_the_secret_is() {
    let home = Home::with(
        "{hooks: {token: '${keyring:hooks/one}'}, gateway: {auth: {token: 'a${command:pass show x}'}}}",
    );
    let snapshot = load(&home.environment).unwrap();
    let sources: Vec<&SecretSource> = snapshot.secrets.iter().map(|one| &one.source).collect();
    assert_eq!(
        sources,
        [
            &SecretSource::Keyring("hooks/one".parse().unwrap()),
            &SecretSource::Command(["pass", "show", "x"].map(str::to_owned).into()),
        ]
    );
    assert_eq!(snapshot.secrets[1].text, "a${command:pass show x}");
    // Without the arguments.
    assert_eq!(sources[1].to_string(), "the command pass");
}
