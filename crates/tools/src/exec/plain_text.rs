//! What a program writes for a terminal, as plain text.

use anstyle_parse::{Params, Parser, Perform};

/// A line longer than this is taken as it is: what comes later no longer overwrites it. In bytes.
const LONGEST_LINE: usize = 64 * 1024;
/// No escape sequence that means anything is longer. In bytes.
const LONGEST_ESCAPE: usize = 4096;
const ESC: char = '\u{1b}';

/// Turns bytes, in any cut, into plain text: what is not UTF-8 is replaced, escape sequences and control characters are
/// left out, and a line that was written over again and again (`\r`, backspaces) is kept in its last state.
#[derive(Default)]
pub(super) struct PlainText {
    /// The beginning of a character whose other bytes have not come yet.
    undecoded: Vec<u8>,
    parser: Parser,
    /// Bytes since the last escape character, as long as its sequence may go on. `None`: certainly outside of any.
    since_escape: Option<usize>,
    line: Line,
    wants_brackets: bool,
}

/// The line that is being written.
#[derive(Default)]
struct Line {
    text: String,
    /// Whether the next character goes to its beginning.
    returned: bool,
}

impl PlainText {
    /// Takes more bytes; finished text goes to the end of `done`.
    pub(super) fn feed(&mut self, bytes: &[u8], done: &mut String) {
        let joined;
        let bytes = if self.undecoded.is_empty() {
            bytes
        } else {
            joined = [&std::mem::take(&mut self.undecoded), bytes].concat();
            &joined
        };
        let mut seen = 0;
        for chunk in bytes.utf8_chunks() {
            self.take(chunk.valid(), done);
            let wrong = chunk.invalid();
            seen += chunk.valid().len() + wrong.len();
            let may_go_on = seen == bytes.len()
                && std::str::from_utf8(wrong).is_err_and(|error| error.error_len().is_none());
            if may_go_on {
                self.undecoded.extend_from_slice(wrong);
            } else if !wrong.is_empty() {
                self.take("\u{fffd}", done);
            }
        }
    }

    /// Nothing more comes: the last line and what is left of a character count as they are.
    pub(super) fn finish(&mut self, done: &mut String) {
        if !self.undecoded.is_empty() {
            self.undecoded.clear();
            self.take("\u{fffd}", done);
        }
        self.line.hand_over(done);
    }

    /// The line that is not finished.
    pub(super) fn line(&self) -> &str {
        &self.line.text
    }

    /// Whether the program has asked that pasted text come in brackets.
    pub(super) fn wants_brackets(&self) -> bool {
        self.wants_brackets
    }

    fn take(&mut self, text: &str, done: &mut String) {
        // The control characters beyond ASCII begin with this byte.
        const MAY_CONTROL: u8 = 0xc2;
        let is_plain = |byte: u8| match byte {
            b'\n' | b'\t' => true,
            _ => !byte.is_ascii_control() && byte != MAY_CONTROL,
        };
        if self.since_escape.is_none() && text.bytes().all(is_plain) {
            self.line.append(text, done);
            return;
        }
        for character in text.chars() {
            self.step(character, done);
        }
    }

    fn step(&mut self, character: char, done: &mut String) {
        // A sequence that a line break is in, or that has no end, was none: nothing may be swallowed for long.
        let broken_off = character == '\n'
            || self
                .since_escape
                .is_some_and(|since| since > LONGEST_ESCAPE);
        if broken_off && self.since_escape.take().is_some() {
            self.parser = Parser::default();
        }
        if character == ESC {
            self.since_escape = Some(0);
        }
        let mut writer = Writer {
            line: &mut self.line,
            done,
            wants_brackets: &mut self.wants_brackets,
        };
        match &mut self.since_escape {
            Some(since) => {
                *since += character.len_utf8();
                for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                    self.parser.advance(&mut writer, byte);
                }
            }
            None => match u8::try_from(character) {
                Ok(byte) if byte.is_ascii_control() => writer.execute(byte),
                _ => writer.print(character),
            },
        }
    }
}

impl Line {
    fn begin(&mut self) {
        if std::mem::take(&mut self.returned) {
            self.text.clear();
        }
    }

    /// Adds text without control characters other than tabs and line breaks.
    fn append(&mut self, text: &str, done: &mut String) {
        if text.is_empty() {
            return;
        }
        if text.starts_with('\n') {
            self.returned = false;
        }
        self.begin();
        let rest = match text.rfind('\n') {
            None => text,
            Some(at) => {
                self.hand_over(done);
                done.push_str(&text[..=at]);
                &text[at + 1..]
            }
        };
        self.text.push_str(rest);
        self.bound(done);
    }

    fn put(&mut self, character: char, done: &mut String) {
        self.begin();
        self.text.push(character);
        self.bound(done);
    }

    fn end(&mut self, done: &mut String) {
        self.hand_over(done);
        done.push('\n');
    }

