//! Opening, replacing and removing what is at a real place, and nothing else.
//!
//! A path is walked from the root, each folder opened without following links: a link that was swapped in since the
//! path was looked at ends the walk. Then only names in a folder that is held open are used.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{self, AtFlags, FileType, Gid, Mode, OFlags, Stat, Uid};
use rustix::io::Errno;
use thiserror::Error;

use super::origin;
use super::place::shown;

/// How folders on the way are opened.
#[cfg(target_os = "linux")]
const FOLDER: OFlags = OFlags::PATH
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);
#[cfg(not(target_os = "linux"))]
const FOLDER: OFlags = OFlags::DIRECTORY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// Without waiting for the other end of a pipe.
const READ: OFlags = OFlags::NOFOLLOW
    .union(OFlags::NONBLOCK)
    .union(OFlags::CLOEXEC);

/// What went wrong at a place.
#[derive(Debug, Error)]
pub(crate) enum DiskError {
    #[error("There is no file {}.", shown(path))]
    Missing { path: PathBuf },
    #[error("{} is a folder, not a file.", shown(path))]
    Folder { path: PathBuf },
    #[error("{} is {kind}; only regular files are read and written.", shown(path))]
    Special { path: PathBuf, kind: &'static str },
    #[error("{} is there already.", shown(path))]
    Exists { path: PathBuf },
    #[error("{} is read-only, so it is not changed.", shown(path))]
    ReadOnly { path: PathBuf },
    #[error(
        "{} was changed by something else in the meantime; read it again.",
        shown(path)
    )]
    Changed { path: PathBuf },
    #[error(
        "{} leads elsewhere than a moment ago, so it was left alone.",
        shown(path)
    )]
    Moved { path: PathBuf },
    #[error(
        "{} is {size} bytes long; files of more than {limit} bytes are not taken in whole.",
        shown(path)
    )]
    TooLarge {
        path: PathBuf,
        size: u64,
        limit: u64,
    },
    #[error("{} cannot be {doing}: {source}.", shown(path))]
    Failed {
        path: PathBuf,
        doing: &'static str,
        source: io::Error,
    },
}

/// What lies at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
}

/// A file as it was when it was looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Version {
    stat: Stat,
    /// Whether it was read, and what it says may come from outside.
    is_foreign: bool,
}

impl Version {
    fn is(&self, other: &Stat) -> bool {
        let key = |s: &Stat| (s.st_dev, s.st_ino, s.st_size, s.st_mtime, s.st_mtime_nsec);
        key(&self.stat) == key(other)
    }

    /// Whether what was read of it may come from outside, as the file itself says.
    pub(crate) fn is_foreign(&self) -> bool {
        self.is_foreign
    }
}

/// What must be at a place for it to be written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Expected {
    /// A regular file or nothing.
    Any,
    /// Nothing.
    Nothing,
    /// This version of a file.
    Version(Version),
}

/// A name in a folder that is held open.
#[derive(Debug)]
pub(crate) struct Spot {
    folder: OwnedFd,
    name: OsString,
    path: PathBuf,
}

impl Spot {
    /// Walks to a real path.
    pub(crate) fn at(path: &Path) -> Result<Self, DiskError> {
        Self::walk(path, None)
    }

    /// Walks to a real path, making the folders that are not there.
    /// Those are marked where their names may come from outside.
    pub(crate) fn make(path: &Path, is_foreign: bool) -> Result<Self, DiskError> {
        Self::walk(path, Some(is_foreign))
    }

    fn walk(path: &Path, make: Option<bool>) -> Result<Self, DiskError> {
        let failed = |error: Errno| match error {
            Errno::NOENT => DiskError::Missing {
                path: path.to_owned(),
            },
            // Not a folder: where it was looked at, everything on the way was one.
            Errno::LOOP | Errno::NOTDIR => DiskError::Moved {
                path: path.to_owned(),
            },
            error => DiskError::Failed {
                path: path.to_owned(),
                doing: "reached",
                source: error.into(),
            },
        };
        let open = |folder: &OwnedFd, name: &OsStr| fs::openat(folder, name, FOLDER, Mode::empty());
        let mut folder = fs::open("/", FOLDER, Mode::empty()).map_err(failed)?;
        let mut names: Vec<&OsStr> = path
            .components()
            .filter_map(|component| match component {
                Component::Normal(name) => Some(name),
                _ => None,
            })
            .collect();
        let name = names.pop().unwrap_or(OsStr::new("."));
        for name in names {
            folder = match open(&folder, name) {
                Err(Errno::NOENT) if make.is_some() => {
                    match fs::mkdirat(&folder, name, Mode::from_raw_mode(0o777)) {
                        Ok(()) => {
                            if make == Some(true) {
                                mark_folder(&folder, name);
                            }
                            open(&folder, name)
                        }
                        Err(Errno::EXIST) => open(&folder, name),
                        Err(error) => Err(error),
                    }
                }
                opened => opened,
            }
            .map_err(failed)?;
        }
        Ok(Self {
            folder,
            name: name.to_owned(),
            path: path.to_owned(),
        })
    }

