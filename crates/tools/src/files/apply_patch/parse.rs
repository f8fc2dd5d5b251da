//! The patch format: `*** Begin Patch`, sections for files, hunks of lines, `*** End Patch`.
//!
//! Tolerant of what models put around it (a fence, a heredoc) and of ranges as in `diff -u`; strict about everything
//! that decides what is written.

use thiserror::Error;

const BEGIN: &str = "*** Begin Patch";
const END: &str = "*** End Patch";
const ADD: &str = "*** Add File:";
const UPDATE: &str = "*** Update File:";
const DELETE: &str = "*** Delete File:";
const MOVE: &str = "*** Move to:";
const END_OF_FILE: &str = "*** End of File";

/// What a patch does to one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Section {
    /// The file, as the patch writes it.
    pub(super) path: String,
    pub(super) action: Action,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    /// A new file.
    Add { content: String },
    /// Changes in a file, which then may move.
    Update {
        move_to: Option<String>,
        hunks: Vec<Hunk>,
    },
    /// The file goes.
    Delete,
}

/// Lines that belong together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Hunk {
    /// Lines that come somewhere before, outermost first.
    pub(super) anchors: Vec<String>,
    pub(super) lines: Vec<Line>,
    /// Whether the file ends with these lines.
    pub(super) is_at_end: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line {
    /// Is there and stays.
    Keep(String),
    /// Is there and goes.
    Remove(String),
    /// Comes.
    Add(String),
}

/// A text that is not a patch. Lines are counted from 1, from the beginning of the text.
#[derive(Debug, PartialEq, Eq, Error)]
pub(super) enum PatchError {
    #[error("The patch has no line \"{BEGIN}\"; it must begin with it.")]
    NoBegin,
    #[error(
        "The patch has no line \"{END}\", so it may be cut off; nothing was changed. Send it whole."
    )]
    NoEnd,
    #[error("The patch changes nothing; name at least one file, as in \"{UPDATE} path\".")]
    Empty,
    #[error(
        "Line {line} of the patch stands outside of it (\"{BEGIN}\" to \"{END}\"); send one patch."
    )]
    Outside { line: usize },
    #[error("Line {line} of the patch names no file.")]
    NoPath { line: usize },
    #[error(
        "Line {line} of the patch, \"{text}\", is no header; \
         there are \"{ADD}\", \"{UPDATE}\", \"{DELETE}\", and \"{MOVE}\" right after \"{UPDATE}\"."
    )]
    Header { line: usize, text: String },
    #[error("Line {line} of the patch, in \"Add File: {path}\", must begin with +.")]
    NotAdded { line: usize, path: String },
    #[error(
        "Line {line} of the patch, in \"Update File: {path}\", \
         must begin with a space (stays), - (goes), + (comes) or @@."
    )]
    NotInHunk { line: usize, path: String },
    #[error("Hunk {hunk} of \"Update File: {path}\" has no lines.")]
    EmptyHunk { hunk: usize, path: String },
    #[error("\"Update File: {path}\" changes nothing; give it a hunk.")]
    NoHunk { path: String },
}

/// Reads a patch.
pub(super) fn parse(text: &str) -> Result<Vec<Section>, PatchError> {
    let lines: Vec<&str> = text.lines().collect();
    let is = |marker: &'static str| move |line: &&str| line.trim() == marker;
    let begin = lines
        .iter()
        .position(is(BEGIN))
        .ok_or(PatchError::NoBegin)?;
    let end = lines[begin..]
        .iter()
        .position(is(END))
        .ok_or(PatchError::NoEnd)?
        + begin;
    let outside = (0..begin).chain(end + 1..lines.len());
    if let Some(at) = outside
        .into_iter()
        .find(|at| lines[*at].starts_with("*** "))
    {
        return Err(PatchError::Outside { line: at + 1 });
    }
    let mut reader = Reader {
        lines: &lines[..end],
        at: begin + 1,
    };
    let mut sections = Vec::new();
    while let Some(line) = reader.next() {
        if line.trim().is_empty() {
            continue;
        }
        sections.push(reader.section(line)?);
    }
    match sections.is_empty() {
        true => Err(PatchError::Empty),
        false => Ok(sections),
    }
}

