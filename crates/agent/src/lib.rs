//! One turn of an agent: the prompt, the model ladder, and the journal of what was said.
//!
//! ```text
//! message ──▶ Agent::turn ──▶ history (from the store) ──▶ prompt ──▶ ladder ──▶ answer (into the store)
//! ```
//!
//! A turn is journaled as it goes: the person's message is on disk before a model is asked, the answer before it is
//! handed back. A turn whose process dies is found and marked by the next one.

mod agent;
mod history;
mod prompt;
mod records;
mod session_key;
mod turn;

pub use agent::{Agent, AgentSettings, ChoiceError};
pub use history::{HistoryError, UnansweredMessage};
pub use prompt::system_prompt;
pub use records::StoredRecords;
pub use session_key::SessionKey;
pub use turn::{TurnError, TurnReport, TurnRequest};
