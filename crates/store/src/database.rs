//! The file itself: how it is created, opened, checked and recovered, and how work is done on it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, MAIN_DB, OpenFlags, Transaction, TransactionBehavior};

use crate::StoreError;
use crate::error::Failure;
use crate::migrations::{self, NEWEST, Standing};
use crate::owner::Owner;
use crate::turn;

/// How long a call waits for another process to finish its own write.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Pause between two tries to open a file that another process is just setting up.
const OPEN_RETRY: Duration = Duration::from_millis(10);

/// An open file and the lock that says its owner is alive.
#[derive(Debug)]
pub(crate) struct Database {
    // Declared before the owner: the file is closed while the owner still counts as alive.
    connection: Connection,
    owner: Owner,
    path: PathBuf,
}

impl Database {
    /// Opens or creates the file, brings it up to date and marks turns of dead processes as
    /// interrupted.
    pub(crate) fn open(path: &Path, busy_timeout: Duration) -> Result<Self, StoreError> {
        let prepare = |source| StoreError::Prepare {
            path: path.to_owned(),
            source,
        };
        // The real place, so that a link to the file does not lead to another set of owners.
        let path = create(path).and_then(fs::canonicalize).map_err(prepare)?;
        let at = |failure: Failure| failure.at(&path);

        let mut connection = connect(&path, busy_timeout).map_err(at)?;
        // SQLite does not wait in every place where two processes set up a new file at once.
        let deadline = Instant::now() + busy_timeout;
        loop {
            match set_up(&mut connection, &path) {
                Err(failure) if failure.is_busy() && Instant::now() < deadline => {
                    thread::sleep(OPEN_RETRY)
                }
                result => break result.map_err(at)?,
            }
        }
        make_private(&path);
        let dir = path.parent().unwrap_or(Path::new("."));
        let owner = Owner::acquire(&dir.join("owners")).map_err(prepare)?;

        let mut database = Self {
            connection,
            owner,
            path: path.clone(),
        };
        let interrupted = database.write(turn::recover).map_err(at)?;
        if interrupted > 0 {
            tracing::warn!(
                interrupted,
                "found turns whose process had ended before them"
            );
        }
        database.owner.sweep();
        Ok(database)
    }

    /// The file, with all links resolved.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// For statements that only read. One statement sees one state of the file.
    pub(crate) fn reader(&self) -> &Connection {
        &self.connection
    }

    /// Does `work` in one transaction, which is on disk when this returns. Holds the write lock
    /// from the beginning, so what `work` reads cannot change under it. An error leaves the file as
    /// it was.
    pub(crate) fn write<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>, &Owner) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let value = work(&transaction, &self.owner)?;
        transaction.commit()?;
        Ok(value)
    }
}

/// The time, in milliseconds since the Unix epoch.
pub(crate) fn now_ms() -> i64 {
    chrono::Utc::now().timestamp_millis()
}

/// Creates a folder and its parents, for this user only.
pub(crate) fn create_private_dir(dir: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

/// Creates a file that must not exist yet, for this user only.
pub(crate) fn create_private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Makes sure that the file exists. An existing one is never opened here: on Unix, closing it would
/// drop the locks that another connection of this process holds on it
/// (<https://sqlite.org/howtocorrupt.html>, 2.2). The mutex keeps that true for a file just
/// created.
fn create(path: &Path) -> io::Result<PathBuf> {
    static CREATING: Mutex<()> = Mutex::new(());
    let path = std::path::absolute(path)?;
    if let Some(dir) = path.parent() {
        create_private_dir(dir)?;
    }
    let _guard = CREATING.lock().unwrap_or_else(PoisonError::into_inner);
    match create_private_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(path),
    }
}

fn connect(path: &Path, busy_timeout: Duration) -> Result<Connection, Failure> {
    // Without CREATE (done above, with the right mode) and without URI (a path is a path).
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(busy_timeout)?;
    Ok(connection)
}

/// Checks that the file is ours to change, then sets what every connection needs. May be done again
/// from the start.
fn set_up(db: &mut Connection, path: &Path) -> Result<(), Failure> {
    let path = || path.to_owned();
    match migrations::standing(db)? {
        Standing::Ours(_) => {}
        Standing::Newer(found) => {
            return Err(StoreError::Newer {
                path: path(),
                found,
                known: NEWEST,
            }
            .into());
        }
        Standing::NotOurs => return Err(StoreError::NotOurs { path: path() }.into()),
    }
    // SQLite opens a file that it may not write for reading, without a word.
    if db.is_readonly(MAIN_DB)? {
        return Err(StoreError::ReadOnly { path: path() }.into());
    }
    let mode: String = db.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if !mode.eq_ignore_ascii_case("wal") {
        return Err(StoreError::NoSharing { path: path() }.into());
    }
    // On macOS a plain fsync leaves data in the drive's cache; elsewhere `fullfsync` changes
    // nothing.
    db.execute_batch("PRAGMA synchronous=FULL; PRAGMA fullfsync=ON; PRAGMA foreign_keys=ON;")?;
    migrations::migrate(db)
}

/// Takes the file away from other users. Its `-wal` and `-shm` files follow its mode. A file system
/// without modes is no reason not to work.
fn make_private(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let open_to_others =
            fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o077 != 0);
        if open_to_others
            && let Err(error) = fs::set_permissions(path, fs::Permissions::from_mode(0o600))
        {
            tracing::warn!(path = %path.display(), %error, "other users may be able to read the database");
        }
    }
    #[cfg(not(unix))]
    let _ = path;
}
