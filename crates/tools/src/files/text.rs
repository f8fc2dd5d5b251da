//! A text file as it is edited: its line ends and its byte order mark stay as they are.

use std::path::{Path, PathBuf};

use thiserror::Error;

use super::place::shown;

const MARK: &str = "\u{feff}";

/// A text file's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileText {
    marked: bool,
    /// The text behind the mark, line ends as in the file.
    pub(crate) body: String,
}

/// A file that is not text.
#[derive(Debug, Error)]
#[error("{} is not text in UTF-8, so it cannot be edited.", shown(path))]
pub(crate) struct NotText {
    path: PathBuf,
}

impl FileText {
    /// Reads a file's bytes.
    pub(crate) fn decode(bytes: Vec<u8>, path: &Path) -> Result<Self, NotText> {
        let not_text = || NotText {
            path: path.to_owned(),
        };
        let mut body = String::from_utf8(bytes).map_err(|_| not_text())?;
        if body.contains('\0') {
            return Err(not_text());
        }
        let marked = body.starts_with(MARK);
        if marked {
            body.drain(..MARK.len());
        }
        Ok(Self { marked, body })
    }

    /// The file's bytes with this text in it.
    pub(crate) fn encode(&self, body: &str) -> Vec<u8> {
        let mark = if self.marked { MARK } else { "" };
        [mark, body].concat().into_bytes()
    }
}

/// How most lines of a text end.
pub(crate) fn line_end(body: &str) -> &'static str {
    let windows = body.matches("\r\n").count();
    let all = body.bytes().filter(|byte| *byte == b'\n').count();
    match windows > all - windows {
        true => "\r\n",
        false => "\n",
    }
}

/// What ends a line without being seen.
pub(crate) const UNSEEN: [char; 3] = [' ', '\t', '\r'];

/// The number of the line, counted from 1, in which a byte lies.
pub(crate) fn line_number(body: &str, at: usize) -> usize {
    1 + body.as_bytes()[..at]
        .iter()
        .filter(|byte| **byte == b'\n')
        .count()
}
