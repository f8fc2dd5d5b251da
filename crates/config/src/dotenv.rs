//! `.env` files, read as the program that these files were written for reads them (Node's `dotenv`).
//!
//! The `dotenvy` crate reads another dialect: it expands `$` (so a key such as `sk-a$b` would lose its end),
//! refuses blanks in bare values and `-` in names, and asks the process environment while it parses.

use std::path::Path;

use crate::environment::Environment;

/// One assignment of a `.env` file.
type Assignment = (String, String);

/// Whether a variable is the key of a provider or a channel: all that a `.env` file may give that anybody may have put
/// where it lies.
pub(crate) fn is_key(name: &str) -> bool {
    const ENDINGS: [&str; 4] = ["_KEY", "_TOKEN", "_SECRET", "_PASSWORD"];
    const OWN: [&str; 2] = ["MOLTBOT_", "CLAWDBOT_"];
    let begins_like_own = OWN.iter().any(|own| name.starts_with(own));
    ENDINGS.iter().any(|ending| name.ends_with(ending)) && !begins_like_own
}

/// Fills those variables from the `.env` file at `path` that are `taken`, leaving those that have a value. A missing file
/// is no problem; one that can't be read, and lines that are no assignments, are told in `warnings`.
pub(crate) fn fill_from(
    path: &Path,
    taken: fn(&str) -> bool,
    environment: &mut Environment,
    warnings: &mut Vec<String>,
) {
    let shown = environment.shown(path);
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error)
            if matches!(
                error.kind(),
                std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
            ) =>
        {
            return;
        }
        Err(error) => {
            warnings.push(format!(
                "{shown}: could not be read ({error}); its variables are not set."
            ));
            return;
        }
    };
    let text = String::from_utf8_lossy(&bytes);
    let (assignments, bad_lines) = parse(&text);
    for line in bad_lines {
        warnings.push(format!(
            "{shown}:{line}: this line is not NAME=value; it is ignored."
        ));
    }
    // Within one file the last assignment wins.
    let last: std::collections::BTreeMap<String, String> = assignments.into_iter().collect();
    for (name, value) in last.into_iter().filter(|(name, _)| taken(name)) {
        environment.fill(&name, &value);
    }
}

/// The assignments of a `.env` text, and the numbers of the lines that are none.
fn parse(text: &str) -> (Vec<Assignment>, Vec<usize>) {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let text = crate::spanned::without_bom(&text);
    let mut assignments = Vec::new();
    let mut bad_lines = Vec::new();
    let mut rest = text;
    let mut line_number = 0;
    while !rest.is_empty() {
        line_number += 1;
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        let trimmed = line.trim_start();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            rest = after;
            continue;
        }
        let Some((name, value)) = name_and_value(trimmed) else {
            bad_lines.push(line_number);
            rest = after;
            continue;
        };
        match value.chars().next() {
            // A quoted value may run over several lines, to the next quote of its kind.
            Some(quote @ ('"' | '\'' | '`')) => {
                // `value` is the end of `line`, and so begins in `rest` where that many bytes of `line` remain.
                let opened = &rest[line.len() - value.len() + 1..];
                match closing_quote(opened, quote) {
                    Some(end) => {
                        assignments.push((name.to_owned(), unescaped(&opened[..end], quote)));
                        line_number += opened[..end].matches('\n').count();
                        rest = opened[end..]
                            .split_once('\n')
                            .map_or("", |(_, after)| after);
                    }
                    None => {
                        assignments.push((name.to_owned(), bare(value)));
                        rest = after;
                    }
                }
            }
            _ => {
                assignments.push((name.to_owned(), bare(value)));
                rest = after;
            }
        }
    }
    (assignments, bad_lines)
}

/// Splits `export NAME = value` (or `NAME: value`) into the name and what follows the sign.
fn name_and_value(line: &str) -> Option<(&str, &str)> {
    let line = match line.strip_prefix("export") {
        Some(rest) if rest.starts_with([' ', '\t']) => rest.trim_start(),
        _ => line,
    };
    let end = line
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-')))
        .unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    let value = match rest.trim_start().strip_prefix('=') {
        Some(value) => value,
        None => rest
            .strip_prefix(':')
            .filter(|value| value.starts_with([' ', '\t']))?,
    };
    (!name.is_empty()).then(|| (name, value.trim_start()))
}

/// The place of the next `quote` that no backslash stands before.
fn closing_quote(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (index, c) in text.char_indices() {
        if c == quote && !escaped {
            return Some(index);
        }
        escaped = c == '\\' && !escaped;
    }
    None
}

/// Only double quotes know escapes, and only these two.
fn unescaped(text: &str, quote: char) -> String {
    if quote == '"' {
        text.replace("\\n", "\n").replace("\\r", "\r")
    } else {
        text.to_owned()
    }
}

/// A value without quotes: up to a `#`, without the blanks around it.
fn bare(value: &str) -> String {
    value
        .split('#')
        .next()
        .unwrap_or_default()
        .trim()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::parse;
    use proptest::prelude::*;

    fn values(text: &str) -> Vec<(String, String)> {
        parse(text).0
    }

    fn one(text: &str) -> String {
        values(text)
            .pop()
            .map(|(_, value)| value)
            .unwrap_or_default()
    }

    #[test]
    fn reads_bare_and_quoted_values() {
        assert_eq!(one("A=b"), "b");
        assert_eq!(one("  export A = b c  # note"), "b c");
        assert_eq!(one("A: b"), "b");
        assert_eq!(one("A='b # c' # note"), "b # c");
        assert_eq!(one("A=\"b\\nc\""), "b\nc");
        assert_eq!(one("A='b\\nc'"), "b\\nc");
        assert_eq!(one("A=`it's \"so\"`"), "it's \"so\"");
        assert_eq!(one("A="), "");
        assert_eq!(one("A-B.c=1"), "1");
        assert_eq!(one("A=x=y=="), "x=y==");
    }

    #[test]
    fn keeps_secrets_as_they_are() {
        assert_eq!(one("KEY=sk-a$b${HOME}\\x"), "sk-a$b${HOME}\\x");
        assert_eq!(one("KEY=\"sk-a$b\""), "sk-a$b");
    }

    #[test]
    fn quoted_values_may_have_lines() {
        let text = "A=\"one\ntwo\"\r\nnot a line\nB='open\nC=3";
        let (assignments, bad) = parse(text);
        assert_eq!(
            assignments,
            [
                ("A".to_owned(), "one\ntwo".to_owned()),
                ("B".to_owned(), "'open".to_owned()),
                ("C".to_owned(), "3".to_owned()),
            ]
        );
        assert_eq!(bad, [3]);
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "([A-Z =:#'\"`\\\\\n\r$é]|export ){0,60}") {
            let _ = parse(&text);
        }
    }
}
