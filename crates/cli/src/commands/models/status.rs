//! `moltbot models status`: what answers, what follows, what is left alone for now, and whether each provider has its
//! key.

mod profiles;
mod rungs;

use std::collections::BTreeMap;
use std::path::PathBuf;

use moltbot_config::schema::AgentDefaults;
use moltbot_config::{EXPECTED_KEYS, load_text};
use moltbot_llm::{
    Catalog, CatalogError, CredentialSource, Credentials, Knowledge, Source, machine_clock,
};
use serde::Serialize;

use profiles::{Logins, Unusable};
use rungs::Rung;

use super::in_use::{self, Key, ModelInUse, key_remedy};
use super::{aliases, list};
use crate::app::{self, App};
use crate::args::{FormatArgs, Globals};
use crate::exit::Exit;
use crate::output;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    config_path: PathBuf,
    agent_dir: PathBuf,
    /// As the owner wrote it.
    default_model: Option<String>,
    resolved_default: Option<String>,
    /// Tokens that a conversation with it can have.
    context_window: Option<u64>,
    /// Who said so: `config`, `probed`, `catalog` or `guess`.
    context_window_source: Option<Source>,
    fallbacks: Vec<String>,
    /// The models that a turn walks through.
    rungs: Vec<Rung>,
    image_model: Option<String>,
    image_fallbacks: Vec<String>,
    aliases: BTreeMap<String, String>,
    /// Empty: every model may be used.
    allowed: Vec<String>,
    auth: Auth,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Auth {
    store_path: PathBuf,
    shell_env_fallback: ShellEnvFallback,
    /// Providers in use with logins or tokens, each with their number.
    #[serde(rename = "providersWithOAuth")]
    providers_with_oauth: Vec<String>,
    missing_providers_in_use: Vec<String>,
    providers: Vec<ProviderAuth>,
    /// Profiles that are left alone because they were refused.
    unusable_profiles: Vec<Unusable>,
    oauth: Logins,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ShellEnvFallback {
    enabled: bool,
    applied_keys: Vec<&'static str>,
}

#[derive(Debug, Serialize)]
struct ProviderAuth {
    provider: String,
    effective: Effective,
}

/// The credential that is sent.
#[derive(Debug, Serialize)]
struct Effective {
    /// `profiles`, `env`, `models.json` (the configuration), `none` (a local server needs none) or `missing`.
    kind: &'static str,
    /// Where it comes from, with the key itself redacted; or what to do about its absence.
    detail: String,
}

/// Prints the status. With `check`, a missing or expired credential is an exit code of 1, one that expires within a day
/// of 2.
pub(super) async fn run(
    globals: &Globals,
    app: &App,
    catalog: &Catalog,
    format: FormatArgs,
    check: bool,
) -> Result<(), Exit> {
    let status = read(globals, app, catalog).await?;
    if format.json {
        output::json(&status)?;
    } else if format.plain {
        let default = status.resolved_default.as_ref();
        output::line(default.ok_or(CatalogError::NothingConfigured)?)?;
    } else {
        print(app, &status)?;
    }
    let Auth { oauth, .. } = &status.auth;
    let missing = !status.auth.missing_providers_in_use.is_empty();
    if check && (missing || oauth.any("expired") || oauth.any("missing")) {
        Err(Exit::silent(1))
    } else if check && oauth.any("expiring") {
        Err(Exit::silent(2))
    } else {
        Ok(())
    }
}

async fn read(globals: &Globals, app: &App, catalog: &Catalog) -> Result<Status, Exit> {
    let agent_id = app.agent_id(None)?;
    let credentials = app.credentials(&agent_id);
    let has_anthropic_key = credentials.find("anthropic").is_some();
    let resolved = catalog.default_model(Some(&agent_id), has_anthropic_key);
    let default = match resolved.as_ref().map(|model| catalog.model(model)) {
        Some(Ok(model)) => Some(app.remembered()?.dress(model).await),
        _ => None,
    };
    let resolved = resolved.map(|model| model.to_string());
    let agents = app.snapshot.config.agents.as_ref();
    let defaults: AgentDefaults = agents
        .and_then(|agents| agents.defaults.clone())
        .unwrap_or_default();
    let written = defaults.model.and_then(|chain| chain.primary);
    let image = defaults.image_model.unwrap_or_default();
    let agent_dir = app.paths().agent_dir(&agent_id);
    let in_use = in_use::models(app, catalog, &credentials);
    let providers = provider_auth(&in_use, &credentials);
    let ids: Vec<&str> = providers
        .iter()
        .map(|auth| auth.provider.as_str())
        .collect();
    let now = machine_clock()();
    let oauth = Logins::new(&credentials, &ids, now);
    let learned = app.learned()?;
    let cooldowns = learned.as_ref().map(Knowledge::cooldowns);
    let chain = catalog.chain(None, Some(&agent_id), has_anthropic_key);
    let chain = chain.map(|(models, _)| models).unwrap_or_default();
    let unusable = match cooldowns {
        Some(cooldowns) => cooldowns.of_credentials(&credentials).await,
        None => Vec::new(),
    };
    let unusable = unusable.into_iter().filter_map(|c| Unusable::new(c, now));
    Ok(Status {
        rungs: rungs::read(&chain, &credentials, cooldowns).await,
        config_path: app.snapshot.path.clone(),
        default_model: written.or_else(|| resolved.clone()),
        resolved_default: resolved,
        context_window: default.as_ref().map(|model| model.context_window),
        context_window_source: default.as_ref().map(|model| model.context_source),
        fallbacks: names(catalog.fallbacks(Some(&agent_id))),
        image_model: image.primary,
        image_fallbacks: image.fallbacks.unwrap_or_default(),
        aliases: aliases::by_name(catalog),
        allowed: names(catalog.allowed().into_iter().flatten()),
        auth: Auth {
            store_path: agent_dir.join("auth-profiles.json"),
            shell_env_fallback: shell_env(globals, app)?,
            providers_with_oauth: oauth.counts(),
            unusable_profiles: unusable.collect(),
            oauth,
            missing_providers_in_use: providers
                .iter()
                .filter(|auth| auth.effective.kind == "missing")
                .map(|auth| auth.provider.clone())
                .collect(),
            providers,
        },
        agent_dir,
    })
}

fn names<'a>(models: impl IntoIterator<Item = &'a moltbot_llm::ModelRef>) -> Vec<String> {
    models.into_iter().map(ToString::to_string).collect()
}

