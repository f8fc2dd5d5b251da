//! `edit`: one piece of text in a file becomes another.

use std::sync::Arc;

use async_trait::async_trait;
use moltbot_agent::{Arguments, Plan, Scene, Tool, ToolError, ToolOutput, read_arguments};
use moltbot_llm::{Provenance, ToolSpec};
use serde::Deserialize;
use serde_json::json;
use thiserror::Error;

use super::closest::Closest;
use super::disk::{Expected, Spot, Version};
use super::place::Place;
use super::places::{Folders, plan};
use super::refusal::Refusal;
use super::similar::no_such_file;
use super::text::{FileText, UNSEEN, line_end, line_number};
use super::{EDIT_LIMIT, on_disk, still_decided};

/// As many places as are looked for, and named, where a text occurs more than once.
const COUNTED: usize = 1000;
const NAMED: usize = 10;

/// Replaces one piece of text in a file.
#[derive(Debug, Clone)]
pub struct Edit {
    folders: Arc<Folders>,
}

impl Edit {
    /// A tool that knows these folders.
    pub fn new(folders: Arc<Folders>) -> Self {
        Self { folders }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EditArguments {
    old_text: String,
    new_text: String,
}

#[async_trait]
impl Tool for Edit {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "edit".to_owned(),
            description: "Replace text in a file.".to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "path": {"type": "string"},
                    "oldText": {"type": "string", "description": "Copied exactly; must occur only once in the file"},
                    "newText": {"type": "string"},
                },
                "required": ["path", "oldText", "newText"],
            }),
        }
    }

    fn aliases(&self) -> &[(&str, &str)] {
        &[
            ("file_path", "path"),
            ("old_string", "oldText"),
            ("new_string", "newText"),
        ]
    }

    fn plan(&self, arguments: &Arguments, scene: &Scene<'_>) -> Plan {
        let found = self.folders.in_call(arguments, scene);
        plan(&found, Place::changes)
    }

    fn is_parallel(&self) -> bool {
        false
    }

    async fn call(&self, arguments: Arguments, scene: &Scene<'_>) -> Result<ToolOutput, ToolError> {
        let found = self.folders.in_call(&arguments, scene);
        let decided = still_decided(&plan(&found, Place::changes), scene.decided);
        let arguments: EditArguments = read_arguments(arguments)?;
        let label = scene.label;
        on_disk(move || {
            let place = found?;
            decided?;
            let spot = Spot::at(&place.path)?;
            if spot.kind()?.is_none() {
                return Err(no_such_file(&place));
            }
            let (bytes, version) = spot.read(EDIT_LIMIT)?;
            let file = FileText::decode(bytes, &place.path)?;
            let edited = replace_once(&file.body, &arguments.old_text, &arguments.new_text)
                .map_err(|error| {
                    refusal(&error, &place, &file.body, &arguments.old_text, version)
                })?;
            let bytes = file.encode(&edited.body);
            spot.stage(
                &bytes,
                Expected::Version(version),
                Some(version),
                place.takes_foreign(label),
            )?
            .commit()?;
            let text = format!("Edited {} at line {}.", place.shown(), edited.line);
            Ok(ToolOutput::text(text, Provenance::Program))
        })
        .await
    }
}

fn refusal(error: &NoEdit, place: &Place, body: &str, old: &str, version: Version) -> Refusal {
    let reason = format!("{} was not changed: {error}", place.shown());
    // A file that is not read is not quoted either.
    let closest = match (error, place.may_be_read()) {
        (NoEdit::Missing, Ok(())) => Closest::find(body, old.lines()),
        _ => None,
    };
    match closest {
        Some(Closest { line, text }) => Refusal::new(format!(
            "{reason} It comes closest at line {line}, where the file reads differently:"
        ))
        .quoting(text, place.provenance_of(version)),
        None => Refusal::new(format!("{reason} Read the file again.")),
    }
}

/// A text with one piece replaced.
#[derive(Debug, PartialEq, Eq)]
struct Edited {
    body: String,
    /// The line in which the piece begins, from 1.
    line: usize,
}

/// Why nothing was replaced.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
enum NoEdit {
    #[error("oldText is empty. Copy the text that is to change, or use write for a whole file.")]
    Empty,
    #[error("oldText and newText are the same.")]
    Same,
    #[error("oldText does not occur in it.")]
    Missing,
    #[error(
        "oldText occurs {count} times in it, on lines {lines}. Give more of the text around the one that is meant."
    )]
    Several { count: String, lines: String },
}

