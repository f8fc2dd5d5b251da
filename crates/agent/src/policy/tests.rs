#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const ALL: [&str; 16] = [
    "agents_list",
    "apply_patch",
    "cron",
    "edit",
    "exec",
    "github__search",
    "image",
    "memory_search",
    "message",
    "process",
    "read",
    "session_status",
    "sessions_list",
    "sessions_send",
    "web_fetch",
    "write",
];

fn policies(config: Value) -> ToolPolicies {
    ToolPolicies::new(&serde_json::from_value::<Config>(config).unwrap())
}

fn decide(config: Value, agent: &str, model: &str, scope: &ToolPolicyScope<'_>) -> AllowedTools {
    let model = ModelRef::parse(model).unwrap();
    policies(config).decide(agent, &model, scope, ALL)
}

/// The tools that `main` has with `box/m`.
fn allowed(config: Value) -> Vec<String> {
    let scope = ToolPolicyScope::default();
    decide(config, "main", "box/m", &scope)
        .names
        .into_iter()
        .collect()
}

fn all_but(out: &[&str]) -> Vec<&'static str> {
    ALL.into_iter().filter(|tool| !out.contains(tool)).collect()
}

#[test]
fn each_key_does_what_it_says() {
    let coding = vec![
        "apply_patch",
        "edit",
        "exec",
        "image",
        "memory_search",
        "process",
        "read",
        "session_status",
        "sessions_list",
        "sessions_send",
        "write",
    ];
    for (tools, left) in [
        (json!({}), ALL.to_vec()),
        (json!({"profile": "full"}), ALL.to_vec()),
        (json!({"profile": "minimal"}), vec!["session_status"]),
        (json!({"profile": "coding"}), coding),
        (
            json!({"profile": "messaging"}),
            vec![
                "message",
                "session_status",
                "sessions_list",
                "sessions_send",
            ],
        ),
        (
            json!({"profile": "minimal", "alsoAllow": ["web_*", "github__search"]}),
            vec!["github__search", "session_status", "web_fetch"],
        ),
        (json!({"alsoAllow": ["read"]}), ALL.to_vec()),
        (json!({"allow": []}), ALL.to_vec()),
        (
            json!({"allow": ["READ", "group:web"]}),
            vec!["read", "web_fetch"],
        ),
        (json!({"allow": ["bash"]}), vec!["apply_patch", "exec"]),
        (json!({"allow": ["apply-patch"]}), vec!["apply_patch"]),
        (
            json!({"allow": ["exec"], "deny": ["apply_patch"]}),
            vec!["exec"],
        ),
        (
            json!({"allow": ["*"], "deny": ["exec"]}),
            all_but(&["exec"]),
        ),
        (
            json!({"deny": ["group:fs"]}),
            all_but(&["apply_patch", "edit", "read", "write"]),
        ),
        (
            json!({"deny": ["s*", "group:plugins"]}),
            all_but(&[
                "session_status",
                "sessions_list",
                "sessions_send",
                "github__search",
            ]),
        ),
        // A tool that is not built is no misspelt word: nothing else is let in for it.
        (json!({"allow": ["browser"]}), vec![]),
        (
            json!({"allow": ["browser", "github__search"]}),
            vec!["github__search"],
        ),
        (
            json!({"byProvider": {"box": {"deny": ["exec"]}}}),
            all_but(&["exec"]),
        ),
        (
            json!({"byProvider": {"other": {"deny": ["exec"]}}}),
            ALL.to_vec(),
        ),
        (
            json!({"byProvider": {"box": {"allow": ["read"]}, "BOX/m": {"allow": ["write"]}}}),
            vec!["write"],
        ),
        (
            json!({"byProvider": {"box": {"profile": "minimal"}}}),
            vec!["session_status"],
        ),
        (
            json!({"byProvider": {"box": {"profile": "minimal", "alsoAllow": ["read"]}}}),
            vec!["read", "session_status"],
        ),
        (
            json!({"profile": "coding", "byProvider": {"box": {"profile": "messaging"}}}),
            vec!["session_status", "sessions_list", "sessions_send"],
        ),
    ] {
        assert_eq!(allowed(json!({"tools": tools})), left, "{tools}");
    }
}

#[test]
fn an_agent_s_own_rules_replace_the_profile_and_narrow_the_rest() {
    for (tools, own, left) in [
        (
            json!({"profile": "minimal"}),
            json!({"profile": "messaging"}),
            vec![
                "message",
                "session_status",
                "sessions_list",
                "sessions_send",
            ],
        ),
        (
            json!({"profile": "minimal"}),
            json!({"alsoAllow": ["read"]}),
            vec!["read", "session_status"],
        ),
        (
            json!({"allow": ["read", "write"]}),
            json!({"allow": ["read", "exec"]}),
            vec!["read"],
        ),
        (
            json!({"deny": ["exec"]}),
            json!({"allow": ["exec", "read"]}),
            vec!["apply_patch", "read"],
        ),
        (
            json!({"allow": ["read", "write"]}),
            json!({"deny": ["write"]}),
            vec!["read"],
        ),
        (
            json!({}),
            json!({"byProvider": {"box/m": {"allow": ["read"]}}}),
            vec!["read"],
        ),
        (
            json!({"byProvider": {"box": {"profile": "minimal"}}}),
            json!({"byProvider": {"box": {"profile": "full"}}}),
            ALL.to_vec(),
        ),
    ] {
        let config = json!({"tools": tools, "agents": {"list": [{"id": "Main", "tools": own}, {"id": "other"}]}});
        assert_eq!(allowed(config), left, "{tools} {own}");
    }
    let config =
        json!({"agents": {"list": [{"id": "main"}, {"id": "other", "tools": {"deny": ["*"]}}]}});
    assert_eq!(allowed(config), ALL, "another agent's rules");
}

