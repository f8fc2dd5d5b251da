//! Who searches, and with which limits.

use std::fmt;
use std::time::Duration;

use moltbot_config::{Environment, schema};

const BRAVE: &str = "https://api.search.brave.com/res/v1";
const PERPLEXITY: &str = "https://api.perplexity.ai";
const OPENROUTER: &str = "https://openrouter.ai/api/v1";

/// How the web is searched. The configuration knows these as `tools.web.search`.
#[derive(Debug, Clone)]
pub struct SearchSettings {
    /// Who searches.
    pub engine: Engine,
    /// How many results are asked for where the model does not say, 1 to 10.
    pub max_results: u32,
    /// Longest time for one search.
    pub timeout: Duration,
    /// How long an answer is kept; zero for not at all.
    pub keep: Duration,
}

/// Who searches. `Debug` does not show the key.
#[derive(Clone)]
pub enum Engine {
    /// Brave Search.
    Brave {
        /// Its API key.
        key: String,
        /// Its API, to which `/web/search` is added.
        base_url: String,
    },
    /// A model of Perplexity's that searches and tells what it found.
    Perplexity {
        /// The API key of Perplexity or OpenRouter.
        key: String,
        /// The API, to which `/chat/completions` is added.
        base_url: String,
        /// The model, as the API names it.
        model: String,
    },
    /// A SearXNG of the owner's.
    SearXng {
        /// Its address, to which `/search` is added.
        base_url: String,
    },
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Brave { base_url, .. }
        | Self::Perplexity { base_url, .. }
        | Self::SearXng { base_url }) = self;
        write!(f, "{} at {base_url}", self.title())
    }
}

impl Engine {
    /// As the configuration writes it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Brave { .. } => "brave",
            Self::Perplexity { .. } => "perplexity",
            Self::SearXng { .. } => "searxng",
        }
    }

    /// As people write it.
    pub(super) fn title(&self) -> &'static str {
        match self {
            Self::Brave { .. } => "Brave Search",
            Self::Perplexity { .. } => "Perplexity",
            Self::SearXng { .. } => "SearXNG",
        }
    }

    /// What the configuration and the environment have; `None` where the key or address is missing.
    fn from_config(config: &schema::WebSearch, env: &Environment) -> Option<Self> {
        use schema::SearchProvider;
        match config.provider {
            Some(SearchProvider::Brave) => Self::brave(config, env),
            Some(SearchProvider::Perplexity) => Self::perplexity(config, env),
            Some(SearchProvider::Searxng) => Self::searxng(config),
            None => Self::brave(config, env).or_else(|| Self::searxng(config)),
        }
    }

    fn brave(config: &schema::WebSearch, env: &Environment) -> Option<Self> {
        Some(Self::Brave {
            key: given(config.api_key.as_deref())
                .or(env.get("BRAVE_API_KEY"))?
                .trim()
                .to_owned(),
            base_url: BRAVE.to_owned(),
        })
    }

    fn searxng(config: &schema::WebSearch) -> Option<Self> {
        let base_url = given(config.searxng.as_ref()?.base_url.as_deref())?;
        Some(Self::SearXng {
            base_url: base_url.to_owned(),
        })
    }

    /// Perplexity itself or OpenRouter: as configured, else by whose key it is.
    fn perplexity(config: &schema::WebSearch, env: &Environment) -> Option<Self> {
        let own = config.perplexity.clone().unwrap_or_default();
        let (key, default) = if let Some(key) = given(own.api_key.as_deref()) {
            match key.starts_with("pplx-") {
                true => (key, PERPLEXITY),
                false => (key, OPENROUTER),
            }
        } else if let Some(key) = env.get("PERPLEXITY_API_KEY") {
            (key, PERPLEXITY)
        } else {
            (env.get("OPENROUTER_API_KEY")?, OPENROUTER)
        };
        let base_url = given(own.base_url.as_deref()).unwrap_or(default);
        let model = given(own.model.as_deref()).unwrap_or("perplexity/sonar-pro");
        // Perplexity names its models without itself in front.
        let model = match base_url.starts_with(PERPLEXITY) {
            true => model.trim_start_matches("perplexity/"),
            false => model,
        };
        Some(Self::Perplexity {
            key: key.trim().to_owned(),
            base_url: base_url.to_owned(),
            model: model.to_owned(),
        })
    }
}

/// A text that is not blank.
fn given(text: Option<&str>) -> Option<&str> {
    let text = text?.trim();
    (!text.is_empty()).then_some(text)
}

