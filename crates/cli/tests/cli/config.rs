//! `moltbot config`.

use serde_json::json;

use crate::fixtures::{CONFIG, run, run_with};
use crate::setup::Home;

const OWNERS_TEXT: &str = r#"// My assistant.
{
  // Where the model is.
  models: {
    providers: {
      box: { baseUrl: "http://127.0.0.1:1/v1", models: [{ id: "small", name: "Small" }] }, // under the desk
    },
  },
  agents: {
    defaults: {
      model: { primary: "box/small" }, // quick enough
    },
  },
}
"#;

#[test]
fn a_valid_file_is_said_to_be_valid() {
    let home = Home::with_config(OWNERS_TEXT);
    let output = run(&home, &["config", "validate"]).ok();
    assert_eq!(output.stdout, "Config OK: ~/.clawdbot/moltbot.json\n");
    assert_eq!(output.stderr, "");

    let json = home.json(&["config", "validate", "--json"]);
    assert_eq!(json["valid"], true);
    assert_eq!(json["exists"], true);
    assert_eq!(json["path"], home.path().join(CONFIG).to_str().unwrap());
    assert_eq!(json["hash"].as_str().unwrap().len(), 64);
    assert_eq!(json["issues"], json!([]));
}

#[test]
fn no_file_is_a_valid_configuration() {
    let home = Home::new();
    let output = run(&home, &["config", "validate"]).ok();
    assert!(
        output
            .stdout
            .starts_with("Config OK: ~/.clawdbot/moltbot.json (no file yet"),
        "{output:?}"
    );
    let json = home.json(&["config", "validate", "--json"]);
    assert_eq!(
        (&json["exists"], &json["valid"], &json["hash"]),
        (&json!(false), &json!(true), &json!(null))
    );
}

