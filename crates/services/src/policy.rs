//! When a server is started, stopped and tried again: decisions without I/O.

use std::time::Duration;

use tokio::time::Instant;

use crate::protocol::Activity;
use crate::spec::{Pace, Spec};

/// What the keeper does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Start the server.
    Start,
    /// Stop the server.
    Stop,
    /// End: there is nothing left to do.
    Exit,
    /// Wait for something to happen, at most until then.
    Wait(Option<Instant>),
}

/// What the owner asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// Time without a request after which the server is stopped; zero keeps it until nobody holds it.
    pub(crate) idle: Duration,
    /// Whether it runs as long as somebody holds it.
    pub(crate) keep_warm: bool,
    /// Time in silence after which a keeper with nothing to keep ends. Whoever starts one has yet to connect.
    pub(crate) linger: Duration,
}

/// What the keeper knows.
#[derive(Debug, Clone)]
pub(crate) struct Situation<'a> {
    /// What the server does.
    pub(crate) activity: Activity,
    /// Requests that wait for it and may start it.
    pub(crate) waiting: usize,
    /// Requests that use it, or wait without starting it.
    pub(crate) users: usize,
    /// Programs that have used it and still run.
    pub(crate) holders: usize,
    /// Whether a server that is not ours answers instead.
    pub(crate) foreign: bool,
    /// When a request last ended (or the server became ready).
    pub(crate) last_used: Instant,
    /// When anything was last heard from a connection.
    pub(crate) last_heard: Instant,
    /// What went wrong.
    pub(crate) failures: &'a Failures,
}

impl From<&Spec> for Rules {
    fn from(spec: &Spec) -> Self {
        Self {
            idle: spec.idle,
            keep_warm: spec.keep_warm,
            linger: spec.pace.linger,
        }
    }
}

impl Rules {
    /// What to do at `now`.
    pub(crate) fn step(&self, at: &Situation<'_>, now: Instant) -> Step {
        let held = at.holders > 0;
        match at.activity {
            Activity::Starting | Activity::Stopping => Step::Wait(None),
            Activity::Down if at.waiting > 0 || (self.keep_warm && held && !at.foreign) => {
                match at.failures.next_try() {
                    Some(next) if next > now => Step::Wait(Some(next)),
                    _ => Step::Start,
                }
            }
            Activity::Down if at.users > 0 => Step::Wait(None),
            // A failure is remembered as long as it matters, so that whoever comes next does not begin at once.
            Activity::Down => {
                let quiet = at.last_heard + self.linger;
                let then = at
                    .failures
                    .forgotten_at()
                    .map_or(quiet, |then| then.max(quiet));
                match then > now {
                    true => Step::Wait(Some(then)),
                    false => Step::Exit,
                }
            }
            Activity::Ready if at.waiting + at.users > 0 || (self.keep_warm && held) => {
                Step::Wait(None)
            }
            Activity::Ready if self.idle.is_zero() => match held {
                true => Step::Wait(None),
                false => Step::Stop,
            },
            Activity::Ready => match at.last_used.checked_add(self.idle) {
                Some(then) if then > now => Step::Wait(Some(then)),
                Some(_) => Step::Stop,
                // An idle time beyond what the clock can hold.
                None => Step::Wait(None),
            },
        }
    }
}

/// Starts that failed and servers that ended by themselves, in a row.
#[derive(Debug, Clone)]
pub(crate) struct Failures {
    pace: Pace,
    last: Option<Failed>,
}

#[derive(Debug, Clone)]
struct Failed {
    in_a_row: u32,
    at: Instant,
    detail: String,
}

impl Failures {
    /// None so far.
    pub(crate) fn none(pace: Pace) -> Self {
        Self { pace, last: None }
    }

    /// One more.
    pub(crate) fn add(&mut self, detail: String, now: Instant) {
        let before = match &self.last {
            Some(last) if now < last.at + self.pace.forget => last.in_a_row,
            _ => 0,
        };
        self.last = Some(Failed {
            in_a_row: before.saturating_add(1),
            at: now,
            detail,
        });
    }

    /// When the server may be started again; `None` where nothing failed.
    pub(crate) fn next_try(&self) -> Option<Instant> {
        let last = self.last.as_ref()?;
        let doubled = 1u32.checked_shl(last.in_a_row - 1).unwrap_or(u32::MAX);
        let wait = self.pace.backoff.saturating_mul(doubled);
        Some(last.at + wait.min(self.pace.backoff_limit))
    }

    /// When the last failure no longer matters; `None` where nothing failed.
    fn forgotten_at(&self) -> Option<Instant> {
        Some(self.last.as_ref()?.at + self.pace.forget)
    }

    /// The last failure while it is remembered, and the time until the next start where a request should not wait for
    /// that.
    pub(crate) fn refusal(&self, now: Instant) -> Option<(&str, Duration)> {
        let wait = self.next_try()?.saturating_duration_since(now);
        let detail = self.detail(now)?;
        (wait > self.pace.patience).then_some((detail, wait))
    }

    /// The last failure, while it is remembered.
    pub(crate) fn detail(&self, now: Instant) -> Option<&str> {
        let last = self.last.as_ref()?;
        (now < last.at + self.pace.forget).then_some(last.detail.as_str())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    const IDLE: Duration = Duration::from_secs(60);

    fn rules(idle: Duration, keep_warm: bool) -> Rules {
        let linger = Duration::ZERO;
        Rules {
            idle,
            keep_warm,
            linger,
        }
    }

    fn at(activity: Activity, now: Instant, failures: &Failures) -> Situation<'_> {
        Situation {
            activity,
            waiting: 0,
            users: 0,
            holders: 0,
            foreign: false,
            last_used: now,
            last_heard: now,
            failures,
        }
    }

