//! Names of tools in rules: groups, other names, wildcards.

use moltbot_config::schema::ToolProfile;

/// Groups and their members.
const GROUPS: &[(&str, &[&str])] = &[
    ("group:runtime", &["exec", "process"]),
    ("group:fs", &["read", "write", "edit", "apply_patch"]),
    (
        "group:sessions",
        &[
            "sessions_list",
            "sessions_history",
            "sessions_send",
            "sessions_spawn",
            "session_status",
        ],
    ),
    ("group:memory", &["memory_search", "memory_get"]),
    ("group:web", &["web_search", "web_fetch"]),
    ("group:ui", &["browser", "canvas"]),
    ("group:automation", &["cron", "gateway"]),
    ("group:messaging", &["message"]),
    ("group:nodes", &["nodes"]),
    (
        "group:moltbot",
        &[
            "browser",
            "canvas",
            "nodes",
            "cron",
            "message",
            "gateway",
            "agents_list",
            "sessions_list",
            "sessions_history",
            "sessions_send",
            "sessions_spawn",
            "session_status",
            "memory_search",
            "memory_get",
            "web_search",
            "web_fetch",
            "image",
        ],
    ),
];

/// The group of everything that is none of the program's own tools.
const PLUGINS: &str = "group:plugins";

/// The program's own tools, built or not: a rule about one is never mistaken for a misspelt word.
const BUILT_IN: [&str; 28] = [
    "read",
    "write",
    "edit",
    "apply_patch",
    "grep",
    "find",
    "ls",
    "exec",
    "process",
    "web_search",
    "web_fetch",
    "browser",
    "canvas",
    "nodes",
    "cron",
    "message",
    "tts",
    "gateway",
    "agents_list",
    "sessions_list",
    "sessions_history",
    "sessions_send",
    "sessions_spawn",
    "session_status",
    "memory_search",
    "memory_get",
    "image",
    "extract",
];

/// What a profile allows; `None` is everything.
pub(super) fn of_profile(profile: ToolProfile) -> Option<&'static [&'static str]> {
    match profile {
        ToolProfile::Minimal => Some(&["session_status"]),
        ToolProfile::Coding => Some(&[
            "group:fs",
            "group:runtime",
            "group:sessions",
            "group:memory",
            "image",
        ]),
        ToolProfile::Messaging => Some(&[
            "group:messaging",
            "sessions_list",
            "sessions_history",
            "sessions_send",
            "session_status",
        ]),
        ToolProfile::Full => None,
    }
}

/// A name as it is compared.
fn normal(name: &str) -> String {
    let name = name.trim().to_lowercase();
    match name.as_str() {
        "bash" => "exec".to_owned(),
        "apply-patch" => "apply_patch".to_owned(),
        _ => name,
    }
}

/// Whether two names mean the same tool.
pub(super) fn is(one: &str, other: &str) -> bool {
    normal(one) == normal(other)
}

/// Whether an entry of a rule is about a tool.
pub(super) fn matches(entry: &str, tool: &str) -> bool {
    let (entry, tool) = (normal(entry), normal(tool));
    if entry == PLUGINS {
        return !BUILT_IN.contains(&tool.as_str());
    }
    // The name of a server means all its tools: `<server>__<tool>`.
    if tool
        .split_once("__")
        .is_some_and(|(server, _)| server == entry)
    {
        return true;
    }
    match members(&entry) {
        Some(members) => members.contains(&tool.as_str()),
        None => glob(&entry, &tool),
    }
}

/// Whether an entry is about any of the program's own tools.
pub(super) fn has_built_in(entry: &str) -> bool {
    BUILT_IN.iter().any(|tool| matches(entry, tool))
}

fn members(entry: &str) -> Option<&'static [&'static str]> {
    let group = GROUPS.iter().find(|(name, _)| *name == entry);
    group.map(|(_, members)| *members)
}

/// Whether a pattern with `*` for any text matches the whole of a name.
pub fn glob(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(mut name) = name.strip_prefix(first) else {
        return false;
    };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    for part in middle.split('*') {
        // The first place that fits leaves the most for what follows.
        match name.find(part) {
            Some(at) => name = &name[at + part.len()..],
            None => return false,
        }
    }
    name.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_match_by_name_group_and_wildcard() {
        for (entry, tool, is_match) in [
            ("read", "read", true),
            (" READ ", "read", true),
            ("read", "reader", false),
            ("bash", "exec", true),
            ("exec", "Bash", true),
            ("apply-patch", "apply_patch", true),
            ("*", "anything", true),
            ("web_*", "web_fetch", true),
            ("*_fetch", "web_fetch", true),
            ("s*_*t", "sessions_list", true),
            ("s*_*x", "sessions_list", false),
            ("*a*b*", "xaybz", true),
            ("*b*a*", "xaybz", false),
            ("a*a", "a", false),
            ("**", "", true),
            ("group:fs", "apply_patch", true),
            ("group:fs", "exec", false),
            ("Group:Runtime", "bash", true),
            ("group:plugins", "read", false),
            ("group:plugins", "github__search", true),
            ("github", "github__search", true),
            ("GitHub", "github__search__all", true),
            ("git", "github__search", false),
            ("search", "github__search", false),
            ("group:none", "read", false),
        ] {
            assert_eq!(matches(entry, tool), is_match, "{entry} {tool}");
        }
    }

    #[test]
    fn every_member_of_a_group_is_a_tool() {
        for (group, members) in GROUPS {
            for member in *members {
                assert!(BUILT_IN.contains(member), "{group} {member}");
            }
        }
    }
}
