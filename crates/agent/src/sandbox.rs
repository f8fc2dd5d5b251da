//! Which conversations work in a sandbox, where they work then, and what is granted there.
//!
//! What confines their commands is in `moltbot_guard::sandbox`; here is what the owner asked for, conversation by
//! conversation. File tools are no processes of their own: they are held to the same folders by this.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use moltbot_config::schema::{
    Sandbox, SandboxDocker, SandboxMode, SandboxScope, SessionToolsVisibility, WorkspaceAccess,
};
use moltbot_config::{Environment, Snapshot};
use moltbot_guard::sandbox::{Confinement, Limits, SandboxError, enforceable};
use thiserror::Error;

use crate::session_key::SessionKey;
use crate::skills::SkillSettings;
use crate::workspace;

/// The hidden command of this program that confines itself and becomes another program.
const SUBCOMMAND: &str = "sandboxed";

/// Variables of this program that commands in a sandbox get: what tells of the person's language and terminal, and where
/// programs are. Everything else may hold secrets.
const KEPT_VARIABLES: [&str; 8] = [
    "PATH", "LANG", "LANGUAGE", "TERM", "TZ", "USER", "LOGNAME", "SHELL",
];

/// How the conversations of an agent are sandboxed (`agents.defaults.sandbox`, and key by key over it the agent's own).
#[derive(Debug, Clone)]
pub struct SandboxSettings {
    /// Which of them.
    pub mode: SandboxMode,
    /// The key that says so.
    pub mode_key: String,
    /// What shares a folder.
    pub scope: SandboxScope,
    /// What they may do with the agent's own folder.
    pub access: WorkspaceAccess,
    /// Where the folders of sandboxes are.
    pub root: PathBuf,
    /// Whether their commands may use the network.
    pub network: bool,
    /// What one of their processes may use up.
    pub limits: Limits,
    /// What they may read besides the system and their folder: programs, skills, what the owner granted.
    pub readable: Vec<PathBuf>,
    /// Keys that only a container has a use for, as they stand below `sandbox`.
    pub left_aside: Vec<String>,
    /// Where what their programs keep for themselves is.
    homes: PathBuf,
    sees_all_sessions: bool,
    agent_id: String,
    workspace: PathBuf,
    variables: BTreeMap<String, String>,
    program: PathBuf,
}

/// What one conversation is granted.
#[derive(Debug, Clone)]
pub struct Sandboxed {
    /// The folder that it works in: relative paths start there, and file tools do not leave it. Absolute.
    pub workspace: PathBuf,
    /// What it may do with the agent's own folder. The folder it works in can be written unless this is `ro`.
    pub access: WorkspaceAccess,
    /// The home directory of its programs, with `tmp` in it.
    pub home: PathBuf,
    /// What its commands are granted.
    pub confinement: Confinement,
    /// Whether its tools may look at conversations that it did not start.
    pub sees_all_sessions: bool,
    mode_key: String,
    /// The agent's own folder, whose notes a new one begins with.
    seed: Option<PathBuf>,
    variables: BTreeMap<String, String>,
    program: PathBuf,
}

/// Where a conversation works.
#[derive(Debug, Clone)]
pub(crate) struct Workplace {
    /// The folder that relative paths start from.
    pub(crate) folder: PathBuf,
    /// What it is confined to, if it is.
    pub(crate) sandbox: Option<Sandboxed>,
}

