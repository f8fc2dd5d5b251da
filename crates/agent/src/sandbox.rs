//! Which conversations work in a sandbox, where they work then, and what is granted there.
//!
//! What confines their commands is in `moltbot_guard::sandbox`; here is what the owner asked for, conversation by
//! conversation. File tools are no processes of their own: they are held to the same folders by this.

mod container;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use moltbot_config::schema::{
    Sandbox, SandboxDocker, SandboxMode, SandboxScope, SessionToolsVisibility, WorkspaceAccess,
};
use moltbot_config::{Environment, Snapshot};
use moltbot_guard::container::{ContainerError, Signals};
use moltbot_guard::sandbox::{Confinement, Limits, SandboxError, Trial, enforceable};
use thiserror::Error;

pub use container::{ContainerSettings, SandboxContainer};
use container::{Folders, container_keys};

use crate::elevated::{ElevatedSettings, Elevation};
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
    /// What the containers are made of that commands run in; `None` where the system itself confines them.
    pub container: Option<Arc<ContainerSettings>>,
    /// Who may have commands run outside.
    pub elevated: ElevatedSettings,
    /// Keys that are set and have no effect, as they stand below `sandbox`.
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
    /// The container that its commands run in; `None` where the system itself confines them.
    pub container: Option<SandboxContainer>,
    /// Where its commands run in this turn: inside, unless the person who asks ordered otherwise.
    pub elevation: Elevation,
    /// Whether its tools may look at conversations that it did not start.
    pub sees_all_sessions: bool,
    mode_key: String,
    /// The agent's own folder, whose notes a new one begins with.
    seed: Option<PathBuf>,
    variables: BTreeMap<String, String>,
    program: PathBuf,
}

