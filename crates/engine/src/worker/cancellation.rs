//! What tells a generation to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Shared between the thread that reads requests and the one that computes.
#[derive(Debug, Clone, Default)]
pub(super) struct Cancellation {
    /// Every generation up to this id is to stop. Ids begin at 1.
    up_to: Arc<AtomicU64>,
}

/// Above every id: nothing is to go on.
const CLOSED: u64 = u64::MAX;

impl Cancellation {
    /// Stops the generation of this id and every one before it.
    pub(super) fn cancel(&self, id: u64) {
        self.up_to.fetch_max(id, Ordering::Relaxed);
    }

    /// Stops everything, now and later.
    pub(super) fn close(&self) {
        self.cancel(CLOSED);
    }

    pub(super) fn is_cancelled(&self, id: u64) -> bool {
        self.up_to.load(Ordering::Relaxed) >= id
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_cancelled(CLOSED)
    }
}
