//! Embeddings: what a text means, as numbers that can be compared.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use thiserror::Error;

use crate::credentials::redact;
use crate::endpoint::Endpoint;
use crate::failure::error_message;
use crate::lookup::{Lookup, LookupError};
use crate::model::{Api, is_local_address};
use crate::places::{LOCAL, Places};

/// Texts in one request. Small servers refuse long lists; more than this saves nothing.
const BATCH: usize = 32;

/// How long one request may take: a server that has to load its model first is waited for.
const LIMIT: Duration = Duration::from_secs(30);

/// A server's own words are shown up to this many characters.
const REASON_LIMIT: usize = 200;

/// What a text is to a search: many models want to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextKind {
    /// What is looked for.
    Query,
    /// What is looked through.
    Document,
}

/// Turns texts into vectors, near to each other where they mean the same.
#[async_trait]
pub trait Embedder: Send + Sync {
    /// Who computes them, as the configuration calls it: `openai`.
    fn provider(&self) -> &str;

    /// The model's name.
    fn model(&self) -> &str;

    /// A name for all whose vectors can be compared with each other. Holds no secret.
    fn id(&self) -> String;

    /// Whether texts of a conversation that is bound to these places may be sent to it.
    fn is_within(&self, places: &Places) -> bool;

    /// How many texts it takes in a time that somebody waits for.
    fn batch(&self) -> usize {
        BATCH
    }

    /// The vector of each text, in the order of the texts: all of one length, all numbers finite.
    ///
    /// # Errors
    /// There are none, and why.
    async fn embed(
        &self,
        texts: &[String],
        kind: TextKind,
    ) -> Result<Vec<Vec<f32>>, EmbeddingError>;
}

/// Why there are no embeddings.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EmbeddingError {
    /// A header of the configuration is not fit for HTTP.
    #[error(
        "The header {0} of memorySearch.remote.headers (or the key) cannot be sent: take line breaks out of it."
    )]
    Header(String),
    /// Nobody answered.
    #[error("The embeddings server {server} cannot be reached: {reason}.")]
    Unreachable {
        /// Its URL.
        server: String,
        /// The cause, in the operating system's words.
        reason: String,
    },
    /// It took too long.
    #[error("The embeddings server {server} gave no answer within {} s.", LIMIT.as_secs())]
    TimedOut {
        /// Its URL.
        server: String,
    },
    /// It answered with an error.
    #[error("The embeddings server {server} refused (HTTP {status}): {reason}")]
    Refused {
        /// Its URL.
        server: String,
        /// The HTTP status.
        status: u16,
        /// Its words.
        reason: String,
    },
    /// What it sent are no embeddings.
    #[error(
        "The embeddings server {server} sent something else: {reason}. Does it serve /v1/embeddings?"
    )]
    NoVectors {
        /// Its URL.
        server: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A model on this machine failed.
    #[error("The embedding model {model} on this machine gave no vectors: {reason}.")]
    Engine {
        /// Its name.
        model: String,
        /// Why, without a full stop.
        reason: String,
    },
}

/// A server that speaks OpenAI's `/v1/embeddings`, as nearly all do.
pub struct EmbeddingServer {
    url: String,
    model: String,
    key: Option<String>,
    is_local: bool,
    is_openai: bool,
    lookup: Lookup,
}

impl EmbeddingServer {
    /// The base URL of OpenAI itself.
    pub const OPENAI: &'static str = "https://api.openai.com/v1";

    /// The model asked for where none is configured.
    pub const DEFAULT_MODEL: &'static str = "text-embedding-3-small";

    /// The server at this base URL (written bare, with `/v1` or with the whole path). `key` and `headers` go to it and to
    /// no other. Nothing is sent yet.
    ///
    /// # Errors
    /// A header cannot be sent.
    pub fn new(
        base_url: &str,
        model: &str,
        key: Option<&str>,
        headers: &BTreeMap<String, String>,
    ) -> Result<Self, EmbeddingError> {
        let endpoint = Endpoint::from_base(base_url, Api::OpenAiCompletions);
        Ok(Self {
            url: endpoint.embeddings_url(),
            model: model.to_owned(),
            key: key.map(str::to_owned),
            is_local: is_local_address(base_url.trim()),
            is_openai: endpoint.is_openai(),
            lookup: Lookup::with_headers(signed(key, headers)?, base_url, LIMIT),
        })
    }

