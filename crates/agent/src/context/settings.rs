//! The owner's settings for keeping a conversation within the context window.

use std::path::PathBuf;

use moltbot_config::schema::{Compaction, CompactionMode, ContextPruning};

/// How long conversations are kept within the context window.
#[derive(Debug, Clone)]
pub struct ContextSettings {
    /// `compaction.reserveTokensFloor`: tokens kept free for the answer, but never more than a quarter of the window.
    pub reserve_tokens: u64,
    /// `compaction.maxHistoryShare`: the largest share of the room for messages that a summary leaves to the newest.
    pub history_share: f64,
    /// `compaction.mode`: whether a summary may take two model calls and lists touched files and failed tools.
    pub thorough: bool,
    /// `contextPruning.keepLastAssistants`: the results of so many newest answers are not cleared.
    pub keep_last_assistants: usize,
    /// `contextPruning.tools`: whose results may be cleared or cut. Empty means all.
    pub allow: Vec<String>,
    /// `contextPruning.tools`: whose results stay.
    pub deny: Vec<String>,
    /// `contextPruning.softTrim`: results longer than this are cut, in characters.
    pub trim_from: usize,
    /// Characters kept from the start.
    pub trim_head: usize,
    /// Characters kept from the end.
    pub trim_tail: usize,
    /// `contextPruning.hardClear.enabled`: whether old results give way to one line.
    pub clear: bool,
    /// `contextPruning.hardClear.placeholder`: that line; `None` for the built-in one.
    pub placeholder: Option<String>,
    /// The folder that holds the whole text of results that were cut, absolute. `None` keeps them in the transcript alone,
    /// where the agent cannot read them.
    pub results_dir: Option<PathBuf>,
    /// `compaction.memoryFlush`: how memory is written before old messages are shortened; `None` for not at all.
    pub memory_flush: Option<FlushSettings>,
}

/// How memory is written before old messages are shortened.
#[derive(Debug, Clone)]
pub struct FlushSettings {
    /// So many tokens before the limit it happens, but never more than an eighth of the window.
    pub soft_threshold_tokens: u64,
    /// What the agent is asked; `None` for the built-in text.
    pub prompt: Option<String>,
    /// Stands before that.
    pub system_prompt: Option<String>,
}

impl Default for ContextSettings {
    fn default() -> Self {
        Self::from_config(&Compaction::default(), &ContextPruning::default(), None)
    }
}

impl ContextSettings {
    /// From `agents.defaults.compaction` and `agents.defaults.contextPruning`.
    pub fn from_config(
        compaction: &Compaction,
        pruning: &ContextPruning,
        results_dir: Option<PathBuf>,
    ) -> Self {
        let tools = pruning.tools.clone().unwrap_or_default();
        let flush = compaction.memory_flush();
        let memory_flush = flush.enabled().then(|| FlushSettings {
            soft_threshold_tokens: flush.soft_threshold_tokens(),
            prompt: flush.prompt.clone(),
            system_prompt: flush.system_prompt.clone(),
        });
        let trim = pruning.soft_trim.clone().unwrap_or_default();
        let clear = pruning.hard_clear.clone().unwrap_or_default();
        let chars = |value: Option<u64>, default| {
            value.map_or(default, |n| usize::try_from(n).unwrap_or(usize::MAX))
        };
        Self {
            reserve_tokens: compaction.reserve_tokens_floor(),
            history_share: compaction.max_history_share(),
            thorough: compaction.mode() == CompactionMode::Safeguard,
            keep_last_assistants: pruning.keep_last_assistants.map_or(3, |n| n as usize),
            allow: tools.allow.unwrap_or_default(),
            deny: tools.deny.unwrap_or_default(),
            trim_from: chars(trim.max_chars, 4000),
            trim_head: chars(trim.head_chars, 1500),
            trim_tail: chars(trim.tail_chars, 1500),
            clear: clear.enabled.unwrap_or(true),
            placeholder: clear.placeholder,
            results_dir,
            memory_flush,
        }
    }

    /// Tokens that a prompt may have, of a window of so many.
    pub(crate) fn budget(&self, window: u64) -> u64 {
        window - self.reserve_tokens.min(window / 4)
    }

    /// Whether results of this tool may be shown in part.
    pub(crate) fn may_reduce(&self, tool: &str) -> bool {
        let any = |patterns: &[String]| patterns.iter().any(|pattern| matches(pattern, tool));
        (self.allow.is_empty() || any(&self.allow)) && !any(&self.deny)
    }
}

/// Whether a name fits a pattern in which `*` stands for any text. Upper and lower case are one.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.trim().to_lowercase(), name.to_lowercase());
    let mut pieces = pattern.split('*');
    let Some(mut rest) = pieces.next().and_then(|first| name.strip_prefix(first)) else {
        return false;
    };
    let mut pieces = pieces.peekable();
    if pieces.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            return rest.ends_with(piece);
        }
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_of_the_window_is_the_most_that_is_kept_free() {
        let settings = ContextSettings::default();
        for (window, budget) in [(0, 0), (4096, 3072), (80_000, 60_000), (200_000, 180_000)] {
            assert_eq!(settings.budget(window), budget);
        }
    }

    #[test]
    fn tools_are_named_with_stars() {
        for (pattern, name, fits) in [
            ("exec", "exec", true),
            ("exec", "exec2", false),
            ("*", "anything", true),
            ("web_*", "web_fetch", true),
            ("*image*", "Image", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-b", false),
            ("*b", "ab", true),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
        let settings = ContextSettings {
            allow: vec!["web_*".into()],
            deny: vec!["web_search".into()],
            ..ContextSettings::default()
        };
        let names = ["web_fetch", "web_search", "exec"].map(|name| settings.may_reduce(name));
        assert_eq!(names, [true, false, false]);
    }
}
