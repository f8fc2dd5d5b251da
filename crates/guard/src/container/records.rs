//! What is remembered of containers: a small file for each, whose time of change is that of the last command.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::ContainerError;

/// The folder of these files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Records {
    folder: PathBuf,
}

/// What is remembered of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// Its name.
    pub name: String,
    /// Who shares it: an agent, a session, or everybody.
    pub scope: String,
    /// The program that made it.
    pub program: PathBuf,
    /// The image.
    pub image: String,
    /// When it was made, in milliseconds since 1970.
    pub created_at_ms: i64,
}

impl Records {
    /// Those in this folder, which is made when the first one is written.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// All of them, by name. Files that cannot be read are left out.
    pub fn list(&self) -> Vec<Record> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let mut records: Vec<Record> = entries
            .filter_map(|entry| serde_json::from_slice(&fs::read(entry.path()).ok()?).ok())
            .collect();
        records.sort_by(|one, other| one.name.cmp(&other.name));
        records
    }

    /// When the last command was started in it; `None` where nothing is known of it.
    pub fn used_at(&self, name: &str) -> Option<SystemTime> {
        self.path(name).metadata().ok()?.modified().ok()
    }

    /// Whether it is to go: nothing was started in it for this long, or it is this old. Zero is never.
    pub fn is_old(&self, record: &Record, idle: Duration, age: Duration) -> bool {
        let is_over = |since: Option<SystemTime>, limit: Duration| {
            let gone = since.and_then(|since| since.elapsed().ok());
            !limit.is_zero() && gone.is_some_and(|gone| gone >= limit)
        };
        let created = u64::try_from(record.created_at_ms).unwrap_or_default();
        let created = SystemTime::UNIX_EPOCH + Duration::from_millis(created);
        is_over(self.used_at(&record.name), idle) || is_over(Some(created), age)
    }

    /// Forgets one.
    pub fn forget(&self, name: &str) {
        // What is not there is forgotten.
        let _ = fs::remove_file(self.path(name));
    }

    /// Remembers a new one.
    pub(super) fn add(&self, record: &Record) -> Result<(), ContainerError> {
        let path = self.path(&record.name);
        let written = fs::create_dir_all(&self.folder).and_then(|()| {
            let text = serde_json::to_vec_pretty(record).map_err(io::Error::other)?;
            fs::write(&path, text)
        });
        written.map_err(|source| ContainerError::Record { path, source })
    }

    /// A command is started in it now.
    pub(super) fn mark_used(&self, name: &str) -> Result<(), ContainerError> {
        let path = self.path(name);
        let marked = fs::File::options()
            .append(true)
            .open(&path)
            .and_then(|file| file.set_modified(SystemTime::now()));
        marked.map_err(|source| ContainerError::Record { path, source })
    }

    fn path(&self, name: &str) -> PathBuf {
        // A container's name holds no slash; the owner's prefix might.
        let name = name.replace(['/', '\\'], "_");
        self.folder.join(Path::new(&format!("{name}.json")))
    }
}
