//! An agent's notes: Markdown files of its workspace, found by their words and, where the owner names a server for
//! embeddings, by their meaning.
//!
//! The files are the memory; the index beside them is a copy that can be made anew. It is brought up to date when
//! something is looked for: a file is read again only where its time or size changed.

mod embeddings;
mod error;
mod files;
mod get;
mod index;
mod piece;
mod ranking;
mod search;
mod settings;
mod sync;
mod tools;
mod vectors;
mod words;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use moltbot_llm::{Embedder, EmbeddingError, TextKind};

pub use embeddings::{Embeddings, LocalModel};
pub use error::MemoryError;
pub use get::{Excerpt, GetError};
pub use search::{Found, FoundNote, Question};
pub use settings::{MemorySettings, PieceSize, Ranking};
pub use sync::Synced;
pub use tools::{MemoryGet, MemorySearch};

use index::Index;

/// What servers answer to a text that is too long for them.
const TOO_LONG: [u16; 4] = [400, 413, 422, 500];

/// How long a search leaves an embedder alone that failed: somebody waits for the answer.
const REST: Duration = Duration::from_secs(60);

/// The notes of one agent.
pub struct Memory {
    settings: Arc<MemorySettings>,
    embeddings: Embeddings,
    rests_until: Mutex<Option<Instant>>,
}

/// What an index holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Notes on disk.
    pub files: u32,
    /// Notes in the index.
    pub notes: u32,
    /// Pieces of them.
    pub pieces: u32,
    /// Those of the pieces that are found by their meaning, too.
    pub with_vector: u32,
}

/// What bringing an index up to date came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Indexed {
    /// The notes.
    pub notes: Synced,
    /// Vectors that were computed.
    pub vectors: usize,
    /// Why there are fewer than there should be.
    pub note: Option<String>,
}

impl Memory {
    /// The notes that these settings name. Nothing is read yet.
    pub fn new(settings: MemorySettings, embeddings: Embeddings) -> Self {
        Self {
            settings: Arc::new(settings),
            embeddings,
            rests_until: Mutex::new(None),
        }
    }

    /// What holds for them.
    pub fn settings(&self) -> &MemorySettings {
        &self.settings
    }

    /// Who computes their vectors.
    pub fn embeddings(&self) -> &Embeddings {
        &self.embeddings
    }

    /// Brings the whole index up to date, vectors too. `force` reads every note anew; vectors of texts that are still the
    /// same stay.
    ///
    /// # Errors
    /// It is switched off, or its file fails. An embedder that fails is told in [`Indexed::note`].
    pub async fn index(&self, force: bool) -> Result<Indexed, MemoryError> {
        let mut indexed = Indexed {
            notes: self
                .on_index(move |index, settings| {
                    if force {
                        index.clear()?;
                    }
                    sync::sync(index, settings)
                })
                .await?,
            ..Indexed::default()
        };
        match &self.embeddings {
            Embeddings::Nobody => {}
            Embeddings::Unusable(reason) => indexed.note = Some(reason.clone()),
            Embeddings::By(embedder) => {
                let (id, batch) = (embedder.id(), embedder.batch());
                self.on_index(move |index, _| index.fit_vectors(&id))
                    .await?;
                loop {
                    let texts = self
                        .on_index(move |index, _| vectors::missing(index, batch))
                        .await?;
                    if texts.is_empty() {
                        break;
                    }
                    match self.embed(embedder.as_ref(), texts).await? {
                        Ok(count) => indexed.vectors += count,
                        Err(error) => {
                            indexed.note = Some(error.to_string());
                            break;
                        }
                    }
                }
            }
        }
        Ok(indexed)
    }

