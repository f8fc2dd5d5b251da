//! Serving a model that makes vectors of texts.

use std::sync::mpsc::Receiver;

use super::cancellation::Cancellation;
use super::input::Work;
use super::reports::Reports;
use super::{error, loading_progress, not_loaded, physical_cores};
use crate::inference::{EmbedError, EmbeddingModel, EmbeddingSession};
use crate::protocol::{Embed, ErrorKind, FromWorker, LoadEmbedder};

/// Loads a model and serves it. Returns the request to load another one, or nothing at the end of the input.
pub(super) fn with_model(
    load: &LoadEmbedder,
    work: &Receiver<Work>,
    reports: &Reports,
    cancellation: &Cancellation,
) -> Option<Work> {
    let progress = loading_progress(reports.clone(), cancellation.clone());
    let threads = load.threads.unwrap_or_else(physical_cores);
    let model = match EmbeddingModel::load(&load.path, progress) {
        Ok(model) => model,
        Err(reason) => {
            reports.send(error(None, ErrorKind::Load, reason.to_string()));
            return work.recv().ok();
        }
    };
    let mut session = match EmbeddingSession::new(&model, EmbeddingSession::WINDOW, threads) {
        Ok(session) => session,
        Err(reason) => {
            reports.send(error(None, ErrorKind::Load, reason.to_string()));
            return work.recv().ok();
        }
    };
    reports.send(FromWorker::EmbedderLoaded(session.info()));
    loop {
        match work.recv().ok()? {
            Work::Embed(request) => reports.send(embed(&mut session, &request, cancellation)),
            Work::Generate(request) => reports.send(not_loaded(request.id)),
            another @ (Work::Load(_) | Work::LoadEmbedder(_)) => return Some(another),
        }
    }
}

fn embed(
    session: &mut EmbeddingSession<'_>,
    request: &Embed,
    cancellation: &Cancellation,
) -> FromWorker {
    let id = request.id;
    let mut vectors = Vec::with_capacity(request.texts.len());
    let mut cut = 0;
    for text in &request.texts {
        if cancellation.is_closed() {
            return error(Some(id), ErrorKind::Inference, "moltbot is stopping.");
        }
        match session.embed(text, request.kind) {
            Ok(embedded) => {
                cut += usize::from(embedded.was_cut);
                vectors.push(embedded.vector);
            }
            Err(reason @ (EmbedError::NoVector | EmbedError::Inference(_))) => {
                return error(Some(id), ErrorKind::Inference, reason.to_string());
            }
        }
    }
    FromWorker::Vectors { id, vectors, cut }
}
