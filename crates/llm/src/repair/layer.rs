//! The layer that sends a refused request once more in the form that the refusal calls for.

use std::sync::Arc;

use async_trait::async_trait;

use super::mend::mend;
use crate::backend::{Backend, EventSink, Reply};
use crate::event::Event;
use crate::failure::{Failure, FailureClass};
use crate::knowledge::Knowledge;
use crate::model::{Api, Model};
use crate::relocate::set_command;
use crate::request::Request;

/// How often one request may be mended. Everything that costs nothing goes with the first.
const REPAIRS: usize = 2;

/// Mends what a server refuses, and remembers it.
pub struct Repairing<B> {
    inner: B,
    knowledge: Arc<Knowledge>,
}

impl<B> Repairing<B> {
    /// Mends requests to `inner`; what helped goes into `knowledge`.
    pub fn new(inner: B, knowledge: Arc<Knowledge>) -> Self {
        Self { inner, knowledge }
    }
}

#[async_trait]
impl<B: Backend> Backend for Repairing<B> {
    async fn stream(
        &self,
        model: &Model,
        request: &Request,
        events: EventSink<'_>,
    ) -> Result<Reply, Failure> {
        // What an earlier try of the same turn has taught counts already.
        let mut mended = model.clone();
        if let Some(mut learned) = self.knowledge.repairs_of(model).await {
            learned.tools_as_text |= model.repairs.tools_as_text;
            mended.apply(learned);
        }
        let plain = mended.repairs.clone();
        let mut tries = 0;
        loop {
            for loss in mended.repairs.losses_for(request) {
                events(Event::Notice(format!("{}: {loss}.", model.reference)));
            }
            let outcome = self.inner.stream(&mended, request, &mut *events).await;
            if outcome.as_ref().err().is_none_or(is_answer) && mended.repairs != plain {
                if let Some(api) = mended.repairs.api.filter(|_| plain.api.is_none()) {
                    events(Event::Notice(other_dialect(model, api)));
                }
                self.knowledge.repaired(model, &mended).await;
            }
            let failure = match outcome {
                Ok(reply) => return Ok(reply),
                Err(failure) => failure,
            };
            if tries == REPAIRS {
                return Err(failure);
            }
            let Some(repairs) = mend(&failure, &mended, request) else {
                return Err(failure);
            };
            tries += 1;
            tracing::info!(model = %model.reference, %repairs, "{failure} Asking again in another form.");
            mended.apply(repairs);
            events(Event::Again {
                failure: Box::new(failure),
            });
        }
    }
}

/// Whether the server took the request, whatever became of the answer.
fn is_answer(failure: &Failure) -> bool {
    matches!(
        failure.class,
        FailureClass::EmptyReply | FailureClass::ReasoningOnly | FailureClass::OutputExhausted
    )
}

/// What the owner should write down: the configured dialect costs a refusal whenever it is tried again.
fn other_dialect(model: &Model, spoken: Api) -> String {
    format!(
        "{} does not speak {}, as configured, but {spoken}, which was used; to keep that: {}",
        model.reference.provider,
        model.api,
        set_command(&model.reference.provider, "api", spoken.as_str()),
    )
}
