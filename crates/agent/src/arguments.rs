//! A call's arguments as a model wrote them, made into what the tool's schema asks for.
//!
//! Small models write numbers in quotes, leave commas behind, put an object into a string, or say `null` for what they
//! leave out. What they mean is plain, so it is done; what is not plain is an error that says what was expected.

use moltbot_llm::ToolSpec;
use serde_json::{Map, Value};

use crate::tool::Arguments;

/// The arguments of a call of `tool`. `aliases` are other names of its parameters, each with the name in its schema.
///
/// # Errors
/// They cannot be read, or do not fit the schema: one sentence for the model.
pub(crate) fn read(
    text: &str,
    tool: &ToolSpec,
    aliases: &[(&str, &str)],
) -> Result<Arguments, String> {
    let mut arguments = object(text).ok_or_else(|| {
        format!(
            "The arguments of {} are not a JSON object. {}",
            tool.name,
            expected(&tool.parameters)
        )
    })?;
    rename(&mut arguments, aliases);
    let mut wrong = Vec::new();
    fit_object(&mut arguments, &tool.parameters, "", &mut wrong);
    match wrong.is_empty() {
        true => Ok(arguments),
        false => Err(format!(
            "{} {}",
            wrong.join(" "),
            expected(&tool.parameters)
        )),
    }
}

/// Gives values that came under another name the one in the schema, where that one has no value.
pub(crate) fn rename(arguments: &mut Arguments, aliases: &[(&str, &str)]) {
    for (alias, name) in aliases {
        if arguments.get(*name).is_none_or(Value::is_null)
            && let Some(value) = arguments.remove(*alias)
        {
            arguments.insert((*name).to_owned(), value);
        }
    }
}

/// The object that a text is, or holds as a string.
pub(crate) fn object(text: &str) -> Option<Arguments> {
    let text = text.trim();
    if text.is_empty() {
        return Some(Map::new());
    }
    let value = serde_json::from_str(text).ok().or_else(|| relaxed(text))?;
    match value {
        Value::Object(object) => Some(object),
        Value::Null => Some(Map::new()),
        Value::String(inner) => match serde_json::from_str(&inner).ok()? {
            Value::Object(object) => Some(object),
            _ => None,
        },
        _ => None,
    }
}

/// JSON with comments, commas too many, single quotes or bare keys.
fn relaxed(text: &str) -> Option<Value> {
    let options = jsonc_parser::ParseOptions::default();
    jsonc_parser::parse_to_serde_value::<Option<Value>>(text, &options).ok()?
}

/// What the tool takes, in one line.
fn expected(schema: &Value) -> String {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return String::new();
    };
    let required = required(schema);
    let list: Vec<String> = properties
        .iter()
        .map(|(name, property)| {
            let kind = property
                .get("type")
                .and_then(Value::as_str)
                .unwrap_or("any");
            match required.contains(&name.as_str()) {
                true => format!("{name} ({kind}, required)"),
                false => format!("{name} ({kind})"),
            }
        })
        .collect();
    match list.is_empty() {
        true => "It takes no parameters.".to_owned(),
        false => format!("Parameters: {}.", list.join(", ")),
    }
}

fn required(schema: &Value) -> Vec<&str> {
    let list = schema.get("required").and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

/// Makes an object fit, and notes what does not.
fn fit_object(object: &mut Arguments, schema: &Value, path: &str, wrong: &mut Vec<String>) {
    let required = required(schema);
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        for (name, property) in properties {
            let is_left_out = object.get(name).is_some_and(Value::is_null)
                && !allows(property, "null")
                && !required.contains(&name.as_str());
            if is_left_out {
                object.remove(name);
            }
            if let Some(value) = object.get_mut(name) {
                fit(value, property, &place(path, name), wrong);
            }
        }
    }
    for name in required {
        if !object.contains_key(name) {
            wrong.push(format!(
                "Missing required parameter: {}.",
                place(path, name)
            ));
        }
    }
}

fn place(path: &str, name: &str) -> String {
    match path {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    }
}

/// Makes a value fit, and notes where it does not.
fn fit(value: &mut Value, schema: &Value, path: &str, wrong: &mut Vec<String>) {
    convert(value, schema);
    let kinds = kinds(schema);
    if !kinds.is_empty() && !kinds.iter().any(|kind| is_of(kind, value)) {
        wrong.push(format!("{path} must be {}.", kinds.join(" or ")));
        return;
    }
    if let Some(allowed) = schema.get("enum").and_then(Value::as_array)
        && !allowed.contains(value)
    {
        let named: Vec<String> = allowed.iter().map(Value::to_string).collect();
        wrong.push(format!("{path} must be one of {}.", named.join(", ")));
        return;
    }
    match value {
        Value::Object(object) => fit_object(object, schema, path, wrong),
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                for (at, item) in items.iter_mut().enumerate() {
                    fit(item, schema, &format!("{path}[{at}]"), wrong);
                }
            }
        }
        _ => {}
    }
}

