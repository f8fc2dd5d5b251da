//! Changing single keys in the owner's text.

use std::fs;

use moltbot_config::edit::{self, EditError, get, parse_value, set, set_text, unset, unset_text};
use moltbot_config::{KeyPath, WriteError};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::Home;

const OWNERS_TEXT: &str = r#"// My assistant.
{
  // Where it listens.
  gateway: {
    port: 18789, // the usual one
    mode: 'local',
    /* a secret from the environment */
    auth: { mode: "token", token: "${TOKEN}" },
  },

  "agents": {
    defaults: { model: { primary: "lab/one", fallbacks: [ "lab/two" ] } },
    list: [
      // first
      { id: "a" }, // the first
      // second
      { id: "b", name: 'Bee' },
      // third
      { id: "c" },
    ],
  },
  // The end.
}
"#;

fn path(text: &str) -> KeyPath {
    text.parse().unwrap()
}

fn owner() -> Home {
    Home::with(OWNERS_TEXT).var("TOKEN", "secret")
}

fn set_in(home: &Home, at: &str, value: Value) -> Result<(), EditError> {
    let new = set(&home.environment, &home.load(), &path(at), value)?;
    // What was returned is what is there now.
    let loaded = home.load();
    assert_eq!(
        (new.value, new.hash, new.raw),
        (loaded.value, loaded.hash, loaded.raw)
    );
    Ok(())
}

fn unset_in(home: &Home, at: &str) -> Result<(), EditError> {
    unset(&home.environment, &home.load(), &path(at)).map(drop)
}

/// The owner's text after `from` became `to`.
fn with(from: &str, to: &str) -> String {
    assert_eq!(OWNERS_TEXT.matches(from).count(), 1, "{from}");
    OWNERS_TEXT.replace(from, to)
}

#[test]
fn get_follows_every_form_of_path() {
    let value = json!({"a": {"b": [{"c": 1}], "x.y": 2, "7": 3}});
    for (at, expected) in [
        ("a.b[0].c", Some(json!(1))),
        ("a.b.0.c", Some(json!(1))),
        ("a[\"x.y\"]", Some(json!(2))),
        ("a.x\\.y", Some(json!(2))),
        ("a.7", Some(json!(3))),
        ("a.b[1]", None),
        ("a.b.c", None),
        ("a.b[0].c.d", None),
    ] {
        assert_eq!(get(&value, &path(at)), expected.as_ref(), "for {at}");
    }
}

#[test]
fn setting_a_value_changes_that_value_only() {
    for (at, value, from, to) in [
        ("gateway.port", json!(4000), "18789", "4000"),
        ("gateway.mode", json!("remote"), "'local'", "\"remote\""),
        ("agents.list[1].name", json!("Bea"), "'Bee'", "\"Bea\""),
        (
            "agents.defaults.model.fallbacks[1]",
            json!("lab/three"),
            "[ \"lab/two\" ]",
            "[ \"lab/two\", \"lab/three\" ]",
        ),
        (
            "agents.list[3]",
            json!({"id": "d"}),
            "      { id: \"c\" },\n",
            "      { id: \"c\" },\n      {\n        \"id\": \"d\",\n      },\n",
        ),
        (
            "gateway.bind",
            json!("lan"),
            "token: \"${TOKEN}\" },\n",
            "token: \"${TOKEN}\" },\n    \"bind\": \"lan\",\n",
        ),
        (
            "logging.level",
            json!("debug"),
            "    ],\n  },\n",
            "    ],\n  },\n  \"logging\": {\n    \"level\": \"debug\",\n  },\n",
        ),
    ] {
        let home = owner();
        set_in(&home, at, value).unwrap();
        assert_eq!(home.text(), with(from, to), "for {at}");
    }
}

#[test]
fn an_object_is_changed_key_by_key() {
    let home = owner();
    set_in(
        &home,
        "gateway",
        json!({"port": 18789, "mode": "local", "auth": {"mode": "password", "token": "${TOKEN}"}}),
    )
    .unwrap();
    assert_eq!(home.text(), with("mode: \"token\"", "mode: \"password\""));
}

