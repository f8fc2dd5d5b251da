//! Tools to offer to a model, and what their arguments must be.

use moltbot_llm::ToolSpec;
use serde_json::{Value, json};

fn tool(name: &str, description: &str, properties: Value, required: &[&str]) -> ToolSpec {
    ToolSpec {
        name: name.into(),
        description: description.into(),
        parameters: json!({"type": "object", "properties": properties, "required": required}),
    }
}

/// Ten tools with every kind of schema: choices, numbers with and without limits, lists, objects in lists.
pub(crate) fn tools() -> Vec<ToolSpec> {
    let text = || json!({"type": "string"});
    vec![
        tool(
            "get_weather",
            "Weather forecast for a city.",
            json!({
                "city": text(),
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
                "days": {"type": "integer", "minimum": 1, "maximum": 14},
            }),
            &["city"],
        ),
        tool(
            "send_message",
            "Send a message to a person.",
            json!({"to": text(), "text": text(), "urgent": {"type": "boolean"}}),
            &["to", "text"],
        ),
        tool(
            "set_timer",
            "Start a timer.",
            json!({"minutes": {"type": "integer"}, "label": text()}),
            &["minutes"],
        ),
        tool(
            "search_files",
            "Find files by name or content.",
            json!({"query": text(), "folder": text(), "limit": {"type": "integer", "minimum": 1}}),
            &["query"],
        ),
        tool(
            "calculate",
            "Do arithmetic.",
            json!({
                "operation": {"type": "string", "enum": ["add", "subtract", "multiply", "divide", "power", "root"]},
                "numbers": {"type": "array", "items": {"type": "number"}, "minItems": 1},
            }),
            &["operation", "numbers"],
        ),
        tool(
            "add_event",
            "Add an event to the calendar.",
            json!({
                "title": text(),
                "start": {"type": "object", "properties": {"date": text(), "time": text()}, "required": ["date"]},
                "guests": {"type": "array", "items": {"type": "string"}},
            }),
            &["title", "start"],
        ),
        tool(
            "translate",
            "Translate a text.",
            json!({
                "text": text(),
                "language": {"type": "string", "enum": ["English", "French", "German", "Italian", "Japanese", "Portuguese", "Spanish"]},
            }),
            &["text", "language"],
        ),
        tool(
            "control_light",
            "Switch or dim the light of a room.",
            json!({"room": text(), "on": {"type": "boolean"}, "level": {"type": "number", "minimum": 0, "maximum": 100}}),
            &["room", "on"],
        ),
        tool(
            "play_music",
            "Play music.",
            json!({"what": text(), "volume": {"type": "integer", "minimum": 0, "maximum": 100}}),
            &["what"],
        ),
        tool(
            "order_food",
            "Order food.",
            json!({"items": {"type": "array", "minItems": 1, "items": {
                "type": "object",
                "properties": {"dish": text(), "count": {"type": "integer", "minimum": 1}, "extras": {"type": "array", "items": {"type": "string"}}},
                "required": ["dish", "count"],
            }}}),
            &["items"],
        ),
    ]
}

/// Whether `value` is what the schema asks for, by every keyword that these tools use; or what is wrong with it.
pub(crate) fn fits(schema: &Value, value: &Value) -> Result<(), String> {
    let wrong = |what: &str| Err(format!("{value} is {what} by {schema}"));
    let kind_fits = match schema["type"].as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64(),
        "number" => value.is_number(),
        other => return Err(format!("{other} is no type that the tools use")),
    };
    if !kind_fits {
        return wrong("of the wrong type");
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        return wrong("not in the list");
    }
    if let Some(number) = value.as_f64() {
        let least = schema["minimum"].as_f64().unwrap_or(f64::MIN);
        let most = schema["maximum"].as_f64().unwrap_or(f64::MAX);
        if !(least..=most).contains(&number) {
            return wrong("out of range");
        }
    }
    if let Some(items) = value.as_array() {
        if (items.len() as u64) < schema["minItems"].as_u64().unwrap_or(0) {
            return wrong("too short");
        }
        items
            .iter()
            .try_for_each(|item| fits(&schema["items"], item))?;
    }
    if let Some(object) = value.as_object() {
        let required = schema["required"].as_array().into_iter().flatten();
        for key in required.filter_map(Value::as_str) {
            if !object.contains_key(key) {
                return wrong("incomplete");
            }
        }
        for (key, value) in object {
            let Some(schema) = schema["properties"].get(key) else {
                return wrong("more than is allowed");
            };
            fits(schema, value)?;
        }
    }
    Ok(())
}
