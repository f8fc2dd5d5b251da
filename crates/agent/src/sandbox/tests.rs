#![allow(clippy::unwrap_used)]
use moltbot_config::load_text;
use moltbot_llm::ModelRef;
use serde_json::{Value, json};

use super::*;
use crate::policy::{ToolPolicies, ToolPolicyScope};

/// The settings of an agent in this home.
fn settings(home: &Path, agents: Value, agent: &str) -> SandboxSettings {
    let mut environment = Environment {
        home: home.to_owned(),
        ..Environment::default()
    };
    let path = format!(
        "/bin:{0}/bin:{0}:relative:{0}/.clawdbot/bin:/:{0}/.cargo/bin",
        home.display()
    );
    environment.vars.insert("PATH".to_owned(), path);
    let config = json!({"agents": agents}).to_string();
    let snapshot = load_text(&environment, &config).unwrap();
    SandboxSettings::from_snapshot(&snapshot, agent, "/opt/moltbot".into())
}

fn keys(settings: &SandboxSettings) -> [bool; 3] {
    [
        "agent:main:main",
        "agent:main:other",
        "agent:main:subagent:1",
    ]
    .map(|key| settings.of(key).is_some())
}

#[test]
fn the_mode_says_which_conversations_are_sandboxed() {
    let home = tempfile::tempdir().unwrap();
    for (mode, sandboxed) in [
        ("off", [false, false, false]),
        ("non-main", [false, true, true]),
        ("all", [true, true, true]),
    ] {
        let agents = json!({"defaults": {"sandbox": {"mode": mode}}});
        assert_eq!(
            keys(&settings(home.path(), agents, "main")),
            sandboxed,
            "{mode}"
        );
    }
    assert_eq!(keys(&settings(home.path(), json!({}), "main")), [false; 3]);
    let agents = json!({
        "defaults": {"sandbox": {"mode": "all"}},
        "list": [{"id": "main", "sandbox": {"mode": "off"}}, {"id": "work"}]
    });
    let own = settings(home.path(), agents.clone(), "main");
    assert_eq!(keys(&own), [false; 3]);
    assert_eq!(own.mode_key, "agents.list.main.sandbox.mode");
    let work = settings(home.path(), agents, "work");
    assert!(work.of("agent:work:main").is_some());
    assert_eq!(work.mode_key, "agents.defaults.sandbox.mode");
}

#[test]
fn access_says_which_folder_it_is_and_whether_it_can_be_written() {
    let home = tempfile::tempdir().unwrap();
    let own = home.path().join("clawd");
    let state = home.path().join(".clawdbot");
    for (access, workspace, can_write) in [
        ("none", state.join("sandboxes/agent-main"), true),
        ("ro", own.clone(), false),
        ("rw", own.clone(), true),
    ] {
        let agents = json!({"defaults": {"sandbox": {"mode": "all", "workspaceAccess": access}}});
        let sandbox = settings(home.path(), agents, "main")
            .of("agent:main:main")
            .unwrap();
        assert_eq!(sandbox.workspace, workspace, "{access}");
        assert_eq!(sandbox.can_write(), can_write);
        let Confinement {
            readable, writable, ..
        } = &sandbox.confinement;
        assert_eq!(writable.contains(&workspace), can_write);
        assert_eq!(readable.contains(&workspace), !can_write);
        assert!(writable.contains(&state.join("sandbox/agent-main")));
        assert!(access == "rw" || !writable.contains(&own));
    }
}

#[test]
fn the_scope_says_what_shares_a_folder() {
    let home = tempfile::tempdir().unwrap();
    let folder = |scope: &str, key: &str| {
        let agents = json!({"defaults": {"sandbox": {"mode": "all", "scope": scope}}});
        let settings = settings(home.path(), agents, "main");
        settings.of(key).unwrap().workspace
    };
    let (one, other) = ("agent:main:a.b", "agent:main:a:b");
    assert_ne!(folder("session", one), folder("session", other));
    assert_ne!(
        folder("session", one),
        folder("session", "agent:main:a_2eb")
    );
    assert_eq!(folder("agent", one), folder("agent", other));
    assert!(folder("shared", one).ends_with("sandboxes/shared"));
    let odd = folder("session", "agent:main:../../x/y");
    assert_eq!(odd.parent(), folder("session", one).parent(), "{odd:?}");
}

