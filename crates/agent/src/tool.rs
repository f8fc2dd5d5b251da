//! What an agent can do, besides talking.

use std::path::Path;

use async_trait::async_trait;
use moltbot_llm::{Content, Image, Provenance, ToolSpec};
use moltbot_store::Session;
use serde_json::{Map, Value};
use thiserror::Error;

/// The arguments of a call: checked against the tool's schema before the tool sees them.
pub type Arguments = Map<String, Value>;

/// Something that an agent can do.
///
/// A call ends when its future is dropped: whatever it started (a process, a connection) must end with it, unless the
/// tool says that it goes on.
#[async_trait]
pub trait Tool: Send + Sync {
    /// How it is offered to a model. The same at every call. The schema is an object with `properties` and `required`,
    /// each property with a plain `type` (and `description`, `enum`, `items`): what every server takes.
    fn spec(&self) -> ToolSpec;

    /// Other names that models know its parameters by, each with the name in the schema: taken, but not offered.
    fn aliases(&self) -> &[(&str, &str)] {
        &[]
    }

    /// The other program that it comes from, such as the name of an MCP server; `None` for the program's own tools. Where
    /// there are many of other programs, a model is not told of each but searches for them.
    fn source(&self) -> Option<&str> {
        None
    }

    /// What a call would do, before it is done: this is what is decided on.
    fn plan(&self, arguments: &Arguments, scene: &Scene<'_>) -> Plan;

    /// Whether a call may run at the same time as others of the same reply. Those that may not run alone, in order.
    fn is_parallel(&self) -> bool {
        true
    }

    /// Does it.
    ///
    /// # Errors
    /// What the model is told instead of a result.
    async fn call(&self, arguments: Arguments, scene: &Scene<'_>) -> Result<ToolOutput, ToolError>;
}

/// Where a call happens.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// The conversation.
    pub session: &'a Session,
    /// The agent's folder, which relative paths start from. Absolute.
    pub workspace: &'a Path,
    /// The id of the call.
    pub call_id: &'a str,
    /// The plan that was decided on; none while it is being made. A tool whose plan depends on what can change
    /// meanwhile (where a path leads) makes it anew when it is called, and does nothing when it is another one.
    pub decided: Option<&'a Plan>,
}

/// What a call would do, as far as its arguments tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Its kind.
    pub effect: Effect,
    /// What exactly, for the person who is asked: the resolved path, the whole command, the address.
    pub detail: String,
}

impl Plan {
    /// A plan of this kind.
    pub fn new(effect: Effect, detail: impl Into<String>) -> Self {
        Self {
            effect,
            detail: detail.into(),
        }
    }
}

/// The kinds of things that tools do, mildest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// Says something to the person of its own conversation.
    Speaks,
    /// Reads what belongs to the conversation, the workspace or the agent.
    ReadsOwn,
    /// Reads files elsewhere on the machine.
    ReadsPrivate,
    /// Reads from outside: the web, a server of somebody else's.
    ReadsOutside,
    /// Writes in the workspace.
    ChangesWorkspace,
    /// Gives work or words to another conversation or agent of the owner's.
    Delegates,
    /// Sends something to somebody.
    Sends,
    /// Writes elsewhere on the machine.
    ChangesOutside,
    /// Runs a program.
    RunsCode,
    /// Changes what the agent is: configuration, skills, schedules.
    ChangesItself,
}

impl Effect {
    /// What a call of this kind does, to continue "The agent wants to".
    pub fn describe(self) -> &'static str {
        match self {
            Self::Speaks => "say",
            Self::ReadsOwn => "read",
            Self::ReadsPrivate => "read outside its workspace",
            Self::ReadsOutside => "fetch",
            Self::ChangesWorkspace => "write in its workspace",
            Self::Delegates => "hand on work",
            Self::Sends => "send",
            Self::ChangesOutside => "write outside its workspace",
            Self::RunsCode => "run",
            Self::ChangesItself => "change its own set-up",
        }
    }
}

/// What came of a call.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ToolOutput {
    /// What the model is told.
    pub content: Vec<Content>,
    /// Whether it did not work out, though the tool itself did its part: a command that failed, say.
    pub is_error: bool,
}

impl ToolOutput {
    /// A text, and where what it says comes from.
    pub fn text(text: impl Into<String>, from: Provenance) -> Self {
        Self {
            content: vec![Content::text(text, from)],
            is_error: false,
        }
    }

    /// The same with a picture behind it.
    #[must_use]
    pub fn with_image(mut self, image: Image) -> Self {
        self.content.push(Content::Image(image));
        self
    }

    /// The same as something that did not work out.
    #[must_use]
    pub fn failed(mut self) -> Self {
        self.is_error = true;
        self
    }
}

/// Why there is no result. `Display` is what the model is told.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ToolError {
    /// The arguments are not what the tool takes.
    #[error("{0}")]
    Arguments(String),
    /// It was not done.
    #[error("{0}")]
    Failed(String),
}

impl ToolError {
    /// It was not done, for this reason.
    pub fn failed(reason: impl std::fmt::Display) -> Self {
        Self::Failed(reason.to_string())
    }
}

/// Reads checked arguments into a tool's own type.
///
/// # Errors
/// They do not fit, in words for the model.
pub fn read_arguments<T: serde::de::DeserializeOwned>(
    arguments: Arguments,
) -> Result<T, ToolError> {
    serde_json::from_value(Value::Object(arguments))
        .map_err(|error| ToolError::Arguments(format!("The arguments do not fit: {error}.")))
}
