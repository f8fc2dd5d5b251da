//! Why a service is not there for a request.

use std::path::PathBuf;
use std::time::Duration;

use moltbot_llm::{Failure, FailureClass, Model};
use thiserror::Error;

/// Why a service cannot be used. The text completes "the server cannot be reached (…)".
#[derive(Debug, Error)]
pub enum ServiceError {
    /// It did not start, or ended again; the keeper's words.
    #[error("{detail}")]
    NotReady {
        /// What happened, with the last line of the server's output.
        detail: String,
        /// When the next start will be tried.
        retry_after: Duration,
    },
    /// Nobody waits for this request, and the service does not run.
    #[error(
        "its service is not running, and work in the background does not start it; set models.providers.{provider}.service.background to true to allow that"
    )]
    Background {
        /// The provider's id.
        provider: String,
    },
    /// The process that keeps it cannot be started.
    #[error("its service cannot be kept: {detail}")]
    Keeper {
        /// What happened.
        detail: String,
    },
    /// The state directory's path leaves no room for a socket's name.
    #[error(
        "its service needs the socket {}, a path of more than {limit} bytes; set MOLTBOT_STATE_DIR to a shorter one",
        .path.display()
    )]
    PathTooLong {
        /// The socket.
        path: PathBuf,
        /// The most bytes that a path may have here.
        limit: usize,
    },
}

impl ServiceError {
    /// The failure of a request to `model`.
    pub(crate) fn into_failure(self, model: &Model) -> Failure {
        let class = match self {
            Self::Background { .. } => FailureClass::ModelUnavailable,
            _ => FailureClass::Unreachable,
        };
        let retry_after = match self {
            Self::NotReady { retry_after, .. } if !retry_after.is_zero() => Some(retry_after),
            _ => None,
        };
        Failure {
            retry_after,
            ..Failure::new(class, model, self.to_string())
        }
    }
}
