//! Short questions to a server outside of a turn: what it lists, what it is. Nothing here makes a model generate.

use std::time::Duration;

use reqwest::header::{CONNECTION, HeaderMap};
use serde_json::Value;
use url::{Origin, Url};

use crate::failure::is_error;
use crate::http::{Clients, chain, headers};
use crate::model::Model;

/// An answer is read up to this many bytes; the longest list, that of a hub with hundreds of models, is a tenth of it.
const ANSWER_LIMIT: usize = 8 * 1024 * 1024;

/// Asks the server of one model.
pub(crate) struct Lookup {
    headers: HeaderMap,
    /// Where the headers may go; `None` where the base URL is no address at all.
    origin: Option<Origin>,
    clients: Clients,
    limit: Duration,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// Why nothing came back.
#[derive(Debug)]
pub(crate) enum LookupError {
    /// Not in time.
    TimedOut,
    /// For this reason.
    Unreachable(String),
}

impl From<reqwest::Error> for LookupError {
    fn from(error: reqwest::Error) -> Self {
        match error.is_timeout() {
            true => Self::TimedOut,
            false => Self::Unreachable(chain(&error)),
        }
    }
}

impl Lookup {
    /// Signs each question with `key` and the model's own headers; `limit` is for one question.
    pub(crate) fn new(
        model: &Model,
        key: Option<&str>,
        limit: Duration,
    ) -> Result<Self, LookupError> {
        let headers = headers(model, key).map_err(|name| {
            LookupError::Unreachable(format!("the header {name} cannot be sent"))
        })?;
        Ok(Self::with_headers(headers, &model.base_url, limit))
    }

    /// Sends these headers to the server of `base_url` and to no other.
    pub(crate) fn with_headers(headers: HeaderMap, base_url: &str, limit: Duration) -> Self {
        Self {
            headers,
            origin: origin(base_url),
            clients: Clients::default(),
            limit,
        }
    }

    /// `GET url`.
    pub(crate) async fn get(&self, url: &str) -> Result<Answer, LookupError> {
        let client = self.clients.of(url).map_err(LookupError::Unreachable)?;
        self.send(client.get(url), url).await
    }

    /// `POST url`, for the few questions that are not asked by GET.
    pub(crate) async fn post(&self, url: &str, body: &Value) -> Result<Answer, LookupError> {
        let client = self.clients.of(url).map_err(LookupError::Unreachable)?;
        // llama.cpp closes a connection behind some replies without having said so; the next question, sent on the same
        // one, would be lost with it.
        let request = client.post(url).header(CONNECTION, "close");
        self.send(request.body(body.to_string()), url).await
    }

    async fn send(
        &self,
        request: reqwest::RequestBuilder,
        url: &str,
    ) -> Result<Answer, LookupError> {
        // The key belongs to whoever the owner pointed to, and to nobody else.
        let request = match origin(url) == self.origin {
            true => request.headers(self.headers.clone()),
            false => request,
        };
        let mut response = request.timeout(self.limit).send().await?;
        let mut body = Vec::new();
        while let Some(bytes) = response.chunk().await? {
            body.extend_from_slice(&bytes);
            if body.len() > ANSWER_LIMIT {
                return Err(LookupError::Unreachable(format!(
                    "its answer is longer than {} MB",
                    ANSWER_LIMIT / 1_000_000
                )));
            }
        }
        Ok(Answer {
            status: response.status().as_u16(),
            headers: std::mem::take(response.headers_mut()),
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }
}

/// Asks `GET url` without a key, within `limit`: the HTTP status and the body. For finding out whether a server is up.
///
/// # Errors
/// Nobody answered, and why, in the operating system's words.
pub async fn answer_of(url: &str, limit: Duration) -> Result<(u16, String), String> {
    let lookup = Lookup {
        headers: HeaderMap::new(),
        origin: None,
        clients: Clients::default(),
        limit,
    };
    match lookup.get(url).await {
        Ok(answer) => Ok((answer.status, answer.body)),
        Err(LookupError::TimedOut) => Err(format!("no answer within {} s", limit.as_secs())),
        Err(LookupError::Unreachable(reason)) => Err(reason),
    }
}

impl Answer {
    /// Whether the status is one of success.
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body of a success as JSON. LM Studio says 200 about paths that it does not know, so an error in the body
    /// counts as none too.
    pub(crate) fn json(&self) -> Option<Value> {
        let value = serde_json::from_str(&self.body).ok()?;
        (self.is_success() && !is_error(&value)).then_some(value)
    }
}

fn origin(url: &str) -> Option<Origin> {
    Url::parse(url.trim()).ok().map(|url| url.origin())
}
