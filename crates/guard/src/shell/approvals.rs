//! `exec-approvals.json`: what the owner said about commands for good, in the original's file.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use moltbot_config::schema::{AgentExecTool, ExecAsk, ExecSecurity};
use moltbot_config::{WriteError, make_private_directory, normalize_agent_id, replace_private};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// Which commands may run at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// None.
    Deny,
    /// Those on the list, and those that the owner is asked about.
    Allowlist,
    /// All.
    Full,
}

/// When the owner is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ask {
    /// Never.
    Off,
    /// About what is not on the list.
    OnMiss,
    /// Always.
    Always,
}

/// What the owner said of an agent's commands as a whole; `None` where nothing is said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Terms {
    /// Which may run.
    pub security: Option<Security>,
    /// When the owner is asked.
    pub ask: Option<Ask>,
}

impl Terms {
    /// Those of the configuration (`tools.exec`).
    pub fn of_config(exec: &AgentExecTool) -> Self {
        Self {
            security: exec.security.map(|security| match security {
                ExecSecurity::Deny => Security::Deny,
                ExecSecurity::Allowlist => Security::Allowlist,
                ExecSecurity::Full => Security::Full,
            }),
            ask: exec.ask.map(|ask| match ask {
                ExecAsk::Off => Ask::Off,
                ExecAsk::OnMiss => Ask::OnMiss,
                ExecAsk::Always => Ask::Always,
            }),
        }
    }

    /// Both, the stricter of each.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            security: [self.security, other.security].into_iter().flatten().min(),
            // None comes before any.
            ask: self.ask.max(other.ask),
        }
    }
}

