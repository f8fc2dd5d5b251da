//! One thing that is wrong with the owner's configuration, and where.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use crate::key_path::KeyPath;
use crate::spanned::Origin;

/// One problem in the configuration, told so that the owner can find and fix it.
///
/// `Display` gives one sentence:
/// `~/.clawdbot/moltbot.json:12:9: models.providers.lab.baseURL: unknown key; did you mean "baseUrl"?`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Issue {
    /// Dotted path of the key, as `config set` reads it; empty for the document itself.
    pub path: String,
    /// What is wrong, in words.
    pub message: String,
    /// What would have been right, in words, where that can be said.
    pub expected: Option<String>,
    /// The nearest known key or value, when one is near enough to be meant.
    pub suggestion: Option<String>,
    /// The file that holds the key: the main file or an included one.
    pub file: PathBuf,
    /// `file` as shown to the owner, with the home directory written `~`.
    pub shown_file: String,
    /// Line in `file`, from 1; 0 when the problem is the file as a whole.
    pub line: usize,
    /// Column in characters, from 1; 0 when the problem is the file as a whole.
    pub column: usize,
}

impl Issue {
    /// A problem with what stands at `origin`.
    pub(crate) fn at(origin: &Origin, path: &KeyPath, message: impl Into<String>) -> Self {
        Self {
            path: path.to_string(),
            message: message.into(),
            expected: None,
            suggestion: None,
            file: origin.file.path.clone(),
            shown_file: origin.file.shown.clone(),
            line: origin.line,
            column: origin.column,
        }
    }

    /// Says what would have been right.
    pub(crate) fn expecting(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    /// Offers the nearest known name, if there is one.
    pub(crate) fn suggesting(mut self, suggestion: Option<String>) -> Self {
        self.suggestion = suggestion;
        self
    }

    /// The path, or `<root>` for the document itself.
    pub fn shown_path(&self) -> &str {
        if self.path.is_empty() {
            "<root>"
        } else {
            &self.path
        }
    }

    /// The message with its suggestion, without file and path.
    pub fn sentence(&self) -> String {
        match &self.suggestion {
            Some(suggestion) => {
                let message = self.message.trim_end_matches('.');
                format!("{message}; did you mean \"{suggestion}\"?")
            }
            None => self.message.clone(),
        }
    }
}

impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown_file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        f.write_str(": ")?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.sentence())
    }
}

/// Orders issues as the owner reads: the main file first, then the others, each from top to bottom.
pub(crate) fn sort_for_reading(issues: &mut [Issue], main_file: &std::path::Path) {
    issues.sort_by(|a, b| {
        (a.file != main_file)
            .cmp(&(b.file != main_file))
            .then_with(|| a.file.cmp(&b.file))
            .then_with(|| (a.line, a.column).cmp(&(b.line, b.column)))
    });
}
