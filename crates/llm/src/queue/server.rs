//! One server as all requests of this process share it.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::Instant;

use super::health::{Health, Standing};
use super::line::{Line, Place, Ticket};
use crate::backend::EventSink;
use crate::event::{Event, Phase};
use crate::request::Priority;

/// A server: its line, and whether it answers. Every change wakes those who wait in the line.
#[derive(Debug)]
pub(super) struct Server {
    name: String,
    state: watch::Sender<State>,
}

#[derive(Debug, Default)]
struct State {
    line: Line,
    health: Health,
}

/// How a request came to be sent to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// It is the only server, or all have failed: it is asked whatever is known of it.
    Only,
    /// It answers, and others offer the same. If it fails while the request waits, the request goes elsewhere.
    Chosen,
    /// It has failed before, and this request tries it.
    Trial,
}

impl Server {
    pub(super) fn new(name: String) -> Self {
        Self {
            name,
            state: watch::Sender::new(State::default()),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn standing(&self) -> Standing {
        self.state.borrow().health.standing(Instant::now())
    }

    /// How many requests it answers or keeps waiting.
    pub(super) fn load(&self) -> usize {
        self.state.borrow().line.load()
    }

    /// Joins its line; see [`Line::join`].
    pub(super) fn join(
        self: &Arc<Self>,
        reason: Reason,
        priority: Priority,
        session: Option<&str>,
        capacity: usize,
    ) -> Turn {
        let mut ticket = None;
        self.state.send_modify(|state| {
            if reason == Reason::Trial {
                state.health.begin_trial();
            }
            ticket = Some(state.line.join(priority, session, capacity));
        });
        Turn {
            server: Arc::clone(self),
            ticket: ticket.expect("send_modify has run its closure"),
            reason,
        }
    }
}

/// A request's place in a server's line, or its slot; given up when this is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    server: Arc<Server>,
    ticket: Ticket,
    reason: Reason,
}

impl Turn {
    /// Waits for a slot and says how many go first, whenever that changes. `None` where the server has failed meanwhile
    /// and another may be asked.
    pub(super) async fn slot(&self, events: EventSink<'_>) -> Option<usize> {
        let mut state = self.server.state.subscribe();
        let mut told = None;
        loop {
            // Marks the state as seen, so that no change after it is missed.
            let (place, standing) = {
                let state = state.borrow_and_update();
                let standing = state.health.standing(Instant::now());
                (state.line.place(self.ticket)?, standing)
            };
            if self.reason == Reason::Chosen && standing != Standing::Up {
                return None;
            }
            match place {
                Place::Serving { slot } => return Some(slot),
                Place::Waiting { ahead } if told != Some(ahead) => {
                    told = Some(ahead);
                    events(Event::Phase(Phase::Queued { ahead }));
                }
                Place::Waiting { .. } => {}
            }
            // Fails only without a sender, and `self` holds it.
            state.changed().await.ok()?;
        }
    }

    /// Whether this request tries a server that had failed, and does not know yet.
    pub(super) fn on_trial(&self) -> bool {
        self.reason == Reason::Trial
    }

    /// The server answered.
    pub(super) fn answered(&mut self) {
        self.settle(Health::answered);
    }

    /// The server did not answer.
    pub(super) fn failed(&mut self) {
        let now = Instant::now();
        self.settle(|health| health.failed(now));
    }

    fn settle(&mut self, verdict: impl FnOnce(&mut Health)) {
        self.reason = Reason::Only;
        self.server
            .state
            .send_modify(|state| verdict(&mut state.health));
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.server.state.send_modify(|state| {
            if self.reason == Reason::Trial {
                state.health.end_trial();
            }
            state.line.leave(self.ticket);
        });
    }
}
