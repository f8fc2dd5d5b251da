//! `moltbot models` but for `pull`.

use serde_json::{Value, json};

use crate::fixtures::{CONFIG, box_config, run, run_with};
use crate::setup::Home;

/// A local default, a hosted fallback, and an alias.
const LADDER: &str = r#"{
  models: { providers: { box: {
    baseUrl: "http://127.0.0.1:1/v1",
    models: [
      { id: "small", name: "Small", contextWindow: 32768 },
      { id: "eyes", name: "Eyes", contextWindow: 8192, input: ["text", "image"] },
    ],
  } } },
  agents: { defaults: {
    model: {
      primary: "box/small", // at home
      fallbacks: [
        "anthropic/claude-opus-4-5", // the safety net
      ],
    },
    // What may be chosen.
    models: { "box/small": { alias: "Quick" }, "box/eyes": {} },
  } },
}
"#;

/// A key long enough that a part of it may be shown.
const KEY: &str = "test-not-a-real-key-0123456789-abcdefghij";

fn row<'a>(list: &'a Value, key: &str) -> &'a Value {
    list["models"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["key"] == key)
        .unwrap_or_else(|| panic!("{key} is not in {list:#}"))
}

fn get(home: &Home, path: &str) -> Value {
    home.json(&["config", "get", path, "--json"])
}

#[test]
fn the_list_shows_what_is_configured() {
    let home = Home::with_config(LADDER);
    let list = home.json(&["models", "list", "--json"]);
    assert_eq!(list["count"], 3);
    assert_eq!(
        *row(&list, "box/small"),
        json!({
            "key": "box/small", "name": "Small", "input": "text", "contextWindow": 32768,
            "contextWindowSource": "config",
            "local": true, "available": true, "tags": ["default", "configured", "alias:Quick"], "missing": false,
        })
    );
    assert_eq!(row(&list, "box/eyes")["input"], "text+image");
    let hosted = row(&list, "anthropic/claude-opus-4-5");
    assert_eq!(
        (&hosted["local"], &hosted["available"]),
        (&json!(false), &json!(false))
    );
    assert_eq!(hosted["tags"][0], "fallback#1");
    let with_key = run_with(
        &home,
        &[("ANTHROPIC_API_KEY", KEY)],
        &["models", "list", "--json"],
    );
    assert_eq!(
        row(&with_key.json(), "anthropic/claude-opus-4-5")["available"],
        true
    );
}

#[test]
fn the_table_is_aligned_and_plain_is_names_only() {
    let home = Home::with_config(LADDER);
    let output = run(&home, &["models", "list"]).ok();
    let lines: Vec<&str> = output.stdout.lines().collect();
    assert!(lines[0].starts_with("Model "), "{output:?}");
    let column = lines[0].find("Input").unwrap();
    for line in &lines[1..] {
        assert!(line[column..].starts_with("text"), "{line}");
    }
    let plain = home.ok(&["models", "list", "--plain"]);
    assert_eq!(plain, "box/small\nanthropic/claude-opus-4-5\nbox/eyes\n");
}

#[test]
fn the_list_can_be_narrowed_and_widened() {
    let home = Home::with_config(LADDER);
    let plain = |args: &[&str]| home.ok(&[&["models", "list", "--plain"], args].concat());
    assert_eq!(plain(&["--local"]), "box/small\nbox/eyes\n");
    assert_eq!(
        plain(&["--provider", "Anthropic"]),
        "anthropic/claude-opus-4-5\n"
    );
    assert!(plain(&["--all"]).lines().count() > 10);
    let output = run(&home, &["models", "list", "--provider", "nobody"]).ok();
    assert_eq!(output.stdout, "No models found.\n");
    let output = run(&home, &["models", "list", "--json", "--plain"]);
    assert_eq!(output.code, Some(1));
    assert_eq!(
        output.stderr,
        "Choose either --json or --plain, not both.\n"
    );
}

#[test]
fn a_model_that_cannot_be_found_is_listed_as_missing() {
    let home = Home::with_config(
        r#"{ agents: { defaults: { model: { primary: "nowhere/big", fallbacks: ["local/gone"] } } } }"#,
    );
    let list = home.json(&["models", "list", "--json"]);
    for key in ["nowhere/big", "local/gone"] {
        let row = row(&list, key);
        assert_eq!(
            (&row["missing"], &row["available"]),
            (&json!(true), &json!(false)),
            "{row}"
        );
        assert!(
            row["tags"].as_array().unwrap().contains(&json!("missing")),
            "{row}"
        );
    }
}