struct Reader<'a> {
    lines: &'a [&'a str],
    /// The index of the line that comes next, which is the number of the last one.
    at: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let line = self.peek()?;
        self.at += 1;
        Some(line)
    }

    fn peek(&self) -> Option<&'a str> {
        self.lines.get(self.at).copied()
    }

    /// The next line of a section's inside.
    fn inner(&mut self) -> Option<&'a str> {
        let is_header = |line: &str| line.starts_with("*** ") && line.trim_end() != END_OF_FILE;
        match self.peek() {
            Some(line) if !is_header(line) => self.next(),
            _ => None,
        }
    }

    fn section(&mut self, header: &str) -> Result<Section, PatchError> {
        let header = header.trim();
        if let Some(path) = header.strip_prefix(ADD) {
            let path = self.path(path)?;
            let content = self.added(&path)?;
            let action = Action::Add { content };
            Ok(Section { path, action })
        } else if let Some(path) = header.strip_prefix(DELETE) {
            let path = self.path(path)?;
            while let Some(line) = self.inner() {
                if !line.trim().is_empty() {
                    return Err(self.not_a_header(line));
                }
            }
            let action = Action::Delete;
            Ok(Section { path, action })
        } else if let Some(path) = header.strip_prefix(UPDATE) {
            let path = self.path(path)?;
            let move_to = match self.peek().and_then(|line| line.trim().strip_prefix(MOVE)) {
                Some(target) => {
                    self.at += 1;
                    Some(self.path(target)?)
                }
                None => None,
            };
            let hunks = self.hunks(&path)?;
            if hunks.is_empty() && move_to.is_none() {
                return Err(PatchError::NoHunk { path });
            }
            let action = Action::Update { move_to, hunks };
            Ok(Section { path, action })
        } else {
            Err(self.not_a_header(header))
        }
    }

    fn path(&self, text: &str) -> Result<String, PatchError> {
        match text.trim() {
            "" => Err(PatchError::NoPath { line: self.at }),
            path => Ok(path.to_owned()),
        }
    }

    fn not_a_header(&self, line: &str) -> PatchError {
        PatchError::Header {
            line: self.at,
            text: line.chars().take(80).collect(),
        }
    }

    /// The content of a new file.
    fn added(&mut self, path: &str) -> Result<String, PatchError> {
        let mut content = String::new();
        // Models forget the plus of empty lines; at the end they only set sections apart.
        let mut blank = 0;
        while let Some(line) = self.inner() {
            match line.strip_prefix('+') {
                Some(line) => {
                    content.extend(std::iter::repeat_n('\n', blank));
                    blank = 0;
                    content.push_str(line);
                    content.push('\n');
                }
                None if line.trim().is_empty() => blank += 1,
                None if line.trim_end() == END_OF_FILE => {}
                None => {
                    return Err(PatchError::NotAdded {
                        line: self.at,
                        path: path.to_owned(),
                    });
                }
            }
        }
        Ok(content)
    }

    fn hunks(&mut self, path: &str) -> Result<Vec<Hunk>, PatchError> {
        let mut hunks: Vec<Hunk> = Vec::new();
        let mut blank = 0;
        // Whether lines go on in the last hunk.
        let mut is_open = false;
        while let Some(line) = self.inner() {
            if line.is_empty() {
                blank += 1;
                continue;
            }
            if let Some(anchor) = line.strip_prefix("@@") {
                blank = 0;
                let anchor = anchor_of(anchor);
                // Several in a row narrow a place down.
                let goes_on = is_open && hunks.last().is_some_and(|hunk| hunk.lines.is_empty());
                if !goes_on {
                    hunks.push(Hunk::default());
                    is_open = true;
                }
                if let (Some(hunk), Some(anchor)) = (hunks.last_mut(), anchor) {
                    hunk.anchors.push(anchor);
                }
                continue;
            }
            if line.trim_end() == END_OF_FILE {
                blank = 0;
                if let Some(hunk) = hunks.last_mut() {
                    hunk.is_at_end = true;
                }
                is_open = false;
                continue;
            }
            // "\ No newline at end of file": the file knows.
            if line.starts_with('\\') {
                continue;
            }
            let (sign, rest) = line.split_at(line.chars().next().map_or(0, char::len_utf8));
            let line = match sign {
                " " => Line::Keep(rest.to_owned()),
                "-" => Line::Remove(rest.to_owned()),
                "+" => Line::Add(rest.to_owned()),
                _ => {
                    return Err(PatchError::NotInHunk {
                        line: self.at,
                        path: path.to_owned(),
                    });
                }
            };
            if !is_open {
                hunks.push(Hunk::default());
                is_open = true;
                blank = 0;
            }
            if let Some(hunk) = hunks.last_mut() {
                // An empty line in between is one that stays, whose space was left out.
                let kept = std::iter::repeat_n(Line::Keep(String::new()), blank);
                hunk.lines.extend(kept);
                hunk.lines.push(line);
            }
            blank = 0;
        }
        match hunks.iter().position(|hunk| hunk.lines.is_empty()) {
            Some(at) => Err(PatchError::EmptyHunk {
                hunk: at + 1,
                path: path.to_owned(),
            }),
            None => Ok(hunks),
        }
    }
}