/// Replaces the only place where `old` occurs.
///
/// Where it does not occur as it is, a second look passes over whitespace at the ends of lines. New lines end as the
/// others of the file do.
fn replace_once(body: &str, old: &str, new: &str) -> Result<Edited, NoEdit> {
    if old.is_empty() {
        return Err(NoEdit::Empty);
    }
    if old == new {
        return Err(NoEdit::Same);
    }
    let mut found = exact(body, old);
    if found.is_empty() {
        found = but_for_line_ends(body, old);
    }
    let (start, end) = match found.as_slice() {
        [] => return Err(NoEdit::Missing),
        [one] => *one,
        several => return Err(ambiguous(body, several)),
    };
    let mut new = new.to_owned();
    if !new.contains('\r') && line_end(body) == "\r\n" {
        new = new.replace('\n', "\r\n");
    }
    // The text ended a line that the file's last line does not end.
    if old.ends_with('\n') && !body[start..end].ends_with('\n') {
        new.truncate(new.trim_end_matches(['\r', '\n']).len());
    }
    let edited = [&body[..start], &new, &body[end..]].concat();
    match edited == body {
        true => Err(NoEdit::Same),
        false => Ok(Edited {
            body: edited,
            line: line_number(body, start),
        }),
    }
}

/// Where a text occurs as it is, overlaps counted.
fn exact(body: &str, old: &str) -> Vec<(usize, usize)> {
    let old = match line_end(body) == "\r\n" && !old.contains('\r') {
        true => old.replace('\n', "\r\n"),
        false => old.to_owned(),
    };
    let step = old.chars().next().map_or(1, char::len_utf8);
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = body[from..].find(&old)
        && found.len() < COUNTED
    {
        let start = from + at;
        // Half a line end is not torn off.
        let is_torn = old.starts_with('\n') && body[..start].ends_with('\r');
        found.push((start - usize::from(is_torn), start + old.len()));
        from = start + step;
    }
    found
}

/// Where a text occurs but for whitespace at the ends of lines.
fn but_for_line_ends(body: &str, old: &str) -> Vec<(usize, usize)> {
    let mut lines: Vec<(usize, &str)> = Vec::new();
    let mut start = 0;
    for line in body.split('\n') {
        lines.push((start, line.trim_end_matches(UNSEEN)));
        start += line.len() + 1;
    }
    let pieces: Vec<&str> = old.split('\n').collect();
    let wanted: Vec<&str> = pieces.iter().map(|p| p.trim_end_matches(UNSEEN)).collect();
    if wanted.iter().all(|piece| piece.is_empty()) {
        return Vec::new();
    }
    // A text that ends with a line end also ends with the last line, which has none.
    let ends_line = wanted.len() > 1 && wanted.last().is_some_and(|last| last.is_empty());
    let fits = |at: usize| -> Option<(usize, usize)> {
        let mut from = None;
        let mut to = 0;
        for (i, piece) in wanted.iter().enumerate() {
            let (is_first, is_last) = (i == 0, i + 1 == wanted.len());
            let Some((start, line)) = lines.get(at + i) else {
                let is_end = is_last && ends_line && at + i == lines.len();
                return is_end.then_some((from?, body.len()));
            };
            let is_cut = pieces[i].len() > piece.len();
            let fits = match (is_first, is_last) {
                (true, true) | (true, false) => line.ends_with(piece),
                (false, true) if is_cut => line == piece,
                (false, true) => line.starts_with(piece),
                (false, false) => line == piece,
            };
            if !fits {
                return None;
            }
            if is_first {
                from = Some(start + line.len() - piece.len());
            }
            to = match is_first && is_last {
                true => start + line.len(),
                false => start + piece.len(),
            };
        }
        Some((from?, to))
    };
    (0..lines.len()).filter_map(fits).take(COUNTED).collect()
}