/// Rewrites a value of another type that plainly means one of the schema's.
fn convert(value: &mut Value, schema: &Value) {
    if let (Value::String(text), Some(allowed)) =
        (&*value, schema.get("enum").and_then(Value::as_array))
    {
        let same = |one: &&Value| {
            one.as_str()
                .is_some_and(|one| one.eq_ignore_ascii_case(text))
        };
        if let Some(one) = allowed.iter().find(same) {
            *value = one.clone();
        }
    }
    let kinds = kinds(schema);
    if kinds.is_empty() || kinds.iter().any(|kind| is_of(kind, value)) {
        return;
    }
    let converted = kinds.iter().find_map(|kind| match (*kind, &*value) {
        ("integer" | "number" | "boolean" | "array" | "object", Value::String(text)) => {
            let text = text.trim();
            let meant = match *kind {
                "boolean" => serde_json::from_str(&text.to_ascii_lowercase()).ok(),
                _ => serde_json::from_str(text).ok(),
            };
            meant.filter(|meant| is_of(kind, meant))
        }
        ("integer", Value::Number(number)) => {
            let whole = number
                .as_f64()
                .filter(|n| n.fract() == 0.0 && n.abs() < 9e15)?;
            // Whole and small enough to be exact.
            #[allow(clippy::cast_possible_truncation)]
            Some(Value::from(whole as i64))
        }
        ("string", Value::Number(number)) => Some(Value::String(number.to_string())),
        ("string", Value::Bool(yes)) => Some(Value::String(yes.to_string())),
        _ => None,
    });
    let converted = converted.or_else(|| {
        // One where a list is asked for.
        let items = schema.get("items").filter(|_| kinds.contains(&"array"))?;
        let mut item = value.clone();
        convert(&mut item, items);
        let kinds = self::kinds(items);
        (!item.is_null() && (kinds.is_empty() || kinds.iter().any(|kind| is_of(kind, &item))))
            .then(|| Value::Array(vec![item]))
    });
    if let Some(converted) = converted {
        *value = converted;
    }
}

/// The types that a schema names; empty means any.
fn kinds(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(kind)) => vec![kind],
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn allows(schema: &Value, kind: &str) -> bool {
    let kinds = kinds(schema);
    kinds.is_empty() || kinds.contains(&kind)
}

fn is_of(kind: &str, value: &Value) -> bool {
    match kind {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        // A type that is not JSON Schema's is the tool's own business.
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn tool() -> ToolSpec {
        ToolSpec {
            name: "search".to_owned(),
            description: String::new(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "query": {"type": "string"},
                    "count": {"type": "integer"},
                    "deep": {"type": "boolean"},
                    "mode": {"type": "string", "enum": ["fast", "good"]},
                    "tags": {"type": "array", "items": {"type": "string"}},
                    "with": {"type": "object", "properties": {"n": {"type": "number"}}, "required": ["n"]},
                },
                "required": ["query"],
            }),
        }
    }

    fn reads(text: &str) -> Value {
        Value::Object(read(text, &tool(), &[]).unwrap())
    }

    #[test]
    fn what_is_plainly_meant_is_taken() {
        for (text, meant) in [
            (
                r#"{"query":"x","other":1}"#,
                json!({"query": "x", "other": 1}),
            ),
            (r#"{'query':'x',}"#, json!({"query": "x"})),
            (r#""{\"query\":\"x\"}""#, json!({"query": "x"})),
            (
                r#"{"query":5,"count":"3"}"#,
                json!({"query": "5", "count": 3}),
            ),
            (
                r#"{"query":"x","count":3.0}"#,
                json!({"query": "x", "count": 3}),
            ),
            (r#"{"query":"x","count":null}"#, json!({"query": "x"})),
            (
                r#"{"query":"x","deep":"True"}"#,
                json!({"query": "x", "deep": true}),
            ),
            (
                r#"{"query":"x","mode":"Fast"}"#,
                json!({"query": "x", "mode": "fast"}),
            ),
            (
                r#"{"query":"x","tags":"a"}"#,
                json!({"query": "x", "tags": ["a"]}),
            ),
            (
                r#"{"query":"x","tags":"[\"a\",\"b\"]"}"#,
                json!({"query": "x", "tags": ["a", "b"]}),
            ),
            (
                r#"{"query":"x","with":"{\"n\":\"2.5\"}"}"#,
                json!({"query": "x", "with": {"n": 2.5}}),
            ),
        ] {
            assert_eq!(reads(text), meant, "{text}");
        }
    }

    #[test]
    fn what_is_not_plain_says_what_was_expected() {
        for (text, says) in [
            ("", "Missing required parameter: query."),
            ("[1]", "not a JSON object"),
            (r#"{"query":"x"#, "not a JSON object"),
            (r#"{"query":{"a":1}}"#, "query must be string."),
            (r#"{"query":"x","count":"many"}"#, "count must be integer."),
            (r#"{"query":"x","count":2.5}"#, "count must be integer."),
            (
                r#"{"query":"x","mode":"slow"}"#,
                r#"mode must be one of "fast", "good"."#,
            ),
            (
                r#"{"query":"x","with":{}}"#,
                "Missing required parameter: with.n.",
            ),
        ] {
            let error = read(text, &tool(), &[]).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
            assert!(error.contains("query (string, required)"), "{error}");
        }
    }

    #[test]
    fn another_name_of_a_parameter_is_taken_where_its_own_is_missing() {
        let aliases = [("q", "query"), ("search_query", "query")];
        for (text, meant) in [
            (r#"{"q":"x"}"#, json!({"query": "x"})),
            (r#"{"search_query":5}"#, json!({"query": "5"})),
            (r#"{"query":null,"q":"x"}"#, json!({"query": "x"})),
            (r#"{"query":"x","q":"y"}"#, json!({"query": "x", "q": "y"})),
        ] {
            let arguments = read(text, &tool(), &aliases).unwrap();
            assert_eq!(Value::Object(arguments), meant, "{text}");
        }
        let error = read(r#"{"other":"x"}"#, &tool(), &aliases).unwrap_err();
        assert!(
            error.contains("Missing required parameter: query."),
            "{error}"
        );
    }

    proptest! {
        #[test]
        fn any_text_is_arguments_that_fit_or_an_error(text in any::<String>()) {
            if let Ok(arguments) = read(&text, &tool(), &[("q", "query")]) {
                prop_assert!(arguments["query"].is_string());
            }
        }
    }
}
