//! What a model gave, as the server's own schema wants it.
//!
//! A model sees a simplified schema. Where that asked for text that may hold JSON, because the server takes one of
//! several types there, the text is read.

use moltbot_agent::Arguments;
use serde_json::Value;

use super::schema::{Steps, View};

/// Nesting that is looked at.
const DEPTH: usize = 12;

/// Reads text as the JSON that it holds, wherever the server does not take text or the text is an object or a list.
pub(super) fn restore(arguments: &mut Arguments, schema: &Value) {
    let steps = Steps::default();
    let mut whole = Value::Object(std::mem::take(arguments));
    restore_value(&mut whole, schema, schema, &steps, DEPTH);
    if let Value::Object(object) = whole {
        *arguments = object;
    }
}

fn restore_value(value: &mut Value, schema: &Value, root: &Value, steps: &Steps, depth: usize) {
    if depth == 0 {
        return;
    }
    let places = places(schema, root, steps, 4);
    if let Value::String(text) = value {
        if let Some(meant) = read(text, &places) {
            *value = meant;
        } else {
            return;
        }
    }
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                let property = places.iter().find_map(|place| {
                    let found = place.properties.iter().find(|(known, _)| known == name);
                    found.map(|(_, property)| *property)
                });
                if let Some(property) = property {
                    restore_value(value, property, root, steps, depth - 1);
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = places.iter().find_map(|place| place.items) {
                for item in items {
                    restore_value(item, schema, root, steps, depth - 1);
                }
            }
        }
        _ => {}
    }
}

/// Everything that one place may be: the schema itself and its alternatives.
fn places<'a>(schema: &'a Value, root: &'a Value, steps: &Steps, depth: usize) -> Vec<View<'a>> {
    let view = View::of(root, schema, steps);
    let mut places = Vec::new();
    if depth > 0 {
        for alternative in &view.alternatives {
            places.extend(self::places(alternative, root, steps, depth - 1));
        }
    }
    if view.alternatives.is_empty() || !view.kinds.is_empty() {
        places.push(view);
    }
    places
}

/// The JSON that a text stands for, if it does.
fn read(text: &str, places: &[View<'_>]) -> Option<Value> {
    let takes = |kind: &str| {
        places
            .iter()
            .any(|place| place.kinds.is_empty() || place.kinds.contains(&kind))
    };
    let meant: Value = serde_json::from_str(text.trim()).ok()?;
    let is_taken = match &meant {
        Value::Object(_) => takes("object"),
        Value::Array(_) => takes("array"),
        // Text that looks like a number may well be text.
        _ if takes("string") => false,
        Value::Number(number) => takes("number") || (!number.is_f64() && takes("integer")),
        Value::Bool(_) => takes("boolean"),
        Value::Null => takes("null"),
        Value::String(_) => false,
    };
    is_taken.then_some(meant)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn text_that_stands_for_json_is_read_where_the_server_takes_it() {
        for (schema, given, sent) in [
            (
                json!({"type": ["integer", "boolean"]}),
                json!("5"),
                json!(5),
            ),
            (
                json!({"type": ["integer", "string"]}),
                json!("5"),
                json!("5"),
            ),
            (
                json!({"anyOf": [{"type": "string"}, {"type": "object"}]}),
                json!("{\"a\":1}"),
                json!({"a": 1}),
            ),
            (
                json!({"anyOf": [{"type": "string"}, {"type": "object"}]}),
                json!("{a"),
                json!("{a"),
            ),
            (
                json!({"type": "string"}),
                json!("{\"a\":1}"),
                json!("{\"a\":1}"),
            ),
            (json!({}), json!("[1]"), json!([1])),
            (json!({}), json!("1"), json!("1")),
            (json!({"$ref": "#/$defs/n"}), json!("7"), json!(7)),
            (
                json!({"type": "array", "items": {"type": ["integer", "boolean"]}}),
                json!(["1", "true", "x"]),
                json!([1, true, "x"]),
            ),
            (
                json!({"oneOf": [{"type": "object", "properties": {"n": {"type": ["integer", "null"]}}}, {"type": "null"}]}),
                json!({"n": "3", "m": "4"}),
                json!({"n": 3, "m": "4"}),
            ),
        ] {
            let whole = json!({"properties": {"x": schema}, "$defs": {"n": {"type": "integer"}}});
            let mut arguments = json!({"x": given}).as_object().unwrap().clone();
            restore(&mut arguments, &whole);
            assert_eq!(arguments["x"], sent, "{schema}");
        }
    }
}
