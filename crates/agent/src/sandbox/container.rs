//! Sandboxes that are containers: when the owner asks for one, and what it is made of.
//!
//! Folders are seen inside where they are outside, so that a path means the same to commands and to file tools; the
//! places of the original (`/workspace`, `/agent`) lead there as well.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use moltbot_config::schema::{
    MemorySize, Sandbox, SandboxBackend, SandboxDocker, Ulimit, UlimitPair, WorkspaceAccess,
};
use moltbot_config::{Environment, Snapshot};
use moltbot_guard::container::{
    Container, ContainerError, ContainerPlan, Engine, EngineChoice, Mount, Readiness, Records,
};
use moltbot_guard::sandbox::Trial;

/// The original's image, which the owner builds.
const IMAGE: &str = "moltbot-sandbox:bookworm-slim";
/// What containers' names begin with.
const PREFIX: &str = "moltbot-sbx-";
/// Where the folder of the sandbox is seen.
const WORKDIR: &str = "/workspace";
/// Where the agent's own folder is seen that may only be read.
const AGENT: &str = "/agent";
/// What is kept in memory.
const TMPFS: [&str; 3] = ["/tmp", "/var/tmp", "/run"];

/// What the containers of an agent's conversations are made of.
#[derive(Debug, Clone)]
pub struct ContainerSettings {
    /// The key that asks for a container, as it stands below `agents.defaults` or the agent.
    pub key: String,
    choice: EngineChoice,
    docker: SandboxDocker,
    idle: Duration,
    age: Duration,
    state_dir: PathBuf,
    /// The variables of this program, by which the engine is found.
    variables: BTreeMap<String, String>,
}

/// The container of one conversation.
#[derive(Debug, Clone)]
pub struct SandboxContainer {
    settings: Arc<ContainerSettings>,
    plan: ContainerPlan,
    /// The folder of its own that it has beside the agent's, which it may only read.
    pub(super) scratch: Option<PathBuf>,
}

/// The folders of a conversation.
pub(super) struct Folders<'a> {
    /// Where it works.
    pub(super) workspace: &'a Path,
    /// The home directory of its programs.
    pub(super) home: &'a Path,
    /// The folder of its own, which it works in if it has none of the agent's.
    pub(super) own: &'a Path,
    /// What it may do with the agent's.
    pub(super) access: WorkspaceAccess,
    /// What it may also read.
    pub(super) readable: &'a [PathBuf],
}

/// The keys that are set and that only a container can honour, as they stand below `sandbox`.
pub(super) fn container_keys(docker: &SandboxDocker) -> Vec<String> {
    let ulimits = docker.ulimits.iter().flatten();
    let ulimits = ulimits
        .filter(|(name, _)| !matches!(name.as_str(), "cpu" | "fsize" | "core"))
        .map(|(name, _)| format!("docker.ulimits.{name}"));
    let network = docker.network.as_deref();
    let is_other_network = network.is_some_and(|name| !matches!(name, "none" | "bridge" | "host"));
    let set = [
        ("docker.image", docker.image.is_some()),
        ("docker.workdir", docker.workdir.is_some()),
        ("docker.readOnlyRoot", docker.read_only_root == Some(false)),
        ("docker.tmpfs", docker.tmpfs.is_some()),
        ("docker.network", is_other_network),
        ("docker.user", docker.user.is_some()),
        ("docker.setupCommand", docker.setup_command.is_some()),
        ("docker.pidsLimit", docker.pids_limit.is_some()),
        ("docker.memorySwap", docker.memory_swap.is_some()),
        ("docker.cpus", docker.cpus.is_some()),
        ("docker.seccompProfile", docker.seccomp_profile.is_some()),
        ("docker.apparmorProfile", docker.apparmor_profile.is_some()),
        ("docker.dns", docker.dns.is_some()),
        ("docker.extraHosts", docker.extra_hosts.is_some()),
        ("docker.binds", docker.binds.is_some()),
    ];
    set.into_iter()
        .filter(|(_, is_set)| *is_set)
        .map(|(key, _)| key.to_owned())
        .chain(ulimits)
        .collect()
}

