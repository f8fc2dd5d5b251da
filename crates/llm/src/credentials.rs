//! Which key goes to which provider, and where it was found.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use moltbot_config::schema::Config;
use serde::Deserialize;

use crate::catalog::env_names;
use crate::reference::normalize_provider;

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
    profiles: Vec<(String, Profile)>,
    env: BTreeMap<String, String>,
    config_keys: BTreeMap<String, String>,
}

/// One entry of `auth-profiles.json`. Logins that must be renewed (`oauth`) are not used by this version.
#[derive(Clone, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Profile {
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
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct ProfileFile {
    #[serde(default)]
    profiles: BTreeMap<String, serde_json::Value>,
}

impl Credentials {
    /// Gathers the credentials that `config` and `env` hold, and those in the file `auth_profiles` where it exists.
    /// Entries of that file that cannot be read are left out: one bad entry must not cost the others.
    pub fn new(
        config: &Config,
        env: &BTreeMap<String, String>,
        auth_profiles: Option<PathBuf>,
    ) -> Self {
        let profiles = auth_profiles
            .and_then(|path| std::fs::read_to_string(path).ok())
            .and_then(|text| serde_json::from_str::<ProfileFile>(&text).ok())
            .map(|file| {
                file.profiles
                    .into_iter()
                    .filter_map(|(id, value)| Some((id, serde_json::from_value(value).ok()?)))
                    .collect()
            })
            .unwrap_or_default();
        let config_keys = config
            .models
            .iter()
            .flat_map(|models| models.providers.iter().flatten())
            .filter_map(|(id, provider)| Some((normalize_provider(id), provider.api_key.clone()?)))
            .collect();
        Self {
            profiles,
            env: env.clone(),
            config_keys,
        }
    }

    /// The key for a provider, or `None` where there is none (local servers need none).
    pub fn find(&self, provider: &str) -> Option<Credential> {
        self.profile(provider)
            .or_else(|| self.in_env(provider))
            .or_else(|| self.in_config(provider))
    }

    fn profile(&self, provider: &str) -> Option<Credential> {
        self.profiles.iter().find_map(|(id, profile)| {
            let secret = match profile {
                Profile::ApiKey { provider: p, key } if normalize_provider(p) == provider => key,
                Profile::Token {
                    provider: p,
                    token,
                    expires,
                } if normalize_provider(p) == provider => {
                    if expires.is_some_and(|at| at < now_ms()) {
                        return None;
                    }
                    token
                }
                _ => return None,
            };
            (!secret.trim().is_empty()).then(|| Credential {
                secret: secret.trim().to_owned(),
                source: CredentialSource::Profile(id.clone()),
            })
        })
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

fn now_ms() -> f64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0.0, |d| d.as_secs_f64() * 1000.0)
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
