//! What a command has printed: as much of it in memory as is ever shown at once, all of it on disk when that is more.

use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

use super::plain_text::PlainText;
use super::spill::Spill;

/// Characters that are shown of the beginning of a long output.
const HEAD: usize = 2_000;
/// Characters that are shown of its end.
const TAIL: usize = 28_000;
/// Bytes of the end that are kept in memory: enough for what is shown, whatever the characters.
const RECENT: usize = (HEAD + TAIL) * 4;

/// The output of one command, as plain text.
pub(super) struct Output {
    folder: PathBuf,
    id: String,
    text: PlainText,
    /// The first characters, once not all is in `recent`.
    head: String,
    /// The end of the finished text.
    recent: String,
    /// What is not in `recent` any more, in bytes.
    passed: u64,
    /// All finished text, in characters.
    characters: u64,
    file: Whole,
    shown: Shown,
    is_finished: bool,
}

/// Where all of it is.
enum Whole {
    InMemory,
    File(Spill),
    /// There is no file, and why.
    Lost(String),
}

/// How far it was shown.
#[derive(Default)]
struct Shown {
    bytes: u64,
    characters: u64,
    /// What was shown of the line that was being written.
    line: String,
}

/// What is shown of an output.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct View {
    /// What comes before the gap; empty without one.
    pub(super) before: String,
    /// What was left out, in a sentence.
    pub(super) gap: Option<String>,
    /// What comes behind it, or all.
    pub(super) after: String,
}

/// Some lines of an output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lines {
    /// The lines.
    pub(super) text: String,
    /// The number of the first line that was not read, from 0; `None` at the end of the output.
    pub(super) next: Option<u64>,
}

impl Output {
    /// An output that goes to `<id>.log` in this folder when it gets long.
    pub(super) fn new(folder: &Path, id: &str) -> Self {
        Self {
            folder: folder.to_owned(),
            id: id.to_owned(),
            text: PlainText::default(),
            head: String::new(),
            recent: String::new(),
            passed: 0,
            characters: 0,
            file: Whole::InMemory,
            shown: Shown::default(),
            is_finished: false,
        }
    }

