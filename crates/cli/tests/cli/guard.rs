//! `moltbot guard explain`: what would be decided about a call.

use moltbot_testkit::{Part, Script, ScriptedServer, When, block_on, openai_chat};
use serde_json::json;

use crate::fixtures::box_config;
use crate::setup::Home;

#[test]
fn a_call_is_explained_by_what_was_said_and_not_made() {
    let script = Script::new().on(
        When::post("/v1/chat/completions"),
        openai_chat(&[Part::Text("Ok.")]),
    );
    let server = block_on(ScriptedServer::start(script));
    let home = Home::with_config(box_config(&server.base_url()));
    let call = [
        "guard",
        "explain",
        "exec",
        r#"{"command":"touch made"}"#,
        "--json",
    ];
    let explained = home.json(&call);
    assert_eq!(
        (&explained["verdict"], &explained["rule"]),
        (&json!("ask"), &json!("run"))
    );
    assert_eq!(explained["targets"][0]["grade"], "unknown");
    home.ok(&["agent", "-m", "Run touch made"]);
    let explained = home.json(&call);
    assert_eq!(
        (&explained["verdict"], &explained["rule"]),
        (&json!("allow"), &json!("run-ordered"))
    );
    assert_eq!(
        explained["label"],
        json!({"source": "owner", "visibility": "public"})
    );
    assert!(!home.path().join("clawd/made").exists());
    home.ok(&["config", "set", "tools.guard.preset", "strict"]);
    assert_eq!(home.json(&call)["verdict"], "ask");
    let text = home.ok(&call[..4]);
    assert!(
        text.contains("run-ordered") && text.contains("touch made (named)"),
        "{text}"
    );
}
