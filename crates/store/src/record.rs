//! What was learned and may be forgotten: facts about servers, cooldowns, calibrations.

use rusqlite::{Connection, Transaction, params};

use crate::database::now_ms;
use crate::error::Failure;

/// Something kept under a name, as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its name within its kind.
    pub key: String,
    /// The content, a JSON text kept byte for byte.
    pub body: String,
    /// When it was stored last, in milliseconds since the Unix epoch.
    pub updated_at: i64,
}

/// All records of a kind, by key.
pub(crate) fn of_kind(db: &Connection, kind: &str) -> Result<Vec<Record>, Failure> {
    let mut select = db
        .prepare_cached("SELECT key, body, updated_at FROM records WHERE kind = ?1 ORDER BY key")?;
    let records = select
        .query_map([kind], |row| {
            Ok(Record {
                key: row.get(0)?,
                body: row.get(1)?,
                updated_at: row.get(2)?,
            })
        })?
        .collect::<Result<_, _>>()?;
    Ok(records)
}

/// Stores a record in place of the one of that name.
pub(crate) fn put(db: &Transaction<'_>, kind: &str, key: &str, body: &str) -> Result<(), Failure> {
    db.prepare_cached(
        "INSERT INTO records (kind, key, body, updated_at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body, updated_at = excluded.updated_at",
    )?
    .execute(params![kind, key, body, now_ms()])?;
    Ok(())
}

/// Removes a record; whether there was one.
pub(crate) fn remove(db: &Transaction<'_>, kind: &str, key: &str) -> Result<bool, Failure> {
    let removed = db
        .prepare_cached("DELETE FROM records WHERE kind = ?1 AND key = ?2")?
        .execute([kind, key])?;
    Ok(removed > 0)
}
