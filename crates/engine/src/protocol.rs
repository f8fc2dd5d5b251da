//! What the gateway and its engine worker say to each other: one JSON object a line.

use std::path::PathBuf;

use moltbot_llm::{TextKind, ToolChoice};
use serde::{Deserialize, Serialize};

use crate::template::Conversation;

/// A request to the worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToWorker {
    /// Load a model; it replaces the one loaded before. Answered by [`FromWorker::Loading`]s and then
    /// [`FromWorker::Loaded`] or [`FromWorker::Error`].
    Load(Load),
    /// Answer a conversation with the loaded model. Answered by [`FromWorker::Prefill`]s and [`FromWorker::Text`]s and
    /// then [`FromWorker::Done`] or [`FromWorker::Error`].
    Generate(Box<Generate>),
    /// Load a model that makes vectors of texts, in place of any model loaded before. Answered like [`Self::Load`], with
    /// [`FromWorker::EmbedderLoaded`].
    LoadEmbedder(LoadEmbedder),
    /// Make vectors with the loaded embedder. Answered by [`FromWorker::Vectors`] or [`FromWorker::Error`].
    Embed(Embed),
    /// Stop the generation of this id and every one before it. A stopped generation ends with [`FromWorker::Done`].
    Cancel {
        /// The generation's id.
        id: u64,
    },
}

/// Which model to load, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    /// The GGUF file.
    pub path: PathBuf,
    /// Most tokens of context; the model's own limit is kept where it is lower.
    pub context: u32,
    /// Threads to compute with; `None` is one for each physical core.
    pub threads: Option<u32>,
}

/// Which model to load for making vectors, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadEmbedder {
    /// The GGUF file.
    pub path: PathBuf,
    /// Threads to compute with; `None` is one for each physical core.
    pub threads: Option<u32>,
}

/// Texts to make vectors of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Embed {
    /// Names this request; each is greater than the one before.
    pub id: u64,
    /// The texts.
    pub texts: Vec<String>,
    /// What they are to the search.
    pub kind: TextKind,
}

/// One answer to generate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Generate {
    /// Names this generation; each is greater than the one before.
    pub id: u64,
    /// What was said so far.
    pub conversation: Conversation,
    /// Whether and which of the conversation's tools must be called.
    #[serde(default)]
    pub tool_choice: ToolChoice,
    /// How to answer.
    pub options: GenerateOptions,
}

/// How an answer is generated.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct GenerateOptions {
    /// Sampling temperature; 0 takes the likeliest token each time, `None` is [`GenerateOptions::DEFAULT_TEMPERATURE`].
    pub temperature: Option<f64>,
    /// Most tokens to generate; `None` is as many as fit the context.
    pub max_tokens: Option<u64>,
    /// Makes sampling repeatable; `None` is a new seed each time.
    pub seed: Option<u32>,
}

impl GenerateOptions {
    /// The temperature of an answer where nobody set one: lively, and not yet careless with small models.
    pub const DEFAULT_TEMPERATURE: f64 = 0.7;
}

/// A report of the worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromWorker {
    /// The weights are being loaded.
    Loading {
        /// How far, 0 to 1.
        fraction: f32,
    },
    /// The model is ready.
    Loaded(LoadedModelInfo),
    /// The model that makes vectors is ready.
    EmbedderLoaded(LoadedEmbedderInfo),
    /// The vector of each text, in the order of the texts: of length 1, all of one dimension.
    Vectors {
        /// The request's id.
        id: u64,
        /// The vectors.
        vectors: Vec<Vec<f32>>,
        /// How many texts were longer than the model's window and were cut.
        cut: usize,
    },
    /// The prompt is being read.
    Prefill {
        /// The generation's id.
        id: u64,
        /// Tokens read so far, those kept from the turn before included.
        processed: u64,
        /// All tokens of the prompt.
        total: u64,
    },
    /// A grammar holds the answer that follows: what reads like a call in it is one.
    Constrained {
        /// The generation's id.
        id: u64,
        /// What begins the line of calls that follow words; `None` where calls stand alone.
        marker: Option<String>,
    },
    /// More of the answer, as the model wrote it: reasoning tags and the like are still in it.
    Text {
        /// The generation's id.
        id: u64,
        /// The piece.
        text: String,
    },
    /// The answer has ended.
    Done {
        /// The generation's id.
        id: u64,
        /// Tokens and times.
        counts: Counts,
        /// Why it ended.
        stop: Stop,
    },
    /// The request failed; the worker goes on.
    Error(WorkerError),
}

/// What is known about a loaded model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadedModelInfo {
    /// The model's name in its file.
    pub name: Option<String>,
    /// Its architecture, such as `llama`.
    pub architecture: Option<String>,
    /// Tokens of context in use.
    pub context: u32,
    /// Tokens of context that it was trained for.
    pub trained_context: u32,
    /// Whether its chat template shows the model tools. Where it does not, the system prompt does.
    pub takes_tools: bool,
}

/// What is known about a model that makes vectors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadedEmbedderInfo {
    /// The model's name in its file.
    pub name: Option<String>,
    /// Its architecture, such as `bert`.
    pub architecture: Option<String>,
    /// Tokens of a text that it takes at most.
    pub window: u32,
    /// Numbers in a vector.
    pub dimensions: u32,
    /// How the vectors of a text's tokens become one: `mean`, `cls` or `last`.
    pub pooling: String,
    /// What is put before a query.
    pub query_prefix: String,
    /// What is put before a document.
    pub document_prefix: String,
}

/// Tokens and times of one answer. The whole prompt is `reused + prefilled`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Prompt tokens kept from the turn before.
    pub reused: u64,
    /// Prompt tokens read anew.
    pub prefilled: u64,
    /// Tokens generated.
    pub generated: u64,
    /// Milliseconds spent reading the prompt.
    pub prefill_ms: u64,
    /// Milliseconds spent generating.
    pub generate_ms: u64,
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// The model ended its turn.
    EndOfTurn,
    /// The most tokens asked for, or the end of the context, were reached.
    Length,
    /// It was cancelled.
    Cancelled,
}

/// A request that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerError {
    /// The generation's id; `None` for a failed load or a line that could not be read.
    pub id: Option<u64>,
    /// The kind.
    pub kind: ErrorKind,
    /// One sentence for the person.
    pub message: String,
    /// Tokens of the prompt, where they were too many.
    pub prompt_tokens: Option<u64>,
    /// Tokens of the context, where the prompt did not fit.
    pub context: Option<u64>,
}

/// The kind of a [`WorkerError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The model could not be loaded.
    Load,
    /// The prompt does not fit the context.
    ContextOverflow,
    /// The chat template refuses the conversation.
    Template,
    /// llama.cpp failed.
    Inference,
    /// The request made no sense.
    BadRequest,
}
