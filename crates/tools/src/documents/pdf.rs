//! PDFs.

use std::panic::{AssertUnwindSafe, catch_unwind};

use pdf_extract::{Document, PlainTextOutput, output_doc_page};

use super::{Page, Told};

/// Reads a PDF and tells what is in it, until `tell` no longer listens. The parser panics on what it does not expect:
/// that costs a page at most.
pub(super) fn read(bytes: &[u8], mut tell: impl FnMut(Told) -> bool) {
    let opened = catch_unwind(|| open(bytes)).unwrap_or(Err(Told::Damaged));
    let (document, pages) = match opened {
        Ok(opened) => opened,
        Err(why) => {
            tell(why);
            return;
        }
    };
    if !tell(Told::Pages(pages.len())) {
        return;
    }
    for number in pages {
        if !tell(Told::Page(page(&document, number))) {
            return;
        }
    }
    tell(Told::End);
}

/// The document and the numbers of its pages.
fn open(bytes: &[u8]) -> Result<(Document, Vec<u32>), Told> {
    let mut document = Document::load_mem(bytes).map_err(|error| match error {
        pdf_extract::Error::InvalidPassword | pdf_extract::Error::Decryption(_) => Told::Locked,
        _ => Told::Damaged,
    })?;
    // Many are locked against changes only, and open with no password.
    if document.is_encrypted() && document.decrypt("").is_err() {
        return Err(Told::Locked);
    }
    let pages: Vec<u32> = document.get_pages().into_keys().collect();
    match pages.is_empty() {
        true => Err(Told::Damaged),
        false => Ok((document, pages)),
    }
}

fn page(document: &Document, number: u32) -> Page {
    let mut text = String::new();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let mut output = PlainTextOutput::new(&mut text);
        output_doc_page(document, &mut output, number)
    }));
    Page {
        text: tidy(&text),
        is_whole: matches!(outcome, Ok(Ok(()))),
    }
}

/// A page's text without the white space that its layout leaves: no blanks at line ends, at most one blank line.
fn tidy(text: &str) -> String {
    let mut tidy = String::with_capacity(text.len());
    let mut blank = 0;
    for line in text.lines().map(str::trim_end) {
        if line.is_empty() {
            blank += 1;
            continue;
        }
        if !tidy.is_empty() {
            tidy.push_str(if blank > 0 { "\n\n" } else { "\n" });
        }
        tidy.push_str(line);
        blank = 0;
    }
    tidy
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn told(bytes: &[u8]) -> Vec<Told> {
        let mut all = Vec::new();
        read(bytes, |told| {
            all.push(told);
            true
        });
        all
    }

    fn page(text: &str) -> Told {
        Told::Page(Page {
            text: text.to_owned(),
            is_whole: true,
        })
    }

    #[test]
    fn the_text_of_each_page_is_told() {
        let pdf = include_bytes!("../../tests/data/two-pages.pdf");
        let words = ["The first page.\nIt has two lines.", "Köln – 12 €"];
        let expected = [Told::Pages(2), page(words[0]), page(words[1]), Told::End];
        assert_eq!(told(pdf), expected);
    }

    #[test]
    fn one_that_is_locked_or_no_pdf_says_so() {
        let locked = include_bytes!("../../tests/data/locked.pdf");
        assert_eq!(told(locked), [Told::Locked]);
        assert_eq!(told(b"%PDF-1.7\n..."), [Told::Damaged]);
        assert_eq!(told(b""), [Told::Damaged]);
    }

    #[test]
    fn nothing_more_is_read_when_nobody_listens() {
        let pdf = include_bytes!("../../tests/data/two-pages.pdf");
        let mut count = 0;
        read(pdf, |_| {
            count += 1;
            count < 2
        });
        assert_eq!(count, 2);
    }

    #[test]
    fn white_space_of_the_layout_is_taken_out() {
        assert_eq!(tidy("\n\n a  \n\n\n\nb\nc\n \n"), " a\n\nb\nc");
        assert_eq!(tidy(" \n"), "");
    }
}
