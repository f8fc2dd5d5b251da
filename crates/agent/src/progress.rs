//! What happens while a turn is taken.

use std::time::Duration;

use moltbot_llm::Event;

/// A step of a turn, in the order in which it happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// Something of the model's reply, or of how it comes about.
    Model(Event),
    /// A tool is at work.
    ToolStarted {
        /// The id of the call.
        id: String,
        /// The tool.
        name: String,
        /// What it does, on one line.
        detail: String,
    },
    /// A tool is done.
    ToolEnded {
        /// The id of the call.
        id: String,
        /// The tool.
        name: String,
        /// Why it was not done, or that it did not work out; `None` where it did.
        error: Option<String>,
        /// How long it took, without the time that a person took to allow it.
        took: Duration,
    },
    /// The model's next reply follows: text shown before belongs to the step that is over.
    NextStep,
    /// A message that the person sent meanwhile has been taken up.
    Steered(String),
    /// The conversation is too long for what comes next, and is being shortened.
    Compacting,
    /// It has been shortened. Does not follow where nothing made it shorter.
    Compacted {
        /// Tokens of its prompt before.
        before: u64,
        /// About so many after.
        after: u64,
    },
}

/// Takes what happens.
pub type ProgressSink<'a> = &'a mut (dyn FnMut(Progress) + Send);
