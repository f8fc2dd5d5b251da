//! The engine as a backend: hands requests to a worker process and starts a new one where the old one died.

mod answer;
mod driver;
pub(crate) mod process;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use moltbot_llm::{
    Backend, EventSink, Failure, FailureClass, Model, Reply, Request, ThinkingLevel, ToolChoice,
};
use tokio::sync::mpsc;

use crate::models;
use crate::protocol::{GenerateOptions, Load};
use crate::template::Conversation;

use driver::Job;

/// Tokens of context where nobody asks for another figure: enough for a long conversation, and with the models that fit
/// into small machines less than a gibibyte of memory.
pub const DEFAULT_CONTEXT_LIMIT: u32 = models::PLANNED_CONTEXT;

/// How the worker process is started and what it may use.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// The program to run as worker: this binary.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Environment variables for it. The defaults keep its compute threads from spinning while others need the cores;
    /// they must be set before the process starts.
    pub env: Vec<(OsString, OsString)>,
    /// Where the model files are, as `<id>.gguf`.
    pub models_dir: PathBuf,
    /// Threads to compute with; `None` is one for each physical core.
    pub threads: Option<u32>,
    /// Most tokens of context, however many a model's config asks for: its memory is taken at once.
    pub context_limit: u32,
    /// How long a worker may take to stop an answer that nobody wants any more, before it is killed and the model has to
    /// be loaded again.
    pub stop_limit: Duration,
}

impl EngineOptions {
    /// The defaults for a program whose subcommand `engine-worker` runs [`crate::worker::run`].
    pub fn new(program: impl Into<PathBuf>, models_dir: impl Into<PathBuf>) -> Self {
        let env = [
            // With libgomp's default of spinning without end, decoding on a busy machine is six times slower.
            ("GOMP_SPINCOUNT", "1000"),
            // A failed assertion in ggml would otherwise look for a debugger before it ends the process.
            ("GGML_NO_BACKTRACE", "1"),
        ];
        Self {
            program: program.into(),
            args: vec!["engine-worker".into()],
            env: env
                .into_iter()
                .filter(|(name, _)| std::env::var_os(name).is_none())
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            models_dir: models_dir.into(),
            threads: None,
            context_limit: DEFAULT_CONTEXT_LIMIT,
            // A step is far shorter, even with a model that is too large for the machine.
            stop_limit: Duration::from_secs(15),
        }
    }
}

/// Answers with a model on this machine. One answer at a time; the worker process and the model in it stay from one turn
/// to the next, so that a turn reads only what is new.
#[derive(Debug)]
pub struct EngineBackend {
    options: Arc<EngineOptions>,
    jobs: Mutex<Option<mpsc::UnboundedSender<Job>>>,
    /// The worker's process id; 0 where none runs.
    worker: Arc<AtomicU32>,
}

impl EngineBackend {
    /// Starts nothing yet: the worker comes with the first request.
    pub fn new(options: EngineOptions) -> Self {
        Self {
            options: Arc::new(options),
            jobs: Mutex::new(None),
            worker: Arc::default(),
        }
    }

    /// The process id of the worker, while one runs: the process that holds the model's memory.
    pub fn worker_pid(&self) -> Option<u32> {
        match self.worker.load(Ordering::Relaxed) {
            0 => None,
            pid => Some(pid),
        }
    }

    /// Hands a job to the driver, starting it where there is none or where its runtime has ended.
    fn submit(&self, job: Job) {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let unsent = match jobs.as_ref() {
            Some(sender) => match sender.send(job) {
                Ok(()) => return,
                Err(mpsc::error::SendError(job)) => job,
            },
            None => job,
        };
        let (sender, receiver) = mpsc::unbounded_channel();
        tokio::spawn(driver::run(
            self.options.clone(),
            self.worker.clone(),
            receiver,
        ));
        // A receiver that was just made takes the first job.
        let _ = sender.send(unsent);
        *jobs = Some(sender);
    }

    /// What is to be done, or why it cannot.
    fn job(
        &self,
        model: &Model,
        request: &Request,
        reports: driver::ReportSender,
    ) -> Result<Job, (FailureClass, String)> {
        let path = models::find(&self.options.models_dir, &model.reference.model)
            .map_err(|error| (FailureClass::ModelUnavailable, error.to_string()))?;
        if path.to_str().is_none() {
            return Err((
                FailureClass::ModelUnavailable,
                format!(
                    "the path {} is not valid Unicode; move the models to one that is",
                    path.display()
                ),
            ));
        }
        let window = u32::try_from(model.context_window).unwrap_or(u32::MAX);
        let window = if window == 0 { u32::MAX } else { window };
        Ok(Job {
            load: Load {
                path,
                context: window.min(self.options.context_limit),
                threads: self.options.threads,
            },
            conversation: Conversation {
                system: request.system.clone(),
                messages: request.messages.clone(),
                // Whatever the choice: the prompt stays the same from turn to turn.
                tools: request.tools.clone(),
                thinking: request.thinking != ThinkingLevel::Off,
            },
            tool_choice: request.tool_choice.clone(),
            options: GenerateOptions {
                temperature: request.temperature.or(model.temperature),
                max_tokens: request
                    .max_tokens
                    .or(model.output_limit)
                    .or(Some(model.max_tokens))
                    .filter(|tokens| *tokens > 0),
                seed: None,
            },
            reports,
        })
    }
}

#[async_trait]
impl Backend for EngineBackend {
    async fn stream(
        &self,
        model: &Model,
        request: &Request,
        events: EventSink<'_>,
    ) -> Result<Reply, Failure> {
        let (sender, reports) = mpsc::unbounded_channel();
        let job = self
            .job(model, request, sender)
            .map_err(|(class, detail)| Failure::new(class, model, detail))?;
        self.submit(job);
        // Dropping `reports` is what stops the worker.
        let offered = match request.tool_choice {
            ToolChoice::None => &[],
            _ => request.tools.as_slice(),
        };
        answer::collect(model, offered, reports, events).await
    }
}