#[test]
fn broken_json5_is_told_with_its_place() {
    let home = Home::with_config("{\n  agents: { defaults: \n}\n");
    let output = run(&home, &["config", "validate"]);
    assert_eq!(output.code, Some(1));
    assert_eq!(output.stdout, "");
    let mut lines = output.stderr.lines();
    assert_eq!(
        lines.next(),
        Some("Config invalid: ~/.clawdbot/moltbot.json")
    );
    assert!(
        lines
            .next()
            .unwrap()
            .starts_with("~/.clawdbot/moltbot.json:3:"),
        "{output:?}"
    );

    let output = run(&home, &["config", "validate", "--json"]);
    assert_eq!(output.code, Some(1));
    let json = output.json();
    assert_eq!(
        (&json["valid"], &json["exists"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(json["issues"][0]["line"], 3);
    assert_eq!(
        json["issues"][0]["file"],
        home.path().join(CONFIG).to_str().unwrap()
    );
    assert_eq!(output.stderr, "");
}

#[test]
fn every_issue_is_told_and_unknown_keys_get_a_suggestion() {
    let home = Home::with_config(
        "{\n  models: { providers: { box: { baseURL: 'http://h/v1', models: [] } } },\n  logging: { level: 7 },\n}\n",
    );
    let output = run(&home, &["config", "validate"]);
    assert_eq!(output.code, Some(1));
    assert!(
        output.stderr.contains("models.providers.box.baseURL"),
        "{output:?}"
    );
    assert!(
        output.stderr.contains("did you mean \"baseUrl\"?"),
        "{output:?}"
    );
    assert!(output.stderr.contains("logging.level"), "{output:?}");

    let json = run(&home, &["config", "validate", "--json"]).json();
    let issues = json["issues"].as_array().unwrap();
    assert!(issues.len() >= 2, "{json}");
    assert!(
        issues
            .iter()
            .any(|issue| issue["path"] == "logging.level" && issue["line"] == 3),
        "{json}"
    );
}

#[test]
fn an_include_that_is_not_there_is_named() {
    let home = Home::with_config("{ $include: './more.json5' }");
    let output = run(&home, &["config", "validate"]);
    assert_eq!(output.code, Some(1));
    assert!(output.stderr.contains("more.json5"), "{output:?}");
}

#[test]
fn other_commands_name_the_problem_too() {
    let home = Home::with_config("{ agents: { defalts: {} } }");
    for args in [
        &["config", "get", "agents"][..],
        &["config", "set", "agents.defaults.timeoutSeconds", "5"],
        &["config", "unset", "agents"],
    ] {
        let output = run(&home, args);
        assert_eq!(
            (output.code, output.stdout.as_str()),
            (Some(1), ""),
            "{args:?}"
        );
        assert!(
            output
                .stderr
                .starts_with("Config invalid at ~/.clawdbot/moltbot.json.\n"),
            "{output:?}"
        );
        assert!(
            output.stderr.contains("did you mean \"defaults\"?"),
            "{output:?}"
        );
        assert!(
            output.stderr.ends_with("Run: moltbot doctor\n"),
            "{output:?}"
        );
    }
    assert_eq!(home.read(CONFIG), "{ agents: { defalts: {} } }");
}

#[test]
fn get_prints_scalars_bare_and_the_rest_as_json() {
    let home = Home::with_config(OWNERS_TEXT);
    let get = |args: &[&str]| home.ok(&[&["config", "get"], args].concat());
    assert_eq!(get(&["agents.defaults.model.primary"]), "box/small\n");
    assert_eq!(
        get(&["agents.defaults.model.primary", "--json"]),
        "\"box/small\"\n"
    );
    assert_eq!(get(&["models.providers.box.models[0].id"]), "small\n");
    assert_eq!(
        get(&["agents.defaults.model"]),
        "{\n  \"primary\": \"box/small\"\n}\n"
    );
    let missing = run(&home, &["config", "get", "agents.defaults.nothing"]);
    assert_eq!(missing.code, Some(1));
    assert_eq!(
        missing.stderr,
        "Config path not found: agents.defaults.nothing\n"
    );
    assert_eq!(run(&home, &["config", "get", "a..b"]).code, Some(1));
}

#[test]
fn set_changes_one_value_and_keeps_every_comment() {
    let home = Home::with_config(OWNERS_TEXT);
    let output = run(
        &home,
        &[
            "config",
            "set",
            "agents.defaults.model.primary",
            "box/large",
        ],
    )
    .ok();
    assert_eq!(output.stdout, "Updated agents.defaults.model.primary.\n");
    assert_eq!(
        home.read(CONFIG),
        OWNERS_TEXT.replace("primary: \"box/small\"", "primary: \"box/large\"")
    );

    home.ok(&["config", "set", "agents.defaults.timeoutSeconds", "90"]);
    let text = home.read(CONFIG);
    for comment in [
        "// My assistant.",
        "// Where the model is.",
        "// under the desk",
        "// quick enough",
    ] {
        assert!(text.contains(comment), "{comment} is gone:\n{text}");
    }
    assert_eq!(
        run(&home, &["config", "get", "agents.defaults.timeoutSeconds"]).stdout,
        "90\n"
    );
}

#[test]
fn a_value_is_json5_or_text_and_with_json_only_json5() {
    let home = Home::new();
    let path = "agents.defaults.model.fallbacks";
    home.ok(&["config", "set", path, "['box/a', 'box/b',]"]);
    assert_eq!(
        run(&home, &["config", "get", path]).json(),
        json!(["box/a", "box/b"])
    );
    let output = run(
        &home,
        &[
            "config",
            "set",
            "--json",
            "agents.defaults.model.primary",
            "box/small",
        ],
    );
    assert_eq!(output.code, Some(1));
    assert!(
        output.stderr.starts_with("The value is not JSON5"),
        "{output:?}"
    );
}

#[test]
fn a_change_that_would_break_the_file_is_not_written() {
    let home = Home::with_config(OWNERS_TEXT);
    let output = run(
        &home,
        &["config", "set", "agents.defaults.timeoutSeconds", "soon"],
    );
    assert_eq!(output.code, Some(1));
    assert!(
        output
            .stderr
            .starts_with("Config validation failed: agents.defaults.timeoutSeconds: "),
        "{output:?}"
    );
    assert_eq!(home.read(CONFIG), OWNERS_TEXT);
}

#[test]
fn a_key_without_effect_is_said_to_have_none() {
    let home = Home::new();
    let output = run(
        &home,
        &["config", "set", "channels.telegram.enabled", "true"],
    )
    .ok();
    assert!(
        output.stderr.contains("does not act on it yet"),
        "{output:?}"
    );
    // Said once: a change of something else does not repeat it.
    let output = run(
        &home,
        &["config", "set", "agents.defaults.timeoutSeconds", "9"],
    )
    .ok();
    assert_eq!(output.stderr, "");
    let output = run(&home, &["config", "validate"]).ok();
    assert!(output.stdout.contains("channels.telegram"), "{output:?}");
}

#[test]
fn unset_removes_a_value_once() {
    let home = Home::with_config(OWNERS_TEXT);
    let output = run(&home, &["config", "unset", "agents.defaults.model"]).ok();
    assert_eq!(output.stdout, "Removed agents.defaults.model.\n");
    assert!(home.read(CONFIG).contains("// under the desk"));
    let output = run(&home, &["config", "unset", "agents.defaults.model"]);
    assert_eq!(output.code, Some(1));
    assert_eq!(
        output.stderr,
        "Config path not found: agents.defaults.model\n"
    );
}

#[test]
fn the_schema_and_the_path_need_no_valid_file() {
    let home = Home::with_config("{ broken");
    let schema = home.json(&["config", "schema"]);
    assert!(schema["properties"]["models"].is_object(), "{schema}");
    let path = format!("{}\n", home.path().join(CONFIG).display());
    assert_eq!(home.ok(&["config", "file"]), path);
    let elsewhere = home.path().join("other.json");
    let output = run_with(
        &home,
        &[("CLAWDBOT_CONFIG_PATH", elsewhere.to_str().unwrap())],
        &["config", "file"],
    );
    assert_eq!(output.stdout, format!("{}\n", elsewhere.display()));
}

#[test]
fn a_profile_has_a_file_of_its_own() {
    let home = Home::new();
    home.ok(&[
        "--profile",
        "work",
        "config",
        "set",
        "agents.defaults.model.primary",
        "box/x",
    ]);
    assert!(home.path().join(".clawdbot-work/moltbot.json").exists());
    assert!(!home.path().join(CONFIG).exists());
    assert_eq!(
        run(&home, &["--profile", "a b", "config", "file"]).code,
        Some(2)
    );
}
