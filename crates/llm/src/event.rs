//! What happens while a model answers.

use crate::failure::Failure;
use crate::reference::ModelRef;

/// A step of a streaming reply, in the order in which it happened. Kept small: one is passed on for every word.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// What the server is busy with before (or between) words. Never part of the answer.
    Phase(Phase),
    /// More of the visible text.
    Text(String),
    /// More of the reasoning.
    Thinking(String),
    /// All [`Event::Text`] of this reply so far turned out to be reasoning (a server whose template opens the thinking
    /// tag in the prompt sends only the closing one). Whoever showed it takes it back.
    TextWasThinking,
    /// The model has begun to call a tool; arguments follow.
    ToolCallStarted {
        /// Position among this reply's calls, from 0.
        index: usize,
        /// The tool's name.
        name: String,
    },
    /// The model failed and the next one is asked. Whatever this reply has shown so far is void.
    NextModel {
        /// What happened.
        failure: Box<Failure>,
        /// The model asked now.
        next: ModelRef,
    },
    /// The same model is asked once more. Whatever this reply has shown so far is void.
    Again {
        /// What happened.
        failure: Box<Failure>,
    },
    /// Something the person should know about how the answer comes about (tools that had to be left out, say): one
    /// sentence. Never part of the answer.
    Notice(String),
    /// More of a tool call's arguments, as JSON text.
    ToolCallArguments {
        /// Position among this reply's calls, from 0.
        index: usize,
        /// The next piece.
        json: String,
    },
}

/// What a server is doing while no words come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Phase {
    /// Waiting for a free slot of the server behind `ahead` other requests.
    Queued {
        /// How many requests go first.
        ahead: usize,
    },
    /// Connecting or waiting for the first byte.
    Waiting,
    /// Loading the model's weights. `fraction` (0 to 1) where the server says so.
    Loading {
        /// How far, 0 to 1.
        fraction: Option<f32>,
    },
    /// Reading the prompt.
    Prefill {
        /// Prompt tokens read so far, cached ones included.
        processed: u64,
        /// All tokens of the prompt.
        total: u64,
    },
}
