//! Families that frame calls with special tokens of their own.

use super::Written;
use super::cursor::Cursor;

/// The calls between `begin` and `end`, each read by `call`; nothing may follow.
fn section(
    text: &str,
    begin: &str,
    end: &str,
    call: impl Fn(&mut Cursor<'_>) -> Option<Written>,
) -> Option<Vec<Written>> {
    let mut cursor = Cursor::new(text);
    let mut calls = Vec::new();
    cursor.take(begin)?;
    loop {
        cursor.skip_space();
        if cursor.take_if(end) {
            break;
        }
        calls.push(call(&mut cursor)?);
    }
    cursor.is_at_end().then_some(calls)
}

/// DeepSeek: V3.1 writes `NAME<｜tool▁sep｜>{…}` for each call, V3 and R1 `function<｜tool▁sep｜>NAME` and the arguments
/// in a fence.
pub(super) fn deepseek(text: &str) -> Option<Vec<Written>> {
    section(
        text,
        "<｜tool▁calls▁begin｜>",
        "<｜tool▁calls▁end｜>",
        |cursor| {
            cursor.take("<｜tool▁call▁begin｜>")?;
            let head = cursor.until("<｜tool▁sep｜>")?.trim();
            cursor.skip_space();
            let call = if cursor.peek() == Some('{') {
                Written::json(head, cursor.object()?)
            } else {
                let name = cursor.name();
                cursor.skip_space();
                cursor.take("```json")?;
                cursor.skip_space();
                let object = cursor.object()?;
                cursor.skip_space();
                cursor.take("```")?;
                Written::json(name, object)
            };
            cursor.skip_space();
            cursor.take("<｜tool▁call▁end｜>")?;
            Some(call)
        },
    )
}

/// Kimi K2: `functions.NAME:INDEX` and the arguments for each call.
pub(super) fn kimi(text: &str) -> Option<Vec<Written>> {
    section(
        text,
        "<|tool_calls_section_begin|>",
        "<|tool_calls_section_end|>",
        |cursor| {
            cursor.take("<|tool_call_begin|>")?;
            let id = cursor.until("<|tool_call_argument_begin|>")?.trim();
            let name = id.strip_prefix("functions.").unwrap_or(id);
            let name = match name.rsplit_once(':') {
                Some((name, index)) if index.bytes().all(|b| b.is_ascii_digit()) => name,
                _ => name,
            };
            cursor.skip_space();
            let call = Written::json(name, cursor.object()?);
            cursor.skip_space();
            cursor.take("<|tool_call_end|>")?;
            Some(call)
        },
    )
}
