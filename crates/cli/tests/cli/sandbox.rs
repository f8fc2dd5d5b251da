//! Sandboxed conversations, through the program as it is: real commands, confined by the system.

use moltbot_testkit::{Part, Script, ScriptedServer, When, block_on, openai_chat};
use serde_json::{Value, json};

use crate::fixtures::{run, run_with};
use crate::setup::Home;

/// What no sandboxed conversation may see.
const CANARY: &str = "canary-7f3a";

/// A home with a secret in it, and an agent with a note; its conversations are sandboxed like this.
struct House {
    home: Home,
    config: Value,
}

impl House {
    fn new(sandbox: Value) -> Self {
        let home = Home::new();
        home.write("secret.txt", CANARY);
        home.write("clawd/note.txt", "a note");
        home.write("clawd/AGENTS.md", "Rules of the house.");
        let config = json!({
            "agents": {"defaults": {"model": {"primary": "box/m"}, "sandbox": sandbox}},
            "models": {"providers": {"box": {"models": [{"id": "m", "name": "M", "contextWindow": 32768}]}}},
        });
        Self { home, config }
    }

    fn configure(&self, server: &ScriptedServer) {
        let mut config = self.config.clone();
        config["models"]["providers"]["box"]["baseUrl"] = server.base_url().into();
        self.home
            .write(".clawdbot/moltbot.json", config.to_string());
    }

    /// Has a model make these calls in one go, ordered by the owner, and gives what each came to and what the model was
    /// asked at first.
    fn calls(&self, session: Option<&str>, calls: &[(&str, Value)]) -> (Vec<String>, Value) {
        let ids: Vec<String> = (0..calls.len()).map(|at| format!("call_{at}")).collect();
        let texts: Vec<String> = calls.iter().map(|(_, call)| call.to_string()).collect();
        let parts: Vec<Part<'_>> = calls
            .iter()
            .zip(&ids)
            .zip(&texts)
            .map(|(((name, _), id), arguments)| Part::ToolCall {
                id,
                name,
                arguments,
            })
            .collect();
        let chat = || When::post("/v1/chat/completions");
        let script = Script::new()
            .on(chat().once(), openai_chat(&parts))
            .on(chat(), openai_chat(&[Part::Text("Done.")]));
        let server = block_on(ScriptedServer::start(script));
        self.configure(&server);
        // Each line is an order, so nobody need be asked.
        let commands = calls
            .iter()
            .filter_map(|(_, call)| call["command"].as_str());
        let orders: Vec<String> = commands.map(|command| format!("Run {command}")).collect();
        let orders = format!("Do it.\n{}", orders.join("\n"));
        let mut args = vec!["agent", "-m", &orders];
        args.extend(session.into_iter().flat_map(|key| ["--session-id", key]));
        let own_programs = self.home.path().join(".local/bin").display().to_string();
        let path = format!("{own_programs}:{}", std::env::var("PATH").unwrap());
        run_with(&self.home, &[("PATH", &path)], &args).ok();
        let posts = server.posts();
        let body = posts.last().unwrap().json();
        let messages = body["messages"].as_array().unwrap();
        let told = messages
            .iter()
            .filter(|message| message["role"] == "tool")
            .map(|message| message["content"].as_str().unwrap().to_owned())
            .collect();
        (told, posts[0].json())
    }

    /// The same for commands.
    fn runs(&self, session: Option<&str>, commands: &[&str]) -> Vec<String> {
        let calls: Vec<_> = commands
            .iter()
            .map(|command| ("exec", json!({"command": command})))
            .collect();
        self.calls(session, &calls).0
    }

    fn sandbox_folder(&self) -> std::path::PathBuf {
        self.home.state().join("sandboxes/agent-main")
    }
}

fn offered(request: &Value) -> Vec<&str> {
    let tools = request["tools"].as_array().unwrap().iter();
    tools
        .map(|tool| tool["function"]["name"].as_str().unwrap())
        .collect()
}

