//! Which key goes to which provider, and where it was found.

mod profiles;

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::PathBuf;

use moltbot_config::schema::Config;

use crate::catalog::env_names;
use crate::reference::normalize_provider;
use profiles::Profiles;
pub use profiles::{ProfileKind, ProfileState, StoredProfile};

/// A key and where it came from. `Debug` and `Display` never show the key.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    secret: String,
    source: CredentialSource,
}

/// Where a credential was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialSource {
    /// A profile in `auth-profiles.json`.
    Profile(String),
    /// This environment variable.
    Env(String),
    /// `models.providers.<id>.apiKey`.
    Config,
}

impl fmt::Display for CredentialSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Profile(id) => write!(f, "profile:{id}"),
            Self::Env(name) => write!(f, "env: {name}"),
            Self::Config => f.write_str("config"),
        }
    }
}

impl Credential {
    /// The key itself, to be put into a header and nowhere else.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// Where it was found.
    pub fn source(&self) -> &CredentialSource {
        &self.source
    }

    /// A number that changes when the key does (but for one time in 65536), so that what was remembered against the old
    /// key is not held against the new one. Sixteen bits of a hash give nothing of the key away.
    pub(crate) fn mark(&self) -> u16 {
        let mut hasher = DefaultHasher::new();
        self.secret.hash(&mut hasher);
        // The lowest bits, on purpose.
        hasher.finish() as u16
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({}, {})", redact(&self.secret), self.source)
    }
}

/// A key as it may be shown: its first and last characters, as far as that gives nothing away.
pub fn redact(secret: &str) -> String {
    let chars: Vec<char> = secret.chars().collect();
    if chars.len() <= 24 {
        return "…".to_owned();
    }
    let head: String = chars[..4].iter().collect();
    let tail: String = chars[chars.len() - 4..].iter().collect();
    format!("{head}…{tail}")
}

/// Looks up credentials: stored profiles first, then the environment, then the config.
#[derive(Clone, Default)]
pub struct Credentials {
    profiles: Profiles,
    env: BTreeMap<String, String>,
    config_keys: BTreeMap<String, String>,
}

/// A credential and its place among those of its provider.
#[derive(Debug, Clone)]
pub(crate) struct Ranked {
    pub(crate) credential: Credential,
    /// Those of one rank take turns; a lower rank goes first.
    pub(crate) rank: usize,
}

impl Credentials {
    /// Gathers the credentials that `config` and `env` hold, and those in the file `auth_profiles` where it exists.
    /// Entries of that file that cannot be read are left out: one bad entry must not cost the others.
    pub fn new(
        config: &Config,
        env: &BTreeMap<String, String>,
        auth_profiles: Option<PathBuf>,
    ) -> Self {
        let config_keys = config
            .models
            .iter()
            .flat_map(|models| models.providers.iter().flatten())
            .filter_map(|(id, provider)| Some((normalize_provider(id), provider.api_key.clone()?)))
            .collect();
        let mut profiles = Profiles::new(config);
        if let Some(path) = auth_profiles {
            profiles.read(&path);
        }
        Self {
            profiles,
            env: env.clone(),
            config_keys,
        }
    }

    /// Adds the profiles in another agent's file, where it exists, for those that this agent has not itself. Nothing is
    /// copied.
    #[must_use]
    pub fn inheriting(mut self, auth_profiles: PathBuf) -> Self {
        self.profiles.read(&auth_profiles);
        self
    }

    /// The key for a provider, or `None` where there is none (local servers need none).
    pub fn find(&self, provider: &str) -> Option<Credential> {
        let ranked = self.ranked(provider);
        ranked.into_iter().next().map(|first| first.credential)
    }

    /// The key that signs a request to this model.
    pub(crate) fn of(&self, model: &crate::Model) -> Option<Credential> {
        let provider = &model.reference.provider;
        let Some(source) = &model.credential else {
            return self.find(provider);
        };
        let mut all = self.ranked(provider).into_iter().map(|r| r.credential);
        all.find(|credential| credential.source() == source)
    }

    /// All that may be used for a provider, in order: profiles, then the environment, then the config.
    pub(crate) fn ranked(&self, provider: &str) -> Vec<Ranked> {
        let mut ranked = self.profiles.ranked(provider);
        let last = ranked.last().map_or(0, |last| last.rank);
        let others = [self.in_env(provider), self.in_config(provider)];
        for credential in others.into_iter().flatten() {
            // The config often names the variable that was found already.
            if !ranked
                .iter()
                .any(|r| r.credential.secret == credential.secret)
            {
                let rank = last + ranked.len() + 1;
                ranked.push(Ranked { credential, rank });
            }
        }
        ranked
    }

