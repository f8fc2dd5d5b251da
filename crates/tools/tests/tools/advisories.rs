//! What was published as a vulnerability of the original, or of programs like it, and works on parts that exist here: each
//! would be one here, too, if the test failed. The ids are those of the advisories.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use moltbot_agent::{
    Agent, AgentSettings, Agents, DeliveryError, Effect, Limits, OutgoingMessage, Outlet,
    OutletAction, Receipt, SandboxSettings, Sandboxed, SpawnRequest, SubagentRules, Tool,
};
use moltbot_config::{Environment, load_text};
use moltbot_guard::shell::{Approvals, Programs};
use moltbot_llm::{Backends, Catalog, Credentials, Knowledge, Places, over_http};
use moltbot_store::{Session, Store};
use moltbot_tools::{
    ApplyPatch, ExecSettings, ExecTool, Folders, MessageTool, ProcessTable, Read, SessionAccess,
    SessionStatus, SessionsHistory, Write,
};
use serde_json::{Value, json};

use crate::call::{Stage, text};
use crate::documents::documents;
use crate::exec::Shell;
use crate::sessions::{agent, talk};
use crate::web_fetch::{fetch, html, serve, tool};

/// Whoever sits at the terminal.
#[derive(Default)]
struct Terminal(Mutex<Vec<OutgoingMessage>>);

#[async_trait]
impl Outlet for Terminal {
    fn channel(&self) -> &str {
        "terminal"
    }

    fn actions(&self) -> &[OutletAction] {
        &[OutletAction::Send]
    }

    fn home(&self, _: &Session) -> Option<String> {
        Some("user".to_owned())
    }

    fn reaches_others(&self) -> bool {
        false
    }

    async fn deliver(&self, message: &OutgoingMessage) -> Result<Receipt, DeliveryError> {
        self.0.lock().unwrap().push(message.clone());
        Ok(Receipt::default())
    }
}

/// A home with a credential, and a file that is named like a recording among the credentials.
fn folders(stage: &Stage) -> Arc<Folders> {
    let home = stage.dir.path().to_owned();
    let state = home.join("state");
    fs::create_dir_all(&state).unwrap();
    for name in ["auth.json", "voice.mp3"] {
        fs::write(state.join(name), "sk-secret").unwrap();
    }
    Arc::new(Folders::new(home, vec![state]))
}

fn sandbox(stage: &Stage) -> Sandboxed {
    let environment = Environment {
        home: stage.dir.path().to_owned(),
        ..Environment::default()
    };
    let config = json!({"agents": {"defaults": {"sandbox": {"mode": "all"}}}});
    let snapshot = load_text(&environment, &config.to_string()).unwrap();
    let settings = SandboxSettings::from_snapshot(&snapshot, "main", "/bin/echo".into());
    settings.of("agent:main:main").unwrap()
}

/// CVE-2026-26324: the guard against requests into the house knew the short form of IPv4 in IPv6 only.
#[tokio::test]
async fn ipv4_in_ipv6_written_in_full_is_an_inner_address() {
    let inner = serve("/", html("secret")).await;
    let tool = tool(&[], |_| {});
    for host in [
        "0:0:0:0:0:ffff:7f00:1",
        "0:0:0:0:0:ffff:127.0.0.1",
        "0:0:0:0:0:ffff:a9fe:a9fe",
    ] {
        let url = format!("http://[{host}]:{}/", inner.port());
        let error = fetch(&tool, json!({ "url": url })).await.unwrap_err();
        assert!(error.starts_with("Blocked"), "{error}");
    }
    assert_eq!(inner.connections().accepted, 0);
}

