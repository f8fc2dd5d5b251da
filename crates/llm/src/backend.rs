//! The one interface to anything that can answer: a server over HTTP, or the engine inside this machine's own process.

use std::sync::Arc;

use async_trait::async_trait;

use crate::credentials::Credentials;
use crate::event::Event;
use crate::failure::Failure;
use crate::http::HttpBackend;
use crate::knowledge::Knowledge;
use crate::message::AssistantMessage;
use crate::model::{Api, Model};
use crate::nudge::Nudging;
use crate::queue::{Lines, Queued};
use crate::relocate::Relocating;
use crate::repair::Repairing;
use crate::request::Request;
use crate::rotation::Rotating;
use crate::tokens::Budgeting;
use crate::waiting::Waiting;

/// Receives each event of a reply as it arrives.
pub type EventSink<'a> = &'a mut (dyn FnMut(Event) + Send);

/// A whole reply, returned when the stream has ended well.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// What the model answered, ready for the transcript.
    pub message: AssistantMessage,
    /// The model name the server reported, where it differs from the one asked for (a router's choice, a loaded build).
    pub served_by: Option<String>,
}

/// Something that can answer a [`Request`] with one model.
#[async_trait]
pub trait Backend: Send + Sync {
    /// Streams one reply, however long it takes ([`crate::Ladder`] keeps the owner's time limits). Events go to `events` as they come; the whole reply is returned at the end. Dropping the
    /// future stops the model and closes the connection.
    ///
    /// # Errors
    /// A [`Failure`] says what went wrong and what the ladder should do next. [`Failure::after_text`] tells whether
    /// visible text had been handed out before.
    async fn stream(
        &self,
        model: &Model,
        request: &Request,
        events: EventSink<'_>,
    ) -> Result<Reply, Failure>;
}

/// Speaking HTTP with everything around it that makes it dependable, innermost first: prompt and answer are fitted into
/// the context window, a refused key gives way to the next, refusals of the form are mended, a model that ends without an
/// answer is asked once more, an API that is not where it should be is looked for beside, no server gets more at a time
/// than it has slots, and one that loads its model is waited for (outside of the line, where nobody has to wait behind,
/// and after all servers of the model were tried).
pub fn over_http(credentials: Arc<Credentials>, knowledge: Arc<Knowledge>) -> Arc<dyn Backend> {
    over_http_in(credentials, knowledge, Lines::default())
}

/// [`over_http`], waiting in these lines before the servers.
pub fn over_http_in(
    credentials: Arc<Credentials>,
    knowledge: Arc<Knowledge>,
    lines: Lines,
) -> Arc<dyn Backend> {
    Arc::new(Waiting::new(dependable(credentials, knowledge, lines)))
}

/// [`over_http`] without the outermost of it: a server that loads its model or is busy is not waited for, but fails like
/// any other.
pub fn over_http_at_once(
    credentials: Arc<Credentials>,
    knowledge: Arc<Knowledge>,
) -> Arc<dyn Backend> {
    Arc::new(dependable(credentials, knowledge, Lines::default()))
}

fn dependable(
    credentials: Arc<Credentials>,
    knowledge: Arc<Knowledge>,
    lines: Lines,
) -> impl Backend {
    let http = HttpBackend::new(Arc::clone(&credentials));
    let fitted = Budgeting::new(http, Arc::clone(&credentials), Arc::clone(&knowledge));
    let signed = Rotating::new(fitted, credentials, Arc::clone(&knowledge));
    let mended = Repairing::new(signed, Arc::clone(&knowledge));
    let nudged = Nudging::new(mended);
    let found = Relocating::new(nudged, knowledge);
    Queued::within(found, lines)
}

/// The backends of this process (HTTP always, the engine where it was built in), and what is known of the servers
/// behind them.
#[derive(Clone)]
pub struct Backends {
    http: Arc<dyn Backend>,
    engine: Option<Arc<dyn Backend>>,
    knowledge: Arc<Knowledge>,
}

impl Backends {
    /// `engine` is `None` in a build without it.
    pub fn new(
        http: Arc<dyn Backend>,
        engine: Option<Arc<dyn Backend>>,
        knowledge: Arc<Knowledge>,
    ) -> Self {
        Self {
            http,
            engine,
            knowledge,
        }
    }

    /// What is known of the servers.
    pub fn knowledge(&self) -> &Knowledge {
        &self.knowledge
    }

    /// The backend that serves a model.
    ///
    /// # Errors
    /// A model of the engine in a build that has none.
    pub fn of(&self, model: &Model) -> Result<&dyn Backend, Failure> {
        match model.api {
            Api::Engine => self
                .engine
                .as_deref()
                .ok_or_else(|| Failure::no_engine(model)),
            _ => Ok(self.http.as_ref()),
        }
    }
}
