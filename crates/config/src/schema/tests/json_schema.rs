//! The JSON Schema, against the rules for it and against the types.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{parse, schema, visit};

#[test]
fn every_key_says_what_it_is() {
    let schema = schema();
    let mut count = 0;
    visit(&schema, &mut |object| {
        let named = object.get("properties").and_then(Value::as_object);
        for (key, property) in named.into_iter().flatten() {
            let text = property.get("description").and_then(Value::as_str);
            assert!(
                text.is_some_and(|text| text.len() > 3 && text.ends_with('.')),
                "{key}: {property}"
            );
            count += 1;
        }
    });
    assert!(count > 600, "{count} keys");
}

#[test]
fn the_json_schema_never_offers_null() {
    let text = schema().to_string();
    assert!(!text.contains("\"null\""), "null is offered");
}

#[test]
fn the_json_schema_closes_every_block_but_the_open_ones() {
    let schema = schema();
    let mut open = BTreeSet::new();
    for (name, block) in schema["$defs"].as_object().unwrap() {
        if block.get("properties").is_some() && block["additionalProperties"] != json!(false) {
            open.insert(name.as_str());
        }
    }
    assert_eq!(schema["additionalProperties"], json!(false));
    let documented = [
        "Broadcast",
        "Env",
        "GatewayTls",
        "HookMatch",
        "InternalHook",
    ];
    assert_eq!(open, BTreeSet::from(documented));
}

#[test]
fn the_json_schema_holds_ranges_patterns_and_words() {
    let schema = schema();
    let defs = &schema["$defs"];
    let reset = &defs["Reset"]["properties"];
    assert_eq!(reset["atHour"]["type"], json!("integer"));
    assert_eq!(reset["atHour"]["minimum"], json!(0));
    assert_eq!(reset["atHour"]["maximum"], json!(23));
    assert_eq!(reset["mode"]["enum"], json!(["daily", "idle"]));
    let description = reset["mode"]["description"].as_str().unwrap();
    assert!(description.starts_with("Once a day"), "{description}");
    let model = &defs["ProviderModel"];
    assert_eq!(model["required"], json!(["id", "name"]));
    assert_eq!(model["properties"]["id"]["minLength"], json!(1));
    assert_eq!(model["properties"]["contextWindow"]["minimum"], json!(1));
    let heartbeat = &defs["Heartbeat"]["properties"];
    assert!(heartbeat["every"]["pattern"].is_string());
    assert_eq!(
        defs["Compaction"]["properties"]["maxHistoryShare"]["maximum"],
        json!(0.9)
    );
    assert_eq!(
        schema["properties"]["models"]["$ref"],
        json!("#/$defs/Models")
    );
    assert_eq!(
        defs["AgentDefaults"]["properties"]["mediaMaxMb"]["exclusiveMinimum"],
        json!(0)
    );
}

/// A value that `schema` describes, with every key set. The `turn` picks among words and forms.
/// `None` where a block would contain itself.
fn sample<'a>(
    schema: &'a Value,
    defs: &'a Value,
    turn: usize,
    within: &mut Vec<&'a str>,
) -> Option<Value> {
    if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
        let name = target.trim_start_matches("#/$defs/");
        if within.contains(&name) {
            return None;
        }
        within.push(name);
        let value = sample(&defs[name], defs, turn, within);
        within.pop();
        return value;
    }
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        return Some(words[turn % words.len()].clone());
    }
    if let Some(forms) = schema.get("anyOf").and_then(Value::as_array) {
        return sample(&forms[turn % forms.len()], defs, turn, within);
    }
    let kind = schema.get("type").and_then(Value::as_str);
    Some(match kind {
        Some("object") => {
            let mut object = Map::new();
            let named = schema.get("properties").and_then(Value::as_object);
            for (key, property) in named.into_iter().flatten() {
                if let Some(value) = sample(property, defs, turn, within) {
                    object.insert(key.clone(), value);
                }
            }
            if let Some(rest @ Value::Object(_)) = schema.get("additionalProperties") {
                let value = sample(rest, defs, turn, within)?;
                object.insert("some-name".to_owned(), value);
            }
            object.into()
        }
        Some("array") => vec![sample(schema.get("items")?, defs, turn, within)?].into(),
        Some("integer") => schema.get("minimum").cloned().unwrap_or(json!(7)),
        Some("number") => json!(0.5),
        Some("boolean") => json!(turn.is_multiple_of(2)),
        Some("string") => json!("text"),
        _ => json!({"anything": [1, "two"]}),
    })
}

#[test]
fn the_types_read_and_keep_whatever_the_json_schema_offers() {
    let schema = schema();
    // More turns than the longest list of words has, so that every word gets its turn.
    for turn in 0..8 {
        let offered = sample(&schema, &schema["$defs"], turn, &mut Vec::new()).unwrap();
        let config = parse(offered.clone());
        assert_eq!(
            serde_json::to_value(config).unwrap(),
            offered,
            "turn {turn}"
        );
    }
}
