//! Vectors of texts, with a real model in real worker processes. The model was not trained for them: that they are made
//! right can be shown by it, not how well they find.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use moltbot_engine::inference::{EmbeddingModel, EmbeddingSession};
use moltbot_engine::{EngineEmbedder, EngineOptions};
use moltbot_llm::{Embedder, EmbeddingError, Places, TextKind};
use tempfile::TempDir;

use crate::worker::WORKER_ARGS;
use crate::{THREADS, model_path};

fn options() -> EngineOptions {
    let mut options = EngineOptions::new(std::env::current_exe().unwrap(), "/nowhere");
    options.args = WORKER_ARGS.map(Into::into).into();
    options.threads = Some(THREADS);
    options
}

fn embedder() -> EngineEmbedder {
    EngineEmbedder::new(options(), model_path())
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

async fn documents(embedder: &EngineEmbedder, of: &[&str]) -> Vec<Vec<f32>> {
    embedder
        .embed(&texts(of), TextKind::Document)
        .await
        .unwrap()
}

fn cosine(one: &[f32], other: &[f32]) -> f64 {
    let products = one.iter().zip(other);
    products.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

fn is_alive(pid: u32) -> bool {
    asked_status(Command::new("kill").args(["-0", &pid.to_string()]))
}

fn asked_status(command: &mut Command) -> bool {
    command.output().unwrap().status.success()
}

fn kill(pid: u32) {
    assert!(asked_status(
        Command::new("kill").args(["-9", &pid.to_string()])
    ));
}

#[tokio::test]
#[allow(
    clippy::print_stdout,
    reason = "how near texts are is shown, not asserted"
)]
async fn a_text_has_one_vector_of_length_one_whatever_is_asked_beside_it() {
    let embedder = embedder();
    assert_eq!(embedder.worker_pid(), None, "nothing starts unasked");
    let near = "The cat sleeps on the sofa.";
    let asked = [
        near,
        "A kitten is napping on the couch.",
        "Quarterly revenue grew by four per cent.",
        near,
        "",
        "<|im_end|>",
    ];
    let vectors = documents(&embedder, &asked).await;
    assert_eq!(vectors.len(), asked.len());
    for vector in &vectors {
        assert_eq!(vector.len(), 576);
        assert!((cosine(vector, vector) - 1.0).abs() < 1e-5);
    }
    assert_eq!(vectors[0], vectors[3]);
    assert_eq!(documents(&embedder, &[near]).await[0], vectors[0]);
    assert_ne!(vectors[0], vectors[1]);
    println!(
        "a near text: {:.4}; a far one: {:.4}",
        cosine(&vectors[0], &vectors[1]),
        cosine(&vectors[0], &vectors[2])
    );
}

#[tokio::test]
async fn a_killed_worker_is_started_again() {
    let embedder = embedder();
    let before = documents(&embedder, &["one"]).await;
    let first = embedder.worker_pid().unwrap();
    kill(first);
    assert_eq!(documents(&embedder, &["one"]).await, before);
    let second = embedder.worker_pid().unwrap();
    assert_ne!(first, second);

    // In the middle of its work, too: whichever moment it is, the answer comes.
    let of = ["word ".repeat(100), "two".to_owned()];
    let work = embedder.embed(&of, TextKind::Document);
    let killer = async {
        tokio::task::yield_now().await;
        kill(second);
    };
    let (made, ()) = tokio::join!(work, killer);
    assert_eq!(made.unwrap().len(), 2);
}

#[tokio::test]
async fn a_worker_that_nobody_wants_any_more_ends() {
    let embedder = embedder().with_idle_limit(Duration::from_millis(1));
    documents(&embedder, &["one"]).await;
    let ended = async {
        while embedder.worker_pid().is_some() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), ended)
        .await
        .unwrap();
    assert_eq!(documents(&embedder, &["one"]).await.len(), 1);

    // Asked for and left: its work ends with it.
    let embedder = self::embedder();
    documents(&embedder, &["one"]).await;
    let pid = embedder.worker_pid().unwrap();
    let long = vec!["word ".repeat(500); 4];
    tokio::select! {
        biased;
        made = embedder.embed(&long, TextKind::Document) => panic!("{made:?}"),
        () = tokio::task::yield_now() => {}
    }
    let ended = async {
        while is_alive(pid) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), ended)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_named_in_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken.gguf");
    std::fs::write(&broken, "GGUF").unwrap();
    let reason = |path: PathBuf, options: EngineOptions| async move {
        let embedder = EngineEmbedder::new(options, path);
        let failed = embedder.embed(&texts(&["one"]), TextKind::Query).await;
        let failed = failed.unwrap_err();
        assert!(
            matches!(failed, EmbeddingError::Engine { .. }),
            "{failed:?}"
        );
        failed.to_string()
    };
    let said = reason(broken.clone(), options()).await;
    assert!(said.contains("not a complete GGUF file"), "{said}");
    let said = reason(folder.path().join("none.gguf"), options()).await;
    assert!(said.contains("none.gguf cannot be read"), "{said}");
    let mut nobody = options();
    nobody.program = folder.path().join("nobody");
    let said = reason(broken, nobody).await;
    assert!(said.contains("could not be started"), "{said}");
}

#[test]
fn another_file_is_another_model() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("m.gguf");
    let id = || EngineEmbedder::new(options(), path.clone()).id();
    let mut ids = BTreeSet::from([id()]);
    for text in ["one", "four"] {
        std::fs::write(&path, text).unwrap();
        ids.insert(id());
    }
    assert_eq!(ids.len(), 3, "{ids:?}");
    let embedder = EngineEmbedder::new(options(), path);
    assert_eq!((embedder.provider(), embedder.model()), ("local", "m.gguf"));
    assert!(embedder.is_within(&Places::only(["local"])));
    assert!(!embedder.is_within(&Places::only(["eu"])));
}

#[test]
fn a_text_longer_than_the_window_is_cut() {
    let model = EmbeddingModel::load(&model_path(), |_| true).unwrap();
    let mut session = EmbeddingSession::new(&model, 48, THREADS).unwrap();
    let info = session.info();
    assert_eq!((info.window, info.dimensions), (48, 576));
    assert_eq!(
        (info.pooling.as_str(), info.query_prefix.as_str()),
        ("mean", "")
    );
    let long = session
        .embed(&"word ".repeat(60), TextKind::Document)
        .unwrap();
    let longer = session
        .embed(&"word ".repeat(90), TextKind::Document)
        .unwrap();
    assert!(long.was_cut && longer.was_cut);
    assert_eq!(long.vector, longer.vector);
    assert!(!session.embed("word", TextKind::Document).unwrap().was_cut);
}
