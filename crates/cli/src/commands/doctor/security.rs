//! What the security audit finds, in short.

use moltbot_guard::audit::{Severity, audit};

use super::check::Check;
use crate::app::App;
use crate::commands::security::facts;
use crate::exit::Exit;

/// What is critical, and the warnings. No turn depends on any of it.
pub(super) fn check(app: &App) -> Result<Vec<Check>, Exit> {
    let mut findings = audit(&facts(app)?);
    findings.retain(|finding| finding.severity != Severity::Info);
    findings.sort_by_key(|finding| finding.severity);
    let checks = findings.into_iter().map(|finding| {
        let title = match finding.severity {
            Severity::Critical => "critical",
            Severity::Warn | Severity::Info => "warning",
        };
        let id = format!("security.{}", finding.check_id);
        let detail = format!("{} ({})", finding.title, finding.check_id);
        Check::warn(&id, title, detail)
    });
    let mut checks: Vec<Check> = checks.collect();
    Ok(match checks.pop() {
        Some(last) => {
            checks.push(last.remedy("moltbot security audit"));
            checks
        }
        None => vec![Check::ok(
            "security.audit",
            "audit",
            "nothing critical, no warnings",
        )],
    })
}