/// CVE-2026-28467: an address that a model wrote as an attachment was fetched from wherever it led.
#[tokio::test]
async fn an_address_of_an_attachment_is_not_fetched() {
    let stage = Stage::new().await;
    let inner = serve("/", html("secret")).await;
    let terminal = Arc::new(Terminal::default());
    let outlets: Vec<Arc<dyn Outlet>> = vec![terminal.clone()];
    let message = MessageTool::new(folders(&stage), outlets).unwrap();
    let url = inner.origin();
    for call in [
        json!({"message": "Look.", "media": url}),
        json!({"message": format!("Look.\nMEDIA:{url}")}),
        json!({"message": format!("Look.\nMEDIA: `{url}/a.png`")}),
        json!({"message": "Look.", "mediaUrl": url}),
    ] {
        // Said to be no file, or sent without.
        let _ = stage.call(&message, call).await;
    }
    assert_eq!(inner.connections().accepted, 0);
    let sent = std::mem::take(&mut *terminal.0.lock().unwrap());
    assert!(
        sent.iter().all(|message| message.media.is_none()),
        "{sent:?}"
    );
}

/// GHSA-hr5v-j9h9-xjhg and CVE-2026-44996: a file went along unchecked under another name of the argument, or because its
/// name was that of a recording. GHSA-33hm-cq8r-wc49: in a sandbox, files of the machine's folder for temporary ones did.
#[tokio::test]
async fn no_credential_and_nothing_from_outside_a_sandbox_goes_along() {
    let stage = Stage::new().await;
    let terminal = Arc::new(Terminal::default());
    let outlets: Vec<Arc<dyn Outlet>> = vec![terminal.clone()];
    let message = MessageTool::new(folders(&stage), outlets).unwrap();
    let secret = stage
        .dir
        .path()
        .join("state/voice.mp3")
        .display()
        .to_string();
    symlink(&secret, stage.workspace().join("voice.mp3")).unwrap();
    let confined = sandbox(&stage);
    confined.prepare().unwrap();
    let temporary = tempfile::Builder::new().suffix(".mp3").tempfile().unwrap();
    let temporary = temporary.path().display().to_string();

    let mut files = vec![
        secret.clone(),
        format!("file://{secret}"),
        "../state/voice.mp3".to_owned(),
        "~/state/auth.json".to_owned(),
        "./voice.mp3".to_owned(),
        "voice.mp3".to_owned(),
        "/proc/self/environ".to_owned(),
        format!("/proc/self/root{secret}"),
    ];
    for name in [
        "media", "path", "filePath", "mediaUrl", "fileUrl", "image", "buffer",
    ] {
        for file in &files {
            let _ = stage
                .call(&message, json!({"message": "Look.", (name): file}))
                .await;
            let said = format!("Look.\nMEDIA:{file}");
            let _ = stage
                .call(&message, json!({"message": said, (name): file}))
                .await;
        }
    }
    files.extend([
        temporary,
        "/etc/hostname".to_owned(),
        "../../etc/hostname".to_owned(),
    ]);
    for file in &files {
        let call = json!({"message": format!("Look.\nMEDIA:{file}"), "media": file});
        let _ = stage.call_in(&confined, &message, call).await;
    }
    let sent = std::mem::take(&mut *terminal.0.lock().unwrap());
    assert!(
        sent.iter().all(|message| message.media.is_none()),
        "{sent:?}"
    );
}

/// CVE-2026-44112 and CVE-2026-44113: between check and use, a folder on the way was made a link that leads elsewhere.
#[tokio::test]
async fn what_is_swapped_between_decision_and_deed_is_not_followed() {
    let stage = Stage::new().await;
    let folders = folders(&stage);
    let (read, write) = (Read::new(folders.clone(), documents()), Write::new(folders));
    let folder = stage.workspace().join("notes");
    let reading = json!({"path": "notes/auth.json"});
    let writing = json!({"path": "notes/auth.json", "content": "mine"});
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("auth.json"), "harmless").unwrap();
    let plans = [
        stage.plan(&read, reading.clone()),
        stage.plan(&write, writing.clone()),
    ];
    assert_eq!(plans[1].effect, Effect::ChangesWorkspace);
    fs::remove_dir_all(&folder).unwrap();
    symlink("../state", &folder).unwrap();
    for output in [
        stage
            .call_decided(&read, reading, Some(&plans[0]))
            .await
            .unwrap(),
        stage
            .call_decided(&write, writing, Some(&plans[1]))
            .await
            .unwrap(),
    ] {
        assert!(
            output.is_error && !text(&output).contains("sk-secret"),
            "{}",
            text(&output)
        );
    }
    let kept = fs::read_to_string(stage.dir.path().join("state/auth.json")).unwrap();
    assert_eq!(kept, "sk-secret");
}

