//! The layer that waits for a server that will be able to answer soon.

use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::backend::{Backend, EventSink, Reply};
use crate::clocks::Clocks;
use crate::event::{Event, Phase};
use crate::failure::{Failure, FailureClass};
use crate::model::Model;
use crate::request::Request;

/// The first pause; each further one is twice as long, up to [`LONGEST`].
const FIRST: Duration = Duration::from_millis(500);

/// The longest pause that the server did not ask for.
const LONGEST: Duration = Duration::from_secs(5);

/// A hosted server is waited for only where it asks for no more than this: another model answers sooner.
const HOSTED: Duration = Duration::from_secs(2);

/// How often a hosted server is waited for.
const HOSTED_TIMES: u32 = 2;

/// Asks a server again that says it is loading the model, or, in the house, that it is busy. The failure goes up when
/// its clock has run out ([`Clocks::load`], [`Clocks::busy`]), and at once where a part of the answer was shown.
pub struct Waiting<B> {
    inner: B,
    clocks: Option<Clocks>,
}

impl<B> Waiting<B> {
    /// Waits for whatever `inner` asks.
    pub fn new(inner: B) -> Self {
        Self {
            inner,
            clocks: None,
        }
    }

    /// With these limits for every request, instead of those that fit each.
    #[must_use]
    pub fn with_clocks(mut self, clocks: Clocks) -> Self {
        self.clocks = Some(clocks);
        self
    }
}

#[async_trait]
impl<B: Backend> Backend for Waiting<B> {
    async fn stream(
        &self,
        model: &Model,
        request: &Request,
        events: EventSink<'_>,
    ) -> Result<Reply, Failure> {
        let clocks = self.clocks.unwrap_or_else(|| Clocks::of(model, 0));
        let mut patience = Patience::new(clocks, model.is_local());
        loop {
            let mut shown = false;
            let mut note = |event: Event| {
                match event {
                    // It takes back nothing, and is news only once.
                    Event::Again { .. } if !shown && patience.times > 0 => return,
                    Event::Again { .. } => shown = false,
                    Event::Phase(_) | Event::Notice(_) => {}
                    _ => shown = true,
                }
                events(event);
            };
            let asked = Instant::now();
            let failure = match self.inner.stream(model, request, &mut note).await {
                Ok(reply) => return Ok(reply),
                Err(failure) => failure,
            };
            if shown {
                return Err(failure);
            }
            let Some(wait) = patience.wait(&failure, asked.elapsed()) else {
                return Err(failure);
            };
            tracing::debug!(model = %model.reference, ?wait, "{failure} Waiting for it.");
            events(Event::Phase(wait.phase));
            tokio::time::sleep(wait.pause).await;
        }
    }
}

/// A pause, and what the server does meanwhile.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Wait {
    pause: Duration,
    phase: Phase,
}

/// What has been spent on waiting for one reply.
struct Patience {
    clocks: Clocks,
    local: bool,
    loading: Duration,
    busy: Duration,
    times: u32,
}

impl Patience {
    fn new(clocks: Clocks, local: bool) -> Self {
        Self {
            clocks,
            local,
            loading: Duration::ZERO,
            busy: Duration::ZERO,
            times: 0,
        }
    }

    /// How to wait after this failure, which took `asking` to come; `None` to give up. No pause outlasts its clock,
    /// so a server that asks for a longer one is not waited for at all.
    fn wait(&mut self, failure: &Failure, asking: Duration) -> Option<Wait> {
        // Nothing was asked, and whoever keeps it so knows why.
        if failure.cooling.is_some() {
            return None;
        }
        let (spent, limit, phase) = match failure.class {
            FailureClass::ModelLoading => {
                let phase = Phase::Loading { fraction: None };
                (&mut self.loading, self.clocks.load, phase)
            }
            FailureClass::Overloaded | FailureClass::RateLimit => {
                (&mut self.busy, self.clocks.busy, Phase::Waiting)
            }
            _ => return None,
        };
        let pause = match failure.retry_after {
            // An answer of 0 must not become a loop that never rests.
            Some(asked) if self.local => asked.max(FIRST),
            Some(asked) if asked <= HOSTED && self.times < HOSTED_TIMES => asked.max(FIRST),
            None if self.local => FIRST
                .saturating_mul(2u32.saturating_pow(self.times))
                .min(LONGEST),
            _ => return None,
        };
        self.times = self.times.saturating_add(1);
        *spent = spent.saturating_add(asking).saturating_add(pause);
        (*spent <= limit).then_some(Wait { pause, phase })
    }
}

#[cfg(test)]
mod tests;
