//! `memory_search` and `memory_get` as a model calls them.

use std::sync::Arc;

use moltbot_agent::{Effect, Tool, ToolError};
use moltbot_llm::Provenance;
use moltbot_tools::memory::{Embeddings, Memory, MemoryGet, MemorySearch};
use serde_json::{Value, json};

use super::{Notes, write};
use crate::call::Stage;

async fn found(stage: &Stage, tool: &MemorySearch, arguments: Value) -> Value {
    serde_json::from_str(&stage.text(tool, arguments).await).unwrap()
}

#[tokio::test]
async fn a_search_cites_path_and_lines_and_the_lines_can_be_read() {
    let stage = Stage::new().await;
    let notes = Notes::new(&[
        ("MEMORY.md", "# People\nThe dentist is Dr. Wu, 555-0101.\n"),
        (
            "memory/2026-01-02.md",
            "Bought milk.\r\nCalled the plumber.\r\n",
        ),
        ("AGENTS.md", "The dentist is no note."),
    ]);
    let memory = notes.shared();
    let search = MemorySearch::new(Arc::clone(&memory));
    let got = found(&stage, &search, json!({"query": "When is the dentist?"})).await;
    assert_eq!(
        got,
        json!({"results": [
            {"path": "MEMORY.md", "startLine": 1, "endLine": 2, "score": 1.0,
             "snippet": "# People\nThe dentist is Dr. Wu, 555-0101.", "source": "memory"},
            // "the" is a word, too.
            {"path": "memory/2026-01-02.md", "startLine": 1, "endLine": 2, "score": got["results"][1]["score"],
             "snippet": "Bought milk.\nCalled the plumber.", "source": "memory"},
        ], "provider": "none", "model": "none"})
    );
    let got = found(
        &stage,
        &search,
        json!({"query": "the dentist", "maxResults": 1.0}),
    )
    .await;
    assert_eq!(got["results"].as_array().unwrap().len(), 1);
    let got = found(
        &stage,
        &search,
        json!({"query": "the dentist", "minScore": 1}),
    )
    .await;
    assert_eq!(got["results"].as_array().unwrap().len(), 1);

    let get = MemoryGet::new(memory);
    let arguments = json!({"path": "memory/2026-01-02.md", "from": 2, "lines": 1.0});
    let output = stage.call(&get, arguments).await.unwrap();
    assert_eq!(output.content[0].from(), Provenance::OwnFiles);
    assert_eq!(
        output.content[0].as_text().unwrap(),
        r#"{"path":"memory/2026-01-02.md","text":"Called the plumber."}"#
    );
    for plan in [
        stage.plan(&search, json!({"query": "x"})),
        stage.plan(&get, json!({"path": "x"})),
    ] {
        assert_eq!(plan.effect, Effect::ReadsOwn);
    }
    assert!(search.is_parallel() && get.is_parallel());
    let blank = stage.call(&search, json!({"query": " "})).await;
    assert_eq!(
        blank,
        Err(ToolError::Arguments("query required".to_owned()))
    );
}

