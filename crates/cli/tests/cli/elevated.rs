//! Commands of a sandboxed conversation that leave it, through the program as it is.

use moltbot_testkit::{Part, Script, ScriptedServer, When, block_on, openai_chat};
use serde_json::{Value, json};

use crate::fixtures::{Said, run};
use crate::setup::Home;

const CANARY: &str = "canary-51bd";

/// A home with a secret in it, whose conversations are sandboxed.
struct House(Home);

impl House {
    fn new() -> Self {
        let home = Home::new();
        home.write("secret.txt", CANARY);
        Self(home)
    }

    fn configure(&self, base_url: &str, elevated: &Value) {
        let config = json!({
            "agents": {"defaults": {"model": {"primary": "box/m"}, "sandbox": {"mode": "all"}}},
            "tools": {"elevated": elevated},
            "models": {"providers": {"box": {"baseUrl": base_url,
                "models": [{"id": "m", "name": "M", "contextWindow": 32768}]}}},
        });
        self.0.write(".clawdbot/moltbot.json", config.to_string());
    }

    fn read(&self) -> String {
        format!("cat {}/secret.txt", self.0.path().display())
    }

    /// What is said to an order that asks no model.
    fn orders(&self, order: &str, elevated: &Value) -> Said {
        self.configure("http://127.0.0.1:9/v1", elevated);
        run(&self.0, &["agent", "-m", order])
    }

    /// Says this, has the model make these calls one after another, and gives what each came to
    /// and what the model was asked at last.
    fn calls(&self, says: &str, elevated: &Value, calls: &[Value]) -> (Vec<String>, Value) {
        let mut script = Script::new();
        for call in calls {
            let call = Part::ToolCall {
                id: "call_1",
                name: "exec",
                arguments: &call.to_string(),
            };
            let chat = When::post("/v1/chat/completions").once();
            script = script.on(chat, openai_chat(&[call]));
        }
        let script = script.on(
            When::post("/v1/chat/completions"),
            openai_chat(&[Part::Text("Done.")]),
        );
        let server = block_on(ScriptedServer::start(script));
        self.configure(&server.base_url(), elevated);
        let said = run(&self.0, &["agent", "-m", says]);
        assert_eq!(said.code, Some(0), "{said:?}");
        let body = server.posts().last().unwrap().json();
        let messages = body["messages"].as_array().unwrap();
        let results = messages.iter().filter(|message| message["role"] == "tool");
        let results = results.map(|message| message["content"].as_str().unwrap().to_owned());
        let mut results: Vec<String> = results.collect();
        let results = results.split_off(results.len() - calls.len());
        (results, body)
    }
}

#[test]
fn what_the_sandbox_refuses_works_once_the_owner_says_so() {
    let house = House::new();
    let (read, any) = (house.read(), json!({}));
    // The order of the command is the owner's yes to it, inside as outside.
    let order = format!("Do it.\nRun {read}");
    let call = [json!({"command": read})];
    let (told, body) = house.calls(&order, &any, &call);
    assert!(told[0].contains("Command exited with code"), "{told:?}");
    assert!(!body.to_string().contains(CANARY), "{body:#}");

    let said = house.orders("/elevated on", &any).ok().stdout;
    assert!(
        said.contains("⚙️ Elevated mode set to ask (approvals may still apply)."),
        "{said}"
    );
    // What is not ordered word for word needs the owner's yes, to this call outside.
    house.orders("/new", &any).ok();
    let (told, _) = house.calls("Look into my secret.", &any, &call);
    assert!(told[0].contains("outside the sandbox"), "{told:?}");
    let id = told[0].split("moltbot approvals allow ").nth(1).unwrap();
    let id = id.split('`').next().unwrap();
    run(&house.0, &["approvals", "allow", id]).ok();
    let (told, body) = house.calls("I said yes.", &any, &call);
    assert!(told[0].contains(CANARY), "{told:?}");
    assert!(
        body.to_string().contains("exec runs outside the sandbox"),
        "{body:#}"
    );

    // A new transcript keeps it, an order is a yes, a call may stay inside, and the owner goes back.
    house.orders("/new", &any).ok();
    let said = house.orders("/elevated", &any);
    assert!(said.ok().stdout.contains("Current elevated level: on."));
    let (told, _) = house.calls(&order, &any, &call);
    assert!(told[0].contains(CANARY), "{told:?}");
    house.orders("/new", &any).ok();
    let inside = [json!({"command": read, "elevated": false})];
    let (told, _) = house.calls(&order, &any, &inside);
    assert!(told[0].contains("Command exited with code"), "{told:?}");
    let explained = house.0.json(&["sandbox", "explain", "--json"]);
    assert_eq!(explained["elevated"]["level"], "on", "{explained:#}");
    house.orders("/new", &any).ok();
    let said = house.orders("/elevated off", &any);
    assert!(said.ok().stdout.contains("⚙️ Elevated mode disabled."));
    let asked = [json!({"command": read, "elevated": true})];
    let (told, _) = house.calls(&order, &any, &asked);
    assert!(
        told[0].contains("elevated is not available right now (runtime=sandboxed)."),
        "{told:?}"
    );
}

#[test]
fn full_asks_about_nothing_until_outside_text_was_read() {
    let house = House::new();
    let (read, any) = (house.read(), json!({}));
    // What a command printed is text from outside: the second is asked about.
    let calls = [json!({"command": read}), json!({"command": read})];
    let (told, _) = house.calls("/elevated full look into my secret", &any, &calls);
    assert!(told[0].contains(CANARY), "{told:?}");
    assert!(told[1].contains("nobody can be asked here"), "{told:?}");
    // It held for that message alone.
    house.orders("/new", &any).ok();
    let (told, _) = house.calls("Look again.", &any, &calls[..1]);
    assert!(told[0].contains("nobody can be asked here"), "{told:?}");
    assert!(!told[0].contains("outside the sandbox"), "{told:?}");
}

#[test]
fn what_is_switched_off_is_off_for_whoever_sits_here_too() {
    let house = House::new();
    let off = json!({"enabled": false});
    let refusal = "elevated is not available right now (runtime=sandboxed).\n\
        Failing gates: enabled (tools.elevated.enabled)\n\
        See: moltbot sandbox explain --session agent:main:main";
    let said = house.orders("/elevated full", &off);
    assert!(said.stdout.contains(refusal), "{said:?}");
    // Neither does what was set before.
    house.orders("/elevated full", &json!({})).ok();
    let read = [json!({"command": house.read()})];
    let order = format!("Do it.\nRun {}", house.read());
    let (told, body) = house.calls(&order, &off, &read);
    assert!(told[0].contains("Command exited with code"), "{told:?}");
    assert!(!body.to_string().contains(CANARY), "{body:#}");
    let explained = house.0.json(&["sandbox", "explain", "--json"]);
    assert_eq!(explained["elevated"]["available"], false, "{explained:#}");
    assert_eq!(
        explained["elevated"]["failing"][0]["key"],
        "tools.elevated.enabled"
    );
}
