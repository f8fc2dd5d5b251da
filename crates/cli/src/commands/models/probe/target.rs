//! Which servers are probed, and which models' settings are compared with what they say.

use moltbot_config::Config;
use moltbot_config::schema::Provider;
use moltbot_llm::{Api, Catalog, CatalogError, Credentials, Model, ModelRef, ModelRefError};

use super::super::in_use;
use crate::app::App;
use crate::exit::Exit;

/// A server to probe.
pub(super) struct Target {
    /// The provider's id.
    pub(super) provider: String,
    /// A model of it: the address, the headers and the dialect to ask in.
    pub(super) asked: Model,
    /// The models to compare.
    pub(super) models: Vec<Model>,
}

impl Target {
    fn new(
        provider: String,
        models: Vec<Model>,
        asked: impl FnOnce() -> Option<Model>,
    ) -> Option<Self> {
        // A server of the owner's may share its name with the engine.
        let (inside, models): (Vec<Model>, Vec<Model>) = models
            .into_iter()
            .partition(|model| model.api == Api::Engine);
        let first = models.first().or(inside.first()).cloned();
        Some(Self {
            provider,
            asked: first.or_else(asked)?,
            models,
        })
    }
}

/// The servers of the default model and its fallbacks, of all agents.
pub(super) fn in_chain(
    app: &App,
    catalog: &Catalog,
    credentials: &Credentials,
) -> Result<Vec<Target>, Exit> {
    let models = in_use::models(app, catalog, credentials);
    let unknown = models.iter().find_map(|used| used.model.clone().err());
    let targets: Vec<Target> = in_use::providers(models)
        .into_iter()
        .filter(|provider| provider.in_chain)
        .filter_map(|provider| Target::new(provider.id, provider.models, || None))
        .collect();
    match targets.is_empty() {
        true => Err(unknown.unwrap_or(CatalogError::NothingConfigured).into()),
        false => Ok(targets),
    }
}

/// The server that a person names, by provider, `provider/model` or alias.
pub(super) fn named(
    app: &App,
    catalog: &Catalog,
    credentials: &Credentials,
    text: &str,
) -> Result<Target, Exit> {
    let reference = match catalog.reference(text) {
        Ok(reference) => reference,
        Err(ModelRefError::NoProvider(id)) => return provider(app, catalog, credentials, &id),
        Err(error) => return Err(CatalogError::from(error).into()),
    };
    let model = catalog.model(&reference)?;
    Ok(Target {
        provider: reference.provider,
        asked: model.clone(),
        models: vec![model],
    })
}

/// A provider with its models in use and those that the owner lists.
fn provider(
    app: &App,
    catalog: &Catalog,
    credentials: &Credentials,
    text: &str,
) -> Result<Target, Exit> {
    let id = normalized(text);
    if !catalog.providers().any(|(known, _)| known == id) {
        return Err(Exit::failed(format!(
            "There is no provider \"{text}\"; add it under models.providers, or see moltbot models list --all."
        )));
    }
    let used = in_use::providers(in_use::models(app, catalog, credentials));
    let used = used.into_iter().find(|provider| provider.id == id);
    let mut models = used.map(|provider| provider.models).unwrap_or_default();
    let configured = configured(&app.snapshot.config, &id);
    for entry in configured.iter().flat_map(|(_, entry)| &entry.models) {
        let model = catalog.model(&ModelRef::new(id.clone(), entry.id.clone()))?;
        if !models
            .iter()
            .any(|known| known.reference == model.reference)
        {
            models.push(model);
        }
    }
    // One that lists no models has an address all the same.
    let bare = catalog.model(&ModelRef::new(id.clone(), "any"));
    let error = bare.as_ref().err().cloned();
    Target::new(id, models, || bare.ok())
        .ok_or_else(|| error.unwrap_or(CatalogError::NothingConfigured).into())
}

/// The owner's entry of a provider, under the name that the owner gave it.
fn configured<'c>(config: &'c Config, id: &str) -> Option<(&'c str, &'c Provider)> {
    let mut providers = config
        .models
        .iter()
        .flat_map(|models| models.providers.iter().flatten());
    providers
        .find(|(name, _)| normalized(name) == id)
        .map(|(name, entry)| (name.as_str(), entry))
}

/// Where a provider's settings stand in the configuration.
pub(super) fn provider_path(config: &Config, id: &str) -> String {
    let name = configured(config, id).map_or(id, |(name, _)| name);
    // A dot in a name is literal; the shell takes one of the two away.
    format!("models.providers.{}", name.replace('.', "\\\\."))
}

/// Where a model's context window stands, and whether the owner wrote one; `None` where the owner does not list it.
pub(super) fn context_window_path(config: &Config, model: &ModelRef) -> Option<(String, bool)> {
    let (_, entry) = configured(config, &model.provider)?;
    let place = entry
        .models
        .iter()
        .position(|entry| entry.id == model.model)?;
    let path = provider_path(config, &model.provider);
    Some((
        format!("{path}.models.{place}.contextWindow"),
        entry.models[place].context_window.is_some(),
    ))
}

/// The same spellings as in a reference.
fn normalized(id: &str) -> String {
    ModelRef::parse(&format!("{id}/x")).map_or_else(|_| id.to_owned(), |model| model.provider)
}
