//! Linux: Landlock for files, seccomp for the network, resource limits for the rest. No privileges are needed.
//!
//! Landlock: <https://docs.kernel.org/userspace-api/landlock.html>. What it cannot forbid (making sockets of other kinds
//! than TCP, the asynchronous interface that would make them past the filter) seccomp does.

use std::collections::BTreeMap;

use landlock::{
    ABI, Access as _, AccessFs, CompatLevel, Compatible as _, Ruleset, RulesetAttr as _,
    RulesetCreatedAttr as _, RulesetStatus, Scope, path_beneath_rules,
};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, SeccompRule, TargetArch};

use super::process::{become_program, limit};
use super::{Confinement, DEVICES, Enforced, SYSTEM, SandboxError};

/// The kernel's interface that this is written for (Linux 6.12).
const WANTED: ABI = ABI::V6;

/// What is missing where there is no Landlock.
const NO_LANDLOCK: &str =
    "this kernel has no Landlock (Linux 5.13 or later, with landlock in /sys/kernel/security/lsm)";

/// System calls of the x32 interface have this bit; they would pass a filter that names the others alone.
const X32: i64 = 0x4000_0000;

/// Whether this kernel has Landlock: making rules that confine nobody yet tells.
pub(super) fn enforceable() -> Result<(), SandboxError> {
    Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(ABI::V1))
        .and_then(Ruleset::create)
        .map(|_| ())
        .map_err(|_| SandboxError::Unsupported(NO_LANDLOCK.to_owned()))
}

/// Confines this process and whatever it starts.
pub(super) fn confine(plan: &Confinement) -> Result<Enforced, SandboxError> {
    limit(plan.limits)?;
    let mut weaker = Vec::new();
    if !restrict_files(plan)? {
        weaker.push(
            "this kernel's Landlock is older than version 6: some ways to change files (truncating, device controls), and signals to other processes, are not confined".to_owned(),
        );
    }
    if !plan.network {
        deny_sockets()?;
    }
    Ok(Enforced {
        by: "Landlock and seccomp".to_owned(),
        weaker,
    })
}

/// Becomes the program, confined; only an error comes back.
pub(super) fn become_confined(plan: &Confinement, program: &[String]) -> SandboxError {
    match confine(plan) {
        Ok(_) => become_program(program),
        Err(error) => error,
    }
}

/// Whether everything is enforced that this program knows of.
fn restrict_files(plan: &Confinement) -> Result<bool, SandboxError> {
    let refused = |error: landlock::RulesetError| SandboxError::Refused {
        what: "files",
        reason: error.to_string(),
    };
    let all = AccessFs::from_all(WANTED);
    let read = AccessFs::from_read(WANTED);
    let readable = SYSTEM
        .iter()
        .map(|path| (*path).into())
        .chain(plan.readable.iter().cloned());
    let readable: Vec<std::path::PathBuf> = readable.collect();
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(all)
        .and_then(|rules| rules.scope(Scope::AbstractUnixSocket | Scope::Signal))
        .and_then(Ruleset::create)
        .and_then(|rules| rules.add_rules(path_beneath_rules(&readable, read)))
        .and_then(|rules| {
            let devices =
                AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::ReadDir | AccessFs::IoctlDev;
            rules.add_rules(path_beneath_rules(DEVICES, devices))
        })
        .and_then(|rules| rules.add_rules(path_beneath_rules(&plan.writable, all)))
        .and_then(landlock::RulesetCreated::restrict_self)
        .map_err(refused)?;
    match status.ruleset {
        RulesetStatus::FullyEnforced => Ok(true),
        RulesetStatus::PartiallyEnforced => Ok(false),
        RulesetStatus::NotEnforced => Err(SandboxError::Unsupported(NO_LANDLOCK.to_owned())),
    }
}

/// No sockets, of no kind: also those in the file system lead to other programs (a Docker daemon, a key agent). Pairs of
/// sockets between a process and its children are another system call.
fn deny_sockets() -> Result<(), SandboxError> {
    let refused = |reason: String| SandboxError::Refused {
        what: "network",
        reason,
    };
    let arch: TargetArch = std::env::consts::ARCH.try_into().map_err(|_| {
        SandboxError::Unsupported(format!(
            "no filter of system calls is known for {}, so the network cannot be taken away",
            std::env::consts::ARCH
        ))
    })?;
    let mut denied = vec![libc::SYS_socket, libc::SYS_io_uring_setup];
    if arch == TargetArch::x86_64 {
        denied.extend([libc::SYS_socket | X32, libc::SYS_io_uring_setup | X32]);
    }
    let rules: BTreeMap<i64, Vec<SeccompRule>> =
        denied.into_iter().map(|call| (call, Vec::new())).collect();
    let denial = SeccompAction::Errno(libc::EACCES.unsigned_abs());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, denial, arch)
        .map_err(|error| refused(error.to_string()))?;
    let program: BpfProgram = filter
        .try_into()
        .map_err(|error: seccompiler::BackendError| refused(error.to_string()))?;
    seccompiler::apply_filter(&program).map_err(|error| refused(error.to_string()))
}