#[cfg(feature = "engine")]
#[test]
fn installed_models_are_listed_as_local() {
    let home = Home::new();
    assert_eq!(home.ok(&["models", "list"]), "No models found.\n");
    home.write(".clawdbot/models/Tiny.gguf", "GGUF");
    let list = home.json(&["models", "list", "--json"]);
    let row = row(&list, "local/tiny");
    assert_eq!(
        (&row["local"], &row["available"], &row["missing"]),
        (&json!(true), &json!(true), &json!(false))
    );
    // Without a configured default, what is installed answers.
    assert_eq!(home.ok(&["models", "status", "--plain"]), "local/tiny\n");
}

#[test]
fn the_status_says_what_answers_and_with_which_key() {
    let home = Home::with_config(LADDER);
    let vars = [("ANTHROPIC_API_KEY", KEY)];
    let output = run_with(&home, &vars, &["models", "status", "--json"]).ok();
    assert!(!output.stdout.contains(KEY), "{output:?}");
    let status = output.json();
    assert_eq!(
        status["configPath"],
        home.path().join(CONFIG).to_str().unwrap()
    );
    assert_eq!(status["defaultModel"], "box/small");
    assert_eq!(status["resolvedDefault"], "box/small");
    assert_eq!(status["fallbacks"], json!(["anthropic/claude-opus-4-5"]));
    assert_eq!(status["aliases"], json!({"Quick": "box/small"}));
    assert_eq!(
        status["allowed"],
        json!(["anthropic/claude-opus-4-5", "box/eyes", "box/small"])
    );
    assert_eq!(
        (&status["imageModel"], &status["imageFallbacks"]),
        (&json!(null), &json!([]))
    );
    let auth = &status["auth"];
    assert!(
        auth["storePath"]
            .as_str()
            .unwrap()
            .ends_with("agents/main/agent/auth-profiles.json")
    );
    assert_eq!(
        auth["shellEnvFallback"],
        json!({"enabled": false, "appliedKeys": []})
    );
    assert_eq!(auth["providersWithOAuth"], json!([]));
    assert_eq!(auth["missingProvidersInUse"], json!([]));
    assert_eq!(auth["providers"][0]["effective"]["kind"], "none");
    assert_eq!(auth["providers"][1]["provider"], "anthropic");
    let detail = auth["providers"][1]["effective"]["detail"]
        .as_str()
        .unwrap();
    assert!(detail.starts_with("env: ANTHROPIC_API_KEY ("), "{detail}");

    // Without a command, `models` is the status.
    let card = run_with(&home, &vars, &["models"]).ok();
    for part in [
        "~/.clawdbot/moltbot.json",
        "box/small",
        "Fallbacks (1)",
        "Aliases (1)",
        "Quick -> box/small",
        "Allowed (3)",
    ] {
        assert!(card.stdout.contains(part), "{part} is not in {card:?}");
    }
    assert!(!card.stdout.contains(KEY), "{card:?}");
    assert!(card.stdout.lines().count() <= 8, "{card:?}");
}

#[test]
fn keys_that_the_login_shell_gave_are_named() {
    let home = Home::with_config("{ env: { shellEnv: { enabled: true } } }");
    let shell = home.write(
        "shell",
        "#!/bin/sh\nexport GEMINI_API_KEY=from-shell\nenv -0\n",
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&shell, std::fs::Permissions::from_mode(0o755)).unwrap();
        let vars = [("SHELL", shell.to_str().unwrap())];
        let status = run_with(&home, &vars, &["models", "status", "--json"])
            .ok()
            .json();
        assert_eq!(
            status["auth"]["shellEnvFallback"],
            json!({"enabled": true, "appliedKeys": ["GEMINI_API_KEY"]})
        );
    }
}

#[test]
fn check_turns_a_missing_key_into_an_exit_code() {
    let home = Home::with_config(LADDER);
    let output = run(&home, &["models", "status", "--check"]);
    assert_eq!(output.code, Some(1));
    assert!(
        output.stdout.contains("set ANTHROPIC_API_KEY"),
        "{output:?}"
    );
    let output = run(&home, &["models", "status", "--check", "--json"]);
    assert_eq!(output.code, Some(1));
    assert_eq!(
        output.json()["auth"]["missingProvidersInUse"],
        json!(["anthropic"])
    );
    run_with(
        &home,
        &[("ANTHROPIC_API_KEY", KEY)],
        &["models", "status", "--check"],
    )
    .ok();
    // A server at home needs no key.
    Home::with_config(box_config("http://127.0.0.1:1/v1")).ok(&["models", "status", "--check"]);
}

