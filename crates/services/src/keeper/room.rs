//! Memory for a server that says how much it needs.

use std::fs::File;
use std::path::{Path, PathBuf};

use tokio::net::UnixStream;
use tokio::time::{Instant, sleep, timeout};

use super::AvailableMemory;
use crate::files::try_lock;
use crate::protocol::{Activity, Ask, Report, Wire};
use crate::spec::Spec;

/// Bytes of one GiB.
const GIB: f64 = 1_073_741_824.0;

/// Makes sure that the service's memory is available, stopping idle services if that helps. The lock is to be held
/// until the server has loaded: until then its memory still counts as available.
pub(super) async fn make(spec: &Spec, available: AvailableMemory) -> Result<Option<File>, String> {
    let Some(needed) = spec.memory else {
        return Ok(None);
    };
    let turn = await_turn(spec).await?;
    // Where the system does not say, the owner's figure cannot be checked.
    let has_room = || available().is_none_or(|available| available >= needed);
    if has_room() {
        return Ok(Some(turn));
    }
    for socket in idle_services(spec).await {
        if stop(&socket, spec).await && settles(spec, has_room).await {
            return Ok(Some(turn));
        }
    }
    let gib = |bytes: u64| bytes as f64 / GIB;
    Err(format!(
        "its service {} needs {:.1} GiB of memory, and {:.1} GiB are available; end something else, or lower models.providers.{}.service.memory",
        spec.program(),
        gib(needed),
        gib(available().unwrap_or_default()),
        spec.provider,
    ))
}

/// Waits until no other service loads.
async fn await_turn(spec: &Spec) -> Result<File, String> {
    let path = spec.dir.join("starting.lock");
    let deadline = Instant::now() + spec.start_limit;
    loop {
        match try_lock(&path) {
            Ok(Some(turn)) => return Ok(turn),
            Ok(None) if Instant::now() >= deadline => {
                let limit = spec.start_limit.as_secs();
                return Err(format!(
                    "its service {} has waited {limit} s for another one to load",
                    spec.program()
                ));
            }
            Ok(None) => sleep(spec.pace.poll).await,
            Err(error) => return Err(format!("{} cannot be locked: {error}", path.display())),
        }
    }
}

/// The sockets of other services that run and that nobody uses, the longest idle first.
async fn idle_services(spec: &Spec) -> Vec<PathBuf> {
    let own = spec.files().socket;
    let mut idle = Vec::new();
    for entry in std::fs::read_dir(&spec.dir).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_other = path.extension().is_some_and(|ending| ending == "sock") && path != own;
        if !is_other {
            continue;
        }
        if let Some(Report::State(standing)) = ask(&path, &Ask::State, spec).await
            && standing.activity == Activity::Ready
            && standing.users == 0
        {
            idle.push((std::cmp::Reverse(standing.idle_ms), path));
        }
    }
    idle.sort();
    idle.into_iter().map(|(_, path)| path).collect()
}

async fn stop(socket: &Path, spec: &Spec) -> bool {
    ask(socket, &Ask::Stop, spec).await == Some(Report::Stopped)
}

/// Memory comes back a moment after the process that had it.
async fn settles(spec: &Spec, has_room: impl Fn() -> bool) -> bool {
    let deadline = Instant::now() + spec.pace.settle;
    while !has_room() {
        if Instant::now() >= deadline {
            return false;
        }
        sleep(spec.pace.poll).await;
    }
    true
}

/// One question to another keeper; `None` where there is none or it does not answer.
async fn ask(socket: &Path, ask: &Ask, spec: &Spec) -> Option<Report> {
    let exchange = async {
        let mut wire = Wire::new(UnixStream::connect(socket).await.ok()?);
        wire.send(ask).await.ok()?;
        wire.receive().await
    };
    // A server has its grace to end in.
    timeout(spec.pace.grace * 2, exchange).await.ok()?
}