/// The file, as it was read. What this program does not know of it stays as it is.
#[derive(Debug, Clone)]
pub struct Approvals {
    path: PathBuf,
    content: Value,
}

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ApprovalsError {
    /// It cannot be read.
    #[error("could not read {}: {source}; check its permissions", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not what it should be.
    #[error("{} is not a file that this program knows ({reason}); mend it, or move it away to begin anew", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// It cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl Approvals {
    /// The file of this home directory; its place does not move with the state directory.
    pub fn path(home: &Path) -> PathBuf {
        home.join(".clawdbot").join("exec-approvals.json")
    }

    /// Reads the file; one that is not there says nothing.
    ///
    /// # Errors
    /// It cannot be read: nothing of it counts, and nothing is written over it.
    pub fn read(path: &Path) -> Result<Self, ApprovalsError> {
        let content = match fs::read_to_string(path) {
            Ok(text) => Self::parse(path, &text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => json!({ "version": 1 }),
            Err(source) => {
                return Err(ApprovalsError::Read {
                    path: path.to_owned(),
                    source,
                });
            }
        };
        Ok(Self {
            path: path.to_owned(),
            content,
        })
    }

    /// The content of a file of this kind.
    fn parse(path: &Path, text: &str) -> Result<Value, ApprovalsError> {
        let damaged = |reason: String| ApprovalsError::Damaged {
            path: path.to_owned(),
            reason,
        };
        let content: Value =
            serde_json::from_str(text).map_err(|error| damaged(error.to_string()))?;
        match content.get("version").and_then(Value::as_u64) {
            Some(1) => Ok(content),
            version => Err(damaged(match version {
                Some(version) => format!("its version is {version}, not 1"),
                None => "it has no version".to_owned(),
            })),
        }
    }

    /// What is said of an agent's commands: in its own block, else in that of all agents, else in the defaults.
    pub fn terms(&self, agent_id: &str) -> Terms {
        let blocks = || {
            let own = self.agent(agent_id);
            let all = self.content.pointer("/agents/*");
            own.into_iter()
                .chain(all)
                .chain(self.content.get("defaults"))
        };
        Terms {
            security: blocks().find_map(|block| read(block, "security")),
            ask: blocks().find_map(|block| read(block, "ask")),
        }
    }

    /// The patterns of an agent's list, then those of all agents'.
    pub fn patterns(&self, agent_id: &str) -> Vec<&str> {
        let blocks = [self.agent(agent_id), self.content.pointer("/agents/*")];
        blocks
            .into_iter()
            .flatten()
            .filter_map(|block| block.get("allowlist")?.as_array())
            .flatten()
            .filter_map(|entry| entry.get("pattern")?.as_str())
            .collect()
    }

    /// An agent's block. The one called `default` is that of the main agent, as in older files.
    fn agent(&self, agent_id: &str) -> Option<&Value> {
        let agents = self.content.get("agents")?.as_object()?;
        let own = agents
            .iter()
            .find(|(id, _)| *id != "*" && normalize_agent_id(id) == agent_id);
        let old = || {
            agents
                .get("default")
                .filter(|_| agent_id == moltbot_config::MAIN_AGENT)
        };
        own.map(|(_, block)| block).or_else(old)
    }

    /// What the file says, but for the token of its socket.
    pub fn without_token(&self) -> Value {
        let mut content = self.content.clone();
        if let Some(socket) = content.get_mut("socket").and_then(Value::as_object_mut) {
            socket.remove("token");
        }
        content
    }

    /// Puts another content in place of the file's. The token of its socket stays where the new content has none.
    ///
    /// # Errors
    /// The content is not that of such a file, or cannot be written. The file is as it was.
    pub fn replace(path: &Path, text: &str) -> Result<(), ApprovalsError> {
        let mut content = Self::parse(path, text)?;
        let _lock = lock(path)?;
        let token = Self::read(path)
            .ok()
            .and_then(|file| file.content.pointer("/socket/token").cloned());
        if let (Some(token), Some(socket)) = (token, object(&mut content, "socket")) {
            socket.entry("token").or_insert(token);
        }
        Ok(replace_private(path, format!("{content:#}\n").as_bytes())?)
    }

    /// Takes a pattern off an agent's list, in the file as it is now. Whether it was there.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn disallow(path: &Path, agent_id: &str, pattern: &str) -> Result<bool, ApprovalsError> {
        let mut was_there = false;
        Self::change(path, agent_id, |list| {
            let count = list.len();
            list.retain(|entry| entry.get("pattern") != Some(&json!(pattern)));
            was_there = list.len() < count;
        })?;
        Ok(was_there)
    }

    /// Puts paths on an agent's list, in the file as it is now.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn allow(path: &Path, agent_id: &str, programs: &[PathBuf]) -> Result<(), ApprovalsError> {
        Self::change(path, agent_id, |list| {
            for program in programs {
                let pattern = program.display().to_string();
                let is_known = list
                    .iter()
                    .any(|entry| entry.get("pattern") == Some(&json!(pattern)));
                if !is_known {
                    list.push(json!({ "id": Uuid::new_v4().to_string(), "pattern": pattern }));
                }
            }
        })
    }

    /// Changes an agent's list in the file.
    fn change(
        path: &Path,
        agent_id: &str,
        change: impl FnOnce(&mut Vec<Value>),
    ) -> Result<(), ApprovalsError> {
        let agent_id = match agent_id {
            "*" => "*".to_owned(),
            id => normalize_agent_id(id),
        };
        let _lock = lock(path)?;
        let mut file = Self::read(path)?;
        let before = file.content.clone();
        let damaged = |what: &str| ApprovalsError::Damaged {
            path: path.to_owned(),
            reason: format!("{what} is not what it should be"),
        };
        let key = file.key_of(&agent_id);
        let agents = object(&mut file.content, "agents").ok_or_else(|| damaged("agents"))?;
        let own = agents.entry(key).or_insert_with(|| json!({}));
        let list = own
            .as_object_mut()
            .map(|own| own.entry("allowlist").or_insert_with(|| json!([])))
            .and_then(Value::as_array_mut)
            .ok_or_else(|| damaged("an agent's block"))?;
        let count = list.len();
        change(list);
        if list.len() == count && list.is_empty() {
            return Ok(());
        }
        if file.content != before {
            replace_private(&file.path, format!("{:#}\n", file.content).as_bytes())?;
        }
        Ok(())
    }

    /// The key that an agent's block has, or would get.
    fn key_of(&self, agent_id: &str) -> String {
        let agents = self.content.get("agents").and_then(Value::as_object);
        let known = agents.into_iter().flat_map(Map::keys);
        known
            .filter(|id| *id != "*")
            .find(|id| normalize_agent_id(id) == agent_id)
            .cloned()
            // A block of its own beside it would undo what it says.
            .or_else(|| {
                let is_old = agent_id == moltbot_config::MAIN_AGENT;
                let old = agents.filter(|agents| is_old && agents.contains_key("default"));
                old.map(|_| "default".to_owned())
            })
            .unwrap_or_else(|| agent_id.to_owned())
    }
}

fn object<'a>(content: &'a mut Value, key: &str) -> Option<&'a mut Map<String, Value>> {
    let content = content.as_object_mut()?;
    content
        .entry(key)
        .or_insert_with(|| json!({}))
        .as_object_mut()
}

/// A setting in its type. What is no such word counts as missing: the owner is asked then.
fn read<T: serde::de::DeserializeOwned>(block: &Value, key: &str) -> Option<T> {
    serde_json::from_value(block.get(key)?.clone()).ok()
}