    #[test]
    fn an_idle_server_is_stopped_when_its_time_is_over() {
        let (now, none) = (Instant::now(), Failures::none(Pace::default()));
        let idle = at(Activity::Ready, now, &none);
        let rules = rules(IDLE, false);
        assert_eq!(rules.step(&idle, now), Step::Wait(Some(now + IDLE)));
        assert_eq!(rules.step(&idle, now + IDLE), Step::Stop);
        let used = Situation { users: 1, ..idle };
        assert_eq!(rules.step(&used, now + IDLE * 9), Step::Wait(None));
    }

    #[test]
    fn zero_keeps_it_until_the_last_program_has_ended() {
        let (now, none) = (Instant::now(), Failures::none(Pace::default()));
        let rules = rules(Duration::ZERO, false);
        let held = Situation {
            holders: 1,
            ..at(Activity::Ready, now, &none)
        };
        assert_eq!(rules.step(&held, now + IDLE * 999), Step::Wait(None));
        let free = at(Activity::Ready, now, &none);
        assert_eq!(rules.step(&free, now), Step::Stop);
    }

    #[test]
    fn a_warm_server_stays_and_comes_back_while_a_program_runs() {
        let (now, none) = (Instant::now(), Failures::none(Pace::default()));
        let rules = rules(IDLE, true);
        let held = |activity| Situation {
            holders: 1,
            ..at(activity, now, &none)
        };
        assert_eq!(
            rules.step(&held(Activity::Ready), now + IDLE),
            Step::Wait(None)
        );
        assert_eq!(rules.step(&held(Activity::Down), now), Step::Start);
        let free = at(Activity::Ready, now, &none);
        assert_eq!(rules.step(&free, now + IDLE), Step::Stop);
    }

    #[test]
    fn failures_are_waited_out_longer_each_time_and_forgotten() {
        let pace = Pace::default();
        let (now, mut failures) = (Instant::now(), Failures::none(pace));
        let waits = [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300];
        for seconds in waits {
            failures.add("no".into(), now);
            assert_eq!(
                failures.next_try(),
                Some(now + Duration::from_secs(seconds))
            );
        }
        for _ in 0..100 {
            failures.add("no".into(), now);
        }
        assert_eq!(failures.next_try(), Some(now + pace.backoff_limit));
        let rules = rules(IDLE, false);
        let down = at(Activity::Down, now, &failures);
        assert_eq!(rules.step(&down, now), Step::Wait(Some(now + pace.forget)));
        assert_eq!(rules.step(&down, now + pace.forget), Step::Exit);
        assert_eq!(failures.detail(now + pace.forget), None);
        failures.add("again".into(), now + pace.forget);
        assert_eq!(failures.next_try(), Some(now + pace.forget + pace.backoff));
    }

    #[test]
    fn a_near_restart_is_waited_for_and_a_far_one_is_not() {
        let (now, mut failures) = (Instant::now(), Failures::none(Pace::default()));
        assert_eq!(failures.refusal(now), None);
        for _ in 0..3 {
            failures.add("no".into(), now);
        }
        assert_eq!(failures.refusal(now), None);
        failures.add("no".into(), now);
        assert_eq!(failures.refusal(now), Some(("no", Duration::from_secs(8))));
        assert_eq!(failures.refusal(now + Duration::from_secs(4)), None);
    }

    fn activity() -> impl Strategy<Value = Activity> {
        prop_oneof![
            Just(Activity::Down),
            Just(Activity::Starting),
            Just(Activity::Ready),
            Just(Activity::Stopping),
        ]
    }

    proptest! {
        /// Whatever happens: a server in use is never stopped, one that runs is never started again, a keeper with a
        /// server or a waiting request never ends, and waiting until a named time leads to something else.
        #[test]
        fn no_step_harms(
            activity in activity(),
            waiting in 0usize..3,
            users in 0usize..3,
            holders in 0usize..3,
            failed in 0u32..12,
            idle in 0u64..100,
            keep_warm: bool,
            foreign: bool,
            passed in 0u64..2000,
        ) {
            let start = Instant::now();
            let mut failures = Failures::none(Pace::default());
            for _ in 0..failed {
                failures.add("no".into(), start);
            }
            let at = Situation { activity, waiting, users, holders, foreign, last_used: start, last_heard: start, failures: &failures };
            let rules = rules(Duration::from_secs(idle), keep_warm);
            let now = start + Duration::from_secs(passed);
            match rules.step(&at, now) {
                Step::Start => {
                    prop_assert_eq!(activity, Activity::Down);
                    prop_assert!(waiting > 0 || (keep_warm && holders > 0));
                }
                Step::Stop => {
                    prop_assert_eq!(activity, Activity::Ready);
                    prop_assert_eq!(waiting + users, 0);
                }
                Step::Exit => {
                    prop_assert_eq!(activity, Activity::Down);
                    prop_assert_eq!(waiting + users, 0);
                }
                Step::Wait(None) => {}
                Step::Wait(Some(then)) => {
                    prop_assert!(then > now);
                    prop_assert!(rules.step(&at, then) != Step::Wait(Some(then)));
                }
            }
        }
    }
}