/// A patch that names files outside the workspace, by `..`, whole paths, a link or as the place to move to, wrote there.
#[tokio::test]
async fn a_patch_outside_the_workspace_is_decided_on_as_such() {
    let stage = Stage::new().await;
    let patch = ApplyPatch::new(folders(&stage));
    fs::write(stage.workspace().join("a.txt"), "a\n").unwrap();
    symlink("..", stage.workspace().join("up")).unwrap();
    let outside = stage.dir.path().join("b.txt").display().to_string();
    for (body, effect) in [
        (
            "*** Add File: ../b.txt\n+x".to_owned(),
            Effect::ChangesOutside,
        ),
        (
            format!("*** Add File: {outside}\n+x"),
            Effect::ChangesOutside,
        ),
        (
            "*** Add File: up/b.txt\n+x".to_owned(),
            Effect::ChangesOutside,
        ),
        (
            "*** Add File: c/../../b.txt\n+x".to_owned(),
            Effect::ChangesOutside,
        ),
        (
            "*** Add File: c.txt\n+x\n*** Add File: ../b.txt\n+x".to_owned(),
            Effect::ChangesOutside,
        ),
        (
            "*** Update File: a.txt\n*** Move to: ../b.txt\n@@\n-a\n+b".to_owned(),
            Effect::ChangesOutside,
        ),
        (
            "*** Add File: ../state/b.json\n+x".to_owned(),
            Effect::ChangesItself,
        ),
        (
            "*** Delete File: ../state/auth.json".to_owned(),
            Effect::ChangesItself,
        ),
        (
            "*** Add File: up/state/b.json\n+x".to_owned(),
            Effect::ChangesItself,
        ),
    ] {
        let input = format!("*** Begin Patch\n{body}\n*** End Patch");
        let plan = stage.plan(&patch, json!({ "input": input }));
        assert_eq!(plan.effect, effect, "{body}");
    }
}

/// GHSA-5xfq-5mr7-426q: the id of a session was made part of a path.
#[tokio::test]
async fn the_id_of_a_session_is_no_path() {
    let stage = Stage::new().await;
    let shell = Shell::new().await;
    let store = Store::open(stage.dir.path().join("sessions.db")).unwrap();
    let history = SessionsHistory::new(store, SessionAccess::default());
    let before = fs::read_dir(stage.dir.path()).unwrap().count();
    for id in [
        "../../../../etc/passwd",
        "/etc/passwd",
        "..\\..\\x",
        "%2e%2e%2fx",
        "agent:main:../../../etc/passwd",
    ] {
        let error = stage
            .call(&history, json!({"sessionKey": id}))
            .await
            .unwrap_err();
        assert!(!error.to_string().contains("root:"), "{error}");
        let call = json!({"action": "log", "sessionId": id});
        let told = shell.stage.call(&shell.process, call).await;
        let told = told.map_or_else(|error| error.to_string(), |output| text(&output));
        assert!(!told.contains("root:"), "{told}");
    }
    assert_eq!(fs::read_dir(stage.dir.path()).unwrap().count(), before);
}

