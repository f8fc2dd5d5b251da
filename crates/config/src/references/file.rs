//! `${file:PATH}`.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::{MOST, secret};
use crate::environment::{Environment, normalized};

/// The file that a path means: relative to `folder`, with `~` as the home directory.
pub(super) fn locate(path: &Path, folder: &Path, environment: &Environment) -> PathBuf {
    match path.to_str() {
        Some(text) if text.starts_with('~') => environment.absolute(text),
        _ => normalized(&folder.join(path)),
    }
}

/// The secret in a file, or why it cannot be had (the end of a sentence).
pub(super) fn read(path: &Path) -> Result<String, String> {
    // Whatever else could be opened might never end.
    let is_file = fs::metadata(path)
        .map_err(|error| format!("it cannot be read ({error})"))?
        .is_file();
    if !is_file {
        return Err("it is not a file".to_owned());
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MOST as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| format!("it cannot be read ({error})"))?;
    secret(bytes)
}

/// What to say of a file that other users can read.
#[cfg(unix)]
pub(super) fn warning(path: &Path, environment: &Environment) -> Option<String> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(path).ok()?.permissions().mode() & 0o777;
    (mode & 0o044 != 0).then(|| {
        let shown = environment.shown(path);
        format!("{shown} holds a secret and can be read by other users (mode {mode:03o}); chmod 600 {shown}")
    })
}

/// The system has no such permissions.
#[cfg(not(unix))]
pub(super) fn warning(_path: &Path, _environment: &Environment) -> Option<String> {
    None
}