/// Held while the file is read and written.
fn lock(path: &Path) -> Result<File, ApprovalsError> {
    let lock = path.with_extension("json.lock");
    let failed = |source| ApprovalsError::Read {
        path: lock.clone(),
        source,
    };
    if let Some(directory) = path.parent() {
        make_private_directory(directory).map_err(failed)?;
    }
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&lock)
        .map_err(failed)?;
    match file.lock() {
        Err(error) if error.kind() != io::ErrorKind::Unsupported => Err(failed(error)),
        _ => Ok(file),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn file(content: &Value) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = Approvals::path(dir.path());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content.to_string()).unwrap();
        (dir, path)
    }

    #[test]
    fn an_agents_block_goes_before_the_others() {
        let (_dir, path) = file(&json!({
            "version": 1,
            "socket": { "path": "/x.sock", "token": "t" },
            "defaults": { "security": "full", "ask": "off" },
            "agents": {
                "Work": { "security": "allowlist", "allowlist": [{ "id": "1", "pattern": "/bin/ls" }] },
                "*": { "ask": "always", "allowlist": [{ "pattern": "/bin/cat" }] },
                "default": { "security": "deny" },
            },
        }));
        let approvals = Approvals::read(&path).unwrap();
        let terms = |agent| approvals.terms(agent);
        let said = |security, ask| Terms {
            security: Some(security),
            ask: Some(ask),
        };
        assert_eq!(terms("work"), said(Security::Allowlist, Ask::Always));
        assert_eq!(terms("main").security, Some(Security::Deny));
        assert_eq!(terms("other").security, Some(Security::Full));
        assert_eq!(approvals.patterns("work"), ["/bin/ls", "/bin/cat"]);
        assert_eq!(approvals.patterns("main"), ["/bin/cat"]);
        let (_dir, path) = file(&json!({ "version": 1, "defaults": { "security": "everything" } }));
        let nothing = Approvals::read(&path).unwrap().terms("main");
        assert_eq!(nothing, Terms::default());
        let stricter = terms("other").and(said(Security::Allowlist, Ask::OnMiss));
        assert_eq!(stricter, said(Security::Allowlist, Ask::Always));
        assert_eq!(nothing.and(stricter), stricter);
    }

    #[test]
    fn what_is_allowed_is_written_down_and_the_rest_stays() {
        let (_dir, path) = file(&json!({
            "version": 1, "socket": { "token": "t" }, "agents": { "Work": { "note": "mine" } },
        }));
        let programs = [PathBuf::from("/usr/bin/rg"), PathBuf::from("/usr/bin/rg")];
        Approvals::allow(&path, "work", &programs).unwrap();
        Approvals::allow(&path, "main", &programs[..1]).unwrap();
        let approvals = Approvals::read(&path).unwrap();
        assert_eq!(approvals.patterns("work"), ["/usr/bin/rg"]);
        assert_eq!(approvals.patterns("main"), ["/usr/bin/rg"]);
        let content = approvals.content;
        assert_eq!(content["socket"]["token"], "t");
        assert_eq!(content["agents"]["Work"]["note"], "mine");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = path.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn what_was_allowed_is_taken_back_and_another_file_keeps_the_token() {
        let (_dir, path) = file(&json!({ "version": 1, "socket": { "token": "t" } }));
        Approvals::allow(&path, "*", &[PathBuf::from("/usr/bin/rg")]).unwrap();
        assert_eq!(
            Approvals::read(&path).unwrap().patterns("main"),
            ["/usr/bin/rg"]
        );
        assert!(!Approvals::disallow(&path, "main", "/usr/bin/rg").unwrap());
        assert!(Approvals::disallow(&path, "*", "/usr/bin/rg").unwrap());
        let file = Approvals::read(&path).unwrap();
        assert!(file.patterns("main").is_empty());
        assert_eq!(file.without_token()["socket"], json!({}));
        Approvals::replace(&path, r#"{"version":1,"agents":{"*":{"ask":"always"}}}"#).unwrap();
        let file = Approvals::read(&path).unwrap();
        assert_eq!(file.content["socket"]["token"], "t");
        assert_eq!(file.terms("main").ask, Some(Ask::Always));
        Approvals::replace(&path, "{}").unwrap_err();
        assert_eq!(Approvals::read(&path).unwrap().content, file.content);
    }

    #[test]
    fn allowing_a_program_loosens_nothing_else() {
        let (_dir, path) = file(&json!({
            "version": 1, "agents": { "default": { "ask": "always" }, "work": { "security": "deny" } },
        }));
        let programs = [PathBuf::from("/usr/bin/rg")];
        Approvals::allow(&path, "main", &programs).unwrap();
        Approvals::allow(&path, "Work", &programs).unwrap();
        let approvals = Approvals::read(&path).unwrap();
        assert_eq!(approvals.terms("main").ask, Some(Ask::Always));
        assert_eq!(approvals.terms("work").security, Some(Security::Deny));
        for agent in ["main", "work"] {
            assert_eq!(approvals.patterns(agent), ["/usr/bin/rg"]);
        }
    }

    #[test]
    fn a_file_that_is_not_understood_counts_for_nothing_and_stays() {
        for text in [
            "{",
            "[]",
            r#"{"version":2}"#,
            r#"{"version":1,"agents":[]}"#,
        ] {
            let (_dir, path) = file(&json!({}));
            fs::write(&path, text).unwrap();
            let error = Approvals::allow(&path, "main", &[PathBuf::from("/bin/ls")]).unwrap_err();
            assert!(error.to_string().contains("exec-approvals.json"), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        let missing = Approvals::read(Path::new("/nowhere/exec-approvals.json")).unwrap();
        assert!(missing.patterns("main").is_empty() && missing.terms("main") == Terms::default());
    }
}
