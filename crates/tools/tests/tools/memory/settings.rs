//! What the configuration means for notes.

use std::path::{Path, PathBuf};

use moltbot_config::{Config, Environment};
use moltbot_llm::{Credentials, Places};
use moltbot_tools::memory::{Embeddings, MemorySettings, PieceSize, Ranking};
use serde_json::{Value, json};

fn config(memory: Value) -> Config {
    serde_json::from_value(json!({"agents": {"defaults": {"memorySearch": memory}}})).unwrap()
}

fn settings(memory: Value) -> MemorySettings {
    let environment = Environment {
        home: PathBuf::from("/home/me"),
        cwd: PathBuf::from("/somewhere"),
        ..Environment::default()
    };
    let memory = config(memory).agents().memory_search("main");
    MemorySettings::new(
        &memory,
        &environment,
        Path::new("/home/me/.clawdbot"),
        "Work",
        Path::new("/home/me/clawd"),
    )
}

#[test]
fn the_defaults_are_those_of_the_original() {
    assert_eq!(
        settings(json!({})),
        MemorySettings {
            enabled: true,
            workspace: "/home/me/clawd".into(),
            extra_paths: Vec::new(),
            index: "/home/me/.clawdbot/memory/work.sqlite".into(),
            piece: PieceSize {
                bytes: 1600,
                overlap: 320
            },
            sync_on_search: true,
            max_results: 6,
            ranking: Ranking {
                text_weight: 0.3,
                candidates: 4,
                min_score: 0.35
            },
            spare_vectors: None,
        }
    );
}

#[test]
fn each_key_counts() {
    let got = settings(json!({
        "sources": ["sessions"],
        "extraPaths": ["notes", "~/vault", "/abs/x.md", " ", "../up"],
        "store": {"path": "~/m/{agentId}.db"},
        "chunking": {"tokens": 10, "overlap": 50},
        "sync": {"onSearch": false},
        "query": {"maxResults": 3, "minScore": 0.1,
                  "hybrid": {"vectorWeight": 1, "textWeight": 1, "candidateMultiplier": 2}},
        "cache": {"maxEntries": 9}
    }));
    assert!(!got.enabled && !got.sync_on_search);
    let paths: Vec<&str> = got
        .extra_paths
        .iter()
        .map(|path| path.to_str().unwrap())
        .collect();
    assert_eq!(
        paths,
        [
            "/home/me/clawd/notes",
            "/home/me/vault",
            "/abs/x.md",
            "/home/me/up"
        ]
    );
    assert_eq!(got.index, Path::new("/home/me/m/work.db"));
    assert_eq!(
        got.piece,
        PieceSize {
            bytes: 40,
            overlap: 39
        }
    );
    assert_eq!((got.max_results, got.spare_vectors), (3, Some(9)));
    let ranking = Ranking {
        text_weight: 0.5,
        candidates: 2,
        min_score: 0.1,
    };
    assert_eq!(got.ranking, ranking);
    assert!(!settings(json!({"enabled": false})).enabled);
    let meaning =
        settings(json!({"query": {"hybrid": {"enabled": false}}, "cache": {"enabled": false}}));
    assert_eq!(
        (meaning.ranking.text_weight, meaning.spare_vectors),
        (0.0, Some(0))
    );
}

/// `none`, the server, or why not.
fn embeddings(memory: Value, vars: &[(&str, &str)], places: &[&str]) -> String {
    let config = config(memory);
    let vars = vars
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    let credentials = Credentials::new(&config, &vars, None);
    let memory = config.agents().memory_search("main");
    // There is no engine here: its model is told from a server by the sentence.
    let local = |model: Option<&str>| Err(format!("the engine's {model:?}"));
    match Embeddings::from_config(
        &memory,
        &config,
        &credentials,
        &Places::only(places),
        &local,
    ) {
        Embeddings::Nobody => "none".to_owned(),
        Embeddings::Unusable(reason) => reason,
        Embeddings::By(embedder) => embedder.id(),
    }
}

#[test]
fn notes_go_only_to_a_server_that_the_owner_named() {
    let key = [("OPENAI_API_KEY", "k")];
    let box_url = json!({"remote": {"baseUrl": "http://box:8080"}, "model": "m"});
    assert_eq!(embeddings(json!({}), &key, &[]), "none");
    assert_eq!(embeddings(json!({"provider": "auto"}), &key, &[]), "none");
    assert_eq!(
        embeddings(box_url.clone(), &[], &["local"]),
        "http://box:8080/v1/embeddings m"
    );
    let openai = json!({"provider": "openai"});
    assert_eq!(
        embeddings(openai.clone(), &key, &[]),
        "https://api.openai.com/v1/embeddings text-embedding-3-small"
    );
    assert!(embeddings(openai.clone(), &[], &[]).contains("memorySearch.remote.apiKey"));
    assert!(embeddings(openai, &key, &["local"]).contains("local only"));
    let reason = embeddings(json!({"provider": "gemini"}), &key, &[]);
    assert!(
        reason.contains("gemini") && reason.contains("remote.baseUrl"),
        "{reason}"
    );
}

#[test]
fn a_model_on_this_machine_is_the_engine_s() {
    let file = json!({"local": {"modelPath": "~/m.gguf"}});
    let engine_s = "the engine's Some(\"~/m.gguf\")";
    assert_eq!(embeddings(file.clone(), &[], &[]), engine_s);
    let mut named = file.clone();
    named["provider"] = json!("local");
    assert_eq!(embeddings(named.clone(), &[], &[]), engine_s);
    let server = json!({"baseUrl": "http://box:8080"});
    named["remote"] = server.clone();
    assert_eq!(embeddings(named, &[], &[]), engine_s);
    assert_eq!(
        embeddings(json!({"provider": "local"}), &[], &[]),
        "the engine's None"
    );
    // Where nothing was named, the server is the next.
    let mut either = file;
    either["remote"] = server;
    let next = embeddings(either, &[], &[]);
    assert!(next.starts_with("http://box:8080/v1/embeddings"), "{next}");
}
