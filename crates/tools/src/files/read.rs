//! `read`: a part of a text file or of a document's text, a picture, or the names in a folder.

mod lines;

use std::io::{self, BufRead, Read as _, Seek as _};
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use moltbot_agent::{Arguments, Plan, Scene, Tool, ToolError, ToolOutput, read_arguments};
use moltbot_guard::invisible::{is_invisible, written_out};
use moltbot_llm::{Content, Image, Provenance, ToolSpec};
use serde::Deserialize;
use serde_json::json;
use thiserror::Error;

use super::disk::{Kind, Spot};
use super::images;
use super::place::{Place, shown};
use super::places::{Folders, plan};
use super::refusal::Refusal;
use super::similar::no_such_file;
use super::{off_thread, still_decided};
use crate::documents::{DocumentError, DocumentReader, FILE_LIMIT, is_document};
use crate::picture;
use lines::{MAX_LINES, Part, Rest};

/// The most names of a folder.
const MAX_NAMES: usize = 200;
/// As much of a file as tells whether it is text, bytes.
const SNIFFED: u64 = 8 * 1024;

/// Reads a file, or lists a folder.
#[derive(Debug, Clone)]
pub struct Read {
    folders: Arc<Folders>,
    documents: DocumentReader,
}

impl Read {
    /// A tool that knows these folders, and has documents read by this.
    pub fn new(folders: Arc<Folders>, documents: DocumentReader) -> Self {
        Self { folders, documents }
    }

    /// A part of a document's text. Who made the document is not known, so what it says comes from outside.
    async fn document(
        &self,
        place: &Place,
        bytes: Vec<u8>,
        arguments: &ReadArguments,
    ) -> Result<ToolOutput, Refusal> {
        let read = self.documents.read(bytes).await;
        let read = read.map_err(|source| Unreadable::Document {
            path: place.path.clone(),
            source,
        })?;
        let mut output = text(read.text.as_bytes(), place, Provenance::Outside, arguments)?;
        if let Some(missing) = read.missing {
            let note = format!("[{missing}]");
            output
                .content
                .push(Content::text(note, Provenance::Program));
        }
        Ok(output)
    }
}

/// What was found at a path.
enum Found {
    Shown(ToolOutput),
    /// To be read by another process.
    Document(Place, Vec<u8>),
}

#[derive(Clone, Deserialize)]
struct ReadArguments {
    offset: Option<i64>,
    limit: Option<i64>,
}

#[async_trait]
impl Tool for Read {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "read".to_owned(),
            description:
                "Read a text file, PDF or picture, or list a folder. A long file is read in parts."
                    .to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "path": {"type": "string"},
                    "offset": {"type": "integer", "description": "First line, from 1"},
                    "limit": {"type": "integer", "description": "Number of lines"},
                },
                "required": ["path"],
            }),
        }
    }

    fn aliases(&self) -> &[(&str, &str)] {
        &[("file_path", "path")]
    }

    fn plan(&self, arguments: &Arguments, scene: &Scene<'_>) -> Plan {
        let found = self.folders.to_read(arguments, scene);
        plan(&found, Place::reads)
    }

    async fn call(&self, arguments: Arguments, scene: &Scene<'_>) -> Result<ToolOutput, ToolError> {
        let found = self.folders.to_read(&arguments, scene);
        let decided = still_decided(&plan(&found, Place::reads), scene.decided);
        let arguments: ReadArguments = read_arguments(arguments)?;
        let (part, work) = (arguments.clone(), move || -> Result<Found, Refusal> {
            let place = found?;
            decided?;
            place.may_be_read()?;
            let spot = Spot::at(&place.path)?;
            match spot.kind()? {
                Some(Kind::Folder) => Ok(Found::Shown(folder(&place, &spot.list()?))),
                Some(Kind::File) => file(place, &spot, &arguments),
                None => Err(no_such_file(&place)),
            }
        });
        let output = match off_thread(work).await? {
            Ok(Found::Shown(output)) => Ok(output),
            Ok(Found::Document(place, bytes)) => self.document(&place, bytes, &part).await,
            Err(refusal) => Err(refusal),
        };
        Ok(output.unwrap_or_else(ToolOutput::from))
    }
}

fn folder(place: &Place, names: &[String]) -> ToolOutput {
    let title = format!("Folder {}, {} entries:", place.shown(), names.len());
    let mut output = ToolOutput::text(title, Provenance::Program);
    let listed: Vec<String> = names
        .iter()
        .take(MAX_NAMES)
        .map(
            |name| match name.contains(|c: char| c.is_control() || is_invisible(c)) {
                true => written_out(&format!("{name:?}")),
                false => name.clone(),
            },
        )
        .collect();
    if !listed.is_empty() {
        output.content.push(Content::text(
            listed.join("\n"),
            place.provenance_of_names(names),
        ));
    }
    if names.len() > MAX_NAMES {
        let note = format!("[{} more names]", names.len() - MAX_NAMES);
        output
            .content
            .push(Content::text(note, Provenance::Program));
    }
    output
}

