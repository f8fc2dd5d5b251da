//! What an agent can do, besides talking.

use std::path::Path;

use async_trait::async_trait;
use moltbot_guard::{Item, Label, Plan};
use moltbot_llm::{Answer, Content, Image, Provenance, ToolSpec, Usage};
use moltbot_store::Session;
use serde_json::{Map, Value};
use thiserror::Error;

use crate::sandbox::Sandboxed;

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

    /// Whose words its name, its description and its schema are. Where they are nobody's whom the owner trusts, a
    /// conversation that is told of it has read text from outside.
    fn words(&self) -> Provenance {
        Provenance::Program
    }

    /// What a call would do, before it is done: this is what is decided on.
    fn plan(&self, arguments: &Arguments, scene: &Scene<'_>) -> Plan;

    /// What of a result its source vouches for, field by field: the addresses that a search engine found, the id of what
    /// was made. Never what somebody else wrote into it. What is told here can be named by later calls unasked.
    fn found(&self, _arguments: &Arguments, _result: &[Content]) -> Vec<Item> {
        Vec::new()
    }

    /// Another tool that a call is done with: the owner's rules about that one hold for the call too. What it would do
    /// there is what [`Tool::plan`] says.
    fn through(&self, _arguments: &Arguments) -> Option<String> {
        None
    }

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
    /// The folder that relative paths start from: the agent's, or that of the sandbox. Absolute.
    pub workspace: &'a Path,
    /// What the conversation is confined to. Where there is one, a tool reaches nothing else.
    pub sandbox: Option<&'a Sandboxed>,
    /// The id of the call.
    pub call_id: &'a str,
    /// What the conversation had read when the call was asked for.
    pub label: Label,
    /// The plan that was decided on; none while it is being made. A tool whose plan depends on what can change
    /// meanwhile (where a path leads) makes it anew when it is called, and does nothing when it is another one.
    pub decided: Option<&'a Plan>,
}

/// What came of a call.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ToolOutput {
    /// What the model is told.
    pub content: Vec<Content>,
    /// Whether it did not work out, though the tool itself did its part: a command that failed, say.
    pub is_error: bool,
    /// What was spent on models that the tool asked.
    pub spent: ModelSpending,
}

/// What was spent on models beside those of the conversation itself.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ModelSpending {
    /// Tokens.
    pub usage: Usage,
    /// By the catalog's prices, in US dollars; 0 where none is known.
    pub cost: f64,
}

impl ModelSpending {
    /// Adds what an answer took.
    pub fn add(&mut self, answer: &Answer) {
        self.usage += answer.reply.message.usage;
        self.cost += answer.cost;
    }
}

impl ToolOutput {
    /// A text, and where what it says comes from.
    pub fn text(text: impl Into<String>, from: Provenance) -> Self {
        Self {
            content: vec![Content::text(text, from)],
            ..Self::default()
        }
    }

    /// The same with a picture behind it.
    #[must_use]
    pub fn with_image(mut self, image: Image) -> Self {
        self.content.push(Content::Image(image));
        self
    }

    /// The same, after models were asked for it.
    #[must_use]
    pub fn spending(mut self, spent: ModelSpending) -> Self {
        self.spent = spent;
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
