//! What the owner is asked about: kept until it is answered or has expired, so that neither a killed process nor a restart
//! loses the question, and any process can bring the answer.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, Row, Transaction, params};

use crate::StoreError;
use crate::database::now_ms;
use crate::error::Failure;

/// How many answered and expired questions are listed.
const LISTED: i64 = 200;

/// A question to the owner about one call, as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// Its id. The first eight characters are what people see.
    pub id: String,
    /// The session in which the call was asked for.
    pub session_key: String,
    /// Its transcript at that time.
    pub session_id: String,
    /// Which call: equal texts are the same call.
    pub call: String,
    /// What is asked, a JSON text kept byte for byte.
    pub question: String,
    /// When it was asked, in milliseconds since the Unix epoch.
    pub asked_at: i64,
    /// Until when it can be answered, and what it allows be done, in milliseconds since the Unix epoch.
    pub expires_at: i64,
    /// What was answered; `None` while nobody has.
    pub answer: Option<ApprovalAnswer>,
    /// Where it was answered.
    pub answered_by: Option<String>,
    /// When it was answered, in milliseconds since the Unix epoch.
    pub answered_at: Option<i64>,
    /// When the call that it allows was begun, in milliseconds since the Unix epoch.
    pub used_at: Option<i64>,
}

impl Approval {
    /// Whether it waits for an answer.
    pub fn is_pending(&self) -> bool {
        self.answer.is_none() && self.expires_at > now_ms()
    }

    /// The id as people see it.
    pub fn short_id(&self) -> &str {
        self.id.get(..8).unwrap_or(&self.id)
    }
}

/// What the owner answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ApprovalAnswer {
    /// This call, once.
    AllowOnce,
    /// This call, and the programs that it runs from now on.
    AllowAlways,
    /// Not this call.
    Deny,
}

impl ApprovalAnswer {
    /// The word for it in the original's files and commands.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AllowOnce => "allow-once",
            Self::AllowAlways => "allow-always",
            Self::Deny => "deny",
        }
    }

    /// Whether the call may be done.
    pub fn allows(self) -> bool {
        self != Self::Deny
    }
}

impl std::fmt::Display for ApprovalAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl ToSql for ApprovalAnswer {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.as_str().into())
    }
}

impl FromSql for ApprovalAnswer {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value.as_str()? {
            "allow-once" => Ok(Self::AllowOnce),
            "allow-always" => Ok(Self::AllowAlways),
            "deny" => Ok(Self::Deny),
            _ => Err(FromSqlError::InvalidType),
        }
    }
}

/// A question to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewApproval {
    /// The session.
    pub session_key: String,
    /// Its transcript.
    pub session_id: String,
    /// Which call: equal texts are the same call.
    pub call: String,
    /// What is asked, a JSON text.
    pub question: String,
    /// How long it can be answered, in milliseconds.
    pub lifetime: i64,
}

const SELECT: &str = "
    SELECT id, session_key, session_id, call, question, asked_at, expires_at, answer, answered_by, answered_at, used_at
    FROM approvals";

/// Keeps a question. Where the same call waits for an answer already, that question is given.
pub(crate) fn ask(db: &Transaction<'_>, id: &str, new: &NewApproval) -> Result<Approval, Failure> {
    let now = now_ms();
    let open = db
        .prepare_cached(&format!(
            "{SELECT} WHERE session_id = ?1 AND call = ?2 AND answer IS NULL AND expires_at > ?3
             ORDER BY asked_at DESC LIMIT 1"
        ))?
        .query_map(params![new.session_id, new.call, now], read)?
        .next()
        .transpose()?;
    if let Some(open) = open {
        return Ok(open);
    }
    db.prepare_cached(
        "INSERT INTO approvals (id, session_key, session_id, call, question, asked_at, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        id,
        new.session_key,
        new.session_id,
        new.call,
        new.question,
        now,
        now.saturating_add(new.lifetime)
    ])?;
    one(db, id)
}

