//! Asking a server which models it lists.

use serde_json::Value;
use thiserror::Error;

use crate::endpoint::Endpoint;
use crate::failure::{Failure, classify};
use crate::http::{Clients, chain, headers};
use crate::model::Model;

/// A model as a server's list names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedModel {
    /// Its id there.
    pub id: String,
}

/// Why the list could not be read.
#[derive(Debug, Error)]
pub enum ListingError {
    /// No connection, or none in time.
    #[error("cannot be reached: {0}")]
    Unreachable(String),
    /// The server refused, for the reason given.
    #[error(transparent)]
    Refused(#[from] Failure),
    /// The answer is no list of models.
    #[error("answers, but not with a list of models; check that baseUrl ends in /v1")]
    NotAList,
}

/// Reads `GET {base}/models` of the server behind `model`, with its key where there is one.
///
/// # Errors
/// See [`ListingError`].
pub async fn list_models(
    model: &Model,
    key: Option<&str>,
    limit: std::time::Duration,
) -> Result<Vec<ListedModel>, ListingError> {
    let clients = Clients::default();
    let url = Endpoint::new(model).models_url();
    let client = clients.of(&url).map_err(ListingError::Unreachable)?;
    let headers = headers(model, key)
        .map_err(|name| ListingError::Unreachable(format!("the header {name} cannot be sent")))?;
    let response = client
        .get(&url)
        .headers(headers)
        .timeout(limit)
        .send()
        .await
        .map_err(|error| ListingError::Unreachable(chain(&error)))?;
    let status = response.status();
    let body = response
        .text()
        .await
        .map_err(|error| ListingError::Unreachable(chain(&error)))?;
    if !status.is_success() {
        let verdict = classify(status.as_u16(), None, &body);
        return Err(Failure::from_verdict(model, Some(status.as_u16()), verdict).into());
    }
    let body: Value = serde_json::from_str(&body).map_err(|_| ListingError::NotAList)?;
    let entries = match (&body, body.get("data")) {
        (_, Some(Value::Array(entries))) | (Value::Array(entries), _) => entries.as_slice(),
        // What a server says that has no models.
        (_, Some(Value::Null)) => &[],
        _ => return Err(ListingError::NotAList),
    };
    Ok(entries
        .iter()
        .filter_map(|entry| entry.get("id")?.as_str())
        .map(|id| ListedModel { id: id.to_owned() })
        .collect())
}
