//! Finding by meaning: a scripted server whose vectors are made from the text.

use std::sync::Arc;

use moltbot_llm::{EmbeddingServer, Places};
use moltbot_testkit::{Recorded, Reply, Script, ScriptedServer, When, error};
use moltbot_tools::memory::{Embeddings, Question};
use serde_json::{Value, json};

use super::{Notes, paths, search};

/// What a text is about, as a small model might know it.
const TOPICS: [&[&str]; 3] = [
    &["dentist", "teeth", "tooth"],
    &["garden", "roses", "flowers"],
    &["wifi", "password", "internet"],
];

fn vector(text: &str) -> Vec<f32> {
    let text = text.to_lowercase();
    let about = |topic: &&[&str]| topic.iter().filter(|word| text.contains(**word)).count() as f32;
    TOPICS.iter().map(about).chain([0.01]).collect()
}

fn texts(request: &Recorded) -> Vec<String> {
    serde_json::from_value(request.json()["input"].clone()).unwrap()
}

fn vectors(request: &Recorded) -> Reply {
    let data: Vec<Value> = texts(request)
        .iter()
        .map(|text| json!({"embedding": vector(text)}))
        .collect();
    Reply::json(200, &json!({"data": data}))
}

fn script() -> Script {
    Script::new().on_with(When::post("/v1/embeddings"), vectors)
}

fn by(server: &ScriptedServer, model: &str) -> Embeddings {
    let server = EmbeddingServer::new(&server.base_url(), model, None, &Default::default());
    Embeddings::By(Arc::new(server.unwrap()))
}

/// All texts sent so far.
fn sent(server: &ScriptedServer) -> Vec<String> {
    server.posts().iter().flat_map(texts).collect()
}

fn three_notes() -> Notes {
    Notes::new(&[
        ("memory/health.md", "The dentist is Dr. Wu."),
        ("memory/home.md", "Roses need water."),
        ("memory/net.md", "The wifi password is on the fridge."),
    ])
}

#[tokio::test]
async fn notes_are_found_by_meaning_and_by_word() {
    let server = ScriptedServer::start(script()).await;
    let notes = three_notes();
    let memory = notes.memory_with(by(&server, "tiny"));
    let found = search(&memory, "my tooth hurts").await;
    assert_eq!(
        (found.provider.as_str(), found.model.as_str()),
        ("openai", "tiny")
    );
    assert_eq!(found.note, None);
    assert_eq!(
        found.results.len(),
        1,
        "the others are below the least score: {found:?}"
    );
    assert_eq!(found.results[0].path, "memory/health.md");
    assert!(
        (found.results[0].score - 0.7).abs() < 0.01,
        "the meaning alone: {found:?}"
    );
    // Word and meaning together.
    let found = search(&memory, "roses").await;
    assert_eq!(found.results[0].path, "memory/home.md");
    assert!(found.results[0].score > 0.99, "{found:?}");
    // Each text went once, questions apart.
    let mut all = sent(&server);
    all.sort();
    all.dedup();
    assert_eq!(all.len(), sent(&server).len());
    assert_eq!(memory.holdings().await.unwrap().with_vector, 3);
}

#[tokio::test]
async fn vectors_are_kept_by_text_and_made_anew_for_another_model() {
    let server = ScriptedServer::start(script()).await;
    let notes = three_notes();
    let memory = notes.memory_with(by(&server, "tiny"));
    assert_eq!(memory.index(false).await.unwrap().vectors, 3);
    // The same text under another name, and one that is new.
    std::fs::rename(
        notes.settings.workspace.join("memory/home.md"),
        notes.settings.workspace.join("memory/moved.md"),
    )
    .unwrap();
    notes.write("memory/new.md", "Flowers come on Friday.");
    assert_eq!(memory.index(false).await.unwrap().vectors, 1);
    assert_eq!(memory.index(true).await.unwrap().vectors, 0);
    assert_eq!(sent(&server).len(), 4);
    assert_eq!(
        paths(&memory, "garden").await,
        ["memory/moved.md", "memory/new.md"]
    );

    let other = notes.memory_with(by(&server, "other"));
    assert_eq!(other.index(false).await.unwrap().vectors, 4);
    assert_eq!(server.posts().last().unwrap().json()["model"], "other");
}