#[test]
fn a_command_sees_and_changes_nothing_but_its_own_folder() {
    let house = House::new(json!({"mode": "all"}));
    let home = house.home.path().display();
    let told = house.runs(
        None,
        &[
            &format!("cat {home}/secret.txt"),
            &format!("ls {home}"),
            &format!("cat {home}/clawd/note.txt"),
            &format!("cat {home}/.clawdbot/moltbot.json"),
            &format!("echo x > {home}/new.txt"),
            &format!("rm -f {home}/clawd/note.txt"),
            &format!("ln -s {home}/secret.txt link && cat link"),
            "echo mine > made.txt && cat made.txt AGENTS.md && echo tmp > $TMPDIR/t && cat $TMPDIR/t && pwd && env",
        ],
    );
    for refused in &told[..7] {
        assert!(refused.contains("Command exited with code"), "{refused}");
        assert!(
            !refused.contains(CANARY) && !refused.contains("baseUrl"),
            "{refused}"
        );
    }
    let worked = &told[7];
    for part in ["mine", "Rules of the house.", "tmp", "sandboxes/agent-main"] {
        assert!(worked.contains(part), "{worked}");
    }
    assert!(!worked.contains(&format!("HOME={home}\n")), "{worked}");
    assert!(!house.home.path().join("new.txt").exists());
    assert_eq!(house.home.read("clawd/note.txt"), "a note");
    assert!(house.sandbox_folder().join("made.txt").exists());
}

#[test]
fn terminals_and_the_background_are_confined_too() {
    let house = House::new(json!({"mode": "all"}));
    let secret = house.home.path().join("secret.txt").display().to_string();
    let on_terminal = format!("test -t 1 && echo terminal; cat {secret}; echo mine > pty.txt");
    let behind = format!("cat {secret} > leak.txt; echo $? > code.txt; mv code.txt done.txt");
    let (told, _) = house.calls(
        None,
        &[
            ("exec", json!({"command": on_terminal, "pty": true})),
            ("exec", json!({"command": behind, "background": true})),
            (
                "exec",
                json!({"command": "until test -e done.txt; do sleep 0.05; done; cat leak.txt done.txt"}),
            ),
        ],
    );
    assert!(told[0].contains("terminal"), "{}", told[0]);
    assert!(told[2].contains('1'), "{}", told[2]);
    for text in &told {
        assert!(!text.contains(CANARY), "{text}");
    }
    assert!(house.sandbox_folder().join("pty.txt").exists());
}

#[test]
fn there_is_no_network_unless_the_owner_says_so() {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let connect = format!("bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port} && echo connected'");
    for (network, is_on) in [("none", false), ("bridge", true), ("own-net", false)] {
        let house = House::new(json!({"mode": "all", "docker": {"network": network}}));
        let told = house.runs(None, &[&connect]);
        assert_eq!(
            told[0].contains("connected"),
            is_on,
            "{network}: {}",
            told[0]
        );
    }
}

#[test]
fn only_conversations_that_the_mode_names_are_sandboxed() {
    let house = House::new(json!({"mode": "non-main", "scope": "session"}));
    let read = format!("cat {}/secret.txt", house.home.path().display());
    let main = house.runs(None, &[&read]);
    assert!(main[0].contains(CANARY), "{}", main[0]);
    let other = house.runs(Some("other"), &[&read, "touch here"]);
    assert!(!other[0].contains(CANARY), "{}", other[0]);
    let folder = house.home.state().join("sandboxes/agent.main.other");
    assert!(folder.join("here").exists());
}

#[test]
fn an_agents_folder_that_may_only_be_read_is_not_changed() {
    let house = House::new(json!({"mode": "all", "workspaceAccess": "ro"}));
    let (told, request) = house.calls(
        None,
        &[
            ("exec", json!({"command": "cat note.txt"})),
            ("exec", json!({"command": "echo changed > note.txt"})),
            (
                "exec",
                json!({"command": "echo t > $TMPDIR/t && cat $TMPDIR/t"}),
            ),
            ("read", json!({"path": "note.txt"})),
            ("write", json!({"path": "note.txt", "content": "changed"})),
        ],
    );
    assert!(told[0].contains("a note"), "{}", told[0]);
    assert!(told[1].contains("Command exited with code"), "{}", told[1]);
    assert_eq!(told[2].trim(), "t");
    assert!(told[3].contains("a note"), "{}", told[3]);
    assert_eq!(house.home.read("clawd/note.txt"), "a note");
    let offered = offered(&request);
    assert!(offered.contains(&"exec") && offered.contains(&"read"));
    for gone in ["write", "edit", "apply_patch"] {
        assert!(!offered.contains(&gone), "{offered:?}");
    }
    assert!(!told[4].contains("wrote"), "{}", told[4]);
}

