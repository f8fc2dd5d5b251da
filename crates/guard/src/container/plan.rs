//! What a container is: the options that it is made with.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{ContainerError, Engine};

/// What the container does by itself: nothing, for ever. A shell, because it collects what other programs leave behind,
/// which `sleep` as the first process would not.
const IDLE: &str = "while :; do sleep 86400 & wait; done";

/// Labels of the containers; those of the original have the same names, but no state directory.
pub(super) const STATE_LABEL: &str = "moltbot.stateDir";
/// The hash of the plan.
pub(super) const HASH_LABEL: &str = "moltbot.configHash";

/// What a container is. Everything that is not granted here is denied.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ContainerPlan {
    /// Its name.
    pub name: String,
    /// Who shares it: an agent, a session, or everybody.
    pub scope: String,
    /// The state directory of the installation that it belongs to.
    pub state_dir: PathBuf,
    /// The image.
    pub image: String,
    /// Folders of this machine, in the order in which they are mounted.
    pub mounts: Vec<Mount>,
    /// The owner's own mounts, as `outside:inside:ro`.
    pub binds: Vec<String>,
    /// The folder that commands start in where nothing else is said.
    pub workdir: String,
    /// Whether nothing but mounts can be written.
    pub read_only_root: bool,
    /// Folders kept in memory.
    pub tmpfs: Vec<String>,
    /// The network's name; `none` for none.
    pub network: String,
    /// The user inside; `None` for the owner of the first folder that is mounted.
    pub user: Option<String>,
    /// Kernel capabilities that are taken away.
    pub cap_drop: Vec<String>,
    /// What is run once in a new one.
    pub setup_command: Option<String>,
    /// Most processes.
    pub pids_limit: Option<u32>,
    /// Most memory: bytes, or what the engine takes.
    pub memory: Option<String>,
    /// Most memory and swap together.
    pub memory_swap: Option<String>,
    /// Processor cores.
    pub cpus: Option<f64>,
    /// Limits by name, each `soft:hard`.
    pub ulimits: BTreeMap<String, String>,
    /// A seccomp profile.
    pub seccomp_profile: Option<String>,
    /// An AppArmor profile.
    pub apparmor_profile: Option<String>,
    /// Name servers.
    pub dns: Vec<String>,
    /// Host names, each `name:address`.
    pub extra_hosts: Vec<String>,
}

/// A folder or file of this machine that is seen inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mount {
    /// Where it is. Absolute.
    pub outside: PathBuf,
    /// Where it is seen. Absolute.
    pub inside: PathBuf,
    /// Whether it can be changed.
    pub writable: bool,
}

impl ContainerPlan {
    /// Another for every plan: containers made by another one are made anew.
    pub fn hash(&self) -> String {
        // A plan is always JSON; if it were not, the container would only be made anew less often.
        let text = serde_json::to_string(self).unwrap_or_default();
        let digest = Sha256::digest(text.as_bytes());
        digest
            .iter()
            .take(16)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// The options that make it, without its name.
    pub(super) fn options(&self, engine: &Engine) -> Result<Vec<String>, ContainerError> {
        let mut options: Vec<String> = Vec::new();
        let mut option = |name: &str, value: &str| options.push(format!("--{name}={value}"));
        // Nothing is fetched from the internet unasked.
        option("pull", "never");
        if self.read_only_root {
            option("read-only", "true");
        }
        for folder in &self.tmpfs {
            option("tmpfs", folder);
        }
        option("network", &self.network);
        for capability in &self.cap_drop {
            option("cap-drop", capability);
        }
        option("security-opt", "no-new-privileges");
        if let Some(profile) = &self.seccomp_profile {
            option("security-opt", &format!("seccomp={profile}"));
        }
        if let Some(profile) = &self.apparmor_profile {
            option("security-opt", &format!("apparmor={profile}"));
        }
        let owner = self.mounts.first().and_then(|mount| owner(&mount.outside));
        match (&self.user, owner) {
            (Some(user), _) => option("user", user),
            (None, Some((user, group))) => {
                // Without root's rights outside, Podman gives inside another user these files.
                if engine.is_podman() && user != 0 {
                    option("userns", "keep-id");
                }
                option("user", &format!("{user}:{group}"));
            }
            (None, None) => {}
        }
        for server in &self.dns {
            option("dns", server);
        }
        for host in &self.extra_hosts {
            option("add-host", host);
        }
        if let Some(processes) = self.pids_limit {
            option("pids-limit", &processes.to_string());
        }
        if let Some(memory) = &self.memory {
            option("memory", memory);
        }
        if let Some(memory) = &self.memory_swap {
            option("memory-swap", memory);
        }
        if let Some(cpus) = self.cpus {
            option("cpus", &cpus.to_string());
        }
        for (name, limit) in &self.ulimits {
            option("ulimit", &format!("{name}={limit}"));
        }
        option("workdir", &self.workdir);
        for mount in &self.mounts {
            option("mount", &mount.written()?);
        }
        for bind in &self.binds {
            option("volume", bind);
        }
        // Who removes it does not wait: its first process obeys no SIGTERM.
        option("stop-timeout", "0");
        option("entrypoint", "/bin/sh");
        Ok(options)
    }

    /// What makes it under this name.
    pub(super) fn creation(
        &self,
        engine: &Engine,
        name: &str,
        created_ms: i64,
    ) -> Result<Vec<String>, ContainerError> {
        let mut line = vec!["create".to_owned(), format!("--name={name}")];
        let labels = [
            ("moltbot.sandbox", "1".to_owned()),
            ("moltbot.sessionKey", self.scope.clone()),
            (HASH_LABEL, self.hash()),
            ("moltbot.createdAtMs", created_ms.to_string()),
            (STATE_LABEL, self.state_dir.display().to_string()),
        ];
        line.extend(
            labels
                .iter()
                .map(|(label, value)| format!("--label={label}={value}")),
        );
        line.extend(self.options(engine)?);
        line.extend([self.image.clone(), "-c".to_owned(), IDLE.to_owned()]);
        Ok(line)
    }
}

impl Mount {
    fn written(&self) -> Result<String, ContainerError> {
        for path in [&self.outside, &self.inside] {
            if path.to_string_lossy().contains([',', '"']) {
                return Err(ContainerError::Unmountable { path: path.clone() });
            }
        }
        let read_only = if self.writable { "" } else { ",readonly" };
        Ok(format!(
            "type=bind,source={},target={}{read_only}",
            self.outside.display(),
            self.inside.display()
        ))
    }
}

/// Whose a folder is.
#[cfg(unix)]
fn owner(folder: &Path) -> Option<(u32, u32)> {
    use std::os::unix::fs::MetadataExt as _;

    let metadata = folder.metadata().ok()?;
    Some((metadata.uid(), metadata.gid()))
}

#[cfg(not(unix))]
fn owner(_folder: &Path) -> Option<(u32, u32)> {
    None
}