#[test]
fn unsetting_takes_the_key_and_leaves_the_rest() {
    for (at, from, to) in [
        ("gateway.mode", "    mode: 'local',\n", ""),
        ("gateway.port", "    port: 18789, // the usual one\n", ""),
        ("agents.list[1]", "      { id: \"b\", name: 'Bee' },\n", ""),
        ("agents.list[1].name", ", name: 'Bee'", ""),
        (
            "agents.defaults",
            "    defaults: { model: { primary: \"lab/one\", fallbacks: [ \"lab/two\" ] } },\n",
            "",
        ),
        (
            "agents.defaults.model.fallbacks[0]",
            "[ \"lab/two\" ]",
            "[]",
        ),
    ] {
        let home = owner();
        unset_in(&home, at).unwrap();
        assert_eq!(home.text(), with(from, to), "for {at}");
    }
}

#[test]
fn the_old_text_is_kept_as_a_backup() {
    let home = owner();
    set_in(&home, "gateway.port", json!(1)).unwrap();
    assert_eq!(
        fs::read_to_string(home.state("moltbot.json.bak")).unwrap(),
        OWNERS_TEXT
    );
}

#[test]
fn a_missing_file_is_made() {
    let home = Home::new();
    set_in(&home, "gateway.port", json!(5)).unwrap();
    assert_eq!(
        home.text(),
        "{\n  \"gateway\": {\n    \"port\": 5\n  }\n}\n"
    );
}

#[test]
fn lists_are_made_for_the_first_item_and_objects_for_everything_else() {
    let home = Home::with("{}");
    set_in(&home, "tools.deny[0]", json!("exec")).unwrap();
    set_in(&home, "channels.discord.guilds.123.slug", json!("lab")).unwrap();
    set_in(
        &home,
        "agents.defaults.models[\"lab/m.gguf\"].alias",
        json!("m"),
    )
    .unwrap();
    assert_eq!(
        home.load().value,
        json!({
            "tools": {"deny": ["exec"]},
            "channels": {"discord": {"guilds": {"123": {"slug": "lab"}}}},
            "agents": {"defaults": {"models": {"lab/m.gguf": {"alias": "m"}}}},
        })
    );
}

#[test]
fn a_wrong_change_is_refused_and_nothing_is_written() {
    for (at, value, expected) in [
        (
            "gateway.port",
            json!("x"),
            "Config validation failed: gateway.port: expected a whole number from 1 to 65535, found a string",
        ),
        (
            "gateway.prot",
            json!(1),
            "Config validation failed: gateway.prot: unknown key; did you mean \"port\"?",
        ),
        (
            "channels.telegram.dmPolicy",
            json!("open"),
            "Config validation failed: channels.telegram.dmPolicy: channels.telegram.dmPolicy=\"open\" requires channels.telegram.allowFrom to include \"*\"",
        ),
        (
            "logging.file",
            json!("${NOPE}"),
            "Config validation failed: logging.file: Missing env var \"NOPE\"; set it in the environment, in ~/.clawdbot/.env or under env.vars",
        ),
        (
            "gateway.port.x",
            json!(1),
            "gateway.port is a number, so that nothing can be set inside it.",
        ),
        (
            "agents.list[9].name",
            json!("x"),
            "agents.list is a list with 3 items; write the number of an item, from 0 to 3 (one past the last adds an item).",
        ),
        (
            "agents.list.name",
            json!("x"),
            "agents.list is a list with 3 items; write the number of an item, from 0 to 3 (one past the last adds an item).",
        ),
    ] {
        let home = owner();
        assert_eq!(set_in(&home, at, value).unwrap_err().to_string(), expected);
        assert_eq!(home.text(), OWNERS_TEXT);
        assert!(!home.state("moltbot.json.bak").exists());
    }
    let home = owner();
    assert_eq!(
        unset_in(&home, "agents.list[0].id")
            .unwrap_err()
            .to_string(),
        "Config validation failed: agents.list[0].id: this key is required; expected a string"
    );
    for at in [
        "gateway.nothing",
        "agents.list[3]",
        "gateway.port.x",
        "agents.list.a",
    ] {
        assert_eq!(
            unset_in(&home, at).unwrap_err().to_string(),
            format!("Config path not found: {}", path(at))
        );
    }
    assert_eq!(home.text(), OWNERS_TEXT);
}

#[test]
fn a_file_changed_in_the_meantime_is_not_overwritten() {
    let home = owner();
    let snapshot = home.load();
    home.put("moltbot.json", "{cron: {enabled: true}}");
    let error = set(
        &home.environment,
        &snapshot,
        &path("gateway.port"),
        json!(1),
    )
    .unwrap_err();
    assert!(matches!(error, EditError::Write(WriteError::Changed(_))));
    assert_eq!(home.text(), "{cron: {enabled: true}}");
}

