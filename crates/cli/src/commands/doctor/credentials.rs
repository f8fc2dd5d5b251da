//! The keys of the providers in use.

use moltbot_engine::models::InstalledModel;
use moltbot_llm::{Catalog, CredentialSource};
use serde_json::Value;

use super::check::Check;
use crate::app::App;
use crate::commands::models::in_use::{self, Key, key_remedy};
use crate::exit::Exit;

/// Checks that every provider in use has the key it needs.
pub(super) fn check(app: &App, installed: &[InstalledModel]) -> Result<Vec<Check>, Exit> {
    let agent = app.agent_id(None)?;
    let credentials = app.credentials(&agent);
    let ids: Vec<String> = installed.iter().map(|model| model.id.clone()).collect();
    let catalog = Catalog::new(&app.snapshot.config, &ids);
    let mut checks: Vec<Check> = profiles(app, &agent).into_iter().collect();
    for provider in in_use::providers(in_use::models(app, &catalog, &credentials)) {
        let Some(model) = provider.models.first() else {
            continue;
        };
        let (id, title) = (format!("credentials.{}", provider.id), provider.id.as_str());
        let check = match Key::of(model, &credentials) {
            Key::NotNeeded => continue,
            Key::Found(key) if is_unset_variable(key.source(), key.secret()) => {
                let name = key.secret();
                Check::warn(
                    &id,
                    title,
                    format!(
                        "{name} looks like the name of a variable, and none of that name is set"
                    ),
                )
                .remedy(format!(
                    "set {name}, or correct models.providers.{title}.apiKey"
                ))
            }
            Key::Found(key) => Check::ok(&id, title, in_use::shown(&key)),
            Key::Missing => Check::fail(&id, title, "no key").remedy(key_remedy(&provider.id)),
        };
        checks.push(if provider.in_chain {
            check
        } else {
            check.at_most_warn()
        });
    }
    if checks.is_empty() {
        checks.push(Check::ok(
            "credentials.none",
            "keys",
            "no model in use needs one",
        ));
    }
    Ok(checks)
}

/// A file of profiles that cannot be read is passed over by a turn, so it is told here.
fn profiles(app: &App, agent: &str) -> Option<Check> {
    let path = app.paths().agent_dir(agent).join("auth-profiles.json");
    let problem = match std::fs::read_to_string(&path) {
        Ok(text) => serde_json::from_str::<Value>(&text).err()?.to_string(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => error.to_string(),
    };
    let shown = app.snapshot.environment.shown(&path);
    Some(
        Check::warn(
            "credentials.profiles",
            "profiles",
            format!("{shown} cannot be read: {problem}"),
        )
        .remedy("correct or remove the file; its keys are not used"),
    )
}

/// Whether the configuration names a variable that is not set, so that its name would be sent as the key.
fn is_unset_variable(source: &CredentialSource, secret: &str) -> bool {
    let is_name = secret
        .chars()
        .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    *source == CredentialSource::Config
        && is_name
        && (secret.ends_with("_KEY") || secret.ends_with("_TOKEN"))
}
