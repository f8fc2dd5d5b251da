//! What the worker reports, as events and a reply.

use std::time::{SystemTime, UNIX_EPOCH};

use moltbot_llm::{
    Event, EventSink, Failure, FailureClass, Model, Phase, Reply, StopReason, TextDecoder,
    TokenFigures, ToolSpec, Usage,
};
use tokio::sync::mpsc;

use super::driver::Report;
use crate::protocol::{Counts, ErrorKind, Stop, WorkerError};

/// Passes reports on as events until the answer has ended.
pub(super) async fn collect(
    model: &Model,
    tools: &[ToolSpec],
    mut reports: mpsc::UnboundedReceiver<Report>,
    events: EventSink<'_>,
) -> Result<Reply, Failure> {
    let mut decoder = TextDecoder::with_tools(model, now().unsigned_abs(), tools);
    let mut after_text = false;
    events(Event::Phase(Phase::Waiting));
    let failure = loop {
        match reports.recv().await {
            Some(Report::Phase(phase)) => events(Event::Phase(phase)),
            Some(Report::Constrained(marker)) => decoder.hold_to_grammar(marker.as_deref()),
            Some(Report::Text(piece)) => {
                for event in decoder.feed(&piece) {
                    match event {
                        Event::Text(_) => after_text = true,
                        Event::TextWasThinking => after_text = false,
                        _ => {}
                    }
                    events(event);
                }
            }
            Some(Report::Done {
                stop: Stop::Cancelled,
                ..
            }) => break Failure::new(FailureClass::StreamCut, model, "the engine was stopped"),
            Some(Report::Done { counts, stop }) => {
                let stop = match stop {
                    Stop::Length => StopReason::Length,
                    Stop::EndOfTurn | Stop::Cancelled => StopReason::Stop,
                };
                let mut rest = Vec::new();
                // What has been held back as a call to be is half of one, and no text for anybody.
                let cut = stop == StopReason::Length
                    && !tools.is_empty()
                    && (!after_text || decoder.is_in_call());
                let result = decoder.finish(stop, usage(counts), &mut rest);
                if let Ok(reply) = &result
                    && cut
                    && reply.message.tool_calls().next().is_none()
                {
                    let detail = "the limit of tokens cut a tool call off";
                    break Failure::new(FailureClass::OutputExhausted, model, detail);
                }
                rest.into_iter().for_each(events);
                let mut reply = result?;
                reply.message.timestamp = now();
                return Ok(reply);
            }
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
        after_text,
        ..failure
    })
}

fn usage(counts: Counts) -> Usage {
    Usage {
        input: counts.prefilled,
        output: counts.generated,
        cache_read: counts.reused,
        cache_write: 0,
    }
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
            ..TokenFigures::default()
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
