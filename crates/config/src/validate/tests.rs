//! The walker against the whole schema, and each keyword's words.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::validate;
use crate::json_schema::shared;
use crate::pattern::Pattern;
use crate::rewrite::parse_plain;

/// The issues of `text`, as `path: sentence`.
fn issues_with(schema: &Value, text: &str) -> Vec<String> {
    validate(schema, &parse_plain(text).unwrap())
        .iter()
        .map(|issue| format!("{}: {}", issue.shown_path(), issue.sentence()))
        .collect()
}

fn issues(text: &str) -> Vec<String> {
    issues_with(shared(), text)
}

/// Keywords that only describe.
const ANNOTATIONS: [&str; 8] = [
    "$schema",
    "$defs",
    "title",
    "description",
    "default",
    "examples",
    "enumDescriptions",
    "deprecated",
];

/// Keywords that the walker checks.
const CHECKED: [&str; 23] = [
    "$ref",
    "type",
    "format",
    "enum",
    "const",
    "allOf",
    "anyOf",
    "oneOf",
    "properties",
    "additionalProperties",
    "patternProperties",
    "propertyNames",
    "required",
    "items",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "minLength",
    "maxLength",
    "pattern",
];

/// Calls `see` with every schema inside `schema`.
fn visit(schema: &Value, see: &mut dyn FnMut(&serde_json::Map<String, Value>)) {
    let Value::Object(object) = schema else {
        return;
    };
    see(object);
    for (keyword, value) in object {
        match keyword.as_str() {
            "properties" | "patternProperties" | "$defs" => {
                for child in value.as_object().unwrap().values() {
                    visit(child, see);
                }
            }
            "allOf" | "anyOf" | "oneOf" => {
                for child in value.as_array().unwrap() {
                    visit(child, see);
                }
            }
            "items" | "additionalProperties" | "propertyNames" => visit(value, see),
            _ => {}
        }
    }
}

#[test]
fn no_keyword_of_the_schema_goes_unchecked() {
    let mut unknown = BTreeSet::new();
    visit(shared(), &mut |schema| {
        unknown.extend(
            schema
                .keys()
                .filter(|key| {
                    !CHECKED.contains(&key.as_str()) && !ANNOTATIONS.contains(&key.as_str())
                })
                .cloned(),
        );
    });
    assert_eq!(unknown, BTreeSet::new());
}

#[test]
fn every_pattern_of_the_schema_compiles_and_has_words() {
    let mut patterns = BTreeSet::new();
    visit(shared(), &mut |schema| {
        if let Some(pattern) = schema.get("pattern") {
            patterns.insert(pattern.as_str().unwrap().to_owned());
        }
        if let Some(by_pattern) = schema.get("patternProperties") {
            patterns.extend(by_pattern.as_object().unwrap().keys().cloned());
        }
    });
    assert!(!patterns.is_empty());
    for pattern in patterns {
        assert!(
            Pattern::new(&pattern).is_some(),
            "{pattern} is not understood"
        );
        let words = super::pattern_words(&pattern);
        assert!(!words.contains(&pattern), "{pattern} has no words");
    }
}

#[test]
fn a_file_with_every_key_is_right() {
    let every_key = include_str!("../schema/tests/every_key.json");
    assert_eq!(issues(every_key), [""; 0]);
}

#[test]
fn finds_what_the_types_would_refuse() {
    // Every scalar of the file with every key, replaced by an object that no key takes: the walker must refuse what
    // deserialising refuses, and nothing else.
    let every_key: Value =
        serde_json::from_str(include_str!("../schema/tests/every_key.json")).unwrap();
    let mut count = 0;
    for (key, block) in every_key.as_object().unwrap() {
        let mut pointers = Vec::new();
        scalars(block, String::new(), &mut pointers);
        for pointer in pointers {
            count += 1;
            let mut broken = block.clone();
            *broken.pointer_mut(&pointer).unwrap() = json!({"no such key": [null]});
            let document = json!({ key: broken });
            let checked = issues(&document.to_string()).is_empty();
            let typed = serde_json::from_value::<crate::schema::Config>(document).is_ok();
            assert_eq!(typed, checked, "{key}{pointer}");
        }
    }
    assert!(count > 300);
}

fn scalars(value: &Value, pointer: String, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, child) in map {
                let key = key.replace('~', "~0").replace('/', "~1");
                scalars(child, format!("{pointer}/{key}"), found);
            }
        }
        Value::Array(items) => {
            for (index, child) in items.iter().enumerate() {
                scalars(child, format!("{pointer}/{index}"), found);
            }
        }
        _ => found.push(pointer),
    }
}

