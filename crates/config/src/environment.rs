//! The environment variables and directories that configuration depends on, captured once.
//!
//! Nothing else in this crate reads the process environment, so everything can be tested with a made-up one.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Component, Path, PathBuf};

/// Environment variables, home directory and working directory.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// Variables by name.
    pub vars: BTreeMap<String, String>,
    /// The home directory: what `~` stands for.
    pub home: PathBuf,
    /// The directory that relative paths start from.
    pub cwd: PathBuf,
}

impl fmt::Debug for Environment {
    /// Names the variables without their values, many of which are secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment")
            .field("vars", &self.vars.keys())
            .field("home", &self.home)
            .field("cwd", &self.cwd)
            .finish()
    }
}

impl Environment {
    /// Captures the environment of this process.
    ///
    /// Variables that are not Unicode are left out. Without a home directory (no `HOME`, no entry in the user
    /// database) the working directory stands in, and without that the root directory.
    pub fn from_process() -> Self {
        let cwd = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
        let home = std::env::home_dir()
            .filter(|home| !home.as_os_str().is_empty())
            .unwrap_or_else(|| cwd.clone());
        let vars = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let mut environment = Self { vars, home, cwd };
        environment.copy_old_names();
        environment
    }

    /// The value of a variable; `None` when it is unset or blank.
    pub fn get(&self, name: &str) -> Option<&str> {
        let value = self.vars.get(name)?;
        (!value.trim().is_empty()).then_some(value)
    }

    /// The value of `MOLTBOT_<suffix>`, else of `CLAWDBOT_<suffix>`; `None` when both are unset or blank.
    pub fn setting(&self, suffix: &str) -> Option<&str> {
        self.get(&format!("MOLTBOT_{suffix}"))
            .or_else(|| self.get(&format!("CLAWDBOT_{suffix}")))
    }

    /// Whether a [`setting`](Self::setting) is switched on: `1`, `true`, `yes` or `on` in any case.
    pub fn is_on(&self, suffix: &str) -> bool {
        self.setting(suffix).is_some_and(|value| {
            ["1", "true", "yes", "on"].contains(&value.trim().to_lowercase().as_str())
        })
    }

    /// Sets a variable unless it has a value that is not blank.
    pub(crate) fn fill(&mut self, name: &str, value: &str) {
        if self.get(name).is_none() && !value.trim().is_empty() {
            self.vars.insert(name.to_owned(), value.to_owned());
        }
    }

    /// Copies `Z_AI_API_KEY`, the older name, to `ZAI_API_KEY` where that is unset.
    pub(crate) fn copy_old_names(&mut self) {
        if let Some(value) = self.get("Z_AI_API_KEY").map(str::to_owned) {
            self.fill("ZAI_API_KEY", &value);
        }
    }

    /// `text` as an absolute path: a leading `~` is the home directory, a relative path starts from the working
    /// directory, and `.` and `..` are resolved without looking at the disk.
    pub fn absolute(&self, text: &str) -> PathBuf {
        let text = text.trim();
        let path = match text.strip_prefix('~') {
            Some("") => self.home.clone(),
            Some(rest) if rest.starts_with(['/', '\\']) => {
                self.home.join(rest.trim_start_matches(['/', '\\']))
            }
            _ => PathBuf::from(text),
        };
        normalized(&self.cwd.join(path))
    }

    /// `path` as shown to the owner: with the home directory written `~`.
    pub fn shown(&self, path: &Path) -> String {
        match path.strip_prefix(&self.home) {
            Ok(rest) if rest.as_os_str().is_empty() => "~".to_owned(),
            Ok(rest) if self.home.parent().is_some() => format!("~/{}", rest.display()),
            _ => path.display().to_string(),
        }
    }
}

/// A path without `.` and `..`, resolved by name only.
pub(crate) fn normalized(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            // Popping the root does nothing, as `/..` is `/`.
            Component::ParentDir => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    normal
}
