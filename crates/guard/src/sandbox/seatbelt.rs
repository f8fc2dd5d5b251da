//! macOS: a profile for `sandbox-exec`, and resource limits.
//!
//! Apple documents neither the program nor the language of its profiles any more, and other programs (Bazel, Chromium)
//! rest on both all the same. So nothing is believed of it: before the first command it is tried out ([`enforceable`]),
//! and a file that it should have closed is the end of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use super::process::{become_program, limit};
use super::{Confinement, Enforced, Limits, SandboxError};

/// The system's own program.
const PROGRAM: &str = "/usr/bin/sandbox-exec";

/// Set where this program has begun again to be confined, which is done for a trial only.
const AGAIN: &str = "MOLTBOT_SEATBELT_TRIAL";

/// What the system itself has: read and run by everybody.
const SYSTEM: [&str; 15] = [
    "/bin",
    "/sbin",
    "/usr",
    "/opt",
    "/nix",
    "/System",
    "/Applications/Xcode.app",
    "/Library/Apple",
    "/Library/Developer",
    "/Library/Frameworks",
    "/Library/Java",
    "/private/etc",
    "/private/var/db/dyld",
    "/private/var/db/timezone",
    "/private/var/select",
];

/// Devices without a place behind them.
const DEVICES: [&str; 6] = [
    "/dev/null",
    "/dev/zero",
    "/dev/random",
    "/dev/urandom",
    "/dev/tty",
    "/dev/ptmx",
];

/// Services of the system that programs need with the network: name look-ups, settings, certificates.
const NETWORK_SERVICES: [&str; 3] = [
    "com.apple.SystemConfiguration.configd",
    "com.apple.networkd",
    "com.apple.trustd.agent",
];

/// Whether the program is there and does what it is for. It is tried out once.
pub(super) fn enforceable() -> Result<(), SandboxError> {
    static TRIED: OnceLock<Result<(), String>> = OnceLock::new();
    TRIED
        .get_or_init(|| try_with(Path::new(PROGRAM)))
        .clone()
        .map_err(SandboxError::Unsupported)
}

/// Confines this process, by beginning it again within.
pub(super) fn confine(plan: &Confinement) -> Result<Enforced, SandboxError> {
    if std::env::var_os(AGAIN).is_none() {
        use std::os::unix::process::CommandExt as _;

        limit_what_can_be(plan.limits)?;
        let own = std::env::current_exe().map_err(|error| SandboxError::Refused {
            what: "finding this program's own file",
            reason: error.to_string(),
        })?;
        let mut readable = plan.clone();
        readable.readable.push(own.clone());
        let source = Command::new(PROGRAM)
            .args(["-p", &profile(&readable)?])
            .arg(own)
            .args(std::env::args_os().skip(1))
            .env(AGAIN, "1")
            .exec();
        return Err(SandboxError::Start {
            program: PROGRAM.to_owned(),
            source,
        });
    }
    let memory = "macOS does not limit the memory of a process (sandbox.docker.memory)";
    Ok(Enforced {
        by: "sandbox-exec".to_owned(),
        weaker: plan
            .limits
            .memory
            .map(|_| memory.to_owned())
            .into_iter()
            .collect(),
    })
}

/// Becomes the program, confined; only an error comes back.
pub(super) fn become_confined(plan: &Confinement, program: &[String]) -> SandboxError {
    let line = limit_what_can_be(plan.limits).and_then(|()| line(plan, program));
    match line {
        Ok(line) => become_program(&line),
        Err(error) => error,
    }
}

/// The command line that runs a program confined.
fn line(plan: &Confinement, program: &[String]) -> Result<Vec<String>, SandboxError> {
    let mut line = vec![PROGRAM.to_owned(), "-p".to_owned(), profile(plan)?];
    line.extend(program.iter().cloned());
    Ok(line)
}

fn limit_what_can_be(limits: Limits) -> Result<(), SandboxError> {
    limit(Limits {
        memory: None,
        ..limits
    })
}

/// The profile: what is not allowed in it is denied.
fn profile(plan: &Confinement) -> Result<String, SandboxError> {
    let granted = |paths: &[PathBuf]| -> Result<Vec<String>, SandboxError> {
        paths.iter().map(|path| subpath(&real(path))).collect()
    };
    let system: Result<Vec<String>, _> =
        SYSTEM.iter().map(|path| subpath(Path::new(path))).collect();
    let mut readable = system?;
    readable.extend(granted(&plan.readable)?);
    let writable = granted(&plan.writable)?;
    readable.extend(writable.iter().cloned());
    let readable = readable.join(" ");
    let devices = DEVICES
        .map(|path| format!("(literal \"{path}\")"))
        .join(" ");
    let mut rules = vec![
        "(version 1)".to_owned(),
        "(deny default)".to_owned(),
        "(allow process-fork)".to_owned(),
        "(allow process-info* (target same-sandbox))".to_owned(),
        "(allow signal (target same-sandbox))".to_owned(),
        "(allow sysctl-read)".to_owned(),
        "(allow pseudo-tty)".to_owned(),
        // Names and sizes, as on Linux.
        "(allow file-read-metadata)".to_owned(),
        "(allow file-read* (literal \"/\"))".to_owned(),
        format!("(allow file-read* process-exec {readable})"),
        format!(
            "(allow file-read* file-write-data file-ioctl {devices} (regex #\"^/dev/ttys[0-9]+$\"))"
        ),
    ];
    if !writable.is_empty() {
        rules.push(format!("(allow file-write* {})", writable.join(" ")));
    }
    if plan.network {
        let services = NETWORK_SERVICES.map(|name| format!("(global-name \"{name}\")"));
        rules.push("(allow network* system-socket)".to_owned());
        rules.push(format!("(allow mach-lookup {})", services.join(" ")));
    }
    Ok(rules.join("\n"))
}

