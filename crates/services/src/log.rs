//! The log of a service: what the server writes, and what its keeper did.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::files::private_dir;

/// A log that has grown beyond this many bytes becomes the old one, `<log>.1`, and begins anew.
const LIMIT: u64 = 8 * 1024 * 1024;

/// What the keeper's own lines begin with.
const MARK: &str = "[moltbot ";

/// The last line is looked for in this many bytes.
const TAIL: u64 = 16 * 1024;

/// How much of a line is quoted, in characters.
const QUOTED: usize = 160;

/// The log of one service.
///
/// The server writes into the file itself, not through its keeper: it then survives the keeper's end.
#[derive(Debug, Clone)]
pub(crate) struct ServiceLog {
    path: PathBuf,
    limit: u64,
}

impl ServiceLog {
    /// The log at `path`.
    pub(crate) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            limit: LIMIT,
        }
    }

    /// The file, for a process to write to. Every write goes to the end, wherever that is then.
    pub(crate) fn open(&self) -> io::Result<File> {
        if let Some(dir) = self.path.parent() {
            private_dir(dir)?;
        }
        OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&self.path)
    }

    /// Adds a line of the keeper's own. A log that cannot be written stops nothing.
    pub(crate) fn note(&self, text: &str) {
        let now = chrono::Local::now().format("%Y-%m-%d %H:%M:%S");
        if let Ok(mut file) = self.open() {
            let _ = writeln!(file, "{MARK}{now}] {text}");
        }
    }

    /// Where the next line will begin.
    pub(crate) fn end(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |meta| meta.len())
    }

    /// Begins anew where the log has grown too long. The lines of the moment between copy and cut are lost.
    pub(crate) fn cap(&self) {
        if self.end() <= self.limit {
            return;
        }
        let mut old = self.path.clone().into_os_string();
        old.push(".1");
        let cut = || -> io::Result<()> {
            fs::copy(&self.path, PathBuf::from(&old))?;
            OpenOptions::new().write(true).open(&self.path)?.set_len(0)
        };
        if let Err(error) = cut() {
            self.note(&format!("this log cannot be shortened: {error}"));
        }
    }

    /// The last line that the server wrote after `since`, shortened; `None` where it said nothing.
    pub(crate) fn last_line(&self, since: u64) -> Option<String> {
        let mut file = File::open(&self.path).ok()?;
        let end = file.metadata().ok()?.len();
        // Shorter than it was: it has begun anew since.
        let since = if since > end { 0 } else { since };
        file.seek(SeekFrom::Start(since.max(end.saturating_sub(TAIL))))
            .ok()?;
        let mut bytes = Vec::new();
        file.take(TAIL).read_to_end(&mut bytes).ok()?;
        let text = String::from_utf8_lossy(&bytes);
        let line = text
            .split(['\n', '\r'])
            .map(str::trim)
            .rfind(|line| !line.is_empty() && !line.starts_with(MARK))?;
        Some(match line.chars().count() > QUOTED {
            true => format!("{}…", line.chars().take(QUOTED).collect::<String>()),
            false => line.to_owned(),
        })
    }

    /// The file, as shown in a sentence.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn log(limit: u64) -> (tempfile::TempDir, ServiceLog) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("logs/service-x.log");
        (dir, ServiceLog { path, limit })
    }

    #[test]
    fn the_last_line_is_the_server_s_own() {
        let (_dir, log) = log(LIMIT);
        assert_eq!(log.last_line(0), None);
        log.note("started");
        let since = log.end();
        assert_eq!(log.last_line(since), None);
        log.open()
            .unwrap()
            .write_all(b"loading\r\nerror: no \xff\n\n")
            .unwrap();
        log.note("ended");
        assert_eq!(log.last_line(since).unwrap(), "error: no \u{fffd}");
        assert_eq!(log.last_line(log.end()), None);
    }

    #[test]
    fn a_long_log_begins_anew_and_keeps_its_writer() {
        let (_dir, log) = log(64);
        let mut server = log.open().unwrap();
        server.write_all(&[b'x'; 65]).unwrap();
        let since = log.end();
        log.cap();
        assert_eq!(log.end(), 0);
        server.write_all(b"after\n").unwrap();
        assert_eq!(fs::read_to_string(log.path()).unwrap(), "after\n");
        assert_eq!(log.last_line(since).unwrap(), "after");
        let old = fs::read_to_string(log.path().with_extension("log.1")).unwrap();
        assert_eq!(old.len(), 65);
    }
}
