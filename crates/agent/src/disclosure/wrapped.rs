//! `tool_call`: a call of a tool that the model was not told of by itself.

use std::borrow::Cow;

use moltbot_llm::{ToolCall, ToolSpec};
use serde_json::{Value, json};

use super::TOOL_SEARCH;
use crate::arguments;

/// Its name.
const TOOL_CALL: &str = "tool_call";

/// Other names of its parameters, each with the one in its schema.
const ALIASES: [(&str, &str); 6] = [
    ("tool", "name"),
    ("tool_name", "name"),
    ("args", "arguments"),
    ("parameters", "arguments"),
    ("params", "arguments"),
    ("input", "arguments"),
];

/// How it is offered.
pub(super) fn spec() -> ToolSpec {
    ToolSpec {
        name: TOOL_CALL.to_owned(),
        description: format!("Call a tool that {TOOL_SEARCH} found."),
        parameters: json!({
            "type": "object",
            "properties": {
                "name": {"type": "string", "description": "its exact name"},
                "arguments": {"type": "object", "description": "by its own schema"},
            },
            "required": ["name", "arguments"],
        }),
    }
}

/// What a call asks for: the tool, and its arguments as the model wrote them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Asked<'a> {
    pub(crate) tool: Cow<'a, str>,
    pub(crate) arguments: Cow<'a, str>,
}

/// Takes a call of `tool_call` apart; any other is what it is.
///
/// # Errors
/// It cannot be read: one sentence for the model.
pub(crate) fn asked(call: &ToolCall) -> Result<Asked<'_>, String> {
    if call.name != TOOL_CALL {
        return Ok(Asked {
            tool: Cow::Borrowed(&call.name),
            arguments: Cow::Borrowed(&call.arguments),
        });
    }
    let expected = || {
        format!(
            "{TOOL_CALL} takes the name of a tool and the object of its arguments, such as {{\"name\": \"…\", \"arguments\": {{…}}}}; {TOOL_SEARCH} finds names and parameters."
        )
    };
    let mut outer = arguments::object(&call.arguments).ok_or_else(expected)?;
    arguments::rename(&mut outer, &ALIASES);
    let Some(Value::String(tool)) = outer.remove("name") else {
        return Err(expected());
    };
    let arguments = match outer.remove("arguments") {
        // Small models write an object into a string, or put its keys beside the name.
        Some(Value::String(text)) => text,
        Some(Value::Null) | None => Value::Object(outer).to_string(),
        Some(value) => value.to_string(),
    };
    Ok(Asked {
        tool: Cow::Owned(tool.trim().to_owned()),
        arguments: Cow::Owned(arguments),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn call(name: &str, arguments: &str) -> ToolCall {
        ToolCall {
            id: "1".to_owned(),
            name: name.to_owned(),
            arguments: arguments.to_owned(),
        }
    }

    #[test]
    fn a_wrapped_call_is_taken_apart_however_it_was_wrapped() {
        for arguments in [
            r#"{"name": "gh__find", "arguments": {"q": 1}}"#,
            r#"{"tool": " gh__find ", "args": {"q": 1}}"#,
            r#"{"name": "gh__find", "arguments": "{\"q\":1}"}"#,
            r#"{"name": "gh__find", "q": 1}"#,
            r#"{name: 'gh__find', arguments: {q: 1},}"#,
        ] {
            let call = call(TOOL_CALL, arguments);
            let asked = asked(&call).unwrap();
            assert_eq!(asked.tool, "gh__find", "{arguments}");
            assert_eq!(asked.arguments, r#"{"q":1}"#, "{arguments}");
        }
        let call = call("read", "not even JSON");
        let asked = asked(&call).unwrap();
        assert_eq!((&*asked.tool, &*asked.arguments), ("read", "not even JSON"));
    }

    #[test]
    fn a_wrapped_call_without_a_name_is_told_what_it_takes() {
        for arguments in ["", "[]", "{", r#"{"arguments": {}}"#, r#"{"name": 3}"#] {
            let error = asked(&call(TOOL_CALL, arguments)).unwrap_err();
            assert!(error.contains("tool_search finds names"), "{error}");
        }
    }
}