fn file(place: Place, spot: &Spot, arguments: &ReadArguments) -> Result<Found, Refusal> {
    let failed = |source| Unreadable::Failed {
        path: place.path.clone(),
        source,
    };
    let (mut file, version) = spot.open()?;
    let mut head = Vec::new();
    (&mut file)
        .take(SNIFFED)
        .read_to_end(&mut head)
        .map_err(failed)?;
    if let Some(media_type) = images::media_type(&head) {
        let (bytes, _) = spot.read(picture::FILE_LIMIT)?;
        let title = format!("{}: {media_type}, {} bytes.", place.shown(), bytes.len());
        let picture = picture::fit(bytes).map_err(|source| Unreadable::Picture {
            path: place.path.clone(),
            source,
        })?;
        let image = Image {
            data: STANDARD.encode(&picture.bytes),
            mime_type: picture.media_type.to_owned(),
            // Who made it, and what is written in it, is not known.
            from: Provenance::Outside,
        };
        let output = ToolOutput::text(title, Provenance::Program).with_image(image);
        return Ok(Found::Shown(output));
    }
    if is_document(&head) {
        let (bytes, _) = spot.read(FILE_LIMIT)?;
        return Ok(Found::Document(place, bytes));
    }
    if !is_text(&head) {
        let path = place.path.clone();
        return Err(Unreadable::Binary { path }.into());
    }
    file.rewind().map_err(failed)?;
    text(
        io::BufReader::new(file),
        &place,
        place.provenance_of(version),
        arguments,
    )
    .map(Found::Shown)
}

fn text(
    source: impl BufRead,
    place: &Place,
    from: Provenance,
    arguments: &ReadArguments,
) -> Result<ToolOutput, Refusal> {
    let whole = |number: Option<i64>| number.and_then(|number| usize::try_from(number).ok());
    let offset = whole(arguments.offset).unwrap_or(1).max(1);
    let limit = match whole(arguments.limit) {
        None | Some(0) => MAX_LINES,
        Some(limit) => limit.min(MAX_LINES),
    };
    let part = Part::read(source, offset, limit).map_err(|source| Unreadable::Failed {
        path: place.path.clone(),
        source,
    })?;
    if part.lines == 0 {
        return match offset {
            1 => Ok(ToolOutput::text(
                format!("{} is empty.", place.shown()),
                Provenance::Program,
            )),
            _ => Err(Refusal::new(format!(
                "{} ends before line {offset}: it has {} lines.",
                place.shown(),
                part.before
            ))),
        };
    }
    let next = offset + part.lines;
    let mut notes = Vec::new();
    match part.rest {
        Rest::None => {}
        Rest::Lines(1) => notes.push(format!("[1 more line; read on with offset={next}]")),
        Rest::Lines(more) => notes.push(format!("[{more} more lines; read on with offset={next}]")),
        Rest::Many => notes.push(format!("[Many more lines; read on with offset={next}]")),
    }
    if part.is_lossy {
        notes.push("[Not all of it is UTF-8; \u{fffd} stands for what is not]".to_owned());
    }
    let mut output = ToolOutput::text(part.text, from);
    if !notes.is_empty() {
        output
            .content
            .push(Content::text(notes.join("\n"), Provenance::Program));
    }
    Ok(output)
}

/// Whether a file that begins like this is text for a reader: no NUL, and hardly anything that is not a character.
fn is_text(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(head);
    let all = text.chars().count();
    let odd = |c: &char| {
        *c == '\u{fffd}'
            || (c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{c}' | '\u{1b}'))
    };
    !head.contains(&0) && text.chars().filter(odd).count() * 10 <= all
}

/// A file that is not shown.
#[derive(Debug, Error)]
enum Unreadable {
    #[error("{} is a binary file, which is not shown as text.", shown(path))]
    Binary { path: PathBuf },
    #[error("{} {source}", shown(path))]
    Document {
        path: PathBuf,
        source: DocumentError,
    },
    #[error("{} is not shown. {source}", shown(path))]
    Picture {
        path: PathBuf,
        source: picture::PictureError,
    },
    #[error("{} cannot be read: {source}.", shown(path))]
    Failed { path: PathBuf, source: io::Error },
}

#[cfg(test)]
mod tests {
    use super::is_text;

    #[test]
    fn text_is_told_from_data() {
        for (head, text) in [
            (&b"plain\n"[..], true),
            ("ünï→\u{1b}[31mred".as_bytes(), true),
            (b"Latin-1: caf\xe9 au lait", true),
            (b"", true),
            (b"a\0b", false),
            (b"\x01\x02\x03\x04abc", false),
            (b"\xff\xfea\0b\0", false),
        ] {
            assert_eq!(is_text(head), text, "{head:?}");
        }
    }
}