#[test]
fn unknown_keys_get_a_suggestion_or_the_known_ones() {
    assert_eq!(
        issues("{models: {providers: {lab: {baseURL: 'x', baseUrl: 'x', models: []}}}}"),
        ["models.providers.lab.baseURL: unknown key; did you mean \"baseUrl\"?"]
    );
    assert_eq!(
        issues("{gatway: {}}"),
        ["gatway: unknown key; did you mean \"gateway\"?"]
    );
    assert_eq!(
        issues("{models: {nonsense: 1}}"),
        ["models.nonsense: unknown key; known here: mode, providers, bedrockDiscovery"]
    );
}

#[test]
fn wrong_types_are_told_in_words() {
    assert_eq!(
        issues("{gateway: {port: '18789'}}"),
        ["gateway.port: expected a whole number from 1 to 65535, found a string"]
    );
    assert_eq!(
        issues("{gateway: {port: 1.5}}"),
        ["gateway.port: expected a whole number from 1 to 65535, found the number 1.5"]
    );
    assert_eq!(
        issues("{gateway: []}"),
        ["gateway: expected an object, found a list"]
    );
    assert_eq!(
        issues("{cron: {enabled: null}}"),
        ["cron.enabled: expected true or false, found null"]
    );
    assert_eq!(issues("[]"), ["<root>: expected an object, found a list"]);
}

#[test]
fn words_out_of_a_fixed_set_get_a_suggestion() {
    assert_eq!(
        issues("{logging: {level: 'wran'}}"),
        [
            "logging.level: expected one of \"silent\", \"fatal\", \"error\", \"warn\", \"info\", \"debug\", \"trace\", found \"wran\"; did you mean \"warn\"?"
        ]
    );
}

#[test]
fn values_of_two_forms_are_told_by_the_form_that_was_meant() {
    assert_eq!(
        issues("{commands: {native: 'atuo'}}"),
        ["commands.native: expected \"auto\", found \"atuo\"; did you mean \"auto\"?"]
    );
    assert_eq!(
        issues("{commands: {native: 3}}"),
        ["commands.native: expected true or false or \"auto\", found a number"]
    );
    assert_eq!(
        issues("{agents: {list: [{id: 'a', model: {primry: 'x/y'}}]}}"),
        ["agents.list[0].model.primry: unknown key; did you mean \"primary\"?"]
    );
}

#[test]
fn bounds_lengths_and_shapes() {
    assert_eq!(
        issues("{gateway: {port: 0}}"),
        ["gateway.port: expected a whole number from 1 to 65535, found 0"]
    );
    assert_eq!(
        issues("{session: {reset: {atHour: 24}}}"),
        ["session.reset.atHour: expected a whole number from 0 to 23, found 24"]
    );
    assert_eq!(
        issues("{agents: {defaults: {heartbeat: {every: 'often'}}}}"),
        [
            "agents.defaults.heartbeat.every: expected a duration such as \"30m\" (units ms, s, m, h, d)"
        ]
    );
    let long = "x".repeat(51);
    assert_eq!(
        issues(&format!("{{ui: {{assistant: {{name: '{long}'}}}}}}")),
        ["ui.assistant.name: expected at most 50 characters, found 51"]
    );
    assert_eq!(
        issues("{models: {providers: {lab: {baseUrl: '', models: []}}}}"),
        ["models.providers.lab.baseUrl: expected text that is not empty"]
    );
    assert_eq!(
        issues("{agents: {defaults: {contextTokens: 1e19}}}").len(),
        1,
        "a number that 64 bits don't hold"
    );
}

#[test]
fn required_keys_are_named_with_what_they_hold() {
    assert_eq!(
        issues("{models: {providers: {lab: {}}}}"),
        [
            "models.providers.lab.baseUrl: this key is required; expected a string",
            "models.providers.lab.models: this key is required; expected a list",
        ]
    );
}

#[test]
fn keywords_that_the_schema_may_come_to_use() {
    let schema = json!({
        "type": "object",
        "properties": {
            "ratio": {"type": "number", "exclusiveMinimum": 0.0, "maximum": 1.0},
            "tags": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 3, "uniqueItems": true},
            "never": false,
            "kind": {"oneOf": [{"const": "a", "type": "string"}, {"const": "b", "type": "string"}]},
            "byte": {"type": "integer", "format": "uint8"},
        },
        "patternProperties": {"^x-": {"type": "string"}},
        "propertyNames": {"maxLength": 8},
        "additionalProperties": {"type": "boolean"},
    });
    assert_eq!(
        issues_with(
            &schema,
            "{ratio: 0, tags: ['a', 'a'], never: 1, kind: 'c', byte: 256, 'x-y': 1, z: 'no', verylongname: true}"
        ),
        [
            "ratio: expected a number of at most 1 greater than 0, found 0",
            "tags[1]: this item stands twice in the list",
            "never: no value is allowed here",
            "kind: expected one of \"a\", \"b\", found \"c\"",
            "byte: expected a whole number from 0 to 255, found 256",
            "x-y: expected a string, found a number",
            "z: expected true or false, found a string",
            "verylongname: expected at most 8 characters, found 12",
        ]
    );
}
