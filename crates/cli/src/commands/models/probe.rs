//! `moltbot models probe`: what model servers are, what they have loaded, and how that fits the configuration.
//!
//! First it only looks. Then models that are loaded are asked a few short questions. All of it is kept for the turns.

mod asked;
mod card;
mod compare;
mod target;

use std::sync::Arc;

use moltbot_config::Config;
use moltbot_llm::{Catalog, Credential, HttpBackend, Probe, ProbeError, Repairing, probe};
use serde::Serialize;
use serde_json::json;
use tokio::task::JoinSet;

use super::in_use::{Key, key_remedy};
use crate::app::App;
use crate::args::ProbeArgs;
use crate::exit::Exit;
use crate::output;
use asked::{AskedModel, Questions};
use compare::Comparison;
use target::Target;

/// A server, what it said, and what follows.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    provider: String,
    /// As configured; [`Probe::base_url`] is the one that works.
    configured_base_url: String,
    ok: bool,
    /// Why it could not be probed: one sentence.
    error: Option<String>,
    /// Whether its models run inside this program, where there is nothing to probe.
    in_process: bool,
    probe: Option<Probe>,
    /// What makes the configured base URL right, where it is wrong.
    base_url_remedy: Option<String>,
    /// One for each configured model.
    comparisons: Vec<Comparison>,
    /// What asking showed, now or earlier; one for each model that was, or might be, asked.
    asked: Vec<AskedModel>,
}

/// Probes the server named, or those of the default model and its fallbacks. A server that was named and cannot be
/// probed is an exit code of 1, and so is a chain of which no server can.
pub(super) async fn run(app: &App, catalog: &Catalog, args: &ProbeArgs) -> Result<(), Exit> {
    let named = args.target.as_deref();
    let credentials = Arc::new(app.credentials(&app.agent_id(None)?));
    let targets = match named {
        Some(text) => vec![target::named(app, catalog, &credentials, text)?],
        None => target::in_chain(app, catalog, &credentials)?,
    };
    let knowledge = Arc::new(app.knowledge()?);
    let http = HttpBackend::new(Arc::clone(&credentials));
    let questions = Arc::new(Questions {
        backend: Repairing::new(http, Arc::clone(&knowledge)),
        knowledge,
        passive: args.passive,
        load: args.load,
        is_named: named.is_some(),
        quiet: args.json,
    });
    let mut running = JoinSet::new();
    for (place, target) in targets.into_iter().enumerate() {
        let key = Key::of(&target.asked, &credentials);
        let questions = Arc::clone(&questions);
        running.spawn(async move {
            let outcome = ask(&target, &key).await;
            let asked = match &outcome {
                Outcome::Probed(probe) => {
                    let knowledge = &questions.knowledge;
                    knowledge.learn(&target.asked, probe.clone()).await;
                    let secret = match &key {
                        Key::Found(credential) => Some(credential.secret()),
                        Key::NotNeeded | Key::Missing => None,
                    };
                    questions.put(&target, probe, secret).await
                }
                _ => Vec::new(),
            };
            (place, target, outcome, asked)
        });
    }
    let mut answers = running.join_all().await;
    answers.sort_by_key(|(place, ..)| *place);
    let config = &app.snapshot.config;
    let reports: Vec<Report> = answers
        .into_iter()
        .map(|(_, target, outcome, asked)| Report::new(config, target, outcome, asked))
        .collect();

    match args.json {
        true => output::json(&json!({"servers": reports}))?,
        false => card::print(&reports)?,
    }
    let failed = |report: &Report| !report.ok && (named.is_some() || !report.in_process);
    match !reports.is_empty() && reports.iter().all(failed) {
        true => Err(Exit::silent(1)),
        false => Ok(()),
    }
}

/// What came of asking.
enum Outcome {
    Probed(Probe),
    InProcess(String),
    Failed(String),
}

async fn ask(target: &Target, key: &Key) -> Outcome {
    let key: Option<&Credential> = match key {
        Key::Found(credential) => Some(credential),
        // The owner's headers may hold what signs the request.
        Key::Missing if target.asked.headers.is_empty() => {
            return Outcome::Failed(format!(
                "{} wants an API key and there is none; {}.",
                target.provider,
                key_remedy(&target.provider)
            ));
        }
        Key::Missing | Key::NotNeeded => None,
    };
    match probe(&target.asked, key.map(Credential::secret)).await {
        Ok(probe) => Outcome::Probed(probe),
        Err(error @ ProbeError::InProcess(_)) => Outcome::InProcess(error.to_string()),
        Err(error) => Outcome::Failed(error.to_string()),
    }
}

impl Report {
    fn new(config: &Config, target: Target, outcome: Outcome, asked: Vec<AskedModel>) -> Self {
        let mut report = Self {
            provider: target.provider,
            configured_base_url: target.asked.base_url.clone(),
            ok: false,
            error: None,
            in_process: false,
            probe: None,
            base_url_remedy: None,
            comparisons: Vec::new(),
            asked,
        };
        match outcome {
            Outcome::InProcess(sentence) => {
                report.error = Some(sentence);
                report.in_process = true;
            }
            Outcome::Failed(sentence) => report.error = Some(sentence),
            Outcome::Probed(probe) => {
                report.ok = true;
                if probe.base_url != report.configured_base_url {
                    let path = target::provider_path(config, &report.provider);
                    report.base_url_remedy = Some(format!(
                        "moltbot config set {path}.baseUrl {}",
                        probe.base_url
                    ));
                }
                let compare = |model| compare::compare(config, &probe, model);
                report.comparisons = target.models.iter().map(compare).collect();
                report.probe = Some(probe);
            }
        }
        report
    }
}