#[test]
fn sub_agents_and_sandboxes_have_rules_of_their_own() {
    let subagent = ToolPolicyScope {
        is_subagent: true,
        ..ToolPolicyScope::default()
    };
    let sandbox = ToolPolicyScope {
        is_sandboxed: true,
        ..ToolPolicyScope::default()
    };
    let names = |tools: Value, scope| -> Vec<String> {
        decide(json!({"tools": tools}), "main", "box/m", scope)
            .names
            .into_iter()
            .collect()
    };
    let of_subagents = all_but(&[
        "agents_list",
        "cron",
        "memory_search",
        "session_status",
        "sessions_list",
        "sessions_send",
    ]);
    assert_eq!(names(json!({}), &subagent), of_subagents);
    assert_eq!(
        names(
            json!({"subagents": {"tools": {"allow": ["read", "cron"], "deny": ["exec"]}}}),
            &subagent
        ),
        ["read"]
    );
    let in_sandbox = [
        "apply_patch",
        "edit",
        "exec",
        "image",
        "process",
        "read",
        "session_status",
        "sessions_list",
        "sessions_send",
        "write",
    ];
    assert_eq!(names(json!({}), &sandbox), in_sandbox);
    assert_eq!(
        names(
            json!({"sandbox": {"tools": {"allow": ["read", "cron"]}}}),
            &sandbox
        ),
        ["image", "read"],
        "cron is denied by default"
    );
    assert_eq!(
        names(
            json!({"sandbox": {"tools": {"allow": ["read", "cron"], "deny": ["image"]}}}),
            &sandbox
        ),
        ["cron", "read"]
    );
    assert_eq!(
        names(json!({"sandbox": {"tools": {"allow": ["raed"]}}}), &sandbox),
        ["image"],
        "a misspelt list opens no sandbox"
    );
    let config = json!({
        "tools": {"sandbox": {"tools": {"allow": ["read"], "deny": ["read"]}}},
        "agents": {"list": [{"id": "main", "tools": {"sandbox": {"tools": {"deny": []}}}}]},
    });
    let allowed = decide(config, "main", "box/m", &sandbox);
    assert_eq!(
        allowed.names.into_iter().collect::<Vec<_>>(),
        ["image", "read"]
    );
}

#[test]
fn a_group_narrows_by_sender_then_for_all_then_by_the_entry_for_all_groups() {
    let policy = |value: Value| serde_json::from_value::<ToolPolicy>(value).unwrap();
    let by_sender = BTreeMap::from([
        ("@Ann".to_owned(), policy(json!({"deny": ["exec"]}))),
        ("7".to_owned(), policy(json!({"deny": ["read"]}))),
    ]);
    let tools = policy(json!({"allow": ["read"]}));
    let others = policy(json!({"allow": ["write"]}));
    let own = GroupRules {
        key: "channels.x.groups.1",
        tools: Some(&tools),
        by_sender: Some(&by_sender),
    };
    let star = GroupRules {
        key: "channels.x.groups.*",
        tools: Some(&others),
        by_sender: None,
    };
    let silent = GroupRules {
        tools: None,
        by_sender: None,
        ..own
    };
    for (groups, senders, left) in [
        (vec![own, star], vec!["7", "ann"], all_but(&["read"])),
        (vec![own, star], vec!["8", "ann"], all_but(&["exec"])),
        (vec![own, star], vec!["8"], vec!["read"]),
        (vec![silent, star], vec!["8"], vec!["write"]),
        (vec![silent], vec![], ALL.to_vec()),
    ] {
        let senders: Vec<String> = senders.into_iter().map(str::to_owned).collect();
        let scope = ToolPolicyScope {
            groups: &groups,
            senders: &senders,
            ..ToolPolicyScope::default()
        };
        let allowed = decide(json!({}), "main", "box/m", &scope);
        assert_eq!(
            allowed.names.into_iter().collect::<Vec<_>>(),
            left,
            "{senders:?}"
        );
    }
}

