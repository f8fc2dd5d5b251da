//! The file of the index: how it is made, opened, and made anew when it is broken.
//!
//! All in it is copied or computed from the notes, but for the vectors that a server was asked for.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior};

use super::error::MemoryError;
use super::settings::PieceSize;
use super::words;

/// Says in the file's header whose it is (`PRAGMA application_id`): "MoMe".
const APPLICATION: i64 = 0x4d6f_4d65;

/// The form of the tables (`PRAGMA user_version`); a file of another one is made anew.
const VERSION: i64 = 1;

/// How long a call waits for another process to finish its own write.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// `words` has no text of its own: it is found by, and the text stands in `pieces`.
fn tables() -> String {
    format!(
        "
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE notes (
    path TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    -- Nanoseconds since 1970; NULL where it was read too soon after a change for the time to tell the next one.
    changed INTEGER,
    hash BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE pieces (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL,
    start_line INTEGER NOT NULL,
    end_line INTEGER NOT NULL,
    text TEXT NOT NULL,
    hash BLOB NOT NULL
) STRICT;
CREATE INDEX pieces_of_note ON pieces (path);
CREATE INDEX pieces_of_text ON pieces (hash);
CREATE VIRTUAL TABLE words USING fts5 (text, content = '', contentless_delete = 1, tokenize = '{}');
-- By the hash of the text, so that a text that moved or came back keeps its vector.
CREATE TABLE vectors (id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, vector BLOB NOT NULL) STRICT;
",
        words::TOKENIZER
    )
}

/// An open index.
pub(crate) struct Index {
    connection: Connection,
    path: PathBuf,
}

impl Index {
    /// Opens the index, makes it where it is not there, does `work`, and begins anew, once, where the file turns out to
    /// be broken: then `fill` puts in what should be there. The broken one is kept beside it as `.old`.
    pub(crate) fn with<T>(
        path: &Path,
        piece: PieceSize,
        fill: impl FnOnce(&mut Self) -> Result<(), MemoryError>,
        work: impl Fn(&mut Self) -> Result<T, MemoryError>,
    ) -> Result<T, MemoryError> {
        let open = || {
            let mut index = Self::open(path)?;
            index.fit(piece)?;
            Ok(index)
        };
        match open().and_then(|mut index| work(&mut index)) {
            Err(error) if error.is_damage() => {
                tracing::warn!(path = %path.display(), %error, "the memory index is made anew");
                set_aside(path)?;
                let mut index = open()?;
                fill(&mut index)?;
                work(&mut index)
            }
            result => result,
        }
    }

    fn open(path: &Path) -> Result<Self, MemoryError> {
        create(path).map_err(prepare(path))?;
        // Without CREATE (done above, with the right mode) and without URI (a path is a path).
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(database(path))?;
        let mut index = Self {
            connection,
            path: path.to_owned(),
        };
        index.attempt(|connection| connection.busy_timeout(BUSY_TIMEOUT))?;
        match index.read(kind)? {
            Kind::Ours => return Ok(index),
            Kind::New => {}
            Kind::Old => {
                drop(index);
                set_aside(path)?;
                return Self::open(path);
            }
            Kind::Foreign => {
                return Err(MemoryError::Foreign {
                    path: path.to_owned(),
                });
            }
        }
        index.attempt(|connection| {
            // Where another process just does the same, its word counts.
            let _ = connection.pragma_update(None, "journal_mode", "WAL");
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            if let Kind::New = kind(&transaction)? {
                transaction.pragma_update(None, "application_id", APPLICATION)?;
                transaction.pragma_update(None, "user_version", VERSION)?;
                transaction.execute_batch(&tables())?;
            }
            transaction.commit()
        })?;
        Ok(index)
    }

    /// Empties the index where its pieces are of another size.
    fn fit(&mut self, piece: PieceSize) -> Result<(), MemoryError> {
        let wanted = format!("{}/{}", piece.bytes, piece.overlap);
        self.write(|transaction| {
            if set(transaction, "piece", &wanted)? {
                transaction
                    .execute_batch("DELETE FROM notes; DELETE FROM pieces; DELETE FROM words;")?;
            }
            Ok(())
        })
    }

    /// Forgets the vectors where they are of another embedder.
    pub(crate) fn fit_vectors(&mut self, embedder: &str) -> Result<(), MemoryError> {
        self.write(|transaction| {
            if set(transaction, "embedder", embedder)? {
                transaction.execute("DELETE FROM vectors", [])?;
            }
            Ok(())
        })
    }

    /// Forgets all but the vectors.
    pub(crate) fn clear(&mut self) -> Result<(), MemoryError> {
        self.write(|transaction| {
            transaction.execute_batch("DELETE FROM notes; DELETE FROM pieces; DELETE FROM words;")
        })
    }

    /// Reads.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, MemoryError> {
        work(&self.connection).map_err(database(&self.path))
    }

    /// Writes in one transaction, which holds the write lock from its beginning.
    pub(crate) fn write<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, MemoryError> {
        self.attempt(|connection| {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let value = work(&transaction)?;
            transaction.commit()?;
            Ok(value)
        })
    }

    fn attempt<T>(
        &mut self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
    ) -> Result<T, MemoryError> {
        work(&mut self.connection).map_err(database(&self.path))
    }
}

/// Whose a file is.
enum Kind {
    /// Empty.
    New,
    Ours,
    /// Of this program or the original, in a form that is not read.
    Old,
    Foreign,
}

fn kind(connection: &Connection) -> rusqlite::Result<Kind> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let tables = |condition: &str| {
        let count = format!("SELECT count(*) FROM sqlite_schema WHERE type = 'table' {condition}");
        connection.query_row(&count, [], |row| row.get::<_, i64>(0))
    };
    Ok(match (pragma("application_id")?, pragma("user_version")?) {
        (APPLICATION, VERSION) => Kind::Ours,
        (APPLICATION, _) => Kind::Old,
        _ if tables("")? == 0 => Kind::New,
        // The original's.
        _ if tables("AND name IN ('meta', 'files', 'chunks')")? == 3 => Kind::Old,
        _ => Kind::Foreign,
    })
}

/// Notes a setting; whether it was another one before.
fn set(transaction: &Transaction<'_>, name: &str, value: &str) -> rusqlite::Result<bool> {
    let known: Option<String> = transaction
        .query_row(
            "SELECT value FROM settings WHERE name = ?1",
            [name],
            |row| row.get(0),
        )
        .optional()?;
    if known.as_deref() == Some(value) {
        return Ok(false);
    }
    transaction.execute(
        "INSERT OR REPLACE INTO settings (name, value) VALUES (?1, ?2)",
        [name, value],
    )?;
    Ok(known.is_some())
}

/// Makes sure that the file exists, readable by this user only: it holds copies of private notes.
fn create(path: &Path) -> std::io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
    }
    let mut options = fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// Renames the file, and takes away what SQLite keeps beside it.
fn set_aside(path: &Path) -> Result<(), MemoryError> {
    let beside = |ending: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    for ending in ["-wal", "-shm", "-journal"] {
        match fs::remove_file(beside(ending)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(prepare(path)(error));
            }
            _ => {}
        }
    }
    fs::rename(path, beside(".old")).map_err(prepare(path))
}

fn prepare(path: &Path) -> impl FnOnce(std::io::Error) -> MemoryError {
    move |source| MemoryError::Prepare {
        path: path.to_owned(),
        source,
    }
}

fn database(path: &Path) -> impl FnOnce(rusqlite::Error) -> MemoryError {
    move |source| MemoryError::Database {
        path: path.to_owned(),
        source,
    }
}