fn ambiguous(body: &str, found: &[(usize, usize)]) -> NoEdit {
    let lines = found.iter().take(NAMED);
    let lines: Vec<String> = lines
        .map(|(start, _)| line_number(body, *start).to_string())
        .collect();
    let more = if found.len() > NAMED { ", …" } else { "" };
    NoEdit::Several {
        count: match found.len() {
            COUNTED => format!("at least {COUNTED}"),
            count => count.to_string(),
        },
        lines: lines.join(", ") + more,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn edited(body: &str, old: &str, new: &str) -> Result<String, NoEdit> {
        replace_once(body, old, new).map(|edited| edited.body)
    }

    #[test]
    fn one_place_is_replaced() {
        for (body, old, new, result) in [
            ("a b c", "b", "x", "a x c"),
            ("a\nb\nc\n", "b\n", "", "a\nc\n"),
            ("ü→x", "→", "", "üx"),
            // Line ends stay the file's.
            ("a\r\nb\r\nc\r\n", "a\nb", "x\ny\nz", "x\r\ny\r\nz\r\nc\r\n"),
            ("a\r\nb\r\n", "\nb", "\nc", "a\r\nc\r\n"),
            ("a\nb\r\nc\nd\n", "b\nc", "x\ny", "a\nx\ny\nd\n"),
            // Whitespace at line ends is passed over.
            (
                "if x {  \n  y\n}\n",
                "if x {\n  y",
                "if z {\n  y",
                "if z {\n  y\n}\n",
            ),
            ("if x {\n  y\n}\n", "if x { \n  y \n}", "z", "z\n"),
            ("call();\nmore();\n", "call(); ", "x();", "x();\nmore();\n"),
            ("a\nlast", "last\n", "end\n", "a\nend"),
            ("a  \nlast", "a\nlast\n", "b\nend\n", "b\nend"),
        ] {
            assert_eq!(
                edited(body, old, new).as_deref(),
                Ok(result),
                "{body:?} {old:?}"
            );
        }
        assert_eq!(replace_once("a\nb\nc", "c", "d").unwrap().line, 3);
    }

    #[test]
    fn what_is_not_plain_is_left_alone() {
        assert_eq!(edited("a", "", "x"), Err(NoEdit::Empty));
        assert_eq!(edited("a", "a", "a"), Err(NoEdit::Same));
        assert_eq!(edited("a", "b", "c"), Err(NoEdit::Missing));
        assert_eq!(edited("a  \nb", " \n \n", "c"), Err(NoEdit::Missing));
        assert_eq!(
            edited("call(1)", "call ", "x"),
            Err(NoEdit::Missing),
            "whitespace within a line matters"
        );
        let error = edited("x\ny\nx\n", "x", "z").unwrap_err().to_string();
        assert!(error.contains("2 times in it, on lines 1, 3."), "{error}");
        let error = edited("aaa", "aa", "b").unwrap_err().to_string();
        assert!(error.contains("2 times"), "overlaps count: {error}");
        let error = edited("a \nb\na  \nb", "a\nb", "c").unwrap_err();
        assert!(matches!(error, NoEdit::Several { .. }));
        let error = edited(&"x\n".repeat(5000), "x", "z")
            .unwrap_err()
            .to_string();
        assert!(error.contains("at least 1000 times"), "{error}");
        assert!(error.contains("9, 10, …."), "{error}");
    }

    proptest! {
        #[test]
        fn what_occurs_once_is_replaced_and_nothing_else(
            before in any::<String>(), old in any::<String>(), after in any::<String>(), new in any::<String>(),
        ) {
            let body = [before.as_str(), &old, &after].concat();
            if let Ok(edited) = edited(&body, &old, &new) && !body.contains('\r') {
                prop_assert_eq!(edited, body.replacen(&old, &new, 1));
            }
        }

        #[test]
        fn any_strings_are_edited_or_refused(
            body in "[ab \r\n]{0,30}", old in "[ab \r\n]{0,6}", new in "[ab\r\n]{0,6}",
        ) {
            match edited(&body, &old, &new) {
                Ok(edited) => prop_assert_ne!(edited, body),
                Err(NoEdit::Missing) => prop_assert!(!body.contains(&old) || body.contains('\r')),
                Err(NoEdit::Several { .. }) => prop_assert!(body.len() > old.trim_end().len()),
                Err(NoEdit::Empty) => prop_assert!(old.is_empty()),
                Err(NoEdit::Same) => {}
            }
        }

        #[test]
        fn line_ends_that_differ_do_not_matter(
            lines in prop::collection::vec("[a-z]{1,4}", 3..8), at in 0..2usize,
            ends in prop::collection::vec("[ \t]{0,2}\r?\n", 8),
        ) {
            let body: String = lines.iter().zip(&ends).map(|(line, end)| format!("{line}{end}")).collect();
            let old = format!("{}\n{}\n", lines[at], lines[at + 1]);
            let plain: String = lines.iter().map(|line| format!("{line}\n")).collect();
            let meant = exact(&plain, &old).len();
            match replace_once(&body, &old, "NEW\n") {
                Ok(edited) => {
                    prop_assert!(edited.body.contains("NEW"));
                    let left = edited.body.lines().count();
                    prop_assert_eq!(left, lines.len() - 1);
                }
                Err(error) => prop_assert!(meant > 1, "{error}"),
            }
        }
    }
}
