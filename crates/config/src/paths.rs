//! Where everything lives: state directory, config file, credentials, agents, models, database, logs.

use std::path::{Path, PathBuf};

use crate::agent_id::{MAIN_AGENT, normalize_agent_id};
use crate::environment::Environment;
use crate::spanned::{Content, Node};

/// Names of the config file, the newer first.
const CONFIG_NAMES: [&str; 2] = ["moltbot.json", "clawdbot.json"];

/// The places that belong to one installation. All paths are absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// The state directory: `~/.clawdbot` unless the environment or an existing `~/.moltbot` says otherwise.
    pub state_dir: PathBuf,
    /// The config file: the first that exists in the search order, else where a new one is written.
    pub config_file: PathBuf,
    /// Secrets of accounts and channels.
    pub credentials_dir: PathBuf,
    /// Model weights that this program downloads: `<state>/models`.
    pub models_dir: PathBuf,
    /// The database: `<state>/moltbot.db`.
    pub database: PathBuf,
    /// Logs that stay: `<state>/logs`.
    pub logs_dir: PathBuf,
    /// The override of the main agent's directory, from the environment.
    main_agent_dir: Option<PathBuf>,
    /// The main agent's workspace where the config names none.
    main_workspace: PathBuf,
    home: PathBuf,
}

impl Paths {
    /// Finds the places for `environment`. Looks at which directories and config files exist, and changes nothing.
    pub fn resolve(environment: &Environment) -> Self {
        let state_dir = state_dir(environment);
        let credentials_dir = environment.setting("OAUTH_DIR").map_or_else(
            || state_dir.join("credentials"),
            |dir| environment.absolute(dir),
        );
        let main_agent_dir = environment
            .setting("AGENT_DIR")
            .or_else(|| environment.get("PI_CODING_AGENT_DIR"))
            .map(|dir| environment.absolute(dir));
        let main_workspace = match environment.setting("PROFILE").map(str::trim) {
            Some(profile) if !profile.eq_ignore_ascii_case("default") => {
                environment.home.join(format!("clawd-{profile}"))
            }
            _ => environment.home.join("clawd"),
        };
        Self {
            config_file: config_file(environment, &state_dir),
            credentials_dir,
            models_dir: state_dir.join("models"),
            database: state_dir.join("moltbot.db"),
            logs_dir: state_dir.join("logs"),
            main_agent_dir,
            main_workspace,
            home: environment.home.clone(),
            state_dir,
        }
    }

    /// The directory of an agent: `<state>/agents/<id>/agent`, or for the agent `main` the override from
    /// `CLAWDBOT_AGENT_DIR` or `PI_CODING_AGENT_DIR`. The config's `agents.list[].agentDir` goes before both.
    pub fn agent_dir(&self, agent_id: &str) -> PathBuf {
        let id = normalize_agent_id(agent_id);
        match &self.main_agent_dir {
            Some(dir) if id == MAIN_AGENT => dir.clone(),
            _ => self.state_dir.join("agents").join(id).join("agent"),
        }
    }

    /// The directory of an agent's sessions: `<state>/agents/<id>/sessions`.
    pub fn sessions_dir(&self, agent_id: &str) -> PathBuf {
        let id = normalize_agent_id(agent_id);
        self.state_dir.join("agents").join(id).join("sessions")
    }

    /// The default agent's workspace where the config names none: `~/clawd`, or `~/clawd-<profile>`.
    pub fn default_workspace(&self) -> &Path {
        &self.main_workspace
    }

    /// Another agent's workspace where the config names none: `~/clawd-<id>`.
    pub fn agent_workspace(&self, agent_id: &str) -> PathBuf {
        self.home
            .join(format!("clawd-{}", normalize_agent_id(agent_id)))
    }
}

fn state_dir(environment: &Environment) -> PathBuf {
    if let Some(dir) = environment.setting("STATE_DIR") {
        return environment.absolute(dir);
    }
    let old = environment.home.join(".clawdbot");
    let new = environment.home.join(".moltbot");
    if new.is_dir() && !old.exists() {
        new
    } else {
        old
    }
}

fn config_file(environment: &Environment, state_dir: &Path) -> PathBuf {
    if let Some(path) = environment.setting("CONFIG_PATH") {
        return environment.absolute(path);
    }
    let overrides = ["MOLTBOT_STATE_DIR", "CLAWDBOT_STATE_DIR"]
        .into_iter()
        .filter_map(|name| environment.get(name))
        .map(|dir| environment.absolute(dir));
    let homes = [".moltbot", ".clawdbot"].map(|name| environment.home.join(name));
    overrides
        .chain(homes)
        .flat_map(|dir| CONFIG_NAMES.map(|name| dir.join(name)))
        .find(|candidate| candidate.exists())
        .unwrap_or_else(|| state_dir.join(CONFIG_NAMES[0]))
}

/// Writes out a leading `~` in every value that is a path by its key: one that ends in `dir`, `path`, `paths`,
/// `file`, `root` or `workspace`, and the items of lists named `paths`, `pathPrepend` or `readable`.
pub(crate) fn expand_home(node: &mut Node, environment: &Environment) {
    match &mut node.content {
        Content::Object(members) => {
            for member in members {
                expand_member(&member.key, &mut member.value, environment);
            }
        }
        Content::Array(items) => {
            for item in items {
                expand_home(item, environment);
            }
        }
        _ => {}
    }
}

fn expand_member(key: &str, value: &mut Node, environment: &Environment) {
    const ENDINGS: [&str; 6] = ["dir", "path", "paths", "file", "root", "workspace"];
    let lower = key.to_lowercase();
    match &mut value.content {
        Content::String(text) if ENDINGS.iter().any(|ending| lower.ends_with(ending)) => {
            expand_text(text, environment);
        }
        Content::Array(items) if matches!(key, "paths" | "pathPrepend" | "readable") => {
            for item in items {
                match &mut item.content {
                    Content::String(text) => expand_text(text, environment),
                    _ => expand_home(item, environment),
                }
            }
        }
        _ => expand_home(value, environment),
    }
}

fn expand_text(text: &mut String, environment: &Environment) {
    let trimmed = text.trim();
    if trimmed == "~" || trimmed.starts_with("~/") || trimmed.starts_with("~\\") {
        *text = environment.absolute(trimmed).display().to_string();
    }
}
