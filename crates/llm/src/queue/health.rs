//! Whether a server among several answers: after a failure it is left alone for a while, then tried with one request.
//! Pure state.

use std::time::Duration;

use tokio::time::Instant;

/// How long a server is left alone after its first failure.
const FIRST_PAUSE: Duration = Duration::from_secs(10);

/// The longest pause; each trial that fails doubles it up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// What is known of a server's answering.
#[derive(Debug, Default)]
pub(super) struct Health {
    down: Option<Down>,
}

#[derive(Debug)]
struct Down {
    until: Instant,
    pause: Duration,
    /// Whether a request is finding out right now.
    on_trial: bool,
}

/// Whether a server may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    /// As far as is known it answers.
    Up,
    /// It has failed and its pause is over: one request should try it.
    Due,
    /// It has failed, and is left alone (or tried by another request) until then.
    Down {
        /// When the pause is over.
        until: Instant,
    },
}

impl Health {
    pub(super) fn standing(&self, now: Instant) -> Standing {
        match &self.down {
            None => Standing::Up,
            Some(down) if now >= down.until && !down.on_trial => Standing::Due,
            Some(down) => Standing::Down { until: down.until },
        }
    }

    /// The server answered: it is up.
    pub(super) fn answered(&mut self) {
        self.down = None;
    }

    /// The server failed. The first failure begins a pause; failures of requests that were under way meanwhile do not
    /// make it longer.
    pub(super) fn failed(&mut self, now: Instant) {
        let pause = match &self.down {
            None => FIRST_PAUSE,
            Some(down) if now < down.until => return,
            Some(down) => (down.pause * 2).min(LONGEST_PAUSE),
        };
        self.down = Some(Down {
            until: now + pause,
            pause,
            on_trial: false,
        });
    }

    /// One request tries the server; the others stay away meanwhile.
    pub(super) fn begin_trial(&mut self) {
        self.set_trial(true);
    }

    /// The trial ended. Without a verdict the next request tries it.
    pub(super) fn end_trial(&mut self) {
        self.set_trial(false);
    }

    fn set_trial(&mut self, on_trial: bool) {
        if let Some(down) = &mut self.down {
            down.on_trial = on_trial;
        }
    }
}
