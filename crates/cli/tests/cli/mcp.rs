//! `moltbot mcp`, and an agent that uses a server's tool.

use moltbot_testkit::{Part, Script, ScriptedServer, When, block_on, openai_chat};
use serde_json::{Value, json};

use crate::fixtures::run;
use crate::setup::Home;

/// A server in a shell, with one tool.
const SERVER: &str = r#"
while read -r line; do
  id=$(printf %s "$line" | sed -n 's/.*"id":\([0-9]*\).*/\1/p')
  case "$line" in
    *'"initialize"'*) result='{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"s","version":"1"}}' ;;
    *'"tools/list"'*) result='{"tools":[{"name":"look","description":"Looks.","inputSchema":{"type":"object"}}]}' ;;
    *'"tools/call"'*) result='{"content":[{"type":"text","text":"a heron"}]}' ;;
    *) continue ;;
  esac
  printf '{"jsonrpc":"2.0","id":%s,"result":%s}\n' "$id" "$result"
done
"#;

/// A home whose model `box/small` is this server, with these servers of tools.
fn home(base_url: &str, servers: Value) -> Home {
    let config = json!({
        "models": {"providers": {"box": {
            "baseUrl": base_url,
            "models": [{"id": "small", "name": "Small", "contextWindow": 32768}],
        }}},
        "agents": {"defaults": {"model": {"primary": "box/small"}}},
        "mcp": {"servers": servers},
    });
    let home = Home::with_config(config.to_string());
    home.write("server.sh", SERVER);
    home
}

fn pond(trust: &str) -> Value {
    json!({"command": "/bin/sh", "args": ["~/server.sh"], "trust": trust})
}

#[test]
fn servers_are_listed_and_asked() {
    let home = home(
        &crate::fixtures::nobody(),
        json!({"gone": {"command": "/nonexistent"}, "off": {"command": "x", "enabled": false}, "pond": pond("none")}),
    );
    let text = home.ok(&["mcp", "list"]);
    assert_eq!(
        text,
        "Server  State          Tools  Where\n\
         gone    not asked yet  0      /nonexistent\n\
         off     off            0\n\
         pond    not asked yet  0      /bin/sh\n"
    );
    assert_eq!(
        home.ok(&["mcp", "probe", "pond"]),
        "pond answers; 1 of its tools are offered.\npond__look\n"
    );
    let said = run(&home, &["mcp", "probe", "gone"]);
    assert_eq!(said.code, Some(1));
    assert!(
        said.stderr
            .contains("The MCP server \"gone\" could not be started: /nonexistent"),
        "{said:?}"
    );
    let listed = home.json(&["mcp", "list", "--json"]);
    let states: Vec<&str> = (0..3)
        .map(|at| listed[at]["state"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["failed", "off", "ready"]);
    assert_eq!(listed[2]["tools"], json!(["pond__look"]));
    assert!(
        listed[0]["lastError"]
            .as_str()
            .unwrap()
            .contains("could not be started")
    );
    assert!(home.ok(&["mcp", "list"]).contains("pond    ready   1"));

    let none = Home::with_config("{}");
    assert!(none.ok(&["mcp", "list"]).starts_with("No MCP servers."));
}

#[test]
fn an_agent_uses_a_servers_tool_as_far_as_the_owner_vouches_for_it() {
    for (trust, told) in [("readOnly", "a heron"), ("none", "pond__look would send")] {
        let call = Part::ToolCall {
            id: "call_1",
            name: "pond__look",
            arguments: "{}",
        };
        let chat = || When::post("/v1/chat/completions");
        // What comes back is text from outside; whom the owner vouches for is asked again all the same.
        let script = Script::new()
            .on(chat().once(), openai_chat(std::slice::from_ref(&call)))
            .on(chat().once(), openai_chat(&[call]))
            .on(chat(), openai_chat(&[Part::Text("Done.")]));
        let server = block_on(ScriptedServer::start(script));
        let home = home(
            &server.base_url(),
            json!({"gone": {"command": "/nonexistent"}, "pond": pond(trust)}),
        );
        let said = run(&home, &["agent", "--message", "look"]).ok();
        assert_eq!(said.stdout, "Done.\n");
        assert_eq!(
            said.stderr.matches("The MCP server \"gone\"").count(),
            1,
            "{said:?}"
        );
        let posts = server.posts();
        let offered = posts[0].json()["tools"].to_string();
        assert!(offered.contains("pond__look"), "{offered}");
        assert_eq!(posts.len(), 3);
        for asked in &posts[1..] {
            let asked = asked.json();
            let result = asked["messages"].as_array().unwrap().last().unwrap();
            assert!(
                result["content"].as_str().unwrap().contains(told),
                "{result}"
            );
        }
    }
}
