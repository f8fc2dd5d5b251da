//! Families whose markers stand in square brackets.

use serde_json::value::RawValue;

use super::cursor::{Cursor, repeated};
use super::{Written, json};

/// Mistral: `[TOOL_CALLS][{…}, {…}]`, and since 2025 `[TOOL_CALLS]NAME[ARGS]{…}` for each call, with `[CALL_ID]…` behind
/// the name in some models and without `[ARGS]` where the server drops that token.
pub(super) fn mistral(text: &str) -> Option<Vec<Written>> {
    let mut cursor = Cursor::new(text);
    let mut calls = Vec::new();
    while !cursor.is_at_end() {
        cursor.take("[TOOL_CALLS]")?;
        cursor.skip_space();
        if cursor.peek() == Some('[') {
            let objects: Vec<&RawValue> = serde_json::from_str(cursor.array()?).ok()?;
            for object in objects {
                calls.push(json::call(object.get())?);
            }
        } else {
            let name = cursor.name();
            if cursor.take_if("[CALL_ID]") {
                cursor.name();
            }
            cursor.take_if("[ARGS]");
            cursor.skip_space();
            calls.push(Written::json(name, cursor.object()?));
        }
        cursor.skip_space();
    }
    Some(calls)
}

/// LM Studio: `[TOOL_REQUEST]{"name": …, "arguments": {…}}[END_TOOL_REQUEST]`, or the name in the brackets and the
/// arguments alone behind it.
pub(super) fn lm_studio(text: &str) -> Option<Vec<Written>> {
    repeated(text, |cursor| {
        cursor.take("[")?;
        let name = cursor.name();
        cursor.take("]")?;
        cursor.skip_space();
        let object = cursor.object()?;
        cursor.skip_space();
        cursor.take("[END_TOOL_REQUEST]")?;
        match name {
            "TOOL_REQUEST" => json::call(object),
            name => Some(Written::json(name, object)),
        }
    })
}
