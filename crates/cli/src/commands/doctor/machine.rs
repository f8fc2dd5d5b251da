//! The machine: room on the disk, and memory for a model.

use moltbot_config::{Environment, Paths};
use moltbot_engine::models::{MachineMemory, free_space, recommend};

use super::check::Check;
use super::engine;
use crate::commands::models::recommend::gib;
use crate::output;

/// Below this many free bytes the database and the log may soon have no room.
const LITTLE_ROOM: u64 = 1_000_000_000;

/// Checks the disk with the state directory, and the memory.
pub(super) fn check(paths: &Paths, environment: &Environment) -> Vec<Check> {
    vec![disk(paths, environment), memory(paths)]
}

fn disk(paths: &Paths, environment: &Environment) -> Check {
    let shown = environment.shown(&paths.state_dir);
    match free_space(&paths.state_dir) {
        Some(free) if free < LITTLE_ROOM => Check::warn(
            "disk.free",
            "free",
            format!("only {} for {shown}", output::bytes(free)),
        )
        .remedy("free some room: conversations and logs are written there"),
        Some(free) => Check::ok(
            "disk.free",
            "free",
            format!("{} for {shown}", output::bytes(free)),
        ),
        None => Check::ok(
            "disk.free",
            "free",
            format!("not told by the file system of {shown}"),
        ),
    }
}

fn memory(paths: &Paths) -> Check {
    let memory = match MachineMemory::read() {
        Ok(memory) => memory,
        Err(error) => return Check::warn("memory.total", "total", error.to_string()),
    };
    let detail = format!(
        "{}, {} of it free",
        gib(memory.total),
        gib(memory.available)
    );
    if !cfg!(feature = "engine") {
        return Check::ok("memory.total", "total", detail);
    }
    let Some(model) = recommend(&memory).model else {
        return Check::ok(
            "memory.total",
            "total",
            format!("{detail}; too little to run a model here"),
        );
    };
    let installed = engine::installed(paths)
        .iter()
        .any(|known| known.id == model.id);
    let advice = match installed {
        true => format!("local/{} fits and is installed", model.id),
        false => format!(
            "suits local/{} (moltbot models pull {})",
            model.id, model.id
        ),
    };
    Check::ok("memory.total", "total", format!("{detail}; {advice}"))
}