    /// What the index holds, without bringing it up to date, and how many notes there are.
    ///
    /// # Errors
    /// It is switched off, or its file fails.
    pub async fn holdings(&self) -> Result<Holdings, MemoryError> {
        let settings = Arc::clone(&self.settings);
        let counted = tokio::task::spawn_blocking(move || {
            let files = files::notes(&settings).len();
            (files, settings.index.exists())
        });
        let (files, exists) = counted.await.map_err(|_| MemoryError::Ended)?;
        let files = u32::try_from(files).unwrap_or(u32::MAX);
        if !exists {
            return Ok(Holdings {
                files,
                ..Holdings::default()
            });
        }
        self.on_index(move |index, _| {
            index.read(|connection| {
                connection.query_row(
                    "SELECT (SELECT count(*) FROM notes), (SELECT count(*) FROM pieces),
                     (SELECT count(*) FROM pieces JOIN vectors USING (hash) WHERE length(vector) > 0)",
                    [],
                    |row| {
                        Ok(Holdings {
                            files,
                            notes: row.get(0)?,
                            pieces: row.get(1)?,
                            with_vector: row.get(2)?,
                        })
                    },
                )
            })
        })
        .await
    }

    /// Computes the vectors of these texts and keeps them: how many. A text that the server refuses alone is found by
    /// its words only, and not sent again.
    async fn embed(
        &self,
        embedder: &dyn Embedder,
        texts: Vec<String>,
    ) -> Result<Result<usize, EmbeddingError>, MemoryError> {
        let vectors = match embedder.embed(&texts, TextKind::Document).await {
            Ok(vectors) => texts.into_iter().zip(vectors).collect(),
            // One that is too long fails all that came with it.
            Err(EmbeddingError::Refused { status, .. })
                if texts.len() > 1 && TOO_LONG.contains(&status) =>
            {
                match one_by_one(embedder, texts).await {
                    Ok(vectors) => vectors,
                    Err(error) => return Ok(Err(error)),
                }
            }
            Err(error) => return Ok(Err(error)),
        };
        let count = vectors
            .iter()
            .filter(|(_, vector): &&(String, Vec<f32>)| !vector.is_empty());
        let count = count.count();
        self.on_index(move |index, _| vectors::keep(index, &vectors))
            .await?;
        Ok(Ok(count))
    }

    /// Works on the index, away from the threads that wait for others.
    async fn on_index<T: Send + 'static>(
        &self,
        work: impl Fn(&mut Index, &MemorySettings) -> Result<T, MemoryError> + Send + 'static,
    ) -> Result<T, MemoryError> {
        if !self.settings.enabled {
            return Err(MemoryError::Disabled);
        }
        let settings = Arc::clone(&self.settings);
        let done = tokio::task::spawn_blocking(move || {
            Index::with(
                &settings.index,
                settings.piece,
                |index| sync::sync(index, &settings).map(drop),
                |index| work(index, &settings),
            )
        });
        done.await.map_err(|_| MemoryError::Ended)?
    }

    fn is_resting(&self) -> bool {
        let until = self
            .rests_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until)
    }

    fn rest(&self) {
        let mut until = self
            .rests_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *until = Some(Instant::now() + REST);
    }
}

/// The vectors of texts sent one by one, empty ones for those that are refused. All refused is a failure of the server.
async fn one_by_one(
    embedder: &dyn Embedder,
    texts: Vec<String>,
) -> Result<Vec<(String, Vec<f32>)>, EmbeddingError> {
    let mut vectors = Vec::with_capacity(texts.len());
    let mut refusal = None;
    for text in texts {
        let text_alone = std::slice::from_ref(&text);
        let vector = match embedder.embed(text_alone, TextKind::Document).await {
            Ok(mut vectors) => vectors.pop().unwrap_or_default(),
            Err(error @ EmbeddingError::Refused { .. }) => {
                refusal = Some(error);
                Vec::new()
            }
            Err(error) => return Err(error),
        };
        vectors.push((text, vector));
    }
    match refusal {
        Some(error) if vectors.iter().all(|(_, vector)| vector.is_empty()) => Err(error),
        _ => Ok(vectors),
    }
}