impl ContainerSettings {
    /// What the owner asked for; `None` where that is no container.
    pub(super) fn from_config(sandbox: &Sandbox, snapshot: &Snapshot) -> Option<Self> {
        let docker = sandbox.docker.clone().unwrap_or_default();
        let backend = || "sandbox.backend".to_owned();
        let (choice, key) = match sandbox.backend.unwrap_or(SandboxBackend::Auto) {
            SandboxBackend::Kernel => return None,
            SandboxBackend::Docker => (EngineChoice::DockerElsePodman, backend()),
            SandboxBackend::Podman => (EngineChoice::Podman, backend()),
            SandboxBackend::Auto => {
                let first = container_keys(&docker).into_iter().next()?;
                (EngineChoice::DockerElsePodman, format!("sandbox.{first}"))
            }
        };
        let prune = sandbox.prune.clone().unwrap_or_default();
        let hours = |hours: u32| Duration::from_secs(u64::from(hours) * 60 * 60);
        Some(Self {
            key,
            choice,
            docker,
            idle: hours(prune.idle_hours.unwrap_or(24)),
            age: hours(prune.max_age_days.unwrap_or(7).saturating_mul(24)),
            state_dir: snapshot.paths.state_dir.clone(),
            variables: snapshot.environment.vars.clone(),
        })
    }

    /// Whether the program is there that makes containers. Its service is not asked.
    ///
    /// # Errors
    /// Why not.
    pub fn available(&self) -> Result<(), ContainerError> {
        Engine::find(self.choice, &self.variables).map(|_| ())
    }

    /// The image that containers are made of.
    pub fn image(&self) -> &str {
        self.docker.image.as_deref().unwrap_or(IMAGE)
    }

    /// What is remembered of the containers of an installation.
    pub fn records(state_dir: &Path) -> Records {
        Records::new(state_dir)
    }

    /// The container of conversations that share this name (`slug`), of an agent, a session, or everybody (`scope`).
    pub(super) fn container(
        self: &Arc<Self>,
        slug: &str,
        scope: &str,
        folders: &Folders<'_>,
    ) -> SandboxContainer {
        let docker = &self.docker;
        let prefix = docker.container_prefix.as_deref().unwrap_or(PREFIX);
        let workdir = docker.workdir.as_deref().unwrap_or(WORKDIR);
        let is_read_only = folders.access == WorkspaceAccess::Ro;
        let plan = ContainerPlan {
            name: format!("{prefix}{slug}"),
            scope: scope.to_owned(),
            state_dir: self.state_dir.clone(),
            image: self.image().to_owned(),
            mounts: mounts(folders, Path::new(workdir)),
            binds: docker.binds.clone().unwrap_or_default(),
            workdir: workdir.to_owned(),
            read_only_root: docker.read_only_root.unwrap_or(true),
            tmpfs: docker
                .tmpfs
                .clone()
                .unwrap_or_else(|| TMPFS.map(str::to_owned).into()),
            network: docker.network.clone().unwrap_or_else(|| "none".to_owned()),
            user: docker.user.clone(),
            cap_drop: docker
                .cap_drop
                .clone()
                .unwrap_or_else(|| vec!["ALL".to_owned()]),
            setup_command: docker.setup_command.clone(),
            pids_limit: docker.pids_limit,
            memory: docker.memory.as_ref().map(amount),
            memory_swap: docker.memory_swap.as_ref().map(amount),
            cpus: docker.cpus,
            ulimits: docker
                .ulimits
                .iter()
                .flatten()
                .map(|(name, limit)| (name.clone(), written(limit)))
                .collect(),
            seccomp_profile: docker.seccomp_profile.clone(),
            apparmor_profile: docker.apparmor_profile.clone(),
            dns: docker.dns.clone().unwrap_or_default(),
            extra_hosts: docker.extra_hosts.clone().unwrap_or_default(),
        };
        SandboxContainer {
            settings: Arc::clone(self),
            plan,
            scratch: is_read_only.then(|| folders.own.to_owned()),
        }
    }
}

