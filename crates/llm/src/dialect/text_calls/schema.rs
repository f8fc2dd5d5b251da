//! The part of JSON Schema that decides whether arguments fit a tool. Keywords that it does not know accept everything:
//! the tool itself looks again.

use serde_json::Value;

/// Whether `schema` allows `value`, by `type`, `enum`, `required`, `properties`, `additionalProperties` and `items`.
pub(super) fn accepts(schema: &Value, value: &Value) -> bool {
    let Some(keywords) = schema.as_object() else {
        return *schema != Value::Bool(false);
    };
    let has_type = match keywords.get("type") {
        Some(Value::String(kind)) => is_of(kind, value),
        Some(Value::Array(kinds)) => kinds
            .iter()
            .filter_map(Value::as_str)
            .any(|kind| is_of(kind, value)),
        _ => true,
    };
    let is_listed = match keywords.get("enum") {
        Some(Value::Array(allowed)) => allowed.contains(value),
        _ => true,
    };
    let holds = match value {
        Value::Object(object) => {
            let required = keywords.get("required").and_then(Value::as_array);
            let is_complete = required
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .all(|key| object.contains_key(key));
            is_complete
                && object.iter().all(|(key, value)| {
                    property(schema, key).is_none_or(|schema| accepts(schema, value))
                })
        }
        Value::Array(items) => match keywords.get("items") {
            Some(schema @ (Value::Object(_) | Value::Bool(_))) => {
                items.iter().all(|item| accepts(schema, item))
            }
            _ => true,
        },
        _ => true,
    };
    has_type && is_listed && holds
}

/// The schema of a property of objects that `schema` describes; `None` where it says nothing.
pub(super) fn property<'a>(schema: &'a Value, key: &str) -> Option<&'a Value> {
    let named = schema
        .get("properties")
        .and_then(|properties| properties.get(key));
    named.or_else(|| {
        // A pattern may cover the key, and patterns are not read here.
        match schema.get("patternProperties") {
            Some(_) => None,
            None => schema.get("additionalProperties"),
        }
    })
}

/// What a value written as plain text means where `schema` describes it: text wherever text is allowed, else the JSON
/// (or Python word) that the schema accepts, else text after all.
pub(super) fn read_text(schema: Option<&Value>, text: String) -> Value {
    let schema = schema.unwrap_or(&Value::Bool(true));
    let json = match text.trim() {
        "True" => Some(Value::Bool(true)),
        "False" => Some(Value::Bool(false)),
        "None" => Some(Value::Null),
        other => serde_json::from_str(other).ok(),
    };
    match json {
        Some(Value::Null) if names_type(schema, "null") => Value::Null,
        Some(value) if !allows_text(schema, &text) && accepts(schema, &value) => value,
        _ => Value::String(text),
    }
}

/// Whether the schema says in so many words that this text may stand as it is.
fn allows_text(schema: &Value, text: &str) -> bool {
    names_type(schema, "string")
        || schema
            .get("enum")
            .and_then(Value::as_array)
            .is_some_and(|allowed| allowed.iter().any(|one| one.as_str() == Some(text)))
}

/// Whether the schema, or a branch of it, names the type.
fn names_type(schema: &Value, kind: &str) -> bool {
    let named = match schema.get("type") {
        Some(Value::String(only)) => only == kind,
        Some(Value::Array(kinds)) => kinds.iter().any(|one| one.as_str() == Some(kind)),
        _ => false,
    };
    let mut branches = ["anyOf", "oneOf"]
        .into_iter()
        .filter_map(|keyword| schema.get(keyword)?.as_array())
        .flatten();
    named || branches.any(|branch| names_type(branch, kind))
}

fn is_of(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "integer" => {
            value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|n| n.fract() == 0.0)
        }
        _ => true,
    }
}
