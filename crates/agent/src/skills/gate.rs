//! Whether a skill is offered. The first rule that it fails decides.

use std::path::Path;

use serde_json::Value;

use super::Skill;
use super::settings::{SkillOrigin, SkillSettings};

/// This system, as skills name it.
const PLATFORM: &str = if cfg!(target_os = "macos") {
    "darwin"
} else if cfg!(windows) {
    "win32"
} else {
    "linux"
};

/// Config keys that count as set where they are not.
const ON_BY_DEFAULT: [&str; 2] = ["browser.enabled", "browser.evaluateEnabled"];

/// What keeps a skill from being offered, if anything does.
pub(super) fn obstacle(skill: &Skill, settings: &SkillSettings) -> Option<String> {
    let entry = settings.entries.get(&skill.key);
    if entry.and_then(|entry| entry.enabled) == Some(false) {
        return Some(format!("skills.entries.{}.enabled is false", skill.key));
    }
    let allowed = &settings.allow_bundled;
    if skill.origin == SkillOrigin::Bundled
        && !allowed.is_empty()
        && !allowed.contains(&skill.key)
        && !allowed.contains(&skill.name)
    {
        return Some("skills.allowBundled does not name it".to_owned());
    }
    let metadata = &skill.metadata;
    if !metadata.os.is_empty() && !metadata.os.iter().any(|os| os == PLATFORM) {
        return Some(format!("it is for {} only", metadata.os.join(", ")));
    }
    if !metadata.always {
        let has_program = |name: &String| is_on_path(name, settings);
        if let Some(missing) = metadata.bins.iter().find(|name| !has_program(name)) {
            return Some(format!("the program \"{missing}\" is not on the PATH"));
        }
        let any = &metadata.any_bins;
        if !any.is_empty() && !any.iter().any(has_program) {
            return Some(format!(
                "none of the programs {} is on the PATH",
                any.join(", ")
            ));
        }
        let is_set = |name: &str| {
            let own = entry.and_then(|entry| entry.env.as_ref()?.get(name));
            let key = entry
                .filter(|_| metadata.primary_env.as_deref() == Some(name))
                .and_then(|entry| entry.api_key.as_ref());
            let is_full =
                |value: Option<&String>| value.is_some_and(|text| !text.trim().is_empty());
            settings.has_variable(name) || is_full(own) || is_full(key)
        };
        if let Some(missing) = metadata.env.iter().find(|name| !is_set(name)) {
            return Some(format!(
                "{missing} is not set; set it in skills.entries.{}.env",
                skill.key
            ));
        }
        if let Some(missing) = metadata
            .config
            .iter()
            .find(|path| !is_truthy(&settings.config, path))
        {
            return Some(format!("{missing} is not set in the configuration"));
        }
    }
    let only = settings.only.as_ref()?;
    (!only.contains(&skill.name)).then(|| "this conversation does not admit it".to_owned())
}

fn is_on_path(program: &str, settings: &SkillSettings) -> bool {
    let Some(path) = settings.variables.get("PATH") else {
        return false;
    };
    let endings: &[&str] = if cfg!(windows) {
        &["", ".exe", ".cmd", ".bat"]
    } else {
        &[""]
    };
    std::env::split_paths(path).any(|dir| {
        let mut names = endings.iter().map(|ending| format!("{program}{ending}"));
        names.any(|name| is_executable(&dir.join(name)))
    })
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata()
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(path: &Path) -> bool {
    path.is_file()
}

/// Whether a config value is there and neither `false`, 0 nor blank.
fn is_truthy(config: &Value, path: &str) -> bool {
    let found = path.split('.').try_fold(config, |at, key| at.get(key));
    match found {
        None | Some(Value::Null) => ON_BY_DEFAULT.contains(&path),
        Some(Value::Bool(flag)) => *flag,
        Some(Value::Number(number)) => number.as_f64() != Some(0.0),
        Some(Value::String(text)) => !text.trim().is_empty(),
        Some(Value::Array(_) | Value::Object(_)) => true,
    }
}