#[test]
fn a_list_without_any_tool_of_the_program_s_is_left_aside_with_a_word() {
    let scope = ToolPolicyScope::default();
    let config = json!({"tools": {"allow": ["raed", "wirte"], "deny": ["exec"]}});
    let result = decide(config, "main", "box/m", &scope);
    assert_eq!(
        result.names.into_iter().collect::<Vec<_>>(),
        all_but(&["exec"])
    );
    assert_eq!(
        result.warnings,
        [
            "tools.allow names no tool that is known (raed, wirte), so it is left aside and every tool stays allowed; name tools such as read or groups such as group:fs there."
        ]
    );
    let result = decide(
        json!({"tools": {"allow": ["github__*"]}}),
        "main",
        "box/m",
        &scope,
    );
    assert_eq!(result.names.len(), ALL.len());
    assert!(result.warnings[0].contains("names tools of plugins only"));
}

#[test]
fn each_removal_names_its_rule() {
    let config = json!({
        "tools": {"profile": "coding", "deny": ["group:web", "exe*"], "byProvider": {"box": {"deny": ["write"]}}},
        "agents": {"list": [{"id": "main", "tools": {"allow": ["read", "edit", "image"], "byProvider": {"box/m": {"deny": ["image"]}}}}]},
    });
    let scope = ToolPolicyScope {
        is_subagent: true,
        ..ToolPolicyScope::default()
    };
    let removed = decide(config, "main", "box/m", &scope).removed;
    for (tool, rule) in [
        ("message", "tools.profile (coding) does not allow it"),
        ("exec", "tools.deny has \"exe*\""),
        ("write", "tools.byProvider[box].deny has \"write\""),
        ("process", "agents.list.main.tools.allow does not allow it"),
        (
            "image",
            "agents.list.main.tools.byProvider[box/m].deny has \"image\"",
        ),
    ] {
        assert_eq!(removed[tool].to_string(), rule, "{tool}");
    }
    let removed = decide(json!({}), "main", "box/m", &scope).removed;
    assert_eq!(
        removed["cron"].to_string(),
        "tools.subagents.tools.deny (by default) has \"cron\""
    );
}

fn entries() -> impl Strategy<Value = Vec<String>> {
    let entry = prop_oneof![
        prop::sample::select(ALL.to_vec()).prop_map(str::to_owned),
        prop::sample::select(vec![
            "group:fs",
            "group:runtime",
            "group:sessions",
            "group:plugins",
            "*",
            "s*",
            "bash",
            "unknown"
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(entry, 0..4)
}

/// Lists as they stand in a file.
fn lists() -> impl Strategy<Value = Value> {
    (prop::option::of(entries()), prop::option::of(entries())).prop_map(|(allow, deny)| {
        let mut lists = json!({});
        if let Some(allow) = allow {
            lists["allow"] = json!(allow);
        }
        if let Some(deny) = deny {
            lists["deny"] = json!(deny);
        }
        lists
    })
}

fn names(config: &Value, is_subagent: bool) -> BTreeSet<String> {
    let scope = ToolPolicyScope {
        is_subagent,
        ..ToolPolicyScope::default()
    };
    let result = decide(config.clone(), "main", "box/m", &scope);
    assert_eq!(result.names.len() + result.removed.len(), ALL.len());
    result.names
}

proptest! {
    #[test]
    fn denied_is_denied_and_a_further_layer_never_adds(
        tools in lists(), provider in lists(), own in lists(), own_provider in lists(), at in 0usize..4,
        denied in prop::sample::select(ALL.to_vec()),
    ) {
        let build = |layers: [&Value; 4]| {
            let mut tools = layers[0].clone();
            tools["byProvider"] = json!({"box": layers[1]});
            let mut own = layers[2].clone();
            own["byProvider"] = json!({"box/m": layers[3]});
            json!({"tools": tools, "agents": {"list": [{"id": "main", "tools": own}]}})
        };
        let layers = [&tools, &provider, &own, &own_provider];
        let all = names(&build(layers), false);
        let nothing = json!({});
        for without in 0..4 {
            let mut fewer = layers;
            fewer[without] = &nothing;
            prop_assert!(all.is_subset(&names(&build(fewer), false)), "layer {}", without);
        }
        prop_assert!(names(&build(layers), true).is_subset(&all));
        let mut with = layers[at].clone();
        let mut list = with["deny"].as_array().cloned().unwrap_or_default();
        list.push(json!(denied));
        with["deny"] = json!(list);
        let mut denying = layers;
        denying[at] = &with;
        prop_assert!(!names(&build(denying), false).contains(denied));
    }
}

mod in_turns;

#[test]
fn whoever_may_read_may_read_apart() {
    for (config, is_allowed) in [
        (json!({}), true),
        (json!({"tools": {"allow": ["read"]}}), true),
        (json!({"tools": {"allow": ["web_*"]}}), true),
        (json!({"tools": {"allow": ["extract"]}}), true),
        (json!({"tools": {"profile": "coding"}}), true),
        (json!({"tools": {"profile": "messaging"}}), false),
        (json!({"tools": {"allow": ["exec"]}}), false),
        (
            json!({"tools": {"allow": ["read"], "deny": ["extract"]}}),
            false,
        ),
    ] {
        let model = ModelRef::parse("box/m").unwrap();
        let scope = ToolPolicyScope::default();
        let decided = policies(config.clone()).decide("main", &model, &scope, ["extract"]);
        assert_eq!(!decided.names.is_empty(), is_allowed, "{config}");
    }
}