#[test]
fn an_agents_folder_that_may_be_written_is_where_it_works() {
    let house = House::new(json!({"mode": "all", "workspaceAccess": "rw"}));
    let told = house.runs(
        None,
        &[
            "cat note.txt && echo changed > note.txt",
            "cat ../secret.txt",
        ],
    );
    assert!(told[0].contains("a note"), "{}", told[0]);
    assert!(!told[1].contains(CANARY), "{}", told[1]);
    assert_eq!(house.home.read("clawd/note.txt").trim(), "changed");
}

#[test]
fn file_tools_stay_in_the_sandbox_and_others_are_not_there() {
    let house = House::new(json!({"mode": "all"}));
    let home = house.home.path();
    std::fs::create_dir_all(house.sandbox_folder()).unwrap();
    std::os::unix::fs::symlink(home, house.sandbox_folder().join("link")).unwrap();
    let (told, request) = house.calls(
        None,
        &[
            ("read", json!({"path": home.join("secret.txt")})),
            ("read", json!({"path": "link/secret.txt"})),
            ("read", json!({"path": home.join(".clawdbot/moltbot.json")})),
            ("write", json!({"path": "link/new.txt", "content": "x"})),
            (
                "edit",
                json!({"path": "~/secret.txt", "oldText": CANARY, "newText": "x"}),
            ),
            ("read", json!({"path": "AGENTS.md"})),
        ],
    );
    for text in &told[..5] {
        assert!(text.contains("Path escapes sandbox root ("), "{text}");
        assert!(!text.contains(CANARY), "{text}");
    }
    assert!(told[5].contains("Rules of the house."), "{}", told[5]);
    assert!(!home.join("new.txt").exists());
    assert_eq!(house.home.read("secret.txt"), CANARY);
    let offered = offered(&request);
    assert!(!offered.contains(&"web_fetch"), "{offered:?}");
    let system = request["messages"][0]["content"].as_str().unwrap();
    assert!(system.contains("You work in a sandbox.") && system.contains("sandboxes/agent-main"));
}

#[test]
fn programs_in_the_path_run_and_what_the_owner_grants_is_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let house = House::new(json!({"mode": "all", "readable": ["~/toolchain"]}));
    let program = house.home.write(
        ".local/bin/greet",
        "#!/bin/sh\ncat \"$(dirname \"$0\")/../../toolchain/word\"\n",
    );
    std::fs::set_permissions(program, std::fs::Permissions::from_mode(0o755)).unwrap();
    house
        .home
        .write("toolchain/word", "hello from the toolchain");
    let told = house.runs(
        None,
        &["greet", "echo x > $(dirname $(command -v greet))/y"],
    );
    assert!(told[0].contains("hello from the toolchain"), "{}", told[0]);
    assert!(told[1].contains("Command exited with code"), "{}", told[1]);
}

#[test]
fn what_cannot_be_confined_does_not_run() {
    let home = Home::new();
    let broken = run(&home, &["sandboxed", "{}", "--", "/bin/echo", "ran"]);
    assert_eq!(broken.code, Some(126));
    assert!(
        !broken.stdout.contains("ran") && broken.stderr.contains("was not run"),
        "{broken:?}"
    );
    // A process can be confined sixteen times; then the system refuses.
    let plan = json!({"readable": ["/"], "writable": ["/"], "network": true,
        "limits": {"cpuSeconds": null, "memory": null, "fileSize": null}})
    .to_string();
    let program = env!("CARGO_BIN_EXE_moltbot");
    let nested = |times: usize| {
        let mut args = vec!["sandboxed", &plan, "--"];
        for _ in 1..times {
            args.extend([program, "sandboxed", &plan, "--"]);
        }
        args.extend(["/bin/echo", "ran"]);
        run(&home, &args)
    };
    assert!(nested(2).ok().stdout.contains("ran"));
    let refused = nested(40);
    assert_eq!(refused.code, Some(126), "{refused:?}");
    assert!(!refused.stdout.contains("ran"));
    assert!(
        refused.stderr.contains("could not be confined"),
        "{refused:?}"
    );
}

