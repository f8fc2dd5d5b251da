//! From an empty or older file to the tables this program knows, one version at a time.

use rusqlite::{Connection, TransactionBehavior};

use crate::error::Failure;

/// What leads from each version to the next: the first makes version 1 out of an empty file. A
/// migration that has been released is never edited; a change is a new one at the end.
const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001_sessions.sql"),
    include_str!("../migrations/0002_records.sql"),
    include_str!("../migrations/0003_subagents.sql"),
    include_str!("../migrations/0004_approvals.sql"),
];

/// Marks the file as ours (`PRAGMA application_id`): "molt" in ASCII.
const APPLICATION_ID: i64 = 0x6d6f_6c74;

/// The newest version this program knows.
pub(crate) const NEWEST: i64 = MIGRATIONS.len() as i64;

/// What a file is to us, read without changing it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Ours with this version; 0 is an empty file.
    Ours(i64),
    /// Ours, but written by a newer program.
    Newer(i64),
    /// Another program's database.
    NotOurs,
}

/// Looks at a file's marks, all in one state of the file: another process may be setting it up.
pub(crate) fn standing(db: &mut Connection) -> rusqlite::Result<Standing> {
    let db = db.transaction()?;
    let application: i64 = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version = version(&db)?;
    let objects: i64 = db.query_row("SELECT COUNT(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(match (application, version, objects) {
        (0, 0, 0) => Standing::Ours(0),
        (APPLICATION_ID, v, _) if v > NEWEST => Standing::Newer(v),
        (APPLICATION_ID, v, _) if v > 0 => Standing::Ours(v),
        _ => Standing::NotOurs,
    })
}

/// Brings the file up to [`NEWEST`], each step in a transaction of its own. Another process may do
/// the same at the same time: each step looks at the version again once it holds the write lock.
pub(crate) fn migrate(db: &mut Connection) -> Result<(), Failure> {
    while version(db)? < NEWEST {
        let step = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let from = version(&step)?;
        if let Some(sql) = usize::try_from(from).ok().and_then(|at| MIGRATIONS.get(at)) {
            step.execute_batch(sql)?;
            step.pragma_update(None, "application_id", APPLICATION_ID)?;
            step.pragma_update(None, "user_version", from + 1)?;
        }
        step.commit()?;
    }
    Ok(())
}

fn version(db: &Connection) -> rusqlite::Result<i64> {
    db.pragma_query_value(None, "user_version", |row| row.get(0))
}