    /// What lies there, if anything does.
    pub(crate) fn kind(&self) -> Result<Option<Kind>, DiskError> {
        self.stat()?.map(|stat| self.kind_of(&stat)).transpose()
    }

    /// Opens the regular file there for reading.
    pub(crate) fn open(&self) -> Result<(File, Version), DiskError> {
        self.file()?;
        let file = fs::openat(&self.folder, &self.name, READ, Mode::empty());
        let file = file.map_err(|error| self.failed("opened", error))?;
        let stat = fs::fstat(&file).map_err(|error| self.failed("opened", error))?;
        match self.kind_of(&stat)? {
            Kind::File => {
                let is_foreign = origin::is_foreign(&file);
                Ok((file.into(), Version { stat, is_foreign }))
            }
            Kind::Folder => Err(DiskError::Folder {
                path: self.path.clone(),
            }),
        }
    }

    /// All bytes of the regular file there, at most `limit`.
    pub(crate) fn read(&self, limit: u64) -> Result<(Vec<u8>, Version), DiskError> {
        let (file, version) = self.open()?;
        let mut bytes = Vec::new();
        file.take(limit + 1)
            .read_to_end(&mut bytes)
            .map_err(|source| DiskError::Failed {
                path: self.path.clone(),
                doing: "read",
                source,
            })?;
        let size = bytes.len() as u64;
        if size > limit {
            // A file's size is never negative.
            let size = u64::try_from(version.stat.st_size).unwrap_or(0).max(size);
            return Err(DiskError::TooLarge {
                path: self.path.clone(),
                size,
                limit,
            });
        }
        Ok((bytes, version))
    }

