//! A real model inside the program's own process.

use std::io::Write;
use std::path::PathBuf;
use std::process::Stdio;

use moltbot_agent::SessionKey;
use moltbot_store::Store;
use serde_json::Value;

use crate::setup::{Home, err, out};

/// The model that `scripts/fetch-test-model` fetches.
pub(crate) fn model_file() -> PathBuf {
    let path = std::env::var_os("MOLTBOT_TEST_MODEL").map_or_else(
        || {
            // Beside the profile's folder, wherever the target directory is.
            PathBuf::from(env!("CARGO_BIN_EXE_moltbot"))
                .ancestors()
                .nth(2)
                .unwrap()
                .join("test-models/SmolLM2-135M-Instruct.Q4_1.gguf")
        },
        PathBuf::from,
    );
    assert!(
        path.exists(),
        "{} is missing: run scripts/fetch-test-model",
        path.display()
    );
    path
}

/// A home without any configuration, in which the model is installed.
fn home() -> Home {
    let home = Home::new();
    home.ok(&["models", "pull", model_file().to_str().unwrap()]);
    home
}

/// The answers of the main session, as they were stored.
fn answers(home: &Home) -> Vec<Value> {
    moltbot_testkit::block_on(async {
        let store = Store::open(home.state().join("moltbot.db")).unwrap();
        let session = store
            .session(&SessionKey::main("main").to_string(), "main")
            .await
            .unwrap();
        let entries = store.transcript(&session.session_id).await.unwrap();
        entries
            .iter()
            .map(|entry| serde_json::from_str::<Value>(&entry.body).unwrap())
            .filter(|message| message["role"] == "assistant")
            .collect()
    })
}

#[test]
fn with_no_configuration_at_all_it_chats_and_reads_only_what_is_new() {
    let home = home();
    let mut child = home
        .command(&["chat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"My name is Ada. Say hello.\nWhat is my name? Answer in one short sentence.\n")
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", err(&output));
    assert!(!out(&output).trim().is_empty());
    let said = err(&output);
    assert!(
        said.contains("local/smollm2-135m-instruct.q4_1"),
        "it names the model: {said}"
    );
    assert!(
        said.contains("moltbot models recommend"),
        "and how to get a better one: {said}"
    );

    let answers = answers(&home);
    assert_eq!(answers.len(), 2);
    let count = |turn: usize, name: &str| answers[turn]["usage"][name].as_u64().unwrap();
    assert_eq!(count(0, "cacheRead"), 0);
    // All of the first turn, question and answer, was kept; only the second question was read.
    let first = count(0, "input") + count(0, "output");
    assert!(count(1, "cacheRead") + 1 >= first, "{answers:?}");
    assert!(count(1, "input") < count(0, "input"), "{answers:?}");
}

#[test]
fn the_engine_is_a_rung_like_any_other() {
    let home = home();
    home.write(
        ".clawdbot/moltbot.json",
        r#"{
            agents: { defaults: { model: { primary: "box/m", fallbacks: ["local/smollm2-135m-instruct.q4_1"] } } },
            models: { providers: { box: { baseUrl: "http://127.0.0.1:9", models: [] } } },
        }"#,
    );
    let output = home.moltbot(&["agent", "--message", "Say hi."]);
    assert!(output.status.success(), "{}", err(&output));
    assert!(
        err(&output).contains("Answered by local/smollm2-135m-instruct.q4_1"),
        "{}",
        err(&output)
    );
}

#[test]
fn a_damaged_or_missing_model_file_is_one_sentence() {
    let home = home();
    let file = home.state().join("models/smollm2-135m-instruct.q4_1.gguf");
    let whole = std::fs::read(&file).unwrap();
    // The installed file may share its bytes with the test model: replace it, never write into it.
    std::fs::remove_file(&file).unwrap();
    std::fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    let said = home.fails(&["agent", "--message", "hi"]);
    assert!(
        said.contains("GGUF") && said.contains("moltbot models pull"),
        "{said}"
    );
    assert_eq!(said.trim().lines().count(), 1, "{said}");

    let said = home.fails(&["agent", "--message", "hi", "--model", "local/no-such-model"]);
    assert!(said.contains("moltbot models pull no-such-model"), "{said}");
}
