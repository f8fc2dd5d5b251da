//! The text of documents that are not text themselves: PDFs.
//!
//! Whoever made a document made it for this parser too: it may be damaged, endless, or meant to break what reads it. So
//! it is read in a process of its own (`worker`), which holds no file, no credential and no connection, and may take
//! only so much memory and time. What comes back is text from outside, page by page; a process that breaks off half-way
//! leaves the pages before.

mod pdf;
mod reader;
mod worker;

use serde::{Deserialize, Serialize};

pub use reader::DocumentReader;
pub(crate) use reader::{DocumentError, FILE_LIMIT};
pub use worker::work;

/// What the process tells, a line of JSON each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Told {
    /// The document has so many pages. Comes first.
    Pages(usize),
    /// The next page.
    Page(Page),
    /// It can be read only with a password.
    Locked,
    /// It is not a document of its kind, or too broken to find a page in.
    Damaged,
    /// Nothing else comes.
    End,
}

/// A page of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    /// Its text, or what of it could be read.
    text: String,
    /// Whether that is all of it.
    is_whole: bool,
}

/// Whether a file that begins like this is a document whose text is read here.
pub(crate) fn is_document(head: &[u8]) -> bool {
    head.starts_with(b"%PDF-")
}
