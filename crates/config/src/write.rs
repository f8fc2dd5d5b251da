//! Writing the config file so that no moment leaves it half written or lost.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::load::hash;

/// How many older versions are kept: `.bak`, `.bak.1` to `.bak.4`.
const BACKUPS: usize = 5;

/// The version of the file that a new text is based on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base<'a> {
    /// There was no file.
    Absent,
    /// The file had this hash, see [`hash`].
    Hash(&'a str),
}

/// Why the config file was not written. The file is as it was.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Somebody wrote the file since it was read.
    #[error("config changed since last load; re-run and retry ({})", .0.display())]
    Changed(PathBuf),
    /// The directory of the file could not be made.
    #[error("could not create the directory {}: {source}", .path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The old version could not be kept.
    #[error("could not back up the config to {}: {source}; nothing was written", .path.display())]
    Backup {
        /// The backup file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The new text could not be written.
    #[error("could not write {}: {source}; check the permissions and the free space", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Replaces the text of the config file at `path`, which must still be the version `base`.
///
/// The text goes to a temporary file in the same directory, is synced to disk and takes the place of the file in
/// one step, so that a crash leaves the old or the new text whole. The file gets mode 0600, a directory made for it
/// 0700. A symbolic link stays one: its target is replaced. The old version is kept as `.bak` next to `path`; older
/// ones move on up to `.bak.4`. A text that is there already is not written again.
///
/// # Errors
/// [`WriteError::Changed`] when the file is not the version `base`; the others when the disk refuses.
pub fn write(path: &Path, text: &str, base: Base<'_>) -> Result<(), WriteError> {
    let failed = |source| WriteError::Write {
        path: path.to_owned(),
        source,
    };
    let target = follow_links(path).map_err(failed)?;
    let directory = directory_of(&target);
    make_directory(directory)?;
    // Held until the end, so that of two writers with the same base the second finds the file changed.
    let _lock = lock(&target).map_err(failed)?;
    let current = match fs::read(&target) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(failed(error)),
    };
    let is_base = match (&current, base) {
        (None, Base::Absent) => true,
        (Some(bytes), Base::Hash(expected)) => {
            std::str::from_utf8(bytes).is_ok_and(|text| hash(text) == expected)
        }
        _ => false,
    };
    if !is_base {
        return Err(WriteError::Changed(path.to_owned()));
    }
    if current.as_deref() == Some(text.as_bytes()) {
        return Ok(());
    }
    let new = synced_file(directory, text.as_bytes()).map_err(failed)?;
    if let Some(old) = &current {
        keep(path, old)?;
        new.persist(&target).map_err(|error| failed(error.error))?;
    } else {
        // Fails when another writer made the file in the meantime.
        new.persist_noclobber(&target).map_err(|error| {
            if error.error.kind() == io::ErrorKind::AlreadyExists {
                WriteError::Changed(path.to_owned())
            } else {
                failed(error.error)
            }
        })?;
    }
    sync_directory(directory).map_err(failed)
}

/// Replaces a file of the program's own (credentials, lists of people) in one step: mode 0600, on disk before it takes
/// the place of the old one; a directory made for it gets mode 0700. A symbolic link stays one: its target is replaced.
///
/// # Errors
/// The disk refuses; the file is as it was.
pub fn replace_private(path: &Path, content: &[u8]) -> Result<(), WriteError> {
    let failed = |source| WriteError::Write {
        path: path.to_owned(),
        source,
    };
    let target = follow_links(path).map_err(failed)?;
    let directory = directory_of(&target);
    make_directory(directory)?;
    let new = synced_file(directory, content).map_err(failed)?;
    new.persist(&target).map_err(|error| failed(error.error))?;
    sync_directory(directory).map_err(failed)
}

/// The file that `path` leads to through symbolic links, also when it does not exist yet.
fn follow_links(path: &Path) -> io::Result<PathBuf> {
    let mut target = path.to_owned();
    // As many as Linux follows.
    for _ in 0..40 {
        match fs::read_link(&target) {
            Ok(next) => target = directory_of(&target).join(next),
            Err(_) => return Ok(target),
        }
    }
    Err(io::Error::other("too many symbolic links"))
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn make_directory(directory: &Path) -> Result<(), WriteError> {
    make_private_directory(directory).map_err(|source| WriteError::Directory {
        path: directory.to_owned(),
        source,
    })
}

/// Makes a directory of the program's own, and those above it that are missing, each with mode 0700. One that is there
/// stays as it is.
///
/// # Errors
/// The disk refuses.
pub fn make_private_directory(directory: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(directory)
}

/// Takes the exclusive lock on the file, when there is one. Whoever waits here locks a file that is replaced by the
/// time the lock is free, and finds by the hash that it came too late.
fn lock(target: &Path) -> io::Result<Option<File>> {
    let file = match File::open(target) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match file.lock() {
        Ok(()) => Ok(Some(file)),
        // Some network file systems know no locks; the hash still guards against all but a race of milliseconds.
        Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(None),
        Err(error) => Err(error),
    }
}

/// A temporary file (mode 0600) in `directory` whose content is on disk.
fn synced_file(directory: &Path, content: &[u8]) -> io::Result<tempfile::NamedTempFile> {
    let mut file = tempfile::Builder::new()
        .prefix(".moltbot-")
        .suffix(".tmp")
        .tempfile_in(directory)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// Keeps `old` as the newest backup of `path`.
fn keep(path: &Path, old: &[u8]) -> Result<(), WriteError> {
    let backup = |age: usize| {
        let mut name = path.as_os_str().to_owned();
        name.push(".bak");
        if age > 0 {
            name.push(format!(".{age}"));
        }
        PathBuf::from(name)
    };
    let failed = |path: &Path, source| WriteError::Backup {
        path: path.to_owned(),
        source,
    };
    let newest = backup(0);
    let copy = synced_file(directory_of(path), old).map_err(|error| failed(&newest, error))?;
    for age in (1..BACKUPS).rev() {
        match fs::rename(backup(age - 1), backup(age)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed(&backup(age), error));
            }
            _ => {}
        }
    }
    copy.persist(&newest)
        .map(drop)
        .map_err(|error| failed(&newest, error.error))
}

/// Puts the new name of a file on disk.
fn sync_directory(directory: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(directory)?.sync_all()
    } else {
        Ok(())
    }
}
