//! Paths to a key, such as `agents.list[0].model` or `agents.defaults.models["openai/gpt-4.1"].alias`.
//!
//! One syntax for messages and for `config get|set|unset`: dots between keys, `[n]` for list items, `[key]` or
//! `["any key"]` for keys with dots, and `\` to take the next character literally.

use std::fmt;
use std::str::FromStr;

/// Names that are refused as keys: they are dangerous to programs that read the same file as JavaScript objects.
const REFUSED: [&str; 3] = ["__proto__", "prototype", "constructor"];

/// One step of a [`KeyPath`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// A key of an object.
    Key(String),
    /// An unquoted number: the place of an item in a list (from 0), or, in an object, a key of digits.
    Index(usize),
}

impl Segment {
    /// The step read as a key of an object.
    pub fn as_key(&self) -> String {
        match self {
            Self::Key(key) => key.clone(),
            Self::Index(index) => index.to_string(),
        }
    }
}

/// A path from the root of the configuration to one key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyPath(Vec<Segment>);

impl KeyPath {
    /// The path of the document itself.
    pub fn root() -> Self {
        Self::default()
    }

    /// The steps, outermost first.
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// Steps into a key.
    pub(crate) fn push_key(&mut self, key: &str) {
        self.0.push(Segment::Key(key.to_owned()));
    }

    /// Steps into a list item.
    pub(crate) fn push_index(&mut self, index: usize) {
        self.0.push(Segment::Index(index));
    }

    /// Steps back out.
    pub(crate) fn pop(&mut self) {
        self.0.pop();
    }

    /// This path and one more key.
    pub(crate) fn with_key(&self, key: &str) -> Self {
        let mut path = self.clone();
        path.push_key(key);
        path
    }

    /// This path and one more list item.
    pub(crate) fn with_index(&self, index: usize) -> Self {
        let mut path = self.clone();
        path.push_index(index);
        path
    }

    /// The first `count` steps.
    pub(crate) fn first(&self, count: usize) -> Self {
        Self(self.0[..count.min(self.0.len())].to_vec())
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Index(index) => write!(f, "[{index}]")?,
                Segment::Key(key) if needs_quotes(key) => {
                    write!(
                        f,
                        "[\"{}\"]",
                        key.replace('\\', "\\\\").replace('"', "\\\"")
                    )?;
                }
                Segment::Key(key) if position == 0 => f.write_str(key)?,
                Segment::Key(key) => write!(f, ".{key}")?,
            }
        }
        Ok(())
    }
}

fn needs_quotes(key: &str) -> bool {
    key.is_empty()
        || key
            .chars()
            .any(|c| matches!(c, '.' | '[' | ']' | '\\' | '"' | '\'') || c.is_whitespace())
}

/// Why a text is not a path to a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Nothing was given.
    #[error("Invalid path: it is empty; write one such as gateway.port.")]
    Empty,
    /// Two dots in a row, a dot at an end, or `[]`.
    #[error("Invalid path (empty part): {0}")]
    EmptySegment(String),
    /// An opened bracket or quote is never closed.
    #[error("Invalid path (missing \"{missing}\"): {path}")]
    Unclosed {
        /// The path as given.
        path: String,
        /// What would close it.
        missing: &'static str,
    },
    /// Text right behind `]`.
    #[error("Invalid path (expected \".\" or \"[\" after \"]\"): {0}")]
    AfterBracket(String),
    /// One of the names that are never used as keys.
    #[error("Invalid path: the name \"{0}\" is not allowed as a key.")]
    Refused(String),
}

impl FromStr for KeyPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        let path = text.trim();
        if path.is_empty() {
            return Err(PathError::Empty);
        }
        let mut reader = Reader {
            path,
            rest: path.chars().collect(),
            at: 0,
        };
        let segments = reader.segments()?;
        for segment in &segments {
            if let Segment::Key(key) = segment
                && REFUSED.contains(&key.as_str())
            {
                return Err(PathError::Refused(key.clone()));
            }
        }
        Ok(Self(segments))
    }
}

