//! A server under probe: where it is, what its list said, and how to ask it more.

use serde_json::Value;
use url::Url;

use super::fields::text;
use super::{Fact, ServedModel, ServerKind};
use crate::endpoint::Endpoint;
use crate::listing::List;
use crate::lookup::{Lookup, LookupError};
use crate::model::{Api, Model};

/// What a program's module found out.
pub(super) struct Finding {
    /// The fingerprint, where another document than the list tells what is loaded.
    pub(super) told: Option<String>,
    pub(super) server: Fact<ServerKind>,
    pub(super) version: Option<Fact<String>>,
    pub(super) models: Vec<ServedModel>,
}

/// JSON that a server sent, and where.
#[derive(Clone)]
pub(super) struct Reading {
    pub(super) value: Value,
    pub(super) source: String,
}

impl Reading {
    /// A value with its source.
    pub(super) fn fact<T>(&self, value: Option<T>) -> Option<Fact<T>> {
        fact(value, &self.source)
    }
}

/// A value with its source.
pub(super) fn fact<T>(value: Option<T>, source: &str) -> Option<Fact<T>> {
    Some(Fact {
        value: value?,
        source: source.to_owned(),
    })
}

/// The server under probe.
pub(super) struct Site<'a> {
    lookup: &'a Lookup,
    list: &'a List,
    /// Where the paths beside the API begin: the base URL without its version.
    root: String,
    /// Where the list was read, as it may be shown.
    pub(super) list_source: String,
    /// The dialect.
    pub(super) api: Api,
    /// The id of the model that the owner configured.
    pub(super) wanted: &'a str,
}

impl<'a> Site<'a> {
    pub(super) fn new(lookup: &'a Lookup, model: &'a Model, base: &str, list: &'a List) -> Self {
        Self {
            lookup,
            list,
            root: Endpoint::from_base(base, model.api).server_root(),
            list_source: shown(&list.url),
            api: model.api,
            wanted: &model.reference.model,
        }
    }

    /// The entries of its list.
    pub(super) fn entries(&self) -> &[Value] {
        &self.list.entries
    }

    /// The entries of its list that have an id.
    pub(super) fn named_entries(&self) -> impl Iterator<Item = (String, &Value)> {
        let entries = self.list.entries.iter();
        entries.filter_map(|entry| Some((text(&entry["id"])?, entry)))
    }

    /// A header of the answer that brought the list.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.list.headers.get(name)?.to_str().ok()
    }

    /// Who owns every model of the list: servers write their own name there.
    pub(super) fn owner(&self) -> Option<&str> {
        let owner = self.list.entries.first()?["owned_by"].as_str()?;
        let mut entries = self.list.entries.iter();
        entries
            .all(|entry| entry["owned_by"].as_str() == Some(owner))
            .then_some(owner)
    }

    /// A value that the list told.
    pub(super) fn listed<T>(&self, value: Option<T>) -> Option<Fact<T>> {
        fact(value, &self.list_source)
    }

    /// `GET` of a path beside the API; `None` where no JSON comes back.
    pub(super) async fn get(&self, path: &str) -> Option<Reading> {
        let url = format!("{}{path}", self.root);
        let answer = self.lookup.get(&url).await.ok()?;
        Some(Reading {
            value: answer.json()?,
            source: shown(&url),
        })
    }

    /// `POST` to a path beside the API; `Ok(None)` where what comes back is no JSON.
    pub(super) async fn post(
        &self,
        path: &str,
        body: &Value,
    ) -> Result<Option<Reading>, LookupError> {
        let url = format!("{}{path}", self.root);
        let answer = self.lookup.post(&url, body).await?;
        Ok(answer.json().map(|value| Reading {
            value,
            source: shown(&url),
        }))
    }
}

/// A URL without the user name and password that an owner may have put into it.
fn shown(url: &str) -> String {
    match Url::parse(url) {
        Ok(mut parsed) if !parsed.username().is_empty() || parsed.password().is_some() => {
            // Both fail only for addresses that can hold neither.
            let _ = parsed.set_username("");
            let _ = parsed.set_password(None);
            parsed.to_string()
        }
        _ => url.to_owned(),
    }
}
