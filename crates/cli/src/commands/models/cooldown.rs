//! `moltbot models cooldown`: what is left alone because it failed, and asking it again at once.

use std::time::Duration;

use moltbot_llm::{Catalog, Cooldown, in_words};
use serde::Serialize;
use serde_json::json;

use super::auth::provider_id;
use crate::app::App;
use crate::exit::Exit;
use crate::output;

/// A cooldown as it is shown.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shown {
    /// `cooling`, or `due`: it has passed, and the next request finds out whether it works again.
    pub(super) state: &'static str,
    pub(super) provider: String,
    /// `null` where every model of a credential is concerned.
    pub(super) model: Option<String>,
    /// The base URL.
    pub(super) server: String,
    /// Where the credential that was refused comes from; `null` where the server itself is left alone.
    pub(super) credential: Option<String>,
    /// The class of the failure.
    pub(super) reason: &'static str,
    pub(super) status: Option<u16>,
    /// What the server said.
    pub(super) message: String,
    pub(super) failures: u32,
    /// Milliseconds since the Unix epoch.
    pub(super) failed_at: u64,
    /// Milliseconds since the Unix epoch.
    pub(super) until: u64,
    pub(super) remaining_ms: u64,
    #[serde(skip)]
    subject: String,
}

impl Shown {
    pub(super) fn new(cooldown: Cooldown, now: u64) -> Self {
        let left = cooldown.left(now);
        let left_ms = left.map_or(0, |left| left.as_millis());
        Self {
            subject: cooldown.subject(),
            state: if left.is_some() { "cooling" } else { "due" },
            provider: cooldown.provider,
            model: cooldown.model,
            server: cooldown.server,
            credential: cooldown.credential,
            reason: cooldown.class.as_str(),
            status: cooldown.status,
            message: cooldown.detail,
            failures: cooldown.failures,
            failed_at: cooldown.failed_at,
            until: cooldown.until,
            remaining_ms: u64::try_from(left_ms).unwrap_or(u64::MAX),
        }
    }

    /// For how long, why and after how many failures.
    pub(super) fn in_words(&self) -> String {
        let state = match self.remaining_ms {
            0 => "tried again next time".to_owned(),
            left => format!(
                "cooling down for another {}",
                in_words(Duration::from_millis(left))
            ),
        };
        let times = match self.failures {
            1 => "failed once".to_owned(),
            times => format!("failed {times} times"),
        };
        match self.message.as_str() {
            "" => format!("{state}; {times}: {}", self.reason),
            said => format!("{state}; {times}: {} ({said})", self.reason),
        }
    }
}

/// Prints all of them.
pub(super) async fn list(app: &App, json: bool) -> Result<(), Exit> {
    let mut all = Vec::new();
    if let Some(knowledge) = app.learned()? {
        let cooldowns = knowledge.cooldowns();
        let now = cooldowns.now();
        let known = cooldowns.list().await;
        all.extend(known.into_iter().map(|cooldown| Shown::new(cooldown, now)));
    }
    if json {
        return output::json(&json!({"cooldowns": all}));
    }
    if all.is_empty() {
        return output::line("Nothing is cooling down.");
    }
    for shown in &all {
        let words = output::plain(&shown.in_words());
        output::line(format_args!("{}  {words}", shown.subject))?;
    }
    Ok(())
}

/// Forgets those of a provider or a model, with those of the credentials it is asked with, or all.
pub(super) async fn reset(app: &App, catalog: &Catalog, target: Option<&str>) -> Result<(), Exit> {
    let Some(target) = target.filter(|text| *text != "all") else {
        return forget(app, |_| true).await;
    };
    let provider = provider_id(target);
    let configured = app.snapshot.config.models.iter();
    let mut configured = configured.flat_map(|models| models.providers.iter().flatten());
    let names_provider =
        !target.contains('/') && configured.any(|(id, _)| provider_id(id) == provider);
    // What is no provider of the file may be a model or an alias, or a provider of the catalog.
    let model = catalog.reference(target).ok().filter(|_| !names_provider);
    forget(app, |cooldown| match &model {
        Some(model) => {
            let of_model = |id: &String| *id == model.model;
            cooldown.provider == model.provider && cooldown.model.as_ref().is_none_or(of_model)
        }
        None => cooldown.provider == provider,
    })
    .await
}

/// Forgets those that `which` picks, and says how many.
pub(super) async fn forget(app: &App, which: impl Fn(&Cooldown) -> bool) -> Result<(), Exit> {
    let count = match app.learned()? {
        Some(knowledge) => knowledge.cooldowns().reset(which).await,
        None => 0,
    };
    match count {
        0 => output::line("Nothing of that is cooling down."),
        1 => output::line("Reset 1 cooldown."),
        count => output::line(format_args!("Reset {count} cooldowns.")),
    }
}
