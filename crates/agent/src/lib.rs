//! One turn of an agent: the prompt, the model ladder, the tools, and the journal of what was said and done.
//!
//! ```text
//! message ──▶ Agent::turn ──▶ history (from the store) ──▶ prompt ──▶ ladder ──▶ answer (into the store)
//!                                                             ▲          │
//!                                                             └─ tools ◀─┘ gate
//! ```
//!
//! A turn is journaled as it goes: the person's message is on disk before a model is asked, the answer before it is
//! handed back. A turn whose process dies is found and marked by the next one.

mod agent;
mod arguments;
mod aside;
mod calls;
mod clock;
mod compact;
mod context;
mod draft;
mod flush;
mod gate;
mod history;
mod inbox;
mod limits;
mod progress;
mod prompt;
mod records;
mod repetition;
mod room;
mod run;
mod session_key;
mod tool;
mod toolbox;
mod turn;

pub use agent::{Agent, AgentSettings, ChoiceError};
pub use compact::CompactReport;
pub use context::{ContextSettings, FlushSettings, TooLong};
pub use gate::{Approver, Gate, Question, Verdict};
pub use history::{HistoryError, UnansweredMessage, transcript};
pub use inbox::Inbox;
pub use limits::Limits;
pub use progress::{Progress, ProgressSink};
pub use prompt::system_prompt;
pub use records::StoredRecords;
pub use session_key::SessionKey;
pub use tool::{Arguments, Effect, Plan, Scene, Tool, ToolError, ToolOutput, read_arguments};
pub use toolbox::Toolbox;
pub use turn::{TurnError, TurnReport, TurnRequest};
