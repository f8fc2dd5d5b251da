//! What can go wrong, each as one sentence for the person.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use crate::{ApprovalAnswer, TurnState};

/// Why the store could not do what it was asked. The message of each says what happened, to which
/// file or key, and what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file, its folder or the owner files beside it could not be created or locked.
    #[error(
        "Could not prepare the database {}: {source}; check that its folder exists and that you may write there.",
        path.display()
    )]
    Prepare {
        /// The database.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The path cannot be opened as a file.
    #[error(
        "Could not open the database {}; check that it is a file and that you may read and write it.",
        path.display()
    )]
    CannotOpen {
        /// The database.
        path: PathBuf,
    },
    /// The file can be read but not written.
    #[error(
        "The database {} is read-only; give yourself write permission on the file and its folder.",
        path.display()
    )]
    ReadOnly {
        /// The database.
        path: PathBuf,
    },
    /// There is no room left. Nothing of the refused call was kept, everything before it was.
    #[error("The disk that holds {} is full; free some space and try again.", path.display())]
    DiskFull {
        /// The database.
        path: PathBuf,
    },
    /// The file is damaged.
    #[error(
        "The database {} is damaged ({detail}); restore it from a backup, or move it and its -wal and -shm files \
         aside to start with an empty one.",
        path.display()
    )]
    Corrupt {
        /// The database.
        path: PathBuf,
        /// What does not fit.
        detail: String,
    },
    /// The file is something else than an SQLite database.
    #[error(
        "{} is not a database; move it aside and a new one will be created in its place.",
        path.display()
    )]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// The file is an SQLite database, but another program's.
    #[error(
        "The database {} belongs to another program; move it aside, or choose another path.",
        path.display()
    )]
    NotOurs {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by a newer program than this one. It was left as it is.
    #[error(
        "The database {} has version {found}, and this moltbot knows versions up to {known}; update moltbot, or \
         restore the file from before the update.",
        path.display()
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// The version of the file.
        found: i64,
        /// The newest version this program knows.
        known: i64,
    },
    /// The file lies where several processes cannot share it.
    #[error(
        "The database {} lies on a file system that cannot share it between processes; move it to a local disk.",
        path.display()
    )]
    NoSharing {
        /// The database.
        path: PathBuf,
    },
    /// Another process kept the file locked for as long as we were willing to wait. Nothing was
    /// changed.
    #[error(
        "Another program keeps the database {} locked; close it (another moltbot, or a database browser) and try \
         again.",
        path.display()
    )]
    Busy {
        /// The database.
        path: PathBuf,
    },
    /// SQLite failed in another way.
    #[error(
        "The database {} could not be used: {source}; check the disk, then try again.",
        path.display()
    )]
    Sqlite {
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The thread that owns the file has ended, which only a fault of this program can bring about.
    #[error(
        "The store of {} has stopped after an internal fault; restart moltbot, nothing committed is lost.",
        path.display()
    )]
    Stopped {
        /// The database.
        path: PathBuf,
    },
    /// No session has this key, or no transcript this id.
    #[error("There is no session {session:?}; list the sessions to see which there are.")]
    NoSuchSession {
        /// The key or the id that was asked for.
        session: String,
    },
    /// The session was reset: this transcript can be read but not continued.
    #[error("Session {key:?} was reset since; open it again to go on in its new transcript.")]
    SessionReset {
        /// The session's key.
        key: String,
        /// The id of the closed transcript.
        session_id: String,
    },
    /// Another turn runs on this session, in a live process.
    #[error(
        "Session {key:?} is busy with another message; wait until it is answered, or stop it there."
    )]
    SessionBusy {
        /// The session's key.
        key: String,
        /// The turn that runs.
        turn_id: String,
    },
    /// No turn has this id.
    #[error("There is no turn {turn_id:?}; begin one first.")]
    NoSuchTurn {
        /// The id that was asked for.
        turn_id: String,
    },
    /// The turn is over: nothing can be added to it.
    #[error("Turn {turn_id:?} is over ({state}) and takes nothing more; begin a new one.")]
    TurnOver {
        /// The turn.
        turn_id: String,
        /// How it ended.
        state: TurnState,
    },
    /// The turn runs in another live process (or another [`Store`](crate::Store) of this one).
    #[error("Turn {turn_id:?} runs in another process; only that one can continue it.")]
    NotYourTurn {
        /// The turn.
        turn_id: String,
    },
    /// No question to the owner has this id.
    #[error("There is no question {id:?}; `moltbot approvals list` shows which there are.")]
    NoSuchApproval {
        /// The id that was asked for.
        id: String,
    },
    /// The question was answered before.
    #[error("{id} was answered before: {answer}.")]
    ApprovalAnswered {
        /// The question.
        id: String,
        /// What was answered.
        answer: ApprovalAnswer,
    },
    /// The question is too old to be answered.
    #[error("{id} has expired; have the agent asked again.")]
    ApprovalExpired {
        /// The question.
        id: String,
    },
    /// The body of an entry is not JSON. Nothing of the call was kept.
    #[error(
        "An entry of kind {kind:?} was not stored, its body is not JSON: {source}; report this as a fault."
    )]
    BodyNotJson {
        /// The entry's kind.
        kind: String,
        /// Where the JSON ends to be JSON.
        source: serde_json::Error,
    },
}

/// Why a piece of work on the database failed, before the file's name is added.
#[derive(Debug)]
pub(crate) enum Failure {
    /// SQLite, or a stored value, is at fault.
    Sqlite(rusqlite::Error),
    /// The request itself cannot be met.
    Refused(StoreError),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

impl Failure {
    /// The error for the person, with the file named.
    pub(crate) fn at(self, path: &Path) -> StoreError {
        match self {
            Self::Refused(error) => error,
            Self::Sqlite(source) => describe(source, path.to_owned()),
        }
    }

    /// Whether another connection stood in the way, so that a second try makes sense.
    pub(crate) fn is_busy(&self) -> bool {
        matches!(self, Self::Sqlite(error) if is_busy(error))
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}

fn describe(source: rusqlite::Error, path: PathBuf) -> StoreError {
    use rusqlite::Error as E;
    match source.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy { path },
        Some(ErrorCode::DiskFull) => StoreError::DiskFull { path },
        Some(ErrorCode::ReadOnly) => StoreError::ReadOnly { path },
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            StoreError::CannotOpen { path }
        }
        Some(ErrorCode::NotADatabase) => StoreError::NotADatabase { path },
        Some(ErrorCode::DatabaseCorrupt) => StoreError::Corrupt {
            path,
            detail: "its pages do not fit together".to_owned(),
        },
        _ => match &source {
            // A value that the program would never have written.
            E::FromSqlConversionFailure(..)
            | E::InvalidColumnType(..)
            | E::IntegralValueOutOfRange(..)
            | E::Utf8Error(..) => StoreError::Corrupt {
                path,
                detail: source.to_string(),
            },
            _ => StoreError::Sqlite { path, source },
        },
    }
}
