//! Results of servers, as models are told them.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use moltbot_agent::ToolOutput;
use moltbot_llm::{Content, Image, Provenance};
use rmcp::model::{CallToolResult, ContentBlock, ResourceContents};

use super::listing::one_line;
use crate::exec::spill::Spill;
use crate::files::images::{HEAD, media_type};
use moltbot_guard::invisible;

/// Characters of a result that are shown; of a longer one the beginning and the end, and the whole is a file.
const SHOWN: usize = 30_000;
/// Of those, what is shown of the end.
const SHOWN_END: usize = 5_000;
/// Pictures of one result that are shown.
const IMAGES: usize = 4;
/// Longest base64 text of a picture: what hosted models take at most.
const LARGEST_IMAGE: usize = 7 << 20;

/// What a model is told of a result. Whatever it says comes from outside.
pub(super) async fn told(result: CallToolResult, results_dir: &Path) -> ToolOutput {
    let mut texts: Vec<String> = Vec::new();
    let mut images: Vec<Content> = Vec::new();
    for block in result.content {
        match block {
            ContentBlock::Text(text) => texts.push(text.text),
            ContentBlock::Image(image) => {
                texts.extend(picture(image.data, &image.mime_type, &mut images));
            }
            ContentBlock::Audio(audio) => {
                texts.push(left_out("sound", &audio.mime_type, audio.data.len()));
            }
            ContentBlock::Resource(resource) => match resource.resource {
                ResourceContents::TextResourceContents { uri, text, .. } => {
                    texts.push(format!("[{}]\n{text}", one_line(&uri, 400)));
                }
                ResourceContents::BlobResourceContents {
                    uri,
                    mime_type,
                    blob,
                    ..
                } => {
                    texts.push(format!("[{}]", one_line(&uri, 400)));
                    let kind = mime_type.unwrap_or_default();
                    texts.extend(picture(blob, &kind, &mut images));
                }
                _ => texts.push("(a resource of an unknown kind)".to_owned()),
            },
            ContentBlock::ResourceLink(link) => {
                let mut line = format!(
                    "[{}: {}",
                    one_line(&link.name, 200),
                    one_line(&link.uri, 400)
                );
                if let Some(kind) = &link.mime_type {
                    line.push_str(&format!(", {}", one_line(kind, 80)));
                }
                line.push(']');
                if let Some(words) = &link.description {
                    line.push_str(&format!(" {}", one_line(words, 400)));
                }
                texts.push(line);
            }
            _ => texts.push("(something of an unknown kind)".to_owned()),
        }
    }
    if texts.iter().all(|text| text.trim().is_empty())
        && let Some(structured) = result.structured_content
    {
        texts.push(structured.to_string());
    }
    texts.retain(|text| !text.is_empty());
    let mut text = invisible::strip(&texts.join("\n"));
    if text.trim().is_empty() && images.is_empty() {
        text = "(the tool answered nothing)".to_owned();
    }
    let mut content = Vec::new();
    if !text.is_empty() {
        let text = shown(text, results_dir.to_owned()).await;
        content.push(Content::text(text, Provenance::Outside));
    }
    content.append(&mut images);
    ToolOutput {
        content,
        is_error: result.is_error.unwrap_or(false),
        ..ToolOutput::default()
    }
}

/// Takes a picture that models can see; gives words about any other.
fn picture(data: String, kind: &str, images: &mut Vec<Content>) -> Option<String> {
    let what = match kind.starts_with("image/") {
        true => "picture",
        false => "file",
    };
    // What it is called decides nothing: its first bytes do.
    let head: String = data.chars().take(HEAD.div_ceil(3) * 4).collect();
    let known = STANDARD.decode(head).ok();
    let Some(mime_type) = known.as_deref().and_then(media_type) else {
        return Some(left_out(what, kind, data.len()));
    };
    if data.len() > LARGEST_IMAGE || images.len() >= IMAGES || STANDARD.decode(&data).is_err() {
        return Some(left_out(what, kind, data.len()));
    }
    images.push(Content::Image(Image {
        data,
        mime_type: mime_type.to_owned(),
        from: Provenance::Outside,
    }));
    None
}

fn left_out(what: &str, kind: &str, base64: usize) -> String {
    let kind = match one_line(kind, 80) {
        kind if kind.is_empty() => "unknown".to_owned(),
        kind => kind,
    };
    let bytes = base64 / 4 * 3;
    format!("({what} of type {kind}, about {bytes} bytes, not shown)")
}