#[test]
fn programs_are_readable_but_never_the_home_or_the_state() {
    let home = tempfile::tempdir().unwrap();
    for folder in ["bin", ".cargo/bin", ".clawdbot/bin"] {
        fs::create_dir_all(home.path().join(folder)).unwrap();
    }
    let agents = json!({"defaults": {"sandbox": {"mode": "all", "readable": ["~/.rustup"]}}});
    let settings = settings(home.path(), agents, "main");
    let real_home = home.path().canonicalize().unwrap();
    for folder in ["bin", ".cargo/bin", ".rustup"] {
        let granted = settings.readable.iter().any(|path| path.ends_with(folder));
        assert!(granted, "{folder}: {:?}", settings.readable);
    }
    for path in &settings.readable {
        let is_skills = path.ends_with("skills");
        assert!(
            path.is_absolute() && !real_home.starts_with(path),
            "{path:?}"
        );
        assert!(
            is_skills || !path.starts_with(real_home.join(".clawdbot")),
            "{path:?}"
        );
    }
}

#[test]
fn of_the_container_only_what_can_be_kept_is_kept() {
    let home = tempfile::tempdir().unwrap();
    let agents = |network: &str| {
        json!({"defaults": {"sandbox": {"mode": "all", "backend": "kernel", "docker": {
            "image": "x", "network": network, "memory": "1g", "binds": ["/a:/a"], "setupCommand": "true",
            "ulimits": {"cpu": 9, "fsize": "100:200", "nofile": 5}, "env": {"A": "b"}},
            "browser": {"enabled": true}}}})
    };
    for (network, is_on) in [
        ("none", false),
        ("bridge", true),
        ("host", true),
        ("own", false),
    ] {
        let settings = settings(home.path(), agents(network), "main");
        assert_eq!(settings.network, is_on, "{network}");
        let limits = Limits {
            cpu_seconds: Some(9),
            memory: Some(1 << 30),
            file_size: Some(100),
        };
        assert_eq!(settings.limits, limits);
        let notice = settings.notice().unwrap();
        for key in [
            "docker.image",
            "docker.binds",
            "docker.setupCommand",
            "browser",
            "ulimits.nofile",
        ] {
            assert!(notice.contains(key), "{notice}");
        }
        assert_eq!(notice.contains("docker.network"), network == "own");
        let outside = [
            ("OPENAI_BASE", "x"),
            ("LC_ALL", "C"),
            ("HOME", "/root"),
            ("PATH", "/bin"),
        ];
        let outside = outside.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let inside = settings
            .confined("agent:main:main")
            .environment(&outside.into());
        assert_eq!(inside["A"], "b");
        assert_eq!(inside["PATH"], "/bin");
        assert!(!inside.contains_key("OPENAI_BASE"));
        assert_ne!(inside["HOME"], "/root");
    }
    let off = json!({"defaults": {"sandbox": {"mode": "off", "docker": {"image": "x"}}}});
    assert_eq!(settings(home.path(), off, "main").notice(), None);
}

#[test]
fn a_new_folder_begins_with_the_agents_notes_and_keeps_its_own() {
    let home = tempfile::tempdir().unwrap();
    let agents = json!({"defaults": {"sandbox": {"mode": "all"}}});
    let own = home.path().join("clawd");
    fs::create_dir(&own).unwrap();
    fs::write(own.join("AGENTS.md"), "rules").unwrap();
    fs::write(own.join("secret.txt"), "secret").unwrap();
    let sandbox = settings(home.path(), agents, "main")
        .of("agent:main:main")
        .unwrap();
    sandbox.prepare().unwrap();
    let copy = sandbox.workspace.join("AGENTS.md");
    assert_eq!(fs::read_to_string(&copy).unwrap(), "rules");
    assert!(!sandbox.workspace.join("secret.txt").exists());
    fs::write(&copy, "other").unwrap();
    sandbox.prepare().unwrap();
    assert_eq!(fs::read_to_string(&copy).unwrap(), "other");
    assert_eq!(fs::read_to_string(own.join("AGENTS.md")).unwrap(), "rules");
}

