//! Tool schemas in the subset of JSON Schema that every server's grammar builder takes.

use serde_json::{Map, Value, json};

/// References and nesting are followed this deep; a schema that goes deeper (or round) ends in "anything".
const DEPTH: usize = 12;

/// The schema with nothing in it but types, properties, required names, items, enumerations and descriptions. What it
/// allows is at least what the original allows, but for alternatives, of which the first object (or first kind) is kept.
pub(crate) fn simplify(schema: &Value) -> Value {
    let mut simple = simple(schema, schema, DEPTH);
    // Arguments are an object, whatever the schema's root says.
    if simple.get("type").and_then(Value::as_str) != Some("object") {
        simple["type"] = "object".into();
    }
    if !simple["properties"].is_object() {
        simple["properties"] = json!({});
    }
    simple
}

fn simple(schema: &Value, root: &Value, depth: usize) -> Value {
    let Value::Object(keys) = schema else {
        // `true` and `false` as schemas; anything else is none.
        return json!({});
    };
    let Some(depth) = depth.checked_sub(1) else {
        return json!({});
    };
    if let Some(target) = keys.get("$ref").and_then(Value::as_str) {
        let target = target.strip_prefix('#').and_then(|at| root.pointer(at));
        return target.map_or_else(|| json!({}), |target| simple(target, root, depth));
    }
    let mut out = Map::new();
    for combined in ["allOf", "anyOf", "oneOf"] {
        let Some(Value::Array(branches)) = keys.get(combined) else {
            continue;
        };
        let branches: Vec<Value> = branches
            .iter()
            .filter(|branch| branch["type"] != "null")
            .map(|branch| simple(branch, root, depth))
            .collect();
        match combined {
            "allOf" => branches
                .into_iter()
                .for_each(|branch| join(&mut out, branch)),
            _ => {
                let object = branches.iter().find(|branch| branch["type"] == "object");
                if let Some(chosen) = object.or(branches.first()) {
                    join(&mut out, chosen.clone());
                }
                // Only what every alternative wants is required of all.
                if branches.len() > 1 {
                    out.remove("required");
                }
            }
        }
    }
    match keys.get("type") {
        Some(Value::String(kind)) => {
            out.insert("type".into(), kind.clone().into());
        }
        Some(Value::Array(kinds)) => {
            if let Some(kind) = kinds.iter().find(|kind| *kind != "null") {
                out.insert("type".into(), kind.clone());
            }
        }
        _ => {}
    }
    if let Some(text @ Value::String(_)) = keys.get("description") {
        out.insert("description".into(), text.clone());
    }
    match (keys.get("enum"), keys.get("const")) {
        (Some(Value::Array(values)), _) => {
            let values: Vec<Value> = values.iter().filter(|v| !v.is_null()).cloned().collect();
            if !values.is_empty() {
                out.insert("enum".into(), values.into());
            }
        }
        (_, Some(value)) if !value.is_null() => {
            out.insert("enum".into(), json!([value]));
        }
        _ => {}
    }
    if !out.contains_key("type")
        && let Some(Value::Array(values)) = out.get("enum")
        && values.iter().all(Value::is_string)
    {
        out.insert("type".into(), "string".into());
    }
    if let Some(Value::Object(properties)) = keys.get("properties") {
        let simpler: Map<String, Value> = properties
            .iter()
            .map(|(name, property)| (name.clone(), simple(property, root, depth)))
            .collect();
        let simpler = json!({"type": "object", "properties": simpler});
        join(&mut out, simpler);
    }
    if let Some(Value::Array(required)) = keys.get("required") {
        let known: Vec<Value> = required
            .iter()
            .filter(|name| {
                let properties = out.get("properties");
                name.as_str()
                    .is_some_and(|n| properties.is_some_and(|p| p.get(n).is_some()))
            })
            .cloned()
            .collect();
        if !known.is_empty() {
            out.insert("required".into(), known.into());
        }
    }
    if let Some(items) = keys.get("items") {
        out.insert("items".into(), simple(items, root, depth));
    } else if out.get("type").is_some_and(|kind| kind == "array") && !out.contains_key("items") {
        out.insert("items".into(), json!({}));
    }
    Value::Object(out)
}

/// Adds a schema's keys to another's; properties and required names join.
fn join(out: &mut Map<String, Value>, more: Value) {
    let Value::Object(more) = more else { return };
    for (key, value) in more {
        match (out.get_mut(&key), value) {
            (Some(Value::Object(have)), Value::Object(new)) => have.extend(new),
            (Some(Value::Array(have)), Value::Array(new)) if key == "required" => {
                have.extend(new);
            }
            (_, value) => {
                out.insert(key, value);
            }
        }
    }
}
