//! Conversations and what is known about them.

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Params, Row, Transaction, params};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::StoreError;
use crate::database::now_ms;
use crate::error::Failure;

/// A conversation, with its current transcript.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    /// The name by which it is found, such as `agent:main:main`.
    pub key: String,
    /// The current transcript; a reset gives a new one.
    pub session_id: String,
    /// The agent that answers.
    pub agent_id: String,
    /// When the key was first used, in milliseconds since the Unix epoch.
    pub created_at: i64,
    /// When a turn last began or ended, or the session was changed or reset, in milliseconds since
    /// the Unix epoch.
    pub updated_at: i64,
    /// The name the person gave it.
    pub label: Option<String>,
    /// What was set for this session alone (`modelOverride`, `thinkingLevel` and so on).
    pub settings: Map<String, Value>,
    /// The provider last used.
    pub provider: Option<String>,
    /// The model last used.
    pub model: Option<String>,
    /// Tokens read in all ended turns of the current transcript.
    pub input_tokens: u64,
    /// Tokens written in all ended turns of the current transcript.
    pub output_tokens: u64,
}

/// What to change about a session; the default changes nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SessionPatch {
    /// A new label; `Some(None)` takes it away.
    pub label: Option<Option<String>>,
    /// Settings to set, key by key; `null` removes one. Keys that are not named stay, so two
    /// processes that set different keys do not undo each other.
    pub settings: Map<String, Value>,
    /// The provider last used.
    pub provider: Option<String>,
    /// The model last used.
    pub model: Option<String>,
}

// The CAST is for PostgreSQL, whose SUM is no BIGINT.
const SELECT: &str = "
    SELECT s.key, t.session_id, s.agent_id, s.created_at, s.updated_at, s.label, s.settings, s.provider, s.model,
           (SELECT CAST(COALESCE(SUM(u.input_tokens), 0) AS BIGINT) FROM turns u WHERE u.session_id = t.session_id),
           (SELECT CAST(COALESCE(SUM(u.output_tokens), 0) AS BIGINT) FROM turns u WHERE u.session_id = t.session_id)
    FROM sessions s JOIN transcripts t ON t.session_key = s.key AND t.closed_at IS NULL";

/// The session with this key.
pub(crate) fn by_key(db: &Connection, key: &str) -> Result<Option<Session>, Failure> {
    one(db, "WHERE s.key = ?1", [key])
}

/// The session whose current transcript is this.
pub(crate) fn by_id(db: &Connection, session_id: &str) -> Result<Option<Session>, Failure> {
    one(db, "WHERE t.session_id = ?1", [session_id])
}

/// All sessions that were not put away, the one used last first.
pub(crate) fn all(db: &Connection) -> Result<Vec<Session>, Failure> {
    let mut select = db.prepare_cached(&format!(
        "{SELECT} WHERE s.archived_at IS NULL ORDER BY s.updated_at DESC, s.key"
    ))?;
    let sessions = select.query_map([], read)?.collect::<Result<_, _>>()?;
    Ok(sessions)
}

/// The session with this key, created for `agent_id` if there is none.
pub(crate) fn get_or_create(
    db: &Transaction<'_>,
    key: &str,
    agent_id: &str,
) -> Result<Session, Failure> {
    let now = now_ms();
    let created = db.execute(
        "INSERT INTO sessions (key, agent_id, created_at, updated_at, settings) VALUES (?1, ?2, ?3, ?3, '{}')
         ON CONFLICT (key) DO NOTHING",
        params![key, agent_id, now],
    )?;
    if created > 0 {
        open_transcript(db, key, now)?;
    }
    require(db, key)
}

