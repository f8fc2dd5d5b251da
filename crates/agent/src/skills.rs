//! Skills: instructions in folders, which an agent reads when it needs them.
//!
//! A skill is a folder with a `SKILL.md`: a front matter that says what it is for, and the text that a model reads then.
//! Only name, description and place stand in the prompt.

mod commands;
mod front_matter;
mod gate;
mod list;
mod metadata;
mod settings;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

pub(crate) use commands::find_skill_command;
pub use commands::{SkillCommand, skill_commands};
use front_matter::FrontMatter;
pub(crate) use list::{brief_list, full_list, listed_blocks};
use metadata::Metadata;
use moltbot_guard::invisible;
pub use settings::{SkillOrigin, SkillSettings};

/// The file that makes a folder a skill.
const SKILL_FILE: &str = "SKILL.md";

/// A front matter ends before this.
const MOST_FRONT: u64 = 64 * 1024;

/// One skill.
#[derive(Debug, Clone, PartialEq)]
pub struct Skill {
    /// Its name: unique, the folder's where the file names none.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Its `SKILL.md`.
    pub file: PathBuf,
    /// Where it was found.
    pub origin: SkillOrigin,
    /// Its name in `skills.entries`.
    pub key: String,
    /// Whether a person may call it by a command.
    pub is_command: bool,
    /// Whether models are told of it.
    pub is_listed: bool,
    /// The tool that its command calls directly, in place of a model.
    pub tool: Option<String>,
    metadata: Metadata,
}

/// A skill that is not offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnusedSkill {
    /// Its name.
    pub name: String,
    /// Why, to continue "It is not offered: ".
    pub reason: String,
}

/// The skills of an agent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Skills {
    /// Those that can be used, by name.
    pub usable: Vec<Skill>,
    /// Those that cannot, by name.
    pub unused: Vec<UnusedSkill>,
}

impl Skills {
    /// Looks through the folders. Of two skills of one name, the one of the later folder counts.
    pub fn find(settings: &SkillSettings) -> Self {
        let mut by_name: BTreeMap<String, Result<Skill, UnusedSkill>> = BTreeMap::new();
        for (origin, folder) in &settings.folders {
            for file in skill_files(folder) {
                let (name, found) = match read(&file, *origin) {
                    Ok(skill) => (skill.name.clone(), Ok(skill)),
                    Err(unused) => (unused.name.clone(), Err(unused)),
                };
                by_name.insert(name, found);
            }
        }
        let mut skills = Self::default();
        for found in by_name.into_values() {
            let gated = found.and_then(|skill| match gate::obstacle(&skill, settings) {
                None => Ok(skill),
                Some(reason) => Err(UnusedSkill {
                    name: skill.name,
                    reason,
                }),
            });
            match gated {
                Ok(skill) => skills.usable.push(skill),
                Err(unused) => skills.unused.push(unused),
            }
        }
        skills
    }

    /// The environment variables that the programs of these skills need, beyond those that the process has: `env` of
    /// their entries, and `apiKey` under the name that the skill gives it. For programs run on this machine, not in a
    /// sandbox. The values may be secrets.
    pub fn variables(&self, settings: &SkillSettings) -> BTreeMap<String, String> {
        let mut variables = BTreeMap::new();
        for skill in &self.usable {
            let Some(entry) = settings.entries.get(&skill.key) else {
                continue;
            };
            let named = entry.env.iter().flatten();
            let key = skill
                .metadata
                .primary_env
                .as_ref()
                .zip(entry.api_key.as_ref());
            for (name, value) in named.chain(key) {
                if !settings.has_variable(name) && !value.trim().is_empty() {
                    variables
                        .entry(name.clone())
                        .or_insert_with(|| value.clone());
                }
            }
        }
        variables
    }
}

/// The `SKILL.md` files of a folder's folders, sorted.
fn skill_files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path().join(SKILL_FILE)))
        .filter(|file| file.is_file())
        .collect();
    files.sort();
    files
}

fn read(file: &Path, origin: SkillOrigin) -> Result<Skill, UnusedSkill> {
    let folder = file
        .parent()
        .and_then(Path::file_name)
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let unused = |name: &str, reason: String| UnusedSkill {
        name: name.to_owned(),
        reason,
    };
    let mut bytes = Vec::new();
    File::open(file)
        .and_then(|file| file.take(MOST_FRONT).read_to_end(&mut bytes))
        .map_err(|error| {
            unused(
                &folder,
                format!("{} cannot be read: {error}", file.display()),
            )
        })?;
    let front = FrontMatter::parse(&String::from_utf8_lossy(&bytes));
    let name = front.text("name").unwrap_or(&folder).to_owned();
    let Some(description) = front.text("description") else {
        return Err(unused(
            &name,
            format!("{} has no description", file.display()),
        ));
    };
    let metadata = Metadata::from_front(&front);
    let dispatch = front
        .text("command-dispatch")
        .or(front.text("command_dispatch"));
    let tool = front.text("command-tool").or(front.text("command_tool"));
    Ok(Skill {
        description: one_line(description),
        file: file.to_owned(),
        origin,
        key: metadata.skill_key.clone().unwrap_or_else(|| name.clone()),
        is_command: front.flag("user-invocable").unwrap_or(true),
        is_listed: !front.flag("disable-model-invocation").unwrap_or(false),
        tool: tool.filter(|_| dispatch == Some("tool")).map(str::to_owned),
        metadata,
        name: one_line(&name),
    })
}

/// A text on one line, without what cannot be seen: in a list, a line break would look like another entry.
fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    invisible::strip(&words.join(" "))
}

#[cfg(test)]
mod tests;
