//! Looking for something in the notes.

use moltbot_llm::{Places, TextKind};
use serde::Serialize;

use super::error::MemoryError;
use super::ranking::{self, Sought};
use super::{Embeddings, Memory, sync, vectors, words};

/// A part of a note is shown up to this many characters.
const SNIPPET: usize = 700;

/// The most results that are given, whatever is asked for.
const MOST_RESULTS: usize = 50;

/// What is looked for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Question {
    /// In words of any language.
    pub text: String,
    /// Most results; the configured number where left out.
    pub max_results: Option<usize>,
    /// The least score of a result, 0 to 1.
    pub min_score: Option<f64>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Found {
    /// The best first.
    pub results: Vec<FoundNote>,
    /// Who computed vectors: `none` where only words were looked for.
    pub provider: String,
    /// With which model.
    pub model: String,
    /// Why the meaning did not count, though the configuration says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A piece of a note.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FoundNote {
    /// The file: relative to the workspace where it lies in it.
    pub path: String,
    /// First line of the piece, from 1.
    pub start_line: i64,
    /// Last line of the piece.
    pub end_line: i64,
    /// 0 to 1, to three digits.
    pub score: f64,
    /// The part of the piece in which most of the words are.
    pub snippet: String,
    /// `memory`.
    pub source: &'static str,
}

impl Memory {
    /// Looks for pieces of notes. `places` are where the conversation may go in which the question came up.
    ///
    /// Where there is an embedder, up to one batch of pieces without a vector gets one; [`Memory::index`] does the rest.
    /// When the embedder fails, words alone decide, and [`Found::note`] says so.
    ///
    /// # Errors
    /// The search is switched off, or its file fails.
    pub async fn search(&self, question: &Question, places: &Places) -> Result<Found, MemoryError> {
        if self.settings.sync_on_search {
            self.on_index(sync::sync).await?;
        }
        let mut found = Found {
            results: Vec::new(),
            provider: "none".to_owned(),
            model: "none".to_owned(),
            note: None,
        };
        if question.text.trim().is_empty() {
            return Ok(found);
        }
        let vector = match self.vector_of(&question.text, places).await? {
            Ok(Some((vector, provider, model))) => {
                (found.provider, found.model) = (provider, model);
                Some(vector)
            }
            Ok(None) => None,
            Err(reason) => {
                found.note = Some(format!(
                    "{reason} Only the words of the question were looked for."
                ));
                None
            }
        };
        let most = question.max_results.unwrap_or(self.settings.max_results);
        let sought = Sought {
            words: words::asked(&question.text),
            vector,
            most: most.clamp(1, MOST_RESULTS),
            least: question.min_score,
        };
        found.results = self
            .on_index(move |index, settings| {
                let hits = ranking::best(index, &sought, settings.ranking)?;
                let notes = hits.into_iter().map(|hit| FoundNote {
                    snippet: words::snippet(&hit.text, &sought.words, SNIPPET),
                    path: hit.path,
                    start_line: hit.start_line,
                    end_line: hit.end_line,
                    score: (hit.score * 1000.0).round() / 1000.0,
                    source: "memory",
                });
                Ok(notes.collect())
            })
            .await?;
        Ok(found)
    }

    /// The question's vector with its provider and model, once pieces had their chance to get theirs. The inner error is
    /// a sentence.
    async fn vector_of(
        &self,
        question: &str,
        places: &Places,
    ) -> Result<Result<Option<(Vec<f32>, String, String)>, String>, MemoryError> {
        let embedder = match &self.embeddings {
            Embeddings::Nobody => return Ok(Ok(None)),
            Embeddings::Unusable(reason) => return Ok(Err(reason.clone())),
            Embeddings::By(embedder) => embedder,
        };
        if !embedder.is_within(places) {
            return Ok(Err(format!(
                "This conversation may go to {places} only, and the embeddings server is elsewhere."
            )));
        }
        if self.is_resting() {
            return Ok(Err(
                "The embeddings failed a moment ago and are left alone for a minute.".to_owned(),
            ));
        }
        let asked = embedder
            .embed(&[question.to_owned()], TextKind::Query)
            .await;
        let vector = match asked.map(|mut vectors| vectors.pop()) {
            Ok(vector) => vector.unwrap_or_default(),
            Err(error) => {
                self.rest();
                return Ok(Err(error.to_string()));
            }
        };
        let (id, batch) = (embedder.id(), embedder.batch());
        let missing = self
            .on_index(move |index, _| {
                index.fit_vectors(&id)?;
                vectors::missing(index, batch)
            })
            .await?;
        if !missing.is_empty()
            && let Err(error) = self.embed(embedder.as_ref(), missing).await?
        {
            // Pieces that have a vector are found by it all the same.
            tracing::warn!(%error, "pieces of notes stay without a vector");
            self.rest();
        }
        Ok(Ok(Some((
            vector,
            embedder.provider().to_owned(),
            embedder.model().to_owned(),
        ))))
    }
}
