//! The layer that sends no server more at a time than it has slots, and picks the server where several offer the same
//! model.
//!
//! A model server answers a few requests at once; what is sent beyond that waits inside it, where nobody sees it, where a
//! heartbeat goes before a person, and where it evicts prompts that would have been read on from. So requests wait here:
//! persons first, and each is told how many go before it.
//!
//! What has been read before is the dearest thing a server has. A session therefore stays with the server that holds its
//! prompt, and on a server whose slots can be named, with its slot.

mod health;
mod homes;
mod line;
mod server;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::backend::{Backend, EventSink, Reply};
use crate::endpoint::Endpoint;
use crate::event::{Event, Phase};
use crate::failure::{Failure, FailureClass};
use crate::model::{Api, Model, is_local_address};
use crate::probe::ServerKind;
use crate::request::Request;

use health::Standing;
use homes::Homes;
use server::{Reason, Server, Turn};

/// Slots of a server in the house that does not tell: what llama.cpp's server and LM Studio come with.
const LOCAL_SLOTS: u32 = 4;

/// Slots of a server elsewhere that does not tell. Its real limit is its rate limit.
const HOSTED_SLOTS: u32 = 16;

/// The lines before the servers. Clones are the same lines: agents with credentials of their own wait in them together.
#[derive(Clone, Default)]
pub struct Lines(Arc<Standings>);

#[derive(Default)]
struct Standings {
    /// By [`Endpoint::server`]. As many as the owner configured.
    servers: Mutex<HashMap<String, Arc<Server>>>,
    homes: Mutex<Homes>,
}

/// Lets as many requests through to each server as it has slots, and chooses among the servers of a model.
pub struct Queued<B> {
    inner: B,
    lines: Lines,
}

impl<B> Queued<B> {
    /// Queues what goes to `inner`.
    pub fn new(inner: B) -> Self {
        Self::within(inner, Lines::default())
    }

    /// Queues what goes to `inner` in these lines.
    pub fn within(inner: B, lines: Lines) -> Self {
        Self { inner, lines }
    }

    fn server(&self, base_url: &str) -> Arc<Server> {
        let name = Endpoint::server(base_url);
        let mut servers = locked(&self.lines.0.servers);
        if let Some(server) = servers.get(&name) {
            return Arc::clone(server);
        }
        let server = Arc::new(Server::new(name.clone()));
        servers.insert(name, Arc::clone(&server));
        server
    }

    /// Which of the servers is asked, and why: the one where the session is at home, else one whose pause is over, else the
    /// one with the least to do (then the one where the fewest sessions are at home). Where all have failed, the one whose
    /// pause ends first: an attempt is worth more to a person than a refusal. `left` were asked already.
    fn choose(
        &self,
        servers: &[Arc<Server>],
        left: &[usize],
        model: &Model,
        request: &Request,
    ) -> Option<(usize, Reason)> {
        let mut homes = locked(&self.lines.0.homes);
        let provider = &model.reference.provider;
        let session = request.origin.session.as_deref();
        let open = || (0..servers.len()).filter(|index| !left.contains(index));
        let standings: Vec<Standing> = servers.iter().map(|server| server.standing()).collect();
        let home = session
            .and_then(|session| homes.of(provider, session))
            .and_then(|home| open().find(|index| servers[*index].name() == home))
            .filter(|index| !matches!(standings[*index], Standing::Down { .. }));
        let due = || open().find(|index| standings[*index] == Standing::Due);
        let idlest = || {
            let up = open().filter(|index| standings[*index] == Standing::Up);
            up.min_by_key(|index| (servers[*index].load(), homes.at(servers[*index].name())))
        };
        let soonest = || open().min_by_key(|index| standings[*index]);
        let index = home.or_else(due).or_else(idlest).or_else(soonest)?;
        if let Some(session) = session {
            homes.settle(provider, session, servers[index].name());
        }
        let reason = match standings[index] {
            Standing::Up => Reason::Chosen,
            Standing::Due => Reason::Trial,
            Standing::Down { .. } => Reason::Only,
        };
        Some((index, reason))
    }
}

