//! `sandbox`: running an agent's tools confined. Most keys are those of a container; what of them holds without one is said
//! in `docs/sandbox.md`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::forms::MemorySize;
use super::merge::merged;

section! {
    /// Running an agent's tools in a container.
    pub struct Sandbox {
        /// Which conversations are put in a container. Default: off.
        pub mode: Option<SandboxMode>,
        /// What confines commands. Default: auto.
        pub backend: Option<SandboxBackend>,
        /// What shares a container. Default: agent.
        pub scope: Option<SandboxScope>,
        /// Older form of `scope`: true for session, false for shared.
        pub per_session: Option<bool>,
        /// What the container sees of the agent's folder. Default: none.
        pub workspace_access: Option<WorkspaceAccess>,
        /// Conversations that tools in the container can see. Default: spawned.
        pub session_tools_visibility: Option<SessionToolsVisibility>,
        /// Folder for the sandboxes' own working folders. Default: `sandboxes` in the state directory.
        pub workspace_root: Option<String>,
        /// More folders and files that commands in it may read and run from, such as `~/.rustup`.
        pub readable: Option<Vec<String>>,
        /// The container.
        pub docker: Option<SandboxDocker>,
        /// A browser in a container of its own.
        pub browser: Option<SandboxBrowser>,
        /// Removing old containers.
        pub prune: Option<SandboxPrune>,
    }
}

impl Sandbox {
    /// These settings with what they leave out taken from `defaults`, key by key.
    #[must_use]
    pub fn or(&self, defaults: &Self) -> Self {
        merged(self, defaults)
    }

    /// What shares a working folder: `scope`, else what its older form says.
    pub fn effective_scope(&self) -> SandboxScope {
        self.scope.unwrap_or(match self.per_session {
            Some(true) => SandboxScope::Session,
            Some(false) => SandboxScope::Shared,
            None => SandboxScope::Agent,
        })
    }
}

choice! {
    /// Which conversations are put in a container.
    pub enum SandboxMode {
        /// None.
        Off = "off",
        /// All but the agent's main one.
        NonMain = "non-main",
        /// All.
        All = "all",
    }
}

choice! {
    /// What confines commands.
    pub enum SandboxBackend {
        /// A container where a key of `docker` is set that nothing else can honour, else the system itself.
        Auto = "auto",
        /// The system itself: its kernel, without a container.
        Kernel = "kernel",
        /// A container made by Docker, or by Podman where there is no Docker.
        Docker = "docker",
        /// A container made by Podman.
        Podman = "podman",
    }
}

choice! {
    /// What shares a container.
    pub enum SandboxScope {
        /// Nothing: one for each conversation.
        Session = "session",
        /// The conversations of an agent.
        Agent = "agent",
        /// Everything.
        Shared = "shared",
    }
}

choice! {
    /// What a container sees of the agent's folder.
    pub enum WorkspaceAccess {
        /// Nothing; it has a folder of its own.
        None = "none",
        /// All of it, to read.
        Ro = "ro",
        /// All of it, to read and write.
        Rw = "rw",
    }
}

choice! {
    /// Conversations that tools in a container can see.
    pub enum SessionToolsVisibility {
        /// Those that it started itself.
        Spawned = "spawned",
        /// All.
        All = "all",
    }
}

section! {
    /// The container in which tools run.
    pub struct SandboxDocker {
        /// Image. Default: `moltbot-sandbox:bookworm-slim`.
        pub image: Option<String>,
        /// Start of the containers' names. Default: `moltbot-sbx-`.
        pub container_prefix: Option<String>,
        /// Working folder inside. Default: `/workspace`.
        pub workdir: Option<String>,
        /// Nothing outside the working folder can be written. Default: true.
        pub read_only_root: Option<bool>,
        /// Folders kept in memory. Default: `/tmp`, `/var/tmp` and `/run`.
        pub tmpfs: Option<Vec<String>>,
        /// Network. Default: none.
        pub network: Option<String>,
        /// User inside, such as `1000:1000`.
        pub user: Option<String>,
        /// Kernel capabilities taken away. Default: ALL.
        pub cap_drop: Option<Vec<String>>,
        /// Environment variables inside. Default: `LANG=C.UTF-8`.
        pub env: Option<BTreeMap<String, String>>,
        /// Command run once in a new container.
        pub setup_command: Option<String>,
        /// Most processes.
        #[schemars(range(min = 1))]
        pub pids_limit: Option<u32>,
        /// Most memory: bytes, or text such as `512m`.
        pub memory: Option<MemorySize>,
        /// Most memory and swap together: bytes, or text such as `1g`.
        pub memory_swap: Option<MemorySize>,
        /// Processor cores; parts are allowed.
        #[schemars(extend("exclusiveMinimum" = 0))]
        pub cpus: Option<f64>,
        /// Limits by name, such as `nofile`.
        pub ulimits: Option<BTreeMap<String, Ulimit>>,
        /// Seccomp profile.
        pub seccomp_profile: Option<String>,
        /// AppArmor profile.
        pub apparmor_profile: Option<String>,
        /// Name servers.
        pub dns: Option<Vec<String>>,
        /// Extra host names, written `name:address`.
        pub extra_hosts: Option<Vec<String>>,
        /// Folders of this machine shown inside, written `outside:inside:ro`.
        pub binds: Option<Vec<String>>,
    }
}

