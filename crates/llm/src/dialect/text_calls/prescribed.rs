//! Calls in the form that the system prompt asked for: taken for calls behind words too, and where they are not valid.
//!
//! A model that was told how to call tools and writes the mark of a call means one. What is wrong with it is for the
//! model to read in the call's result.

use super::cursor::Cursor;
use super::{Arguments, Call, json};
use crate::call_form::MARK;

const END: &str = "</tool_call>";

/// The calls that `text` begins with, whose first stands behind a [`MARK`]. What follows the last of them is not read:
/// the model wrote it without having seen a result. A call whose name cannot be told has none. `None` for a text that
/// begins no call.
pub(super) fn calls(text: &str) -> Option<Vec<Call>> {
    let mut cursor = Cursor::new(text);
    let mut calls = Vec::new();
    loop {
        cursor.skip_space();
        if !cursor.take_if(MARK) {
            break;
        }
        cursor.skip_space();
        if cursor.take_if("```") {
            cursor.take_while(|c| c.is_ascii_alphabetic());
            cursor.skip_space();
        }
        if cursor.peek() != Some('{') {
            break;
        }
        let call = match cursor.object() {
            Some(object) => {
                let call = json::call(object).and_then(|call| match call.arguments {
                    Arguments::Json(arguments) => Some(Call {
                        name: call.name,
                        arguments,
                    }),
                    Arguments::Text(_) => None,
                });
                call.unwrap_or_else(|| loosely(object))
            }
            None => loosely(cursor.until_any(&[END, MARK])),
        };
        calls.push(call);
        cursor.skip_space();
        if cursor.take_if("```") {
            cursor.skip_space();
        }
        cursor.take_if(END);
    }
    (!calls.is_empty()).then_some(calls)
}

/// Name and arguments of a call that is not JSON, or not only of these two.
fn loosely(text: &str) -> Call {
    let text = text.trim().trim_end_matches('`').trim_end();
    let name = value_of(text, &["name"]).unwrap_or_default();
    let quote = name.chars().next().filter(|c| matches!(c, '"' | '\''));
    let name = quote.and_then(|quote| name[1..].split(quote).next());
    let arguments = value_of(text, &["arguments", "parameters"]).unwrap_or_default();
    let arguments = match Cursor::new(arguments).object() {
        Some(object) => object,
        // The last brace is the call's own.
        None => arguments.strip_suffix('}').unwrap_or(arguments).trim_end(),
    };
    Call {
        name: name.unwrap_or_default().to_owned(),
        arguments: arguments.to_owned(),
    }
}

/// What stands behind the first of these keys.
fn value_of<'a>(text: &'a str, keys: &[&str]) -> Option<&'a str> {
    keys.iter().find_map(|key| {
        let quoted = ['"', '\''].map(|quote| format!("{quote}{key}{quote}"));
        let (at, length) = quoted
            .iter()
            .find_map(|key| text.find(key.as_str()).map(|at| (at, key.len())))?;
        let behind = text[at + length..].trim_start().strip_prefix(':')?;
        Some(behind.trim_start())
    })
}

/// Whether a mark that stands behind `words` is only spoken of: in code, or in quotes.
pub(super) fn is_quoted(words: &str) -> bool {
    words.ends_with(['`', '"', '\'']) || words.matches("```").count() % 2 == 1
}