/// One entry for each provider in use, in the order of their models.
fn provider_auth(in_use: &[ModelInUse], credentials: &Credentials) -> Vec<ProviderAuth> {
    let mut providers: Vec<ProviderAuth> = Vec::new();
    for used in in_use {
        let id = &used.reference.provider;
        if providers.iter().any(|known| known.provider == *id) {
            continue;
        }
        let effective = match &used.model {
            Ok(model) => effective(&Key::of(model, credentials), id),
            Err(error) => Effective {
                kind: "missing",
                detail: error.to_string(),
            },
        };
        providers.push(ProviderAuth {
            provider: id.clone(),
            effective,
        });
    }
    providers
}

fn effective(key: &Key, provider: &str) -> Effective {
    match key {
        Key::Found(credential) => Effective {
            kind: match credential.source() {
                CredentialSource::Profile(_) => "profiles",
                CredentialSource::Env(_) => "env",
                CredentialSource::Config => "models.json",
            },
            detail: in_use::shown(credential),
        },
        Key::NotNeeded => Effective {
            kind: "none",
            detail: "local, needs no key".to_owned(),
        },
        Key::Missing => Effective {
            kind: "missing",
            detail: format!("missing: {}", key_remedy(provider)),
        },
    }
}

/// Which keys the login shell filled in: those that are not there when it is not asked.
fn shell_env(globals: &Globals, app: &App) -> Result<ShellEnvFallback, Exit> {
    let setting = app
        .snapshot
        .config
        .env
        .as_ref()
        .and_then(|env| env.shell_env.as_ref());
    let enabled = app.snapshot.environment.is_on("LOAD_SHELL_ENV")
        || setting.and_then(|shell| shell.enabled) == Some(true);
    let mut applied_keys = Vec::new();
    if enabled {
        let mut without = app::environment(globals)?;
        without.vars.insert(
            "MOLTBOT_DEFER_SHELL_ENV_FALLBACK".to_owned(),
            "1".to_owned(),
        );
        let text = match app.snapshot.exists {
            true => &app.snapshot.raw,
            false => "{}",
        };
        if let Ok(before) = load_text(&without, text) {
            applied_keys.extend(EXPECTED_KEYS.into_iter().filter(|key| {
                app.snapshot.environment.get(key).is_some() && before.environment.get(key).is_none()
            }));
        }
    }
    Ok(ShellEnvFallback {
        enabled,
        applied_keys,
    })
}