/// GHSA-wcxr-59v9-rxr8, GHSA-q2qc-744p-66r2, CVE-2026-27004: a sandboxed conversation saw another by its key, or by its id,
/// which became a key before anybody looked whose it is.
#[tokio::test]
async fn a_sandboxed_conversation_sees_no_other_by_any_name() {
    let stage = Stage::new().await;
    let store = Store::open(stage.dir.path().join("moltbot.db")).unwrap();
    let other = "agent:main:subagent:other";
    let id = talk(&store, other, "main").await;
    let history = SessionsHistory::new(store.clone(), SessionAccess::default());
    let status = SessionStatus::new(agent(&store, &stage), SessionAccess::default());
    let confined = sandbox(&stage);
    for name in [other, &id, &other.to_uppercase(), &format!(" {other} ")] {
        let call = json!({ "sessionKey": name });
        for tool in [&history as &dyn Tool, &status] {
            let seen = stage.call_in(&confined, tool, call.clone()).await;
            let error = seen.unwrap_err().to_string();
            let is_known = error.contains("sees only itself") || error.contains("sessions_list");
            assert!(is_known, "{name}: {error}");
        }
    }
    assert!(
        stage
            .call(&history, json!({ "sessionKey": id }))
            .await
            .is_ok()
    );
    let own = json!({"sessionKey": "agent:main:main"});
    assert!(stage.call_in(&confined, &status, own).await.is_ok());
}

/// The tool of an owner who allowed `ls` for good.
async fn listed(stage: &Stage) -> ExecTool {
    let home = stage.dir.path().canonicalize().unwrap();
    let path = "/usr/bin:/bin";
    let ls = Programs::new(path, stage.workspace()).find("ls").unwrap();
    Approvals::allow(&Approvals::path(&home), "main", &[ls.real]).unwrap();
    let environment = Environment {
        home,
        ..Environment::default()
    };
    let config = load_text(&environment, "{}").unwrap().config;
    let mut settings = ExecSettings::from_config(&config, "main", &environment);
    settings
        .environment
        .insert("PATH".to_owned(), path.to_owned());
    ExecTool::new(
        Arc::new(ProcessTable::new(stage.dir.path().join("outputs"))),
        settings,
    )
}

/// The environment of a call, or its folder, made another program of an allowed one: a search path, a library to load, a
/// file that a shell reads when it starts, a function or a prompt of its own that it carries out.
#[tokio::test]
async fn variables_and_folders_of_a_call_make_nothing_else_of_an_allowed_program() {
    let stage = Stage::new().await;
    let exec = listed(&stage).await;
    let bare = stage.plan(&exec, json!({"command": "ls x"}));
    assert!(bare.listed && !bare.targets.is_empty());

    for name in [
        "PATH",
        "path",
        "Path",
        "LD_PRELOAD",
        "LD_LIBRARY_PATH",
        "LD_AUDIT",
        "DYLD_INSERT_LIBRARIES",
        "ENV",
        "BASH_ENV",
        "SHELLOPTS",
        "BASHOPTS",
        "PS4",
        "IFS",
        "BASH_FUNC_ls%%",
    ] {
        let call = json!({"command": "ls x", "env": {(name): "() { id; }"}});
        assert!(!stage.plan(&exec, call.clone()).listed, "{name}");
        let error = stage.call(&exec, call).await.unwrap_err().to_string();
        assert!(
            error.contains("changes which program runs"),
            "{name}: {error}"
        );
    }
    for more in [
        json!({"env": {"A": "b"}}),
        json!({"env": {"GIT_EXEC_PATH": ".", "NODE_OPTIONS": "-r ./x", "KUBECONFIG": "x", "PAGER": "x"}}),
        json!({"workdir": "/tmp"}),
        json!({"workdir": "."}),
        json!({"workdir": "~"}),
    ] {
        let mut call = json!({"command": "ls x"});
        call.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let plan = stage.plan(&exec, call);
        // Asked about, shown with what is new, and allowed this once only.
        assert!(
            !plan.listed && plan.targets.is_empty() && plan.programs.is_empty(),
            "{more}"
        );
        for (name, value) in more["env"].as_object().into_iter().flatten() {
            let shown = format!("{name}={value}");
            assert!(plan.detail.contains(&shown), "{}", plan.detail);
        }
    }
}

