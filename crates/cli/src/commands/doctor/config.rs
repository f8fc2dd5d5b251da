//! The configuration: whether it can be used, and what in it has no effect.

use moltbot_config::schema::unbuilt;
use moltbot_config::{Environment, LoadError, Snapshot};

use super::check::Check;

/// Findings about a valid configuration.
pub(super) fn valid(snapshot: &Snapshot) -> Vec<Check> {
    let path = snapshot.environment.shown(&snapshot.path);
    let file = match (snapshot.exists, snapshot.includes.len()) {
        (false, _) => Check::ok(
            "config.file",
            "file",
            format!("{path} does not exist yet; everything is at its default"),
        ),
        (true, 0) => Check::ok("config.file", "file", format!("{path} is valid")),
        (true, count) => Check::ok(
            "config.file",
            "file",
            format!("{path} is valid, with {count} included"),
        ),
    };
    let warnings = snapshot
        .warnings
        .iter()
        .map(|text| Check::warn("config.warning", "warning", text));
    let mut checks: Vec<Check> = std::iter::once(file).chain(warnings).collect();
    let unbuilt = unbuilt(&snapshot.value);
    if !unbuilt.is_empty() {
        checks.push(Check::warn(
            "config.unbuilt",
            "no effect",
            format!(
                "valid, but this version does not act on them yet: {}",
                unbuilt.join(", ")
            ),
        ));
    }
    checks
}

/// Findings about a configuration that cannot be used: everything that is wrong with it.
pub(super) fn invalid(error: &LoadError, environment: &Environment) -> Vec<Check> {
    let path = environment.shown(error.path());
    let file = Check::fail("config.file", "file", format!("{path} cannot be used"))
        .remedy("correct the lines below; moltbot config validate checks them again");
    let issues = error
        .issues()
        .iter()
        .map(|issue| Check::fail("config.issue", "issue", issue.to_string()));
    std::iter::once(file).chain(issues).collect()
}
