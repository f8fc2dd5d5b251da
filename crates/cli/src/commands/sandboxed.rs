//! `moltbot sandboxed` and `moltbot sandbox-trial`: processes that give up what a sandbox does not grant.
//!
//! Both run on one thread, before anything else of this program is set up: what confines them holds for the thread that
//! asks for it and what that starts.

use std::path::Path;

use moltbot_guard::sandbox::{Confinement, enter, try_out};

use crate::exit::Exit;
use crate::output;

/// What a shell says of a command that it could not run.
const NOT_RUN: u8 = 126;

/// Becomes the program. Comes back only where it was not run.
pub(crate) fn run(plan: &str, program: &[String]) -> Exit {
    let error = enter(plan, program);
    Exit::failed(format!("The command was not run: {error}.")).with_code(NOT_RUN)
}

/// Tries out what a command could do, and prints that as JSON.
pub(crate) fn trial(plan: &str, outside: &Path) -> Result<(), Exit> {
    let plan: Confinement = serde_json::from_str(plan)
        .map_err(|error| Exit::failed(format!("The plan cannot be read: {error}.")))?;
    let trial = try_out(&plan, outside).map_err(|error| Exit::failed(error.to_string()))?;
    output::json(&trial)
}