/// A folder or file with all that is in it.
fn subpath(path: &Path) -> Result<String, SandboxError> {
    let text = path.to_str().ok_or_else(|| SandboxError::Refused {
        what: "files",
        reason: format!(
            "{} is no text, and cannot stand in a profile",
            path.display()
        ),
    })?;
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    Ok(format!("(subpath \"{escaped}\")"))
}

/// The real place of a path, which is all that the system knows; of one that does not exist, the path itself.
fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// Tries out whether a file that is not granted is closed, and one that is granted is open.
fn try_with(program: &Path) -> Result<(), String> {
    let name = format!("moltbot-seatbelt-{}", uuid::Uuid::new_v4().simple());
    let folder = std::env::temp_dir().join(name);
    let tried = try_in(program, &folder);
    // What could not be made is not there.
    let _ = fs::remove_dir_all(&folder);
    tried
}

fn try_in(program: &Path, folder: &Path) -> Result<(), String> {
    let told = |error: std::io::Error| format!("a folder for the trial cannot be made: {error}");
    let (open, closed) = (folder.join("open"), folder.join("closed"));
    for folder in [&open, &closed] {
        fs::create_dir_all(folder).map_err(told)?;
        fs::write(folder.join("file"), "").map_err(told)?;
    }
    let plan = Confinement {
        readable: Vec::new(),
        writable: vec![open.clone()],
        network: false,
        limits: Limits::default(),
    };
    let profile = profile(&plan).map_err(|error| error.to_string())?;
    let works = |script: &str, folder: &Path| -> Result<bool, String> {
        let status = Command::new(program)
            .args(["-p", &profile, "/bin/sh", "-c", script, "sh"])
            .arg(real(folder))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        let status =
            status.map_err(|error| format!("{} cannot be started: {error}", program.display()))?;
        Ok(status.success())
    };
    let (read, write) = ("/bin/cat \"$1/file\"", "echo > \"$1/new\"");
    if !works(read, &open)? || !works(write, &open)? {
        return Err("sandbox-exec does not run a command in a folder that is granted".to_owned());
    }
    if works(read, &closed)? || works(write, &closed)? {
        return Err("sandbox-exec does not close a folder that is not granted".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn plan(network: bool) -> Confinement {
        Confinement {
            readable: vec!["/no such/pl\"ace\\".into()],
            writable: vec!["/no such/own".into()],
            network,
            limits: Limits::default(),
        }
    }

    #[test]
    fn a_profile_denies_what_it_does_not_name() {
        let profile = profile(&plan(false)).unwrap();
        let rules: Vec<&str> = profile.lines().collect();
        assert_eq!(rules[..2], ["(version 1)", "(deny default)"]);
        assert!(rules[2..].iter().all(|rule| rule.starts_with("(allow ")));
        assert!(!profile.contains("network") && !profile.contains("mach-lookup"));
        let writes: Vec<&&str> = rules
            .iter()
            .filter(|rule| rule.contains("file-write*"))
            .collect();
        assert_eq!(writes, [&"(allow file-write* (subpath \"/no such/own\"))"]);
        // A path ends where it ends.
        assert!(
            profile.contains(r#"(subpath "/no such/pl\"ace\\")"#),
            "{profile}"
        );
        for rule in rules {
            assert_eq!(
                rule.matches('(').count(),
                rule.matches(')').count(),
                "{rule}"
            );
        }
        let with = super::profile(&plan(true)).unwrap();
        assert!(with.contains("(allow network* system-socket)"));
    }

    #[test]
    fn paths_are_the_real_ones() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("/usr", &link).unwrap();
        let mut plan = plan(false);
        plan.writable = vec![link];
        assert!(
            profile(&plan)
                .unwrap()
                .contains("(allow file-write* (subpath \"/usr\"))")
        );
        plan.readable = vec![std::os::unix::ffi::OsStringExt::from_vec(b"/\xff".to_vec())]
            .into_iter()
            .map(|path: std::ffi::OsString| path.into())
            .collect();
        assert!(profile(&plan).is_err());
    }

    #[test]
    fn the_command_line_begins_with_the_system_and_ends_with_the_command() {
        let program = ["/bin/sh", "-c", "true"].map(str::to_owned);
        let line = line(&plan(false), &program).unwrap();
        assert_eq!(line[..2], [PROGRAM, "-p"]);
        assert_eq!(line[3..], program);
    }

    /// A program in the place of the system's, which confines nothing, or starts nothing.
    #[test]
    fn what_does_not_confine_is_not_believed() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().unwrap();
        let program = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            path
        };
        let open = program("open", "#!/bin/sh\nshift 2\nexec \"$@\"\n");
        assert!(try_with(&open).unwrap_err().contains("does not close"));
        let shut = program("shut", "#!/bin/sh\nexit 1\n");
        assert!(try_with(&shut).unwrap_err().contains("does not run"));
        let none = try_with(&folder.path().join("none")).unwrap_err();
        assert!(none.contains("cannot be started"), "{none}");
    }
}
