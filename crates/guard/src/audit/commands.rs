//! Commands that people give in chats, and who may give them.

use moltbot_config::schema::Id;
use moltbot_config::schema::channels::GroupPolicy;
use serde_json::{Map, Value};

use super::channels::{Account, accounts, names};
use super::facts::Facts;
use super::finding::Finding;

/// Who may give commands.
pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let accounts = accounts(facts);
    let found = accounts.iter().filter_map(|account| match account.channel {
        "discord" => discord(account, facts),
        "slack" => slack(account, facts),
        "telegram" => telegram(account, facts),
        _ => None,
    });
    found.collect()
}

/// `commands.useAccessGroups`: only people on a list may give commands.
fn needs_list(facts: &Facts) -> bool {
    let commands = facts.config.commands.as_ref();
    commands.and_then(|commands| commands.use_access_groups) != Some(false)
}

/// Whether the channel's own menu is on: `key` is `native` or `nativeSkills`, `auto` what that means here.
fn menu(account: &Account<'_>, facts: &Facts, key: &str, auto: bool) -> bool {
    let own: Option<Value> = account.settings.nested("commands").read(key);
    let shared = facts
        .value
        .get("commands")
        .and_then(|all| all.get(key))
        .cloned();
    own.or(shared)
        .and_then(|value| value.as_bool())
        .unwrap_or(auto)
}

/// Whether any of these blocks, or what is inside them under `inside`, names people under `key`.
fn any_names(blocks: &Map<String, Value>, key: &str, inside: &str) -> bool {
    let has = |block: &Value| {
        let list: Option<Vec<Id>> = block
            .get(key)
            .and_then(|list| serde_json::from_value(list.clone()).ok());
        !names(list).is_empty()
    };
    blocks.values().any(|block| {
        let within = block.get(inside).and_then(Value::as_object);
        has(block) || within.into_iter().flatten().any(|(_, block)| has(block))
    })
}

fn discord(account: &Account<'_>, facts: &Facts) -> Option<Finding> {
    if !menu(account, facts, "native", true) && !menu(account, facts, "nativeSkills", true) {
        return None;
    }
    let guilds: Map<String, Value> = account.settings.read("guilds").unwrap_or_default();
    if guilds.is_empty() || account.group_policy(&facts.value) == GroupPolicy::Disabled {
        return None;
    }
    if any_names(&guilds, "users", "channels") {
        return None;
    }
    let key = &account.key;
    if !needs_list(facts) {
        let finding = Finding::critical(
            "channels.discord.commands.native.unrestricted",
            "Everybody on the servers may give commands",
            format!("commands.useAccessGroups is false, and {key}.guilds names no users."),
        );
        return Some(finding.fix("set commands.useAccessGroups to true, or name the users"));
    }
    let has_owner = !account.people().is_empty() || !account.paired.is_empty();
    (!has_owner).then(|| {
        let finding = Finding::warn(
            "channels.discord.commands.native.no_allowlists",
            "Nobody may give commands",
            format!("{key}: the menu of commands is on, and neither dm.allowFrom, a pairing nor the guilds' users name anybody."),
        );
        finding.fix(format!("add yourself to {key}.dm.allowFrom, or be paired"))
    })
}

fn slack(account: &Account<'_>, facts: &Facts) -> Option<Finding> {
    let slash = account.settings.nested("slashCommand").read("enabled") == Some(true);
    let is_on = slash
        || menu(account, facts, "native", false)
        || menu(account, facts, "nativeSkills", false);
    if !is_on {
        return None;
    }
    let key = &account.key;
    if !needs_list(facts) {
        let finding = Finding::critical(
            "channels.slack.commands.slash.useAccessGroups_off",
            "Everybody in the workspace may give commands",
            format!("{key}: commands are on, and commands.useAccessGroups is false."),
        );
        return Some(finding.fix("set commands.useAccessGroups to true"));
    }
    let channels: Map<String, Value> = account.settings.read("channels").unwrap_or_default();
    let has_owner = !account.people().is_empty() || !account.paired.is_empty();
    (!has_owner && !any_names(&channels, "users", "")).then(|| {
        let finding = Finding::warn(
            "channels.slack.commands.slash.no_allowlists",
            "Nobody may give commands",
            format!("{key}: commands are on, and neither dm.allowFrom, a pairing nor the channels' users name anybody."),
        );
        finding.fix("moltbot pairing approve slack CODE, or name the users")
    })
}

fn telegram(account: &Account<'_>, facts: &Facts) -> Option<Finding> {
    let commands = facts.config.commands.as_ref();
    if commands.and_then(|commands| commands.text) == Some(false) {
        return None;
    }
    let groups: Map<String, Value> = account.settings.read("groups").unwrap_or_default();
    let is_reachable = match account.group_policy(&facts.value) {
        GroupPolicy::Open => true,
        GroupPolicy::Allowlist => !groups.is_empty(),
        GroupPolicy::Disabled => false,
    };
    if !is_reachable {
        return None;
    }
    let key = &account.key;
    let listed = names(account.settings.read("groupAllowFrom"));
    if listed.iter().any(|name| name == "*") {
        let finding = Finding::critical(
            "channels.telegram.groups.allowFrom.wildcard",
            "Everybody in a group may give commands",
            format!("{key}.groupAllowFrom holds \"*\"."),
        );
        return Some(finding.fix("name the people by their ids"));
    }
    let has_names = !listed.is_empty()
        || !account.paired.is_empty()
        || any_names(&groups, "allowFrom", "topics");
    (!has_names).then(|| {
        let finding = Finding::critical(
            "channels.telegram.groups.allowFrom.missing",
            "Groups are reachable, and no senders are named",
            format!("{key}: groups are answered, and neither groupAllowFrom, a pairing nor the groups name anybody."),
        );
        finding.fix(format!("moltbot pairing approve telegram CODE, or name the people in {key}.groupAllowFrom"))
    })
}
