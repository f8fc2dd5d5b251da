//! Work that a conversation gave to a sub-agent: kept until the conversation has been told what came of it, so that neither
//! a killed process nor a restart loses it.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ValueRef};
use rusqlite::{Connection, Row, Transaction, params};

use crate::database::now_ms;
use crate::error::Failure;
use crate::owner::Owner;

/// A piece of work of a sub-agent, as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubagentRun {
    /// The caller's own id for it.
    pub id: String,
    /// The session that gave the work.
    pub requester_key: String,
    /// The session that does it.
    pub child_key: String,
    /// How it stands.
    pub state: RunState,
    /// What was asked, a JSON text kept byte for byte.
    pub task: String,
    /// What came of it, a JSON text; only where it has [`RunState::Ended`].
    pub outcome: Option<String>,
    /// When it was given, in milliseconds since the Unix epoch.
    pub started_at: i64,
    /// When it ended, in milliseconds since the Unix epoch; `None` while it runs.
    pub ended_at: Option<i64>,
    /// When the session that gave it was told, in milliseconds since the Unix epoch.
    pub announced_at: Option<i64>,
}

/// How a piece of work stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RunState {
    /// A live process works on it (or a dead one's has not been noticed yet).
    Running,
    /// It came to its end, whatever that was.
    Ended,
    /// Its process ended before it did.
    Interrupted,
}

impl FromSql for RunState {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value.as_str()? {
            "running" => Ok(Self::Running),
            "ended" => Ok(Self::Ended),
            "interrupted" => Ok(Self::Interrupted),
            _ => Err(FromSqlError::InvalidType),
        }
    }
}

const SELECT: &str = "
    SELECT id, requester_key, child_key, state, task, outcome, started_at, ended_at, announced_at, owner
    FROM subagent_runs";

/// Notes that work was given.
pub(crate) fn begin(
    db: &Transaction<'_>,
    owner: &Owner,
    id: &str,
    requester_key: &str,
    child_key: &str,
    task: &str,
) -> Result<(), Failure> {
    db.prepare_cached(
        "INSERT INTO subagent_runs (id, requester_key, child_key, owner, state, task, started_at)
         VALUES (?1, ?2, ?3, ?4, 'running', ?5, ?6)",
    )?
    .execute(params![
        id,
        requester_key,
        child_key,
        owner.id(),
        task,
        now_ms()
    ])?;
    Ok(())
}

/// Notes what came of it. Work that is another process's, or over, is left alone.
pub(crate) fn end(
    db: &Transaction<'_>,
    owner: &Owner,
    id: &str,
    outcome: &str,
) -> Result<(), Failure> {
    db.prepare_cached(
        "UPDATE subagent_runs SET state = 'ended', outcome = ?3, ended_at = ?4
         WHERE id = ?1 AND owner = ?2 AND state = 'running'",
    )?
    .execute(params![id, owner.id(), outcome, now_ms()])?;
    Ok(())
}

/// Notes that the session that gave it has been told.
pub(crate) fn announced(db: &Transaction<'_>, id: &str) -> Result<(), Failure> {
    db.prepare_cached(
        "UPDATE subagent_runs SET announced_at = ?2 WHERE id = ?1 AND announced_at IS NULL",
    )?
    .execute(params![id, now_ms()])?;
    Ok(())
}

/// Takes over what dead processes left of a session's work: what still ran counts as interrupted. Gives what the session has
/// not been told of, oldest first; whoever calls this tells it, nobody else will.
pub(crate) fn adopt(
    db: &Transaction<'_>,
    owner: &Owner,
    requester_key: &str,
) -> Result<Vec<SubagentRun>, Failure> {
    let open: Vec<(SubagentRun, String)> = db
        .prepare_cached(&format!(
            "{SELECT} WHERE requester_key = ?1 AND announced_at IS NULL ORDER BY started_at, id"
        ))?
        .query_map([requester_key], |row| {
            Ok((read(row)?, row.get::<_, String>(9)?))
        })?
        .collect::<Result<_, _>>()?;
    let mut adopted = Vec::new();
    for (mut run, its_owner) in open {
        if owner.is_alive(&its_owner) {
            continue;
        }
        if run.state == RunState::Running {
            run.state = RunState::Interrupted;
            run.ended_at = Some(now_ms());
        }
        let state = match run.state {
            RunState::Ended => "ended",
            RunState::Running | RunState::Interrupted => "interrupted",
        };
        db.prepare_cached(
            "UPDATE subagent_runs SET owner = ?2, state = ?3, ended_at = ?4 WHERE id = ?1",
        )?
        .execute(params![run.id, owner.id(), state, run.ended_at])?;
        adopted.push(run);
    }
    Ok(adopted)
}

/// All work that a session gave, oldest first.
pub(crate) fn of_requester(
    db: &Connection,
    requester_key: &str,
) -> Result<Vec<SubagentRun>, Failure> {
    let mut select = db.prepare_cached(&format!(
        "{SELECT} WHERE requester_key = ?1 ORDER BY started_at, id"
    ))?;
    let runs = select
        .query_map([requester_key], read)?
        .collect::<Result<_, _>>()?;
    Ok(runs)
}

/// Puts away the sessions of work that ended before this time and was told of. Says how many.
pub(crate) fn archive(db: &Transaction<'_>, ended_before: i64) -> Result<usize, Failure> {
    let archived = db
        .prepare_cached(
            "UPDATE sessions SET archived_at = ?2
             WHERE archived_at IS NULL
               AND key IN (SELECT child_key FROM subagent_runs
                           WHERE ended_at < ?1 AND announced_at IS NOT NULL)",
        )?
        .execute(params![ended_before, now_ms()])?;
    Ok(archived)
}

/// Puts one session away.
pub(crate) fn archive_session(db: &Transaction<'_>, key: &str) -> Result<(), Failure> {
    db.prepare_cached(
        "UPDATE sessions SET archived_at = ?2 WHERE key = ?1 AND archived_at IS NULL",
    )?
    .execute(params![key, now_ms()])?;
    Ok(())
}

fn read(row: &Row<'_>) -> rusqlite::Result<SubagentRun> {
    Ok(SubagentRun {
        id: row.get(0)?,
        requester_key: row.get(1)?,
        child_key: row.get(2)?,
        state: row.get(3)?,
        task: row.get(4)?,
        outcome: row.get(5)?,
        started_at: row.get(6)?,
        ended_at: row.get(7)?,
        announced_at: row.get(8)?,
    })
}