    /// Takes what was printed. After [`Self::finish`] it is forgotten.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if !self.is_finished {
            let start = self.recent.len();
            self.text.feed(bytes, &mut self.recent);
            self.keep(start);
        }
    }

    /// Nothing more comes.
    pub(super) fn finish(&mut self) {
        if self.is_finished {
            return;
        }
        self.is_finished = true;
        let start = self.recent.len();
        self.text.finish(&mut self.recent);
        self.keep(start);
        self.trim(RECENT);
        self.recent.shrink_to_fit();
        if let Whole::File(spill) = &mut self.file
            && let Err(error) = spill.finish()
        {
            self.file = Whole::Lost(error.to_string());
        }
    }

    /// Whether the program has asked that pasted text come in brackets.
    pub(super) fn wants_brackets(&self) -> bool {
        self.text.wants_brackets()
    }

    /// All of it, or its beginning and its end.
    pub(super) fn whole(&self) -> View {
        let line = self.text.line();
        let total = self.characters + line.chars().count() as u64;
        if total <= (HEAD + TAIL) as u64 {
            return View {
                after: format!("{}{line}", self.recent),
                ..View::default()
            };
        }
        View {
            before: self.head.clone(),
            gap: Some(self.gap(total - (HEAD + TAIL) as u64)),
            after: end_of(&format!("{}{line}", self.recent), TAIL).to_owned(),
        }
    }

    /// What has come since it was last shown, which it then is.
    pub(super) fn news(&mut self) -> View {
        let shown = std::mem::take(&mut self.shown);
        let from = usize::try_from(shown.bytes.saturating_sub(self.passed)).unwrap_or(0);
        // Both ends of what was shown are ends of characters.
        let kept = self.recent.get(from..).unwrap_or_default();
        let text = format!("{kept}{}", self.text.line());
        let news = match shown.bytes >= self.passed {
            true => text.strip_prefix(&shown.line).unwrap_or(&text),
            false => &text,
        };
        let after = end_of(news, TAIL).to_owned();
        let total = self.characters + self.text.line().chars().count() as u64;
        let before = shown.characters + shown.line.chars().count() as u64;
        let left_out = match shown.bytes >= self.passed && after.len() == news.len() {
            true => 0,
            false => total.saturating_sub(before + after.chars().count() as u64),
        };
        self.mark_shown();
        View {
            before: String::new(),
            gap: (left_out > 0).then(|| self.gap(left_out)),
            after,
        }
    }

    /// Its last lines.
    pub(super) fn last_lines(&self, count: usize) -> String {
        let text = format!("{}{}", self.recent, self.text.line());
        let text = end_of(&text, TAIL);
        let body = text.strip_suffix('\n').unwrap_or(text);
        match count
            .checked_sub(1)
            .and_then(|count| body.rmatch_indices('\n').nth(count))
        {
            Some((at, _)) => text[at + 1..].to_owned(),
            None if count == 0 => String::new(),
            None => text.to_owned(),
        }
    }

    /// A reader of all of it, which does not need this output any more.
    pub(super) fn reader(&self) -> io::Result<Box<dyn BufRead + Send>> {
        let line = Cursor::new(self.text.line().to_owned());
        Ok(match &self.file {
            Whole::File(spill) => Box::new(BufReader::new(spill.reader()?).chain(line)),
            Whole::InMemory => Box::new(Cursor::new(self.recent.clone()).chain(line)),
            Whole::Lost(reason) => {
                return Err(io::Error::other(format!(
                    "only the end of the output is left, because it could not be written to a file: {reason}"
                )));
            }
        })
    }

    /// Counts and stores the finished text from `start` on.
    fn keep(&mut self, start: usize) {
        let new = &self.recent[start..];
        if new.is_empty() {
            return;
        }
        self.characters += new.chars().count() as u64;
        let outcome = match &mut self.file {
            Whole::File(spill) => spill.write(new),
            Whole::Lost(_) => Ok(()),
            Whole::InMemory if self.characters <= (HEAD + TAIL) as u64 => Ok(()),
            Whole::InMemory => {
                self.head = start_of(&self.recent, HEAD).to_owned();
                let made = Spill::create(&self.folder, &self.id);
                made.and_then(|mut spill| {
                    spill.write(&self.recent)?;
                    self.file = Whole::File(spill);
                    Ok(())
                })
            }
        };
        if let Err(error) = outcome {
            tracing::warn!(folder = %self.folder.display(), %error, "a long output cannot be kept");
            self.file = Whole::Lost(error.to_string());
        }
        if self.recent.len() > 2 * RECENT {
            self.trim(RECENT);
        }
    }

    /// Keeps only the end in memory.
    fn trim(&mut self, bytes: usize) {
        if let Whole::InMemory = self.file {
            return;
        }
        let from = self
            .recent
            .floor_char_boundary(self.recent.len().saturating_sub(bytes));
        self.recent.drain(..from);
        self.passed += from as u64;
    }

    /// What there is so far counts as shown.
    pub(super) fn mark_shown(&mut self) {
        self.shown = Shown {
            bytes: self.passed + self.recent.len() as u64,
            characters: self.characters,
            line: self.text.line().to_owned(),
        };
    }

    fn gap(&self, left_out: u64) -> String {
        match &self.file {
            Whole::File(spill) => format!(
                "[{left_out} characters are left out here. The whole output is in {}.]",
                spill.path().display()
            ),
            Whole::InMemory => format!("[{left_out} characters are left out here.]"),
            Whole::Lost(reason) => format!(
                "[{left_out} characters are left out here, and lost: they could not be written to a file ({reason}).]"
            ),
        }
    }
}

impl View {
    /// Whether there is nothing to show.
    pub(super) fn is_empty(&self) -> bool {
        self.gap.is_none() && self.after.trim().is_empty()
    }
}

/// Reads `limit` lines behind the first `offset` ones, and no more of them than is shown at once.
pub(super) fn read_lines(mut reader: impl BufRead, offset: u64, limit: u64) -> io::Result<Lines> {
    let mut number = 0;
    while number < offset {
        let (used, ended) = to_line_break(reader.fill_buf()?);
        if used == 0 {
            return Ok(Lines {
                text: String::new(),
                next: None,
            });
        }
        reader.consume(used);
        number += u64::from(ended);
    }
    let mut bytes = Vec::new();
    let end = offset.saturating_add(limit);
    while number < end && bytes.len() < TAIL {
        let buffer = reader.fill_buf()?;
        let (used, ended) = to_line_break(buffer);
        if used == 0 {
            break;
        }
        bytes.extend_from_slice(&buffer[..used]);
        reader.consume(used);
        number += u64::from(ended);
    }
    let is_over = reader.fill_buf()?.is_empty();
    let cut_line = !is_over && !bytes.is_empty() && bytes.last() != Some(&b'\n');
    let mut text = String::from_utf8_lossy(&bytes).into_owned();
    if cut_line {
        text = format!("{} […]", text.trim_end_matches('\u{fffd}'));
    }
    Ok(Lines {
        text,
        next: (!is_over).then_some(number + u64::from(cut_line)),
    })
}

/// The length of the first line of a buffer with its line break, and whether it has one.
fn to_line_break(buffer: &[u8]) -> (usize, bool) {
    match buffer.iter().position(|byte| *byte == b'\n') {
        Some(at) => (at + 1, true),
        None => (buffer.len(), false),
    }
}

fn start_of(text: &str, characters: usize) -> &str {
    match text.char_indices().nth(characters) {
        Some((at, _)) => &text[..at],
        None => text,
    }
}

