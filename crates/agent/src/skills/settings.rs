//! Where skills are looked for, and what the owner set for them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use moltbot_config::{Snapshot, schema};
use serde_json::Value;

/// Where a skill was found: of two that share a name, the one of the later kind counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SkillOrigin {
    /// A folder of `skills.load.extraDirs`.
    Extra,
    /// It came with the program.
    Bundled,
    /// `<state>/skills`.
    Managed,
    /// `<workspace>/skills`.
    Workspace,
}

/// Where skills are looked for, and what decides whether each is offered.
#[derive(Clone, Default)]
pub struct SkillSettings {
    /// The folders, those that count least first.
    pub folders: Vec<(SkillOrigin, PathBuf)>,
    /// The only skills taken from those that come with the program; empty means all.
    pub allow_bundled: Vec<String>,
    /// `skills.entries`.
    pub entries: BTreeMap<String, schema::Skill>,
    /// The only skills that the place of the conversation admits, by name; `None` means all.
    pub only: Option<Vec<String>>,
    /// The whole configuration, which skills may demand things of.
    pub config: Value,
    /// The environment variables of the process.
    pub variables: BTreeMap<String, String>,
}

impl fmt::Debug for SkillSettings {
    /// Leaves out what may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SkillSettings")
            .field("folders", &self.folders)
            .field("allow_bundled", &self.allow_bundled)
            .field("entries", &self.entries.keys())
            .field("only", &self.only)
            .finish_non_exhaustive()
    }
}

impl SkillSettings {
    /// The owner's settings, for an agent that works in `workspace`.
    pub fn from_snapshot(snapshot: &Snapshot, workspace: &Path) -> Self {
        let skills = snapshot.config.skills.clone().unwrap_or_default();
        let extra = skills.load.and_then(|load| load.extra_dirs);
        let environment = &snapshot.environment;
        let extra = extra.into_iter().flatten();
        let mut folders: Vec<_> = extra
            .map(|dir| (SkillOrigin::Extra, environment.absolute(&dir)))
            .collect();
        let bundled = match environment.setting("BUNDLED_SKILLS_DIR") {
            Some(dir) => Some(environment.absolute(dir)),
            None => std::env::current_exe()
                .ok()
                .and_then(|program| Some(program.parent()?.join("skills"))),
        };
        folders.extend(bundled.map(|dir| (SkillOrigin::Bundled, dir)));
        folders.push((
            SkillOrigin::Managed,
            snapshot.paths.state_dir.join("skills"),
        ));
        folders.push((SkillOrigin::Workspace, workspace.join("skills")));
        Self {
            folders,
            allow_bundled: skills.allow_bundled.unwrap_or_default(),
            entries: skills.entries.unwrap_or_default(),
            only: None,
            config: snapshot.value.clone(),
            variables: environment.vars.clone(),
        }
    }

    /// Whether the process has a variable that is not blank.
    pub(super) fn has_variable(&self, name: &str) -> bool {
        self.variables
            .get(name)
            .is_some_and(|value| !value.trim().is_empty())
    }
}
