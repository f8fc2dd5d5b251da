//! The backend of providers that have a service.

use std::sync::Arc;

use async_trait::async_trait;
use moltbot_llm::{Backend, Event, EventSink, Failure, FailureClass, Model, Phase, Reply, Request};

use crate::client::Lease;
use crate::services::Services;

/// Makes sure that a provider's server runs before a request goes to it. A request in the background uses the server
/// where it runs, and starts it only where the owner allows that (`service.background`).
pub struct ServedBackend {
    inner: Arc<dyn Backend>,
    services: Arc<Services>,
}

impl ServedBackend {
    /// Requests go on to `inner`.
    pub fn new(inner: Arc<dyn Backend>, services: Arc<Services>) -> Self {
        Self { inner, services }
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
        let mut again = false;
        loop {
            let mut on_wait = || events(Event::Phase(Phase::Loading { fraction: None }));
            let provider = &model.reference.provider;
            // Held until the answer is whole, or the caller has dropped this.
            let lease = self
                .services
                .lease(provider, request.origin.priority, &mut on_wait)
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