struct Reader<'a> {
    path: &'a str,
    rest: Vec<char>,
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.rest.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += 1;
        Some(c)
    }

    fn segments(&mut self) -> Result<Vec<Segment>, PathError> {
        let mut segments = Vec::new();
        loop {
            segments.push(if self.peek() == Some('[') {
                self.bracket()?
            } else {
                self.bare()?
            });
            match self.peek() {
                None => return Ok(segments),
                Some('.') => {
                    self.at += 1;
                    if self.peek() == Some('[') {
                        return Err(PathError::EmptySegment(self.path.to_owned()));
                    }
                }
                Some('[') => {}
                Some(_) => return Err(PathError::AfterBracket(self.path.to_owned())),
            }
        }
    }

    /// A key up to the next dot or bracket.
    fn bare(&mut self) -> Result<Segment, PathError> {
        let mut name = String::new();
        let mut literal = false;
        while let Some(c) = self.peek() {
            match c {
                '.' | '[' => break,
                '\\' => {
                    self.at += 1;
                    literal = true;
                    name.extend(self.next());
                }
                _ => {
                    self.at += 1;
                    name.push(c);
                }
            }
        }
        self.segment(name, literal)
    }

    /// `[n]`, `[key]` or `["key"]`.
    fn bracket(&mut self) -> Result<Segment, PathError> {
        self.at += 1;
        let quote = match self.peek() {
            Some(c @ ('"' | '\'')) => {
                self.at += 1;
                c
            }
            _ => return self.plain_bracket(),
        };
        let mut name = String::new();
        loop {
            match self.next() {
                None => {
                    return Err(self.unclosed(if quote == '"' { "\"" } else { "'" }));
                }
                Some('\\') => name.extend(self.next()),
                Some(c) if c == quote => break,
                Some(c) => name.push(c),
            }
        }
        if self.next() != Some(']') {
            return Err(self.unclosed("]"));
        }
        Ok(Segment::Key(name))
    }

    fn plain_bracket(&mut self) -> Result<Segment, PathError> {
        let mut name = String::new();
        let mut literal = false;
        loop {
            match self.next() {
                None => return Err(self.unclosed("]")),
                Some(']') => break,
                Some('\\') => {
                    literal = true;
                    name.extend(self.next());
                }
                Some(c) => name.push(c),
            }
        }
        self.segment(name.trim().to_owned(), literal)
    }

    fn segment(&self, name: String, literal: bool) -> Result<Segment, PathError> {
        if name.is_empty() {
            return Err(PathError::EmptySegment(self.path.to_owned()));
        }
        // "007" is a key: as an index it would lose its zeros.
        let is_index = !literal
            && name.bytes().all(|b| b.is_ascii_digit())
            && (name == "0" || !name.starts_with('0'));
        match name.parse() {
            Ok(index) if is_index => Ok(Segment::Index(index)),
            _ => Ok(Segment::Key(name)),
        }
    }

    fn unclosed(&self, missing: &'static str) -> PathError {
        PathError::Unclosed {
            path: self.path.to_owned(),
            missing,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Vec<Segment> {
        text.parse::<KeyPath>().unwrap().segments().to_vec()
    }

    fn key(name: &str) -> Segment {
        Segment::Key(name.to_owned())
    }

    #[test]
    fn reads_every_form() {
        assert_eq!(
            parse("a.b[0].c"),
            [key("a"), key("b"), Segment::Index(0), key("c")]
        );
        assert_eq!(parse(" a[\"x.y\"].z "), [key("a"), key("x.y"), key("z")]);
        assert_eq!(parse("a[ x.y ]"), [key("a"), key("x.y")]);
        assert_eq!(parse("a['it\\'s']"), [key("a"), key("it's")]);
        assert_eq!(parse("a\\.b.c\\[d"), [key("a.b"), key("c[d")]);
        assert_eq!(parse("a.0.b"), [key("a"), Segment::Index(0), key("b")]);
        assert_eq!(parse("a.007"), [key("a"), key("007")]);
        assert_eq!(parse("a[\"0\"]"), [key("a"), key("0")]);
    }

    #[test]
    fn refuses_what_is_no_path() {
        for text in ["", "  ", "a..b", ".a", "a.", "a[]", "a.[b]"] {
            assert!(text.parse::<KeyPath>().is_err(), "{text:?} was accepted");
        }
        assert_eq!(
            "a[0".parse::<KeyPath>().unwrap_err().to_string(),
            "Invalid path (missing \"]\"): a[0"
        );
        assert_eq!(
            "a[0]b".parse::<KeyPath>().unwrap_err(),
            PathError::AfterBracket("a[0]b".into())
        );
    }

    #[test]
    fn refuses_prototype_names_however_written() {
        for text in [
            "__proto__.x",
            "a.prototype",
            "a[constructor]",
            "a[\"__proto__\"]",
            "a.__pr\\oto__",
        ] {
            assert!(
                matches!(text.parse::<KeyPath>(), Err(PathError::Refused(_))),
                "{text:?} was accepted"
            );
        }
    }

    proptest! {
        #[test]
        fn a_shown_path_reads_back(names in prop::collection::vec("[^\\u{0}]{1,8}", 1..5)) {
            prop_assume!(names.iter().all(|name| !REFUSED.contains(&name.as_str())));
            let mut path = KeyPath::root();
            for name in &names {
                path.push_key(name);
            }
            let read = path.to_string().parse::<KeyPath>().unwrap();
            let keys: Vec<_> = read.segments().iter().map(Segment::as_key).collect();
            prop_assert_eq!(keys, names);
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,40}") {
            let _ = text.parse::<KeyPath>();
        }
    }
}
