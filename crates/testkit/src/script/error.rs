//! Why a script's text could not be used.

use std::path::PathBuf;

use crate::capture::CaptureError;

/// Why a script could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// The file could not be read.
    #[error("The script {} could not be read: {source}; check the path.", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A line is not what a script may say there.
    #[error("Line {line}: {problem}")]
    Line {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: Problem,
    },
    /// The recorded reply of a rule could not be loaded.
    #[error("Line {line}: {source}")]
    Fixture {
        /// Where the rule begins, from 1.
        line: usize,
        /// Why.
        source: CaptureError,
    },
}

impl ScriptError {
    /// The line that is wrong, from 1; `None` when the file could not be read at all.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        match self {
            Self::Unreadable { .. } => None,
            Self::Line { line, .. } | Self::Fixture { line, .. } => Some(*line),
        }
    }
}

/// What is wrong with a line of a script.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A line at the margin begins no rule.
    #[error(
        "a rule begins with a method in capitals, or with `any`, and then a path, such as POST /v1/chat/completions; {0:?} is none."
    )]
    NotARule(String),
    /// An indented line stands before the first rule.
    #[error("an indented line belongs to the rule above it, and there is none yet.")]
    OutsideARule,
    /// A word that scripts do not know.
    #[error("{0:?} is no word of a script here.")]
    UnknownWord(String),
    /// Something must follow a word, and nothing does.
    #[error("{word:?} needs {what} behind it.")]
    Missing {
        /// The word.
        word: String,
        /// What it needs.
        what: &'static str,
    },
    /// More follows than the line may hold.
    #[error("nothing may follow here, but {0:?} does.")]
    Surplus(String),
    /// No number, or one out of its range.
    #[error("{word:?} takes {range}, not {found:?}.")]
    Number {
        /// The word.
        word: String,
        /// What it takes.
        range: &'static str,
        /// What was found.
        found: String,
    },
    /// No JSON, or not of the kind that is needed.
    #[error("{word:?} takes {what}: {reason}.")]
    Json {
        /// The word.
        word: String,
        /// What it takes.
        what: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// No JSON pointer.
    #[error("{0:?} is no JSON pointer; one begins with / as in /messages/0/role.")]
    Pointer(String),
    /// No header line.
    #[error("{0:?} is no header; write NAME: VALUE.")]
    Header(String),
    /// A rule answers in two ways.
    #[error("the rule answers with `{first}` already; `{second}` cannot stand beside it.")]
    SecondAnswer {
        /// How it answers.
        first: &'static str,
        /// The word that came then.
        second: String,
    },
    /// A word that belongs to an answer stands elsewhere.
    #[error("{0:?} belongs to an answer; write `answer` above it.")]
    NoAnswer(String),
    /// A rule does not say what to answer.
    #[error(
        "the rule says nothing to answer; give it `answer`, `json`, `fixture`, `status` or the like."
    )]
    Empty,
}