/// A text, or the two ends of a long one and where the whole is.
async fn shown(text: String, results_dir: PathBuf) -> String {
    if text.len() <= SHOWN {
        return text;
    }
    let head = text.floor_char_boundary(SHOWN - SHOWN_END);
    let tail = text.ceil_char_boundary(text.len() - SHOWN_END);
    let (first, last) = (text[..head].to_owned(), text[tail..].to_owned());
    let left_out = tail - head;
    let kept = tokio::task::spawn_blocking(move || keep(&text, &results_dir)).await;
    let note = match kept.unwrap_or_else(|panic| Err(std::io::Error::other(panic))) {
        Ok(path) => format!(
            "{left_out} bytes left out here; the whole is in {}",
            path.display()
        ),
        Err(error) => {
            tracing::warn!(%error, "the whole of an MCP server's result could not be kept");
            format!("{left_out} bytes left out here; the whole could not be kept")
        }
    };
    format!("{first}\n[{note}]\n{last}")
}

fn keep(text: &str, folder: &Path) -> std::io::Result<PathBuf> {
    let mut id = uuid::Uuid::new_v4().simple().to_string();
    id.truncate(8);
    let mut file = Spill::create(folder, &format!("mcp-{id}"))?;
    file.write(text)?;
    file.finish()?;
    Ok(file.path().to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};

    use super::*;

    const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

    async fn tell(result: Value) -> (String, ToolOutput, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let result = serde_json::from_value(result).unwrap();
        let output = told(result, folder.path()).await;
        let texts: Vec<&str> = output.content.iter().filter_map(Content::as_text).collect();
        (texts.join("|"), output, folder)
    }

    #[tokio::test]
    async fn every_kind_of_part_is_told_and_is_from_outside() {
        let (text, output, _) = tell(json!({"content": [
            {"type": "text", "text": "a\u{200b}b"},
            {"type": "image", "data": PNG, "mimeType": "image/jpeg"},
            {"type": "image", "data": "AAAA", "mimeType": "image/png"},
            {"type": "audio", "data": "AAAAAAAA", "mimeType": "audio/wav"},
            {"type": "resource", "resource": {"uri": "file:///x", "text": "inside"}},
            {"type": "resource", "resource": {"uri": "file:///y", "blob": PNG, "mimeType": "image/png"}},
            {"type": "resource_link", "uri": "file:///z", "name": "z", "mimeType": "text/plain", "description": "Z."},
        ], "isError": true}))
        .await;
        assert_eq!(
            text,
            "ab\n(picture of type image/png, about 3 bytes, not shown)\n(sound of type audio/wav, about 6 bytes, not shown)\n\
             [file:///x]\ninside\n[file:///y]\n[z: file:///z, text/plain] Z."
        );
        assert!(output.is_error);
        assert_eq!(output.content.len(), 3);
        let Content::Image(image) = &output.content[1] else {
            panic!("{output:?}");
        };
        assert_eq!(image.mime_type, "image/png");
        assert!(
            output
                .content
                .iter()
                .all(|part| part.from() == Provenance::Outside)
        );
    }

    #[tokio::test]
    async fn what_is_structured_counts_where_there_is_no_text() {
        let (text, ..) = tell(json!({"content": [], "structuredContent": {"n": 1}})).await;
        assert_eq!(text, r#"{"n":1}"#);
        let (text, ..) = tell(
            json!({"content": [{"type": "text", "text": "t"}], "structuredContent": {"n": 1}}),
        )
        .await;
        assert_eq!(text, "t");
        let (text, ..) = tell(json!({"content": []})).await;
        assert_eq!(text, "(the tool answered nothing)");
    }

    #[tokio::test]
    async fn of_a_long_result_both_ends_are_shown_and_the_whole_is_a_file() {
        let whole = format!("begin{}end", "ü".repeat(100_000));
        let (text, _, folder) = tell(json!({"content": [{"type": "text", "text": whole}]})).await;
        assert!(text.len() < SHOWN + 300 && text.starts_with("begin") && text.ends_with("end"));
        let file = std::fs::read_dir(folder.path())
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
            .path();
        assert!(text.contains(&file.display().to_string()));
        assert_eq!(std::fs::read_to_string(file).unwrap(), whole);
    }
}