/// How a command of a sandboxed conversation is started.
#[derive(Debug, Clone)]
pub struct ConfinedCommand {
    /// The program and its arguments.
    pub line: Vec<String>,
    /// Its whole environment.
    pub environment: BTreeMap<String, String>,
    /// How what it starts is ended, where signals to its own processes do not.
    pub signals: Option<Signals>,
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
    /// There is no container for it.
    #[error(
        "The command was not run: {key} asks for a container, and {reason}. With sandbox.backend \"kernel\" the system itself confines commands, without a container."
    )]
    NoContainer {
        /// The key that asks for it.
        key: String,
        /// Why there is none.
        reason: ContainerError,
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

impl NotSandboxed {
    /// What is missing, where no command is spoken of. Begins in the middle of a sentence and has no full stop.
    pub fn reason(&self) -> String {
        match self {
            Self::NotEnforced { reason, .. } => reason.to_string(),
            Self::NoContainer { key, reason } => {
                format!("{key} asks for a container, and {reason}")
            }
            Self::Folder { path, source } => {
                format!("its folder {} cannot be made: {source}", path.display())
            }
        }
    }
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
        let container = ContainerSettings::from_config(&sandbox, snapshot).map(Arc::new);
        // A container has programs of its own.
        let programs = match container {
            Some(_) => Vec::new(),
            None => programs(snapshot, agent_id),
        };
        let mut readable: Vec<PathBuf> = Vec::new();
        for path in programs.into_iter().chain(skills).chain(granted) {
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
            network: match (docker.network.as_deref(), &container) {
                (None | Some("none"), _) => false,
                (Some("bridge" | "host"), _) | (Some(_), Some(_)) => true,
                (Some(_), None) => false,
            },
            limits: limits(&docker),
            readable,
            elevated: ElevatedSettings::from_snapshot(snapshot, agent_id),
            left_aside: left_aside(&sandbox, &docker, container.is_some()),
            homes: state.join("sandbox"),
            sees_all_sessions: sandbox.session_tools_visibility
                == Some(SessionToolsVisibility::All),
            agent_id: agent_id.to_owned(),
            workspace,
            variables: match container {
                Some(_) => container::variables(&docker.env.unwrap_or_default(), environment),
                None => variables(environment, docker.env),
            },
            container,
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
        let own = self.root.join(&slug);
        let workspace = match self.access {
            WorkspaceAccess::None => own.clone(),
            WorkspaceAccess::Ro | WorkspaceAccess::Rw => self.workspace.clone(),
        };
        let folders = Folders {
            workspace: &workspace,
            home: &home,
            own: &own,
            access: self.access,
            readable: &self.readable,
        };
        let scope = match self.scope {
            SandboxScope::Shared => "shared".to_owned(),
            SandboxScope::Agent => format!("agent:{}", self.agent_id),
            SandboxScope::Session => session_key.to_owned(),
        };
        let container = self
            .container
            .as_ref()
            .map(|settings| settings.container(&slug, &scope, &folders));
        let mut readable = self.readable.clone();
        let mut writable = vec![home.clone()];
        writable.extend(container.iter().filter_map(|of| of.scratch.clone()));
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
            container,
            elevation: Elevation::off(session_key),
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
        let by = match self.container {
            Some(_) => "This version puts commands into containers, and nothing else",
            None => "Commands are confined by the system itself, not by a container",
        };
        Some(format!(
            "{by}, so this is left aside of the sandbox of agent \"{}\": {}. `moltbot sandbox explain` tells what holds.",
            self.agent_id,
            self.left_aside.join(", ")
        ))
    }

    /// Whether what is asked for is there: the means of the system, or the program that makes containers. Nothing is
    /// tried out.
    ///
    /// # Errors
    /// Why not.
    pub fn available(&self) -> Result<(), NotSandboxed> {
        match &self.container {
            Some(container) => container
                .available()
                .map_err(|reason| NotSandboxed::NoContainer {
                    key: container.key.clone(),
                    reason,
                }),
            None => enforceable().map_err(|reason| NotSandboxed::NotEnforced {
                key: self.mode_key.clone(),
                reason,
            }),
        }
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
        let scratch = self.container.as_ref().and_then(|of| of.scratch.as_ref());
        for path in [&self.workspace, &self.temporary()]
            .into_iter()
            .chain(scratch)
        {
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

    /// Makes its container where it has one and that is not there. Its folders must have been made.
    ///
    /// # Errors
    /// There is none to be had. Then nothing must be run at all.
    pub async fn ready(&self) -> Result<(), NotSandboxed> {
        let variables = self.environment(&BTreeMap::new());
        self.in_container(move |container| container.ready(&variables))
            .await
            .unwrap_or(Ok(()))
    }

    /// How a shell's command is started confined: in this folder of its own, with these variables.
    ///
    /// # Errors
    /// Nothing can be confined here. Then it must not be run at all.
    pub fn command(
        &self,
        command: &str,
        workdir: &Path,
        environment: BTreeMap<String, String>,
        on_terminal: bool,
    ) -> Result<ConfinedCommand, NotSandboxed> {
        let Some(container) = &self.container else {
            let shell = ["/bin/sh", "-c", command];
            let line = enforceable()
                .and_then(|()| self.confinement.wrap(&self.program, SUBCOMMAND, &shell));
            let line = line.map_err(|reason| NotSandboxed::NotEnforced {
                key: self.mode_key.clone(),
                reason,
            })?;
            return Ok(ConfinedCommand {
                line,
                environment,
                signals: None,
            });
        };
        let found = container
            .found()
            .map_err(|reason| no_container(container, reason))?;
        let inside = found.command(command, workdir, &environment, on_terminal);
        Ok(ConfinedCommand {
            line: inside.line,
            environment: inside.variables,
            signals: Some(inside.signals),
        })
    }

    /// Attempts what a command might in a container of its kind; `None` where it has none. Makes its folders. `outside`
    /// is a folder of the owner's that is not granted.
    pub async fn try_container(&self, outside: &Path) -> Option<Result<Trial, NotSandboxed>> {
        let made = self.container.as_ref().map(|_| self.prepare())?;
        if let Err(error) = made {
            return Some(Err(error));
        }
        let outside = outside.to_owned();
        self.in_container(move |container| container.try_out(&outside))
            .await
    }

    /// What a path means that was written inside: a container shows folders under other names as well.
    pub fn outside<'a>(&self, path: &'a str) -> std::borrow::Cow<'a, str> {
        let container = self.container.as_ref();
        let outside = container.and_then(|container| container.outside(Path::new(path)));
        // A path that is no text cannot have come from the configuration, which is.
        match outside.and_then(|path| path.into_os_string().into_string().ok()) {
            Some(outside) => outside.into(),
            None => path.into(),
        }
    }

    /// Does something with the container that takes its time; `None` where there is none.
    async fn in_container<T: Send + 'static>(
        &self,
        deed: impl FnOnce(&SandboxContainer) -> Result<T, ContainerError> + Send + 'static,
    ) -> Option<Result<T, NotSandboxed>> {
        let container = self.container.clone()?;
        let done = tokio::task::spawn_blocking({
            let container = container.clone();
            move || deed(&container)
        });
        Some(match done.await {
            Ok(done) => done.map_err(|reason| no_container(&container, reason)),
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The program is ending, and whoever waits with it.
                Err(_) => std::future::pending().await,
            },
        })
    }

    /// What commands have of the variables that they would have outside, and their own.
    pub fn environment(&self, outside: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let is_kernel = self.container.is_none();
        let is_kept = |name: &str| {
            is_kernel && (KEPT_VARIABLES.contains(&name) || name.to_uppercase().starts_with("LC_"))
        };
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

/// The keys that are set and have no effect.
fn left_aside(sandbox: &Sandbox, docker: &SandboxDocker, is_container: bool) -> Vec<String> {
    let browser = sandbox.browser.as_ref();
    let has_browser = browser.is_some_and(|browser| browser.enabled == Some(true));
    let mut left = match is_container {
        true => Vec::new(),
        false => container_keys(docker),
    };
    left.extend(has_browser.then(|| "browser".to_owned()));
    left
}

fn no_container(container: &SandboxContainer, reason: ContainerError) -> NotSandboxed {
    NotSandboxed::NoContainer {
        key: container.key().to_owned(),
        reason,
    }
}

#[cfg(test)]
mod tests;
