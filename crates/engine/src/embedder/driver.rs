//! The task that owns the worker: one job after the other, and an end when none comes.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use moltbot_llm::TextKind;
use tokio::sync::{mpsc, oneshot};

use crate::backend::EngineOptions;
use crate::backend::process::{Lost, Process};
use crate::protocol::{Embed, FromWorker, LoadEmbedder, ToWorker};

/// A worker that says nothing for this long hangs: some texts take seconds, even on slow machines.
const SILENCE_LIMIT: Duration = Duration::from_secs(300);

/// Texts that are to become vectors.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) path: PathBuf,
    /// Changes with the file.
    pub(super) stamp: String,
    pub(super) texts: Vec<String>,
    pub(super) kind: TextKind,
}

/// The vectors, or why there are none, without a full stop.
pub(super) type Answer = Result<Vec<Vec<f32>>, String>;

/// A job and where its answer goes. It is stopped when the receiver is dropped.
pub(super) type Asked = (Job, oneshot::Sender<Answer>);

/// A worker and the file that it has loaded.
struct Worker {
    process: Process,
    loaded: Option<(PathBuf, String)>,
    last_id: u64,
}

/// Works until the embedder is dropped. `pid` always holds the id of the running worker, or 0.
pub(super) async fn run(
    options: Arc<EngineOptions>,
    idle_limit: Duration,
    pid: Arc<AtomicU32>,
    mut jobs: mpsc::UnboundedReceiver<Asked>,
) {
    let mut worker: Option<Worker> = None;
    loop {
        let asked = tokio::select! {
            // First of all: a job that has come is not left for the worker's end.
            biased;
            asked = jobs.recv() => asked,
            reason = end_of(&mut worker) => {
                tracing::warn!(%reason, "the idle worker for embeddings ended");
                end(&mut worker, &pid).await;
                continue;
            }
            () = tokio::time::sleep(idle_limit), if worker.is_some() => {
                tracing::debug!("the worker for embeddings has no work and is ended");
                end(&mut worker, &pid).await;
                continue;
            }
        };
        let Some((job, mut answer)) = asked else {
            break;
        };
        if answer.is_closed() {
            continue;
        }
        let made = tokio::select! {
            made = done(&options, &pid, &mut worker, &job) => made,
            // Nothing less than its end stops a worker within a text; it is quickly there again.
            () = answer.closed() => {
                end(&mut worker, &pid).await;
                continue;
            }
        };
        // Whoever asked may have gone this moment.
        let _ = answer.send(made);
    }
    pid.store(0, Ordering::Relaxed);
}

/// Waits until an idle worker ends; for ever where there is none.
async fn end_of(worker: &mut Option<Worker>) -> String {
    match worker {
        Some(worker) => worker.process.idle_end().await,
        None => std::future::pending().await,
    }
}

async fn end(worker: &mut Option<Worker>, pid: &AtomicU32) {
    if let Some(mut worker) = worker.take() {
        worker.process.end(Lost::Silent).await;
    }
    pid.store(0, Ordering::Relaxed);
}

/// Does a job, with a worker that is started where none runs. One that dies over it gets a second chance: it may have
/// been ended for what another program did.
async fn done(
    options: &EngineOptions,
    pid: &AtomicU32,
    worker: &mut Option<Worker>,
    job: &Job,
) -> Answer {
    let mut tries = 0;
    loop {
        tries += 1;
        if worker.is_none() {
            let process = Process::start(options).map_err(|error| {
                let program = options.program.display();
                format!("its worker {program} could not be started: {error}")
            })?;
            pid.store(process.id(), Ordering::Relaxed);
            *worker = Some(Worker {
                process,
                loaded: None,
                last_id: 0,
            });
        }
        let Some(running) = worker.as_mut() else {
            continue;
        };
        let lost = match running.serve(job, options.threads).await {
            Ok(answer) => return answer,
            Err(lost) => lost,
        };
        let reason = running.process.end(lost).await;
        tracing::warn!(%reason, "the worker for embeddings ended in the middle of its work");
        end(worker, pid).await;
        if tries == 2 {
            return Err(reason);
        }
    }
}

impl Worker {
    async fn serve(&mut self, job: &Job, threads: Option<u32>) -> Result<Answer, Lost> {
        let wanted = (job.path.clone(), job.stamp.clone());
        if self.loaded.as_ref() != Some(&wanted) {
            self.loaded = None;
            if let Err(reason) = self.load(job, threads).await? {
                return Ok(Err(reason));
            }
            self.loaded = Some(wanted);
        }
        self.last_id += 1;
        let id = self.last_id;
        self.process
            .send(&ToWorker::Embed(Embed {
                id,
                texts: job.texts.clone(),
                kind: job.kind,
            }))
            .await?;
        loop {
            match self.process.receive(SILENCE_LIMIT).await? {
                FromWorker::Vectors {
                    id: of,
                    vectors,
                    cut,
                } if of == id => {
                    if cut > 0 {
                        tracing::warn!(
                            texts = cut,
                            model = %job.path.display(),
                            "texts are longer than the embedding model's window: only their beginning counts"
                        );
                    }
                    return Ok(Ok(vectors));
                }
                FromWorker::Error(error) if error.id.is_none_or(|of| of == id) => {
                    return Ok(Err(phrase(&error.message)));
                }
                _ => {}
            }
        }
    }

    async fn load(&mut self, job: &Job, threads: Option<u32>) -> Result<Result<(), String>, Lost> {
        self.process
            .send(&ToWorker::LoadEmbedder(LoadEmbedder {
                path: job.path.clone(),
                threads,
            }))
            .await?;
        loop {
            match self.process.receive(SILENCE_LIMIT).await? {
                FromWorker::EmbedderLoaded(info) => {
                    tracing::info!(model = %job.path.display(), ?info, "an embedding model is loaded");
                    return Ok(Ok(()));
                }
                FromWorker::Error(error) => return Ok(Err(phrase(&error.message))),
                _ => {}
            }
        }
    }
}

/// A sentence as a part of another one.
fn phrase(sentence: &str) -> String {
    sentence.trim_end_matches('.').to_owned()
}
