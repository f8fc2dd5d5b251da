//! What a text of the configuration is made of: words, variables, and references to secrets kept elsewhere.

use std::path::PathBuf;

use crate::references::words::{self, NotWords};
use crate::references::{KeyringName, SecretSource};

/// A part of a text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece<'t> {
    /// Stands for itself.
    Text(&'t str),
    /// `${NAME}`, by its name.
    Variable(&'t str),
    /// `${file:…}`, `${command:…}` or `${keyring:…}`. A file's path is as written.
    Secret(SecretSource),
    /// What begins like one of these and is none, and why: the end of a sentence.
    Malformed(String),
}

/// Takes a text apart. `$${…}` stands for the text `${…}`, and a `${…}` that is none of [`Piece`] for itself.
pub(crate) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        if dollar > 0 {
            pieces.push(Piece::Text(&rest[..dollar]));
        }
        rest = &rest[dollar..];
        let escaped = rest.strip_prefix('$').and_then(enclosed);
        if let Some((_, length)) = escaped {
            pieces.push(Piece::Text(&rest[1..1 + length]));
            rest = &rest[1 + length..];
        } else if let Some((piece, length)) = enclosed(rest) {
            pieces.push(piece);
            rest = &rest[length..];
        } else {
            pieces.push(Piece::Text("$"));
            rest = &rest[1..];
        }
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    pieces
}

/// The variable or reference that `text` starts with, and its length in bytes.
fn enclosed(text: &str) -> Option<(Piece<'_>, usize)> {
    let inner = text.strip_prefix("${")?;
    let Some((kind, given)) = inner
        .split_once(':')
        .filter(|(kind, _)| matches!(*kind, "file" | "command" | "keyring"))
    else {
        let name = name_to_brace(inner)?;
        return Some((Piece::Variable(name), "${}".len() + name.len()));
    };
    let before = text.len() - given.len();
    let unclosed = || {
        let message = format!("${{{kind}: has no }} that ends it");
        (Piece::Malformed(message), text.len())
    };
    if kind == "command" {
        return Some(match words::to_brace(given) {
            Ok((words, length)) if words.is_empty() => {
                let message = "${command:} names no program".to_owned();
                (Piece::Malformed(message), before + length + 1)
            }
            Ok((words, length)) => (
                Piece::Secret(SecretSource::Command(words)),
                before + length + 1,
            ),
            Err(NotWords::Unclosed) => unclosed(),
            Err(NotWords::Shell { sign, at }) => {
                let message = format!(
                    "no shell reads ${{command:…}}, so that {sign} means nothing in it: put it in '…', or name a script"
                );
                let end = given[at..]
                    .find('}')
                    .map_or(text.len(), |end| before + at + end + 1);
                (Piece::Malformed(message), end)
            }
        });
    }
    let Some((given, _)) = given.split_once('}') else {
        return Some(unclosed());
    };
    let length = before + given.len() + 1;
    let given = given.trim();
    let piece = match (kind, given.parse::<KeyringName>()) {
        ("keyring", Ok(name)) => Piece::Secret(SecretSource::Keyring(name)),
        ("keyring", Err(error)) => Piece::Malformed(error.to_string()),
        _ if given.is_empty() => Piece::Malformed("${file:} names no file".to_owned()),
        _ => Piece::Secret(SecretSource::File(PathBuf::from(given))),
    };
    Some((piece, length))
}

/// The variable name that `text` starts with, when a `}` follows it.
fn name_to_brace(text: &str) -> Option<&str> {
    let (name, _) = text.split_once('}')?;
    let mut bytes = name.bytes();
    let starts = bytes
        .next()
        .is_some_and(|byte| byte.is_ascii_uppercase() || byte == b'_');
    let goes_on =
        bytes.all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    (starts && goes_on).then_some(name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn command(words: &[&str]) -> Piece<'static> {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        Piece::Secret(SecretSource::Command(words))
    }

    fn file(path: &str) -> Piece<'static> {
        Piece::Secret(SecretSource::File(path.into()))
    }

    #[test]
    fn texts_are_taken_apart() {
        use Piece::{Text, Variable};
        let cases: [(&str, Vec<Piece<'_>>); 8] = [
            ("", vec![]),
            (
                "a${B_9}c${D}",
                vec![Text("a"), Variable("B_9"), Text("c"), Variable("D")],
            ),
            (
                "Bearer ${file: ~/k y.txt }!",
                vec![Text("Bearer "), file("~/k y.txt"), Text("!")],
            ),
            (
                "${command:pass show 'a}b' \"c}\" \\}}${X}",
                vec![command(&["pass", "show", "a}b", "c}", "}"]), Variable("X")],
            ),
            (
                "${keyring:lab/key-1}",
                vec![Piece::Secret(SecretSource::Keyring(
                    "lab/key-1".parse().unwrap(),
                ))],
            ),
            (
                "$${file:x} $${command:a 'b}'}$${V}",
                vec![
                    Text("${file:x}"),
                    Text(" "),
                    Text("${command:a 'b}'}"),
                    Text("${V}"),
                ],
            ),
            ("${files:x}", vec![Text("$"), Text("{files:x}")]),
            ("$5", vec![Text("$"), Text("5")]),
        ];
        for (text, expected) in cases {
            assert_eq!(pieces(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_reference_says_why() {
        for (text, says) in [
            ("${file:x", "has no }"),
            ("${file: }", "names no file"),
            ("${command:'a}", "has no }"),
            ("${command: }", "names no program"),
            ("${command:a | b}", "| means nothing"),
            ("${command:echo \"$HOME\"}", "$ means nothing"),
            ("${keyring:}", "name"),
            ("${keyring:-x}", "name"),
            ("${keyring:a b}", "name"),
        ] {
            let found = pieces(text);
            assert!(
                matches!(found.as_slice(), [Piece::Malformed(message)] if message.contains(says)),
                "{text}: {found:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_text_is_taken_apart(text in "(\\$|\\{|\\}|file:|command:|keyring:|'|\"|\\\\|[A-Z é|]){0,20}") {
            let _ = pieces(&text);
        }

        #[test]
        fn a_text_without_dollars_stays(text in "[^$]{0,30}") {
            let expected = if text.is_empty() { vec![] } else { vec![Piece::Text(&text)] };
            prop_assert_eq!(pieces(&text), expected);
        }
    }
}