impl<B: Backend> Queued<B> {
    /// Waits for a slot and asks. The outer `None` says that the server failed meanwhile and was not asked.
    async fn ask(
        &self,
        model: &Model,
        request: &Request,
        turn: &mut Turn,
        events: EventSink<'_>,
    ) -> Option<Result<Reply, Failure>> {
        let slot = turn.slot(&mut *events).await?;
        let mut model = Cow::Borrowed(model);
        if has_numbered_slots(&model) {
            model.to_mut().slot = u32::try_from(slot).ok();
        }
        if !turn.on_trial() {
            return Some(self.inner.stream(&model, request, events).await);
        }
        // Its first sign of work lets the other requests come: they need not wait for the whole answer.
        let mut watched = |event: Event| {
            if turn.on_trial() && is_work(&event) {
                turn.answered();
            }
            events(event);
        };
        Some(self.inner.stream(&model, request, &mut watched).await)
    }

    /// Asks the servers one after another until one answers, or has begun to.
    async fn ask_several(
        &self,
        model: &Model,
        request: &Request,
        events: EventSink<'_>,
    ) -> Result<Reply, Failure> {
        let servers: Vec<Arc<Server>> = model.base_urls.iter().map(|b| self.server(b)).collect();
        let mut left = Vec::new();
        let mut last = None;
        while let Some((index, reason)) = self.choose(&servers, &left, model, request) {
            if let Some(failure) = last.take() {
                events(Event::Again {
                    failure: Box::new(failure),
                });
            }
            let mut here = model.clone();
            here.base_url.clone_from(&model.base_urls[index]);
            let mut turn = join(&servers[index], reason, &here, request);
            let Some(outcome) = self.ask(&here, request, &mut turn, &mut *events).await else {
                continue;
            };
            match outcome {
                Err(failure) if is_absent(&failure) => {
                    turn.failed();
                    left.push(index);
                    tracing::warn!(model = %model.reference, class = failure.class.as_str(), "{failure} Leaving this server for a while.");
                    last = Some(failure);
                }
                // A refusal is an answer too.
                outcome => {
                    turn.answered();
                    return outcome;
                }
            }
        }
        Err(last.unwrap_or_else(|| Failure::new(FailureClass::Unreachable, model, "")))
    }
}

#[async_trait]
impl<B: Backend> Backend for Queued<B> {
    async fn stream(
        &self,
        model: &Model,
        request: &Request,
        events: EventSink<'_>,
    ) -> Result<Reply, Failure> {
        if model.base_urls.len() > 1 {
            return self.ask_several(model, request, events).await;
        }
        let server = self.server(&model.base_url);
        // Declared before the inner future and so dropped after it: the slot is free only once the connection is closed.
        let mut turn = join(&server, Reason::Only, model, request);
        match self.ask(model, request, &mut turn, events).await {
            Some(outcome) => outcome,
            // It does not give up a server that is the only one.
            None => Err(Failure::new(FailureClass::Unreachable, model, "")),
        }
    }
}

fn join(server: &Arc<Server>, reason: Reason, model: &Model, request: &Request) -> Turn {
    let unknown = match is_local_address(&model.base_url) {
        true => LOCAL_SLOTS,
        false => HOSTED_SLOTS,
    };
    let slots = model.slots.unwrap_or(unknown);
    let session = request.origin.session.as_deref();
    server.join(
        reason,
        request.origin.priority,
        session.filter(|_| has_numbered_slots(model)),
        usize::try_from(slots).unwrap_or(usize::MAX),
    )
}

/// Whether requests can say which slot of the server they want. The number of slots must be known: a request for one that
/// is not there waits in llama.cpp's server for ever.
fn has_numbered_slots(model: &Model) -> bool {
    model.server == Some(ServerKind::LlamaCpp)
        && model.api == Api::OpenAiCompletions
        && model.slots.is_some_and(|slots| slots > 1)
        && !model.repairs.dropped.contains("id_slot")
}

/// Whether a failure says that this server (rather than the request, the key or the model) is not there for now, before
/// anything was shown. A stream that is cut before its first word is a server that died while it read.
fn is_absent(failure: &Failure) -> bool {
    let absent = matches!(
        failure.class,
        FailureClass::Unreachable
            | FailureClass::Timeout
            | FailureClass::ModelLoading
            | FailureClass::Overloaded
            | FailureClass::StreamCut
    );
    absent && !failure.after_text
}

/// Whether an event shows that the server works on its answer.
fn is_work(event: &Event) -> bool {
    match event {
        Event::Phase(phase) => matches!(phase, Phase::Prefill { .. }),
        Event::Text(_)
        | Event::Thinking(_)
        | Event::ToolCallStarted { .. }
        | Event::ToolCallArguments { .. } => true,
        Event::TextWasThinking
        | Event::NextModel { .. }
        | Event::Again { .. }
        | Event::Notice(_) => false,
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Both maps are whole between any two of their operations.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
