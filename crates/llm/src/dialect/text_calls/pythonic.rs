//! Calls as a list of Python expressions: `[f(a=1), g(b="x")]` (Llama 3.2 and 4, Functionary, LFM and others).

use serde_json::{Map, Number, Value};

use super::cursor::Cursor;
use super::{Arguments, Written};

/// Lists and dictionaries inside each other, at most. No tool's arguments go deeper.
const DEPTH_LIMIT: usize = 32;

/// Calls with keyword arguments whose values are literals.
pub(super) fn calls(text: &str) -> Option<Vec<Written>> {
    let mut cursor = Cursor::new(text);
    cursor.take("[")?;
    let mut calls = Vec::new();
    items(&mut cursor, "]", |cursor| {
        let name = cursor.name();
        cursor.skip_space();
        cursor.take("(")?;
        let mut arguments = Map::new();
        items(cursor, ")", |cursor| {
            let key = Some(cursor.name()).filter(|key| !key.is_empty())?;
            cursor.skip_space();
            cursor.take("=")?;
            cursor.skip_space();
            let value = literal(cursor, 0)?;
            // Python refuses a keyword given twice.
            arguments
                .insert(key.to_owned(), value)
                .is_none()
                .then_some(())
        })?;
        calls.push(Written {
            name: name.to_owned(),
            arguments: Arguments::Json(Value::Object(arguments).to_string()),
        });
        Some(())
    })?;
    cursor.is_at_end().then_some(calls)
}

/// Items with commas between them, up to `close`; a comma may stand behind the last.
fn items(
    cursor: &mut Cursor<'_>,
    close: &str,
    mut item: impl FnMut(&mut Cursor<'_>) -> Option<()>,
) -> Option<()> {
    loop {
        cursor.skip_space();
        if cursor.take_if(close) {
            return Some(());
        }
        item(cursor)?;
        cursor.skip_space();
        if !cursor.take_if(",") {
            return cursor.take(close);
        }
    }
}

fn literal(cursor: &mut Cursor<'_>, depth: usize) -> Option<Value> {
    if depth > DEPTH_LIMIT {
        return None;
    }
    match cursor.peek()? {
        '"' | '\'' => Some(Value::String(string(cursor)?)),
        '[' => {
            cursor.take("[")?;
            let mut list = Vec::new();
            items(cursor, "]", |cursor| {
                list.push(literal(cursor, depth + 1)?);
                Some(())
            })?;
            Some(Value::Array(list))
        }
        '{' => {
            cursor.take("{")?;
            let mut map = Map::new();
            items(cursor, "}", |cursor| {
                let key = string(cursor)?;
                cursor.skip_space();
                cursor.take(":")?;
                cursor.skip_space();
                map.insert(key, literal(cursor, depth + 1)?);
                Some(())
            })?;
            Some(Value::Object(map))
        }
        _ => {
            match cursor
                .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | '_'))
            {
                "True" | "true" => Some(Value::Bool(true)),
                "False" | "false" => Some(Value::Bool(false)),
                "None" | "null" => Some(Value::Null),
                number => serde_json::from_str::<Number>(number)
                    .ok()
                    .map(Value::Number),
            }
        }
    }
}

/// A string in single or double quotes, with Python's escapes. Line breaks inside are let pass: models write them.
fn string(cursor: &mut Cursor<'_>) -> Option<String> {
    let quote = cursor.next_char().filter(|c| matches!(c, '"' | '\''))?;
    let mut text = String::new();
    loop {
        let c = match cursor.next_char()? {
            c if c == quote => return Some(text),
            '\\' => cursor.next_char()?,
            c => {
                text.push(c);
                continue;
            }
        };
        match c {
            'n' => text.push('\n'),
            't' => text.push('\t'),
            'r' => text.push('\r'),
            'b' => text.push('\u{8}'),
            'f' => text.push('\u{c}'),
            '\\' | '"' | '\'' => text.push(c),
            '\n' => {}
            'x' => text.push(code_point(cursor, 2)?),
            'u' => text.push(code_point(cursor, 4)?),
            'U' => text.push(code_point(cursor, 8)?),
            // As Python does with an escape that it does not know.
            other => text.extend(['\\', other]),
        }
    }
}

fn code_point(cursor: &mut Cursor<'_>, digits: usize) -> Option<char> {
    let mut code = 0;
    for _ in 0..digits {
        code = code * 16 + cursor.next_char()?.to_digit(16)?;
    }
    char::from_u32(code)
}
