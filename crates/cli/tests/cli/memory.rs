//! `moltbot memory`, as a person uses it.

use moltbot_testkit::{Reply, Script, ScriptedServer, When, block_on};
use serde_json::{Value, json};

use crate::fixtures::run;
use crate::setup::Home;

/// A home with notes of two agents, and this `memorySearch`.
fn home(memory: Value) -> Home {
    let home = Home::with_config(
        json!({"agents": {
            "defaults": {"memorySearch": memory},
            "list": [{"id": "main"}, {"id": "work", "memorySearch": {"query": {"maxResults": 1}}}],
        }})
        .to_string(),
    );
    home.write("clawd/MEMORY.md", "# People\nThe dentist is Dr. Wu.\n");
    home.write(
        "clawd/memory/2026-01-02.md",
        "Asked the dentist about Monday.\n",
    );
    home.write("clawd-work/memory/a.md", "The dentist sends an invoice.\n");
    home.write(
        "clawd-work/memory/b.md",
        "The invoice of the dentist is paid.\n",
    );
    home
}

#[test]
fn notes_are_searched_indexed_and_counted() {
    let home = home(json!({}));
    let found = home.json(&["memory", "search", "who is the dentist?", "--json"]);
    assert_eq!(found["results"].as_array().unwrap().len(), 2);
    assert_eq!(found["provider"], "none");
    let text = home.ok(&["memory", "search", "people", "--max-results", "1"]);
    assert_eq!(
        text,
        "1.000  MEMORY.md:1-2\n# People\nThe dentist is Dr. Wu.\n\n"
    );
    assert_eq!(home.ok(&["memory", "search", "xylophone"]), "No matches.\n");
    let work = home.json(&["memory", "search", "dentist", "--agent", "work", "--json"]);
    assert_eq!(
        work["results"].as_array().unwrap().len(),
        1,
        "its own setting: {work}"
    );

    home.write("clawd/memory/new.md", "More.");
    assert_eq!(
        home.ok(&["memory", "index"]),
        "main: read 1 file, removed 0 files\nwork: read 0 files, removed 0 files\n"
    );
    assert_eq!(
        home.ok(&["memory", "index", "--force", "--agent", "main"]),
        "main: read 3 files, removed 0 files\n"
    );
    let status = home.json(&["memory", "status", "--json"]);
    assert_eq!(status[0]["agentId"], "main");
    assert_eq!(status[0]["status"]["files"], 3);
    assert_eq!(status[1]["scan"]["totalFiles"], 2);
    let text = home.ok(&["memory", "status", "--agent", "work"]);
    assert!(
        text.contains("Indexed:    2 of 2 files, 2 pieces"),
        "{text}"
    );
    assert!(
        text.contains("Index:      ~/.clawdbot/memory/work.sqlite"),
        "{text}"
    );
    assert!(
        home.fails(&["memory", "status", "--agent", "nobody"])
            .contains("no agent \"nobody\"")
    );
}

#[test]
fn an_embeddings_server_is_used_and_its_failure_said() {
    let vectors = |request: &moltbot_testkit::Recorded| {
        let count = request.json()["input"].as_array().unwrap().len();
        let data = vec![json!({"embedding": [1, 0]}); count];
        Reply::json(200, &json!({"data": data}))
    };
    let script = Script::new().on_with(When::post("/v1/embeddings").api_key("k"), vectors);
    let server = block_on(ScriptedServer::start(script));
    let remote = json!({"baseUrl": server.base_url(), "apiKey": "k"});
    let home = home(json!({"remote": remote, "model": "tiny"}));
    assert_eq!(
        home.ok(&["memory", "index", "--agent", "main"]),
        "main: read 2 files, removed 0 files, computed 2 vectors\n"
    );
    let found = home.json(&["memory", "search", "Monday", "--json"]);
    assert_eq!(
        (&found["provider"], &found["model"]),
        (&json!("openai"), &json!("tiny"))
    );
    server.shutdown();
    let said = run(&home, &["memory", "search", "Monday"]).ok();
    assert!(said.stdout.contains("2026-01-02.md:1-1"), "{said:?}");
    assert!(said.stderr.contains("cannot be reached"), "{said:?}");
}

#[test]
fn a_search_that_is_off_is_no_failure() {
    let home = home(json!({"enabled": false}));
    for command in [
        &["memory", "status"][..],
        &["memory", "index"],
        &["memory", "search", "x"],
    ] {
        assert!(home.ok(command).contains("switched off"), "{command:?}");
    }
    assert_eq!(
        home.json(&["memory", "search", "x", "--json"])["disabled"],
        true
    );
    assert!(!home.state().join("memory").exists());
}

#[cfg(feature = "engine")]
#[test]
fn a_model_of_the_engine_makes_vectors() {
    let file = crate::engine::model_file();
    let memory = json!({"local": {"modelPath": file}, "query": {"minScore": 0}});
    let home = home(memory);
    assert_eq!(
        home.ok(&["memory", "index", "--agent", "main"]),
        "main: read 2 files, removed 0 files, computed 2 vectors\n"
    );
    let found = home.json(&["memory", "search", "who is the dentist?", "--json"]);
    assert_eq!(found["provider"], "local", "{found}");
    assert_eq!(found["model"], file.file_name().unwrap().to_str().unwrap());
    assert_eq!(found["results"].as_array().unwrap().len(), 2, "{found}");
    assert!(found.get("note").is_none(), "{found}");
    let text = home.ok(&["memory", "status", "--agent", "main"]);
    assert!(text.contains("2 of 2 pieces have theirs"), "{text}");

    // The same model under another name is another one, as far as can be told.
    home.ok(&["models", "pull", file.to_str().unwrap()]);
    let id = file.file_stem().unwrap().to_str().unwrap().to_lowercase();
    let by_id = json!({"agents": {"defaults": {"memorySearch": {
        "provider": "local", "local": {"modelPath": format!("local/{id}")},
    }}}});
    home.write(".clawdbot/moltbot.json", by_id.to_string());
    assert_eq!(
        home.ok(&["memory", "index"]),
        "main: read 0 files, removed 0 files, computed 2 vectors\n"
    );
}

#[test]
fn a_model_that_is_not_there_is_said_and_words_are_enough() {
    for (local, sentence) in [
        (json!({}), "names no model"),
        (
            json!({"modelPath": "~/none.gguf"}),
            "There is no model file ~/none.gguf",
        ),
        (
            json!({"modelPath": "local/none"}),
            "moltbot models pull none",
        ),
        (
            json!({"modelPath": "hf:o/r/none.gguf"}),
            "moltbot models pull hf:o/r/none.gguf",
        ),
    ] {
        let home = home(json!({"provider": "local", "local": local}));
        let said = run(&home, &["memory", "search", "Monday"]).ok();
        assert!(said.stdout.contains("2026-01-02.md:1-1"), "{said:?}");
        assert!(said.stderr.contains(sentence), "{said:?}");
    }
}
