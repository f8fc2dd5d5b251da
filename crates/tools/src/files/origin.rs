//! Whether what a file holds may come from outside, as the file itself says.
//!
//! A conversation that has read text from outside may write what that text wants into a file, and a later one would take
//! it for the owner's own words. So such a file bears a mark (an extended attribute), which goes where the file goes.
//! Browsers and macOS mark what they download in the same way. Where a file system keeps no attributes there is no mark.

use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{self, XattrFlags};
use rustix::io::Errno;

/// Set on what is written by a conversation that has read text from outside.
const MARK: &str = "user.moltbot.source";

/// Marks of what was downloaded: Chromium's and others' on Linux, everybody's on macOS.
const DOWNLOADED: [&str; 3] = [
    "user.xdg.origin.url",
    "com.apple.quarantine",
    "com.apple.metadata:kMDItemWhereFroms",
];

/// Whether an open file bears a mark.
pub(crate) fn is_foreign(file: impl AsFd) -> bool {
    marks().any(|mark| is_there(fs::fgetxattr(&file, mark, &mut [0_u8; 0])))
}

/// Whether the file at this path bears a mark.
pub(crate) fn is_foreign_at(path: &Path) -> bool {
    marks().any(|mark| is_there(fs::getxattr(path, mark, &mut [0_u8; 0])))
}

/// Marks an open file.
pub(crate) fn mark(file: impl AsFd) {
    if let Err(error) = fs::fsetxattr(file, MARK, b"outside", XattrFlags::empty()) {
        tracing::warn!(%error, "a file that may hold text from outside cannot be marked as such here");
    }
}

/// Whether the file system of this folder keeps marks. Nothing is written.
pub fn keeps_marks(folder: &Path) -> bool {
    !matches!(
        fs::getxattr(folder, MARK, &mut [0_u8; 0]),
        Err(Errno::OPNOTSUPP)
    )
}

fn marks() -> impl Iterator<Item = &'static str> {
    DOWNLOADED.into_iter().chain([MARK])
}

/// An attribute without content tells its length, one with content that there was no room for it.
fn is_there(asked: Result<usize, Errno>) -> bool {
    matches!(asked, Ok(_) | Err(Errno::RANGE))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::print_stderr)]
    use std::fs::{File, rename, write};

    use super::*;

    #[test]
    fn a_mark_goes_where_the_file_goes_and_so_does_that_of_a_download() {
        let dir = tempfile::tempdir().unwrap();
        if !keeps_marks(dir.path()) {
            eprintln!("passed over: the temporary folder keeps no extended attributes");
            return;
        }
        let (own, noted) = (dir.path().join("own"), dir.path().join("noted"));
        write(&own, "mine").unwrap();
        mark(File::create(&noted).unwrap());
        let moved = dir.path().join("moved");
        rename(&noted, &moved).unwrap();
        assert!(!is_foreign_at(&own) && !is_foreign(File::open(&own).unwrap()));
        assert!(is_foreign_at(&moved) && is_foreign(File::open(&moved).unwrap()));
        fs::setxattr(
            &own,
            DOWNLOADED[0],
            b"https://example.org/a",
            XattrFlags::empty(),
        )
        .unwrap();
        assert!(is_foreign_at(&own));
        assert!(!is_foreign_at(&dir.path().join("nothing")));
    }
}
