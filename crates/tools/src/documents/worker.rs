//! The process that reads documents.

use std::io::{Read, Write};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{Told, pdf};

/// The most memory that it may take, bytes of address space.
pub(super) const MEMORY: u64 = 1024 * 1024 * 1024;
/// The most processor time that it may take, seconds.
pub(super) const SECONDS: u64 = 30;

/// Reads one document from `input` and tells `output` what is in it. Meant for a process that does nothing else: it is
/// limited from here on, and ends without a word where a limit is reached.
pub fn work(mut input: impl Read, mut output: impl Write) {
    limit();
    let mut bytes = Vec::new();
    if input.read_to_end(&mut bytes).is_err() {
        return;
    }
    pdf::read(&bytes, |told| tell(&mut output, &told));
}

/// Whether somebody still listens.
fn tell(output: &mut impl Write, told: &Told) -> bool {
    // Texts and numbers always have a JSON form.
    let mut line = serde_json::to_string(told).unwrap_or_default();
    line.push('\n');
    output.write_all(line.as_bytes()).is_ok() && output.flush().is_ok()
}

/// Gives up what reading does not need: memory and time without end, files and connections, the memory dump.
fn limit() {
    for (resource, most) in [
        (Resource::As, MEMORY),
        (Resource::Cpu, SECONDS),
        // Standard input, output and error are open already; nothing else can be.
        (Resource::Nofile, 3),
        (Resource::Fsize, 0),
        (Resource::Core, 0),
    ] {
        let most = getrlimit(resource)
            .maximum
            .map_or(most, |old| old.min(most));
        // A system that knows no such limit leaves the others, and the clock of whoever waits.
        let _ = setrlimit(
            resource,
            Rlimit {
                current: Some(most),
                maximum: Some(most),
            },
        );
    }
}
