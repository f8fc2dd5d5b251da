//! Servers that make one wait: that load, say nothing, or fall silent.

use std::sync::Arc;
use std::time::Duration;

use moltbot_llm::{
    Api, Backend, Clocks, Credentials, Event, FailureClass, HttpBackend, Knowledge, Model, Phase,
    ServerKind, over_http,
};
use moltbot_testkit::{Part, Reply, Script, ScriptedServer, Step, When, error, openai_chat};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::fixture::{Outcome, hi, model_at};

const API: Api = Api::OpenAiCompletions;
const CHAT: &str = "/v1/chat/completions";

fn hello() -> Reply {
    openai_chat(&[Part::Text("Hello there.")]).stream()
}

/// Clocks that nothing in these tests comes near, but what hangs for ever.
fn clocks() -> Clocks {
    Clocks::new(true, None, 0, None)
}

async fn ask_with(model: &Model, clocks: Clocks) -> Outcome {
    let backend = HttpBackend::new(Arc::new(Credentials::default())).with_clocks(clocks);
    let mut events = Vec::new();
    let result = backend
        .stream(model, &hi(), &mut |event| events.push(event))
        .await;
    Outcome { events, result }
}

async fn server(reply: Reply) -> ScriptedServer {
    ScriptedServer::start(Script::new().on(When::post(CHAT), reply)).await
}

#[tokio::test]
async fn a_server_that_is_loading_is_asked_until_it_is_ready() {
    let loading = r#"{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}"#;
    let script = Script::new()
        .on(When::post(CHAT).times(2), error(503, loading))
        .on(When::post(CHAT), hello());
    let server = ScriptedServer::start(script).await;
    let model = model_at(&server.base_url(), API);
    let credentials = Arc::new(Credentials::default());
    let backend = over_http(credentials, Arc::new(Knowledge::default()));
    let mut events = Vec::new();
    let result = backend
        .stream(&model, &hi(), &mut |event| events.push(event))
        .await;
    let outcome = Outcome { events, result };
    assert_eq!(outcome.text(), "Hello there.");
    let loading = Event::Phase(Phase::Loading { fraction: None });
    let seen = outcome.events.iter().filter(|event| **event == loading);
    assert_eq!(seen.count(), 2);
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn a_reply_that_never_begins_is_left_when_its_clock_has_run_out() {
    for reply in [
        Reply::stream().before_head(Step::Hang),
        Reply::stream().hang(),
    ] {
        let server = server(reply).await;
        let clocks = Clocks {
            first_byte: Duration::from_millis(50),
            ..clocks()
        };
        let outcome = ask_with(&model_at(&server.base_url(), API), clocks).await;
        let failure = outcome.failure();
        assert_eq!(failure.class, FailureClass::Timeout);
        assert_eq!(failure.detail, "no first byte within 0.05 s");
        let said = failure.to_string();
        assert!(said.contains("did not answer in time"), "{said}");
        server.wait_for_cancel().await;
    }
}

#[tokio::test]
async fn a_reply_that_falls_silent_is_left_when_its_clock_has_run_out() {
    for (frames, after_text) in [(0, false), (2, true)] {
        let reply = match frames {
            0 => Reply::frames([": OPENROUTER PROCESSING\n\n"]).hang(),
            frames => hello().after_frames(frames, Step::Hang),
        };
        let server = server(reply).await;
        let clocks = Clocks {
            silence: Duration::from_millis(50),
            ..clocks()
        };
        let outcome = ask_with(&model_at(&server.base_url(), API), clocks).await;
        let failure = outcome.failure();
        assert_eq!(failure.class, FailureClass::Timeout);
        assert_eq!(failure.detail, "no byte for 0.05 s");
        assert_eq!(failure.after_text, after_text);
        server.wait_for_cancel().await;
    }
}

/// The phases seen while a server of this kind, which tells this on this path, says nothing; it answers when as many
/// phases have come.
async fn phases_of(kind: ServerKind, path: &str, told: &[Value], count: usize) -> Vec<Phase> {
    let reply = hello().before_head(Step::pause("loaded"));
    let mut script = Script::new().on(When::post(CHAT), reply);
    for (number, body) in told.iter().enumerate() {
        let when = match number + 1 == told.len() {
            true => When::get(path),
            false => When::get(path).once(),
        };
        script = script.on(when, Reply::json(200, body));
    }
    let server = ScriptedServer::start(script).await;
    let mut model = model_at(&server.base_url(), API);
    model.server = Some(kind);
    let clocks = Clocks {
        quiet: Duration::from_millis(5),
        ..clocks()
    };
    let (sender, mut events) = mpsc::unbounded_channel();
    let asking = tokio::spawn(async move {
        let backend = HttpBackend::new(Arc::new(Credentials::default())).with_clocks(clocks);
        let mut sink = |event| {
            let _ = sender.send(event);
        };
        backend.stream(&model, &hi(), &mut sink).await
    });
    let mut phases = Vec::new();
    while phases.len() < count {
        match events.recv().await.unwrap() {
            Event::Phase(phase) => phases.push(phase),
            event => panic!("{event:?} before it was loaded"),
        }
    }
    server.release("loaded");
    assert_eq!(
        asking.await.unwrap().unwrap().message.text(),
        "Hello there."
    );
    phases
}

#[tokio::test]
async fn a_model_that_a_silent_server_loads_is_seen_as_loading() {
    let loading = [Phase::Waiting, Phase::Loading { fraction: None }];
    let v1 = json!({"models": [{"type": "llm", "key": "m", "loaded_instances": []}]});
    let v0 = json!({"data": [{"id": "m", "type": "llm", "state": "loading"}]});
    let ps = json!({"models": [{"model": "other:latest"}]});
    for (kind, path, told) in [
        (ServerKind::LmStudio, "/api/v1/models", v1),
        (ServerKind::LmStudio, "/api/v0/models", v0),
        (ServerKind::Ollama, "/api/ps", ps),
    ] {
        assert_eq!(phases_of(kind, path, &[told], 2).await, loading, "{path}");
    }
}

#[tokio::test]
async fn a_model_that_is_loaded_by_now_is_only_waited_for() {
    let ps = [
        json!({"models": []}),
        json!({"models": [{"model": "m:latest"}]}),
    ];
    assert_eq!(
        phases_of(ServerKind::Ollama, "/api/ps", &ps, 3).await,
        [
            Phase::Waiting,
            Phase::Loading { fraction: None },
            Phase::Waiting
        ]
    );
}
