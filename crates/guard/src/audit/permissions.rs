//! Permission bits of files, where the system has them.

use std::fs::Metadata;
use std::io;
use std::path::Path;

/// The permission bits (`0o777`); `None` where the system has none.
#[cfg(unix)]
pub(super) fn mode(metadata: &Metadata) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt as _;
    Some(metadata.permissions().mode() & 0o777)
}

/// The permission bits (`0o777`); `None` where the system has none.
#[cfg(not(unix))]
pub(super) fn mode(_metadata: &Metadata) -> Option<u32> {
    None
}

/// Sets the permission bits.
#[cfg(unix)]
pub(super) fn set(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
}

/// Sets the permission bits.
#[cfg(not(unix))]
pub(super) fn set(_path: &Path, _mode: u32) -> io::Result<()> {
    Err(io::Error::from(io::ErrorKind::Unsupported))
}