fn print(app: &App, status: &Status) -> Result<(), Exit> {
    let none = || "none".to_owned();
    let joined = |list: &[String]| {
        if list.is_empty() {
            none()
        } else {
            list.join(", ")
        }
    };
    let aliases: Vec<String> = status
        .aliases
        .iter()
        .map(|(alias, model)| format!("{alias} -> {model}"))
        .collect();
    let mut rows = vec![
        (
            "Config".to_owned(),
            app.snapshot.environment.shown(&status.config_path),
        ),
        (
            "Default".to_owned(),
            match &status.resolved_default {
                Some(model) => format!(
                    "{model} ({})",
                    list::context(status.context_window, status.context_window_source)
                ),
                None => format!("none. {}", CatalogError::NothingConfigured),
            },
        ),
        (
            format!("Fallbacks ({})", status.fallbacks.len()),
            joined(&status.fallbacks),
        ),
        (format!("Aliases ({})", aliases.len()), joined(&aliases)),
    ];
    rows.push(match status.allowed.len() {
        0 => ("Allowed".to_owned(), "every model".to_owned()),
        count => (format!("Allowed ({count})"), status.allowed.join(", ")),
    });
    for rung in &status.rungs {
        if let Some(cooldown) = &rung.cooldown {
            let words = output::plain(&cooldown.in_words());
            let words = output::styled(output::WARN, words);
            rows.push(("Cooling".to_owned(), format!("{}  {words}", rung.model)));
        }
    }
    let width = rows
        .iter()
        .map(|(label, _)| label.len())
        .max()
        .unwrap_or_default();
    for (label, text) in rows {
        let label = output::styled(output::BOLD, format_args!("{label:width$}"));
        output::line(format_args!("{label}  {text}"))?;
    }
    let providers = &status.auth.providers;
    let inner = providers
        .iter()
        .map(|auth| auth.provider.len())
        .max()
        .unwrap_or_default();
    for (at, auth) in providers.iter().enumerate() {
        let label = if at == 0 { "Auth" } else { "" };
        let label = output::styled(output::BOLD, format_args!("{label:width$}"));
        let style = match auth.effective.kind {
            "missing" => output::BAD,
            _ => output::GOOD,
        };
        let detail = output::styled(style, &auth.effective.detail);
        output::line(format_args!("{label}  {:inner$}  {detail}", auth.provider))?;
        let rows = status.auth.oauth.profiles.iter();
        let rows: Vec<(bool, String)> = rows
            .filter(|row| row.provider == auth.provider)
            .map(|row| row.in_words(&status.auth.unusable_profiles))
            .collect();
        // One that is well is told above.
        if rows.len() > 1 || rows.iter().any(|(well, _)| !well) {
            for (well, words) in rows {
                let style = if well { output::GOOD } else { output::WARN };
                let words = output::styled(style, output::plain(&words));
                output::line(format_args!("{:width$}  {:inner$}    {words}", "", ""))?;
            }
        }
    }
    Ok(())
}
