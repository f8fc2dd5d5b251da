//! Families that write a call as a JSON object with the tool's name and its arguments.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::cursor::repeated;
use super::{Arguments, Written};

/// `{"name": …, "arguments": {…}}`; Llama says `parameters`, some add `"type": "function"` or an id.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Object<'a> {
    #[serde(rename = "type", default)]
    _kind: IgnoredAny,
    #[serde(rename = "id", default)]
    _id: IgnoredAny,
    name: String,
    #[serde(borrow, alias = "parameters")]
    arguments: Option<&'a RawValue>,
}

/// The call in such an object. Arguments may be left out, or be JSON in a string.
pub(super) fn call(object: &str) -> Option<Written> {
    let Object {
        name, arguments, ..
    } = serde_json::from_str(object).ok()?;
    let arguments = match arguments.map(RawValue::get) {
        None => "{}".to_owned(),
        Some(json) if json.starts_with('"') => serde_json::from_str::<String>(json).ok()?,
        Some(json) => json.to_owned(),
    };
    Some(Written {
        name,
        arguments: Arguments::Json(arguments),
    })
}

/// Hermes, Qwen2.5, Qwen3: `<tool_call>{…}</tool_call>`, one after the other.
pub(super) fn hermes(text: &str) -> Option<Vec<Written>> {
    repeated(text, |cursor| {
        cursor.take("<tool_call>")?;
        cursor.skip_space();
        let call = call(cursor.object()?)?;
        cursor.skip_space();
        cursor.take("</tool_call>")?;
        Some(call)
    })
}

/// Llama 3: objects behind `<|python_tag|>` or bare, parted by semicolons or white space.
pub(super) fn llama(text: &str) -> Option<Vec<Written>> {
    repeated(text, |cursor| {
        let tagged = cursor.take_if("<|python_tag|>");
        cursor.skip_space();
        let object = cursor.object()?;
        // Bare, an object with a name alone is more likely data than a call.
        if !tagged {
            let object: Object<'_> = serde_json::from_str(object).ok()?;
            object.arguments?;
        }
        cursor.skip_space();
        cursor.take_if(";");
        call(object)
    })
}
