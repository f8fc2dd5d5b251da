//! What must not be lost: one SQLite file with sessions, turns and transcripts.
//!
//! - A [`Session`] is a conversation, found by its key (`agent:main:main`).
//! - Its transcript is a list of [`Entry`] values, only ever appended to. A reset closes the
//!   transcript and opens another under the same key.
//! - A [`Turn`] is one request and everything done to answer it. A session has one running turn at a
//!   time.
//! - A [`SubagentRun`] is work that a session gave to a sub-agent, until it was told what came of it.
//! - An [`Approval`] is a question to the owner about one call, and the answer.
//! - A [`Record`] is something learned that may be forgotten: facts about a server, a cooldown.
//!
//! [`Store`] is the handle to all of it. Every call is one transaction, on disk when the call
//! returns (WAL with `synchronous=FULL`). Several processes may have the same file open: each holds
//! a lock on a file of its own beside the database, so a turn whose process was killed is told from
//! one that still runs, and becomes [`TurnState::Interrupted`].
//!
//! The crate knows nothing of models: the body of an entry is a JSON text that it keeps as it came.

mod approval;
mod database;
mod entry;
mod error;
mod migrations;
mod owner;
mod record;
mod session;
mod store;
mod subagent_run;
mod turn;
mod writer;

pub use approval::{Approval, ApprovalAnswer, NewApproval};
pub use entry::{Entry, NewEntry};
pub use error::StoreError;
pub use record::Record;
pub use session::{Session, SessionPatch};
pub use store::Store;
pub use subagent_run::{RunState, SubagentRun};
pub use turn::{Turn, TurnEnd, TurnState, Usage};
