//! How many tokens a prompt is: counted by the server where that matters and it can, else estimated.

mod budget;
mod estimate;
mod server;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::knowledge::key;
use crate::message::Usage;
use crate::model::{Api, Model};
use crate::records::Records;
use crate::request::Request;

pub use budget::Budgeting;

pub use estimate::{estimate as estimate_tokens, estimate_message};

pub(crate) use estimate::estimate;

/// The kind of record that holds a [`Calibration`].
const TOKENS: &str = "tokens";

/// Shorter prompts say more of the template around them than of the tokens in them.
const LEARNED_FROM: u64 = 256;

/// How much the newest report counts against all before it.
const NEWEST: f64 = 0.3;

/// No vocabulary is further from the guess than this; a server that reports more (or cuts the prompt in silence) is not
/// believed.
const FACTORS: std::ops::RangeInclusive<f64> = 0.25..=4.0;

/// A calibration that has moved by no more than this since it was saved is not saved again.
const WORTH_SAVING: f64 = 0.05;

/// Tokens, and who counted them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenCount {
    /// The tokens.
    pub tokens: u64,
    /// Who counted them.
    pub source: CountSource,
}

impl TokenCount {
    /// Whether they were counted, not estimated.
    pub fn is_exact(self) -> bool {
        self.source != CountSource::Estimate
    }
}

/// Who counted tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CountSource {
    /// The server: with its tokenizer when it was asked, or in the usage that it reported.
    Server,
    /// The engine, with the vocabulary in the model's file.
    Vocabulary,
    /// Nobody: it is estimated from the text and from what the model's server reported of earlier prompts.
    Estimate,
}

impl CountSource {
    /// Its name, as in `--json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Vocabulary => "vocabulary",
            Self::Estimate => "estimate",
        }
    }
}

/// Counts the tokens of prompts.
///
/// Every prompt is estimated; the estimate is corrected for each model by what its server reports of the prompts that it
/// has read. The server's own tokenizer (llama.cpp, vLLM) is asked only where the estimate reaches half of the context
/// window: below that the answer would change nothing, and asking costs a round trip. It is not asked about pictures,
/// which are no text. The engine is never asked: it counts for itself, with its model's vocabulary, before it reads.
pub struct TokenCounter {
    records: Arc<dyn Records>,
    /// By model and server; `None` until they are first needed.
    calibrations: Mutex<Option<HashMap<String, Calibrated>>>,
}

/// A calibration as it is stored.
#[derive(Debug, Serialize, Deserialize)]
struct Calibration {
    /// Reported tokens for each estimated one.
    factor: f64,
}

struct Calibrated {
    factor: f64,
    /// As it was when it was saved.
    saved: f64,
}

impl TokenCounter {
    /// A counter that keeps what it learns in `records`.
    pub fn new(records: Arc<dyn Records>) -> Self {
        Self {
            records,
            calibrations: Mutex::new(None),
        }
    }

    /// The tokens that `model` will read for `request`. Its server may be asked, signed with `key`.
    pub async fn count(&self, model: &Model, request: &Request, key: Option<&str>) -> TokenCount {
        let estimated = self.estimate(model, request).await;
        let matters = model
            .window()
            .is_some_and(|window| estimated.tokens >= window / 2);
        if !matters {
            return estimated;
        }
        match server::count(model, request, key).await {
            Some(tokens) => TokenCount {
                tokens,
                source: CountSource::Server,
            },
            None => estimated,
        }
    }

    /// The estimate alone: nobody is asked.
    pub async fn estimate(&self, model: &Model, request: &Request) -> TokenCount {
        let plain = estimate(model, request);
        let key = key(model);
        let factor = self
            .with_calibrations(|all| all.get(&key).map_or(1.0, |known| known.factor))
            .await;
        // Counts are far below 2^53, and the conversion saturates.
        let corrected = (plain as f64 * factor).round() as u64;
        TokenCount {
            // A prompt is never nothing.
            tokens: corrected.max(plain.min(1)),
            source: CountSource::Estimate,
        }
    }

    /// The tokens of a prompt that was answered: as reported with the answer, else estimated.
    pub async fn answered(&self, model: &Model, request: &Request, usage: &Usage) -> TokenCount {
        let source = match model.api {
            Api::Engine => CountSource::Vocabulary,
            _ => CountSource::Server,
        };
        match usage.prompt() {
            0 => self.estimate(model, request).await,
            tokens => TokenCount { tokens, source },
        }
    }

    /// Corrects the estimates for this model by what its server reports of a prompt.
    pub(crate) async fn learn(&self, model: &Model, request: &Request, usage: &Usage) {
        let (plain, reported) = (estimate(model, request), usage.prompt());
        // What a picture is worth depends on its size, and says nothing about text.
        if plain < LEARNED_FROM || reported == 0 || request.has_images() {
            return;
        }
        let seen = reported as f64 / plain as f64;
        if !FACTORS.contains(&seen) {
            return;
        }
        let key = key(model);
        let worth_saving = self
            .with_calibrations(|all| {
                let Some(known) = all.get_mut(&key) else {
                    let (factor, saved) = (seen, seen);
                    all.insert(key.clone(), Calibrated { factor, saved });
                    return Some(seen);
                };
                known.factor += NEWEST * (seen - known.factor);
                let moved = (known.factor / known.saved - 1.0).abs() > WORTH_SAVING;
                moved.then(|| {
                    known.saved = known.factor;
                    known.factor
                })
            })
            .await;
        if let Some(factor) = worth_saving {
            // A finite number always serialises.
            let json = serde_json::to_string(&Calibration { factor }).unwrap_or_default();
            self.records.save(TOKENS, &key, json).await;
        }
    }

    async fn with_calibrations<T>(
        &self,
        work: impl FnOnce(&mut HashMap<String, Calibrated>) -> T,
    ) -> T {
        let mut calibrations = self.calibrations.lock().await;
        if calibrations.is_none() {
            let records = self.records.load(TOKENS).await;
            // One that cannot be read is learned again.
            let known = records.into_iter().filter_map(|(key, json)| {
                let Calibration { factor } = serde_json::from_str(&json).ok()?;
                let saved = factor;
                FACTORS
                    .contains(&factor)
                    .then_some((key, Calibrated { factor, saved }))
            });
            *calibrations = Some(known.collect());
        }
        work(calibrations.get_or_insert_default())
    }
}
