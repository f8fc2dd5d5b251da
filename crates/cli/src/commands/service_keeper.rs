//! `moltbot service-keeper`: the process that owns one model server.

use moltbot_engine::models::MachineMemory;

/// Keeps the service that standard input describes, until there is nothing left to keep.
pub(crate) async fn run() {
    let available = || MachineMemory::read().ok().map(|memory| memory.available);
    moltbot_services::keep(std::io::stdin(), std::io::stdout(), available).await;
}
