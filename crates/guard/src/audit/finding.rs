//! One thing that was found.

use serde::Serialize;

/// How grave it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Others can take over, as it stands.
    Critical,
    /// It makes harm easier.
    Warn,
    /// To know.
    Info,
}

/// One thing that was found. The names of its fields in JSON are the original's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// Which check found it, see [`super::CHECKS`].
    pub check_id: String,
    /// How grave it is.
    pub severity: Severity,
    /// What it is, in a few words.
    pub title: String,
    /// What was seen, and what may come of it.
    pub detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remediation: Option<String>,
}

impl Finding {
    fn new(
        severity: Severity,
        id: impl Into<String>,
        title: impl Into<String>,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            check_id: id.into(),
            severity,
            title: title.into(),
            detail: detail.into(),
            remediation: None,
        }
    }

    pub(super) fn critical(
        id: impl Into<String>,
        title: impl Into<String>,
        detail: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Critical, id, title, detail)
    }

    pub(super) fn warn(
        id: impl Into<String>,
        title: impl Into<String>,
        detail: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Warn, id, title, detail)
    }

    pub(super) fn info(
        id: impl Into<String>,
        title: impl Into<String>,
        detail: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Info, id, title, detail)
    }

    /// Another severity.
    pub(super) fn at(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// With what to do about it.
    pub(super) fn fix(mut self, remediation: impl Into<String>) -> Self {
        self.remediation = Some(remediation.into());
        self
    }
}

/// How many were found of each severity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Critical ones.
    pub critical: usize,
    /// Warnings.
    pub warn: usize,
    /// Things to know.
    pub info: usize,
}

impl Summary {
    /// Counts findings.
    pub fn of(findings: &[Finding]) -> Self {
        let count = |severity| {
            findings
                .iter()
                .filter(|one| one.severity == severity)
                .count()
        };
        Self {
            critical: count(Severity::Critical),
            warn: count(Severity::Warn),
            info: count(Severity::Info),
        }
    }
}
