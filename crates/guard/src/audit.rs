//! `moltbot security audit`: what in the owner's settings and files makes it easier to be harmed.
//!
//! [`Facts`] are gathered first; [`audit`] then looks at nothing else. The ids, and how grave each is, are those of the
//! original where it has the same check ([`CHECKS`] lists all). What the original checks of parts that this version does
//! not have yet (gateway, channels, hooks, browser, plugins) is judged by the settings: the file is valid here, and another
//! program may act on it. Without a `gateway` block none is judged.
//!
//! Left out of the original's: `gateway.probe_failed` (there is no gateway to probe).

mod agents;
mod browser;
mod catalog;
mod channels;
mod commands;
mod facts;
mod files;
mod finding;
mod fix;
mod gateway;
mod groups;
mod hooks;
mod models;
mod permissions;
mod search;
mod secrets;
mod surface;
#[cfg(test)]
mod tests;
mod tools;

pub use agents::{ACTING_TOOLS, AgentFacts, WEB_TOOLS};
pub use catalog::{CHECKS, Check};
pub use facts::{Facts, SandboxFacts};
pub use files::{FileFact, FileKind};
pub use finding::{Finding, Severity, Summary};
pub use fix::{Action, Fixed, fix};
pub use search::{Searched, search_for_secrets};

/// Everything that was found, in a fixed order.
pub fn audit(facts: &Facts) -> Vec<Finding> {
    let checks: [fn(&Facts) -> Vec<Finding>; 12] = [
        surface::check,
        files::check_synced,
        gateway::check,
        browser::check,
        tools::check,
        hooks::check,
        secrets::check,
        models::check,
        groups::check,
        files::check,
        channels::check,
        commands::check,
    ];
    checks.iter().flat_map(|check| check(facts)).collect()
}
