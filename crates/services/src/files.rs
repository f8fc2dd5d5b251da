//! The files of a service, and the private directory they lie in.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// The most bytes of a socket's path: `sun_path` holds 104 on macOS and the BSDs, 108 on Linux, a zero at the end.
pub(crate) const SOCKET_PATH_LIMIT: usize = 103;

/// Where the files of one service lie.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    /// Locked while a keeper lives.
    pub(crate) lock: PathBuf,
    /// Where the keeper listens.
    pub(crate) socket: PathBuf,
    /// What the keeper has started.
    pub(crate) record: PathBuf,
}

impl Files {
    /// The files of a provider's service in `dir`.
    pub(crate) fn new(dir: &Path, provider: &str) -> Self {
        let stem = Self::stem(provider);
        let file = |ending: &str| dir.join(format!("{stem}.{ending}"));
        Self {
            lock: file("lock"),
            socket: file("sock"),
            record: file("json"),
        }
    }

    /// A provider's id as a file name that stays in its directory: what is no letter, digit, `_` or `-` is written
    /// `%XX`, and a dot stays except in front.
    pub(crate) fn stem(provider: &str) -> String {
        let mut stem = String::new();
        for byte in provider.bytes() {
            let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
            if plain || (byte == b'.' && !stem.is_empty()) {
                stem.push(char::from(byte));
            } else {
                stem.push_str(&format!("%{byte:02X}"));
            }
        }
        stem
    }
}

/// Whether the keeper of a record lives.
pub(crate) fn is_kept(record: &Path) -> bool {
    let lock = record.with_extension("lock");
    match OpenOptions::new().read(true).write(true).open(lock) {
        // A shared lock, so that two askers do not take each other for the keeper.
        Ok(file) => matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)),
        Err(_) => false,
    }
}

/// Makes a directory that only the owner can look into; one that exists keeps its mode.
pub(crate) fn private_dir(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// Takes the lock of a file, made where it is not there; `None` when somebody holds it.
pub(crate) fn try_lock(path: &Path) -> io::Result<Option<File>> {
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .mode(0o600)
        .open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Writes a small file in one step, readable by the owner only.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let next = path.with_extension("next");
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(&next)?;
    io::Write::write_all(&mut file, bytes)?;
    fs::rename(&next, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_s_id_stays_in_the_directory() {
        assert_eq!(Files::stem("lm-studio_2"), "lm-studio_2");
        assert_eq!(Files::stem("z.ai"), "z.ai");
        assert_eq!(Files::stem("../x"), "%2E.%2Fx");
        assert_eq!(Files::stem("a b"), "a%20b");
        assert_ne!(Files::stem("a b"), Files::stem("a%20b"));
    }
}
