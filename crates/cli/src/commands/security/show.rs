//! The audit as text.

use moltbot_guard::audit::{Finding, Fixed, Searched, Severity, Summary};

use super::NO_GATEWAY;
use crate::exit::Exit;
use crate::output;

/// What was found, the gravest first.
pub(super) fn report(findings: &[Finding], searched: Option<&Searched>) -> Result<(), Exit> {
    let Summary {
        critical,
        warn,
        info,
    } = Summary::of(findings);
    output::line(output::styled(output::BOLD, "Moltbot security audit"))?;
    output::line(format!(
        "Summary: {critical} critical · {warn} warn · {info} info"
    ))?;
    match searched {
        None => output::line("Run deeper: moltbot security audit --deep")?,
        Some(searched) => {
            output::line(format!("Gateway probe: not attempted, {NO_GATEWAY}."))?;
            let more = match searched.truncated {
                true => " (there are more)",
                false => "",
            };
            let files = searched.files;
            output::line(format!("Searched for secrets: {files} files{more}."))?;
        }
    }
    for (severity, heading, style) in [
        (Severity::Critical, "CRITICAL", output::BAD),
        (Severity::Warn, "WARN", output::WARN),
        (Severity::Info, "INFO", output::DIM),
    ] {
        let mut of = findings.iter().filter(|one| one.severity == severity);
        let Some(first) = of.next() else { continue };
        output::line("")?;
        output::line(output::styled(style, heading))?;
        for finding in std::iter::once(first).chain(of) {
            one(finding)?;
        }
    }
    Ok(())
}

fn one(finding: &Finding) -> Result<(), Exit> {
    let shown = |text: &str| output::plain(text).replace('\n', " ");
    output::line(format!(
        "{} {}",
        shown(&finding.check_id),
        shown(&finding.title)
    ))?;
    output::line(format!("  {}", shown(&finding.detail)))?;
    match &finding.remediation {
        Some(fix) => output::line(format!("  Fix: {}", shown(fix))),
        None => Ok(()),
    }
}

/// What was put right.
pub(super) fn fixed(fixed: &Fixed) -> Result<(), Exit> {
    output::line(output::styled(output::BOLD, "Fix"))?;
    for change in &fixed.changes {
        output::line(format!("  {}", output::plain(change)))?;
    }
    for action in &fixed.actions {
        let (mode, path) = (action.mode, action.path.display());
        match (action.skipped, &action.error) {
            // What is not there needs nothing.
            (Some("missing"), _) => {}
            (Some(reason), _) => {
                output::line(format!("  skip chmod {mode:03o} {path} ({reason})"))?
            }
            // Among the errors.
            (None, Some(_)) => {}
            (None, None) => output::line(format!("  chmod {mode:03o} {path}"))?,
        }
    }
    for error in &fixed.errors {
        let error = format!("  failed: {}", output::plain(error));
        output::line(output::styled(output::BAD, error))?;
    }
    output::line("")
}
