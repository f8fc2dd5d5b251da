//! `channels`: who may write to the agents directly.

use moltbot_config::schema::channels::{DmPolicy, GroupPolicy};
use moltbot_config::schema::{DmScope, Id};
use serde_json::Value;

use super::facts::Facts;
use super::finding::Finding;
use crate::access::Settings;

/// One account of a channel that is configured and not switched off.
pub(super) struct Account<'a> {
    /// The channel.
    pub(super) channel: &'a str,
    /// Where its block stands in the file: `channels.telegram`, `channels.telegram.accounts.work`.
    pub(super) key: String,
    /// What holds for it.
    pub(super) settings: Settings<'a>,
    /// Whom the owner let in on this channel by pairing.
    pub(super) paired: &'a [String],
}

impl Account<'_> {
    /// Who may write directly.
    fn direct(&self) -> DmPolicy {
        let dm = self.settings.nested("dm");
        if dm.read("enabled") == Some(false) {
            return DmPolicy::Disabled;
        }
        self.settings
            .read("dmPolicy")
            .or_else(|| dm.read("policy"))
            .unwrap_or(DmPolicy::Pairing)
    }

    /// Those named in the file who may write directly.
    pub(super) fn people(&self) -> Vec<String> {
        let dm = self.settings.nested("dm");
        let own = self.settings.read("allowFrom");
        names(own.or_else(|| dm.read("allowFrom")))
    }

    /// Which groups are answered; `None` where neither the account nor the defaults of all channels say so.
    pub(super) fn group_policy(&self, config: &Value) -> GroupPolicy {
        let shared = config.pointer("/channels/defaults/groupPolicy").cloned();
        self.settings
            .read("groupPolicy")
            .or_else(|| serde_json::from_value(shared?).ok())
            .unwrap_or(GroupPolicy::Allowlist)
    }
}

/// Ids as they are compared: without spaces around, none empty.
pub(super) fn names(list: Option<Vec<Id>>) -> Vec<String> {
    let ids = list
        .into_iter()
        .flatten()
        .map(|id| id.to_string().trim().to_owned());
    ids.filter(|id| !id.is_empty()).collect()
}

/// All accounts that are configured and not switched off.
pub(super) fn accounts(facts: &Facts) -> Vec<Account<'_>> {
    let channels = facts.value.get("channels").and_then(Value::as_object);
    let blocks = channels.into_iter().flatten();
    let blocks = blocks.filter(|(channel, block)| *channel != "defaults" && block.is_object());
    let all = blocks.flat_map(|(channel, block)| {
        let listed = block.get("accounts").and_then(Value::as_object);
        let mut own: Vec<Option<&str>> = listed
            .into_iter()
            .flatten()
            .map(|(name, _)| Some(name.as_str()))
            .collect();
        if own.is_empty() {
            own.push(None);
        }
        own.into_iter().map(move |name| Account {
            channel,
            key: match name {
                Some(name) => format!("channels.{channel}.accounts.{name}"),
                None => format!("channels.{channel}"),
            },
            settings: Settings::of(block, name),
            paired: facts
                .paired
                .get(channel)
                .map(Vec::as_slice)
                .unwrap_or_default(),
        })
    });
    all.filter(|account| account.settings.read("enabled") != Some(false))
        .collect()
}

/// Who may write to the agents directly.
pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    accounts(facts)
        .iter()
        .flat_map(|account| direct(account, facts))
        .collect()
}

fn direct(account: &Account<'_>, facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    let (id, key) = (format!("channels.{}.dm", account.channel), &account.key);
    let people = account.people();
    let policy = account.direct();
    let lets_everybody = people.iter().any(|name| name == "*");
    match policy {
        DmPolicy::Open => {
            let finding = Finding::critical(
                format!("{id}.open"),
                "Everybody may write to the agents",
                format!("{key}: the policy for direct messages is open."),
            );
            found.push(finding.fix("set it to \"pairing\" or \"allowlist\""));
            if !lets_everybody {
                let finding = Finding::warn(
                    format!("{id}.open_invalid"),
                    "Open, and yet nobody is let in",
                    format!("{key}: the policy is open, but allowFrom does not hold \"*\"."),
                );
                found.push(finding.fix("choose one of the two"));
            }
        }
        DmPolicy::Disabled => {
            found.push(Finding::info(
                format!("{id}.disabled"),
                "Direct messages are switched off",
                format!("{key}: the policy for direct messages is disabled."),
            ));
            return found;
        }
        DmPolicy::Pairing | DmPolicy::Allowlist => {}
    }
    let mut all: Vec<&String> = people.iter().chain(account.paired).collect();
    all.sort();
    all.dedup();
    let is_shared = facts.config.session().dm_scope() == DmScope::Main;
    if is_shared && (lets_everybody || all.len() > 1) {
        let who = match lets_everybody {
            true => "everybody".to_owned(),
            false => format!("{} people", all.len()),
        };
        let finding = Finding::warn(
            format!("{id}.scope_main_multiuser"),
            "Several people share one conversation",
            format!(
                "{key}: {who} may write directly, and session.dmScope is main: each is told what the others said."
            ),
        );
        found.push(finding.fix("moltbot config set session.dmScope per-channel-peer"));
    }
    found
}
