//! Groups that anybody may join in.

use std::collections::BTreeMap;

use moltbot_config::schema::channels::GroupPolicy;

use super::channels::{Account, accounts};
use super::facts::Facts;
use super::finding::Finding;
use super::tools::is_elevated_on;

/// Groups that anybody may join in.
pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let accounts = accounts(facts);
    let open: Vec<&Account<'_>> = accounts
        .iter()
        .filter(|account| account.group_policy(&facts.value) == GroupPolicy::Open)
        .collect();
    let mut found = Vec::new();
    if !open.is_empty() && is_elevated_on(facts) {
        let keys: Vec<&str> = open.iter().map(|account| account.key.as_str()).collect();
        let finding = Finding::critical(
            "security.exposure.open_groups_with_elevated",
            "Anybody in a group can reach tools outside the sandbox",
            format!(
                "groupPolicy is open for {}, and tools.elevated is not switched off.",
                keys.join(", ")
            ),
        );
        found.push(
            finding.fix("set groupPolicy to \"allowlist\", and tools.elevated.enabled to false"),
        );
    }
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    for account in open {
        let number = count.entry(account.channel).or_default();
        *number += 1;
        let finding = Finding::critical(
            format!("channels.{}.warning.{number}", account.channel),
            "Groups are open to everybody",
            format!(
                "{}: groupPolicy is open, so anybody in any group commands the agent.",
                account.key
            ),
        );
        found.push(finding.fix("set groupPolicy to \"allowlist\" and list the groups and people"));
    }
    found
}