fn end_of(text: &str, characters: usize) -> &str {
    match characters
        .checked_sub(1)
        .and_then(|before| text.char_indices().nth_back(before))
    {
        Some((at, _)) => &text[at..],
        None => text,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn output() -> (tempfile::TempDir, Output) {
        let folder = tempfile::tempdir().unwrap();
        let output = Output::new(&folder.path().join("outputs"), "one");
        (folder, output)
    }

    #[test]
    fn what_is_short_is_shown_whole_and_leaves_no_file() {
        let (folder, mut output) = output();
        output.push(b"a\nb");
        output.finish();
        assert_eq!(output.whole().after, "a\nb");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn of_what_is_long_the_gap_says_how_much_and_where() {
        let (folder, mut output) = output();
        for n in 0..100_000 {
            output.push(format!("line {n} ü\n").as_bytes());
        }
        output.finish();
        let view = output.whole();
        let file = folder.path().join("outputs/one.log");
        let whole = std::fs::read_to_string(&file).unwrap();
        assert!(whole.starts_with("line 0 ü\nline 1") && whole.ends_with("line 99999 ü\n"));
        assert!(whole.starts_with(&view.before) && whole.ends_with(&view.after));
        assert_eq!(view.before.chars().count(), HEAD);
        assert_eq!(view.after.chars().count(), TAIL);
        let left_out = whole.chars().count() - HEAD - TAIL;
        let gap = view.gap.unwrap();
        assert!(gap.contains(&format!("[{left_out} characters")), "{gap}");
        assert!(gap.contains(&file.display().to_string()), "{gap}");
        assert!(output.recent.capacity() <= 2 * RECENT);
    }

    #[test]
    fn a_long_last_line_is_counted_once() {
        let (_folder, mut output) = output();
        output.push(&[b'x'; 40_000]);
        let view = output.whole();
        assert_eq!(view.gap.unwrap(), "[10000 characters are left out here.]");
    }

    #[test]
    fn news_are_what_was_not_shown_yet() {
        let (_folder, mut output) = output();
        let news = |output: &mut Output| output.news().after;
        output.push(b"one\nName: ");
        assert_eq!(news(&mut output), "one\nName: ");
        assert!(output.news().is_empty());
        output.push(b"Anna\n");
        assert_eq!(news(&mut output), "Anna\n");
        output.push(b"10%");
        assert_eq!(news(&mut output), "10%");
        output.push(b"\r20%\n");
        assert_eq!(news(&mut output), "20%\n");
        output.push(b"seen");
        assert_eq!(output.whole().after, "one\nName: Anna\n20%\nseen");
        output.mark_shown();
        output.push(b", new");
        output.finish();
        assert_eq!(news(&mut output), ", new");
    }

    #[test]
    fn too_many_news_are_cut_and_counted() {
        let (_folder, mut output) = output();
        output.push(b"first\n");
        output.news();
        let line = "x".repeat(99) + "\n";
        for _ in 0..10_000 {
            output.push(line.as_bytes());
        }
        let view = output.news();
        let left_out = 10_000 * 100 - TAIL;
        assert_eq!(view.after.chars().count(), TAIL);
        let gap = view.gap.unwrap();
        assert!(gap.starts_with(&format!("[{left_out} characters")), "{gap}");
        assert!(output.news().is_empty());
    }

    #[test]
    fn lines_can_be_read_from_anywhere() {
        let (_folder, mut output) = output();
        for n in 0..50_000 {
            output.push(format!("line {n}\n").as_bytes());
        }
        output.push(b"half");
        let read = |offset, limit| read_lines(output.reader().unwrap(), offset, limit).unwrap();
        assert_eq!(read(0, 1), lines("line 0\n", Some(1)));
        assert_eq!(
            read(49_998, 2),
            lines("line 49998\nline 49999\n", Some(50_000))
        );
        assert_eq!(read(50_000, 9), lines("half", None));
        assert_eq!(read(60_000, 9), lines("", None));
        let many = read(0, 50_000);
        let next = many.next.unwrap();
        assert!(many.text.len() < TAIL + 100);
        assert!(many.text.ends_with(&format!("line {}\n", next - 1)));
        assert_eq!(output.last_lines(2), "line 49999\nhalf");
        assert_eq!(output.last_lines(0), "");
    }

    fn lines(text: &str, next: Option<u64>) -> Lines {
        Lines {
            text: text.to_owned(),
            next,
        }
    }

    #[test]
    fn a_folder_that_cannot_be_written_loses_no_more_than_the_middle() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let mut output = Output::new(&file, "one");
        for _ in 0..1_000 {
            output.push(&[b'x'; 1_000]);
        }
        output.push(b"the end");
        output.finish();
        let view = output.whole();
        assert!(view.gap.unwrap().contains("could not be written"));
        assert!(view.after.ends_with("the end"));
    }
}