/// GHSA-xww8-gqvh-92x9: of a long command, whoever was asked saw the beginning alone.
#[tokio::test]
async fn whoever_is_asked_sees_a_command_whole() {
    let stage = Stage::new().await;
    let exec = listed(&stage).await;
    let command = format!("ls {}\n; rm -rf x", "a ".repeat(100_000));
    let plan = stage.plan(&exec, json!({ "command": command }));
    assert!(
        plan.detail.starts_with(&command),
        "cut to {} bytes",
        plan.detail.len()
    );
    assert!(!plan.listed);
}

/// GHSA-474h-prjg-mmw3: a sandboxed conversation had its work done by a sub-agent outside of it.
#[tokio::test]
async fn a_sandboxed_conversation_hands_no_work_outside() {
    let dir = tempfile::tempdir().unwrap();
    let environment = Environment {
        home: dir.path().to_owned(),
        ..Environment::default()
    };
    let config = json!({"agents": {
    "defaults": {"model": {"primary": "box/m"}, "sandbox": {"mode": "all"}},
    "list": [
        {"id": "main", "subagents": {"allowAgents": ["*"]}},
        {"id": "free", "sandbox": {"mode": "off"}},
        {"id": "confined"},
    ]}});
    let snapshot = load_text(&environment, &config.to_string()).unwrap();
    let store = Store::open(dir.path().join("moltbot.db")).unwrap();
    let rules = SubagentRules::from_config(&snapshot.config);
    let shared = store.clone();
    let make = move |id: &str, _| {
        let credentials = Arc::new(Credentials::new(&snapshot.config, &BTreeMap::new(), None));
        let knowledge = Arc::new(Knowledge::default());
        let http = over_http(credentials, Arc::clone(&knowledge));
        let settings = AgentSettings {
            places: Places::default(),
            agent_id: id.to_owned(),
            thinking: None,
            timeout: Duration::from_secs(600),
            limits: Limits::default(),
            workspace: dir.path().to_owned(),
            has_anthropic_key: false,
        };
        let sandbox = SandboxSettings::from_snapshot(&snapshot, id, "/bin/echo".into());
        let catalog = Catalog::new(&snapshot.config, &[]);
        let backends = Backends::new(http, None, knowledge);
        Ok(Agent::new(catalog, backends, store.clone(), settings).with_sandbox(sandbox))
    };
    let agents = Agents::new(shared.clone(), rules, Box::new(make));
    let main = shared.session("agent:main:main", "main").await.unwrap();
    let spawn = |agent: &str| SpawnRequest {
        task: "x".to_owned(),
        agent_id: Some(agent.to_owned()),
        ..SpawnRequest::default()
    };
    let error = agents.spawn(&main, spawn("free")).await.unwrap_err();
    assert!(
        error.to_string().contains("This conversation is sandboxed"),
        "{error}"
    );
    assert_eq!(shared.subagent_runs("agent:main:main").await.unwrap(), []);
    agents.spawn(&main, spawn("confined")).await.unwrap();
}

/// An argument that is none the tool knows changes nothing.
#[tokio::test]
async fn arguments_by_other_names_are_none() {
    let stage = Stage::new().await;
    let exec = listed(&stage).await;
    for name in [
        "host", "security", "ask", "elevated", "approved", "sandbox", "listed", "node",
    ] {
        for value in [
            json!("full"),
            json!("gateway"),
            json!("off"),
            json!(true),
            Value::Null,
        ] {
            let plan = stage.plan(&exec, json!({"command": "rm x", (name): value}));
            assert!(!plan.listed && plan.forbidden.is_none(), "{name}");
            assert_eq!(plan.effect, Effect::RunsCode);
        }
    }
}
