//! `read` on documents, with the real process that takes them apart.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use moltbot_agent::ToolOutput;
use moltbot_llm::{Content, Provenance};
use moltbot_tools::documents::DocumentReader;
use moltbot_tools::{Folders, Read};
use proptest::prelude::*;
use serde_json::json;

use crate::call::{Stage, text};

const TWO_PAGES: &[u8] = include_bytes!("../data/two-pages.pdf");

/// Has documents read by `examples/document-worker.rs`, which lies beside the folder of the tests.
pub(crate) fn documents() -> DocumentReader {
    worker(Vec::new())
}

fn worker(args: Vec<String>) -> DocumentReader {
    let test = std::env::current_exe().unwrap();
    let target = test.parent().and_then(Path::parent).unwrap();
    DocumentReader::new(target.join("examples/document-worker"), args)
}

fn read_with(stage: &Stage, documents: DocumentReader) -> Read {
    let folders = Folders::new(stage.dir.path().to_owned(), Vec::new());
    Read::new(Arc::new(folders), documents)
}

async fn output(stage: &Stage, bytes: &[u8], documents: DocumentReader) -> ToolOutput {
    fs::write(stage.workspace().join("a.pdf"), bytes).unwrap();
    let tool = read_with(stage, documents);
    stage.call(&tool, json!({"path": "a.pdf"})).await.unwrap()
}

#[tokio::test]
async fn a_pdf_is_read_page_by_page_as_text_from_outside() {
    let stage = Stage::new().await;
    let whole = output(&stage, TWO_PAGES, documents()).await;
    let lines = [
        "[Page 1 of 2]",
        "The first page.",
        "It has two lines.",
        "",
        "[Page 2 of 2]",
        "Köln – 12 €",
    ];
    assert_eq!(text(&whole), lines.join("\n"));
    assert_eq!(whole.content[0].from(), Provenance::Outside);
    assert!(!whole.is_error);

    let read = read_with(&stage, documents());
    let part = json!({"path": "a.pdf", "offset": 3, "limit": 1});
    let part = stage.text(&read, part).await;
    assert_eq!(
        part,
        "It has two lines.\n[3 more lines; read on with offset=4]"
    );
}

#[tokio::test]
async fn a_pdf_without_text_says_why() {
    let stage = Stage::new().await;
    let cut = &TWO_PAGES[..TWO_PAGES.len() / 3];
    for (bytes, says) in [
        (
            &include_bytes!("../data/locked.pdf")[..],
            "locked with a password",
        ),
        (
            include_bytes!("../data/picture.pdf"),
            "has no text in its 1 pages",
        ),
        (cut, "damaged or cut off"),
    ] {
        let output = output(&stage, bytes, documents()).await;
        let path = stage.workspace().join("a.pdf").canonicalize().unwrap();
        let said = text(&output);
        assert!(output.is_error, "{said}");
        assert!(said.starts_with(path.to_str().unwrap()), "{said}");
        assert!(said.contains(says), "{said}");
        assert_eq!(output.content[0].from(), Provenance::Program);
    }
}

/// A PDF of one page whose content is written `times` over, by a form that is drawn again and again: small as a file,
/// as large as one likes when it is drawn.
fn unfolding(times: usize) -> Vec<u8> {
    let draw = "/F Do ".repeat(times);
    let words = format!("BT /H 9 Tf 9 9 Td ({}) Tj ET", "word ".repeat(2000));
    let resources = "<</XObject<</F 5 0 R>>/Font<</H 6 0 R>>>>";
    let objects = [
        "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
        "<</Type/Pages/Kids[3 0 R]/Count 1>>".to_owned(),
        format!(
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents 4 0 R/Resources{resources}>>"
        ),
        format!("<</Length {}>>stream\n{draw}\nendstream", draw.len()),
        format!(
            "<</Type/XObject/Subtype/Form/BBox[0 0 99 99]/Resources{resources}/Length {}>>stream\n{words}\nendstream",
            words.len()
        ),
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>".to_owned(),
    ];
    let mut pdf = b"%PDF-1.4\n".to_vec();
    let mut places = Vec::new();
    for (index, object) in objects.iter().enumerate() {
        places.push(pdf.len());
        pdf.extend(format!("{} 0 obj{object}endobj\n", index + 1).bytes());
    }
    let start = pdf.len();
    pdf.extend(format!("xref\n0 {}\n0000000000 65535 f \n", places.len() + 1).bytes());
    for place in &places {
        pdf.extend(format!("{place:010} 00000 n \n").bytes());
    }
    let size = places.len() + 1;
    pdf.extend(format!("trailer<</Size {size}/Root 1 0 R>>\nstartxref\n{start}\n%%EOF").bytes());
    pdf
}

#[tokio::test]
async fn a_document_that_takes_too_long_is_given_up() {
    let stage = Stage::new().await;
    let small = output(&stage, &unfolding(1), documents()).await;
    assert!(text(&small).contains("word word"), "{}", text(&small));
    let patience = Duration::from_millis(300);
    let output = output(
        &stage,
        &unfolding(20_000_000 / 6),
        documents().with_patience(patience),
    )
    .await;
    assert!(output.is_error);
    assert!(
        text(&output).contains("or takes more than"),
        "{}",
        text(&output)
    );
}

/// What takes no more memory than there is says of an empty document that it is damaged.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_document_gets_only_so_much_memory() {
    let stage = Stage::new().await;
    let output = output(&stage, TWO_PAGES, worker(vec!["hungry".to_owned()])).await;
    assert!(output.is_error);
    assert!(
        text(&output).contains("or takes more than 1024 MiB"),
        "{}",
        text(&output)
    );
}

#[tokio::test]
async fn a_reader_that_is_not_there_or_says_nothing_is_told() {
    let stage = Stage::new().await;
    for (program, says) in [
        ("/nowhere/reader", "did not start"),
        ("/bin/false", "could not be read"),
        ("/bin/echo", "could not be read"),
    ] {
        let documents = DocumentReader::new(PathBuf::from(program), Vec::new());
        let output = output(&stage, TWO_PAGES, documents).await;
        assert!(output.is_error);
        assert!(text(&output).contains(says), "{}", text(&output));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn a_garbled_pdf_is_read_or_refused_in_words(
        keep in 1usize..3000,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..40),
    ) {
        let mut pdf = TWO_PAGES.to_vec();
        pdf.truncate(keep.max(5));
        for (at, byte) in changes {
            // It still begins like a PDF.
            let at = 5 + at.index(pdf.len());
            if let Some(old) = pdf.get_mut(at) {
                *old = byte;
            }
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let output = runtime.block_on(async {
            output(&Stage::new().await, &pdf, documents()).await
        });
        let words = output.content.iter().filter_map(Content::as_text);
        prop_assert!(words.into_iter().any(|text| !text.is_empty()));
    }
}
