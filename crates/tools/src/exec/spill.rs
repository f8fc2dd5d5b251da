//! The file that a command's output goes to when it is too long to be shown.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Bytes of a command's output that are kept from its beginning.
const FIRST: u64 = 32 << 20;
/// Bytes of each of the two files that take turns in keeping the end.
const TURN: u64 = 16 << 20;
/// Bytes that are kept of one command's output.
pub(crate) const KEPT: u64 = FIRST + 2 * TURN;
/// Files of earlier commands that stay in the folder.
const EARLIER: usize = 31;

/// Keeps a command's output on disk: all of it up to [`KEPT`], else its beginning and its end.
pub(crate) struct Spill {
    path: PathBuf,
    first: File,
    /// Bytes in the first file.
    written: u64,
    last: Option<Last>,
}

/// The end of a long output: the file that is written, and the one that was full before.
struct Last {
    file: File,
    written: u64,
    has_older: bool,
    /// Bytes that are gone.
    dropped: u64,
}

impl Spill {
    /// Starts the file `<id>.log` in a folder, which is made if need be. Older files than a fair number are removed.
    pub(crate) fn create(folder: &Path, id: &str) -> io::Result<Self> {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
        if let Err(error) = prune(folder) {
            tracing::warn!(folder = %folder.display(), %error, "old outputs of commands cannot be removed");
        }
        let path = folder.join(format!("{id}.log"));
        Ok(Self {
            first: create(&path)?,
            path,
            written: 0,
            last: None,
        })
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds text.
    pub(crate) fn write(&mut self, mut text: &str) -> io::Result<()> {
        if self.last.is_none() {
            let room = usize::try_from(FIRST.saturating_sub(self.written)).unwrap_or(usize::MAX);
            let (now, later) = text.split_at(text.floor_char_boundary(room));
            self.first.write_all(now.as_bytes())?;
            self.written += now.len() as u64;
            text = later;
        }
        if text.is_empty() {
            return Ok(());
        }
        let (newer, older) = (self.turn("newer"), self.turn("older"));
        let last = match &mut self.last {
            Some(last) => last,
            none => none.insert(Last {
                file: create(&newer)?,
                written: 0,
                has_older: false,
                dropped: 0,
            }),
        };
        if last.written >= TURN {
            if last.has_older {
                last.dropped += fs::metadata(&older)?.len();
            }
            fs::rename(&newer, &older)?;
            last.has_older = true;
            last.file = create(&newer)?;
            last.written = 0;
        }
        last.file.write_all(text.as_bytes())?;
        last.written += text.len() as u64;
        Ok(())
    }

    /// Reads what is kept so far, from the beginning.
    pub(crate) fn reader(&self) -> io::Result<Box<dyn Read + Send>> {
        let first = File::open(&self.path)?;
        let Some(last) = &self.last else {
            return Ok(Box::new(first));
        };
        let gap = io::Cursor::new(gap(last.dropped));
        let newer = File::open(self.turn("newer"))?;
        Ok(match last.has_older {
            true => Box::new(
                first
                    .chain(gap)
                    .chain(File::open(self.turn("older"))?)
                    .chain(newer),
            ),
            false => Box::new(first.chain(gap).chain(newer)),
        })
    }

    /// Nothing more comes: makes it one file.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        let Some(last) = self.last.take() else {
            return Ok(());
        };
        self.first.write_all(&gap(last.dropped))?;
        for name in ["older", "newer"] {
            if name == "newer" || last.has_older {
                let path = self.turn(name);
                io::copy(&mut File::open(&path)?, &mut self.first)?;
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    fn turn(&self, name: &str) -> PathBuf {
        self.path.with_extension(name)
    }
}

impl Drop for Spill {
    fn drop(&mut self) {
        if let Err(error) = self.finish() {
            tracing::warn!(path = %self.path.display(), %error, "the end of a command's output is lost");
        }
    }
}

/// What stands where something was dropped.
fn gap(dropped: u64) -> Vec<u8> {
    match dropped {
        0 => Vec::new(),
        _ => format!(
            "\n[{dropped} bytes are left out here: {} MB are kept of one command's output.]\n",
            KEPT >> 20
        )
        .into_bytes(),
    }
}

/// A new file that only its owner may read.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Removes the oldest outputs.
fn prune(folder: &Path) -> io::Result<()> {
    let mut logs = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_ours = path.extension().is_some_and(|extension| {
            ["log", "newer", "older"]
                .iter()
                .any(|one| extension == *one)
        });
        // One that another process has just removed needs nothing.
        if let Ok(metadata) = path.metadata()
            && is_ours
            && metadata.is_file()
        {
            logs.push((metadata.modified()?, path));
        }
    }
    logs.sort_unstable();
    let too_many = logs.len().saturating_sub(EARLIER);
    for (_, path) in logs.drain(..too_many) {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn old_outputs_make_room() {
        let folder = tempfile::tempdir().unwrap();
        for n in 0..40 {
            Spill::create(folder.path(), &format!("{n}")).unwrap();
        }
        let left = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, EARLIER + 1);
    }

    #[test]
    fn beyond_the_limit_the_middle_goes_and_is_spoken_of() {
        let folder = tempfile::tempdir().unwrap();
        let mut spill = Spill::create(folder.path(), "long").unwrap();
        let line = "0123456789abcde\n".repeat(1 << 16);
        let megabytes = 100;
        for _ in 0..megabytes {
            spill.write(&line).unwrap();
        }
        spill.write("the end\n").unwrap();
        let mut before = String::new();
        spill.reader().unwrap().read_to_string(&mut before).unwrap();
        spill.finish().unwrap();

        let after = fs::read_to_string(spill.path()).unwrap();
        assert!(before == after);
        assert!(after.len() as u64 <= KEPT + 200, "{}", after.len());
        assert!(after.ends_with("the end\n"));
        let gap = after.lines().find(|line| line.starts_with('[')).unwrap();
        let dropped: usize = gap[1..].split_once(' ').unwrap().0.parse().unwrap();
        let kept = after.len() - gap.len() - 2;
        assert_eq!(kept + dropped, megabytes * line.len() + "the end\n".len());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