#[tokio::test]
async fn what_is_no_note_is_not_read() {
    let stage = Stage::new().await;
    let mut notes = Notes::new(&[
        ("memory/a.md", "A."),
        ("AGENTS.md", "No."),
        ("memory/b.txt", "No."),
    ]);
    let outside = write(notes.dir.path(), "secret.md", "Secret.");
    let vault = write(notes.dir.path(), "vault/deep/c.md", "C.");
    notes.settings.extra_paths = vec![
        notes.dir.path().join("vault"),
        notes.dir.path().join("gone"),
    ];
    #[cfg(unix)]
    {
        use std::os::unix::fs::symlink;
        let workspace = &notes.settings.workspace;
        symlink(&outside, workspace.join("memory/link.md")).unwrap();
        symlink(notes.dir.path(), workspace.join("memory/out")).unwrap();
        symlink(&outside, workspace.join("MEMORY.md")).unwrap();
        symlink(notes.dir.path(), notes.dir.path().join("vault/out")).unwrap();
    }
    let memory = notes.shared();
    let get = MemoryGet::new(Arc::clone(&memory));
    let absolute = notes.settings.workspace.join("memory/a.md");
    for path in ["memory/a.md", "./memory/a.md", absolute.to_str().unwrap()] {
        let text = stage.text(&get, json!({"path": path})).await;
        assert_eq!(text, r#"{"path":"memory/a.md","text":"A."}"#, "{path}");
    }
    let text = stage.text(&get, json!({"path": vault})).await;
    assert_eq!(
        serde_json::from_str::<Value>(&text).unwrap(),
        json!({"path": vault, "text": "C."})
    );
    for path in [
        "",
        "AGENTS.md",
        "memory",
        "memory/b.txt",
        "memory/link.md",
        "memory/out/secret.md",
        "MEMORY.md",
        "../secret.md",
        "memory/../../secret.md",
        outside.to_str().unwrap(),
        "/etc/passwd",
        "memory/none.md",
        "\0",
    ] {
        match stage.call(&get, json!({"path": path})).await {
            Err(error) => assert!(
                error.to_string().starts_with("path required"),
                "{path}: {error}"
            ),
            Ok(output) => panic!("{path}: {output:?}"),
        }
    }
    let search = MemorySearch::new(memory);
    let got = found(&stage, &search, json!({"query": "secret no a c"})).await;
    let mut paths: Vec<&str> = got["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["path"].as_str().unwrap())
        .collect();
    paths.sort_unstable();
    assert_eq!(paths, [vault.to_str().unwrap(), "memory/a.md"]);
}

#[tokio::test]
async fn a_long_note_is_read_in_parts() {
    let stage = Stage::new().await;
    let line = "x".repeat(999);
    let text = vec![line.clone(); 120].join("\n");
    let notes = Notes::new(&[("MEMORY.md", &text), ("memory/one.md", &"y".repeat(60_000))]);
    let get = MemoryGet::new(notes.shared());
    let (mut from, mut lines, mut parts) = (1, 0, 0);
    while from > 0 {
        let text = stage
            .text(&get, json!({"path": "MEMORY.md", "from": from}))
            .await;
        let part: Value = serde_json::from_str(&text).unwrap();
        lines += part["text"]
            .as_str()
            .unwrap()
            .lines()
            .filter(|l| **l == line)
            .count();
        from = part["nextFrom"].as_u64().unwrap_or_default();
        parts += 1;
    }
    assert_eq!((lines, parts), (120, 3));
    let text = stage.text(&get, json!({"path": "memory/one.md"})).await;
    assert!(text.len() < 52_000);
}

#[tokio::test]
async fn a_search_that_is_off_says_so() {
    let stage = Stage::new().await;
    let mut notes = Notes::new(&[("MEMORY.md", "A.")]);
    notes.settings.enabled = false;
    let search = MemorySearch::new(notes.shared());
    let got = found(&stage, &search, json!({"query": "a"})).await;
    assert_eq!(
        (&got["results"], &got["disabled"]),
        (&json!([]), &json!(true))
    );
    assert!(
        got["error"]
            .as_str()
            .unwrap()
            .contains("memorySearch.enabled"),
        "{got}"
    );
    let get = MemoryGet::new(notes.shared());
    assert!(
        stage
            .call(&get, json!({"path": "MEMORY.md"}))
            .await
            .is_err()
    );
    assert!(!notes.settings.index.exists());
    // An index that cannot be made ends no turn either.
    notes.settings.enabled = true;
    notes.settings.index = notes.settings.workspace.join("MEMORY.md/x.sqlite");
    let memory = Memory::new(notes.settings.clone(), Embeddings::Nobody);
    let got = found(
        &stage,
        &MemorySearch::new(Arc::new(memory)),
        json!({"query": "a"}),
    )
    .await;
    assert_eq!(got["disabled"], true);
    assert!(got["error"].as_str().unwrap().contains("x.sqlite"), "{got}");
}

#[tokio::test]
async fn the_schemas_are_plain_and_short() {
    let notes = Notes::new(&[]);
    let tools: [Box<dyn Tool>; 2] = [
        Box::new(MemorySearch::new(notes.shared())),
        Box::new(MemoryGet::new(notes.shared())),
    ];
    for tool in tools {
        let spec = tool.spec();
        let size = serde_json::to_string(&spec.parameters).unwrap().len() + spec.description.len();
        assert!(size < 4 * 120, "{}: {size}", spec.name);
        for property in spec.parameters["properties"].as_object().unwrap().values() {
            assert!(property["type"].is_string(), "{property}");
        }
    }
}