#[test]
fn included_content_is_changed_in_its_own_file() {
    let text = "{\n  agents: { $include: './agents.json5', list: [{ id: 'z' }] },\n  gateway: { $include: 'g.json5' },\n}\n";
    let agents = "{defaults: {timeoutSeconds: 5}, list: [{id: 'a'}]}";
    let home = Home::with(text);
    home.put("agents.json5", agents);
    home.put("g.json5", "{port: 1}");
    for (at, value) in [
        ("agents.defaults.timeoutSeconds", Some(json!(9))),
        ("agents.defaults.workspace", Some(json!("~/w"))),
        ("agents.defaults", Some(json!({}))),
        ("agents.defaults", None),
        ("agents.list[0].name", Some(json!("x"))),
        ("agents.list", Some(json!([]))),
        ("agents.list", None),
        ("agents", Some(json!({}))),
    ] {
        let error = match value {
            Some(value) => set_in(&home, at, value),
            None => unset_in(&home, at),
        }
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "{at} comes from ~/.clawdbot/agents.json5 through $include; change it in that file."
            )
        );
        assert_eq!(home.text(), text);
    }
    // What stands in the main file itself can be changed, and the includes stay.
    set_in(&home, "gateway.mode", json!("local")).unwrap();
    set_in(&home, "cron.enabled", json!(false)).unwrap();
    assert_eq!(
        home.text(),
        "{\n  agents: { $include: './agents.json5', list: [{ id: 'z' }] },\n  gateway: {\n    $include: 'g.json5',\n    \"mode\": \"local\"\n  },\n  \"cron\": {\n    \"enabled\": false,\n  },\n}\n"
    );
    unset_in(&home, "gateway.mode").unwrap();
    // The include itself can be taken away.
    unset_in(&home, "agents").unwrap();
    assert_eq!(
        home.load().value,
        json!({"gateway": {"port": 1}, "cron": {"enabled": false}})
    );
    assert_eq!(
        fs::read_to_string(home.state("agents.json5")).unwrap(),
        agents
    );
}

#[test]
fn the_whole_configuration_can_be_replaced_and_keeps_what_is_equal() {
    let home = owner();
    let snapshot = home.load();
    let mut wanted = json!({
        "gateway": {"port": 18789, "mode": "local", "auth": {"mode": "token", "token": "${TOKEN}"}},
        "agents": {
            "defaults": {"model": {"primary": "lab/one", "fallbacks": ["lab/two"]}},
            "list": [{"id": "a"}, {"id": "c"}],
        },
    });
    let new = edit::replace(&home.environment, &snapshot, &wanted).unwrap();
    assert_eq!(home.text(), with("      { id: \"b\", name: 'Bee' },\n", ""));
    wanted["gateway"]["auth"]["token"] = json!("secret");
    assert_eq!(new.value, wanted);
}

#[test]
fn values_are_json5_or_text() {
    assert_eq!(parse_value("{a: 1,}", false).unwrap(), json!({"a": 1}));
    assert_eq!(parse_value("0x10", true).unwrap(), json!(16));
    assert_eq!(
        parse_value("plain text", false).unwrap(),
        json!("plain text")
    );
    assert_eq!(parse_value("", false).unwrap(), json!(""));
    assert_eq!(
        parse_value("plain text", true).unwrap_err().to_string(),
        "The value is not JSON5: expected a value, found \"plain\"; put quotes around text."
    );
}

#[test]
fn of_a_key_that_stands_twice_the_last_is_changed_and_both_are_removed() {
    let text = "{\n  a: 1, // one\n  a: 2, // two\n}\n";
    assert_eq!(
        set_text(text, &path("a"), json!(3)).unwrap(),
        "{\n  a: 1, // one\n  a: 3, // two\n}\n"
    );
    assert_eq!(unset_text(text, &path("a")).unwrap(), "{}\n");
}

#[test]
fn marks_and_line_ends_stay() {
    assert_eq!(
        set_text("\u{feff}{\r\n  a: 1,\r\n}\r\n", &path("b"), json!(2)).unwrap(),
        "\u{feff}{\r\n  a: 1,\r\n  \"b\": 2,\r\n}\r\n"
    );
}

/// A comment with a number of its own.
fn note(count: &mut usize) -> String {
    *count += 1;
    format!("note{count};")
}