#[test]
fn tools_that_write_are_gone_where_nothing_can_be_written() {
    let config = serde_json::from_value(json!({"tools": {"sandbox": {"tools": {"allow": ["*"]}}}}));
    let policies = ToolPolicies::new(&config.unwrap());
    let model = ModelRef {
        provider: "p".to_owned(),
        model: "m".to_owned(),
    };
    let scope = ToolPolicyScope {
        is_sandboxed: true,
        is_read_only: true,
        ..ToolPolicyScope::default()
    };
    let tools = ["exec", "read", "write", "edit", "apply_patch"];
    let allowed = policies.decide("main", &model, &scope, tools);
    let names: Vec<&str> = allowed.names.iter().map(String::as_str).collect();
    assert_eq!(names, ["exec", "read"]);
    let why = allowed.removed["write"].to_string();
    assert!(why.contains("sandbox.workspaceAccess (ro)"), "{why}");
    let own = policies.in_sandbox("main");
    assert_eq!(own.allow_key, "tools.sandbox.tools.allow");
    assert!(own.deny.contains(&"browser".to_owned()));
}

#[test]
fn a_container_is_what_a_key_asks_for_that_nothing_else_can_honour() {
    let home = tempfile::tempdir().unwrap();
    let key = |sandbox: Value| {
        let agents = json!({"defaults": {"sandbox": sandbox}});
        let settings = settings(home.path(), agents, "main");
        settings.container.map(|container| container.key.clone())
    };
    let ours =
        json!({"network": "bridge", "memory": "1g", "ulimits": {"cpu": 5}, "env": {"A": "b"}});
    let theirs = json!({"network": "none", "memory": "1g", "pidsLimit": 256});
    for (backend, docker, asks) in [
        (None, json!({}), None),
        (None, ours.clone(), None),
        (None, json!({"image": "x"}), Some("sandbox.docker.image")),
        (
            None,
            json!({"network": "own"}),
            Some("sandbox.docker.network"),
        ),
        (
            None,
            json!({"ulimits": {"nofile": 9}}),
            Some("sandbox.docker.ulimits.nofile"),
        ),
        (
            Some("auto"),
            theirs.clone(),
            Some("sandbox.docker.pidsLimit"),
        ),
        (Some("kernel"), theirs, None),
        (Some("docker"), ours, Some("sandbox.backend")),
        (Some("podman"), json!({}), Some("sandbox.backend")),
    ] {
        let mut sandbox = json!({"mode": "all", "docker": docker});
        if let Some(backend) = backend {
            sandbox["backend"] = backend.into();
        }
        assert_eq!(key(sandbox.clone()).as_deref(), asks, "{sandbox}");
    }
}

#[test]
fn a_container_gets_nothing_of_this_programs_environment() {
    let home = tempfile::tempdir().unwrap();
    let agents = json!({"defaults": {"sandbox": {"mode": "all", "scope": "session",
        "docker": {"image": "x", "env": {"A": "b"}}, "browser": {"enabled": true}}}});
    let settings = settings(home.path(), agents, "main");
    let notice = settings.notice().unwrap();
    assert!(
        notice.contains("browser") && !notice.contains("docker.image"),
        "{notice}"
    );
    let sandbox = settings.of("agent:main:a").unwrap();
    assert_eq!(
        sandbox.container.as_ref().unwrap().name(),
        "moltbot-sbx-agent.main.a"
    );
    let outside = ["PATH", "USER", "SHELL", "LC_ALL", "OPENAI_API_KEY"];
    let outside = outside.map(|name| (name.to_owned(), "of this program".to_owned()));
    let inside = sandbox.environment(&outside.into());
    let names: Vec<&str> = inside.keys().map(String::as_str).collect();
    assert_eq!(names, ["A", "HOME", "LANG", "TMPDIR"]);
    // The places of the original lead to the folders of this machine; others are what they are.
    let own = sandbox.workspace.display();
    for (text, outside) in [
        ("/workspace", own.to_string()),
        ("/workspace/a b/c", format!("{own}/a b/c")),
        ("/workspaces", "/workspaces".to_owned()),
        ("workspace/a", "workspace/a".to_owned()),
    ] {
        assert_eq!(sandbox.outside(text), outside);
    }
}
