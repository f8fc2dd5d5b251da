//! The configuration blocks of the manual page on local models, word for word.

use std::fs::File;
use std::path::PathBuf;

use moltbot_testkit::{
    Part, Script, ScriptedServer, When, anthropic_messages, block_on, models_list, openai_responses,
};
use serde_json::json;

use crate::setup::{Home, err, out};

/// The blocks name fixed ports, so their tests take turns, whether they run as threads or as processes.
fn ports() -> File {
    let lock = File::create(std::env::temp_dir().join("moltbot-test-ports.lock")).unwrap();
    lock.lock().unwrap();
    lock
}

/// The page in each language: in the folder that `MOLTBOT_SEEDS` names, else in the one kept beside the checkout. Where
/// neither is there, there is nothing to check.
fn pages() -> Vec<String> {
    let named = std::env::var_os("MOLTBOT_SEEDS").map(PathBuf::from);
    let kept = PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/seeds"
    ));
    if named.is_none() && !kept.is_dir() {
        return Vec::new();
    }
    let dir = named.unwrap_or(kept);
    ["local-models.en.txt", "local-models.zh-CN.md"]
        .iter()
        .map(|name| {
            let path = dir.join(name);
            std::fs::read_to_string(&path)
                .unwrap_or_else(|e| panic!("{} cannot be read: {e}", path.display()))
        })
        .collect()
}

/// The blocks of a page: each runs from a line `{` to the line `}` that closes it.
fn blocks(page: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut block: Option<String> = None;
    for line in page.lines() {
        if line == "{" {
            block = Some(String::new());
        }
        if let Some(text) = &mut block {
            text.push_str(line);
            text.push('\n');
        }
        if line == "}"
            && let Some(text) = block.take()
        {
            blocks.push(text);
        }
    }
    blocks
}

/// Recommended, hybrid, other proxies; the page in both languages.
fn three(page: &str) -> [String; 3] {
    blocks(page).try_into().expect("the page has three blocks")
}

/// "Swap the primary and fallback order", as the page tells the reader to.
fn swapped(hybrid: &str) -> String {
    let swapped = hybrid
        .replace(
            r#"primary: "anthropic/claude-sonnet-4-5""#,
            r#"primary: "lmstudio/minimax-m2.1-gs32""#,
        )
        .replace(
            r#"["lmstudio/minimax-m2.1-gs32", "anthropic/claude-opus-4-5"]"#,
            r#"["anthropic/claude-sonnet-4-5", "anthropic/claude-opus-4-5"]"#,
        );
    assert_ne!(swapped, hybrid);
    swapped
}

/// A home that includes the block as it stands, beside a file that sends hosted requests to a server of the test's.
fn beside_hosted(block: &str, hosted: &ScriptedServer) -> Home {
    let home = Home::with_config(r#"{ "$include": ["./block.json5", "./hosted.json5"] }"#);
    home.write(".clawdbot/block.json5", block);
    let provider = json!({"baseUrl": hosted.origin(), "apiKey": "test", "models": []});
    home.write(
        ".clawdbot/hosted.json5",
        json!({"models": {"providers": {"anthropic": provider}}}).to_string(),
    );
    home
}

fn local(port: u16) -> ScriptedServer {
    let script = Script::new()
        .on(
            When::get("/v1/models"),
            models_list(&["minimax-m2.1-gs32", "my-local-model"]),
        )
        .on(
            When::post("/v1/responses"),
            openai_responses(&[Part::Thinking("Hm."), Part::Text("From the local box.")]),
        );
    block_on(ScriptedServer::start_on(port, script))
        .unwrap_or_else(|e| panic!("port {port}, which the page names, is taken: {e}"))
}

fn hosted() -> ScriptedServer {
    let script = Script::new().on(
        When::post("/v1/messages").api_key("test"),
        anthropic_messages(&[Part::Text("From the hosted model.")]),
    );
    block_on(ScriptedServer::start(script))
}

fn ask(home: &Home) -> String {
    home.ok(&["agent", "--message", "hi"])
}

#[test]
fn every_block_is_accepted_as_it_stands() {
    for page in pages() {
        let [recommended, hybrid, other] = three(&page);
        for block in [recommended, swapped(&hybrid), hybrid, other] {
            let home = Home::with_config(&block);
            let output = home.moltbot(&["config", "validate"]);
            assert!(output.status.success(), "{}", err(&output));
            assert_eq!(err(&output), "", "no notice: all of the block is acted on");
        }
    }
}

#[test]
fn the_recommended_block_asks_lm_studio_through_the_responses_api() {
    let _ports = ports();
    for page in pages() {
        let server = local(1234);
        let home = Home::with_config(&three(&page)[0]);
        assert_eq!(ask(&home), "From the local box.\n");
        let request = &server.posts()[0];
        assert_eq!(request.path, "/v1/responses");
        assert_eq!(request.json()["model"], "minimax-m2.1-gs32");
        assert_eq!(request.json()["max_output_tokens"], 8192);
        assert_eq!(request.header("authorization"), Some("Bearer lmstudio"));
        // The alias of the block names the model.
        home.ok(&["agent", "--message", "hi", "--model", "minimax"]);
    }
}

#[test]
fn hybrid_asks_the_hosted_model_first_and_the_local_one_when_it_fails() {
    let _ports = ports();
    for page in pages() {
        let hybrid = &three(&page)[1];
        let (box_, cloud) = (local(1234), hosted());
        assert_eq!(
            ask(&beside_hosted(hybrid, &cloud)),
            "From the hosted model.\n"
        );
        assert_eq!(box_.requests().len(), 0);
        // As it stands, without a key: nothing is sent to the vendor, the local model answers.
        assert_eq!(ask(&Home::with_config(hybrid)), "From the local box.\n");
        cloud.shutdown();
        assert_eq!(ask(&beside_hosted(hybrid, &cloud)), "From the local box.\n");
    }
}

#[test]
fn with_the_local_server_down_hybrid_and_local_first_answer_from_the_next_rung() {
    let _ports = ports();
    for page in pages() {
        let [_, hybrid, _] = three(&page);
        let cloud = hosted();
        assert_eq!(
            ask(&beside_hosted(&hybrid, &cloud)),
            "From the hosted model.\n"
        );
        let home = beside_hosted(&swapped(&hybrid), &cloud);
        let output = home.moltbot(&["agent", "--message", "hi"]);
        assert_eq!(out(&output), "From the hosted model.\n");
        let said = err(&output);
        assert!(
            said.contains("lmstudio at http://127.0.0.1:1234/v1 cannot be reached"),
            "{said}"
        );
        assert!(
            said.contains("Answered by anthropic/claude-sonnet-4-5"),
            "{said}"
        );
    }
}

#[test]
fn the_block_for_other_proxies_asks_its_port() {
    let _ports = ports();
    for page in pages() {
        let server = local(8000);
        let home = Home::with_config(&three(&page)[2]);
        assert_eq!(
            home.ok(&[
                "agent",
                "--message",
                "hi",
                "--model",
                "local/my-local-model"
            ]),
            "From the local box.\n"
        );
        let request = &server.posts()[0];
        assert_eq!(request.json()["model"], "my-local-model");
        assert_eq!(request.header("authorization"), Some("Bearer sk-local"));
    }
}
