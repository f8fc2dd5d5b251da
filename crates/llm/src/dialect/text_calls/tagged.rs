//! Families that write each argument in tags of its own. Their values are plain text without escapes.

use super::cursor::{Cursor, repeated};
use super::{Arguments, Written};

fn written(name: &str, pairs: Vec<(String, String)>) -> Written {
    Written {
        name: name.trim().to_owned(),
        arguments: Arguments::Text(pairs),
    }
}

/// A value without the line breaks that only set it apart from its tags.
fn framed(value: &str) -> String {
    let value = value.strip_prefix('\n').unwrap_or(value);
    value.strip_suffix('\n').unwrap_or(value).to_owned()
}

/// Qwen3-Coder: `<tool_call><function=NAME><parameter=KEY>…</parameter></function></tool_call>`. The model sometimes
/// forgets the outer tag, or only its beginning.
pub(super) fn qwen_coder(text: &str) -> Option<Vec<Written>> {
    repeated(text, |cursor| {
        let wrapped = cursor.take_if("<tool_call>");
        cursor.skip_space();
        cursor.take("<function=")?;
        let name = cursor.until(">")?;
        let mut pairs = Vec::new();
        loop {
            cursor.skip_space();
            if cursor.take_if("</function>") {
                break;
            }
            cursor.take("<parameter=")?;
            let key = cursor.until(">")?.trim().to_owned();
            let value = cursor.until_close("</parameter>", &["<parameter=", "</function>"])?;
            pairs.push((key, framed(value)));
        }
        cursor.skip_space();
        let closed = cursor.take_if("</tool_call>");
        (closed || !wrapped).then(|| written(name, pairs))
    })
}

/// GLM: `<tool_call>NAME<arg_key>k</arg_key><arg_value>v</arg_value></tool_call>`.
pub(super) fn glm(text: &str) -> Option<Vec<Written>> {
    repeated(text, |cursor| {
        cursor.take("<tool_call>")?;
        cursor.skip_space();
        let name = cursor.name();
        let mut pairs = Vec::new();
        loop {
            cursor.skip_space();
            if cursor.take_if("</tool_call>") {
                break;
            }
            cursor.take("<arg_key>")?;
            let key = cursor.until("</arg_key>")?.trim().to_owned();
            cursor.skip_space();
            cursor.take("<arg_value>")?;
            let value = cursor.until_close("</arg_value>", &["<arg_key>", "</tool_call>"])?;
            pairs.push((key, value.to_owned()));
        }
        Some(written(name, pairs))
    })
}

/// MiniMax M2: one or more `<invoke name="NAME">` with `<parameter name="k">v</parameter>` in `<minimax:tool_call>`.
pub(super) fn minimax(text: &str) -> Option<Vec<Written>> {
    let mut cursor = Cursor::new(text);
    let mut calls = Vec::new();
    while !cursor.is_at_end() {
        cursor.take("<minimax:tool_call>")?;
        loop {
            cursor.skip_space();
            if cursor.take_if("</minimax:tool_call>") {
                break;
            }
            calls.push(invoke(&mut cursor)?);
        }
        cursor.skip_space();
    }
    Some(calls)
}

fn invoke(cursor: &mut Cursor<'_>) -> Option<Written> {
    cursor.take("<invoke name=\"")?;
    let name = cursor.until("\">")?;
    let mut pairs = Vec::new();
    loop {
        cursor.skip_space();
        if cursor.take_if("</invoke>") {
            return Some(written(name, pairs));
        }
        cursor.take("<parameter name=\"")?;
        let key = cursor.until("\">")?.to_owned();
        let value = cursor.until_close("</parameter>", &["<parameter name=\"", "</invoke>"])?;
        pairs.push((key, framed(value)));
    }
}
