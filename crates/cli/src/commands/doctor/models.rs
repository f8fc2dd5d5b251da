//! The models in use: whether they resolve, and whether their servers have them.

use moltbot_engine::models::InstalledModel;
use moltbot_llm::{Api, Catalog, Model};

use super::check::Check;
use super::server::{self, Server};
use crate::app::App;
use crate::commands::models::in_use::{self, Key};
use crate::exit::Exit;

/// Checks the default, the fallbacks and the servers behind them, all servers at once.
pub(super) async fn check(app: &App, installed: &[InstalledModel]) -> Result<Vec<Check>, Exit> {
    let agent = app.agent_id(None)?;
    let credentials = app.credentials(&agent);
    let ids: Vec<String> = installed.iter().map(|model| model.id.clone()).collect();
    let catalog = Catalog::new(&app.snapshot.config, &ids);
    let has_anthropic_key = credentials.find("anthropic").is_some();

    let mut checks = Vec::new();
    match catalog.chain(None, Some(&agent), has_anthropic_key) {
        Ok((chain, left_out)) => {
            let names: Vec<String> = chain
                .iter()
                .map(|model| model.reference.to_string())
                .collect();
            checks.push(Check::ok(
                "models.default",
                "default",
                names.join(", then "),
            ));
            let missing = left_out
                .iter()
                .map(|error| Check::warn("models.fallback", "fallback", error.to_string()));
            checks.extend(missing);
        }
        Err(error) => checks.push(Check::fail("models.default", "default", error.to_string())),
    }
    let warnings = catalog.warnings().iter();
    checks.extend(warnings.map(|text| Check::warn("models.warning", "warning", text)));

    let services = app.services()?;
    let mut servers = Vec::new();
    for provider in in_use::providers(in_use::models(app, &catalog, &credentials)) {
        let (inside, served): (Vec<Model>, Vec<Model>) = provider
            .models
            .into_iter()
            .partition(|model| model.api == Api::Engine);
        checks.extend(
            inside
                .iter()
                .map(|model| inside_check(model, &ids, provider.in_chain)),
        );
        let Some(first) = served.first() else {
            continue;
        };
        let key = match Key::of(first, &credentials) {
            Key::Found(credential) => Some(credential),
            Key::NotNeeded => None,
            // Told among the credentials; without a key the server would only refuse.
            Key::Missing => continue,
        };
        servers.push(Server {
            service: services.state(&provider.id).await,
            id: provider.id,
            models: served,
            key,
            in_chain: provider.in_chain,
        });
    }
    checks.extend(server::check_all(servers).await);
    Ok(checks)
}

/// A model that runs in this program.
fn inside_check(model: &Model, installed: &[String], in_chain: bool) -> Check {
    let (reference, id) = (&model.reference, &model.reference.model);
    let (name, title) = (format!("models.local.{id}"), reference.to_string());
    let check = if !cfg!(feature = "engine") {
        Check::fail(
            &name,
            &title,
            "this build of moltbot has no engine to run it with",
        )
        .remedy("build it with the feature \"engine\", or use a model server")
    } else if installed.iter().any(|known| known.eq_ignore_ascii_case(id)) {
        Check::ok(&name, &title, "is installed")
    } else {
        Check::fail(&name, &title, "is not installed").remedy(format!("moltbot models pull {id}"))
    };
    if in_chain {
        check
    } else {
        check.at_most_warn()
    }
}