    fn server(&self) -> String {
        Endpoint::shown(&self.url)
    }

    async fn batch(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbeddingError> {
        let body = json!({"model": self.model, "input": texts});
        let answer = self.lookup.post(&self.url, &body).await;
        let answer = answer.map_err(|error| match error {
            LookupError::TimedOut => EmbeddingError::TimedOut {
                server: self.server(),
            },
            LookupError::Unreachable(reason) => EmbeddingError::Unreachable {
                server: self.server(),
                reason,
            },
        })?;
        let Some(json) = answer.json() else {
            return Err(EmbeddingError::Refused {
                server: self.server(),
                status: answer.status,
                reason: self.reason(&answer.body),
            });
        };
        read_vectors(json, texts.len()).map_err(|reason| EmbeddingError::NoVectors {
            server: self.server(),
            reason,
        })
    }

    /// A server's words, on one line, without the key that some repeat.
    fn reason(&self, body: &str) -> String {
        let text = serde_json::from_str(body)
            .ok()
            .and_then(|json: Value| error_message(&json))
            .unwrap_or_else(|| body.to_owned());
        let text = match &self.key {
            Some(key) if !key.is_empty() => text.replace(key.as_str(), &redact(key)),
            _ => text,
        };
        let line: Vec<&str> = text.split_whitespace().collect();
        let line = line.join(" ");
        match line.char_indices().nth(REASON_LIMIT) {
            Some((end, _)) => format!("{}…", &line[..end]),
            None if line.is_empty() => "without a word.".to_owned(),
            None => line,
        }
    }
}

#[async_trait]
impl Embedder for EmbeddingServer {
    fn provider(&self) -> &str {
        "openai"
    }

    fn model(&self) -> &str {
        &self.model
    }

    fn id(&self) -> String {
        format!("{} {}", self.server(), self.model)
    }

    fn is_within(&self, places: &Places) -> bool {
        places.admit_place(
            self.is_local.then_some(LOCAL),
            self.is_openai.then_some("openai"),
        )
    }

    /// `/v1/embeddings` has no place for the kind of a text.
    async fn embed(
        &self,
        texts: &[String],
        _kind: TextKind,
    ) -> Result<Vec<Vec<f32>>, EmbeddingError> {
        let mut vectors: Vec<Vec<f32>> = Vec::with_capacity(texts.len());
        for batch in texts.chunks(BATCH) {
            vectors.extend(self.batch(batch).await?);
        }
        let length = vectors.first().map_or(0, Vec::len);
        if vectors.iter().any(|vector| vector.len() != length) {
            return Err(EmbeddingError::NoVectors {
                server: self.server(),
                reason: "its vectors differ in length",
            });
        }
        Ok(vectors)
    }
}

fn signed(
    key: Option<&str>,
    others: &BTreeMap<String, String>,
) -> Result<HeaderMap, EmbeddingError> {
    let bad = |name: &str| EmbeddingError::Header(name.to_owned());
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(key) = key {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", key.trim()))
            .map_err(|_| bad("authorization"))?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    for (name, value) in others {
        let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad(name))?;
        let mut value = HeaderValue::from_str(value).map_err(|_| bad(name))?;
        value.set_sensitive(true);
        headers.insert(header, value);
    }
    Ok(headers)
}

#[derive(Deserialize)]
struct Vectors {
    data: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    /// Left out by servers that keep the order.
    index: Option<usize>,
    embedding: Vec<f32>,
}

fn read_vectors(json: Value, count: usize) -> Result<Vec<Vec<f32>>, &'static str> {
    let Vectors { data } =
        serde_json::from_value(json).map_err(|_| "it holds no list of vectors")?;
    if data.len() != count {
        return Err("it holds more or fewer vectors than texts were sent");
    }
    let mut vectors: Vec<Option<Vec<f32>>> = vec![None; count];
    for (place, item) in data.into_iter().enumerate() {
        if item.embedding.is_empty() || !item.embedding.iter().all(|number| number.is_finite()) {
            return Err("a vector in it is empty or no number");
        }
        let slot = vectors
            .get_mut(item.index.unwrap_or(place))
            .ok_or("a vector in it belongs to no text")?;
        *slot = Some(item.embedding);
    }
    let vectors: Option<Vec<Vec<f32>>> = vectors.into_iter().collect();
    vectors.ok_or("two vectors in it belong to the same text")
}
