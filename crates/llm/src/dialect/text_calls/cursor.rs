//! A place in a text that is being read.

use serde_json::value::RawValue;

use super::Written;

/// What is left to read. Every method that gives `None` means that the text is not in the form asked for.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    pub(super) fn next_char(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.rest = &self.rest[c.len_utf8()..];
        Some(c)
    }

    pub(super) fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    /// Goes past `token`, which must stand here.
    pub(super) fn take(&mut self, token: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(token)?;
        Some(())
    }

    /// Goes past `token` if it stands here.
    pub(super) fn take_if(&mut self, token: &str) -> bool {
        self.take(token).is_some()
    }

    /// What stands before `token`; goes past both.
    pub(super) fn until(&mut self, token: &str) -> Option<&'a str> {
        let (before, rest) = self.rest.split_once(token)?;
        self.rest = rest;
        Some(before)
    }

    /// What stands before the first of `tokens`, or all that is left; goes past neither.
    pub(super) fn until_any(&mut self, tokens: &[&str]) -> &'a str {
        let ends = tokens.iter().filter_map(|token| self.rest.find(token));
        let (before, rest) = self.rest.split_at(ends.min().unwrap_or(self.rest.len()));
        self.rest = rest;
        before
    }

    /// What stands before the first `close` that one of `next` follows (white space between them); goes past the close.
    /// A value may hold the closing tag itself: the text of a file in the same format does.
    pub(super) fn until_close(&mut self, close: &str, next: &[&str]) -> Option<&'a str> {
        let text = self.rest;
        for (at, _) in text.match_indices(close) {
            let behind = &text[at + close.len()..];
            let follows = behind.trim_start();
            if next.iter().any(|token| follows.starts_with(token)) {
                self.rest = behind;
                return Some(&text[..at]);
            }
        }
        None
    }

    /// The characters from here on that `belongs` takes; may be none.
    pub(super) fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let end = self
            .rest
            .find(|c: char| !belongs(c))
            .unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    /// The name of a tool or an argument; empty where none stands here.
    pub(super) fn name(&mut self) -> &'a str {
        self.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
    }

    /// The text of the JSON object that stands here.
    pub(super) fn object(&mut self) -> Option<&'a str> {
        self.json('{')
    }

    /// The text of the JSON array that stands here.
    pub(super) fn array(&mut self) -> Option<&'a str> {
        self.json('[')
    }

    fn json(&mut self, first: char) -> Option<&'a str> {
        if self.peek() != Some(first) {
            return None;
        }
        let mut values = serde_json::Deserializer::from_str(self.rest).into_iter::<&'a RawValue>();
        let json = values.next()?.ok()?.get();
        self.rest = &self.rest[values.byte_offset()..];
        Some(json)
    }
}

/// The calls of a text that is one call after the other, white space between them.
pub(super) fn repeated(
    text: &str,
    mut call: impl FnMut(&mut Cursor<'_>) -> Option<Written>,
) -> Option<Vec<Written>> {
    let mut cursor = Cursor::new(text);
    let mut calls = Vec::new();
    while !cursor.is_at_end() {
        calls.push(call(&mut cursor)?);
        cursor.skip_space();
    }
    Some(calls)
}
