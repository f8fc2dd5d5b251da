//! `--deep`: whether the owner's secrets stand in files where they are read along.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::finding::Finding;
use crate::secrets::Secrets;

/// Most files that are looked at.
const MOST_FILES: usize = 5_000;

/// Larger files are passed over, in bytes.
const LARGEST: u64 = 1 << 20;

/// Folders of other programs' files, of which there are too many.
const SKIPPED: [&str; 4] = [".git", "node_modules", "target", ".venv"];

/// What a search for secrets came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Searched {
    /// How many files were looked at.
    pub files: usize,
    /// Whether there were more than are looked at.
    pub truncated: bool,
    /// The files that hold a secret, each with the secret's name.
    pub found: Vec<(PathBuf, String)>,
}

impl Searched {
    /// What was found, as a finding.
    pub fn finding(&self) -> Option<Finding> {
        if self.found.is_empty() {
            return None;
        }
        let named: Vec<String> = self
            .found
            .iter()
            .map(|(path, name)| format!("{} ({name})", path.display()))
            .collect();
        let finding = Finding::warn(
            "secrets.in_files",
            "Secrets stand in files that agents or logs keep",
            format!(
                "{}. Agents read their workspace to models; logs are handed around.",
                named.join(", ")
            ),
        );
        Some(
            finding.fix("remove them there, and replace these secrets where the files were shared"),
        )
    }
}

/// Looks for secrets, as they are or encoded, in the files of these folders. Links are not followed.
pub fn search_for_secrets(secrets: &Secrets, folders: &[PathBuf]) -> Searched {
    let mut searched = Searched::default();
    if secrets.is_empty() {
        return searched;
    }
    let mut waiting: Vec<PathBuf> = folders.to_vec();
    while let Some(folder) = waiting.pop() {
        let mut entries: Vec<fs::DirEntry> = fs::read_dir(&folder)
            .into_iter()
            .flatten()
            .flatten()
            .collect();
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            let name = entry.file_name();
            if metadata.is_dir() && !SKIPPED.iter().any(|skipped| name == *skipped) {
                waiting.push(entry.path());
            }
            if !metadata.is_file() || metadata.len() > LARGEST {
                continue;
            }
            if searched.files == MOST_FILES {
                searched.truncated = true;
                return searched;
            }
            searched.files += 1;
            if let Some(secret) = held(secrets, &entry.path()) {
                searched.found.push((entry.path(), secret));
            }
        }
    }
    searched.found.sort();
    searched
}

fn held(secrets: &Secrets, path: &Path) -> Option<String> {
    let bytes = fs::read(path).ok()?;
    secrets
        .find(&String::from_utf8_lossy(&bytes))
        .map(str::to_owned)
}
