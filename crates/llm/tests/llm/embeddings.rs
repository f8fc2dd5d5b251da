//! Vectors of texts, from a server that speaks OpenAI's `/v1/embeddings`.

use std::collections::BTreeMap;

use moltbot_llm::{Embedder, EmbeddingError, EmbeddingServer, Places, TextKind};
use moltbot_testkit::{Recorded, Reply, Script, ScriptedServer, When, error};
use serde_json::{Value, json};

fn server(base_url: &str, key: Option<&str>) -> EmbeddingServer {
    let headers = BTreeMap::from([("x-house".to_owned(), "mine".to_owned())]);
    EmbeddingServer::new(base_url, "tiny", key, &headers).unwrap()
}

fn texts(count: usize) -> Vec<String> {
    (0..count).map(|n| "x".repeat(n + 1)).collect()
}

/// The length of each text as its vector, last one first.
fn lengths(request: &Recorded) -> Reply {
    let body = request.json();
    let texts = body["input"].as_array().unwrap().iter().enumerate();
    let data: Vec<Value> = texts
        .map(
            |(index, text)| json!({"index": index, "embedding": [text.as_str().unwrap().len(), 1]}),
        )
        .rev()
        .collect();
    Reply::json(
        200,
        &json!({"object": "list", "data": data, "model": "tiny"}),
    )
}

#[tokio::test]
async fn texts_go_in_batches_and_vectors_come_back_in_their_order() {
    let script = Script::new().on_with(When::post("/v1/embeddings").api_key("k"), lengths);
    let scripted = ScriptedServer::start(script).await;
    // Written without /v1.
    let embedder = server(&scripted.origin(), Some("k"));
    let vectors = embedder
        .embed(&texts(70), TextKind::Document)
        .await
        .unwrap();
    let first: Vec<f32> = vectors.iter().map(|vector| vector[0]).collect();
    assert_eq!(first, (1..=70).map(|n| n as f32).collect::<Vec<_>>());
    let posts = scripted.posts();
    assert_eq!(posts.len(), 3);
    assert_eq!(posts[0].header("x-house"), Some("mine"));
    assert_eq!(posts[2].json()["model"], "tiny");
    assert_eq!(posts[2].json()["input"].as_array().unwrap().len(), 6);
}

#[tokio::test]
async fn what_is_wrong_is_one_sentence_without_the_key() {
    let key = "key-0123456789-not-a-real-one-abcdef";
    let refusal = json!({"error": {"message": format!("Unknown key {key}.")}}).to_string();
    let vectors = |data: Value| Reply::json(200, &json!({"data": data}));
    for (reply, status) in [
        (error(401, &refusal), Some(401)),
        (error(200, &refusal), Some(200)),
        (error(500, "oops"), Some(500)),
        (vectors(json!([])), None),
        (vectors(json!([{"embedding": []}])), None),
        (vectors(json!([{"embedding": ["a"]}])), None),
        (vectors(json!([{"index": 7, "embedding": [1]}])), None),
        (Reply::json(200, &json!({"choices": []})), None),
    ] {
        let scripted = ScriptedServer::start(Script::new().on(When::any(), reply)).await;
        let failed = server(&scripted.base_url(), Some(key))
            .embed(&texts(1), TextKind::Document)
            .await;
        let failed = failed.unwrap_err();
        let said = failed.to_string();
        assert!(
            said.contains(&scripted.base_url()) && !said.contains(key),
            "{said}"
        );
        match (status, &failed) {
            (Some(status), EmbeddingError::Refused { status: told, .. }) => {
                assert_eq!(status, *told)
            }
            (None, EmbeddingError::NoVectors { .. }) => {}
            other => panic!("{other:?}"),
        }
    }
    let nobody = ScriptedServer::start(Script::new()).await;
    nobody.shutdown();
    let failed = server(&nobody.base_url(), None)
        .embed(&texts(1), TextKind::Document)
        .await;
    assert!(
        matches!(failed, Err(EmbeddingError::Unreachable { .. })),
        "{failed:?}"
    );
    let bad = BTreeMap::from([("a".to_owned(), "b\nc".to_owned())]);
    let failed = EmbeddingServer::new("http://box", "tiny", None, &bad);
    assert!(matches!(failed.err(), Some(EmbeddingError::Header(name)) if name == "a"));
}

#[test]
fn places_hold_for_texts_too() {
    let home = server("http://127.0.0.1:8080/v1", None);
    let vendor = server(EmbeddingServer::OPENAI, None);
    let other = server("https://e.example.com", None);
    let within = |places: &[&str]| {
        [&home, &vendor, &other].map(|server| server.is_within(&Places::only(places)))
    };
    assert_eq!(within(&[]), [true, true, true]);
    assert_eq!(within(&["local"]), [true, false, false]);
    assert_eq!(within(&["OpenAI"]), [false, true, false]);
    assert_eq!(within(&["eu"]), [false, false, false]);
}
