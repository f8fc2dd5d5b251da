//! The models that a turn walks through, and which of them are left alone for now.

use moltbot_llm::{Cooldowns, Credentials, Model};
use serde::Serialize;

use super::super::cooldown::Shown;

/// A model of the chain.
#[derive(Debug, Serialize)]
pub(super) struct Rung {
    pub(super) model: String,
    /// `ok`, as far as is known, or `cooling`.
    state: &'static str,
    /// Why it is left alone, and until when.
    pub(super) cooldown: Option<Shown>,
}

/// The state of each model, in order.
pub(super) async fn read(
    models: &[Model],
    credentials: &Credentials,
    cooldowns: Option<&Cooldowns>,
) -> Vec<Rung> {
    let mut rungs = Vec::new();
    for model in models {
        let cooldown = match cooldowns {
            Some(cooldowns) => cooldowns
                .of_model(model, credentials)
                .await
                .map(|cooldown| Shown::new(cooldown, cooldowns.now())),
            None => None,
        };
        rungs.push(Rung {
            model: model.reference.to_string(),
            state: if cooldown.is_some() { "cooling" } else { "ok" },
            cooldown,
        });
    }
    rungs
}
