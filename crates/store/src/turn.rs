//! One request and everything done to answer it: begun, continued and ended, or cut off by a dead
//! process.

use std::fmt;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use uuid::Uuid;

use crate::database::now_ms;
use crate::error::Failure;
use crate::owner::Owner;
use crate::{Entry, NewEntry, StoreError, entry, session};

/// A turn, as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// A UUID.
    pub id: String,
    /// The transcript it writes to.
    pub session_id: String,
    /// Its place among the turns of the transcript: 1, 2, 3, without gaps.
    pub seq: u64,
    /// How it stands.
    pub state: TurnState,
    /// When it began, in milliseconds since the Unix epoch.
    pub started_at: i64,
    /// When it ended, in milliseconds since the Unix epoch; `None` while it runs.
    pub finished_at: Option<i64>,
    /// Why it failed or was cut off, a sentence for the person.
    pub error: Option<String>,
    /// What it took.
    pub usage: Usage,
}

/// How a turn stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TurnState {
    /// A live process works on it (or a dead one's has not been noticed yet).
    Running,
    /// Answered.
    Done,
    /// Ended with an error.
    Failed,
    /// Stopped by the person.
    Aborted,
    /// Its process ended before it did.
    Interrupted,
}

impl TurnState {
    const ALL: [Self; 5] = [
        Self::Running,
        Self::Done,
        Self::Failed,
        Self::Aborted,
        Self::Interrupted,
    ];

    /// The word for it: `running`, `done`, `failed`, `aborted` or `interrupted`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Aborted => "aborted",
            Self::Interrupted => "interrupted",
        }
    }
}

impl fmt::Display for TurnState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromSql for TurnState {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let word = value.as_str()?;
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == word)
            .ok_or(FromSqlError::InvalidType)
    }
}

/// How a turn ends when its process is there to say so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TurnEnd {
    /// Answered.
    Done,
    /// Ended with an error: the sentence that the person was shown.
    Failed(String),
    /// Stopped by the person.
    Aborted,
}

/// What a turn took, summed over its requests to models. More than [`u32::MAX`] is stored as that:
/// no real turn comes near it, and the sums over turns stay within bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens the models read.
    pub input_tokens: u64,
    /// Tokens the models wrote.
    pub output_tokens: u64,
}

const CUT_OFF: &str = "The process that worked on this ended before it was done.";

const SELECT: &str = "
    SELECT id, session_id, seq, state, started_at, finished_at, error, input_tokens, output_tokens FROM turns";

/// A fresh id for a turn.
pub(crate) fn new_id() -> String {
    Uuid::new_v4().to_string()
}

/// Begins a turn with its first entries.
pub(crate) fn begin(
    db: &Transaction<'_>,
    owner: &Owner,
    id: &str,
    session_id: &str,
    entries: Vec<NewEntry>,
) -> Result<(Turn, Vec<Entry>), Failure> {
    let transcript = session::transcript(db, session_id)?;
    if transcript.closed {
        return Err(StoreError::SessionReset {
            key: transcript.key,
            session_id: session_id.to_owned(),
        }
        .into());
    }
    let running = db
        .prepare_cached("SELECT id, owner FROM turns WHERE session_id = ?1 AND state = 'running'")?
        .query_row([session_id], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
        })
        .optional()?;
    if let Some((turn_id, its_owner)) = running {
        if owner.is_alive(&its_owner) {
            return Err(StoreError::SessionBusy {
                key: transcript.key,
                turn_id,
            }
            .into());
        }
        interrupt_owner(db, &its_owner)?;
    }
    db.prepare_cached(
        "INSERT INTO turns (id, session_id, seq, owner, state, started_at)
         VALUES (?1, ?2, (SELECT COALESCE(MAX(seq), 0) + 1 FROM turns WHERE session_id = ?2), ?3, 'running', ?4)",
    )?
    .execute(params![id, session_id, owner.id(), now_ms()])?;
    session::touch(db, session_id)?;
    let entries = entry::append(db, session_id, id, entries)?;
    Ok((by_id(db, id)?, entries))
}

/// Adds entries to a running turn.
pub(crate) fn append(
    db: &Transaction<'_>,
    owner: &Owner,
    id: &str,
    entries: Vec<NewEntry>,
) -> Result<Vec<Entry>, Failure> {
    let session_id = running_here(db, owner, id)?;
    entry::append(db, &session_id, id, entries)
}

