//! Rules of the `channels` section: who may write, and where heartbeats go.

use crate::issue::Issue;
use crate::key_path::KeyPath;
use crate::nearest::nearest;
use crate::spanned::Node;

/// Places that a heartbeat may go to besides the channels.
const HEARTBEAT_PLACES: [&str; 2] = ["last", "none"];

/// The channels that the program or its plugins know.
const CHANNELS: [&str; 18] = [
    "telegram",
    "whatsapp",
    "discord",
    "googlechat",
    "slack",
    "signal",
    "imessage",
    "bluebubbles",
    "msteams",
    "mattermost",
    "matrix",
    "line",
    "nostr",
    "zalo",
    "zalouser",
    "nextcloud-talk",
    "tlon",
    "twitch",
];

/// Checks the resolved configuration `root`.
pub(super) fn check(root: &Node, issues: &mut Vec<Issue>) {
    let channels_path = KeyPath::root().with_key("channels");
    for channel in root.get("channels").map_or(&[][..], Node::members) {
        let path = channels_path.with_key(&channel.key);
        check_open(&channel.value, None, &path, issues);
        let accounts = channel.value.get("accounts").map_or(&[][..], Node::members);
        let accounts_path = path.with_key("accounts");
        for account in accounts {
            let path = accounts_path.with_key(&account.key);
            check_open(&account.value, Some(&channel.value), &path, issues);
        }
    }
    check_heartbeat_targets(root, issues);
}

/// Whoever opens direct messages to everyone must say so twice: by the policy and by `"*"` in the list of senders.
fn check_open(block: &Node, base: Option<&Node>, path: &KeyPath, issues: &mut Vec<Issue>) {
    let forms: [(&[&str], &[&str]); 2] = [
        (&["dmPolicy"], &["allowFrom"]),
        (&["dm", "policy"], &["dm", "allowFrom"]),
    ];
    for (policy_keys, list_keys) in forms {
        let Some(policy) = block.at(policy_keys) else {
            continue;
        };
        // An account without a list of its own uses the channel's.
        let list = block
            .at(list_keys)
            .or_else(|| base.and_then(|base| base.at(list_keys)));
        let is_open_to_all = list
            .map_or(&[][..], Node::items)
            .iter()
            .any(|item| item.as_str().map(str::trim) == Some("*"));
        if policy.as_str() == Some("open") && !is_open_to_all {
            let under = |keys: &[&str]| {
                keys.iter()
                    .fold(path.clone(), |path, key| path.with_key(key))
            };
            let policy_path = under(policy_keys);
            issues.push(Issue::at(
                &policy.origin,
                &policy_path,
                format!(
                    "{policy_path}=\"open\" requires {} to include \"*\"",
                    under(list_keys)
                ),
            ));
        }
    }
}

fn check_heartbeat_targets(root: &Node, issues: &mut Vec<Issue>) {
    let agents = KeyPath::root().with_key("agents");
    if let Some(defaults) = root.at(&["agents", "defaults"]) {
        check_target(defaults, &agents.with_key("defaults"), issues);
    }
    let list = root.at(&["agents", "list"]).map_or(&[][..], Node::items);
    for (index, agent) in list.iter().enumerate() {
        check_target(agent, &agents.with_key("list").with_index(index), issues);
    }
}

fn check_target(agent: &Node, path: &KeyPath, issues: &mut Vec<Issue>) {
    let Some(node) = agent.at(&["heartbeat", "target"]) else {
        return;
    };
    let Some(target) = node.as_str() else { return };
    let path = path.with_key("heartbeat").with_key("target");
    let normal = target.trim().to_lowercase();
    let known = || HEARTBEAT_PLACES.into_iter().chain(CHANNELS);
    if normal.is_empty() {
        issues.push(Issue::at(
            &node.origin,
            &path,
            "heartbeat target must not be empty",
        ));
    } else if !known().any(|name| name == normal) {
        issues.push(
            Issue::at(
                &node.origin,
                &path,
                format!("unknown heartbeat target: {target}"),
            )
            .expecting("\"last\", \"none\" or a channel")
            .suggesting(nearest(&normal, known())),
        );
    }
}
