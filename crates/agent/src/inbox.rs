//! What a person says while a turn runs.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// Messages for a turn that runs. Clones are one inbox.
#[derive(Debug, Clone, Default)]
pub struct Inbox {
    waiting: Arc<Mutex<Waiting>>,
}

#[derive(Debug, Default)]
struct Waiting {
    steering: VecDeque<String>,
    follow_ups: VecDeque<String>,
}

impl Inbox {
    /// An empty inbox.
    pub fn new() -> Self {
        Self::default()
    }

    /// Taken up between two steps of the turn, before the model goes on.
    pub fn steer(&self, message: impl Into<String>) {
        self.with(|waiting| waiting.steering.push_back(message.into()));
    }

    /// Taken up when the turn would end, as the next thing to answer in it.
    pub fn follow_up(&self, message: impl Into<String>) {
        self.with(|waiting| waiting.follow_ups.push_back(message.into()));
    }

    /// What steers, oldest first.
    pub(crate) fn take_steering(&self) -> Vec<String> {
        self.with(|waiting| waiting.steering.drain(..).collect())
    }

    /// What is to be answered next: steering that came too late to steer, else the oldest follow-up.
    pub(crate) fn take_next(&self) -> Option<String> {
        self.with(|waiting| {
            let late = waiting.steering.pop_front();
            late.or_else(|| waiting.follow_ups.pop_front())
        })
    }

    fn with<T>(&self, change: impl FnOnce(&mut Waiting) -> T) -> T {
        // Each change is whole, so what a panicking holder left is good.
        change(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
