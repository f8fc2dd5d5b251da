//! One finding, and how findings are printed.

use anstyle::Style;
use serde::Serialize;

use crate::exit::Exit;
use crate::output;

/// How it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    /// Nothing to do.
    Ok,
    /// Works, with something to know.
    Warn,
    /// Does not work.
    Fail,
}

/// One finding.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Check {
    /// A stable name, such as `models.server.lmstudio`; the part before the first dot is its section.
    pub(super) id: String,
    /// How it stands.
    pub(super) status: Status,
    /// What was looked at.
    pub(super) title: String,
    /// What was found.
    pub(super) detail: String,
    /// What to do about it.
    pub(super) remedy: Option<String>,
}

impl Check {
    fn new(status: Status, id: &str, title: &str, detail: impl Into<String>) -> Self {
        Self {
            id: id.to_owned(),
            status,
            title: title.to_owned(),
            detail: detail.into(),
            remedy: None,
        }
    }

    /// Something that works.
    pub(super) fn ok(id: &str, title: &str, detail: impl Into<String>) -> Self {
        Self::new(Status::Ok, id, title, detail)
    }

    /// Something to know.
    pub(super) fn warn(id: &str, title: &str, detail: impl Into<String>) -> Self {
        Self::new(Status::Warn, id, title, detail)
    }

    /// Something that does not work.
    pub(super) fn fail(id: &str, title: &str, detail: impl Into<String>) -> Self {
        Self::new(Status::Fail, id, title, detail)
    }

    /// With what to do about it.
    pub(super) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// No worse than a warning: for what a turn does not depend on.
    pub(super) fn at_most_warn(mut self) -> Self {
        if self.status == Status::Fail {
            self.status = Status::Warn;
        }
        self
    }

    fn section(&self) -> &str {
        self.id.split('.').next().unwrap_or_default()
    }
}

/// Prints findings under the names of their sections, and one line that sums them up.
pub(super) fn print(checks: &[Check]) -> Result<(), Exit> {
    for section in checks.chunk_by(|a, b| a.section() == b.section()) {
        let name = section.first().map_or("", Check::section);
        output::line(output::styled(output::BOLD, capitalised(name)))?;
        let width = section
            .iter()
            .map(|check| check.title.chars().count())
            .max()
            .unwrap_or_default();
        for check in section {
            print_one(check, width)?;
        }
    }
    let count = |status| checks.iter().filter(|check| check.status == status).count();
    output::line("")?;
    output::line(match (count(Status::Fail), count(Status::Warn)) {
        (0, 0) => "Everything is in order.".to_owned(),
        (0, warnings) => format!("It works; {}.", counted(warnings, "warning")),
        (failures, 0) => format!("{}.", counted(failures, "problem")),
        (failures, warnings) => {
            format!(
                "{}, {}.",
                counted(failures, "problem"),
                counted(warnings, "warning")
            )
        }
    })
}

fn print_one(check: &Check, width: usize) -> Result<(), Exit> {
    let (word, style): (&str, Style) = match check.status {
        Status::Ok => ("ok", output::GOOD),
        Status::Warn => ("warn", output::WARN),
        Status::Fail => ("fail", output::BAD),
    };
    let word = output::styled(style, format_args!("{word:4}"));
    output::line(format_args!(
        "  {word}  {:width$}  {}",
        check.title, check.detail
    ))?;
    match &check.remedy {
        Some(remedy) => output::line(format_args!("        {:width$}  -> {remedy}", "")),
        None => Ok(()),
    }
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .map(|first| first.to_ascii_uppercase())
        .into_iter()
        .chain(letters)
        .collect()
}

fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    }
}