#[tokio::test]
async fn texts_that_are_gone_are_kept_as_long_as_there_is_room() {
    let server = ScriptedServer::start(script()).await;
    for (room, computed) in [(None, 0), (Some(0), 1), (Some(1), 0)] {
        let mut notes = three_notes();
        notes.settings.spare_vectors = room;
        let memory = notes.memory_with(by(&server, "tiny"));
        memory.index(false).await.unwrap();
        let path = notes.write("memory/home.md", "Something else.");
        std::fs::remove_file(path).unwrap();
        memory.index(false).await.unwrap();
        notes.write("memory/home.md", "Roses need water.");
        assert_eq!(
            memory.index(false).await.unwrap().vectors,
            computed,
            "{room:?}"
        );
    }
}

#[tokio::test]
async fn words_alone_decide_when_the_server_fails() {
    let notes = three_notes();
    for (reply, reason) in [
        (error(500, "out of memory"), "out of memory"),
        (
            Reply::json(200, &json!({"data": [{"embedding": []}]})),
            "Does it serve /v1/embeddings?",
        ),
        (error(404, "no"), "HTTP 404"),
    ] {
        let server = ScriptedServer::start(Script::new().on(When::any(), reply)).await;
        let memory = notes.memory_with(by(&server, "tiny"));
        let found = search(&memory, "the dentist").await;
        assert_eq!(found.results[0].path, "memory/health.md");
        assert_eq!(found.provider, "none");
        let note = found.note.unwrap();
        assert!(
            note.contains(reason) && note.contains("Only the words"),
            "{note}"
        );
        // The next search does not wait for it again.
        let found = search(&memory, "the dentist").await;
        assert_eq!(found.results[0].path, "memory/health.md");
        assert!(found.note.is_some());
        assert_eq!(server.posts().len(), 1);
        let note = memory.index(false).await.unwrap().note.unwrap();
        assert!(note.contains(reason), "{note}");
    }
}

#[tokio::test]
async fn a_text_that_is_refused_alone_does_not_keep_the_others_from_their_vectors() {
    let refusal = json!({"error": {"message": "input is too large"}}).to_string();
    let script = Script::new().on_with(When::post("/v1/embeddings"), move |request| {
        match texts(request).iter().any(|text| text.contains("wifi")) {
            true => error(500, &refusal),
            false => vectors(request),
        }
    });
    let server = ScriptedServer::start(script).await;
    let notes = three_notes();
    let memory = notes.memory_with(by(&server, "tiny"));
    let indexed = memory.index(false).await.unwrap();
    assert_eq!((indexed.vectors, indexed.note), (2, None));
    let asked = server.posts().len();
    assert_eq!(memory.index(false).await.unwrap().vectors, 0);
    assert_eq!(server.posts().len(), asked, "it is not sent again");
    assert_eq!(paths(&memory, "fridge").await, ["memory/net.md"]);
    assert_eq!(paths(&memory, "tooth").await, ["memory/health.md"]);
}

#[tokio::test]
async fn a_search_gives_a_batch_of_pieces_their_vectors_and_no_more() {
    let server = ScriptedServer::start(script()).await;
    let names: Vec<String> = (0..40).map(|n| format!("memory/{n:02}.md")).collect();
    let files: Vec<(&str, String)> = names
        .iter()
        .map(|name| (name.as_str(), format!("About {name}.")))
        .collect();
    let notes = Notes::new(&[]);
    for (name, text) in &files {
        notes.write(name, text);
    }
    let memory = notes.memory_with(by(&server, "tiny"));
    search(&memory, "garden").await;
    assert_eq!(memory.holdings().await.unwrap().with_vector, 32);
    // A piece without a vector is found by its words all the same.
    assert!(
        paths(&memory, "39")
            .await
            .contains(&"memory/39.md".to_owned())
    );
    assert_eq!(memory.holdings().await.unwrap().with_vector, 40);
}

#[tokio::test]
async fn a_conversation_that_is_bound_to_places_sends_nothing_elsewhere() {
    let server = ScriptedServer::start(script()).await;
    let notes = three_notes();
    let memory = notes.memory_with(by(&server, "tiny"));
    let question = Question {
        text: "dentist".to_owned(),
        ..Question::default()
    };
    let found = memory
        .search(&question, &Places::only(["eu"]))
        .await
        .unwrap();
    assert_eq!(found.results[0].path, "memory/health.md");
    assert!(found.note.unwrap().contains("eu only"));
    assert_eq!(server.posts().len(), 0);
    let found = memory
        .search(&question, &Places::only(["local"]))
        .await
        .unwrap();
    assert_eq!((found.provider.as_str(), found.note), ("openai", None));
}