/// The line that an `@@` names; none where it names none or, as `diff -u` does, numbers.
fn anchor_of(text: &str) -> Option<String> {
    let text = text.trim();
    if let Some((range, _)) = text.split_once("@@")
        && range.starts_with('-')
        && range
            .chars()
            .all(|c| c.is_ascii_digit() || matches!(c, '-' | '+' | ',' | ' '))
    {
        return None;
    }
    let text = text.strip_suffix("@@").unwrap_or(text).trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn keep(text: &str) -> Line {
        Line::Keep(text.to_owned())
    }
    fn remove(text: &str) -> Line {
        Line::Remove(text.to_owned())
    }
    fn add(text: &str) -> Line {
        Line::Add(text.to_owned())
    }

    #[test]
    fn every_kind_of_section_is_read() {
        let text = "```\n*** Begin Patch\n*** Add File: new dir/a.txt\n+one\n\n+\n+three\n\n\
            *** Update File: b.rs\n*** Move to: c.rs\n@@ impl A\n@@   fn f()\n keep\n-old\n+new\n\n keep\n\
            @@ -1,2 +3,4 @@ fn g()\n+++x\n--- y\n*** End of File\n\
            *** Delete File: d\n*** Update File: e\r\n-x\r\n*** End Patch\n```";
        let hunk = |anchors: &[&str], lines: &[Line]| Hunk {
            anchors: anchors.iter().map(|a| (*a).to_owned()).collect(),
            lines: lines.to_vec(),
            is_at_end: false,
        };
        let section = |path: &str, action| Section {
            path: path.to_owned(),
            action,
        };
        assert_eq!(
            parse(text).unwrap(),
            [
                section(
                    "new dir/a.txt",
                    Action::Add {
                        content: "one\n\n\nthree\n".to_owned()
                    }
                ),
                section(
                    "b.rs",
                    Action::Update {
                        move_to: Some("c.rs".to_owned()),
                        hunks: vec![
                            hunk(
                                &["impl A", "fn f()"],
                                &[
                                    keep("keep"),
                                    remove("old"),
                                    add("new"),
                                    keep(""),
                                    keep("keep")
                                ]
                            ),
                            Hunk {
                                is_at_end: true,
                                ..hunk(&[], &[add("++x"), remove("-- y")])
                            },
                        ],
                    }
                ),
                section("d", Action::Delete),
                section(
                    "e",
                    Action::Update {
                        move_to: None,
                        hunks: vec![hunk(&[], &[remove("x")])],
                    }
                ),
            ]
        );
    }

    #[test]
    fn what_is_no_patch_says_where() {
        for (text, says) in [
            ("", "no line \"*** Begin Patch\""),
            ("*** Begin Patch\n*** Delete File: a\n", "cut off"),
            ("*** Begin Patch\n\n*** End Patch", "changes nothing"),
            (
                "*** Begin Patch\n*** Delete File: a\n*** End Patch\n*** Begin Patch",
                "Line 4 of the patch stands outside",
            ),
            (
                "*** Begin Patch\n*** Add File: \n*** End Patch",
                "Line 2 of the patch names no file",
            ),
            (
                "*** Begin Patch\n*** Rename File: a\n*** End Patch",
                "Line 2 of the patch, \"*** Rename File: a\", is no header",
            ),
            (
                "*** Begin Patch\n*** Add File: a\nx\n*** End Patch",
                "Line 3 of the patch, in \"Add File: a\"",
            ),
            (
                "*** Begin Patch\n*** Update File: a\n@@\nx\n*** End Patch",
                "Line 4 of the patch, in \"Update File: a\"",
            ),
            (
                "*** Begin Patch\n*** Update File: a\n+x\n@@ f\n*** End Patch",
                "Hunk 2 of \"Update File: a\" has no lines",
            ),
            (
                "*** Begin Patch\n*** Update File: a\n*** End Patch",
                "give it a hunk",
            ),
            (
                "*** Begin Patch\n*** Delete File: a\n-x\n*** End Patch",
                "is no header",
            ),
            (
                "*** Begin Patch\n*** Update File: a\n+x\n*** Move to: b\n*** End Patch",
                "is no header",
            ),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(says), "{text:?}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_patch_or_an_error(text in any::<String>()) {
            prop_assert!(parse(&text).is_err() || text.contains(BEGIN));
        }

        #[test]
        fn any_lines_are_a_patch_or_an_error(
            lines in prop::collection::vec(
                prop_oneof![
                    Just(ADD), Just("*** Add File: a"), Just("*** Update File: b"), Just("*** Delete File: c"),
                    Just("*** Move to: d"), Just(END_OF_FILE), Just(BEGIN), Just(END), Just("@@"), Just("@@ x"),
                    Just("@@ -1 +1 @@"), Just(" a"), Just("+b"), Just("-c"), Just(""), Just("\\ No"), Just("ü"),
                ],
                0..12,
            ),
        ) {
            let text = format!("{BEGIN}\n{}\n{END}", lines.join("\n"));
            if let Ok(sections) = parse(&text) {
                prop_assert!(!sections.is_empty());
                for section in sections {
                    if let Action::Update { hunks, .. } = section.action {
                        prop_assert!(hunks.iter().all(|hunk| !hunk.lines.is_empty()));
                    }
                }
            }
        }
    }
}
