//! `sandbox`: running an agent's tools in a container.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::forms::MemorySize;

section! {
    /// Running an agent's tools in a container.
    pub struct Sandbox {
        /// Which conversations are put in a container. Default: off.
        pub mode: Option<SandboxMode>,
        /// What shares a container. Default: agent.
        pub scope: Option<SandboxScope>,
        /// Older form of `scope`: true for session, false for shared.
        pub per_session: Option<bool>,
        /// What the container sees of the agent's folder. Default: none.
        pub workspace_access: Option<WorkspaceAccess>,
        /// Conversations that tools in the container can see. Default: spawned.
        pub session_tools_visibility: Option<SessionToolsVisibility>,
        /// Folder for the containers' own working folders. Default: `~/.clawdbot/sandboxes`.
        pub workspace_root: Option<String>,
        /// The container.
        pub docker: Option<SandboxDocker>,
        /// A browser in a container of its own.
        pub browser: Option<SandboxBrowser>,
        /// Removing old containers.
        pub prune: Option<SandboxPrune>,
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
