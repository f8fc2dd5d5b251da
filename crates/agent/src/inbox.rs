//! What is said to a turn while it runs.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use moltbot_llm::{Content, Provenance};

/// Messages for a turn that runs. Clones are one inbox.
#[derive(Debug, Clone, Default)]
pub struct Inbox {
    waiting: Arc<Mutex<Waiting>>,
}

#[derive(Debug, Default)]
struct Waiting {
    steering: VecDeque<Said>,
    follow_ups: VecDeque<Said>,
}

/// A message for a turn that runs.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    /// What it says, each part with its source.
    pub(crate) content: Vec<Content>,
    /// For whoever must know that it was taken up; none for what a person says.
    pub(crate) receipt: Option<Receipt>,
}

impl Said {
    fn by_owner(text: String) -> Self {
        Self {
            content: vec![Content::text(text, Provenance::Owner)],
            receipt: None,
        }
    }

    /// What a person said in it.
    pub(crate) fn text(&self) -> String {
        let texts: Vec<&str> = self.content.iter().filter_map(Content::as_text).collect();
        texts.join("\n")
    }

    /// It is in the journal now.
    pub(crate) fn taken_up(&self) {
        if let Some(Receipt(given)) = &self.receipt {
            given.store(true, Ordering::Release);
        }
    }
}

/// Whether a message has been taken up.
#[derive(Debug, Clone, Default)]
pub(crate) struct Receipt(Arc<AtomicBool>);

impl Receipt {
    pub(crate) fn is_given(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl Inbox {
    /// An empty inbox.
    pub fn new() -> Self {
        Self::default()
    }

    /// Taken up between two steps of the turn, before the model goes on.
    pub fn steer(&self, message: impl Into<String>) {
        let said = Said::by_owner(message.into());
        self.with(|waiting| waiting.steering.push_back(said));
    }

    /// Taken up when the turn would end, as the next thing to answer in it.
    pub fn follow_up(&self, message: impl Into<String>) {
        let said = Said::by_owner(message.into());
        self.with(|waiting| waiting.follow_ups.push_back(said));
    }

    /// The same for what no person says.
    pub(crate) fn announce(&self, content: Vec<Content>) -> Receipt {
        let receipt = Receipt::default();
        let said = Said {
            content,
            receipt: Some(receipt.clone()),
        };
        self.with(|waiting| waiting.follow_ups.push_back(said));
        receipt
    }

    /// Takes out what was announced and not taken up: the turn is over.
    pub(crate) fn withdraw(&self) {
        self.with(|waiting| waiting.follow_ups.retain(|said| said.receipt.is_none()));
    }

    /// What steers, oldest first.
    pub(crate) fn take_steering(&self) -> Vec<Said> {
        self.with(|waiting| waiting.steering.drain(..).collect())
    }

    /// What is to be answered next: steering that came too late to steer, else the oldest follow-up.
    pub(crate) fn take_next(&self) -> Option<Said> {
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
