//! Which keys are taken, kept and refused.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{parse, schema, visit};
use crate::schema::*;

/// Every documented key at least once, spelled as in the documentation.
const EVERY_KEY: &str = include_str!("every_key.json");

fn refusal(value: Value) -> String {
    serde_json::from_value::<Config>(value)
        .unwrap_err()
        .to_string()
}

#[test]
fn every_documented_key_is_kept() {
    let written: Value = serde_json::from_str(EVERY_KEY).unwrap();
    let config = parse(written.clone());
    assert_eq!(serde_json::to_value(config).unwrap(), written);
}

#[test]
fn the_types_know_no_key_beyond_the_documented_ones() {
    fn keys_of(value: &Value, keys: &mut BTreeSet<String>) {
        match value {
            Value::Object(object) => {
                for (key, value) in object {
                    keys.insert(key.clone());
                    keys_of(value, keys);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| keys_of(item, keys)),
            _ => {}
        }
    }
    let mut documented = BTreeSet::new();
    keys_of(&serde_json::from_str(EVERY_KEY).unwrap(), &mut documented);
    let schema = schema();
    let mut known = BTreeSet::new();
    visit(&schema, &mut |object| {
        let named = object.get("properties").and_then(Value::as_object);
        known.extend(named.into_iter().flatten().map(|(key, _)| key.clone()));
    });
    let extra: Vec<_> = known.difference(&documented).collect();
    assert!(extra.is_empty(), "not documented: {extra:?}");
}

#[test]
fn the_top_level_keys_are_the_documented_ones() {
    // Those of the original, and `mcp`.
    let documented = "meta env wizard diagnostics logging update browser ui auth models nodeHost \
        agents tools bindings broadcast audio media messages commands approvals session cron hooks \
        web channels discovery canvasHost talk gateway mcp skills plugins";
    let schema = schema();
    let known: Vec<_> = schema["properties"].as_object().unwrap().keys().collect();
    assert_eq!(known, documented.split_whitespace().collect::<Vec<_>>());
}

#[test]
fn an_empty_file_is_a_config() {
    let config = parse(json!({}));
    assert_eq!(config, Config::default());
    assert_eq!(serde_json::to_value(config).unwrap(), json!({}));
}

#[test]
fn unknown_keys_are_refused_at_every_depth() {
    let provider = |extra: Value| {
        let mut provider = json!({"baseUrl": "http://h/v1", "models": [{"id": "m", "name": "M"}]});
        provider["models"][0]["compat"] = extra;
        json!({"models": {"providers": {"p": provider}}})
    };
    parse(provider(json!({"supportsStore": true})));
    for (config, key) in [
        (json!({"modles": {}}), "modles"),
        (json!({"agents": {"defaults": {"modle": {}}}}), "modle"),
        (
            json!({"agents": {"list": [{"id": "a", "nmae": "A"}]}}),
            "nmae",
        ),
        (provider(json!({"supportsStoer": true})), "supportsStoer"),
        (json!({"channels": {"telegarm": {}}}), "telegarm"),
        (
            json!({"channels": {"telegram": {"groups": {"*": {"requireMentoin": true}}}}}),
            "requireMentoin",
        ),
        (
            json!({"channels": {"telegram": {"accounts": {"a": {"botTokne": "t"}}}}}),
            "botTokne",
        ),
        (
            json!({"session": {"resetByType": {"dm": {"atHuor": 4}}}}),
            "atHuor",
        ),
        (
            json!({"agents": {"defaults": {"sandbox": {"docker": {"allowedControlUrls": []}}}}}),
            "allowedControlUrls",
        ),
        (
            json!({"session": {"heartbeatIdleMinutes": 5}}),
            "heartbeatIdleMinutes",
        ),
    ] {
        let message = refusal(config);
        assert!(
            message.contains(&format!("unknown field `{key}`")),
            "{message}"
        );
    }
}

#[test]
fn keys_of_other_versions_pass_where_the_documentation_lets_them() {
    let written = json!({
        "gateway": {"tls": {"future": true}},
        "hooks": {
            "mappings": [{"match": {"future": 1}}],
            "internal": {"entries": {"soul-evil": {"chance": 0.1}}}
        }
    });
    let config = parse(written.clone());
    assert_eq!(serde_json::to_value(config).unwrap(), written);
}

#[test]
fn wrong_values_are_refused() {
    for (config, words) in [
        (
            json!({"models": {"mode": "add"}}),
            "unknown variant `add`, expected `merge` or `replace`",
        ),
        (
            json!({"agents": {"defaults": {"model": "a/b"}}}),
            "invalid type: string \"a/b\", expected struct ModelChain",
        ),
        (
            json!({"agents": {"defaults": {"model": null}}}),
            "invalid type: null",
        ),
        (
            json!({"commands": {"native": "maybe"}}),
            "expected true, false or \"auto\"",
        ),
        (
            json!({"session": {"reset": {"mode": "weekly"}}}),
            "unknown variant `weekly`",
        ),
        (
            json!({"agents": {"list": [{"name": "A"}]}}),
            "missing field `id`",
        ),
        (
            json!({"models": {"providers": {"p": {"models": []}}}}),
            "missing field `baseUrl`",
        ),
        (
            json!({"models": {"providers": {"p": {"baseUrl": "u"}}}}),
            "missing field `models`",
        ),
        (json!({"env": {"PORT": 8080}}), "expected a string"),
        (
            json!({"agents": {"defaults": {"timeoutSeconds": -1}}}),
            "invalid value: integer `-1`",
        ),
        (
            json!({"channels": {"slack": {"accounts": {"a": {"accounts": {}}}}}}),
            "account \"a\" cannot have accounts of its own",
        ),
        (
            json!({"agents": {"defaults": {"contextPruning": {"mode": "adaptive"}}}}),
            "unknown variant `adaptive`",
        ),
        (
            json!({"session": {"sendPolicy": {"rules": [{"action": "deny", "match": {"chatType": "room"}}]}}}),
            "unknown variant `room`",
        ),
    ] {
        let message = refusal(config);
        assert!(message.contains(words), "{message}");
    }
}
