//! Which models and providers the configuration may come to use, and whether each has the key it needs.

use std::collections::BTreeMap;

use moltbot_config::{Config, EXPECTED_KEYS};
use moltbot_llm::{Catalog, CatalogError, Credential, Credentials, Model, ModelRef, redact};

use crate::app::App;

/// A model that may be asked.
pub(crate) struct ModelInUse {
    /// Its name.
    pub(crate) reference: ModelRef,
    /// Whether a turn asks it by itself (a default or a fallback), not only when a person chooses it.
    pub(crate) in_chain: bool,
    /// What the catalog knows of it.
    pub(crate) model: Result<Model, CatalogError>,
}

/// Every model that may be asked: the defaults and fallbacks first, then those that the owner lists.
pub(crate) fn models(app: &App, catalog: &Catalog, credentials: &Credentials) -> Vec<ModelInUse> {
    let has_anthropic_key = credentials.find("anthropic").is_some();
    let list = app
        .snapshot
        .config
        .agents
        .iter()
        .flat_map(|agents| agents.list.iter().flatten());
    let agents = std::iter::once(None).chain(list.map(|agent| Some(agent.id.as_str())));
    let mut found: Vec<ModelInUse> = Vec::new();
    let mut add = |reference: &ModelRef, in_chain: bool| {
        let model = catalog.model(reference);
        // A name in other letters than the catalog's is the same model.
        let reference = model
            .as_ref()
            .map_or(reference, |model| &model.reference)
            .clone();
        if !found.iter().any(|known| known.reference == reference) {
            found.push(ModelInUse {
                reference,
                in_chain,
                model,
            });
        }
    };
    for agent in agents {
        if let Some(default) = catalog.default_model(agent, has_anthropic_key) {
            add(&default, true);
        }
        for fallback in catalog.fallbacks(agent) {
            add(fallback, true);
        }
    }
    for listed in catalog.allowed().into_iter().flatten() {
        add(listed, false);
    }
    found
}

/// A provider in use and its models.
pub(crate) struct ProviderInUse {
    /// Its id.
    pub(crate) id: String,
    /// Its models in use; never empty.
    pub(crate) models: Vec<Model>,
    /// Whether one of them is a default or a fallback.
    pub(crate) in_chain: bool,
}

/// The providers of these models, in the same order. Models that the catalog does not know are left out.
pub(crate) fn providers(models: Vec<ModelInUse>) -> Vec<ProviderInUse> {
    let mut providers: Vec<ProviderInUse> = Vec::new();
    for used in models {
        let Ok(model) = used.model else { continue };
        let id = &used.reference.provider;
        match providers.iter_mut().find(|provider| provider.id == *id) {
            Some(provider) => {
                provider.models.push(model);
                provider.in_chain |= used.in_chain;
            }
            None => providers.push(ProviderInUse {
                id: id.clone(),
                models: vec![model],
                in_chain: used.in_chain,
            }),
        }
    }
    providers
}

/// How a provider stands with its key.
pub(crate) enum Key {
    /// There is one.
    Found(Credential),
    /// There is none, and a server on the owner's own machines needs none.
    NotNeeded,
    /// There is none, and nothing works without.
    Missing,
}

impl Key {
    /// The key for the provider of a model.
    pub(crate) fn of(model: &Model, credentials: &Credentials) -> Self {
        match credentials.find(&model.reference.provider) {
            Some(credential) => Self::Found(credential),
            None if model.is_local() => Self::NotNeeded,
            None => Self::Missing,
        }
    }
}

/// Where a key was found, with as much of it as may be shown.
pub(crate) fn shown(credential: &Credential) -> String {
    match redact(credential.secret()) {
        // Nothing of a short key may be.
        hidden if hidden == "…" => credential.source().to_string(),
        part => format!("{} ({part})", credential.source()),
    }
}

/// What to do about a missing key.
pub(crate) fn key_remedy(provider: &str) -> String {
    match variable(provider) {
        Some(name) => format!("set {name}, for example in the .env file of the state directory"),
        None => format!("set models.providers.{provider}.apiKey"),
    }
}

/// The name of an environment variable that a provider's key is read from: the likely names, tried for real, so that
/// no second list of them has to be kept.
fn variable(provider: &str) -> Option<String> {
    let upper = provider.to_ascii_uppercase();
    let likely = [upper.replace('-', "_"), upper.replace('-', "")]
        .map(|name| format!("{name}_API_KEY"))
        .into_iter();
    likely.chain(EXPECTED_KEYS.map(str::to_owned)).find(|name| {
        let alone = BTreeMap::from([(name.clone(), "set".to_owned())]);
        Credentials::new(&Config::default(), &alone, None)
            .find(provider)
            .is_some()
    })
}

#[cfg(test)]
mod tests {
    use super::key_remedy;

    #[test]
    fn the_variable_named_is_one_that_is_read() {
        assert!(key_remedy("anthropic").starts_with("set ANTHROPIC_API_KEY,"));
        assert!(key_remedy("zai").starts_with("set ZAI_API_KEY,"));
        assert_eq!(key_remedy("box"), "set models.providers.box.apiKey");
    }
}