#[test]
fn without_a_model_the_status_says_what_to_do() {
    let home = Home::new();
    let output = run(&home, &["models", "status"]).ok();
    assert!(output.stdout.contains("moltbot models pull"), "{output:?}");
    let output = run(&home, &["models", "status", "--plain"]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(1), ""));
}

#[test]
fn set_changes_the_default_and_keeps_the_rest() {
    let home = Home::with_config(LADDER);
    let output = run(&home, &["models", "set", "box/eyes"]).ok();
    assert_eq!(output.stdout, "Default model: box/eyes\n");
    assert_eq!(
        home.read(CONFIG),
        LADDER.replace("primary: \"box/small\"", "primary: \"box/eyes\"")
    );
    // By alias.
    let output = run(&home, &["models", "set", "quick"]).ok();
    assert_eq!(output.stdout, "Default model: box/small\n");
    assert_eq!(home.read(CONFIG), LADDER);
}

#[test]
fn set_adds_to_a_list_of_models_but_begins_none() {
    let home = Home::with_config(LADDER);
    home.ok(&["models", "set", "openai/gpt-5.2"]);
    assert_eq!(
        get(&home, "agents.defaults.models[\"openai/gpt-5.2\"]"),
        json!({})
    );

    let home = Home::with_config(box_config("http://127.0.0.1:1/v1"));
    home.ok(&["models", "set", "openai/gpt-5.2"]);
    assert_eq!(
        get(&home, "agents.defaults.model.primary"),
        "openai/gpt-5.2"
    );
    assert_eq!(
        run(&home, &["config", "get", "agents.defaults.models"]).code,
        Some(1)
    );
    assert!(home.read(CONFIG).contains("// The machine under the desk."));
}

#[test]
fn set_refuses_what_is_no_model() {
    let home = Home::with_config(LADDER);
    let output = run(&home, &["models", "set", "bx/small"]);
    assert_eq!(output.code, Some(1));
    assert!(
        output.stderr.contains("did you mean \"box\"?"),
        "{output:?}"
    );
    assert_eq!(run(&home, &["models", "set", "small"]).code, Some(1));
    assert_eq!(home.read(CONFIG), LADDER);
}

#[test]
fn set_says_when_an_agent_has_a_model_of_its_own() {
    let home = Home::with_config(box_config("http://127.0.0.1:1/v1").replace(
        "agents: { defaults",
        "agents: { list: [{ id: \"ann\", model: \"box/large\" }], defaults",
    ));
    let output = run(&home, &["models", "set", "box/other"]).ok();
    assert!(output.stderr.contains("box/large"), "{output:?}");
}

#[test]
fn aliases_are_listed_added_and_removed() {
    let home = Home::with_config(LADDER);
    assert_eq!(
        home.ok(&["models", "aliases", "list"]),
        "Aliases (1):\n- Quick -> box/small\n"
    );
    let output = run(&home, &["models", "aliases", "add", "see", "box/eyes"]).ok();
    assert_eq!(
        (output.stdout.as_str(), output.stderr.as_str()),
        ("Alias see -> box/eyes\n", "")
    );
    assert_eq!(
        home.json(&["models", "aliases", "list", "--json"]),
        json!({"aliases": {"Quick": "box/small", "see": "box/eyes"}})
    );
    assert!(home.read(CONFIG).contains("// What may be chosen."));
    // Saying it again is no conflict; another model is.
    home.ok(&["models", "aliases", "add", "SEE", "box/eyes"]);
    let output = run(&home, &["models", "aliases", "add", "see", "box/small"]);
    assert_eq!(output.code, Some(1));
    assert_eq!(output.stderr, "Alias see already points to box/eyes.\n");
    assert_eq!(
        run(
            &home,
            &["models", "aliases", "add", "no spaces", "box/eyes"]
        )
        .code,
        Some(1)
    );

    home.ok(&["models", "aliases", "remove", "see"]);
    let output = run(&home, &["models", "aliases", "remove", "see"]);
    assert_eq!(
        (output.code, output.stderr.as_str()),
        (Some(1), "Alias not found: see\n")
    );
    assert_eq!(
        home.ok(&["models", "aliases", "list", "--plain"]),
        "Quick box/small\n"
    );
}

#[test]
fn an_alias_of_the_program_s_own_can_be_removed_too() {
    let home = Home::with_config(
        r#"{ agents: { defaults: { models: { "anthropic/claude-opus-4-5": {} } } } }"#,
    );
    assert_eq!(
        home.ok(&["models", "aliases", "list", "--plain"]),
        "opus anthropic/claude-opus-4-5\n"
    );
    home.ok(&["models", "aliases", "remove", "opus"]);
    assert_eq!(
        home.ok(&["models", "aliases", "list"]),
        "Aliases (0):\n- none\n"
    );
}

