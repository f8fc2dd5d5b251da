//! Room on the disk, and files on it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use sysinfo::{DiskRefreshKind, Disks};

use super::pull_error::PullError;

/// What stays free beyond the model itself, in bytes.
pub(super) const SPARE: u64 = 64 << 20;

/// The disk, as far as a pull needs it. Tests have one that runs full.
pub(super) trait Disk: Send + Sync {
    /// What is free for files in `dir`, in bytes; `None` when that is not known.
    fn free(&self, dir: &Path) -> Option<u64>;

    /// Opens a file to read it and to write on, making it if need be.
    fn open(&self, path: &Path) -> io::Result<Box<dyn PartFile>>;
}

/// An open file that a download is written to.
pub(super) trait PartFile: Read + Write + Seek + Send {
    /// Keeps other processes out for as long as the file is open. `false` when another one is
    /// in. A file system that cannot lock lets everyone in.
    fn lock(&self) -> bool;

    /// Empties the file.
    fn empty(&mut self) -> io::Result<()>;

    /// Waits until the bytes are on the disk itself.
    fn sync(&self) -> io::Result<()>;
}

impl PartFile for File {
    fn lock(&self) -> bool {
        !matches!(self.try_lock(), Err(std::fs::TryLockError::WouldBlock))
    }

    fn empty(&mut self) -> io::Result<()> {
        self.set_len(0)?;
        self.rewind()
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_all()
    }
}

/// The disk of this machine.
pub(super) struct RealDisk;

impl Disk for RealDisk {
    fn free(&self, dir: &Path) -> Option<u64> {
        free_space(dir)
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn PartFile>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        Ok(Box::new(file))
    }
}

/// What is free for files in `dir`, or in the nearest directory above it that exists, in bytes; `None` when it is not
/// known.
pub fn free_space(dir: &Path) -> Option<u64> {
    let dir = dir.ancestors().find_map(|dir| dir.canonicalize().ok())?;
    let kind = DiskRefreshKind::nothing().with_storage();
    let disks = Disks::new_with_refreshed_list_specifics(kind).ok()?;
    let nearest = disks
        .iter()
        .filter(|disk| dir.starts_with(disk.mount_point()))
        .max_by_key(|disk| disk.mount_point().components().count())?;
    // Some file systems are not on the list; the disk around such a one says nothing.
    is_same_device(&dir, nearest.mount_point()).then(|| nearest.available_space())
}

#[cfg(unix)]
fn is_same_device(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let device = |path: &Path| path.metadata().map(|it| it.dev()).ok();
    device(one).is_some_and(|it| Some(it) == device(other))
}

#[cfg(not(unix))]
fn is_same_device(_: &Path, _: &Path) -> bool {
    true
}

/// Refuses a download of `missing` bytes for which there is no room.
pub(super) fn check_room(free: Option<u64>, missing: u64, dir: &Path) -> Result<(), PullError> {
    let needed = missing.saturating_add(SPARE);
    match free {
        Some(free) if free < needed => Err(PullError::TooLittleRoom {
            dir: dir.to_owned(),
            needed,
            free,
        }),
        _ => Ok(()),
    }
}

/// Whether an error of writing means that there is no room left.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}
