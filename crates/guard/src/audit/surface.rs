//! How much there is that others could reach.

use moltbot_config::schema::channels::GroupPolicy;

use super::channels::accounts;
use super::facts::Facts;
use super::finding::Finding;
use super::tools::is_elevated_on;

/// Always one finding: what is on.
pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let accounts = accounts(facts);
    let count = |policy| {
        let of = accounts
            .iter()
            .filter(|account| account.group_policy(&facts.value) == policy);
        of.count()
    };
    let on = |is_on: bool| if is_on { "on" } else { "off" };
    let config = &facts.config;
    let hooks = config.hooks.as_ref().and_then(|hooks| hooks.enabled) == Some(true);
    let browser = config.browser.as_ref();
    let browser = browser.is_some_and(|browser| browser.enabled != Some(false));
    let servers = config
        .mcp_servers()
        .values()
        .filter(|server| server.enabled())
        .count();
    vec![Finding::info(
        "summary.attack_surface",
        "What others could reach",
        format!(
            "groups: {} open, {} by list; tools.elevated: {}; hooks: {}; browser: {}; MCP servers: {servers}",
            count(GroupPolicy::Open),
            count(GroupPolicy::Allowlist),
            on(is_elevated_on(facts)),
            on(hooks),
            on(browser),
        ),
    )]
}