#[test]
fn the_first_alias_says_what_comes_with_it() {
    let home = Home::with_config(box_config("http://127.0.0.1:1/v1"));
    let output = run(&home, &["models", "aliases", "add", "q", "box/small"]).ok();
    assert!(
        output.stderr.contains("agents.defaults.models"),
        "{output:?}"
    );
    assert_eq!(
        get(&home, "agents.defaults.models"),
        json!({"box/small": {"alias": "q"}})
    );
}

#[test]
fn fallbacks_are_listed_added_removed_and_cleared() {
    let home = Home::with_config(LADDER);
    assert_eq!(
        home.ok(&["models", "fallbacks", "list"]),
        "Fallbacks (1):\n- anthropic/claude-opus-4-5\n"
    );
    let output = run(&home, &["models", "fallbacks", "add", "box/eyes"]).ok();
    assert_eq!(
        output.stdout,
        "Fallbacks: anthropic/claude-opus-4-5, box/eyes\n"
    );
    assert!(
        home.read(CONFIG).contains("// the safety net"),
        "{}",
        home.read(CONFIG)
    );
    // Adding again changes nothing.
    let before = home.read(CONFIG);
    home.ok(&["models", "fallbacks", "add", "box/eyes"]);
    assert_eq!(home.read(CONFIG), before);

    home.ok(&["models", "fallbacks", "remove", "anthropic/claude-opus-4-5"]);
    assert_eq!(
        home.json(&["models", "fallbacks", "list", "--json"]),
        json!({"fallbacks": ["box/eyes"]})
    );
    let output = run(&home, &["models", "fallbacks", "remove", "box/nothing"]);
    assert_eq!(
        (output.code, output.stderr.as_str()),
        (Some(1), "Fallback not found: box/nothing\n")
    );
    assert_eq!(
        home.ok(&["models", "fallbacks", "clear"]),
        "Fallback list cleared.\n"
    );
    assert_eq!(
        home.ok(&["models", "fallbacks", "list"]),
        "Fallbacks (0):\n- none\n"
    );
    assert!(home.read(CONFIG).contains("// at home"));
    home.ok(&["models", "fallbacks", "add", "quick"]);
    assert_eq!(
        get(&home, "agents.defaults.model.fallbacks"),
        json!(["box/small"])
    );
}

#[test]
fn the_first_fallback_makes_the_list() {
    let home = Home::new();
    home.ok(&["models", "fallbacks", "clear"]);
    assert!(
        !home.path().join(CONFIG).exists(),
        "nothing had to be written"
    );
    home.ok(&["models", "fallbacks", "add", "openai/gpt-5.2"]);
    assert_eq!(
        get(&home, "agents.defaults.model"),
        json!({"fallbacks": ["openai/gpt-5.2"]})
    );
}

#[test]
fn a_recommendation_names_a_model_that_can_be_pulled() {
    let home = Home::new();
    let json = home.json(&["models", "recommend", "--json"]);
    let total = json["memory"]["total"].as_u64().unwrap();
    assert!(json["reason"].as_str().unwrap().contains("memory"));
    let text = home.ok(&["models", "recommend"]);
    match json["model"]["id"].as_str() {
        Some(id) => {
            assert!(json["model"]["memoryBytes"].as_u64().unwrap() <= total);
            assert_eq!(json["command"], format!("moltbot models pull {id}"));
            assert!(
                text.contains(&format!("moltbot models pull {id}")),
                "{text}"
            );
        }
        None => assert_eq!(json["command"], Value::Null),
    }
}

#[test]
fn colour_is_for_terminals_and_for_those_who_ask() {
    let home = Home::with_config(LADDER);
    for args in [
        &["models", "status"][..],
        &["models", "list"],
        &["models", "recommend"],
    ] {
        let plain = run(&home, args);
        assert!(!plain.stdout.contains('\u{1b}'), "{plain:?}");
        let forced = run_with(&home, &[("FORCE_COLOR", "1")], args);
        assert!(forced.stdout.contains('\u{1b}'), "{forced:?}");
        let refused = run_with(&home, &[("FORCE_COLOR", "1"), ("NO_COLOR", "1")], args);
        assert_eq!(refused.stdout, plain.stdout);
        let flag = run_with(
            &home,
            &[("FORCE_COLOR", "1")],
            &[&["--no-color"], args].concat(),
        );
        assert_eq!(flag.stdout, plain.stdout);
    }
}
