//! The lines of a transcript.

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use serde::de::IgnoredAny;
use uuid::Uuid;

use crate::StoreError;
use crate::database::now_ms;
use crate::error::Failure;

/// A line of a transcript, as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// 8 hexadecimal digits, unique within the transcript.
    pub id: String,
    /// The transcript it belongs to.
    pub session_id: String,
    /// Its place in the transcript: 1, 2, 3, without gaps.
    pub seq: u64,
    /// The turn that added it.
    pub turn_id: String,
    /// The entry before it; `None` for the first.
    pub parent_id: Option<String>,
    /// What it is: `message`, `model_change`, `thinking_level_change`, `compaction`, `notice` and
    /// so on.
    pub kind: String,
    /// The content, a JSON text kept byte for byte.
    pub body: String,
    /// When it was stored, in milliseconds since the Unix epoch.
    pub created_at: i64,
}

/// A line to be added to a transcript.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEntry {
    /// What it is; see [`Entry::kind`].
    pub kind: String,
    /// The content, a JSON text.
    pub body: String,
}

impl NewEntry {
    /// An entry of this kind with this JSON text.
    pub fn new(kind: impl Into<String>, body: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            body: body.into(),
        }
    }

    /// Refuses a body that is not JSON.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        serde_json::from_str::<IgnoredAny>(&self.body)
            .map(|_| ())
            .map_err(|source| StoreError::BodyNotJson {
                kind: self.kind.clone(),
                source,
            })
    }
}

/// Adds entries to the end of a transcript.
pub(crate) fn append(
    db: &Transaction<'_>,
    session_id: &str,
    turn_id: &str,
    entries: Vec<NewEntry>,
) -> Result<Vec<Entry>, Failure> {
    let last = db
        .prepare_cached(
            "SELECT seq, id FROM entries WHERE session_id = ?1 ORDER BY seq DESC LIMIT 1",
        )?
        .query_row([session_id], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
        })
        .optional()?;
    let (mut seq, mut parent_id) = last.map_or((0, None), |(seq, id)| (seq, Some(id)));
    let mut insert = db.prepare_cached(
        "INSERT INTO entries (session_id, seq, id, parent_id, turn_id, kind, body, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    let created_at = now_ms();
    let mut stored = Vec::with_capacity(entries.len());
    for NewEntry { kind, body } in entries {
        seq += 1;
        let id = unused_id(db, session_id)?;
        insert.execute(params![
            session_id, seq, id, parent_id, turn_id, kind, body, created_at
        ])?;
        stored.push(Entry {
            id: id.clone(),
            session_id: session_id.to_owned(),
            seq: seq.unsigned_abs(),
            turn_id: turn_id.to_owned(),
            parent_id: parent_id.replace(id),
            kind,
            body,
            created_at,
        });
    }
    Ok(stored)
}

/// All entries of a transcript, in order.
pub(crate) fn of_session(db: &Connection, session_id: &str) -> Result<Vec<Entry>, Failure> {
    let mut select = db.prepare_cached(
        "SELECT id, session_id, seq, turn_id, parent_id, kind, body, created_at
         FROM entries WHERE session_id = ?1 ORDER BY seq",
    )?;
    let entries = select
        .query_map([session_id], read)?
        .collect::<Result<_, _>>()?;
    Ok(entries)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        id: row.get(0)?,
        session_id: row.get(1)?,
        // Counted from 1 by the database's own trigger.
        seq: row.get::<_, i64>(2)?.unsigned_abs(),
        turn_id: row.get(3)?,
        parent_id: row.get(4)?,
        kind: row.get(5)?,
        body: row.get(6)?,
        created_at: row.get(7)?,
    })
}

/// 8 random hexadecimal digits that the transcript does not have yet.
fn unused_id(db: &Transaction<'_>, session_id: &str) -> rusqlite::Result<String> {
    let mut taken = db.prepare_cached("SELECT 1 FROM entries WHERE session_id = ?1 AND id = ?2")?;
    loop {
        let mut id = Uuid::new_v4().simple().to_string();
        id.truncate(8);
        if !taken.exists([session_id, &id])? {
            return Ok(id);
        }
    }
}
