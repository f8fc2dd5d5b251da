//! The task that owns the worker process: takes one job after the other, and outlives whoever asked, so that a job
//! whose asker is gone is stopped properly.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use moltbot_llm::{Phase, ToolChoice};
use tokio::sync::mpsc;

use super::EngineOptions;
use super::process::{Lost, Process};
use crate::protocol::{
    Counts, FromWorker, Generate, GenerateOptions, Load, Stop, ToWorker, WorkerError,
};
use crate::template::Conversation;

/// A worker that says nothing for this long hangs. Loading and reading report every few seconds even on slow disks.
const SILENCE_LIMIT: Duration = Duration::from_secs(600);

/// Receives the reports of one job.
pub(super) type ReportSender = mpsc::UnboundedSender<Report>;

/// One answer to give. It is stopped when the receiver of its reports is dropped.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) load: Load,
    pub(super) conversation: Conversation,
    pub(super) tool_choice: ToolChoice,
    pub(super) options: GenerateOptions,
    pub(super) reports: ReportSender,
}

/// What happens to a job.
#[derive(Debug)]
pub(super) enum Report {
    Phase(Phase),
    /// A grammar holds the answer; calls may follow words on a line that begins with this marker.
    Constrained(Option<String>),
    Text(String),
    Done {
        counts: Counts,
        stop: Stop,
    },
    Failed(WorkerError),
    /// No worker could be started.
    NotStarted(String),
    /// The worker died.
    Lost(String),
}

/// Works until the backend is dropped. `pid` always holds the id of the running worker, or 0.
pub(super) async fn run(
    options: Arc<EngineOptions>,
    pid: Arc<AtomicU32>,
    mut jobs: mpsc::UnboundedReceiver<Job>,
) {
    let mut worker: Option<Process> = None;
    let mut last_id = 0;
    loop {
        let job = tokio::select! {
            job = jobs.recv() => job,
            // A worker that dies between two turns is simply started again for the next.
            reason = end_of(&mut worker) => {
                tracing::warn!(%reason, "the engine's idle worker ended");
                worker = None;
                pid.store(0, Ordering::Relaxed);
                continue;
            }
        };
        let Some(job) = job else {
            break;
        };
        if job.reports.is_closed() {
            continue;
        }
        if worker.is_none() {
            match Process::start(&options) {
                Ok(process) => {
                    pid.store(process.id(), Ordering::Relaxed);
                    worker = Some(process);
                }
                Err(error) => {
                    report(
                        &job,
                        Report::NotStarted(format!(
                            "the engine's worker {} could not be started: {error}",
                            options.program.display()
                        )),
                    );
                }
            }
        }
        let Some(process) = worker.as_mut() else {
            continue;
        };
        last_id += 1;
        if let Err(lost) = serve(process, &job, last_id, options.stop_limit).await {
            let reason = process.end(lost).await;
            tracing::warn!(%reason, "the engine's worker ended in the middle of an answer");
            worker = None;
            pid.store(0, Ordering::Relaxed);
            report(&job, Report::Lost(reason));
        }
    }
    pid.store(0, Ordering::Relaxed);
}

/// Waits until an idle worker ends; for ever where there is none.
async fn end_of(worker: &mut Option<Process>) -> String {
    match worker {
        Some(process) => process.idle_end().await,
        None => std::future::pending().await,
    }
}

/// One job from loading to its end. Whoever asked may be gone; the worker is then told to stop.
async fn serve(
    process: &mut Process,
    job: &Job,
    id: u64,
    stop_limit: Duration,
) -> Result<(), Lost> {
    if process.loaded() != Some(&job.load) && !load(process, job).await? {
        return Ok(());
    }
    if job.reports.is_closed() {
        return Ok(());
    }
    process
        .send(&ToWorker::Generate(Box::new(Generate {
            id,
            conversation: job.conversation.clone(),
            tool_choice: job.tool_choice.clone(),
            options: job.options.clone(),
        })))
        .await?;
    let mut stop_by: Option<Instant> = None;
    loop {
        if stop_by.is_some_and(|by| by <= Instant::now()) {
            return Err(Lost::Silent);
        }
        let limit = stop_by.map_or(SILENCE_LIMIT, |by| {
            by.saturating_duration_since(Instant::now())
        });
        let received = tokio::select! {
            received = process.receive(limit) => received?,
            () = job.reports.closed(), if stop_by.is_none() => {
                stop_by = Some(Instant::now() + stop_limit);
                process.send(&ToWorker::Cancel { id }).await?;
                continue;
            }
        };
        match received {
            FromWorker::Prefill {
                id: of,
                processed,
                total,
            } if of == id => {
                report(job, Report::Phase(Phase::Prefill { processed, total }));
            }
            FromWorker::Constrained { id: of, marker } if of == id => {
                report(job, Report::Constrained(marker));
            }
            FromWorker::Text { id: of, text } if of == id => report(job, Report::Text(text)),
            FromWorker::Done {
                id: of,
                counts,
                stop,
            } if of == id => {
                tracing::debug!(?counts, ?stop, "the engine answered");
                report(job, Report::Done { counts, stop });
                return Ok(());
            }
            FromWorker::Error(error) if error.id.is_none_or(|of| of == id) => {
                report(job, Report::Failed(error));
                return Ok(());
            }
            _ => {}
        }
    }
}

/// Loads the job's model to the end, wanted or not: the next turn will want it. Returns whether it is loaded.
async fn load(process: &mut Process, job: &Job) -> Result<bool, Lost> {
    process.set_loaded(None);
    report(job, Report::Phase(Phase::Loading { fraction: None }));
    process.send(&ToWorker::Load(job.load.clone())).await?;
    loop {
        match process.receive(SILENCE_LIMIT).await? {
            FromWorker::Loading { fraction } => report(
                job,
                Report::Phase(Phase::Loading {
                    fraction: Some(fraction),
                }),
            ),
            FromWorker::Loaded(info) => {
                tracing::info!(model = %job.load.path.display(), ?info, "the engine loaded a model");
                process.set_loaded(Some(job.load.clone()));
                return Ok(true);
            }
            FromWorker::Error(error) => {
                report(job, Report::Failed(error));
                return Ok(false);
            }
            _ => {}
        }
    }
}

/// Whoever asked may have gone; that is noticed elsewhere.
fn report(job: &Job, report: Report) {
    let _ = job.reports.send(report);
}
