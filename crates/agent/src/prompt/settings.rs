//! The owner's settings for prompts.

use moltbot_config::{Snapshot, schema};

use super::PromptProfile;
use crate::skills::SkillSettings;
use crate::stamp::Stamp;

/// What a prompt is made of, beside the model, the workspace and the tools.
#[derive(Debug, Clone)]
pub struct PromptSettings {
    /// How much is said; `None` goes by the model.
    pub profile: Option<PromptProfile>,
    /// Whether a workspace gets the files that it begins with.
    pub creates_files: bool,
    /// Most characters of each workspace file.
    pub file_chars: usize,
    /// How messages are stamped.
    pub stamp: Stamp,
    /// Short names of models, each with what it stands for, sorted.
    pub aliases: Vec<(String, String)>,
    /// Where skills are, and which.
    pub skills: SkillSettings,
    /// What a sub-agent is told of its task; `None` for an agent that talks with people.
    pub brief: Option<String>,
}

impl Default for PromptSettings {
    /// Nothing is created, no skills, stamps in UTC.
    fn default() -> Self {
        Self {
            profile: None,
            creates_files: false,
            file_chars: FILE_CHARS,
            stamp: Stamp::default(),
            aliases: Vec::new(),
            skills: SkillSettings::default(),
            brief: None,
        }
    }
}

/// Most characters of each workspace file where the owner says nothing.
const FILE_CHARS: usize = 20_000;

impl PromptSettings {
    /// The owner's settings for an agent, and what the owner should know of them.
    pub fn from_snapshot(snapshot: &Snapshot, agent_id: &str) -> (Self, Vec<String>) {
        let agents = snapshot.config.agents();
        let defaults = agents.defaults();
        let (stamp, notice) = Stamp::from_config(defaults, &snapshot.environment);
        let models = defaults.models.iter().flatten();
        let mut aliases: Vec<(String, String)> = models
            .filter_map(|(model, entry)| {
                let alias = entry.alias.as_deref()?.trim();
                (!alias.is_empty()).then(|| (alias.to_owned(), model.clone()))
            })
            .collect();
        aliases.sort();
        let settings = Self {
            profile: match agents.prompt_profile(agent_id) {
                schema::PromptProfile::Auto => None,
                schema::PromptProfile::Full => Some(PromptProfile::Full),
                schema::PromptProfile::Lean => Some(PromptProfile::Lean),
                schema::PromptProfile::None => Some(PromptProfile::None),
            },
            creates_files: defaults.skip_bootstrap != Some(true),
            file_chars: usize::try_from(defaults.bootstrap_max_chars()).unwrap_or(usize::MAX),
            stamp,
            aliases,
            skills: SkillSettings::from_snapshot(snapshot, &snapshot.workspace(agent_id)),
            brief: None,
        };
        (settings, notice.into_iter().collect())
    }

    /// The same for a sub-agent with this task: it gets the rules and the notes about tools, but neither persona nor
    /// memories nor skills.
    #[must_use]
    pub fn for_sub_agent(mut self, brief: impl Into<String>) -> Self {
        self.brief = Some(brief.into());
        self
    }
}
