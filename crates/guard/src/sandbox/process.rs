//! What Unix systems have alike: limits of a process, and becoming another program.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use rustix::process::{Resource, Rlimit, setrlimit};

use super::{Limits, SandboxError};

/// Becomes the program; only an error comes back.
pub(super) fn become_program(program: &[String]) -> SandboxError {
    let Some((name, arguments)) = program.split_first() else {
        return SandboxError::Refused {
            what: "starting the command",
            reason: "there is none".to_owned(),
        };
    };
    SandboxError::Start {
        program: name.clone(),
        source: Command::new(name).args(arguments).exec(),
    }
}

/// Limits this process and whatever it starts.
pub(super) fn limit(limits: Limits) -> Result<(), SandboxError> {
    let limits = [
        (Resource::Cpu, limits.cpu_seconds),
        (Resource::As, limits.memory),
        (Resource::Fsize, limits.file_size),
        // What a crash leaves behind may hold anything.
        (Resource::Core, Some(0)),
    ];
    for (resource, value) in limits {
        if value.is_none() {
            continue;
        }
        let limit = Rlimit {
            current: value,
            maximum: value,
        };
        setrlimit(resource, limit).map_err(|error| SandboxError::Refused {
            what: "limits",
            reason: error.to_string(),
        })?;
    }
    Ok(())
}
