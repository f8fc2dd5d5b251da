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
    state_dir: PathBuf,
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

impl Record {
    /// Whether it is this old. Zero is never.
    pub(super) fn is_aged(&self, age: Duration) -> bool {
        let created = u64::try_from(self.created_at_ms).unwrap_or_default();
        is_over(
            Some(SystemTime::UNIX_EPOCH + Duration::from_millis(created)),
            age,
        )
    }
}

/// Whether this much time has passed, if it is any.
fn is_over(since: Option<SystemTime>, limit: Duration) -> bool {
    let gone = since.and_then(|since| since.elapsed().ok());
    !limit.is_zero() && gone.is_some_and(|gone| gone >= limit)
}

impl Records {
    /// Those of the installation of this state directory; the folder in it is made when the first one is written.
    pub fn new(state_dir: impl Into<PathBuf>) -> Self {
        Self {
            state_dir: state_dir.into(),
        }
    }

    /// The state directory.
    pub(super) fn state_dir(&self) -> &Path {
        &self.state_dir
    }

    fn folder(&self) -> PathBuf {
        self.state_dir.join("containers")
    }

    /// All of them, by name. Files that cannot be read are left out.
    pub fn list(&self) -> Vec<Record> {
        let entries = fs::read_dir(self.folder()).into_iter().flatten().flatten();
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

    /// Whether nothing was started in it for this long. Zero is never.
    pub(super) fn is_idle(&self, record: &Record, idle: Duration) -> bool {
        is_over(self.used_at(&record.name), idle)
    }

    /// Forgets one.
    pub fn forget(&self, name: &str) {
        // What is not there is forgotten.
        let _ = fs::remove_file(self.path(name));
    }

    /// Remembers a new one.
    pub(super) fn add(&self, record: &Record) -> Result<(), ContainerError> {
        let path = self.path(&record.name);
        let written = fs::create_dir_all(self.folder()).and_then(|()| {
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
        self.folder().join(format!("{name}.json"))
    }
}
