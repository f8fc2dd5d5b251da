//! What takes time while a service starts or stops. Dropping it abandons it.

use std::fs::File;
use std::future::Future;
use std::pin::Pin;

use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::{AvailableMemory, room};
use crate::log::ServiceLog;
use crate::process::Server;
use crate::spec::Spec;

/// Something under way.
pub(super) type Work = Pin<Box<dyn Future<Output = Done> + Send>>;

/// What came of it.
pub(super) enum Done {
    /// There is room for the server, or why there is none. The lock is held while it loads.
    Prepared(Result<Option<File>, String>),
    /// A server answers that is not ours.
    Foreign,
    /// Ours takes requests.
    Ready,
    /// Ours does not answer any more.
    Gone,
    /// The start took too long.
    TimedOut,
    /// Ours has ended.
    Stopped,
}

/// Looks whether a server is there already, and makes room for one.
pub(super) fn prepare(spec: Spec, memory: AvailableMemory) -> Work {
    Box::pin(async move {
        if spec.ready.check().await {
            return Done::Foreign;
        }
        Done::Prepared(room::make(&spec, memory).await)
    })
}

/// Waits until the server takes requests.
pub(super) fn await_ready(spec: Spec, deadline: Instant) -> Work {
    Box::pin(async move {
        let ready = async {
            while !spec.ready.check().await {
                sleep(spec.pace.poll).await;
            }
        };
        match timeout_at(deadline, ready).await {
            Ok(()) => Done::Ready,
            Err(_) => Done::TimedOut,
        }
    })
}

/// Waits for nothing but the end of the time.
pub(super) fn time_out(deadline: Instant) -> Work {
    Box::pin(async move {
        sleep_until(deadline).await;
        Done::TimedOut
    })
}

/// Asks once whether the server still takes requests.
pub(super) fn ask_once(spec: Spec) -> Work {
    Box::pin(async move {
        match spec.ready.check().await {
            true => Done::Ready,
            false => Done::Gone,
        }
    })
}

/// Ends a server.
pub(super) fn stop(
    server: Server,
    command: Option<Vec<String>>,
    spec: Spec,
    log: ServiceLog,
) -> Work {
    Box::pin(async move {
        server.stop(command, &spec, &log).await;
        Done::Stopped
    })
}
