//! Bringing the index up to date with the files.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, SystemTime};

use rusqlite::{OptionalExtension, Transaction, params};
use sha2::{Digest, Sha256};

use super::error::MemoryError;
use super::files::{self, Note};
use super::index::Index;
use super::piece::cut;
use super::settings::MemorySettings;
use super::words;

/// A file changed this short a time ago may change again without its time telling so: clocks of file systems tick
/// slowly, some in steps of two seconds.
const UNSETTLED: Duration = Duration::from_secs(3);

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Synced {
    /// Notes that were read anew.
    pub read: usize,
    /// Notes that were taken out of the index.
    pub removed: usize,
}

/// A note as the index knows it.
struct Known {
    size: i64,
    changed: Option<i64>,
    hash: Vec<u8>,
}

/// Reads what changed, takes out what is gone. Each note is a transaction of its own.
pub(crate) fn sync(index: &mut Index, settings: &MemorySettings) -> Result<Synced, MemoryError> {
    let mut known = index.read(|connection| {
        let mut statement = connection.prepare("SELECT path, size, changed, hash FROM notes")?;
        let rows = statement.query_map([], |row| {
            let known = Known {
                size: row.get(1)?,
                changed: row.get(2)?,
                hash: row.get(3)?,
            };
            Ok((row.get::<_, String>(0)?, known))
        })?;
        rows.collect::<rusqlite::Result<BTreeMap<_, _>>>()
    })?;
    let mut synced = Synced::default();
    for (name, note) in files::notes(settings) {
        let old = known.remove(&name);
        let same = |old: &Known| old.size == size(&note) && old.changed == Some(note.changed);
        if old.as_ref().is_some_and(same) {
            continue;
        }
        let settled = settled(&note);
        let Ok(bytes) = fs::read(&note.path) else {
            // What cannot be read cannot be cited.
            if old.is_some() {
                synced.removed += 1;
                index.write(|transaction| remove(transaction, &name))?;
            }
            continue;
        };
        let hash = Sha256::digest(&bytes).to_vec();
        let stays = old.is_some_and(|old| old.hash == hash);
        index.write(|transaction| {
            if !stays {
                remove(transaction, &name)?;
                add(
                    transaction,
                    &name,
                    &String::from_utf8_lossy(&bytes),
                    settings,
                )?;
            }
            transaction.execute(
                "INSERT OR REPLACE INTO notes (path, size, changed, hash) VALUES (?1, ?2, ?3, ?4)",
                params![name, size(&note), settled, hash],
            )
        })?;
        synced.read += usize::from(!stays);
    }
    for name in known.keys() {
        synced.removed += 1;
        index.write(|transaction| remove(transaction, name))?;
    }
    if synced != Synced::default() {
        tracing::debug!(
            synced.read,
            synced.removed,
            "brought the memory index up to date"
        );
        spare(index, settings.spare_vectors)?;
    }
    Ok(synced)
}

fn size(note: &Note) -> i64 {
    i64::try_from(note.size).unwrap_or(i64::MAX)
}

/// The time of the last change, where it is long enough ago to tell the next one.
fn settled(note: &Note) -> Option<i64> {
    let edge = SystemTime::now()
        .checked_sub(UNSETTLED)
        .map(files::nanoseconds);
    edge.filter(|edge| note.changed < *edge)
        .map(|_| note.changed)
}

fn remove(transaction: &Transaction<'_>, name: &str) -> rusqlite::Result<()> {
    transaction.execute(
        "DELETE FROM words WHERE rowid IN (SELECT id FROM pieces WHERE path = ?1)",
        [name],
    )?;
    transaction.execute("DELETE FROM pieces WHERE path = ?1", [name])?;
    transaction.execute("DELETE FROM notes WHERE path = ?1", [name])?;
    Ok(())
}

fn add(
    transaction: &Transaction<'_>,
    name: &str,
    text: &str,
    settings: &MemorySettings,
) -> rusqlite::Result<()> {
    let mut put = transaction.prepare_cached(
        "INSERT INTO pieces (path, start_line, end_line, text, hash) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    let mut put_words =
        transaction.prepare_cached("INSERT INTO words (rowid, text) VALUES (?1, ?2)")?;
    for piece in cut(text, settings.piece) {
        let hash = Sha256::digest(piece.text.as_bytes()).to_vec();
        put.execute(params![
            name,
            line(piece.start_line),
            line(piece.end_line),
            piece.text,
            hash
        ])?;
        let terms = words::indexed(&piece.text);
        put_words.execute(params![transaction.last_insert_rowid(), terms])?;
    }
    Ok(())
}

fn line(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Forgets vectors of texts that are in no note, the oldest first, down to this many.
fn spare(index: &mut Index, most: Option<u64>) -> Result<(), MemoryError> {
    let Some(most) = most else { return Ok(()) };
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    index.write(|transaction| {
        let newest_lost: Option<i64> = transaction
            .query_row(
                "SELECT id FROM vectors WHERE hash NOT IN (SELECT hash FROM pieces)
                 ORDER BY id DESC LIMIT 1 OFFSET ?1",
                [most],
                |row| row.get(0),
            )
            .optional()?;
        if let Some(id) = newest_lost {
            transaction.execute(
                "DELETE FROM vectors WHERE id <= ?1 AND hash NOT IN (SELECT hash FROM pieces)",
                [id],
            )?;
        }
        Ok(())
    })
}