/// Writes `value` as JSON5 with comments above, behind and under every key; `count` counts them.
fn commented(value: &Value, depth: usize, count: &mut usize, text: &mut String) {
    let indent = "  ".repeat(depth + 1);
    match value {
        Value::Object(map) => {
            text.push_str("{\n");
            for (key, child) in map {
                text.push_str(&format!("{indent}// {}\n{indent}", note(count)));
                text.push_str(&format!("{}: ", Value::from(key.as_str())));
                commented(child, depth + 1, count, text);
                text.push_str(&format!(", // {}\n", note(count)));
            }
            text.push_str(&format!("{indent}/* {} */\n", note(count)));
            text.push_str(&format!("{}}}", "  ".repeat(depth)));
        }
        Value::Array(items) => {
            text.push('[');
            for (index, child) in items.iter().enumerate() {
                if index > 0 {
                    text.push_str(", ");
                }
                commented(child, depth + 1, count, text);
            }
            text.push(']');
        }
        other => text.push_str(&other.to_string()),
    }
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1.0e9..1.0e9_f64).prop_map(|number| json!(number + 0.5)),
        "\\PC{0,8}|[\\x00-\\x1f\"'\\\\/\u{2028}]{0,4}".prop_map(Value::from),
    ]
}

/// Keys of a few letters, so that paths often meet what is there.
fn key() -> impl Strategy<Value = String> {
    prop_oneof!["[a-c]", "[a-c]", "[.\\[\\]\"\\\\ é$/-]{1,2}"]
}

fn tree() -> impl Strategy<Value = Value> {
    let leaf = scalar();
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key(), inner), 0..4)
                .prop_map(|entries| Value::Object(entries.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn document() -> impl Strategy<Value = Value> {
    prop::collection::vec((key(), tree()), 0..4)
        .prop_map(|entries| Value::Object(entries.into_iter().collect::<Map<_, _>>()))
}

fn key_path(keys: &[String]) -> KeyPath {
    let quoted: Vec<String> = keys
        .iter()
        .map(|key| format!("[{}]", Value::from(key.as_str())))
        .collect();
    quoted.concat().parse().unwrap()
}

proptest! {
    #[test]
    fn what_was_set_is_got_and_all_comments_stay(
        document in document(),
        keys in prop::collection::vec(key(), 1..4),
        value in prop_oneof![scalar(), tree()],
    ) {
        let mut text = String::new();
        let mut count = 0;
        commented(&document, 0, &mut count, &mut text);
        let at = key_path(&keys);
        match set_text(&text, &at, value.clone()) {
            Ok(changed) => {
                let meant = parse_value(&changed, true).unwrap();
                prop_assert_eq!(get(&meant, &at), Some(&value), "{}", changed);
                // Comments inside a value that was replaced or shortened go with it; all others stay.
                let old = get(&document, &at);
                if old.is_none_or(|old| !old.is_object() && !old.is_array()) {
                    for number in 1..=count {
                        let note = format!("note{number};");
                        prop_assert!(changed.contains(&note), "{} lost in {}", note, changed);
                    }
                }
                // And everything else means what it meant: setting it back gives the document again.
                if let Some(old) = old {
                    let back = set_text(&changed, &at, old.clone()).unwrap();
                    prop_assert_eq!(parse_value(&back, true).unwrap(), document);
                } else if keys.len() == 1 {
                    let back = unset_text(&changed, &at).unwrap();
                    prop_assert_eq!(parse_value(&back, true).unwrap(), document);
                }
            }
            Err(EditError::NoContainer { .. } | EditError::NoItem { .. }) => {}
            Err(other) => prop_assert!(false, "{} in {}", other, text),
        }
    }

    #[test]
    fn what_was_unset_is_gone_and_nothing_else(
        document in document(),
        keys in prop::collection::vec(key(), 1..4),
    ) {
        let mut text = String::new();
        commented(&document, 0, &mut 0, &mut text);
        let at = key_path(&keys);
        match unset_text(&text, &at) {
            Ok(changed) => {
                let meant = parse_value(&changed, true).unwrap();
                prop_assert_eq!(get(&meant, &at), None);
                let old = get(&document, &at).unwrap().clone();
                let back = set_text(&changed, &at, old).unwrap();
                prop_assert_eq!(parse_value(&back, true).unwrap(), document);
            }
            Err(EditError::NotFound(_)) => prop_assert_eq!(get(&document, &at), None),
            Err(other) => prop_assert!(false, "{} in {}", other, text),
        }
    }
}
