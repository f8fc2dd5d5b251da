//! Where a conversation may go: this house, a region, a named provider.

use std::fmt;

use crate::model::{Api, Model};
use crate::reference::normalize_provider;

/// The place of models on this machine, in its local network or inside this process.
pub const LOCAL: &str = "local";

/// The places that a conversation may go to. The default has no bounds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// `None`: anywhere.
    bounds: Option<Vec<String>>,
}

impl Places {
    /// These places: `local`, regions as the owner declared them (`models.providers.<id>.region`), or provider ids. An
    /// empty list is no bound.
    pub fn only<S: AsRef<str>>(places: impl IntoIterator<Item = S>) -> Self {
        let bounds: Vec<String> = places
            .into_iter()
            .map(|place| place.as_ref().trim().to_lowercase())
            .filter(|place| !place.is_empty())
            .collect();
        Self {
            bounds: (!bounds.is_empty()).then_some(bounds),
        }
    }

    /// Whether anything is forbidden.
    pub fn is_bound(&self) -> bool {
        self.bounds.is_some()
    }

    /// The places, as they were named; empty where nothing is forbidden.
    pub fn list(&self) -> &[String] {
        self.bounds.as_deref().unwrap_or_default()
    }

    /// Whether a conversation may go to this model's server. A hosted provider whose region nobody declared is nowhere
    /// in particular: only its own name lets it in.
    pub fn admit(&self, model: &Model) -> bool {
        self.admit_place(place(model).as_deref(), Some(&model.reference.provider))
    }

    /// Whether anything may go to this place (a region or [`LOCAL`]) or provider.
    pub(crate) fn admit_place(&self, place: Option<&str>, provider: Option<&str>) -> bool {
        let Some(bounds) = &self.bounds else {
            return true;
        };
        bounds.iter().any(|bound| {
            Some(bound.as_str()) == place || Some(normalize_provider(bound).as_str()) == provider
        })
    }
}

impl fmt::Display for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.bounds {
            None => f.write_str("anywhere"),
            Some(bounds) => f.write_str(&bounds.join(", ")),
        }
    }
}

/// Where a model's server stands: the region that the owner declared, else [`LOCAL`] for this machine and its network;
/// `None` for a hosted one of which nobody said where.
pub fn place(model: &Model) -> Option<String> {
    match &model.region {
        Some(region) if model.api != Api::Engine => Some(region.trim().to_lowercase()),
        _ => model.is_local().then(|| LOCAL.to_owned()),
    }
}