/// Why a command of a sandboxed conversation is not run.
#[derive(Debug, Error)]
pub enum NotSandboxed {
    /// It cannot be confined.
    #[error(
        "The command was not run: this conversation is sandboxed ({key}), and {reason}. The owner can switch the sandbox off there."
    )]
    NotEnforced {
        /// The key that asks for the sandbox.
        key: String,
        /// Why not.
        reason: SandboxError,
    },
    /// Its folder cannot be made.
    #[error("The sandbox folder {} cannot be made: {source}.", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl SandboxSettings {
    /// What the owner asked for. `program` is this program's own file, by which confined commands are started.
    pub fn from_snapshot(snapshot: &Snapshot, agent_id: &str, program: PathBuf) -> Self {
        let agents = snapshot.config.agents();
        let sandbox = agents.sandbox(agent_id);
        let own_mode = agents
            .agent(agent_id)
            .and_then(|agent| agent.sandbox.as_ref()?.mode);
        let environment = &snapshot.environment;
        let state = &snapshot.paths.state_dir;
        let workspace = snapshot.workspace(agent_id);
        let docker = sandbox.docker.clone().unwrap_or_default();
        let skills = SkillSettings::from_snapshot(snapshot, &workspace);
        let skills = skills.folders.into_iter().map(|(_, folder)| folder);
        let granted = sandbox.readable.iter().flatten();
        let granted = granted.map(|path| environment.absolute(path));
        let mut readable: Vec<PathBuf> = Vec::new();
        for path in programs(snapshot, agent_id)
            .into_iter()
            .chain(skills)
            .chain(granted)
        {
            if !readable.contains(&path) {
                readable.push(path);
            }
        }
        Self {
            mode: sandbox.mode.unwrap_or(SandboxMode::Off),
            mode_key: match own_mode {
                Some(_) => format!("agents.list.{agent_id}.sandbox.mode"),
                None => "agents.defaults.sandbox.mode".to_owned(),
            },
            scope: sandbox.effective_scope(),
            access: sandbox.workspace_access.unwrap_or(WorkspaceAccess::None),
            root: match &sandbox.workspace_root {
                Some(root) => environment.absolute(root),
                None => state.join("sandboxes"),
            },
            network: matches!(docker.network.as_deref(), Some("bridge" | "host")),
            limits: limits(&docker),
            readable,
            left_aside: left_aside(&sandbox, &docker),
            homes: state.join("sandbox"),
            sees_all_sessions: sandbox.session_tools_visibility
                == Some(SessionToolsVisibility::All),
            agent_id: agent_id.to_owned(),
            workspace,
            variables: variables(environment, docker.env),
            program,
        }
    }

    /// What a conversation is granted; `None` where it is not sandboxed.
    pub fn of(&self, session_key: &str) -> Option<Sandboxed> {
        let is_main = session_key == SessionKey::main(&self.agent_id).to_string();
        match self.mode {
            SandboxMode::Off => None,
            SandboxMode::NonMain if is_main => None,
            SandboxMode::NonMain | SandboxMode::All => Some(self.confined(session_key)),
        }
    }

    /// What a conversation is granted if it is sandboxed.
    pub fn confined(&self, session_key: &str) -> Sandboxed {
        let slug = self.slug(session_key);
        let home = self.homes.join(&slug);
        let workspace = match self.access {
            WorkspaceAccess::None => self.root.join(&slug),
            WorkspaceAccess::Ro | WorkspaceAccess::Rw => self.workspace.clone(),
        };
        let mut readable = self.readable.clone();
        let mut writable = vec![home.clone()];
        match self.access {
            WorkspaceAccess::Ro => readable.push(workspace.clone()),
            WorkspaceAccess::None | WorkspaceAccess::Rw => writable.push(workspace.clone()),
        }
        Sandboxed {
            confinement: Confinement {
                readable,
                writable,
                network: self.network,
                limits: self.limits,
            },
            sees_all_sessions: self.sees_all_sessions,
            seed: (self.access == WorkspaceAccess::None).then(|| self.workspace.clone()),
            workspace,
            access: self.access,
            home,
            mode_key: self.mode_key.clone(),
            variables: self.variables.clone(),
            program: self.program.clone(),
        }
    }

    /// What the owner should know: what of the configuration is left aside, and what is done instead. `None` where nothing
    /// is, or nothing is sandboxed.
    pub fn notice(&self) -> Option<String> {
        if self.mode == SandboxMode::Off || self.left_aside.is_empty() {
            return None;
        }
        Some(format!(
            "Commands are confined by the system itself (Landlock and seccomp), not by Docker, so this is left aside of the sandbox of agent \"{}\": {}. `moltbot sandbox explain` tells what holds.",
            self.agent_id,
            self.left_aside.join(", ")
        ))
    }

    /// The name of a folder: no two conversations that may not share one have the same.
    fn slug(&self, session_key: &str) -> String {
        match self.scope {
            SandboxScope::Shared => "shared".to_owned(),
            SandboxScope::Agent => format!("agent-{}", as_name(&self.agent_id)),
            SandboxScope::Session => as_name(session_key),
        }
    }
}

impl Sandboxed {
    /// Makes its folders where they do not exist, with copies of the agent's notes in one of its own. What exists there
    /// stays.
    ///
    /// # Errors
    /// They cannot be made.
    pub fn prepare(&self) -> Result<(), NotSandboxed> {
        for path in [&self.workspace, &self.temporary()] {
            fs::create_dir_all(path).map_err(|source| NotSandboxed::Folder {
                path: path.clone(),
                source,
            })?;
        }
        if let Some(seed) = &self.seed {
            workspace::copy_notes(seed, &self.workspace);
        }
        Ok(())
    }

