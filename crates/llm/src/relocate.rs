//! The layer that finds an API which is not where the configuration says.

use std::sync::Arc;

use async_trait::async_trait;

use crate::backend::{Backend, EventSink, Reply};
use crate::event::Event;
use crate::failure::{Failure, FailureClass};
use crate::knowledge::Knowledge;
use crate::model::Model;
use crate::request::Request;

/// Asks again at the usual places on the same host and port where there is no API at the base URL, and says so. Nothing
/// is sent anywhere else.
pub struct Relocating<B> {
    inner: B,
    knowledge: Arc<Knowledge>,
}

impl<B> Relocating<B> {
    /// Looks beside wherever `inner` fails to find an API; where one was found stays in `knowledge` for this process.
    pub fn new(inner: B, knowledge: Arc<Knowledge>) -> Self {
        Self { inner, knowledge }
    }
}

#[async_trait]
impl<B: Backend> Backend for Relocating<B> {
    async fn stream(
        &self,
        model: &Model,
        request: &Request,
        events: EventSink<'_>,
    ) -> Result<Reply, Failure> {
        let configured = model;
        let model = &self.knowledge.placed(configured).await;
        let failure = match self.inner.stream(model, request, &mut *events).await {
            Err(failure) if is_wrong_place(&failure) => failure,
            outcome => return outcome,
        };
        let Some(base_url) = self.knowledge.working_base(model).await else {
            return Err(failure);
        };
        let provider = &model.reference.provider;
        let notice = format!(
            "{provider} has its API at {base_url}, which was used, not at {}; to keep that: {}",
            failure.server,
            set_command(provider, "baseUrl", &base_url),
        );
        tracing::info!(model = %model.reference, "{notice}");
        events(Event::Again {
            failure: Box::new(failure),
        });
        events(Event::Notice(notice));
        let moved = Model {
            base_url: base_url.clone(),
            ..model.clone()
        };
        let reply = self.inner.stream(&moved, request, events).await?;
        self.knowledge.moved(configured, base_url).await;
        Ok(reply)
    }
}

/// Something answered, but not with this API. Pages for people come with a good status.
fn is_wrong_place(failure: &Failure) -> bool {
    let class = matches!(
        failure.class,
        FailureClass::WrongEndpoint | FailureClass::BadReply
    );
    class && !failure.after_text
}

/// The command that sets a field of a provider, for a shell.
pub(crate) fn set_command(provider: &str, field: &str, value: &str) -> String {
    // A dot in a name is literal; the shell takes one of the two away.
    let provider = provider.replace('.', "\\\\.");
    format!("moltbot config set models.providers.{provider}.{field} {value}")
}
