//! The report of keys that are valid but not acted on.

use serde_json::{Value, json};

use super::schema;
use crate::schema::{built_keys, unbuilt};

#[test]
fn every_built_key_is_in_the_schema() {
    let schema = schema();
    for built in built_keys() {
        let (path, word) = built.split_once('=').unwrap_or((built, ""));
        let mut at = &schema;
        for segment in path.split('.') {
            if let Some(target) = at.get("$ref").and_then(Value::as_str) {
                at = &schema["$defs"][target.trim_start_matches("#/$defs/")];
            }
            let next = match segment {
                "*" => at.get("items").or(at.get("additionalProperties")),
                // `params` takes any name.
                key => at["properties"].get(key).or(at.get("additionalProperties")),
            };
            at = next.unwrap_or_else(|| panic!("{built}: no {segment}"));
        }
        if !word.is_empty() {
            assert!(
                at["enum"].as_array().unwrap().contains(&json!(word)),
                "{built}"
            );
        }
    }
}

#[test]
fn nothing_is_reported_of_an_empty_file() {
    assert_eq!(unbuilt(&json!({})), Vec::<String>::new());
}

#[test]
fn what_is_not_built_is_reported_once_for_each_feature() {
    let config = json!({
        "env": {"vars": {"A": "b"}},
        "gateway": {"port": 1, "auth": {"mode": "token"}},
        "channels": {
            "telegram": {"botToken": "t", "groups": {"*": {}}},
            "discord": {"enabled": false, "token": "t"},
            "defaults": {"groupPolicy": "open"}
        },
        "session": {"dmScope": "main", "reset": {"mode": "idle", "idleMinutes": 5}},
        "logging": {"level": "info", "file": "/x", "consoleStyle": "json"},
        "agents": {
            "defaults": {"model": {"primary": "p/m"}, "heartbeat": {"every": "30m", "target": "last"}},
            "list": [
                {"id": "a", "identity": {"name": "A"}, "model": "p/m"},
                {"id": "b", "identity": {"name": "B"}, "sandbox": {"mode": "all"}, "humanDelay": {"mode": "off"}}
            ]
        },
        "models": {
            "providers": {
                "z.ai": {"baseUrl": "u", "auth": "oauth", "models": []},
                "aws": {"baseUrl": "u", "auth": "api-key", "api": "bedrock-converse-stream", "models": [
                    {"id": "m", "name": "M", "api": "github-copilot"}
                ]}
            },
            "bedrockDiscovery": {"enabled": true}
        }
    });
    assert_eq!(
        unbuilt(&config),
        [
            "gateway",
            "channels.telegram",
            "channels.defaults",
            "session.dmScope",
            "session.reset",
            "logging.consoleStyle",
            "agents.defaults.heartbeat",
            "agents.list.*.identity",
            "agents.list.*.humanDelay",
            "models.providers[z.ai].auth",
            "models.providers.aws.api",
            "models.providers.aws.models.*.api",
            "models.bedrockDiscovery",
        ]
    );
}

#[test]
fn odd_values_do_not_upset_the_report() {
    for config in [
        json!(null),
        json!([1]),
        json!("x"),
        json!({"agents": 1, "models": [null]}),
    ] {
        unbuilt(&config);
    }
    assert_eq!(unbuilt(&json!({"agents": 1})), Vec::<String>::new());
}
