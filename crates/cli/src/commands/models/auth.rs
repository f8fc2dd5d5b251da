//! `moltbot models auth`: the stored credentials of providers, and the order in which they are tried.

use moltbot_config::KeyPath;
use moltbot_llm::ModelRef;
use serde_json::{Value, json};

use super::cooldown::forget;
use crate::app::App;
use crate::commands::config::file::ConfigFile;
use crate::exit::Exit;
use crate::output;

/// A provider's id in the spelling of references.
pub(super) fn provider_id(text: &str) -> String {
    ModelRef::parse(&format!("{text}/x")).map_or_else(|_| text.to_owned(), |model| model.provider)
}

/// Uses the refused credentials of a profile or a provider again at once, or all.
pub(super) async fn reset(app: &App, target: Option<&str>) -> Result<(), Exit> {
    forget(app, |cooldown| match (target, &cooldown.credential) {
        (_, None) => false,
        (None | Some("all"), Some(_)) => true,
        (Some(target), Some(credential)) => {
            *credential == format!("profile:{target}") || cooldown.provider == provider_id(target)
        }
    })
    .await
}

/// Prints the order of a provider's profiles.
pub(super) fn order(app: &App, provider: &str, json: bool) -> Result<(), Exit> {
    let provider = provider_id(provider);
    let credentials = app.credentials(&app.agent_id(None)?);
    let (order, set) = credentials.order(&provider);
    if json {
        let order = set.then_some(order);
        return output::json(&json!({"provider": provider, "order": order}));
    }
    if !set {
        return output::line(format_args!(
            "{provider}: no order is set; its profiles take turns."
        ));
    }
    output::line(format_args!("{provider}: {}", order.join(", ")))
}

/// Sets the order of a provider's profiles.
pub(super) fn set_order(
    app: &App,
    file: &mut ConfigFile,
    provider: &str,
    profiles: &[String],
) -> Result<(), Exit> {
    let id = provider_id(provider);
    let credentials = app.credentials(&app.agent_id(None)?);
    for wanted in profiles {
        match credentials.profiles().find(|profile| profile.id == *wanted) {
            None => {
                return Err(Exit::failed(format!(
                    "Auth profile \"{wanted}\" not found."
                )));
            }
            Some(profile) if profile.provider != id => {
                return Err(Exit::failed(format!(
                    "Auth profile \"{wanted}\" is for {}, not {id}.",
                    profile.provider
                )));
            }
            Some(_) => {}
        }
    }
    file.set(&key(app, &id)?, Value::from(profiles.to_vec()))?;
    output::line(format_args!("{id}: {}", profiles.join(", ")))
}

/// Takes the order of a provider's profiles out.
pub(super) fn clear_order(app: &App, file: &mut ConfigFile, provider: &str) -> Result<(), Exit> {
    let id = provider_id(provider);
    let key = key(app, &id)?;
    if moltbot_config::edit::get(&file.snapshot().value, &key).is_some() {
        file.unset(&key)?;
    }
    output::line(format_args!(
        "{id}: no order is set; its profiles take turns."
    ))
}

/// Where a provider's order stands: in the owner's spelling, where there is one.
fn key(app: &App, id: &str) -> Result<KeyPath, Exit> {
    let auth = app.snapshot.config.auth.iter();
    let mut written = auth.flat_map(|auth| auth.order.iter().flatten());
    let spelling = written.find(|(provider, _)| provider_id(provider) == id);
    let spelling = spelling.map_or(id, |(provider, _)| provider.as_str());
    Ok(format!("auth.order[{}]", json!(spelling)).parse()?)
}