    /// The names in the folder there, sorted; those of folders end with a slash.
    pub(crate) fn list(&self) -> Result<Vec<String>, DiskError> {
        let failed = |error| self.failed("listed", error);
        let flags = READ | OFlags::DIRECTORY;
        let folder = fs::openat(&self.folder, &self.name, flags, Mode::empty()).map_err(failed)?;
        let mut names = Vec::new();
        for entry in fs::Dir::new(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_string_lossy();
            if name == "." || name == ".." {
                continue;
            }
            names.push(match entry.file_type() {
                FileType::Directory => format!("{name}/"),
                _ => name.into_owned(),
            });
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Writes a new file beside this place, to be put there by [`Staged::commit`]. It gets the mode and the owner of
    /// `like`, and a mark if that was read and bears one, or `is_foreign`: what it says may come from outside.
    pub(crate) fn stage(
        self,
        bytes: &[u8],
        expected: Expected,
        like: Option<Version>,
        is_foreign: bool,
    ) -> Result<Staged, DiskError> {
        self.check(expected)?;
        let (file, temporary) = self
            .temporary(like.is_some())
            .map_err(|error| self.failed("written", error))?;
        // From here on, dropping it removes the temporary file.
        let staged = Staged {
            spot: self,
            temporary,
            expected,
            is_in_place: false,
        };
        let written = || -> io::Result<()> {
            let mut file = File::from(file);
            file.write_all(bytes)?;
            if let Some(Version { stat: like, .. }) = like {
                // Only a superuser may give files away; the mode must be kept.
                let (user, group) = (Uid::from_raw(like.st_uid), Gid::from_raw(like.st_gid));
                let _ = fs::fchown(&file, Some(user), Some(group));
                let mode = Mode::from_raw_mode(like.st_mode);
                // Whoever may run as another must not do so with new content.
                fs::fchmod(&file, mode.difference(Mode::SUID | Mode::SGID))?;
            }
            if is_foreign || like.is_some_and(|like| like.is_foreign) {
                origin::mark(&file);
            }
            file.sync_data()
        };
        written().map_err(|source| DiskError::Failed {
            path: staged.spot.path.clone(),
            doing: "written",
            source,
        })?;
        Ok(staged)
    }

    /// A new file in the same folder, and its name. A private one is its owner's alone.
    fn temporary(&self, is_private: bool) -> Result<(OwnedFd, String), Errno> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | READ;
        let mode = Mode::from_raw_mode(if is_private { 0o600 } else { 0o666 });
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let name = format!(".moltbot-{}-{number}.tmp", std::process::id());
            match fs::openat(&self.folder, &name, flags, mode) {
                Ok(file) => return Ok((file, name)),
                // A killed process of the same id left it behind.
                Err(Errno::EXIST) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Removes the regular file there.
    pub(crate) fn remove(&self, expected: Expected) -> Result<(), DiskError> {
        self.check(expected)?;
        fs::unlinkat(&self.folder, &self.name, AtFlags::empty())
            .map_err(|error| self.failed("removed", error))
    }

    /// The version of the regular file there.
    pub(crate) fn version(&self) -> Result<Option<Version>, DiskError> {
        match self.stat()? {
            None => Ok(None),
            Some(_) => Ok(Some(Version {
                stat: self.file()?,
                is_foreign: false,
            })),
        }
    }

    fn check(&self, expected: Expected) -> Result<(), DiskError> {
        let path = || self.path.clone();
        let Some(stat) = self.stat()? else {
            return match expected {
                Expected::Version(_) => Err(DiskError::Changed { path: path() }),
                _ => Ok(()),
            };
        };
        match expected {
            Expected::Nothing => return Err(DiskError::Exists { path: path() }),
            Expected::Version(version) if !version.is(&stat) => {
                return Err(DiskError::Changed { path: path() });
            }
            _ => {}
        }
        self.file()?;
        match Mode::from_raw_mode(stat.st_mode).intersects(Mode::WUSR | Mode::WGRP | Mode::WOTH) {
            true => Ok(()),
            false => Err(DiskError::ReadOnly { path: path() }),
        }
    }

    fn stat(&self) -> Result<Option<Stat>, DiskError> {
        match fs::statat(&self.folder, &self.name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(self.failed("reached", error)),
        }
    }

    /// What is known of the regular file there.
    fn file(&self) -> Result<Stat, DiskError> {
        let path = || self.path.clone();
        let stat = self
            .stat()?
            .ok_or_else(|| DiskError::Missing { path: path() })?;
        match self.kind_of(&stat)? {
            Kind::File => Ok(stat),
            Kind::Folder => Err(DiskError::Folder { path: path() }),
        }
    }

    fn kind_of(&self, stat: &Stat) -> Result<Kind, DiskError> {
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => return Ok(Kind::File),
            FileType::Directory => return Ok(Kind::Folder),
            FileType::Symlink => {
                return Err(DiskError::Moved {
                    path: self.path.clone(),
                });
            }
            FileType::Fifo => "a named pipe",
            FileType::Socket => "a socket",
            FileType::CharacterDevice | FileType::BlockDevice => "a device",
            _ => "something special",
        };
        Err(DiskError::Special {
            path: self.path.clone(),
            kind,
        })
    }

    fn failed(&self, doing: &'static str, error: Errno) -> DiskError {
        let path = self.path.clone();
        match error {
            Errno::NOENT => DiskError::Missing { path },
            Errno::LOOP => DiskError::Moved { path },
            error => DiskError::Failed {
                path,
                doing,
                source: error.into(),
            },
        }
    }
}

/// Marks a folder that was made a moment ago.
fn mark_folder(parent: &OwnedFd, name: &OsStr) {
    let flags = OFlags::DIRECTORY | READ;
    if let Ok(folder) = fs::openat(parent, name, flags, Mode::empty()) {
        origin::mark(folder);
    }
}

/// A file that is written but not yet in its place. Dropped, it leaves nothing behind.
#[derive(Debug)]
pub(crate) struct Staged {
    spot: Spot,
    temporary: String,
    expected: Expected,
    is_in_place: bool,
}

impl Staged {
    /// Puts it in its place in one step.
    pub(crate) fn commit(mut self) -> Result<(), DiskError> {
        let spot = &self.spot;
        spot.check(self.expected)?;
        fs::renameat(&spot.folder, &self.temporary, &spot.folder, &spot.name)
            .map_err(|error| spot.failed("written", error))?;
        self.is_in_place = true;
        Ok(())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.is_in_place {
            // It may be gone with its folder; nobody is left to be told.
            let _ = fs::unlinkat(&self.spot.folder, &self.temporary, AtFlags::empty());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs::{create_dir, read_to_string, remove_dir, rename, write};
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn folder() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().canonicalize().unwrap();
        (dir, path)
    }

    #[test]
    fn a_link_that_was_swapped_in_is_not_followed() {
        let (_dir, root) = folder();
        create_dir(root.join("secret")).unwrap();
        write(root.join("secret/file"), "secret").unwrap();
        // A folder on the way.
        symlink(root.join("secret"), root.join("ws")).unwrap();
        let error = Spot::make(&root.join("ws/file"), false).unwrap_err();
        assert!(matches!(error, DiskError::Moved { .. }), "{error}");
        // The file itself.
        symlink(root.join("secret/file"), root.join("file")).unwrap();
        let spot = Spot::at(&root.join("file")).unwrap();
        assert!(matches!(spot.read(10), Err(DiskError::Moved { .. })));
        assert!(matches!(
            spot.stage(b"x", Expected::Any, None, false),
            Err(DiskError::Moved { .. })
        ));
        assert_eq!(read_to_string(root.join("secret/file")).unwrap(), "secret");
    }

    #[test]
    fn a_folder_that_is_swapped_after_the_walk_changes_nothing() {
        let (_dir, root) = folder();
        create_dir(root.join("ws")).unwrap();
        create_dir(root.join("secret")).unwrap();
        let spot = Spot::at(&root.join("ws/file")).unwrap();
        rename(root.join("ws"), root.join("moved")).unwrap();
        symlink(root.join("secret"), root.join("ws")).unwrap();
        spot.stage(b"x", Expected::Nothing, None, false)
            .unwrap()
            .commit()
            .unwrap();
        assert!(remove_dir(root.join("secret")).is_ok(), "nothing in it");
        assert_eq!(read_to_string(root.join("moved/file")).unwrap(), "x");
    }

    #[test]
    fn a_file_is_replaced_whole_and_keeps_its_mode() {
        let (_dir, root) = folder();
        let path = root.join("a/b/run.sh");
        let write_it = |text: &[u8], expected| {
            let spot = Spot::make(&path, false).unwrap();
            let like = spot.version().unwrap();
            spot.stage(text, expected, like, false)?.commit()
        };
        write_it(b"one", Expected::Nothing).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o750)).unwrap();
        let (bytes, version) = Spot::at(&path).unwrap().read(3).unwrap();
        assert_eq!(bytes, b"one");
        write_it(b"second", Expected::Version(version)).unwrap();
        let mode = path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o750);
        for (expected, says) in [
            (Expected::Nothing, "there already"),
            (Expected::Version(version), "in the meantime"),
        ] {
            let error = write_it(b"third", expected).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o440)).unwrap();
        let error = write_it(b"third", Expected::Any).unwrap_err().to_string();
        assert!(error.contains("read-only"), "{error}");
        let error = Spot::at(&path).unwrap().read(5).unwrap_err().to_string();
        assert!(error.contains("6 bytes"), "{error}");
        assert_eq!(read_to_string(&path).unwrap(), "second");
        let names = Spot::at(&root.join("a/b")).unwrap().list().unwrap();
        assert_eq!(names, ["run.sh"], "no temporary file stays");
    }

    #[test]
    fn what_a_killed_process_left_behind_is_in_nobody_s_way() {
        let (_dir, root) = folder();
        for number in 0..100 {
            let left = format!(".moltbot-{}-{number}.tmp", std::process::id());
            write(root.join(left), "left").unwrap();
        }
        let spot = Spot::at(&root.join("file")).unwrap();
        let staged = spot.stage(b"x", Expected::Nothing, None, false).unwrap();
        staged.commit().unwrap();
        assert_eq!(read_to_string(root.join("file")).unwrap(), "x");
        let left = read_to_string(root.join(format!(".moltbot-{}-0.tmp", std::process::id())));
        assert_eq!(left.unwrap(), "left");
    }

    #[test]
    fn special_files_are_neither_read_nor_written() {
        let (_dir, root) = folder();
        let pipe = root.join("pipe");
        fs::mknodat(
            fs::CWD,
            &pipe,
            FileType::Fifo,
            Mode::from_raw_mode(0o600),
            0,
        )
        .unwrap();
        for (path, says) in [
            (pipe.as_path(), "a named pipe"),
            (Path::new("/dev/null"), "a device"),
            (root.as_path(), "a folder"),
        ] {
            let read = Spot::at(path).unwrap().read(1).unwrap_err().to_string();
            assert!(read.contains(says), "{read}");
            let stage = Spot::at(path)
                .unwrap()
                .stage(b"", Expected::Any, None, false);
            let written = stage.unwrap_err().to_string();
            assert!(written.contains(says), "{written}");
        }
    }
}
