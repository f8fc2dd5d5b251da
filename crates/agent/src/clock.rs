//! The time that a turn may take. It stands still while a person is asked.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// Runs from when it is made.
pub(crate) struct TurnClock {
    limit: Duration,
    started: Instant,
    stopped: Mutex<Stopped>,
    goes_on: Notify,
}

/// How long it has stood still.
#[derive(Default)]
struct Stopped {
    in_all: Duration,
    since: Option<Instant>,
}

impl TurnClock {
    /// A clock that is up after this long.
    pub(crate) fn new(limit: Duration) -> Self {
        Self {
            limit,
            started: Instant::now(),
            stopped: Mutex::default(),
            goes_on: Notify::new(),
        }
    }

    /// Waits for a person. One at a time.
    pub(crate) async fn stopped_for<T>(&self, person: impl Future<Output = T>) -> T {
        self.stopped().since = Some(Instant::now());
        let going = GoesOn(self);
        let answer = person.await;
        drop(going);
        answer
    }

    /// Completes when the time is up.
    pub(crate) async fn up(&self) {
        loop {
            let goes_on = self.goes_on.notified();
            match self.left() {
                Some(Duration::ZERO) => return,
                Some(left) => tokio::time::sleep(left).await,
                None => goes_on.await,
            }
        }
    }

    /// `None` while it stands still.
    fn left(&self) -> Option<Duration> {
        let stopped = self.stopped();
        if stopped.since.is_some() {
            return None;
        }
        let ran = self.started.elapsed().saturating_sub(stopped.in_all);
        Some(self.limit.saturating_sub(ran))
    }

    fn stopped(&self) -> MutexGuard<'_, Stopped> {
        // Each change is whole, so what a panicking holder left is good.
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets the clock go on, also where the wait is given up.
struct GoesOn<'a>(&'a TurnClock);

impl Drop for GoesOn<'_> {
    fn drop(&mut self) {
        let mut stopped = self.0.stopped();
        if let Some(since) = stopped.since.take() {
            stopped.in_all += since.elapsed();
        }
        drop(stopped);
        self.0.goes_on.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_time_that_a_person_takes_is_not_counted() {
        let clock = TurnClock::new(Duration::from_secs(10));
        let started = Instant::now();
        tokio::join!(clock.up(), async {
            tokio::time::sleep(Duration::from_secs(4)).await;
            clock
                .stopped_for(tokio::time::sleep(Duration::from_secs(100)))
                .await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            clock
                .stopped_for(tokio::time::sleep(Duration::from_secs(100)))
                .await;
        });
        assert_eq!(started.elapsed(), Duration::from_secs(210));
    }
}
