//! Which files are notes.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::settings::MemorySettings;

/// The files of the workspace itself that are notes, beside the folder [`FOLDER`].
const NAMES: [&str; 2] = ["MEMORY.md", "memory.md"];

/// The folder of the workspace whose `.md` files are notes, however deep.
const FOLDER: &str = "memory";

/// Longer files are passed over, in bytes: they are no notes.
const LONGEST: u64 = 16 * 1024 * 1024;

/// A note as it lies on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) path: PathBuf,
    pub(crate) size: u64,
    /// When it was last changed, nanoseconds since the Unix epoch.
    pub(crate) changed: i64,
}

/// All notes by the names that results and calls use: relative to the workspace where they lie in it, else absolute.
///
/// Only real files that end in `.md`: symbolic links, also of folders, lead out of what the owner pointed to. What
/// cannot be read is not there.
pub(crate) fn notes(settings: &MemorySettings) -> BTreeMap<String, Note> {
    let mut found = Found {
        workspace: &settings.workspace,
        notes: BTreeMap::new(),
    };
    // By the names that the folder tells: where upper and lower case are one, a file has one name all the same.
    for (path, metadata) in entries(&settings.workspace) {
        let name = path.file_name().and_then(|name| name.to_str());
        match name {
            Some(FOLDER) if metadata.is_dir() => found.folder(&path),
            Some(name) if NAMES.contains(&name) => found.file(&path, &metadata),
            _ => {}
        }
    }
    for path in &settings.extra_paths {
        if let Ok(metadata) = fs::symlink_metadata(path) {
            found.any(path, &metadata);
        }
    }
    found.notes
}

/// The name under which a note is known, for a path as a model or person writes it.
pub(crate) fn name_of(path: &str, workspace: &Path) -> String {
    let path = Path::new(path.trim());
    let path = path.strip_prefix(workspace).unwrap_or(path);
    let path = path.strip_prefix(".").unwrap_or(path);
    shown(path)
}

struct Found<'a> {
    workspace: &'a Path,
    notes: BTreeMap<String, Note>,
}

impl Found<'_> {
    fn folder(&mut self, folder: &Path) {
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            for (path, metadata) in entries(&folder) {
                match metadata.is_dir() {
                    true => folders.push(path),
                    false => self.file(&path, &metadata),
                }
            }
        }
    }

    fn any(&mut self, path: &Path, metadata: &Metadata) {
        match metadata.is_dir() {
            true => self.folder(path),
            false => self.file(path, metadata),
        }
    }

    fn file(&mut self, path: &Path, metadata: &Metadata) {
        let is_note = metadata.is_file() && path.extension().is_some_and(|end| end == "md");
        if !is_note {
            return;
        }
        // A name that is no text could not be cited.
        if path.to_str().is_none() || metadata.len() > LONGEST {
            tracing::warn!(path = %path.display(), bytes = metadata.len(), "passed over a note");
            return;
        }
        let name = shown(path.strip_prefix(self.workspace).unwrap_or(path));
        let note = Note {
            path: path.to_owned(),
            size: metadata.len(),
            changed: metadata.modified().map_or(0, nanoseconds),
        };
        self.notes.insert(name, note);
    }
}

/// What lies in a folder, links not followed.
fn entries(folder: &Path) -> impl Iterator<Item = (PathBuf, Metadata)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| Some((entry.path(), entry.metadata().ok()?)))
}

/// With `/` between names, whatever the system.
fn shown(path: &Path) -> String {
    let shown = path.to_string_lossy();
    match std::path::MAIN_SEPARATOR {
        '/' => shown.into_owned(),
        separator => shown.replace(separator, "/"),
    }
}

/// Nanoseconds since the Unix epoch, negative before it.
pub(crate) fn nanoseconds(time: SystemTime) -> i64 {
    let limited = |nanos: u128| i64::try_from(nanos).unwrap_or(i64::MAX);
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => limited(after.as_nanos()),
        Err(before) => -limited(before.duration().as_nanos()),
    }
}
