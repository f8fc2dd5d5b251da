//! The stored profiles of the providers in use: which can be used, and until when.

use std::collections::BTreeMap;

use moltbot_llm::{Cooldown, Credentials, ProfileKind, ProfileState, StoredProfile};
use serde::Serialize;

use super::super::cooldown::Shown;

/// A login or token that ends within this time is told of, in milliseconds.
const WARN_AFTER: u64 = 24 * 3600 * 1000;

/// A profile.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProfileRow {
    pub(super) profile_id: String,
    pub(super) provider: String,
    /// `api_key`, `token` or `oauth`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// `static` (it never expires), `ok`, `expiring`, `expired`, or `missing` (it holds no key).
    pub(super) status: &'static str,
    /// Milliseconds since the Unix epoch.
    expires_at: Option<u64>,
    remaining_ms: Option<u64>,
    /// Its id, with as much of the key as may be shown.
    label: String,
    /// Whether it is tried, and if not, why.
    #[serde(skip)]
    usable: Result<(), &'static str>,
}

/// A profile that is left alone because it was refused.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Unusable {
    pub(super) profile_id: String,
    provider: String,
    /// `disabled` after a billing failure, else `cooldown`.
    kind: &'static str,
    reason: &'static str,
    until: u64,
    remaining_ms: u64,
    #[serde(skip)]
    pub(super) words: String,
}

/// How a provider's logins stand.
#[derive(Debug, Serialize)]
struct ProviderRow {
    provider: String,
    /// The worst of its profiles.
    status: &'static str,
}

/// The part of the status about profiles.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Logins {
    warn_after_ms: u64,
    pub(super) profiles: Vec<ProfileRow>,
    providers: Vec<ProviderRow>,
}

impl Logins {
    /// The profiles of these providers at this time.
    pub(super) fn new(credentials: &Credentials, providers: &[&str], now: u64) -> Self {
        let stored = credentials.profiles();
        let profiles: Vec<ProfileRow> = stored
            .filter(|profile| providers.contains(&profile.provider.as_str()))
            .map(|profile| ProfileRow::new(profile, credentials.state(profile), now))
            .collect();
        let mut worst = BTreeMap::<&str, &'static str>::new();
        for row in &profiles {
            let status = worst.entry(&row.provider).or_insert(row.status);
            if severity(row.status) > severity(status) {
                *status = row.status;
            }
        }
        let providers = worst
            .into_iter()
            .map(|(provider, status)| ProviderRow {
                provider: provider.to_owned(),
                status,
            })
            .collect();
        Self {
            warn_after_ms: WARN_AFTER,
            profiles,
            providers,
        }
    }

    /// Whether a profile has this status.
    pub(super) fn any(&self, status: &str) -> bool {
        self.profiles.iter().any(|row| row.status == status)
    }

    /// Providers with logins or tokens, each with their number, as in `anthropic (2)`.
    pub(super) fn counts(&self) -> Vec<String> {
        let mut counts = BTreeMap::<&str, usize>::new();
        for row in &self.profiles {
            if row.kind != ProfileKind::ApiKey.as_str() {
                *counts.entry(&row.provider).or_default() += 1;
            }
        }
        let written = counts.into_iter();
        written
            .map(|(provider, count)| format!("{provider} ({count})"))
            .collect()
    }
}

fn severity(status: &str) -> usize {
    let order = ["static", "ok", "expiring", "expired", "missing"];
    order.iter().position(|known| *known == status).unwrap_or(0)
}

impl ProfileRow {
    fn new(profile: &StoredProfile, state: ProfileState, now: u64) -> Self {
        let remaining = profile.expires.map(|at| at.saturating_sub(now));
        let status = match (state, remaining) {
            (ProfileState::Empty, _) => "missing",
            (_, None) => "static",
            (_, Some(0)) => "expired",
            (_, Some(left)) if left < WARN_AFTER => "expiring",
            (_, Some(_)) => "ok",
        };
        let usable = match state {
            ProfileState::Usable => Ok(()),
            ProfileState::Expired if profile.kind == ProfileKind::Oauth => {
                Err("expired; this version does not renew logins: log in again, or use a key")
            }
            ProfileState::Expired => Err("expired; replace it"),
            ProfileState::Empty => Err("holds no key"),
            ProfileState::Mismatched => {
                Err("not used: auth.profiles gives it another provider or mode")
            }
            ProfileState::LeftOut => Err("not used: the order or auth.profiles leaves it out"),
        };
        let label = match profile.redacted() {
            // Nothing of a short key may be shown.
            hidden if hidden == "…" => profile.id.clone(),
            part => format!("{} ({part})", profile.id),
        };
        Self {
            profile_id: profile.id.clone(),
            provider: profile.provider.clone(),
            kind: profile.kind.as_str(),
            status,
            expires_at: profile.expires,
            remaining_ms: remaining,
            label,
            usable,
        }
    }

    /// The profile and its state in words; whether all is well with it comes first.
    pub(super) fn in_words(&self, unusable: &[Unusable]) -> (bool, String) {
        let resting = unusable.iter().find(|u| u.profile_id == self.profile_id);
        let trouble = match (self.usable, resting) {
            (Err(why), _) => Some(why.to_owned()),
            (Ok(()), Some(resting)) => Some(resting.words.clone()),
            (Ok(()), None) if self.status == "expiring" => Some("expires within a day".to_owned()),
            (Ok(()), None) => None,
        };
        let state = trouble.as_deref().unwrap_or("ok");
        let words = format!("{}  {}  {state}", self.label, self.kind);
        (trouble.is_none(), words)
    }
}

impl Unusable {
    /// The profile that a cooldown is about; `None` where it is about another credential.
    pub(super) fn new(cooldown: Cooldown, now: u64) -> Option<Self> {
        let shown = Shown::new(cooldown, now);
        let id = shown.credential.as_deref()?.strip_prefix("profile:")?;
        Some(Self {
            profile_id: id.to_owned(),
            words: shown.in_words(),
            kind: match shown.reason {
                "billing" => "disabled",
                _ => "cooldown",
            },
            provider: shown.provider,
            reason: shown.reason,
            until: shown.until,
            remaining_ms: shown.remaining_ms,
        })
    }
}
