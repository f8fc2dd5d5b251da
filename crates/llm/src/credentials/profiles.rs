//! Stored profiles: several credentials of one provider, and the order in which they are tried.

use std::collections::BTreeMap;
use std::path::Path;

use moltbot_config::schema::{AuthMode, Config};
use serde::Deserialize;

use super::{Credential, CredentialSource, Ranked, redact};
use crate::cooldown::machine_time;
use crate::reference::normalize_provider;

/// The profiles that an agent may use.
#[derive(Clone, Default)]
pub(super) struct Profiles {
    stored: BTreeMap<String, StoredProfile>,
    /// The order in the profile file, by provider.
    file_order: BTreeMap<String, Vec<String>>,
    /// `auth.order`, by provider.
    config_order: BTreeMap<String, Vec<String>>,
    /// `auth.profiles`: provider and kind, by id.
    declared: BTreeMap<String, (String, ProfileKind)>,
}

/// An entry of `auth-profiles.json`. Its secret is shown to nobody.
#[derive(Clone)]
pub struct StoredProfile {
    /// Its id, such as `anthropic:default`.
    pub id: String,
    /// The provider, normalised.
    pub provider: String,
    /// The kind of credential.
    pub kind: ProfileKind,
    /// When it expires, in milliseconds since the Unix epoch.
    pub expires: Option<u64>,
    secret: String,
}

/// The kind of a stored credential. Of those with no order, the first kind here is tried first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProfileKind {
    /// A login; its access token is used until it expires, and not renewed.
    Oauth,
    /// A bearer token that is never renewed.
    Token,
    /// A fixed key.
    ApiKey,
}

/// Whether a profile may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProfileState {
    /// It may.
    Usable,
    /// Its token has expired.
    Expired,
    /// It holds no key.
    Empty,
    /// `auth.profiles` says another provider or kind.
    Mismatched,
    /// The order that the owner set, or the list in `auth.profiles`, leaves it out.
    LeftOut,
}

#[derive(Deserialize)]
struct ProfileFile {
    #[serde(default)]
    profiles: BTreeMap<String, serde_json::Value>,
    #[serde(default)]
    order: BTreeMap<String, Vec<String>>,
}

/// One entry as it is written.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Entry {
    ApiKey {
        provider: String,
        key: String,
    },
    Token {
        provider: String,
        token: String,
        #[serde(default)]
        expires: Option<f64>,
    },
    Oauth {
        provider: String,
        access: String,
        #[serde(default)]
        expires: Option<f64>,
    },
}

impl ProfileKind {
    /// The name used in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Oauth => "oauth",
            Self::Token => "token",
            Self::ApiKey => "api_key",
        }
    }
}

impl StoredProfile {
    fn read(id: String, entry: Entry) -> Self {
        let (kind, provider, secret, expires) = match entry {
            Entry::ApiKey { provider, key } => (ProfileKind::ApiKey, provider, key, None),
            Entry::Token {
                provider,
                token,
                expires,
            } => (ProfileKind::Token, provider, token, expires),
            Entry::Oauth {
                provider,
                access,
                expires,
            } => (ProfileKind::Oauth, provider, access, expires),
        };
        Self {
            id,
            provider: normalize_provider(&provider),
            kind,
            // A cast of a float saturates; a time before 1970 has passed.
            expires: expires.map(|at| at as u64),
            secret: secret.trim().to_owned(),
        }
    }

    /// As much of its key as may be shown.
    pub fn redacted(&self) -> String {
        redact(&self.secret)
    }

    /// Its secret, with a name for it.
    pub(super) fn named_secret(&self) -> (String, String) {
        (format!("auth profile {}", self.id), self.secret.clone())
    }

    /// How it can be used.
    fn credential(&self) -> Credential {
        Credential {
            secret: self.secret.clone(),
            source: CredentialSource::Profile(self.id.clone()),
        }
    }
}