impl SandboxContainer {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.plan.name
    }

    /// The key that asks for it.
    pub fn key(&self) -> &str {
        &self.settings.key
    }

    /// The place outside of one that is seen elsewhere inside, as `/workspace/a` is.
    pub(super) fn outside(&self, path: &Path) -> Option<PathBuf> {
        let elsewhere = self
            .plan
            .mounts
            .iter()
            .filter(|mount| mount.inside != mount.outside);
        elsewhere.into_iter().find_map(|mount| {
            let rest = path.strip_prefix(&mount.inside).ok()?;
            // Nothing to join would leave a slash at the end.
            Some(match rest.as_os_str().is_empty() {
                true => mount.outside.clone(),
                false => mount.outside.join(rest),
            })
        })
    }

    /// It with the program that makes it. Blocks for as long as that takes to tell its version, the first time.
    pub(super) fn found(&self) -> Result<Container, ContainerError> {
        Ok(Container {
            engine: Engine::find(self.settings.choice, &self.settings.variables)?,
            plan: self.plan.clone(),
            records: ContainerSettings::records(&self.settings.state_dir),
        })
    }

    /// Makes it where it is not there, and removes old ones of other conversations. Blocks.
    pub(super) fn ready(&self, variables: &BTreeMap<String, String>) -> Result<(), ContainerError> {
        let container = self.found()?;
        let Self { settings, plan, .. } = self;
        let old =
            container
                .records
                .prune(&settings.variables, settings.idle, settings.age, &plan.name);
        for (record, error) in old {
            tracing::warn!(container = record.name, %error, "an old container is still there");
        }
        if container.ready(variables)? == Readiness::Older {
            tracing::warn!(
                container = plan.name,
                "the settings of the sandbox have changed, but this container was used in the last five minutes; it is made anew after that, or at once by `moltbot sandbox recreate`"
            );
        }
        Ok(())
    }

    /// Attempts inside what a command might, in a container made for it. Blocks.
    pub(super) fn try_out(&self, outside: &Path) -> Result<Trial, ContainerError> {
        self.found()?.try_out(outside)
    }
}

/// What is seen inside. The home comes first: it is always this program's owner's.
fn mounts(folders: &Folders<'_>, workdir: &Path) -> Vec<Mount> {
    let mount = |outside: &Path, inside: &Path, writable| Mount {
        outside: outside.to_owned(),
        inside: inside.to_owned(),
        writable,
    };
    let (workspace, own) = (folders.workspace, folders.own);
    let mut mounts = vec![mount(folders.home, folders.home, true)];
    match folders.access {
        WorkspaceAccess::None | WorkspaceAccess::Rw => {
            mounts.push(mount(workspace, workspace, true));
            mounts.push(mount(workspace, workdir, true));
        }
        WorkspaceAccess::Ro => {
            mounts.push(mount(workspace, workspace, false));
            mounts.push(mount(workspace, Path::new(AGENT), false));
            mounts.push(mount(own, own, true));
            mounts.push(mount(own, workdir, true));
        }
    }
    let known: BTreeSet<PathBuf> = mounts.iter().map(|mount| mount.outside.clone()).collect();
    let is_new =
        |path: &&PathBuf| path.exists() && !known.iter().any(|known| path.starts_with(known));
    let readable = folders.readable.iter().filter(is_new);
    mounts.extend(readable.map(|path| mount(path, path, false)));
    mounts.dedup();
    mounts
}

/// An amount as engines take it: those know fewer units than the configuration, and say so of what is no amount.
fn amount(memory: &MemorySize) -> String {
    match (memory.bytes(), memory) {
        (Some(bytes), _) => bytes.to_string(),
        (None, MemorySize::Bytes(bytes)) => bytes.to_string(),
        (None, MemorySize::Text(text)) => text.clone(),
    }
}

/// A limit as engines take it, `soft:hard`.
fn written(limit: &Ulimit) -> String {
    match limit {
        Ulimit::Number(number) => format!("{number}:{number}"),
        Ulimit::Text(text) => text.clone(),
        Ulimit::Pair(UlimitPair { soft, hard }) => {
            let either = soft.or(*hard).unwrap_or(-1);
            format!("{}:{}", soft.unwrap_or(either), hard.unwrap_or(either))
        }
    }
}

/// The variables of a command in a container: what the owner set, and nothing of this program's.
pub(super) fn variables(
    own: &BTreeMap<String, String>,
    environment: &Environment,
) -> BTreeMap<String, String> {
    let mut variables = own.clone();
    let zone = environment.vars.get("TZ");
    if let Some(zone) = zone {
        variables
            .entry("TZ".to_owned())
            .or_insert_with(|| zone.clone());
    }
    variables
        .entry("LANG".to_owned())
        .or_insert_with(|| "C.UTF-8".to_owned());
    variables
}
