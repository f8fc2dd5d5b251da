//! The backend of providers that have a service.

use std::sync::Arc;

use async_trait::async_trait;
use moltbot_llm::{Backend, Event, EventSink, Failure, FailureClass, Model, Phase, Reply, Request};

use crate::client::Lease;
use crate::services::Services;

/// For whom a request is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Demand {
    /// Somebody waits for the answer: the server is started if need be.
    Person,
    /// Nobody waits (heartbeats, scheduled runs, titles): the server is used where it runs, and started only where the
    /// owner allows it (`service.background`).
    Background,
}

/// Makes sure that a provider's server runs before a request goes to it.
pub struct ServedBackend {
    inner: Arc<dyn Backend>,
    services: Arc<Services>,
}

impl ServedBackend {
    /// Requests go on to `inner`.
    pub fn new(inner: Arc<dyn Backend>, services: Arc<Services>) -> Self {
        Self { inner, services }
    }

    /// As [`Backend::stream`], for somebody or for nobody in particular.
    ///
    /// # Errors
    /// Those of the backend behind, and [`moltbot_llm::FailureClass::Unreachable`] where the server does not start.
    pub async fn stream_for(
        &self,
        demand: Demand,
        model: &Model,
        request: &Request,
        events: EventSink<'_>,
    ) -> Result<Reply, Failure> {
        let mut again = false;
        loop {
            let mut on_wait = || events(Event::Phase(Phase::Loading { fraction: None }));
            let provider = &model.reference.provider;
            // Held until the answer is whole, or the caller has dropped this.
            let lease = self
                .services
                .lease(provider, demand, &mut on_wait)
                .await
                .map_err(|error| error.into_failure(model))?;
            let ours = lease.as_ref().is_some_and(Lease::is_ours);
            match self.inner.stream(model, request, events).await {
                // It ended at this very moment, and its keeper had not heard of it yet.
                Err(failure) if failure.class == FailureClass::Unreachable && ours && !again => {
                    again = true;
                }
                result => return result,
            }
        }
    }
}

#[async_trait]
impl Backend for ServedBackend {
    async fn stream(
        &self,
        model: &Model,
        request: &Request,
        events: EventSink<'_>,
    ) -> Result<Reply, Failure> {
        self.stream_for(Demand::Person, model, request, events)
            .await
    }
}
