//! Which process runs a turn, and whether it is still alive.
//!
//! Every open store holds an operating-system lock on a small file of its own, `<database's
//! folder>/owners/<id>.lock`. The system drops the lock when the process ends, however it ends, so
//! a file that can be locked (or is gone) belongs to a dead owner. Process ids would not do: they
//! are reused.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::database::{create_private_dir, create_private_file};

const LOCK: &str = "lock";
/// The name of an owner file before it is locked; see [`Owner::acquire`].
const CLAIM: &str = "claim";

/// This store's proof of life: the lock is held until it is dropped, and the file removed then.
#[derive(Debug)]
pub(crate) struct Owner {
    id: String,
    path: PathBuf,
    // Never read: closing it is what releases the lock.
    _lock: File,
}

impl Owner {
    /// Creates and locks an owner file in `dir`.
    ///
    /// The file gets its real name only once it is locked, so nobody who looks for dead owners can
    /// find it unlocked under that name. Whoever removes it before makes the rename fail, and we
    /// begin again.
    pub(crate) fn acquire(dir: &Path) -> io::Result<Self> {
        create_private_dir(dir)?;
        loop {
            let id = Uuid::new_v4().to_string();
            let claim = dir.join(&id).with_extension(CLAIM);
            let path = lock_path(dir, &id);
            let lock = create_private_file(&claim)?;
            match lock.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => continue,
                Err(TryLockError::Error(error)) => {
                    let _ = fs::remove_file(&claim);
                    return Err(error);
                }
            }
            match fs::rename(&claim, &path) {
                Ok(()) => {
                    return Ok(Self {
                        id,
                        path,
                        _lock: lock,
                    });
                }
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            }
        }
    }

    /// The id that this store's turns carry.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Whether the owner with this id still runs. In doubt yes: a turn of a live process must not
    /// be taken away.
    pub(crate) fn is_alive(&self, id: &str) -> bool {
        id == self.id
            || self
                .path
                .parent()
                .is_some_and(|dir| is_locked(&lock_path(dir, id)))
    }

    /// Removes the files of dead owners, best effort.
    pub(crate) fn sweep(&self) {
        let Some(files) = self.path.parent().and_then(|dir| fs::read_dir(dir).ok()) else {
            return;
        };
        for path in files.flatten().map(|file| file.path()) {
            let ours = path
                .extension()
                .is_some_and(|ending| ending == LOCK || ending == CLAIM);
            if ours && path != self.path && !is_locked(&path) {
                let _ = fs::remove_file(&path);
            }
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        // While still locked, so that nobody sees a file without an owner. A failure leaves a file
        // to sweep.
        let _ = fs::remove_file(&self.path);
    }
}

fn lock_path(dir: &Path, id: &str) -> PathBuf {
    dir.join(id).with_extension(LOCK)
}

/// Whether someone holds the lock of this file. Asks for a shared one, so that two askers do not
/// take each other for the owner.
fn is_locked(path: &Path) -> bool {
    let file = match OpenOptions::new().read(true).write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return false,
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "cannot look at an owner file, taking its owner for alive");
            return true;
        }
    };
    match file.try_lock_shared() {
        Ok(()) => false,
        Err(TryLockError::WouldBlock) => true,
        Err(TryLockError::Error(error)) => {
            tracing::warn!(path = %path.display(), %error, "cannot try an owner's lock, taking its owner for alive");
            true
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_owner_lives_until_it_is_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let one = Owner::acquire(dir.path()).unwrap();
        let two = Owner::acquire(dir.path()).unwrap();
        assert!(one.is_alive(one.id()) && one.is_alive(two.id()) && two.is_alive(one.id()));
        let gone = two.id().to_owned();
        drop(two);
        assert!(!one.is_alive(&gone));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_sweep_removes_dead_owners_only() {
        let dir = tempfile::tempdir().unwrap();
        let one = Owner::acquire(dir.path()).unwrap();
        let two = Owner::acquire(dir.path()).unwrap();
        for dead in ["dead.lock", "dead.claim"] {
            File::create(dir.path().join(dead)).unwrap();
        }
        File::create(dir.path().join("README")).unwrap();
        one.sweep();
        let mut left: Vec<_> = fs::read_dir(dir.path())
            .unwrap()
            .map(|f| f.unwrap().path())
            .collect();
        let mut expected = vec![
            one.path.clone(),
            two.path.clone(),
            dir.path().join("README"),
        ];
        left.sort();
        expected.sort();
        assert_eq!(left, expected);
    }

    #[test]
    fn owners_and_sweepers_at_once_do_not_lose_an_owner() {
        let dir = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        let owner = Owner::acquire(dir.path()).unwrap();
                        owner.sweep();
                        assert!(is_locked(&owner.path), "swept while alive");
                    }
                });
            }
        });
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