/// Ends a turn with its last entries.
pub(crate) fn finish(
    db: &Transaction<'_>,
    owner: &Owner,
    id: &str,
    entries: Vec<NewEntry>,
    end: TurnEnd,
    usage: Usage,
) -> Result<(Turn, Vec<Entry>), Failure> {
    let session_id = running_here(db, owner, id)?;
    let entries = entry::append(db, &session_id, id, entries)?;
    let (state, error) = match end {
        TurnEnd::Done => (TurnState::Done, None),
        TurnEnd::Failed(error) => (TurnState::Failed, Some(error)),
        TurnEnd::Aborted => (TurnState::Aborted, None),
    };
    db.prepare_cached(
        "UPDATE turns SET state = ?2, error = ?3, finished_at = ?4, input_tokens = ?5, output_tokens = ?6
         WHERE id = ?1",
    )?
    .execute(params![
        id,
        state.as_str(),
        error,
        now_ms(),
        bounded(usage.input_tokens),
        bounded(usage.output_tokens)
    ])?;
    session::touch(db, &session_id)?;
    Ok((by_id(db, id)?, entries))
}

/// Ends a turn that nobody works on any more. One that is over or unknown is left alone.
pub(crate) fn abandon(db: &Transaction<'_>, owner: &Owner, id: &str) -> Result<(), Failure> {
    match finish(
        db,
        owner,
        id,
        Vec::new(),
        TurnEnd::Aborted,
        Usage::default(),
    ) {
        Ok(_) => Ok(()),
        Err(Failure::Refused(_)) => Ok(()),
        Err(failure) => Err(failure),
    }
}

/// Marks the running turns of dead processes as interrupted; says how many there were.
pub(crate) fn recover(db: &Transaction<'_>, owner: &Owner) -> Result<usize, Failure> {
    let owners: Vec<String> = db
        .prepare("SELECT DISTINCT owner FROM turns WHERE state = 'running'")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    owners
        .iter()
        .filter(|id| !owner.is_alive(id))
        .map(|id| interrupt_owner(db, id))
        .sum()
}

/// The turns of a transcript, in order.
pub(crate) fn of_session(db: &Connection, session_id: &str) -> Result<Vec<Turn>, Failure> {
    many(db, "WHERE session_id = ?1 ORDER BY seq", [session_id])
}

/// Interrupted turns that are the last of an open transcript, oldest first.
pub(crate) fn interrupted(db: &Connection) -> Result<Vec<Turn>, Failure> {
    many(
        db,
        "WHERE state = 'interrupted'
           AND session_id IN (SELECT session_id FROM transcripts WHERE closed_at IS NULL)
           AND NOT EXISTS (SELECT 1 FROM turns later WHERE later.session_id = turns.session_id AND later.seq > turns.seq)
         ORDER BY started_at, id",
        [],
    )
}

fn interrupt_owner(db: &Transaction<'_>, owner: &str) -> Result<usize, Failure> {
    let turns = db
        .prepare_cached(
            "UPDATE turns SET state = 'interrupted', finished_at = ?2, error = ?3
             WHERE owner = ?1 AND state = 'running'",
        )?
        .execute(params![owner, now_ms(), CUT_OFF])?;
    Ok(turns)
}

/// The transcript of a turn that runs and is this store's own.
fn running_here(db: &Transaction<'_>, owner: &Owner, id: &str) -> Result<String, Failure> {
    let found = db
        .prepare_cached("SELECT session_id, state, owner FROM turns WHERE id = ?1")?
        .query_row([id], |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, TurnState>(1)?,
                row.get::<_, String>(2)?,
            ))
        })
        .optional()?;
    let turn_id = || id.to_owned();
    match found {
        None => Err(StoreError::NoSuchTurn { turn_id: turn_id() }.into()),
        Some((session_id, TurnState::Running, its_owner)) if its_owner == owner.id() => {
            Ok(session_id)
        }
        Some((_, TurnState::Running, _)) => {
            Err(StoreError::NotYourTurn { turn_id: turn_id() }.into())
        }
        Some((_, state, _)) => Err(StoreError::TurnOver {
            turn_id: turn_id(),
            state,
        }
        .into()),
    }
}

fn by_id(db: &Connection, id: &str) -> Result<Turn, Failure> {
    let turn = db
        .prepare_cached(&format!("{SELECT} WHERE id = ?1"))?
        .query_row([id], read)?;
    Ok(turn)
}

fn many(
    db: &Connection,
    condition: &str,
    params: impl rusqlite::Params,
) -> Result<Vec<Turn>, Failure> {
    let mut select = db.prepare_cached(&format!("{SELECT} {condition}"))?;
    let turns = select.query_map(params, read)?.collect::<Result<_, _>>()?;
    Ok(turns)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Turn> {
    // The database keeps the numbers from being negative.
    let number = |at: usize| row.get::<_, i64>(at).map(i64::unsigned_abs);
    Ok(Turn {
        id: row.get(0)?,
        session_id: row.get(1)?,
        seq: number(2)?,
        state: row.get(3)?,
        started_at: row.get(4)?,
        finished_at: row.get(5)?,
        error: row.get(6)?,
        usage: Usage {
            input_tokens: number(7)?,
            output_tokens: number(8)?,
        },
    })
}

fn bounded(tokens: u64) -> u32 {
    u32::try_from(tokens).unwrap_or(u32::MAX)
}
