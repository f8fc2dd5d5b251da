//! The engine with a real model: SmolLM2-135M, small enough for a test and every inch a model.
#![cfg(feature = "llama")]
#![allow(clippy::unwrap_used)]

#[path = "engine/backend.rs"]
mod backend;
#[path = "engine/calls.rs"]
mod calls;
#[path = "engine/embeddings.rs"]
mod embeddings;
#[path = "engine/file.rs"]
mod file;
#[path = "engine/session.rs"]
mod session;
#[path = "engine/tools.rs"]
mod tools;
#[path = "engine/worker.rs"]
mod worker;

use std::path::{Path, PathBuf};

use moltbot_engine::template::Conversation;
use moltbot_llm::{AssistantMessage, AssistantPart, Message, StopReason, Usage};

/// The model file, from `MOLTBOT_TEST_MODEL` or the workspace's `target/test-models`.
fn model_path() -> PathBuf {
    let path = std::env::var_os("MOLTBOT_TEST_MODEL").map_or_else(
        || {
            Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("../../target/test-models/SmolLM2-135M-Instruct.Q4_1.gguf")
        },
        PathBuf::from,
    );
    assert!(
        path.is_file(),
        "The test model {} is missing: run scripts/fetch-test-model.",
        path.display()
    );
    path
}

/// The tests run beside each other; more threads would only wait for one another.
const THREADS: u32 = 1;

fn user(text: &str) -> Message {
    Message::user(text, 0)
}

fn assistant(text: &str) -> Message {
    Message::Assistant(AssistantMessage {
        content: vec![AssistantPart::Text { text: text.into() }],
        api: "engine".into(),
        provider: "local".into(),
        model: "smollm2-135m".into(),
        usage: Usage::default(),
        stop_reason: StopReason::Stop,
        error_message: None,
        timestamp: 0,
    })
}

fn conversation(messages: Vec<Message>) -> Conversation {
    Conversation {
        system: "You are a helpful assistant.".into(),
        messages,
        ..Conversation::default()
    }
}

/// An example and a question. A model this small needs the one to answer the other in a word and end its turn.
fn capitals() -> Vec<Message> {
    vec![
        user("Answer with one word. What is the capital of France?"),
        assistant("Paris"),
        user("Answer with one word. What is the capital of Italy?"),
    ]
}
