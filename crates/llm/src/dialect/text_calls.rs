//! Tool calls that a model wrote as text, because its server does not know the model's own form of them.
//!
//! A reply is taken for calls only as a whole: nothing but calls, all in one family's form, each naming a tool that was
//! offered, with arguments that its schema allows. So prose that quotes or explains a call, or shows one in code, stays
//! text. Two things make what reads like calls behind words more than words about calls ([`held`]): the system prompt asked
//! for calls in just this form, which are then taken whatever their arguments ([`prescribed`]); or a grammar saw to it that
//! nothing is quoted, and then a call may be all of a block of code, too. Harmony's calls are read where its channels are,
//! in [`super::tags`].

mod brackets;
mod cursor;
mod held;
mod json;
mod opening;
mod prescribed;
mod pythonic;
mod schema;
mod tagged;
#[cfg(test)]
mod tests;
mod tokens;

use serde_json::{Map, Value};

use crate::request::ToolSpec;

pub(super) use held::HeldText;
use opening::Opening;
pub(super) use opening::{
    bare_pattern as bare_opening, fenced_pattern as fenced_opening, pattern as openings,
};

/// A call read from text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    /// The tool's name as offered.
    pub(super) name: String,
    /// A JSON object that the tool's schema allows; to the byte as written, where it was written as JSON. Anything where
    /// the call is in the prescribed form.
    pub(super) arguments: String,
}

/// A call in some family's form, not yet held against what was offered.
#[derive(Debug)]
struct Written {
    name: String,
    arguments: Arguments,
}

#[derive(Debug)]
enum Arguments {
    /// The text of a JSON object.
    Json(String),
    /// Keys and values of a form whose values are plain text: the schema tells what they mean.
    Text(Vec<(String, String)>),
}

impl Written {
    fn json(name: &str, arguments: &str) -> Self {
        Self {
            name: name.to_owned(),
            arguments: Arguments::Json(arguments.to_owned()),
        }
    }
}

/// Reads a text that is nothing but calls in one form; `None` for any other.
type Family = fn(&str) -> Option<Vec<Written>>;

const FAMILIES: &[Family] = &[
    json::hermes,
    json::llama,
    tagged::qwen_coder,
    tagged::glm,
    tagged::minimax,
    brackets::mistral,
    brackets::lm_studio,
    tokens::deepseek,
    tokens::kimi,
    pythonic::calls,
];

/// End-of-turn tokens that some servers leave in the text.
const TURN_ENDS: &[&str] = &[
    "</s>",
    "<|im_end|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<｜end▁of▁sentence｜>",
];

/// The calls that `text` consists of, in order; `None` unless it is wholly calls of `tools`, each with arguments that
/// validate.
pub(super) fn recover(text: &str, tools: &[ToolSpec]) -> Option<Vec<Call>> {
    if opening::look(text, tools) != Opening::Whole {
        return None;
    }
    let mut text = text.trim();
    while let Some(rest) = TURN_ENDS.iter().find_map(|end| text.strip_suffix(end)) {
        text = rest.trim_end();
    }
    FAMILIES.iter().find_map(|family| {
        let written = family(text)?;
        if written.is_empty() {
            return None;
        }
        written.into_iter().map(|call| bind(call, tools)).collect()
    })
}

/// The one call that `text`, a block of code and nothing else, consists of.
fn recover_fenced(text: &str, tools: &[ToolSpec]) -> Option<Vec<Call>> {
    let inner = text.trim().strip_prefix("```")?.strip_suffix("```")?;
    let object = inner.strip_prefix("json").unwrap_or(inner).trim();
    // The call is an object, and the parser of those takes any number.
    match json::llama(object)?.len() {
        1 => recover(object, tools),
        _ => None,
    }
}

/// Holds a call against the tool it names.
fn bind(call: Written, tools: &[ToolSpec]) -> Option<Call> {
    let tool = tools.iter().find(|tool| tool.name == call.name)?;
    let (value, json) = match call.arguments {
        Arguments::Json(json) => {
            let value: Value = serde_json::from_str(&json).ok()?;
            (value, json)
        }
        Arguments::Text(pairs) => {
            let mut object = Map::new();
            for (key, text) in pairs {
                let value = schema::read_text(schema::property(&tool.parameters, &key), text);
                // Two values for one key: there is no telling which was meant.
                if object.insert(key, value).is_some() {
                    return None;
                }
            }
            let value = Value::Object(object);
            let json = value.to_string();
            (value, json)
        }
    };
    (value.is_object() && schema::accepts(&tool.parameters, &value)).then_some(Call {
        name: call.name,
        arguments: json,
    })
}