impl SearchSettings {
    /// These limits' defaults, for a search engine.
    pub fn new(engine: Engine) -> Self {
        Self {
            engine,
            max_results: 5,
            timeout: Duration::from_secs(30),
            keep: Duration::from_secs(15 * 60),
        }
    }

    /// What the configuration and the environment say; `None` where searching is switched off or cannot work for want
    /// of a key or an address.
    pub fn from_config(config: &schema::WebSearch, env: &Environment) -> Option<Self> {
        if config.enabled == Some(false) {
            return None;
        }
        let mut settings = Self::new(Engine::from_config(config, env)?);
        if let Some(results) = config.max_results {
            settings.max_results = results;
        }
        if let Some(seconds) = config.timeout_seconds {
            settings.timeout = Duration::from_secs(seconds);
        }
        if let Some(minutes) = config.cache_ttl_minutes {
            settings.keep = crate::web::minutes(minutes);
        }
        Some(settings)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::{Value, json};

    use super::*;

    fn engine(config: Value, vars: &[(&str, &str)]) -> Option<Engine> {
        let config: schema::WebSearch = serde_json::from_value(config).unwrap();
        let mut env = Environment::default();
        for (name, value) in vars {
            env.vars.insert((*name).to_owned(), (*value).to_owned());
        }
        SearchSettings::from_config(&config, &env).map(|settings| settings.engine)
    }

    #[test]
    fn there_is_no_search_without_a_key_or_an_address() {
        let searxng = json!({"searxng": {"baseUrl": "http://127.0.0.1:8888"}});
        for (config, vars) in [
            (json!({}), &[][..]),
            (json!({"apiKey": " "}), &[("BRAVE_API_KEY", "")]),
            (
                json!({}),
                &[("PERPLEXITY_API_KEY", "k"), ("OPENROUTER_API_KEY", "k")],
            ),
            (
                json!({"provider": "perplexity", "apiKey": "k"}),
                &[("BRAVE_API_KEY", "k")],
            ),
            (json!({"provider": "searxng"}), &[("BRAVE_API_KEY", "k")]),
            (json!({"enabled": false, "apiKey": "k"}), &[]),
        ] {
            assert!(engine(config.clone(), vars).is_none(), "{config}");
        }
        assert!(matches!(engine(searxng, &[]), Some(Engine::SearXng { .. })));
    }

    #[test]
    fn the_key_is_the_configs_else_the_environments() {
        let key = |config, vars: &[_]| match engine(config, vars) {
            Some(Engine::Brave { key, .. }) => key,
            other => panic!("{other:?}"),
        };
        let env = [("BRAVE_API_KEY", "from-env")];
        assert_eq!(key(json!({"apiKey": "from-config"}), &env), "from-config");
        assert_eq!(key(json!({"provider": "brave"}), &env), "from-env");
    }

    #[test]
    fn perplexity_is_asked_where_the_key_is_from() {
        let both = [("PERPLEXITY_API_KEY", "p"), ("OPENROUTER_API_KEY", "o")];
        for (perplexity, vars, expected) in [
            (json!({}), &both[..], ("p", PERPLEXITY, "sonar-pro")),
            (
                json!({}),
                &both[1..],
                ("o", OPENROUTER, "perplexity/sonar-pro"),
            ),
            (
                json!({"apiKey": "pplx-1"}),
                &both,
                ("pplx-1", PERPLEXITY, "sonar-pro"),
            ),
            (
                json!({"apiKey": "sk-or-1"}),
                &both,
                ("sk-or-1", OPENROUTER, "perplexity/sonar-pro"),
            ),
            (
                json!({"baseUrl": "http://h/v1", "model": "m"}),
                &both,
                ("p", "http://h/v1", "m"),
            ),
        ] {
            let config = json!({"provider": "perplexity", "perplexity": perplexity});
            let Some(Engine::Perplexity {
                key,
                base_url,
                model,
            }) = engine(config.clone(), vars)
            else {
                panic!("{config}");
            };
            assert_eq!(
                (key.as_str(), base_url.as_str(), model.as_str()),
                expected,
                "{config}"
            );
        }
    }

    #[test]
    fn a_key_is_not_shown() {
        let engine = engine(json!({"apiKey": "secret-key"}), &[]).unwrap();
        assert!(!format!("{:?}", SearchSettings::new(engine)).contains("secret"));
    }
}
