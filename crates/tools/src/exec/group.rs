//! All processes of a command: the group and the session that its shell leads.

/// What is sent to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ask {
    /// To end (SIGTERM), also those that were stopped.
    End,
    /// Not asked: they are ended (SIGKILL).
    Kill,
}

/// Sends a signal to all processes of the command whose shell has, or had, this id.
#[cfg(unix)]
pub(crate) fn tell(leader: u32, ask: Ask) {
    use rustix::process::{Signal, kill_process, kill_process_group};

    let signals: &[Signal] = match ask {
        // A process that is stopped gets its signal when it goes on.
        Ask::End => &[Signal::TERM, Signal::CONT],
        Ask::Kill => &[Signal::KILL],
    };
    let Some(group) = pid(leader) else {
        return;
    };
    // A shell with job control puts its jobs into groups of their own, in the same session.
    let elsewhere: Vec<_> = living(leader)
        .into_iter()
        .filter(|one| one.group != leader)
        .filter_map(|one| pid(one.id))
        .collect();
    for signal in signals {
        // What is gone needs none.
        let _ = kill_process_group(group, *signal);
        for one in &elsewhere {
            let _ = kill_process(*one, *signal);
        }
    }
}

/// Whether any of them still runs. What has ended and was only not yet collected by its parent does not count, where
/// that can be told. `whole_session` looks beyond the group, which takes longer.
#[cfg(unix)]
pub(crate) fn is_alive(leader: u32, whole_session: bool) -> bool {
    let has_group = pid(leader).is_some_and(|group| {
        rustix::process::test_kill_process_group(group) != Err(rustix::io::Errno::SRCH)
    });
    if cfg!(target_os = "linux") && (has_group || whole_session) {
        return !living(leader).is_empty();
    }
    has_group
}

/// The process of this id. Never process 1 or nobody: as groups, those would be everyone.
#[cfg(unix)]
fn pid(raw: u32) -> Option<rustix::process::Pid> {
    let raw = i32::try_from(raw).ok().filter(|raw| *raw > 1)?;
    rustix::process::Pid::from_raw(raw)
}

/// A process.
#[cfg(unix)]
struct One {
    id: u32,
    group: u32,
}

/// The processes in the group or the session of this leader that have not ended.
#[cfg(target_os = "linux")]
fn living(leader: u32) -> Vec<One> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| {
            let id = entry.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            // "id (name) state parent group session …", and the name may hold anything.
            let mut fields = stat[stat.rfind(')')? + 1..].split_ascii_whitespace();
            let has_ended = matches!(fields.next()?, "Z" | "X" | "x");
            let group = fields.nth(1)?.parse().ok()?;
            let session: u32 = fields.next()?.parse().ok()?;
            let is_one = !has_ended && (group == leader || session == leader);
            is_one.then_some(One { id, group })
        })
        .collect()
}

/// Nobody tells; the group alone must do.
#[cfg(all(unix, not(target_os = "linux")))]
fn living(_leader: u32) -> Vec<One> {
    Vec::new()
}

#[cfg(not(unix))]
pub(crate) fn tell(_leader: u32, _ask: Ask) {}

#[cfg(not(unix))]
pub(crate) fn is_alive(_leader: u32, _whole_session: bool) -> bool {
    false
}
