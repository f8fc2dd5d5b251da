//! Reading a part of a note.

use std::sync::Arc;

use serde::Serialize;
use thiserror::Error;

use super::{Memory, MemorySettings, files};

/// A part is no longer than this many bytes: a note that grew for years fills no context window.
const LONGEST: usize = 50 * 1024;

/// A part of a note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Excerpt {
    /// The file, as results of a search name it.
    pub path: String,
    /// The lines.
    pub text: String,
    /// The line to go on from, where the part was too long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_from: Option<usize>,
}

/// Why there is no part.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum GetError {
    /// Memory search is switched off.
    #[error("Memory search is switched off.")]
    Disabled,
    /// The path is none of a note.
    #[error(
        "path required: \"{0}\" is no memory file. Those are MEMORY.md and .md files in memory/, as memory_search names them."
    )]
    Path(String),
    /// It cannot be read.
    #[error("{path} cannot be read: {reason}.")]
    Unreadable {
        /// The file.
        path: String,
        /// The cause, in the operating system's words.
        reason: String,
    },
}

impl Memory {
    /// Reads `lines` lines of a note (all that follow where left out) from line `from` (1 where left out) on. Only files
    /// that are searched can be read, and no link leads out of them.
    ///
    /// # Errors
    /// It is no note, or cannot be read.
    pub async fn get(
        &self,
        path: &str,
        from: Option<usize>,
        lines: Option<usize>,
    ) -> Result<Excerpt, GetError> {
        let settings = Arc::clone(&self.settings);
        let asked = path.to_owned();
        let read = tokio::task::spawn_blocking(move || read(&settings, &asked, from, lines));
        read.await.unwrap_or_else(|error| {
            Err(GetError::Unreadable {
                path: path.to_owned(),
                reason: error.to_string(),
            })
        })
    }
}

fn read(
    settings: &MemorySettings,
    path: &str,
    from: Option<usize>,
    lines: Option<usize>,
) -> Result<Excerpt, GetError> {
    if !settings.enabled {
        return Err(GetError::Disabled);
    }
    let name = files::name_of(path, &settings.workspace);
    let notes = files::notes(settings);
    let note = notes
        .get(&name)
        .ok_or_else(|| GetError::Path(path.to_owned()))?;
    let bytes = std::fs::read(&note.path).map_err(|error| GetError::Unreadable {
        path: name.clone(),
        reason: error.to_string(),
    })?;
    let text = String::from_utf8_lossy(&bytes);
    let from = from.unwrap_or(1).max(1);
    let mut part = String::new();
    let mut next_from = None;
    let chosen = text.lines().enumerate().skip(from - 1);
    for (number, line) in chosen.take(lines.unwrap_or(usize::MAX)) {
        if part.len() + line.len() > LONGEST {
            if part.is_empty() {
                // A single line that is too long: its beginning, or nobody ever sees any of it.
                part.push_str(&line[..line.floor_char_boundary(LONGEST)]);
                part.push('\n');
                next_from = Some(number + 2);
            } else {
                next_from = Some(number + 1);
            }
            break;
        }
        part.push_str(line);
        part.push('\n');
    }
    part.pop();
    Ok(Excerpt {
        path: name,
        text: part,
        next_from,
    })
}