/// Answers a question, once.
pub(crate) fn answer(
    db: &Transaction<'_>,
    id: &str,
    answer: ApprovalAnswer,
    by: &str,
) -> Result<Approval, Failure> {
    let open = one(db, id)?;
    let id = open.short_id().to_owned();
    if let Some(given) = open.answer {
        return Err(StoreError::ApprovalAnswered { id, answer: given }.into());
    }
    if !open.is_pending() {
        return Err(StoreError::ApprovalExpired { id }.into());
    }
    db.prepare_cached(
        "UPDATE approvals SET answer = ?2, answered_by = ?3, answered_at = ?4 WHERE id = ?1",
    )?
    .execute(params![open.id, answer, by, now_ms()])?;
    one(db, &open.id)
}

/// Uses what the owner allowed for this call, if it was not used yet and has not expired. Whether there was such.
pub(crate) fn take(db: &Transaction<'_>, session_id: &str, call: &str) -> Result<bool, Failure> {
    let taken = db
        .prepare_cached(
            "UPDATE approvals SET used_at = ?3 WHERE id = (
                 SELECT id FROM approvals
                 WHERE session_id = ?1 AND call = ?2 AND answer IN ('allow-once', 'allow-always')
                   AND used_at IS NULL AND expires_at > ?3
                 ORDER BY asked_at LIMIT 1)",
        )?
        .execute(params![session_id, call, now_ms()])?;
    Ok(taken > 0)
}

/// The question with this id.
pub(crate) fn one(db: &Connection, id: &str) -> Result<Approval, Failure> {
    let found = db
        .prepare_cached(&format!("{SELECT} WHERE id = ?1"))?
        .query_map([id], read)?
        .next()
        .transpose()?;
    found.ok_or_else(|| StoreError::NoSuchApproval { id: id.to_owned() }.into())
}

/// All questions whose id begins like this, newest first.
pub(crate) fn beginning(db: &Connection, id: &str) -> Result<Vec<Approval>, Failure> {
    all(
        db,
        "WHERE substr(id, 1, length(?1)) = ?1 ORDER BY asked_at DESC, id",
        params![id],
    )
}

/// The questions that wait for an answer, oldest first.
pub(crate) fn pending(db: &Connection) -> Result<Vec<Approval>, Failure> {
    all(
        db,
        "WHERE answer IS NULL AND expires_at > ?1 ORDER BY asked_at, id",
        params![now_ms()],
    )
}

/// The newest questions, answered or not, newest first.
pub(crate) fn newest(db: &Connection) -> Result<Vec<Approval>, Failure> {
    all(db, "ORDER BY asked_at DESC, id LIMIT ?1", params![LISTED])
}

/// The questions of a transcript that wait for an answer, and those of all that allow what was not done yet.
pub(crate) fn open(db: &Connection, session_id: &str) -> Result<Vec<Approval>, Failure> {
    all(
        db,
        "WHERE used_at IS NULL AND expires_at > ?2
           AND ((session_id = ?1 AND answer IS NULL) OR answer IN ('allow-once', 'allow-always'))
         ORDER BY asked_at, id",
        params![session_id, now_ms()],
    )
}

/// Ends the time of a question.
pub(crate) fn expire(db: &Transaction<'_>, id: &str) -> Result<(), Failure> {
    db.prepare_cached("UPDATE approvals SET expires_at = ?2 WHERE id = ?1 AND expires_at > ?2")?
        .execute(params![id, now_ms()])?;
    Ok(())
}

/// What was allowed and done in a transcript, oldest first.
pub(crate) fn used(db: &Connection, session_id: &str) -> Result<Vec<Approval>, Failure> {
    all(
        db,
        "WHERE session_id = ?1 AND used_at IS NOT NULL ORDER BY used_at, id",
        params![session_id],
    )
}

fn all(db: &Connection, which: &str, params: &[&dyn ToSql]) -> Result<Vec<Approval>, Failure> {
    let mut select = db.prepare_cached(&format!("{SELECT} {which}"))?;
    let approvals = select.query_map(params, read)?.collect::<Result<_, _>>()?;
    Ok(approvals)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Approval> {
    Ok(Approval {
        id: row.get(0)?,
        session_key: row.get(1)?,
        session_id: row.get(2)?,
        call: row.get(3)?,
        question: row.get(4)?,
        asked_at: row.get(5)?,
        expires_at: row.get(6)?,
        answer: row.get(7)?,
        answered_by: row.get(8)?,
        answered_at: row.get(9)?,
        used_at: row.get(10)?,
    })
}
