//! Vectors from a model on this machine, made in a worker process that ends when it is not asked for a while.

mod driver;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;
use moltbot_llm::{Embedder, EmbeddingError, LOCAL, Places, TextKind};
use tokio::sync::{mpsc, oneshot};

use crate::backend::EngineOptions;

use driver::{Asked, Job};

/// Texts in one request: on two slow cores a text of 400 tokens takes a model of 300 million parameters two seconds.
const BATCH: usize = 4;

/// How long a worker without work keeps its memory.
const IDLE_LIMIT: Duration = Duration::from_secs(120);

/// Changes when the same file's vectors are made in another way.
const MANNER: u32 = 1;

/// An embedding model in a worker process of its own, beside that of the model that answers: neither has to leave for
/// the other. The worker comes with the first text and goes when there were none for two minutes.
#[derive(Debug)]
pub struct EngineEmbedder {
    options: Arc<EngineOptions>,
    path: PathBuf,
    name: String,
    idle_limit: Duration,
    jobs: Mutex<Option<mpsc::UnboundedSender<Asked>>>,
    /// The worker's process id; 0 where none runs.
    worker: Arc<AtomicU32>,
}

impl EngineEmbedder {
    /// The model in this GGUF file. Nothing is read or started yet. Of the options, those of the process count.
    pub fn new(options: EngineOptions, path: PathBuf) -> Self {
        let name = path.file_name().unwrap_or(path.as_os_str());
        Self {
            options: Arc::new(options),
            name: name.to_string_lossy().into_owned(),
            path,
            idle_limit: IDLE_LIMIT,
            jobs: Mutex::new(None),
            worker: Arc::default(),
        }
    }

    /// The same, whose worker ends after this time without work.
    #[must_use]
    pub fn with_idle_limit(mut self, limit: Duration) -> Self {
        self.idle_limit = limit;
        self
    }

    /// The process id of the worker, while one runs.
    pub fn worker_pid(&self) -> Option<u32> {
        match self.worker.load(Ordering::Relaxed) {
            0 => None,
            pid => Some(pid),
        }
    }

    /// Hands a job to the driver, starting it where there is none or where its runtime has ended.
    fn submit(&self, asked: Asked) {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let unsent = match jobs.as_ref() {
            Some(sender) => match sender.send(asked) {
                Ok(()) => return,
                Err(mpsc::error::SendError(asked)) => asked,
            },
            None => asked,
        };
        let (sender, receiver) = mpsc::unbounded_channel();
        tokio::spawn(driver::run(
            Arc::clone(&self.options),
            self.idle_limit,
            Arc::clone(&self.worker),
            receiver,
        ));
        // A receiver that was just made takes the first job.
        let _ = sender.send(unsent);
        *jobs = Some(sender);
    }

    fn failed(&self, reason: impl Into<String>) -> EmbeddingError {
        EmbeddingError::Engine {
            model: self.name.clone(),
            reason: reason.into(),
        }
    }
}

#[async_trait]
impl Embedder for EngineEmbedder {
    fn provider(&self) -> &str {
        "local"
    }

    fn model(&self) -> &str {
        &self.name
    }

    /// By the file's name, size and time: another model under the same name has another.
    fn id(&self) -> String {
        format!("local {} {} {MANNER}", self.name, stamp(&self.path))
    }

    fn is_within(&self, places: &Places) -> bool {
        places.admit_place(Some(LOCAL), Some("local"))
    }

    fn batch(&self) -> usize {
        BATCH
    }

    async fn embed(
        &self,
        texts: &[String],
        kind: TextKind,
    ) -> Result<Vec<Vec<f32>>, EmbeddingError> {
        let mut vectors: Vec<Vec<f32>> = Vec::with_capacity(texts.len());
        for batch in texts.chunks(BATCH) {
            let (answer, answered) = oneshot::channel();
            let job = Job {
                path: self.path.clone(),
                stamp: stamp(&self.path),
                texts: batch.to_vec(),
                kind,
            };
            self.submit((job, answer));
            // Dropping `answered` is what stops the worker. The driver ends without a word only with its runtime.
            let made = match answered.await {
                Ok(made) => made.map_err(|reason| self.failed(reason))?,
                Err(_) => return Err(self.failed("moltbot is stopping")),
            };
            if made.len() != batch.len() {
                return Err(self.failed("its worker gave more or fewer vectors than texts"));
            }
            vectors.extend(made);
        }
        Ok(vectors)
    }
}

/// What changes with the file.
fn stamp(path: &Path) -> String {
    let Ok(metadata) = fs::metadata(path) else {
        return "missing".to_owned();
    };
    let changed = metadata.modified().ok();
    let changed = changed.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    format!(
        "{}/{}",
        metadata.len(),
        changed.unwrap_or_default().as_secs()
    )
}
