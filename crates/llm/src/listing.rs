//! Asking a server which models it lists, and finding the list where the base URL misses it.

use std::time::Duration;

use reqwest::header::HeaderMap;
use serde_json::Value;
use thiserror::Error;

use crate::endpoint::Endpoint;
use crate::failure::{Failure, FailureClass, classify};
use crate::lookup::{Lookup, LookupError};
use crate::model::{Api, Model};

/// A model as a server's list names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedModel {
    /// Its id there.
    pub id: String,
}

/// Why the list could not be read.
#[derive(Debug, Error)]
pub enum ListingError {
    /// No answer in time: a busy server, one that loads its model, or a firewall in between.
    #[error("does not answer in time")]
    TimedOut,
    /// No connection.
    #[error("cannot be reached: {0}")]
    Unreachable(String),
    /// The server refused, for the reason given.
    #[error(transparent)]
    Refused(#[from] Failure),
    /// The answer is no list of models.
    #[error("answers, but not with a list of models; check that baseUrl ends in /v1")]
    NotAList,
}

impl From<LookupError> for ListingError {
    fn from(error: LookupError) -> Self {
        match error {
            LookupError::TimedOut => Self::TimedOut,
            LookupError::Unreachable(reason) => Self::Unreachable(reason),
        }
    }
}

impl ListingError {
    /// Whether there is a server, but no API where the base URL points.
    pub fn is_wrong_place(&self) -> bool {
        match self {
            Self::NotAList => true,
            Self::Refused(failure) => {
                failure.class != FailureClass::Auth && matches!(failure.status, Some(404 | 405))
            }
            Self::TimedOut | Self::Unreachable(_) => false,
        }
    }
}

/// A list as the server sent it.
#[derive(Default)]
pub(crate) struct List {
    /// Where it was read.
    pub(crate) url: String,
    pub(crate) headers: HeaderMap,
    pub(crate) entries: Vec<Value>,
}

/// Reads `GET {base}/models` (of Ollama's own API: `GET {root}/api/tags`) of the server behind `model`, with its key where there is one.
///
/// # Errors
/// See [`ListingError`].
pub async fn list_models(
    model: &Model,
    key: Option<&str>,
    limit: Duration,
) -> Result<Vec<ListedModel>, ListingError> {
    let lookup = Lookup::new(model, key, limit)?;
    let list = read_list(&lookup, model, &model.base_url).await?;
    Ok(list
        .entries
        .iter()
        .filter_map(|entry| entry.get("id")?.as_str())
        .map(|id| ListedModel { id: id.to_owned() })
        .collect())
}

/// The base URL under which the server behind `model` really lists its models, where its own
/// [is the wrong place](ListingError::is_wrong_place): the likeliest of the usual places on the same server. A place
/// that asks for a key is the right one, only locked. `limit` is for each place; all are asked at once.
pub async fn working_base(model: &Model, key: Option<&str>, limit: Duration) -> Option<String> {
    let lookup = Lookup::new(model, key, limit).ok()?;
    let others = other_bases(model);
    let ask = |place: usize| {
        let (lookup, base) = (&lookup, others.get(place));
        async move {
            let base = base?;
            let answers = match read_list(lookup, model, base).await {
                Ok(_) => true,
                Err(ListingError::Refused(failure)) => failure.class == FailureClass::Auth,
                Err(_) => false,
            };
            answers.then(|| base.clone())
        }
    };
    let (first, second, third, fourth) = tokio::join!(ask(0), ask(1), ask(2), ask(3));
    first.or(second).or(third).or(fourth)
}

/// Reads the list under a base URL of the server behind `model`.
pub(crate) async fn read_list(
    lookup: &Lookup,
    model: &Model,
    base: &str,
) -> Result<List, ListingError> {
    let url = Endpoint::from_base(base, model.api).models_url();
    let answer = lookup.get(&url).await?;
    if !answer.is_success() {
        let verdict = classify(answer.status, None, &answer.body);
        return Err(Failure::from_verdict(model, Some(answer.status), verdict).into());
    }
    let body: Value = serde_json::from_str(&answer.body).map_err(|_| ListingError::NotAList)?;
    let entries = match body {
        Value::Array(entries) => entries,
        Value::Object(mut fields) => match fields.remove(field(model.api)) {
            Some(Value::Array(entries)) if field(model.api) == "models" => {
                entries.into_iter().filter_map(with_id).collect()
            }
            Some(Value::Array(entries)) => entries,
            // What a server says that has no models.
            Some(Value::Null) => Vec::new(),
            _ => return Err(ListingError::NotAList),
        },
        _ => return Err(ListingError::NotAList),
    };
    Ok(List {
        url,
        headers: answer.headers,
        entries,
    })
}

/// The field that holds the list.
fn field(api: Api) -> &'static str {
    match api {
        Api::GoogleGenerativeAi | Api::Ollama => "models",
        _ => "data",
    }
}

/// An entry with its id where everybody else has it. Google names its models by path (and lists others than those that
/// answer), Ollama under two names that are the same.
fn with_id(mut entry: Value) -> Option<Value> {
    let methods = entry.get("supportedGenerationMethods");
    if let Some(Value::Array(methods)) = methods
        && !methods.iter().any(|method| method == "generateContent")
    {
        return None;
    }
    let name = entry.get("model").or_else(|| entry.get("name"));
    if let Some(name) = name.and_then(Value::as_str) {
        let id = name.strip_prefix("models/").unwrap_or(name).to_owned();
        entry["id"] = id.into();
    }
    Some(entry)
}

/// Base URLs on the same server where the API may really be, the likeliest first; at most four.
fn other_bases(model: &Model) -> Vec<String> {
    let root = model.base_url.trim().trim_end_matches('/');
    let Some((scheme, rest)) = root.split_once("://") else {
        return Vec::new();
    };
    let origin = format!("{scheme}://{}", rest.split('/').next().unwrap_or_default());
    let asked = Endpoint::new(model).models_url();
    let mut others: Vec<String> = Vec::new();
    let candidates = match model.api {
        Api::GoogleGenerativeAi => vec![format!("{root}/v1beta"), format!("{origin}/v1beta")],
        Api::Ollama => vec![origin],
        _ => vec![
            format!("{root}/v1"),
            format!("{origin}/v1"),
            format!("{origin}/api/v1"),
            format!("{origin}/openai/v1"),
        ],
    };
    for candidate in candidates {
        let is_new = Endpoint::from_base(&candidate, model.api).models_url() != asked;
        if is_new && !others.contains(&candidate) {
            others.push(candidate);
        }
    }
    others
}