/// What is told of a house, and the finding of `doctor`.
fn explained(house: &House, args: &[&str]) -> (Value, Value) {
    let server = block_on(ScriptedServer::start(Script::new()));
    house.configure(&server);
    let mut line = vec!["sandbox", "explain", "--json"];
    line.extend(args);
    let explained = house.home.json(&line);
    let report = house.home.json(&["doctor", "--json"]);
    let checks = report["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["id"] == "sandbox");
    (explained, check.cloned().unwrap_or_default())
}

#[test]
fn what_holds_is_tried_out_and_told() {
    let house = House::new(json!({"mode": "non-main", "workspaceAccess": "ro"}));
    let (main, check) = explained(&house, &[]);
    assert_eq!(main["sessionIsSandboxed"], false);
    assert_eq!(main["enforced"], Value::Null);
    assert_eq!(check["status"], "ok", "{check}");
    let (other, _) = explained(&house, &["--session", "other"]);
    assert_eq!(other["sessionKey"], "agent:main:other");
    assert_eq!(other["sessionIsSandboxed"], true);
    assert_eq!(other["enforced"]["holds"], true, "{other:#}");
    assert_eq!(other["elevated"]["available"], true);
    assert_eq!(other["elevated"]["level"], "off");
    assert!(other["enforced"]["findings"].as_array().unwrap().len() >= 6);
    let text = house.home.ok(&["sandbox", "explain", "--session", "other"]);
    assert!(
        text.contains("holds") && !text.contains("does not hold"),
        "{text}"
    );
    assert!(
        !house.home.state().join("sandboxes").exists(),
        "telling makes nothing"
    );
    let off = House::new(json!({"mode": "off"}));
    assert_eq!(explained(&off, &[]).1, Value::Null);
}

#[test]
fn a_sandbox_that_is_weaker_than_asked_is_told() {
    let house = House::new(json!({"mode": "all", "readable": ["~"]}));
    let (told, check) = explained(&house, &[]);
    assert_eq!(told["enforced"]["holds"], false);
    assert_eq!(check["status"], "warn");
    let detail = check["detail"].as_str().unwrap();
    assert!(detail.contains("read a folder outside"), "{detail}");
    let docker = json!({"image": "debian", "pidsLimit": 5});
    let docker = House::new(json!({"mode": "all", "backend": "kernel", "docker": docker}));
    let (told, check) = explained(&docker, &[]);
    assert_eq!(
        told["leftAside"],
        json!(["docker.image", "docker.pidsLimit"])
    );
    assert_eq!(told["enforced"]["holds"], true);
    let detail = check["detail"].as_str().unwrap();
    assert!(
        check["status"] == "warn" && detail.contains("docker.pidsLimit"),
        "{check}"
    );
}

#[test]
fn a_container_that_cannot_be_had_is_replaced_by_nothing() {
    // Whether this machine has an engine or none: nobody has this image.
    let docker = json!({"image": "moltbot-nobody-has-this:1"});
    let house = House::new(json!({"mode": "all", "docker": docker}));
    let (told, check) = explained(&house, &[]);
    let asks = "sandbox.docker.image asks for a container, and ";
    assert_eq!(told["container"]["key"], "sandbox.docker.image");
    assert_eq!(told["enforced"]["holds"], false);
    let error = told["enforced"]["error"].as_str().unwrap();
    assert!(error.starts_with(asks), "{error}");
    let detail = check["detail"].as_str().unwrap();
    assert!(
        detail.contains(asks) && detail.contains("commands are refused"),
        "{detail}"
    );
    let told = house.runs(None, &["touch made.txt"]);
    assert!(
        told[0].contains(asks) && told[0].contains("sandbox.backend"),
        "{}",
        told[0]
    );
    assert!(!house.sandbox_folder().join("made.txt").exists());
    let list = house.home.json(&["sandbox", "list", "--json"]);
    assert_eq!(list["containers"], json!([]));
}

#[test]
fn its_tools_see_no_other_conversations_unless_the_owner_lets_them() {
    for (visibility, sees) in [("spawned", false), ("all", true)] {
        let house = House::new(json!({"mode": "non-main", "sessionToolsVisibility": visibility}));
        house.runs(None, &["true"]);
        let (told, _) = house.calls(
            Some("other"),
            &[
                ("sessions_list", json!({})),
                ("sessions_history", json!({"sessionKey": "agent:main:main"})),
            ],
        );
        assert_eq!(told[0].contains("agent:main:main"), sees, "{}", told[0]);
        let is_refused = told[1].contains("sandbox.sessionToolsVisibility");
        assert_eq!(is_refused, !sees, "{}", told[1]);
    }
}
