//! What the server has seen so far, and the signals that tests wait for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::request::Recorded;
use crate::script::Script;

/// Counters of a [`ScriptedServer`](crate::ScriptedServer).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Connections {
    /// Connections open now, idle ones included.
    pub open: usize,
    /// Connections accepted since the start.
    pub accepted: usize,
    /// Requests being answered now: read whole, and their reply not yet at its end.
    pub concurrent: usize,
    /// The most requests that were being answered at the same time.
    pub peak_concurrent: usize,
    /// Requests read since the start.
    pub total_requests: usize,
    /// Requests whose client closed the connection before the end of the reply was
    /// written.
    pub cancelled: usize,
}

/// Everything the server has seen.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) requests: Vec<Recorded>,
    pub(crate) connections: Connections,
    pub(crate) stopped: bool,
    gates: HashMap<String, Gate>,
}

impl Ledger {
    /// How many replies have come to a gate.
    pub(crate) fn reached(&self, gate: &str) -> usize {
        self.gates.get(gate).map_or(0, |gate| gate.reached)
    }
}

/// A place in a reply that the test holds shut.
#[derive(Debug, Default)]
struct Gate {
    reached: usize,
    open: bool,
}

/// What the server's thread and the test's handle share. Every change of the ledger is a
/// signal, so nobody polls.
pub(crate) struct Shared {
    pub(crate) ledger: watch::Sender<Ledger>,
    script: Mutex<Script>,
}

impl Shared {
    pub(crate) fn new(script: Script) -> Self {
        Self {
            ledger: watch::Sender::new(Ledger::default()),
            script: Mutex::new(script),
        }
    }

    /// The script. A panic of a test's closure while it was held does no harm to it.
    pub(crate) fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits at a gate until the test opens it.
    pub(crate) async fn pause(&self, gate: &str) {
        let mut receiver = self.ledger.subscribe();
        self.ledger
            .send_modify(|ledger| ledger.gates.entry(gate.to_owned()).or_default().reached += 1);
        // An error would mean that the sender is gone, but `self` holds it.
        let _ = receiver
            .wait_for(|ledger| ledger.gates.get(gate).is_some_and(|gate| gate.open))
            .await;
    }

    /// Opens a gate for every reply that waits there now or comes to it later.
    pub(crate) fn release(&self, gate: &str) {
        self.ledger
            .send_modify(|ledger| ledger.gates.entry(gate.to_owned()).or_default().open = true);
    }
}

/// A connection while it is open.
pub(crate) struct OpenConnection(Arc<Shared>);

impl OpenConnection {
    pub(crate) fn count(shared: &Arc<Shared>) -> Self {
        shared.ledger.send_modify(|ledger| {
            ledger.connections.open += 1;
            ledger.connections.accepted += 1;
        });
        Self(Arc::clone(shared))
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0
            .ledger
            .send_modify(|ledger| ledger.connections.open -= 1);
    }
}

/// A request while it is being answered.
pub(crate) struct Exchange<'a> {
    shared: &'a Shared,
    cancelled: bool,
}

impl<'a> Exchange<'a> {
    /// Records a request and counts it as being answered.
    pub(crate) fn begin(shared: &'a Shared, request: Recorded) -> Self {
        shared.ledger.send_modify(|ledger| {
            ledger.requests.push(request);
            let counted = &mut ledger.connections;
            counted.total_requests += 1;
            counted.concurrent += 1;
            counted.peak_concurrent = counted.peak_concurrent.max(counted.concurrent);
        });
        Self {
            shared,
            cancelled: false,
        }
    }

    /// The client left before the end of the reply.
    pub(crate) fn cancel(mut self) {
        self.cancelled = true;
    }
}

impl Drop for Exchange<'_> {
    fn drop(&mut self) {
        self.shared.ledger.send_modify(|ledger| {
            ledger.connections.concurrent -= 1;
            ledger.connections.cancelled += usize::from(self.cancelled);
        });
    }
}