/// A limit on a resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "expected a number, text such as \"1024:2048\", or { soft, hard }"
)]
#[schemars(inline)]
pub enum Ulimit {
    /// One number for both limits; -1 for none.
    Number(i64),
    /// Docker's own form, `soft:hard`.
    Text(String),
    /// Both limits.
    Pair(UlimitPair),
}

impl Ulimit {
    /// The limit that processes begin with, else the one that they may not raise it above; `None` where there is none.
    pub fn value(&self) -> Option<u64> {
        let value = match self {
            Self::Number(number) => *number,
            Self::Text(text) => text.split(':').next()?.trim().parse().ok()?,
            Self::Pair(pair) => pair.soft.or(pair.hard)?,
        };
        u64::try_from(value).ok()
    }
}

section! {
    /// The two limits on a resource.
    pub struct UlimitPair {
        /// Limit that a process may raise.
        pub soft: Option<i64>,
        /// Limit that it may not.
        pub hard: Option<i64>,
    }
}

section! {
    /// A browser in a container of its own.
    pub struct SandboxBrowser {
        /// Whether there is one. Default: false.
        pub enabled: Option<bool>,
        /// Image. Default: `moltbot-sandbox-browser:bookworm-slim`.
        pub image: Option<String>,
        /// Start of the containers' names. Default: `moltbot-sbx-browser-`.
        pub container_prefix: Option<String>,
        /// Port of the browser's control protocol. Default: 9222.
        #[schemars(range(min = 1))]
        pub cdp_port: Option<u16>,
        /// Port to watch it with a VNC program. Default: 5900.
        #[schemars(range(min = 1))]
        pub vnc_port: Option<u16>,
        /// Port to watch it in a web page. Default: 6080.
        #[schemars(range(min = 1))]
        pub no_vnc_port: Option<u16>,
        /// No window. Default: false.
        pub headless: Option<bool>,
        /// Allow watching it in a web page. Default: true.
        pub enable_no_vnc: Option<bool>,
        /// Tools in the container may also use this machine's own browser. Default: false.
        pub allow_host_control: Option<bool>,
        /// Start it when it is first needed. Default: true.
        pub auto_start: Option<bool>,
        /// How long its start may take, in milliseconds. Default: 12000.
        #[schemars(range(min = 1))]
        pub auto_start_timeout_ms: Option<u64>,
    }
}

section! {
    /// Removing old containers.
    pub struct SandboxPrune {
        /// Hours without use; 0 for never. Default: 24.
        pub idle_hours: Option<u32>,
        /// Days of age; 0 for never. Default: 7.
        pub max_age_days: Option<u32>,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read<T: serde::de::DeserializeOwned>(text: &str) -> T {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn an_agents_own_keys_win_one_by_one() {
        let all: Sandbox = read(
            r#"{"mode": "all", "scope": "shared", "docker": {"network": "none", "memory": "1g"}, "readable": ["/a"]}"#,
        );
        let own: Sandbox = read(r#"{"mode": "non-main", "docker": {"network": "bridge"}}"#);
        let both = own.or(&all);
        assert_eq!(both.mode, Some(SandboxMode::NonMain));
        assert_eq!(both.effective_scope(), SandboxScope::Shared);
        assert_eq!(both.readable.as_deref(), Some(&["/a".to_owned()][..]));
        let docker = both.docker.unwrap();
        assert_eq!(docker.network.as_deref(), Some("bridge"));
        assert_eq!(docker.memory.unwrap().bytes(), Some(1 << 30));
    }

    #[test]
    fn the_older_form_of_the_scope_counts_where_the_newer_is_not_set() {
        for (text, scope) in [
            ("{}", SandboxScope::Agent),
            (r#"{"perSession": true}"#, SandboxScope::Session),
            (r#"{"perSession": false}"#, SandboxScope::Shared),
            (
                r#"{"perSession": false, "scope": "agent"}"#,
                SandboxScope::Agent,
            ),
        ] {
            assert_eq!(read::<Sandbox>(text).effective_scope(), scope, "{text}");
        }
    }

    #[test]
    fn limits_are_read_in_all_their_forms() {
        for (text, value) in [
            ("5", Some(5)),
            ("-1", None),
            (r#""5:9""#, Some(5)),
            (r#""7""#, Some(7)),
            (r#""x""#, None),
            (r#"{"hard": 9}"#, Some(9)),
            (r#"{"soft": 3, "hard": 9}"#, Some(3)),
            ("{}", None),
        ] {
            assert_eq!(read::<Ulimit>(text).value(), value, "{text}");
        }
    }
}
