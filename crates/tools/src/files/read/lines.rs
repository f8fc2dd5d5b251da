//! Some lines of a file of any length, read with little memory.

use std::io::{self, BufRead};

/// The most lines that one read gives.
pub(super) const MAX_LINES: usize = 2000;
/// The most text that one read gives, bytes.
const MAX_BYTES: usize = 50 * 1024;
/// As much of a line as is given, bytes.
const MAX_LINE: usize = 10_000;
/// As far behind the part as lines are counted, bytes.
const COUNTED: usize = 64 * 1024 * 1024;

/// Some lines of a file.
#[derive(Debug)]
pub(super) struct Part {
    /// Their text, with a line feed between each two.
    pub(super) text: String,
    /// How many they are.
    pub(super) lines: usize,
    /// How many lines were passed over before them.
    pub(super) before: usize,
    /// What comes after them.
    pub(super) rest: Rest,
    /// Whether some bytes are not UTF-8.
    pub(super) is_lossy: bool,
}

/// What comes after a part.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// Nothing.
    None,
    /// So many lines.
    Lines(usize),
    /// More than were counted.
    Many,
}

impl Part {
    /// Reads `limit` lines, or as many as fit, from the line `offset` on (from 1).
    pub(super) fn read(mut source: impl BufRead, offset: usize, limit: usize) -> io::Result<Self> {
        let mut part = Self {
            text: String::new(),
            lines: 0,
            before: 0,
            rest: Rest::None,
            is_lossy: false,
        };
        let mut line = Line::default();
        while part.before + 1 < offset {
            if !line.read(&mut source, 0)? {
                return Ok(part);
            }
            part.before += 1;
        }
        while line.read(&mut source, MAX_LINE)? {
            let (text, is_lossy) = line.text(part.before == 0 && part.lines == 0);
            if part.lines == limit
                || (part.lines > 0 && part.text.len() + 1 + text.len() > MAX_BYTES)
            {
                part.rest = count(line, source)?;
                break;
            }
            if part.lines > 0 {
                part.text.push('\n');
            }
            part.text.push_str(&text);
            part.is_lossy |= is_lossy;
            part.lines += 1;
        }
        Ok(part)
    }
}

/// Counts the lines from this one on.
fn count(mut line: Line, mut source: impl BufRead) -> io::Result<Rest> {
    let mut lines = 1;
    let mut bytes = 0;
    while line.read(&mut source, 0)? {
        lines += 1;
        bytes += line.length + 1;
        if bytes > COUNTED {
            return Ok(Rest::Many);
        }
    }
    Ok(Rest::Lines(lines))
}

/// One line, of which no more is kept than is wanted.
#[derive(Debug, Default)]
struct Line {
    kept: Vec<u8>,
    length: usize,
}

impl Line {
    /// Reads the next line, keeping its first bytes. False where the file ends.
    fn read(&mut self, source: &mut impl BufRead, keep: usize) -> io::Result<bool> {
        self.kept.clear();
        self.length = 0;
        let mut is_there = false;
        loop {
            let bytes = match source.fill_buf() {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if bytes.is_empty() {
                return Ok(is_there);
            }
            is_there = true;
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let of_line = &bytes[..end.unwrap_or(bytes.len())];
            let wanted = keep.saturating_sub(self.kept.len()).min(of_line.len());
            self.kept.extend_from_slice(&of_line[..wanted]);
            self.length += of_line.len();
            let used = of_line.len() + usize::from(end.is_some());
            source.consume(used);
            if end.is_some() {
                return Ok(true);
            }
        }
    }

    /// Its text, and whether some of it is not UTF-8.
    fn text(&self, is_first: bool) -> (String, bool) {
        let mut kept = self.kept.as_slice();
        if self.length > kept.len() {
            // Half a character at the cut is cut too.
            if let Err(error) = std::str::from_utf8(kept)
                && error.error_len().is_none()
            {
                kept = &kept[..error.valid_up_to()];
            }
        }
        let text = String::from_utf8_lossy(kept);
        let is_lossy = std::str::from_utf8(kept).is_err();
        let mut text = text.trim_end_matches('\r');
        if is_first {
            text = text.trim_start_matches('\u{feff}');
        }
        let text = match self.length - kept.len() {
            0 => text.to_owned(),
            cut => format!("{text}… [line cut: {cut} more bytes]"),
        };
        (text, is_lossy)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn part(text: &[u8], offset: usize, limit: usize) -> Part {
        Part::read(io::BufReader::with_capacity(7, text), offset, limit).unwrap()
    }

    #[test]
    fn lines_are_read_from_an_offset_on() {
        let text = "one\r\ntwo\n\nfour";
        for (offset, limit, given, rest) in [
            (1, 9, "one\ntwo\n\nfour", Rest::None),
            (1, 1, "one", Rest::Lines(3)),
            (2, 2, "two\n", Rest::Lines(1)),
            (4, 5, "four", Rest::None),
        ] {
            let part = part(text.as_bytes(), offset, limit);
            assert_eq!((part.text.as_str(), part.rest), (given, rest));
        }
        let none = part(b"a\nb\n", 4, 1);
        assert_eq!((none.lines, none.before), (0, 2));
        assert_eq!(part("\u{feff}a".as_bytes(), 1, 1).text, "a");
        let lossy = part(b"caf\xe9", 1, 1);
        assert!(lossy.is_lossy);
        assert_eq!(lossy.text, "caf\u{fffd}");
    }

    #[test]
    fn much_text_is_given_in_parts_and_long_lines_are_cut() {
        let text = format!("{}\n", "x".repeat(99)).repeat(1000);
        let first = part(text.as_bytes(), 1, MAX_LINES);
        assert_eq!(first.lines, 512);
        assert_eq!(first.rest, Rest::Lines(488));
        let second = part(text.as_bytes(), 513, MAX_LINES);
        assert_eq!((second.lines, second.rest), (488, Rest::None));

        let long = format!("{}\nshort", "ä".repeat(10_001));
        let part = part(long.as_bytes(), 1, MAX_LINES);
        let (line, rest) = part.text.split_once('\n').unwrap();
        assert_eq!(
            line,
            format!("{}… [line cut: 10002 more bytes]", "ä".repeat(5000))
        );
        assert_eq!(rest, "short");
        assert!(!part.is_lossy);
    }

    #[test]
    fn a_huge_file_is_not_counted_to_its_end() {
        let line = format!("{}\n", "x".repeat(1023));
        let text = line.repeat(COUNTED / 1024 + 3);
        let part = Part::read(text.as_bytes(), 1, 1).unwrap();
        assert_eq!(part.rest, Rest::Many);
    }

    proptest! {
        #[test]
        fn parts_make_the_whole(text in "[a-cä\n]{0,60}", limit in 1..4usize) {
            let mut lines: Vec<String> = Vec::new();
            loop {
                let part = part(text.as_bytes(), lines.len() + 1, limit);
                if part.lines == 0 {
                    break;
                }
                let left = match part.rest {
                    Rest::None => 0,
                    Rest::Lines(left) => left,
                    Rest::Many => unreachable!(),
                };
                lines.extend(part.text.split('\n').map(str::to_owned));
                prop_assert_eq!(lines.len() + left, text.lines().count());
            }
            let whole: Vec<&str> = text.lines().collect();
            prop_assert_eq!(lines, whole);
        }
    }
}
