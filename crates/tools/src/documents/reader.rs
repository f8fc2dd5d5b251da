//! Having a document read, by a process that may break.

use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

use super::worker::{MEMORY, SECONDS};
use super::{Page, Told};
use crate::web::strip_invisible;

/// The largest document that is read, bytes.
pub(crate) const FILE_LIMIT: u64 = 64 * 1024 * 1024;
/// The most that the process may tell, bytes.
const TOLD_LIMIT: usize = 16 * 1024 * 1024;
/// The longest that it is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Reads documents, each in a process of its own.
#[derive(Debug, Clone)]
pub struct DocumentReader {
    program: PathBuf,
    args: Vec<String>,
    patience: Duration,
}

/// What a document says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DocumentText {
    /// Page after page, each under a line with its number.
    pub(crate) text: String,
    /// What is missing, where something is.
    pub(crate) missing: Option<String>,
}

/// Why a document is not read. Each continues its name: "a.pdf …".
#[derive(Debug, Error)]
pub(crate) enum DocumentError {
    #[error("is locked with a password; only a copy without one can be read.")]
    Locked,
    #[error("is not a PDF that can be read: it is damaged or cut off.")]
    Damaged,
    #[error(
        "has no text in its {0} pages: they are pictures, as from a scanner. Only a copy with recognised text (OCR) can be read."
    )]
    Pictures(usize),
    #[error(
        "could not be read: it is damaged, or takes more than {} MiB of memory or {SECONDS} s.",
        MEMORY / 1024 / 1024
    )]
    BrokeOff,
    #[error("could not be read: the program that reads documents did not start ({0}).")]
    NotStarted(io::Error),
}

impl DocumentReader {
    /// `program` with `args` is a process that calls [`super::work`] on its standard input and output.
    pub fn new(program: PathBuf, args: Vec<String>) -> Self {
        Self {
            program,
            args,
            patience: PATIENCE,
        }
    }

    /// The same, with this much time for a document instead of a minute.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Reads a document. The process ends with this future.
    pub(crate) async fn read(&self, bytes: Vec<u8>) -> Result<DocumentText, DocumentError> {
        let mut child = Command::new(&self.program)
            .args(&self.args)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(DocumentError::NotStarted)?;
        let mut told = Vec::new();
        // What came before it broke off, or took too long, is worth having.
        let _ = tokio::time::timeout(self.patience, talk(&mut child, &bytes, &mut told)).await;
        // It may have ended by itself.
        let _ = child.kill().await;
        understand(&told)
    }
}

/// Hands the document over and takes what is told.
async fn talk(child: &mut Child, bytes: &[u8], told: &mut Vec<u8>) {
    let (Some(mut input), Some(mut output)) = (child.stdin.take(), child.stdout.take()) else {
        return;
    };
    let give = async move {
        // It stops listening where it breaks off.
        let _ = input.write_all(bytes).await;
    };
    let take = async {
        while told.len() < TOLD_LIMIT && output.read_buf(told).await.is_ok_and(|length| length > 0)
        {
        }
    };
    tokio::join!(give, take);
}

/// Makes a text of what was told.
fn understand(told: &[u8]) -> Result<DocumentText, DocumentError> {
    let lines = told.split_inclusive(|byte| *byte == b'\n');
    // The last line may be cut.
    let told = lines.map_while(|line| serde_json::from_slice(line).ok());
    let (mut count, mut read, mut is_whole, mut has_text) = (0, 0, false, false);
    let mut text = String::new();
    for told in told {
        match told {
            Told::Pages(pages) => count = pages,
            Told::Page(page) => {
                read += 1;
                has_text |= !page.text.is_empty() || !page.is_whole;
                put(&mut text, read, count, &page);
            }
            Told::Locked => return Err(DocumentError::Locked),
            Told::Damaged => return Err(DocumentError::Damaged),
            Told::End => is_whole = true,
        }
    }
    match (is_whole, has_text) {
        (true, false) => Err(DocumentError::Pictures(count)),
        (false, false) => Err(DocumentError::BrokeOff),
        (_, true) => Ok(DocumentText {
            text,
            missing: (!is_whole).then(|| {
                format!("Pages from {} to {count} could not be read: the document is damaged or too large", read + 1)
            }),
        }),
    }
}

/// Adds a page. What a reader of the page would not see is left out.
fn put(text: &mut String, number: usize, count: usize, page: &Page) {
    if !text.is_empty() {
        text.push_str("\n\n");
    }
    let note = match (page.is_whole, page.text.is_empty()) {
        (true, false) => "",
        (true, true) => ": no text",
        (false, _) => ": could not be read whole",
    };
    text.push_str(&format!("[Page {number} of {count}{note}]"));
    if !page.text.is_empty() {
        text.push('\n');
        text.push_str(&strip_invisible(&page.text));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn page(text: &str, is_whole: bool) -> Told {
        let text = text.to_owned();
        Told::Page(Page { text, is_whole })
    }

    fn said(told: &[Told]) -> Result<DocumentText, String> {
        let lines = told
            .iter()
            .map(|told| serde_json::to_string(told).unwrap() + "\n");
        let lines: String = lines.collect();
        understand(lines.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn what_was_told_is_put_together() {
        let whole = [
            Told::Pages(3),
            page("one\u{200b}", true),
            page("", true),
            page("half", false),
            Told::End,
        ];
        let text = "[Page 1 of 3]\none\n\n[Page 2 of 3: no text]\n\n[Page 3 of 3: could not be read whole]\nhalf";
        let text = text.to_owned();
        assert_eq!(
            said(&whole),
            Ok(DocumentText {
                text,
                missing: None
            })
        );
        let missing = said(&whole[..2]).unwrap().missing.unwrap();
        assert!(missing.contains("from 2 to 3"), "{missing}");
    }

    #[test]
    fn without_any_text_the_reason_is_told() {
        let pictures = [Told::Pages(2), page("", true), page("", true), Told::End];
        for (told, says) in [
            (&pictures[..], "no text in its 2 pages"),
            (
                &pictures[..2],
                "or takes more than 1024 MiB of memory or 30 s",
            ),
            (&[], "or takes more than"),
            (&[Told::Locked], "password"),
            (&[Told::Damaged], "damaged or cut off"),
        ] {
            let error = said(told).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn a_line_that_was_cut_off_does_not_count() {
        let mut told = serde_json::to_vec(&Told::Pages(2)).unwrap();
        told.extend(b"\n{\"page\":{\"text\":\"one\",\"isWhole\":true}}\n{\"page\":{\"te");
        let text = understand(&told).unwrap();
        assert_eq!(text.text, "[Page 1 of 2]\none");
        assert!(text.missing.is_some());
    }
}
