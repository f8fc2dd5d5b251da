//! Keys of older versions. Each is refused with the place where it belongs now; nothing is moved silently.

use crate::issue::Issue;
use crate::key_path::KeyPath;
use crate::spanned::{Member, Node};

/// What makes a key a legacy one.
#[derive(Clone, Copy, PartialEq)]
enum When {
    /// It is there.
    Present,
    /// It is there as a string, where an object is asked for today.
    IsString,
}

/// An old key and its new place. In `old`, `*` stands for every list item.
struct Rule {
    old: &'static str,
    when: When,
    new: &'static str,
}

const fn moved(old: &'static str, new: &'static str) -> Rule {
    Rule {
        old,
        when: When::Present,
        new,
    }
}

const fn was_string(old: &'static str, new: &'static str) -> Rule {
    Rule {
        old,
        when: When::IsString,
        new,
    }
}

const RULES: [Rule; 35] = [
    moved("whatsapp", "channels.whatsapp"),
    moved(
        "telegram.requireMention",
        "channels.telegram.groups[\"*\"].requireMention",
    ),
    moved("telegram", "channels.telegram"),
    moved("discord", "channels.discord"),
    moved("slack", "channels.slack"),
    moved("signal", "channels.signal"),
    moved("imessage", "channels.imessage"),
    moved("msteams", "channels.msteams"),
    moved("routing.allowFrom", "channels.whatsapp.allowFrom"),
    moved("routing.bindings", "bindings"),
    moved("routing.agents", "agents.list"),
    moved(
        "routing.defaultAgentId",
        "default: true on that agent in agents.list",
    ),
    moved("routing.agentToAgent", "tools.agentToAgent"),
    moved(
        "routing.groupChat.requireMention",
        "groups[\"*\"].requireMention of each channel, such as channels.whatsapp.groups[\"*\"].requireMention",
    ),
    moved(
        "routing.groupChat.mentionPatterns",
        "messages.groupChat.mentionPatterns",
    ),
    moved("routing.queue", "messages.queue"),
    moved("routing.transcribeAudio", "tools.media.audio.models"),
    moved("identity", "identity of that agent in agents.list"),
    was_string("agent.model", "agents.defaults.model.primary"),
    was_string("agent.imageModel", "agents.defaults.imageModel.primary"),
    moved("agent.allowedModels", "agents.defaults.models"),
    moved(
        "agent.modelAliases",
        "agents.defaults.models (alias of each model)",
    ),
    moved("agent.modelFallbacks", "agents.defaults.model.fallbacks"),
    moved(
        "agent.imageModelFallbacks",
        "agents.defaults.imageModel.fallbacks",
    ),
    moved(
        "agent",
        "agents.defaults, and its tools, elevated and bash keys under tools",
    ),
    was_string("agents.defaults.model", "agents.defaults.model.primary"),
    was_string(
        "agents.defaults.imageModel",
        "agents.defaults.imageModel.primary",
    ),
    moved("tools.bash", "tools.exec"),
    moved(
        "messages.tts.enabled",
        "messages.tts.auto (\"always\" or \"off\")",
    ),
    moved("messages.queue.byProvider", "messages.queue.byChannel"),
    moved("gateway.token", "gateway.auth.token"),
    moved("bindings.*.match.provider", "match.channel"),
    moved("bindings.*.match.accountID", "match.accountId"),
    moved("session.sendPolicy.rules.*.match.provider", "match.channel"),
    moved("agents.list.*.tools.bash", "tools.exec of that agent"),
];

/// One issue for each legacy key in the configuration `root`.
pub(crate) fn check(root: &Node) -> Vec<Issue> {
    let mut issues = Vec::new();
    for rule in &RULES {
        let steps: Vec<&str> = rule.old.split('.').collect();
        find(root, &steps, &mut KeyPath::root(), rule, &mut issues);
    }
    issues
}

fn find(node: &Node, steps: &[&str], path: &mut KeyPath, rule: &Rule, issues: &mut Vec<Issue>) {
    let Some((step, rest)) = steps.split_first() else {
        return;
    };
    if *step == "*" {
        for (index, item) in node.items().iter().enumerate() {
            path.push_index(index);
            find(item, rest, path, rule, issues);
            path.pop();
        }
        return;
    }
    let Some(member) = node.member(step) else {
        return;
    };
    path.push_key(step);
    if rest.is_empty() {
        if rule.when == When::Present || member.value.as_str().is_some() {
            issues.push(issue(member, path, rule));
        }
    } else {
        find(&member.value, rest, path, rule, issues);
    }
    path.pop();
}

fn issue(member: &Member, path: &KeyPath, rule: &Rule) -> Issue {
    let message = match rule.when {
        When::Present => format!("this key is from an older version; it is now {}", rule.new),
        When::IsString => format!(
            "a plain model name here is from an older version; write it as {}",
            rule.new
        ),
    };
    Issue::at(&member.key_origin, path, message).expecting(rule.new)
}
