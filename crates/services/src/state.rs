//! How a service stands, for people.

use std::fmt;
use std::time::Duration;

use crate::protocol::{Activity, Standing};

/// How a service stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceState {
    /// It does not run; it is started when it is needed.
    NotRunning,
    /// It loads its model.
    Starting,
    /// It takes requests.
    Ready {
        /// Requests that use it now.
        users: usize,
        /// Time since the last request.
        idle: Duration,
    },
    /// It is being stopped.
    Stopping,
    /// It does not run, because it failed not long ago.
    Failing {
        /// What happened.
        detail: String,
    },
}

impl From<Standing> for ServiceState {
    fn from(standing: Standing) -> Self {
        match (standing.activity, standing.failure) {
            (Activity::Down, Some(detail)) => Self::Failing { detail },
            (Activity::Down, None) => Self::NotRunning,
            (Activity::Starting, _) => Self::Starting,
            (Activity::Ready, _) => Self::Ready {
                users: standing.users,
                idle: Duration::from_millis(standing.idle_ms),
            },
            (Activity::Stopping, _) => Self::Stopping,
        }
    }
}

impl fmt::Display for ServiceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRunning => f.write_str("not running, started when needed"),
            Self::Starting => f.write_str("starting"),
            Self::Ready { users: 0, idle } => match idle.as_secs() / 60 {
                0 => f.write_str("running, idle"),
                minutes => write!(f, "running, idle for {minutes} min"),
            },
            Self::Ready { users: 1, .. } => f.write_str("running, 1 request"),
            Self::Ready { users, .. } => write!(f, "running, {users} requests"),
            Self::Stopping => f.write_str("stopping"),
            Self::Failing { detail } => write!(f, "failing: {detail}"),
        }
    }
}
