//! What the worker reports, as events and a reply.

use std::time::{SystemTime, UNIX_EPOCH};

use moltbot_llm::{
    AssistantMessage, AssistantPart, Event, EventSink, Failure, FailureClass, Model, Phase, Reply,
    StopReason, TokenFigures, Usage,
};
use tokio::sync::mpsc;

use super::driver::Report;
use crate::protocol::{Counts, ErrorKind, Stop, WorkerError};

/// Passes reports on as events until the answer has ended.
pub(super) async fn collect(
    model: &Model,
    mut reports: mpsc::UnboundedReceiver<Report>,
    events: EventSink<'_>,
) -> Result<Reply, Failure> {
    let mut text = String::new();
    events(Event::Phase(Phase::Waiting));
    let failure = loop {
        match reports.recv().await {
            Some(Report::Phase(phase)) => events(Event::Phase(phase)),
            Some(Report::Text(piece)) => {
                text.push_str(&piece);
                events(Event::Text(piece));
            }
            Some(Report::Done { counts, stop }) => match reply(model, &text, counts, stop) {
                Ok(reply) => return Ok(reply),
                Err(failure) => break failure,
            },
            Some(Report::Failed(error)) => break of_worker(model, error),
            Some(Report::NotStarted(detail)) => {
                break Failure::new(FailureClass::ModelUnavailable, model, detail);
            }
            Some(Report::Lost(detail)) => {
                break Failure::new(FailureClass::ServerError, model, detail);
            }
            // The driver ends without a report only where its runtime is shut down.
            None => break Failure::new(FailureClass::StreamCut, model, "moltbot is stopping"),
        }
    };
    Err(Failure {
        after_text: !text.is_empty(),
        ..failure
    })
}

fn reply(model: &Model, text: &str, counts: Counts, stop: Stop) -> Result<Reply, Failure> {
    let stop_reason = match stop {
        Stop::EndOfTurn => StopReason::Stop,
        Stop::Length => StopReason::Length,
        Stop::Cancelled => {
            return Err(Failure::new(
                FailureClass::StreamCut,
                model,
                "the engine was stopped",
            ));
        }
    };
    if text.trim().is_empty() {
        return Err(Failure::new(FailureClass::EmptyReply, model, ""));
    }
    Ok(Reply {
        message: AssistantMessage {
            content: vec![AssistantPart::Text {
                text: text.to_owned(),
            }],
            api: model.api.as_str().to_owned(),
            provider: model.reference.provider.clone(),
            model: model.reference.model.clone(),
            usage: Usage {
                input: counts.prefilled,
                output: counts.generated,
                cache_read: counts.reused,
                cache_write: 0,
            },
            stop_reason,
            error_message: None,
            timestamp: now(),
        },
        served_by: None,
    })
}

fn of_worker(model: &Model, error: WorkerError) -> Failure {
    let class = match error.kind {
        ErrorKind::Load => FailureClass::ModelUnavailable,
        ErrorKind::ContextOverflow => FailureClass::ContextOverflow,
        ErrorKind::Template => FailureClass::TemplateRejected,
        ErrorKind::Inference => FailureClass::ServerError,
        ErrorKind::BadRequest => FailureClass::BadRequest,
    };
    Failure {
        tokens: TokenFigures {
            prompt: error.prompt_tokens,
            limit: error.context,
        },
        ..Failure::new(class, model, error.message)
    }
}

/// Milliseconds since the Unix epoch.
fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| {
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        })
}
