//! Systems for which nothing is built yet.

use super::{Confinement, Enforced, SandboxError};

fn unsupported() -> SandboxError {
    SandboxError::Unsupported(format!(
        "on {} this version confines nothing; run moltbot on Linux, or switch the sandbox off (agents.defaults.sandbox.mode)",
        std::env::consts::OS
    ))
}

pub(super) fn enforceable() -> Result<(), SandboxError> {
    Err(unsupported())
}

pub(super) fn confine(_plan: &Confinement) -> Result<Enforced, SandboxError> {
    Err(unsupported())
}

pub(super) fn become_confined(_plan: &Confinement, _program: &[String]) -> SandboxError {
    unsupported()
}