    fn bound(&mut self, done: &mut String) {
        if self.text.len() > LONGEST_LINE {
            self.hand_over(done);
        }
    }

    fn hand_over(&mut self, done: &mut String) {
        done.push_str(&self.text);
        self.text.clear();
        self.returned = false;
    }
}

struct Writer<'a> {
    line: &'a mut Line,
    done: &'a mut String,
    wants_brackets: &'a mut bool,
}

impl Perform for Writer<'_> {
    fn print(&mut self, character: char) {
        if !character.is_control() {
            self.line.put(character, self.done);
        }
    }

    fn execute(&mut self, byte: u8) {
        match byte {
            b'\n' => self.line.end(self.done),
            b'\r' => self.line.returned = true,
            b'\t' => self.line.put('\t', self.done),
            0x08 => {
                self.line.text.pop();
            }
            _ => {}
        }
    }

    fn csi_dispatch(&mut self, params: &Params, marks: &[u8], _ignore: bool, action: u8) {
        let first = params
            .iter()
            .next()
            .and_then(|param| param.first())
            .copied()
            .unwrap_or(0);
        match (marks, action, first) {
            // To the first column.
            ([], b'G', 0 | 1) => self.line.returned = true,
            // Erase: to the end of the line, to its beginning, all of it.
            ([], b'K', 0) if self.line.returned => self.line.text.clear(),
            ([], b'K', 2) => self.line.text.clear(),
            ([b'?'], b'h', 2004) => *self.wants_brackets = true,
            ([b'?'], b'l', 2004) => *self.wants_brackets = false,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plain(bytes: &[u8]) -> String {
        let mut done = String::new();
        let mut text = PlainText::default();
        text.feed(bytes, &mut done);
        text.finish(&mut done);
        done
    }

    #[test]
    fn what_a_terminal_would_show_is_kept() {
        for (written, shown) in [
            ("a\nb\n", "a\nb\n"),
            ("a\r\nb\r\n", "a\nb\n"),
            ("a\r\r\nb", "a\nb"),
            ("10%\r20%\r100%\ndone\n", "100%\ndone\n"),
            ("10%\r100%\r", "100%"),
            ("\x1b[1;31mred\x1b[0m\n", "red\n"),
            ("\x1b]0;title\x07x", "x"),
            ("\x1b]8;;http://a\x1b\\link\x1b]8;;\x1b\\", "link"),
            ("one\x1b[2K\x1b[1Gtwo\n", "two\n"),
            ("one\r\x1b[K\n", "\n"),
            ("|\x08/\x08-\n", "-\n"),
            ("\tx\x07\x00y", "\txy"),
            ("\x1b]never ended\nnext line\n", "\nnext line\n"),
            ("é\u{9b}日本", "é日本"),
        ] {
            assert_eq!(plain(written.as_bytes()), shown, "{written:?}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced() {
        assert_eq!(plain(b"a\xffb\xc3"), "a\u{fffd}b\u{fffd}");
    }

    #[test]
    fn what_never_ends_is_neither_lost_nor_heaped_up() {
        let mut written = b"\x1b]".to_vec();
        written.extend(std::iter::repeat_n(b'x', 1_000_000));
        let shown = plain(&written);
        assert!(shown.len() > 990_000, "{}", shown.len());

        let mut text = PlainText::default();
        let mut done = String::new();
        for _ in 0..100 {
            text.feed(&[b'x'; 10_000], &mut done);
            assert!(text.line().len() <= LONGEST_LINE);
        }
    }

    #[test]
    fn a_program_can_ask_for_brackets_around_pasted_text() {
        let mut text = PlainText::default();
        text.feed(b"\x1b[?2004h> ", &mut String::new());
        assert!(text.wants_brackets());
        text.feed(b"\x1b[?2004l", &mut String::new());
        assert!(!text.wants_brackets());
    }

    proptest! {
        #[test]
        fn a_cut_changes_nothing(
            pieces in prop::collection::vec(
                prop_oneof![
                    any::<Vec<u8>>(),
                    Just(b"\r".to_vec()),
                    Just(b"\n".to_vec()),
                    Just("é日".as_bytes().to_vec()),
                    Just(b"\x1b[2K".to_vec()),
                    Just(b"\x1b[31m".to_vec()),
                    "[a-z ]{0,12}".prop_map(String::into_bytes),
                ],
                0..20,
            ),
            cut in 0..200usize,
        ) {
            let bytes = pieces.concat();
            let (left, right) = bytes.split_at(cut.min(bytes.len()));
            let mut done = String::new();
            let mut text = PlainText::default();
            text.feed(left, &mut done);
            text.feed(right, &mut done);
            text.finish(&mut done);
            prop_assert_eq!(&done, &plain(&bytes));
            prop_assert!(!done.contains(|c: char| c.is_control() && c != '\n' && c != '\t'));
        }
    }
}
