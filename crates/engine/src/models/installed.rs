//! The models that are on disk.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// A model file on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstalledModel {
    /// Its name: the file's name without `.gguf`, in lower case.
    pub id: String,
    /// The file.
    pub path: PathBuf,
    /// The length of the file, in bytes.
    pub bytes: u64,
    /// The SHA-256 it had when it was pulled, in lower-case hex. `None` for a file that was
    /// put here by hand or whose length has changed since.
    pub sha256: Option<String>,
    /// Where it was pulled from; `None` as for `sha256`.
    pub source: Option<String>,
}

/// Why there is no answer to a question about the models on this machine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelsError {
    /// No file of this id.
    #[error("No model file for local/{id} in {}: run moltbot models pull {id}.", dir.display())]
    NotInstalled {
        /// The id asked for.
        id: String,
        /// The model folder.
        dir: PathBuf,
    },
    /// The text cannot be an id.
    #[error(
        "{id:?} is not a model id: give the name of a file in the model folder without its \
         .gguf ending, such as \"qwen3-4b\"."
    )]
    BadId {
        /// The text.
        id: String,
    },
    /// The folder cannot be read.
    #[error("Cannot read the model folder {}: {source}.", dir.display())]
    Unreadable {
        /// The model folder.
        dir: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The system does not say how much memory there is.
    #[error(
        "Cannot tell how much memory this machine has ({source}): choose a model yourself with \
         moltbot models pull."
    )]
    UnknownMemory {
        /// What the system said.
        source: sysinfo::Error,
    },
}

/// The file of the model `id` in `dir`. Case does not matter.
///
/// # Errors
/// [`ModelsError::BadId`] when the text cannot be an id, [`ModelsError::NotInstalled`] when no
/// file has it, [`ModelsError::Unreadable`] when the folder cannot be read.
pub fn find(dir: &Path, id: &str) -> Result<PathBuf, ModelsError> {
    let id = id.to_lowercase();
    if !is_id(&id) {
        return Err(ModelsError::BadId { id });
    }
    let usual = ModelFiles::new(dir, &id).model();
    if usual.is_file() {
        return Ok(usual);
    }
    model_files(dir)?
        .remove(&id)
        .ok_or_else(|| ModelsError::NotInstalled {
            id,
            dir: dir.to_owned(),
        })
}

/// The models in `dir`, by id. A folder that does not exist holds none.
///
/// # Errors
/// [`ModelsError::Unreadable`] when the folder is there but cannot be read.
pub fn installed(dir: &Path) -> Result<Vec<InstalledModel>, ModelsError> {
    let models = model_files(dir)?
        .into_iter()
        // A file that was removed this moment is no model any more.
        .filter_map(|(id, path)| describe(dir, id, path).ok())
        .collect();
    Ok(models)
}

/// The model file of each id. Of two files that differ only in case, the lower-case one
/// counts, as in [`find`].
fn model_files(dir: &Path) -> Result<BTreeMap<String, PathBuf>, ModelsError> {
    let unreadable = |source| ModelsError::Unreadable {
        dir: dir.to_owned(),
        source,
    };
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(unreadable(error)),
    };
    let mut files = BTreeMap::new();
    for entry in entries {
        let path = entry.map_err(unreadable)?.path();
        let Some(id) = id_of_file(&path) else {
            continue;
        };
        if !path.is_file() {
            continue;
        }
        let usual = ModelFiles::new(dir, &id).model();
        let known = files.entry(id).or_insert_with(|| path.clone());
        if path == usual || (*known != usual && path < *known) {
            *known = path;
        }
    }
    Ok(files)
}

/// The id that a file's name gives: its stem in lower case. `None` when that is no id or the
/// file is no `.gguf`.
pub(super) fn id_of_file(path: &Path) -> Option<String> {
    let is_model = path
        .extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("gguf"));
    let id = path.file_stem()?.to_str()?.to_lowercase();
    (is_model && is_id(&id)).then_some(id)
}

/// Whether the text names a file within the folder, and a visible one.
fn is_id(text: &str) -> bool {
    let strange = |sign: char| matches!(sign, '/' | '\\' | ':') || sign.is_control();
    !text.is_empty() && text.len() <= 200 && !text.starts_with('.') && !text.contains(strange)
}

pub(super) fn describe(dir: &Path, id: String, path: PathBuf) -> io::Result<InstalledModel> {
    let bytes = fs::metadata(&path)?.len();
    let record = PullRecord::read(&ModelFiles::new(dir, &id)).filter(|it| it.bytes == bytes);
    let (sha256, source) = record.map(|it| (it.sha256, it.source)).unzip();
    Ok(InstalledModel {
        id,
        path,
        bytes,
        sha256,
        source,
    })
}

/// The files that belong to one model id.
#[derive(Debug, Clone)]
pub(super) struct ModelFiles {
    pub(super) dir: PathBuf,
    pub(super) id: String,
}

impl ModelFiles {
    pub(super) fn new(dir: &Path, id: &str) -> Self {
        Self {
            dir: dir.to_owned(),
            id: id.to_owned(),
        }
    }

    /// The model.
    pub(super) fn model(&self) -> PathBuf {
        self.dir.join(format!("{}.gguf", self.id))
    }

    /// Where it came from.
    pub(super) fn record(&self) -> PathBuf {
        self.dir.join(format!("{}.json", self.id))
    }

    /// What has arrived of a download so far.
    pub(super) fn part(&self) -> PathBuf {
        self.dir.join(format!("{}.gguf.part", self.id))
    }

    /// What the part belongs to.
    pub(super) fn part_state(&self) -> PathBuf {
        self.dir.join(format!("{}.gguf.part.json", self.id))
    }
}

/// The record beside a pulled model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PullRecord {
    /// Where the file came from.
    pub(super) source: String,
    /// Its SHA-256, in lower-case hex.
    pub(super) sha256: String,
    /// Its length, in bytes.
    pub(super) bytes: u64,
    /// When it was pulled (RFC 3339, UTC).
    pub(super) pulled_at: String,
}

impl PullRecord {
    /// The record of a model, `None` when there is none that can be read: the model itself
    /// works without.
    pub(super) fn read(files: &ModelFiles) -> Option<Self> {
        let text = fs::read(files.record()).ok()?;
        let record = serde_json::from_slice(&text);
        if let Err(error) = &record {
            tracing::warn!(file = %files.record().display(), %error, "unreadable model record");
        }
        record.ok()
    }

    pub(super) fn write(&self, files: &ModelFiles) -> io::Result<()> {
        write_json(&files.record(), self)
    }
}

/// Replaces a small JSON file in one step, so that a crash leaves the old one or the new one.
pub(super) fn write_json(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".new");
    fs::write(&fresh, text)?;
    fs::rename(&fresh, path)
}
