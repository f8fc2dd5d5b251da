//! The layer that asks once more where a model ended without an answer.

use async_trait::async_trait;

use crate::backend::{Backend, EventSink, Reply};
use crate::event::Event;
use crate::failure::{Failure, FailureClass};
use crate::message::Message;
use crate::model::Model;
use crate::request::{Request, ThinkingLevel};

/// Asks at most once more, with a word about what is missing. The word goes out in no later request.
pub struct Nudging<B> {
    inner: B,
}

impl<B> Nudging<B> {
    /// Nudges whatever `inner` asks.
    pub fn new(inner: B) -> Self {
        Self { inner }
    }
}

#[async_trait]
impl<B: Backend> Backend for Nudging<B> {
    async fn stream(
        &self,
        model: &Model,
        request: &Request,
        events: EventSink<'_>,
    ) -> Result<Reply, Failure> {
        let failure = match self.inner.stream(model, request, &mut *events).await {
            Ok(reply) => return Ok(reply),
            Err(failure) => failure,
        };
        let Some(nudged) = nudge(&failure, model, request) else {
            return Err(failure);
        };
        tracing::info!(model = %model.reference, "{failure} Asking once more.");
        events(Event::Again {
            failure: Box::new(failure),
        });
        self.inner.stream(model, &nudged, events).await
    }
}

/// The request that may bring the answer after all.
fn nudge(failure: &Failure, model: &Model, request: &Request) -> Option<Request> {
    let words = match failure.class {
        FailureClass::ReasoningOnly | FailureClass::OutputExhausted => {
            "You have thought about it without answering. Give your answer now, briefly."
        }
        FailureClass::EmptyReply => "Your reply was empty. Please answer.",
        _ => return None,
    };
    let mut nudged = request.clone();
    nudged.thinking = ThinkingLevel::Off;
    if failure.class == FailureClass::OutputExhausted && model.output_limit.is_none() {
        nudged.max_tokens = nudged.max_tokens.map(|asked| asked.max(model.max_tokens));
    }
    let now = nudged.messages.last().map_or(0, Message::timestamp);
    nudged.messages.push(Message::user(words, now));
    Some(nudged)
}