/// Changes what is known about a session.
pub(crate) fn update(
    db: &Transaction<'_>,
    key: &str,
    patch: SessionPatch,
) -> Result<Session, Failure> {
    let mut session = require(db, key)?;
    for (name, value) in patch.settings {
        if value.is_null() {
            // Keeps the order of the others.
            session.settings.shift_remove(&name);
        } else {
            session.settings.insert(name, value);
        }
    }
    session.label = patch.label.unwrap_or(session.label);
    session.provider = patch.provider.or(session.provider);
    session.model = patch.model.or(session.model);
    session.updated_at = now_ms();
    db.execute(
        "UPDATE sessions SET label = ?2, settings = ?3, provider = ?4, model = ?5, updated_at = ?6 WHERE key = ?1",
        params![
            key,
            session.label,
            Value::Object(session.settings.clone()).to_string(),
            session.provider,
            session.model,
            session.updated_at
        ],
    )?;
    Ok(session)
}

/// Closes the current transcript, opens a new one and applies the patch.
pub(crate) fn reset(
    db: &Transaction<'_>,
    key: &str,
    patch: SessionPatch,
) -> Result<Session, Failure> {
    let now = now_ms();
    db.execute(
        "UPDATE transcripts SET closed_at = ?2 WHERE session_key = ?1 AND closed_at IS NULL",
        params![key, now],
    )?;
    if db.changes() == 0 {
        return Err(no_such_session(key));
    }
    open_transcript(db, key, now)?;
    update(db, key, patch)
}

/// Notes that the session was just used.
pub(crate) fn touch(db: &Transaction<'_>, session_id: &str) -> Result<(), Failure> {
    db.prepare_cached(
        "UPDATE sessions SET updated_at = ?2
         WHERE key = (SELECT session_key FROM transcripts WHERE session_id = ?1)",
    )?
    .execute(params![session_id, now_ms()])?;
    Ok(())
}

/// A transcript's place: the session it belongs to, and whether it was closed by a reset.
pub(crate) struct Transcript {
    pub(crate) key: String,
    pub(crate) closed: bool,
}

/// Finds a transcript, open or closed.
pub(crate) fn transcript(db: &Connection, session_id: &str) -> Result<Transcript, Failure> {
    db.prepare_cached(
        "SELECT session_key, closed_at IS NOT NULL FROM transcripts WHERE session_id = ?1",
    )?
    .query_row([session_id], |row| {
        Ok(Transcript {
            key: row.get(0)?,
            closed: row.get(1)?,
        })
    })
    .optional()?
    .ok_or_else(|| no_such_session(session_id))
}

fn open_transcript(db: &Transaction<'_>, key: &str, now: i64) -> Result<(), Failure> {
    db.execute(
        "INSERT INTO transcripts (session_id, session_key, created_at) VALUES (?1, ?2, ?3)",
        params![Uuid::new_v4().to_string(), key, now],
    )?;
    Ok(())
}

fn require(db: &Connection, key: &str) -> Result<Session, Failure> {
    by_key(db, key)?.ok_or_else(|| no_such_session(key))
}

fn no_such_session(session: &str) -> Failure {
    StoreError::NoSuchSession {
        session: session.to_owned(),
    }
    .into()
}

fn one(db: &Connection, condition: &str, params: impl Params) -> Result<Option<Session>, Failure> {
    let session = db
        .prepare_cached(&format!("{SELECT} {condition}"))?
        .query_row(params, read)
        .optional()?;
    Ok(session)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Session> {
    let settings: String = row.get(6)?;
    Ok(Session {
        key: row.get(0)?,
        session_id: row.get(1)?,
        agent_id: row.get(2)?,
        created_at: row.get(3)?,
        updated_at: row.get(4)?,
        label: row.get(5)?,
        settings: serde_json::from_str(&settings).map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(6, Type::Text, Box::new(error))
        })?,
        provider: row.get(7)?,
        model: row.get(8)?,
        // Sums of columns that the database keeps from being negative.
        input_tokens: row.get::<_, i64>(9)?.unsigned_abs(),
        output_tokens: row.get::<_, i64>(10)?.unsigned_abs(),
    })
}
