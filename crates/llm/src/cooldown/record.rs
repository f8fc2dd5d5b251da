//! One cooldown as it is kept, and what it is about.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::concerns_credential;
use crate::credentials::Credential;
use crate::endpoint::Endpoint;
use crate::failure::{Failure, FailureClass};
use crate::model::{Api, Model};

/// What is left alone after a failure, until when and why. Holds nothing secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cooldown {
    /// The provider.
    pub provider: String,
    /// The model's id there; `None` where every model of the credential is concerned.
    pub model: Option<String>,
    /// The base URL, without what is secret in it; empty for the engine.
    pub server: String,
    /// Where the credential that was refused came from; `None` where the server itself is left alone.
    pub credential: Option<String>,
    /// Tells the credential from the one that replaces it; see [`Credential::mark`].
    mark: Option<u16>,
    /// The kind of failure.
    pub class: FailureClass,
    /// The HTTP status, where there was one.
    pub status: Option<u16>,
    /// What the server said, shortened.
    pub detail: String,
    /// How often it failed this way in a row.
    pub failures: u32,
    /// When it failed last, in milliseconds since the Unix epoch.
    pub failed_at: u64,
    /// Until when it is left alone, in milliseconds since the Unix epoch.
    pub until: u64,
}

impl Cooldown {
    /// How much longer it is left alone at this time; `None` once that has passed.
    pub fn left(&self, now: u64) -> Option<Duration> {
        // A clock that was set back must not make it longer.
        let holds = (self.failed_at..self.until).contains(&now);
        holds.then(|| Duration::from_millis(self.until - now))
    }

    /// Whether it is about this credential.
    pub(super) fn is_of(&self, credential: &Credential) -> bool {
        let label = credential.source().to_string();
        self.credential == Some(label) && self.mark == Some(credential.mark())
    }

    /// What is left alone, in words: `box/small`, or `profile:anthropic:work (anthropic)`.
    pub fn subject(&self) -> String {
        match (&self.credential, &self.model) {
            (Some(credential), Some(model)) => format!("{credential} ({}/{model})", self.provider),
            (Some(credential), None) => format!("{credential} ({})", self.provider),
            (None, model) => format!("{}/{}", self.provider, model.as_deref().unwrap_or_default()),
        }
    }
}

/// What may be left alone: a model on a server, or a credential used for it.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    provider: String,
    model: String,
    server: String,
    credential: Option<(String, u16)>,
}

impl Target {
    /// A model on its server.
    pub(crate) fn server(model: &Model) -> Self {
        let server = match model.api {
            Api::Engine => String::new(),
            _ => Endpoint::shown(&model.base_url),
        };
        Self {
            provider: model.reference.provider.clone(),
            model: model.reference.model.clone(),
            server: server.trim_end_matches('/').to_owned(),
            credential: None,
        }
    }

    /// A credential, for this model.
    pub(crate) fn credential(model: &Model, credential: &Credential) -> Self {
        let label = credential.source().to_string();
        Self {
            credential: Some((label, credential.mark())),
            ..Self::server(model)
        }
    }

    /// Whether a cooldown is about this.
    pub(crate) fn covers(&self, cooldown: &Cooldown) -> bool {
        let place = match &self.credential {
            Some((label, mark)) => {
                cooldown.credential.as_ref() == Some(label)
                    && cooldown.mark == Some(*mark)
                    && cooldown.provider == self.provider
            }
            None => cooldown.credential.is_none() && cooldown.server == self.server,
        };
        place && cooldown.model.as_ref().is_none_or(|m| *m == self.model)
    }

    /// The name under which a failure of this class is kept.
    pub(super) fn key(&self, class: FailureClass) -> String {
        let model = self.scope(class).unwrap_or_default();
        match &self.credential {
            Some((label, mark)) => {
                format!(
                    "{} {label} {mark:04x} {model} {}",
                    self.provider,
                    class.as_str()
                )
            }
            None => format!("{} {model} {}", self.server, class.as_str()),
        }
    }

    pub(super) fn cooldown(
        &self,
        failure: &Failure,
        failures: u32,
        now: u64,
        rest: Duration,
    ) -> Cooldown {
        let rest = u64::try_from(rest.as_millis()).unwrap_or(u64::MAX);
        Cooldown {
            provider: self.provider.clone(),
            model: self.scope(failure.class).map(str::to_owned),
            server: self.server.clone(),
            credential: self.credential.as_ref().map(|(label, _)| label.clone()),
            mark: self.credential.as_ref().map(|(_, mark)| *mark),
            class: failure.class,
            status: failure.status,
            detail: failure.detail.clone(),
            failures,
            failed_at: now,
            until: now.saturating_add(rest),
        }
    }

    /// The model, where the failure is about it: a refused key or an empty account concerns every model, a rate limit
    /// is set for each.
    fn scope(&self, class: FailureClass) -> Option<&str> {
        let account = concerns_credential(class) && class != FailureClass::RateLimit;
        (self.credential.is_none() || !account).then_some(self.model.as_str())
    }
}