    /// Every stored secret with the name of its profile, and every key that the config holds or names a variable for, with
    /// its provider: for finding them where they do not belong.
    pub fn secrets(&self) -> impl Iterator<Item = (String, String)> {
        let configured = self.config_keys.keys().filter_map(|provider| {
            let credential = self.in_config(provider)?;
            Some((
                format!("models.providers.{provider}.apiKey"),
                credential.secret,
            ))
        });
        self.profiles
            .all()
            .map(StoredProfile::named_secret)
            .chain(configured)
    }

    /// The order in which a provider's profiles are tried, and whether the owner set it (in the profile file, else in
    /// `auth.order`).
    pub fn order(&self, provider: &str) -> (Vec<String>, bool) {
        self.profiles.order(&normalize_provider(provider))
    }

    /// Every stored profile, used or not, by id.
    pub fn profiles(&self) -> impl Iterator<Item = &StoredProfile> {
        self.profiles.all()
    }

    /// Whether a profile may be used, and if not, why.
    pub fn state(&self, profile: &StoredProfile) -> ProfileState {
        self.profiles.state(profile)
    }

    fn in_env(&self, provider: &str) -> Option<Credential> {
        env_names(provider).iter().find_map(|name| {
            Some(Credential {
                secret: self.variable(name)?,
                source: CredentialSource::Env((*name).to_owned()),
            })
        })
    }

    /// The value is the name of a variable that is set, or the key itself.
    fn in_config(&self, provider: &str) -> Option<Credential> {
        let value = self.config_keys.get(provider)?.trim();
        if value.is_empty() {
            return None;
        }
        Some(match self.variable(value) {
            Some(secret) => Credential {
                secret,
                source: CredentialSource::Env(value.to_owned()),
            },
            None => Credential {
                secret: value.to_owned(),
                source: CredentialSource::Config,
            },
        })
    }

    fn variable(&self, name: &str) -> Option<String> {
        let value = self.env.get(name)?.trim();
        (!value.is_empty()).then(|| value.to_owned())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(k, v)| ((*k).into(), (*v).into()))
            .collect()
    }

    fn config(key: &str) -> Config {
        serde_json::from_value(serde_json::json!({"models": {"providers": {
            "anthropic": {"baseUrl": "http://h", "apiKey": key, "models": []}
        }}}))
        .unwrap()
    }

    #[test]
    fn the_order_is_profile_then_environment_then_config() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("auth-profiles.json");
        std::fs::write(
            &path,
            r#"{"version":1,"profiles":{
                "anthropic:old":{"type":"token","provider":"anthropic","token":"t","expires":1},
                "anthropic:odd":{"type":"api_key"},
                "anthropic:default":{"type":"api_key","provider":"anthropic","key":"from-profile"}}}"#,
        )
        .unwrap();
        let vars = env(&[("ANTHROPIC_API_KEY", "from-env"), ("MY_KEY", "named")]);
        let find = |config: &Config, vars: &BTreeMap<_, _>, path| {
            Credentials::new(config, vars, path)
                .find("anthropic")
                .map(|c| (c.secret().to_owned(), c.source().to_string()))
        };
        let pair = |a: &str, b: &str| Some((a.to_owned(), b.to_owned()));
        assert_eq!(
            find(&config("literal"), &vars, Some(path)),
            pair("from-profile", "profile:anthropic:default")
        );
        assert_eq!(
            find(&config("literal"), &vars, None),
            pair("from-env", "env: ANTHROPIC_API_KEY")
        );
        assert_eq!(
            find(&config("MY_KEY"), &env(&[("MY_KEY", "named")]), None),
            pair("named", "env: MY_KEY")
        );
        assert_eq!(
            find(&config("literal"), &env(&[]), None),
            pair("literal", "config")
        );
        assert_eq!(find(&Config::default(), &env(&[]), None), None);
    }

    #[test]
    fn a_key_is_never_printed() {
        let key = "sk-ant-REDACTED";
        let found = Credentials::new(&config(key), &env(&[]), None)
            .find("anthropic")
            .unwrap();
        assert!(!format!("{found:?}").contains("0123456789"));
        assert_eq!(redact("lmstudio"), "…");
    }
}