    /// The command line that runs a program confined.
    ///
    /// # Errors
    /// Nothing can be confined here. Then it must not be run at all.
    pub fn command_line(&self, program: &[&str]) -> Result<Vec<String>, NotSandboxed> {
        let line =
            enforceable().and_then(|()| self.confinement.wrap(&self.program, SUBCOMMAND, program));
        line.map_err(|reason| NotSandboxed::NotEnforced {
            key: self.mode_key.clone(),
            reason,
        })
    }

    /// What commands have of the variables that they would have outside, and their own.
    pub fn environment(&self, outside: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let is_kept =
            |name: &str| KEPT_VARIABLES.contains(&name) || name.to_uppercase().starts_with("LC_");
        let mut variables: BTreeMap<String, String> = outside
            .iter()
            .filter(|(name, _)| is_kept(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        variables.extend(self.variables.clone());
        variables.insert("HOME".to_owned(), self.home.display().to_string());
        variables.insert("TMPDIR".to_owned(), self.temporary().display().to_string());
        variables
    }

    /// Whether the folder that it works in can be written.
    pub fn can_write(&self) -> bool {
        self.access != WorkspaceAccess::Ro
    }

    fn temporary(&self) -> PathBuf {
        self.home.join("tmp")
    }
}

/// A name of letters, digits, `-`, `.` and `_`, another for every text.
fn as_name(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' => char::from(byte).to_string(),
            b':' => ".".to_owned(),
            _ => format!("_{byte:02x}"),
        })
        .collect()
}

/// The folders that programs are looked for in. Not those that hold the home directory or anything of this program's:
/// a careless `PATH` opens nothing.
fn programs(snapshot: &Snapshot, agent_id: &str) -> Vec<PathBuf> {
    let environment = &snapshot.environment;
    let agents = snapshot.config.agents();
    let own = agents
        .agent(agent_id)
        .and_then(|agent| agent.tools.as_ref()?.exec.as_ref()?.path_prepend.clone());
    let tools = snapshot.config.tools.as_ref();
    let all = || tools.and_then(|tools| tools.exec.as_ref()?.path_prepend.clone());
    let first = own.or_else(all).unwrap_or_default();
    let path = environment.vars.get("PATH").map(String::as_str);
    let closed = [
        &environment.home,
        &snapshot.paths.state_dir,
        &snapshot.paths.credentials_dir,
    ]
    .map(|path| real(path));
    first
        .iter()
        .map(PathBuf::from)
        .chain(std::env::split_paths(path.unwrap_or_default()))
        .filter(|folder| folder.is_absolute())
        .map(|folder| real(&folder))
        .filter(|folder| {
            let opens = closed.iter().any(|closed| closed.starts_with(folder));
            !opens && !closed[1..].iter().any(|closed| folder.starts_with(closed))
        })
        .collect()
}

/// The real place of a path that exists.
fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

fn limits(docker: &SandboxDocker) -> Limits {
    let named = |name: &str| {
        let limit = docker.ulimits.as_ref()?.get(name)?;
        limit.value()
    };
    Limits {
        cpu_seconds: named("cpu"),
        memory: docker.memory.as_ref().and_then(|memory| memory.bytes()),
        file_size: named("fsize"),
    }
}

/// What commands get in any case: the original's `LANG`, and what the owner set.
fn variables(
    environment: &Environment,
    own: Option<BTreeMap<String, String>>,
) -> BTreeMap<String, String> {
    let mut variables = own.unwrap_or_default();
    if !environment.vars.contains_key("LANG") {
        variables
            .entry("LANG".to_owned())
            .or_insert_with(|| "C.UTF-8".to_owned());
    }
    variables
}

/// The keys that are set and that only a container has a use for.
fn left_aside(sandbox: &Sandbox, docker: &SandboxDocker) -> Vec<String> {
    let ulimits = docker.ulimits.iter().flatten();
    let ulimits = ulimits
        .filter(|(name, _)| !matches!(name.as_str(), "cpu" | "fsize" | "core"))
        .map(|(name, _)| format!("docker.ulimits.{name}"));
    let network = docker.network.as_deref();
    let is_other_network = network.is_some_and(|name| !matches!(name, "none" | "bridge" | "host"));
    let browser = sandbox.browser.as_ref();
    let set = [
        ("docker.image", docker.image.is_some()),
        ("docker.workdir", docker.workdir.is_some()),
        ("docker.readOnlyRoot", docker.read_only_root == Some(false)),
        ("docker.tmpfs", docker.tmpfs.is_some()),
        ("docker.network (there is none now)", is_other_network),
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
        (
            "browser",
            browser.is_some_and(|browser| browser.enabled == Some(true)),
        ),
    ];
    set.into_iter()
        .filter(|(_, is_set)| *is_set)
        .map(|(key, _)| key.to_owned())
        .chain(ulimits)
        .collect()
}

#[cfg(test)]
mod tests;