impl Profiles {
    /// What the config says of profiles; none is stored yet.
    pub(super) fn new(config: &Config) -> Self {
        let auth = config.auth.as_ref();
        let order = auth
            .into_iter()
            .flat_map(|auth| auth.order.iter().flatten());
        let declared = auth
            .into_iter()
            .flat_map(|auth| auth.profiles.iter().flatten());
        Self {
            config_order: order
                .map(|(provider, ids)| (normalize_provider(provider), ids.clone()))
                .collect(),
            declared: declared
                .map(|(id, profile)| {
                    let kind = match profile.mode {
                        AuthMode::ApiKey => ProfileKind::ApiKey,
                        AuthMode::Oauth => ProfileKind::Oauth,
                        AuthMode::Token => ProfileKind::Token,
                    };
                    (id.clone(), (normalize_provider(&profile.provider), kind))
                })
                .collect(),
            ..Self::default()
        }
    }

    /// Adds what a file holds, where it exists; what is known already stays. Entries that cannot be read are left out:
    /// one bad entry must not cost the others.
    pub(super) fn read(&mut self, path: &Path) {
        let Some(file) = std::fs::read_to_string(path)
            .ok()
            .and_then(|text| serde_json::from_str::<ProfileFile>(&text).ok())
        else {
            return;
        };
        for (id, value) in file.profiles {
            if let Ok(entry) = serde_json::from_value(value) {
                let profile = StoredProfile::read(id.clone(), entry);
                self.stored.entry(id).or_insert(profile);
            }
        }
        for (provider, ids) in file.order {
            let provider = normalize_provider(&provider);
            self.file_order.entry(provider).or_insert(ids);
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &StoredProfile> {
        self.stored.values()
    }

    /// The ids to try, and whether the owner set the order.
    pub(super) fn order(&self, provider: &str) -> (Vec<String>, bool) {
        let set = self.file_order.get(provider);
        if let Some(ids) = set.or_else(|| self.config_order.get(provider)) {
            return (ids.clone(), true);
        }
        let declared = self.declared.iter().filter(|(_, (p, _))| p == provider);
        let mut ids: Vec<String> = declared.map(|(id, _)| id.clone()).collect();
        if ids.is_empty() {
            let stored = self.all().filter(|profile| profile.provider == provider);
            ids = stored.map(|profile| profile.id.clone()).collect();
        }
        (ids, false)
    }

    pub(super) fn state(&self, profile: &StoredProfile) -> ProfileState {
        let (ids, _) = self.order(&profile.provider);
        let agrees = |(provider, kind): &(String, ProfileKind)| {
            let tokens = (*kind, profile.kind) == (ProfileKind::Oauth, ProfileKind::Token);
            *provider == profile.provider && (*kind == profile.kind || tokens)
        };
        if profile.secret.is_empty() {
            ProfileState::Empty
        } else if !self.declared.get(&profile.id).is_none_or(agrees) {
            ProfileState::Mismatched
        } else if !ids.contains(&profile.id) {
            ProfileState::LeftOut
        } else if profile.expires.is_some_and(|at| at <= machine_time()) {
            ProfileState::Expired
        } else {
            ProfileState::Usable
        }
    }

    /// The usable ones of a provider, in order. Where the owner set none, those of a kind share a rank.
    pub(super) fn ranked(&self, provider: &str) -> Vec<Ranked> {
        let (ids, set) = self.order(provider);
        let mut ranked: Vec<Ranked> = ids
            .iter()
            .enumerate()
            .filter_map(|(place, id)| {
                let profile = self.stored.get(id)?;
                let usable = self.state(profile) == ProfileState::Usable;
                (usable && profile.provider == provider).then(|| Ranked {
                    credential: profile.credential(),
                    rank: if set { place } else { profile.kind as usize },
                })
            })
            .collect();
        ranked.sort_by_key(|ranked| ranked.rank);
        ranked
    }
}
