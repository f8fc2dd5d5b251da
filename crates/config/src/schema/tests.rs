//! The types against the documented keys, and the JSON Schema against the types.
#![allow(clippy::unwrap_used)]

mod built;
mod defaults;
mod guide;
mod json_schema;
mod keys;

use serde_json::{Map, Value};

use super::Config;

fn parse(value: Value) -> Config {
    serde_json::from_value(value).unwrap()
}

fn schema() -> Value {
    schemars::schema_for!(Config).to_value()
}

/// Calls `see` with every schema in `schema`, itself included.
fn visit<'a>(schema: &'a Value, see: &mut dyn FnMut(&'a Map<String, Value>)) {
    let Value::Object(object) = schema else {
        return;
    };
    see(object);
    for key in ["properties", "$defs"] {
        let named = object.get(key).and_then(Value::as_object);
        named
            .into_iter()
            .flatten()
            .for_each(|(_, child)| visit(child, see));
    }
    for key in ["items", "additionalProperties"] {
        object
            .get(key)
            .into_iter()
            .for_each(|child| visit(child, see));
    }
    let forms = object.get("anyOf").and_then(Value::as_array);
    forms
        .into_iter()
        .flatten()
        .for_each(|child| visit(child, see));
}
