//! What a skill says of itself for programs: `metadata.moltbot` of its front matter.

use serde_json::Value;

use super::front_matter::FrontMatter;

/// The names under which it stands, the newer first.
const NAMES: [&str; 2] = ["moltbot", "clawdbot"];

/// What a skill demands, and under which names the owner sets it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Metadata {
    /// Offered whatever it demands.
    pub(super) always: bool,
    /// Its name in `skills.entries`.
    pub(super) skill_key: Option<String>,
    /// The environment variable that `apiKey` of its entry stands for.
    pub(super) primary_env: Option<String>,
    /// The systems that it runs on; empty means all.
    pub(super) os: Vec<String>,
    /// Programs that must all be there.
    pub(super) bins: Vec<String>,
    /// Programs of which one must be there.
    pub(super) any_bins: Vec<String>,
    /// Environment variables that must be set.
    pub(super) env: Vec<String>,
    /// Config keys that must be set.
    pub(super) config: Vec<String>,
}

impl Metadata {
    /// Reads it; what is not understood is not there.
    pub(super) fn from_front(front: &FrontMatter) -> Self {
        let Some(all) = front.nested("metadata") else {
            return Self::default();
        };
        let Some(own) = NAMES.iter().find_map(|name| all.get(name)) else {
            return Self::default();
        };
        let none = Value::Null;
        let requires = own.get("requires").unwrap_or(&none);
        Self {
            always: flag(own.get("always")),
            skill_key: text(own.get("skillKey")),
            primary_env: text(own.get("primaryEnv")),
            os: list(own.get("os")),
            bins: list(requires.get("bins")),
            any_bins: list(requires.get("anyBins")),
            env: list(requires.get("env")),
            config: list(requires.get("config")),
        }
    }
}

fn flag(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Bool(flag)) => *flag,
        // YAML values are read as texts.
        Some(Value::String(text)) => text == "true",
        _ => false,
    }
}

fn text(value: Option<&Value>) -> Option<String> {
    let text = value?.as_str()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// A list, or texts with commas between.
fn list(value: Option<&Value>) -> Vec<String> {
    let texts: Vec<&str> = match value {
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(text)) => text.split(',').collect(),
        _ => Vec::new(),
    };
    let texts = texts.into_iter().map(str::trim);
    texts
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
        .collect()
}
