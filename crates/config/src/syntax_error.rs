//! What is wrong with a JSON5 text, in plain words.

use jsonc_parser::errors::{ParseError, ParseErrorKind};

/// The byte offset to point at, and what was expected there.
pub(crate) fn explain(error: &ParseError, text: &str) -> (usize, String) {
    let start = error.range().start;
    let found = found(text, start);
    let message = match error.kind() {
        ParseErrorKind::ExpectedComma => "expected a comma here, before the next entry".to_owned(),
        ParseErrorKind::ExpectedColonAfterObjectKey => {
            format!("expected \":\" between the key and its value, found {found}")
        }
        ParseErrorKind::ExpectedObjectValue => {
            "expected a value after \":\", found the end of the file".to_owned()
        }
        ParseErrorKind::ExpectedStringObjectProperty | ParseErrorKind::UnexpectedTokenInObject => {
            format!("expected a key or \"}}\", found {found}")
        }
        ParseErrorKind::ExpectedDigit
        | ParseErrorKind::ExpectedDigitFollowingNegativeSign
        | ParseErrorKind::ExpectedPlusMinusOrDigitInNumberLiteral => {
            format!("expected a digit of the number, found {found}")
        }
        ParseErrorKind::MultipleRootJsonValues => {
            format!("expected the end of the file after the configuration object, found {found}")
        }
        ParseErrorKind::UnexpectedCloseBrace
        | ParseErrorKind::UnexpectedCloseBracket
        | ParseErrorKind::UnexpectedColon
        | ParseErrorKind::UnexpectedComma => format!("expected a value, found {found}"),
        ParseErrorKind::UnexpectedWord => {
            format!("expected a value, found {found}; put quotes around text")
        }
        ParseErrorKind::UnterminatedArray => {
            "the \"[\" that opens here is never closed; add \"]\"".to_owned()
        }
        ParseErrorKind::UnterminatedObject => {
            "the \"{\" that opens here is never closed; add \"}\"".to_owned()
        }
        ParseErrorKind::UnterminatedCommentBlock => {
            "the comment that opens here is never closed; add \"*/\"".to_owned()
        }
        ParseErrorKind::NestingDepthExceeded => {
            "lists and objects are nested too deeply here".to_owned()
        }
        ParseErrorKind::String(kind) => string_error(kind),
        // What remains are forms that JSON5 allows, and tokens that no rule of it starts with.
        _ => format!("expected JSON5, found {found}"),
    };
    (start, message)
}

fn string_error(kind: &jsonc_parser::ParseStringErrorKind) -> String {
    use jsonc_parser::ParseStringErrorKind as Kind;
    match kind {
        Kind::UnterminatedStringLiteral => {
            "the string that starts here is never closed; add the closing quote".to_owned()
        }
        Kind::ExpectedFourHexDigits => "expected four hex digits after \"\\u\"".to_owned(),
        Kind::ExpectedTwoHexDigits => "expected two hex digits after \"\\x\"".to_owned(),
        Kind::InvalidUnicodeEscapeSequence(sequence) => {
            format!("\"{sequence}\" is not a Unicode character")
        }
        Kind::InvalidEscape
        | Kind::InvalidEscapeInSingleQuoteString
        | Kind::InvalidEscapeInDoubleQuoteString => {
            "this \"\\\" escape is not known; write \"\\\\\" for a backslash".to_owned()
        }
    }
}

/// What stands at `start`, quoted: a word, or one character.
fn found(text: &str, start: usize) -> String {
    let rest = text.get(start..).unwrap_or_default();
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '-');
    let word: String = rest.chars().take_while(|c| is_word(*c)).take(40).collect();
    match rest.chars().next() {
        None => "the end of the file".to_owned(),
        Some(first) if word.is_empty() => format!("\"{}\"", first.escape_debug()),
        Some(_) => format!("\"{word}\""),
    }
}
