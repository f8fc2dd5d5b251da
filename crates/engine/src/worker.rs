//! The engine's own process: reads requests line by line, holds one model, reports line by line.

mod cancellation;
mod embedding;
mod input;
mod reports;

use std::io::{BufRead, Write};
use std::sync::mpsc::{self, Receiver};

use sysinfo::System;

use crate::inference::{GenerateError, LoadedModel, Progress, Session};
use crate::protocol::{ErrorKind, FromWorker, Generate, Load, LoadedModelInfo, WorkerError};
use crate::template::TemplateError;

use cancellation::Cancellation;
use input::Work;
use reports::Reports;

/// Serves requests until `input` ends: `run(BufReader::new(stdin()), stdout())` in a process that does nothing else.
///
/// Where `output` fails, nobody is listening any more: a generation under way is
/// stopped, and what follows is not begun.
pub fn run(input: impl BufRead + Send, output: impl Write + Send) {
    let cancellation = Cancellation::default();
    let (work_sender, work) = mpsc::channel();
    let (reports, lines) = reports::channel();
    std::thread::scope(|scope| {
        let input_reports = reports.clone();
        let (at_input, at_output) = (&cancellation, &cancellation);
        scope.spawn(move || input::read(input, work_sender, at_input, &input_reports));
        scope.spawn(move || reports::write(&lines, output, at_output));
        serve(&work, &reports, &cancellation);
        // The writer ends when the last sender is gone.
        drop(reports);
    });
}

fn serve(work: &Receiver<Work>, reports: &Reports, cancellation: &Cancellation) {
    let mut next = work.recv().ok();
    while let Some(request) = next {
        next = match request {
            Work::Load(load) => with_model(&load, work, reports, cancellation),
            Work::LoadEmbedder(load) => embedding::with_model(&load, work, reports, cancellation),
            Work::Generate(generate) => {
                reports.send(not_loaded(generate.id));
                work.recv().ok()
            }
            Work::Embed(embed) => {
                reports.send(not_loaded(embed.id));
                work.recv().ok()
            }
        };
    }
}

fn not_loaded(id: u64) -> FromWorker {
    error(
        Some(id),
        ErrorKind::BadRequest,
        "No model for this is loaded.",
    )
}

/// Loads a model and serves it. Returns the request to load another one, or nothing at the end of the input.
fn with_model(
    load: &Load,
    work: &Receiver<Work>,
    reports: &Reports,
    cancellation: &Cancellation,
) -> Option<Work> {
    let loaded = LoadedModel::load(
        &load.path,
        loading_progress(reports.clone(), cancellation.clone()),
    );
    let model = match loaded {
        Ok(model) => model,
        Err(reason) => {
            reports.send(error(None, ErrorKind::Load, reason.to_string()));
            return work.recv().ok();
        }
    };
    let threads = load.threads.unwrap_or_else(physical_cores);
    let mut session = match Session::new(&model, load.context, threads) {
        Ok(session) => session,
        Err(reason) => {
            reports.send(error(None, ErrorKind::Load, reason.to_string()));
            return work.recv().ok();
        }
    };
    reports.send(FromWorker::Loaded(LoadedModelInfo {
        name: model.header().name.clone(),
        architecture: model.header().architecture.clone(),
        context: session.context_limit(),
        trained_context: model.trained_context(),
        takes_tools: model.template().abilities().tools,
    }));
    loop {
        match work.recv().ok()? {
            Work::Generate(request) => {
                let report = generate(&model, &mut session, &request, reports, cancellation);
                reports.send(report);
            }
            Work::Embed(embed) => reports.send(not_loaded(embed.id)),
            another @ (Work::Load(_) | Work::LoadEmbedder(_)) => return Some(another),
        }
    }
}

fn generate(
    model: &LoadedModel,
    session: &mut Session<'_>,
    request: &Generate,
    reports: &Reports,
    cancellation: &Cancellation,
) -> FromWorker {
    let id = request.id;
    let prompt = match model.template().render(&request.conversation) {
        Ok(prompt) => prompt,
        Err(TemplateError::Refused(reason) | TemplateError::Invalid(reason)) => {
            return error(Some(id), ErrorKind::Template, reason);
        }
    };
    let most_tokens = request.options.max_tokens.unwrap_or(u64::MAX);
    let constraint = model.constraint(
        &prompt,
        &request.conversation.tools,
        &request.tool_choice,
        most_tokens.min(u64::from(session.context_limit())),
    );
    let constraint = match constraint {
        Ok(constraint) => constraint,
        Err(reason) => return error(Some(id), ErrorKind::BadRequest, reason.to_string()),
    };
    if let Some(constraint) = &constraint {
        reports.send(FromWorker::Constrained {
            id,
            marker: constraint.marker().map(str::to_owned),
        });
    }
    let generated = session.generate(
        &prompt,
        constraint,
        &request.options,
        &mut |progress| {
            reports.send(match progress {
                Progress::Prefill { processed, total } => FromWorker::Prefill {
                    id,
                    processed,
                    total,
                },
                Progress::Text(text) => FromWorker::Text { id, text },
            });
        },
        &|| cancellation.is_cancelled(id),
    );
    match generated {
        Ok(generated) => FromWorker::Done {
            id,
            counts: generated.counts,
            stop: generated.stop,
        },
        Err(reason) => {
            let message = reason.to_string();
            match reason {
                GenerateError::ContextOverflow { prompt, context } => {
                    FromWorker::Error(WorkerError {
                        id: Some(id),
                        kind: ErrorKind::ContextOverflow,
                        message,
                        prompt_tokens: Some(prompt),
                        context: Some(context),
                    })
                }
                GenerateError::EmptyPrompt => error(Some(id), ErrorKind::BadRequest, message),
                GenerateError::Inference(_) | GenerateError::Constraint(_) => {
                    error(Some(id), ErrorKind::Inference, message)
                }
            }
        }
    }
}

/// Reports each per cent of the loading, and ends it when nobody waits for it any more.
fn loading_progress(
    reports: Reports,
    cancellation: Cancellation,
) -> impl FnMut(f32) -> bool + 'static {
    let mut reported = f32::NEG_INFINITY;
    move |fraction| {
        if fraction - reported >= 0.01 {
            reported = fraction;
            reports.send(FromWorker::Loading { fraction });
        }
        !cancellation.is_closed()
    }
}

fn error(id: Option<u64>, kind: ErrorKind, message: impl Into<String>) -> FromWorker {
    FromWorker::Error(WorkerError {
        id,
        kind,
        message: message.into(),
        prompt_tokens: None,
        context: None,
    })
}

/// A second thread on the same core slows the arithmetic down rather than up.
fn physical_cores() -> u32 {
    let usable = std::thread::available_parallelism().map_or(1, usize::from);
    let physical = System::physical_core_count().unwrap_or(usable);
    u32::try_from(physical.min(usable)).unwrap_or(1).max(1)
}
