//! What goes wrong with an index.

use std::io;
use std::path::PathBuf;

use rusqlite::ErrorCode;
use thiserror::Error;

/// Why notes cannot be searched.
#[derive(Debug, Error)]
pub enum MemoryError {
    /// It is switched off.
    #[error(
        "Memory search is switched off: set agents.defaults.memorySearch.enabled to true (and keep \"memory\" in sources)."
    )]
    Disabled,
    /// The file cannot be made or moved.
    #[error("The memory index {} cannot be prepared: {source}. Check the folder's permissions, or set memorySearch.store.path.", path.display())]
    Prepare {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The file belongs to something else, which is not touched.
    #[error("{} is a database of something else: set memorySearch.store.path to a file of its own.", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// SQLite failed.
    #[error("The memory index {} cannot be used: {source}. It holds nothing but copies: it may be deleted.", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: rusqlite::Error,
    },
    /// The work was stopped with the program.
    #[error("The search was cut off because the program ends.")]
    Ended,
}

impl MemoryError {
    /// Whether the file itself is broken, so that a new one helps.
    pub(crate) fn is_damage(&self) -> bool {
        let Self::Database { source, .. } = self else {
            return false;
        };
        match source {
            rusqlite::Error::SqliteFailure(failure, message) => match failure.code {
                ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => true,
                // A table that somebody took out, or changed.
                ErrorCode::Unknown => message
                    .as_deref()
                    .is_some_and(|text| text.starts_with("no such")),
                _ => false,
            },
            rusqlite::Error::SqlInputError { msg, .. } => msg.starts_with("no such"),
            // A column that holds something else.
            rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..) => true,
            _ => false,
        }
    }
}
