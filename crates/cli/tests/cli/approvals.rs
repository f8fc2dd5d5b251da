//! Questions to the owner, answered from another process, and `moltbot approvals` as the owner uses it.

use moltbot_testkit::{Part, Script, ScriptedServer, When, block_on, openai_chat};
use serde_json::{Value, json};

use crate::fixtures::box_config;
use crate::setup::{Home, err, out};
#[cfg(unix)]
use crate::terminal::Terminal;

/// What the chat shows when it waits for a line.
#[cfg(unix)]
const PROMPT: &str = "› ";

fn chat() -> When {
    When::post("/v1/chat/completions")
}

/// A model that runs this whenever it is asked to, and then says that it is done.
fn runs(command: &str, times: usize) -> Script {
    let arguments = json!({ "command": command }).to_string();
    let call = Part::ToolCall {
        id: "call_1",
        name: "exec",
        arguments: &arguments,
    };
    let mut script = Script::new();
    for _ in 0..times {
        script = script
            .on(chat().once(), openai_chat(std::slice::from_ref(&call)))
            .on(chat().once(), openai_chat(&[Part::Text("That is done.")]));
    }
    script
}

fn home(server: &ScriptedServer) -> Home {
    Home::with_config(box_config(&server.base_url()))
}

#[cfg(unix)]
#[test]
fn what_a_chat_asks_is_answered_from_another_terminal() {
    for (decision, made) in [("allow", true), ("deny", false)] {
        let server = block_on(ScriptedServer::start(runs("echo hello | tee made.txt", 1)));
        let home = home(&server);
        let mut terminal = Terminal::open(&home, &["chat"]);
        terminal.wait_for(PROMPT);
        terminal.line("greet me");
        terminal.wait_for("Allow it? [y/N]");
        let listed = home.json(&["approvals", "list", "--json"]);
        let id = listed["approvals"][0]["id"].as_str().unwrap();
        assert_eq!(
            listed["approvals"][0]["request"]["arguments"]["command"],
            "echo hello | tee made.txt"
        );
        let shown = home.ok(&["approvals", "list"]);
        assert!(
            shown.contains(&id[..8]) && shown.contains("wants to run (exec)"),
            "{shown}"
        );
        home.ok(&["approvals", decision, &id[..8]]);
        terminal.wait_for("Answered elsewhere");
        terminal.wait_for("That is done.");
        terminal.wait_for(PROMPT);
        terminal.line("/exit");
        terminal.wait();
        assert_eq!(home.path().join("clawd/made.txt").exists(), made);
        assert_eq!(
            home.ok(&["approvals", "list"]),
            "Nothing waits for your word.\n"
        );
    }
}

#[test]
fn what_nobody_could_be_asked_about_is_allowed_and_done_when_it_is_wanted_again() {
    let server = block_on(ScriptedServer::start(runs("touch made.txt", 2)));
    let home = home(&server);
    let made = home.path().join("clawd/made.txt");
    let output = home.moltbot(&["agent", "-m", "make it", "--json"]);
    assert!(!made.exists());
    // The program itself says what waits, not the agent alone.
    let told = err(&output);
    assert!(
        told.contains("wants to run (exec)") && told.contains("    touch made.txt (in "),
        "{told}"
    );
    let answer: Value = serde_json::from_str(&out(&output)).unwrap();
    assert_eq!(
        answer["meta"]["approvals"][0]["request"]["arguments"]["command"],
        "touch made.txt"
    );
    let listed = home.json(&["approvals", "list", "--json"]);
    let id = listed["approvals"][0]["id"].as_str().unwrap();
    let said = home.fails(&["approvals", "allow", "nothing"]);
    assert!(said.contains("There is no question \"nothing\""), "{said}");
    let said = home.ok(&["approvals", "allow", id]);
    assert!(
        said.contains("    touch made.txt (in ") && said.ends_with("Allowed once.\n"),
        "{said}"
    );
    let said = home.fails(&["approvals", "deny", id]);
    assert!(said.contains("was answered before: allow-once."), "{said}");
    home.ok(&["agent", "-m", "go on"]);
    assert!(made.exists());
    let all = home.ok(&["approvals", "list", "--all"]);
    assert!(all.contains("allow-once"), "{all}");
}

#[test]
fn what_is_allowed_for_good_can_be_seen_and_changed() {
    let home = Home::with_config("{}");
    assert!(
        home.ok(&["approvals", "get"])
            .contains("nothing is allowed for good")
    );
    let said = home.fails(&["approvals", "allowlist", "add", "rg"]);
    assert!(said.contains("the whole path of a program"), "{said}");
    home.ok(&[
        "approvals",
        "allowlist",
        "add",
        "/usr/bin/rg",
        "--agent",
        "main",
    ]);
    let snapshot = home.ok(&["approvals", "get", "--json"]);
    assert_eq!(snapshot.lines().count(), 1);
    let snapshot = home.json(&["approvals", "get", "--json"]);
    assert_eq!(
        snapshot["file"]["agents"]["main"]["allowlist"][0]["pattern"],
        "/usr/bin/rg"
    );
    assert_eq!(snapshot["exists"], true);
    assert_eq!(snapshot["hash"].as_str().unwrap().len(), 64);
    home.ok(&[
        "approvals",
        "allowlist",
        "remove",
        "/usr/bin/rg",
        "--agent",
        "main",
    ]);
    let said = home.fails(&["approvals", "allowlist", "remove", "/usr/bin/rg"]);
    assert!(said.contains("is not on the list of *"), "{said}");
    home.write("new.json", r#"{"version":1,"defaults":{"ask":"always"}}"#);
    let new = home.path().join("new.json");
    home.ok(&["approvals", "set", "--file", new.to_str().unwrap()]);
    let snapshot = home.json(&["approvals", "get", "--json"]);
    assert_eq!(snapshot["file"]["defaults"]["ask"], "always");
    home.write("new.json", "{}");
    let said = home.fails(&["approvals", "set", "--file", new.to_str().unwrap()]);
    assert!(said.contains("it has no version"), "{said}");
}
