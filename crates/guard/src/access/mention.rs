//! Whether a message in a group speaks to the agent.

use regex::{Regex, RegexBuilder};

/// What a message mentions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Mention {
    /// Whether the agent is mentioned the way the channel marks mentions. `None` where the message mentions nobody this
    /// way, or the channel cannot tell.
    pub native: Option<bool>,
    /// Whether a pattern of the owner's was found in the text.
    pub by_pattern: bool,
    /// Whether it answers a message of the agent's.
    pub is_reply: bool,
    /// Whether there is any way to mention the agent here: native mentions, or patterns.
    pub can_be_told: bool,
}

impl Mention {
    /// Whether the agent is spoken to. Where the channel marks mentions and the message has one, only that counts.
    pub fn is_for_agent(self) -> bool {
        self.is_reply || self.native.unwrap_or(self.by_pattern)
    }

    /// Whether it speaks to somebody else by the channel's own marks.
    pub fn is_for_others(self) -> bool {
        self.native == Some(false)
    }
}

/// What counts as a mention in plain text.
#[derive(Debug, Clone, Default)]
pub struct MentionPatterns {
    patterns: Vec<Regex>,
}

impl MentionPatterns {
    /// From the owner's patterns: regular expressions, without regard to case. What is no such expression is left out and
    /// given back, for a warning.
    pub fn new(patterns: &[String]) -> (Self, Vec<String>) {
        let mut refused = Vec::new();
        let compiled = patterns.iter().filter_map(|pattern| {
            // JSON makes a backspace out of "\b", which nobody means.
            let text = pattern.replace('\u{8}', "\\b");
            let built = RegexBuilder::new(&text)
                .case_insensitive(true)
                .size_limit(1 << 20)
                .build();
            if built.is_err() {
                refused.push(pattern.clone());
            }
            built.ok()
        });
        let patterns = compiled.collect();
        (Self { patterns }, refused)
    }

    /// From an agent's identity: its name as a word, with or without `@`, and its emoji.
    pub fn from_identity(name: Option<&str>, emoji: Option<&str>) -> Self {
        let mut patterns = Vec::new();
        if let Some(name) = name.map(str::trim).filter(|name| !name.is_empty()) {
            let words: Vec<String> = name.split_whitespace().map(regex::escape).collect();
            patterns.push(format!(r"(^|\W)@?{}($|\W)", words.join(r"\s+")));
        }
        if let Some(emoji) = emoji.map(str::trim).filter(|emoji| !emoji.is_empty()) {
            patterns.push(regex::escape(emoji));
        }
        Self::new(&patterns).0
    }

    /// Whether nothing can match.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Whether a text mentions the agent. Characters that nobody sees are passed over.
    pub fn is_match(&self, text: &str) -> bool {
        let seen: String = text.chars().filter(|c| !is_invisible(*c)).collect();
        self.patterns.iter().any(|pattern| pattern.is_match(&seen))
    }
}

/// Zero-width and bidirectional marks.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{ad}')
}

/// Whether a session's own setting (`/activation mention|always`) asks for a mention; `None` where it says nothing.
pub fn activation(setting: Option<&str>) -> Option<bool> {
    match setting {
        Some("mention") => Some(true),
        Some("always") => Some(false),
        _ => None,
    }
}
