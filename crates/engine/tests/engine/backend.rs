//! The backend with real worker processes.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use moltbot_engine::{EngineBackend, EngineOptions};
use moltbot_llm::{
    Backend, Catalog, Content, Event, Failure, FailureClass, Message, Model, ModelRef, Phase,
    Provenance, Reply, Request, StopReason, ToolCall, ToolChoice, ToolResultMessage,
};
use tempfile::TempDir;
use tokio::sync::Notify;

use crate::tools::tools;
use crate::worker::WORKER_ARGS;
use crate::{THREADS, capitals, model_path, user};

/// A backend whose model folder holds the test model under two names.
struct Engine {
    backend: EngineBackend,
    folder: TempDir,
}

impl Engine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for id in ["small", "other"] {
            std::os::unix::fs::symlink(
                std::fs::canonicalize(model_path()).unwrap(),
                folder.path().join(format!("{id}.gguf")),
            )
            .unwrap();
        }
        let mut options = EngineOptions::new(std::env::current_exe().unwrap(), folder.path());
        options.args = WORKER_ARGS.map(Into::into).into();
        options.threads = Some(THREADS);
        options.context_limit = 1024;
        Self {
            backend: EngineBackend::new(options),
            folder,
        }
    }

    /// Streams one reply and collects its events.
    async fn ask(&self, model: &Model, request: &Request) -> (Vec<Event>, Result<Reply, Failure>) {
        let mut events = Vec::new();
        let result = self
            .backend
            .stream(model, request, &mut |event| events.push(event))
            .await;
        (events, result)
    }

    /// Streams a long reply and drops it at its first word.
    async fn ask_and_leave(&self, model: &Model) {
        let first_word = Arc::new(Notify::new());
        let heard = first_word.clone();
        let request = story(900);
        let mut sink = move |event| {
            if matches!(event, Event::Text(_)) {
                heard.notify_one();
            }
        };
        tokio::select! {
            result = self.backend.stream(model, &request, &mut sink) => panic!("{result:?}"),
            () = first_word.notified() => {}
        }
    }
}

pub(crate) fn model(id: &str) -> Model {
    let catalog = Catalog::new(&Default::default(), &[id.to_owned()]);
    let model = catalog.model(&ModelRef::new("local", id)).unwrap();
    Model {
        context_window: 8192,
        context_source: moltbot_llm::Source::Config,
        max_tokens: 512,
        reasoning: false,
        temperature: Some(0.0),
        ..model
    }
}

fn request(messages: Vec<Message>, max_tokens: u64) -> Request {
    Request {
        system: "You are a helpful assistant.".into(),
        messages,
        max_tokens: Some(max_tokens),
        ..Request::default()
    }
}

fn story(max_tokens: u64) -> Request {
    request(
        vec![user("Tell me a long story about the sea.")],
        max_tokens,
    )
}

fn texts(events: &[Event]) -> String {
    events
        .iter()
        .filter_map(|event| match event {
            Event::Text(text) => Some(text.as_str()),
            _ => None,
        })
        .collect()
}

fn kill(pid: u32) {
    let status = Command::new("kill")
        .args(["-9", &pid.to_string()])
        .status()
        .unwrap();
    assert!(status.success());
}

#[tokio::test]
async fn two_turns_with_one_worker() {
    let engine = Engine::new();
    assert_eq!(engine.backend.worker_pid(), None, "nothing starts unasked");
    let mut messages = capitals();
    let (events, first) = engine
        .ask(&model("small"), &request(messages.clone(), 16))
        .await;
    let first = first.unwrap();
    assert_eq!(events[0], Event::Phase(Phase::Waiting));
    assert_eq!(events[1], Event::Phase(Phase::Loading { fraction: None }));
    assert!(events.contains(&Event::Phase(Phase::Loading {
        fraction: Some(1.0)
    })));
    let prompt = first.message.usage.input;
    assert!(events.contains(&Event::Phase(Phase::Prefill {
        processed: prompt,
        total: prompt
    })));
    assert_eq!(first.message.text(), "Rome");
    assert_eq!(texts(&events), "Rome");
    assert_eq!(first.message.stop_reason, StopReason::Stop);
    assert_eq!(first.message.usage.cache_read, 0);
    assert_eq!(
        (
            first.message.api.as_str(),
            first.message.provider.as_str(),
            first.message.model.as_str()
        ),
        ("engine", "local", "small")
    );
    assert!(first.message.timestamp > 1_600_000_000_000);
    let pid = engine.backend.worker_pid();
    assert!(pid.is_some());

    let written = first.message.usage.output;
    messages.push(Message::Assistant(first.message));
    messages.push(user("And of Norway?"));
    let (events, second) = engine.ask(&model("small"), &request(messages, 4)).await;
    let second = second.unwrap().message;
    assert_eq!(second.usage.cache_read, prompt + written);
    assert!(second.usage.input < 20, "{:?}", second.usage);
    assert!(
        !events
            .iter()
            .any(|event| matches!(event, Event::Phase(Phase::Loading { .. }))),
        "the model stays loaded"
    );
    assert_eq!(engine.backend.worker_pid(), pid);
}

#[tokio::test]
async fn a_tool_is_called_and_its_result_is_read() {
    let engine = Engine::new();
    let tools = vec![tools().remove(0)];
    let mut asked = Request {
        tools: tools.clone(),
        tool_choice: ToolChoice::Required,
        ..request(vec![user("What is the weather in Paris?")], 256)
    };
    let (events, reply) = engine.ask(&model("small"), &asked).await;
    let message = reply.unwrap().message;
    assert_eq!(message.stop_reason, StopReason::ToolUse);
    assert_eq!(texts(&events), "", "a call's markup is never shown");
    let calls: Vec<ToolCall> = message.tool_calls().cloned().collect();
    assert!(calls.iter().all(|call| call.name == "get_weather"));
    asked.messages.push(Message::Assistant(message));
    for call in calls {
        asked.messages.push(Message::ToolResult(ToolResultMessage {
            tool_call_id: call.id,
            tool_name: call.name,
            content: vec![Content::text("Sunny, 21 degrees.", Provenance::Program)],
            is_error: false,
            timestamp: 0,
        }));
    }
    asked.tool_choice = ToolChoice::None;
    let (_, reply) = engine.ask(&model("small"), &asked).await;
    let message = reply.unwrap().message;
    assert_eq!(message.tool_calls().count(), 0);
    assert!(!message.text().is_empty());
    assert!(
        message.usage.cache_read > message.usage.input,
        "{:?}",
        message.usage
    );
}

#[tokio::test]
async fn a_call_that_the_limit_cuts_is_neither_called_nor_shown() {
    let engine = Engine::new();
    let asked = Request {
        tools: tools(),
        tool_choice: ToolChoice::Required,
        ..request(vec![user("What is the weather in Paris?")], 12)
    };
    let (events, reply) = engine.ask(&model("small"), &asked).await;
    assert_eq!(reply.unwrap_err().class, FailureClass::OutputExhausted);
    assert_eq!(texts(&events), "");
}

#[tokio::test]
async fn a_dropped_answer_is_stopped_and_the_next_is_given() {
    let engine = Engine::new();
    engine.ask_and_leave(&model("small")).await;
    let pid = engine.backend.worker_pid();
    let (_, reply) = engine.ask(&model("small"), &story(3)).await;
    let message = reply.unwrap().message;
    assert_eq!(message.stop_reason, StopReason::Length);
    // The same worker, with what it had read before.
    assert_eq!(engine.backend.worker_pid(), pid);
    assert_eq!(message.usage.input, 1);
}

#[tokio::test]
async fn a_killed_worker_is_a_failure_and_the_next_turn_has_another() {
    let engine = Engine::new();
    let mut killed = None;
    let request = story(900);
    let result = engine
        .backend
        .stream(&model("small"), &request, &mut |event| {
            if matches!(event, Event::Text(_)) && killed.is_none() {
                killed = engine.backend.worker_pid();
                kill(killed.unwrap());
            }
        })
        .await;
    let failure = result.unwrap_err();
    assert_eq!(failure.class, FailureClass::ServerError);
    assert!(failure.after_text);
    assert!(failure.detail.contains("signal: 9"), "{failure}");

    let (_, reply) = engine.ask(&model("small"), &story(3)).await;
    assert_eq!(reply.unwrap().message.usage.cache_read, 0);
    assert_ne!(engine.backend.worker_pid(), killed);
}

#[tokio::test]
async fn a_worker_that_dies_between_turns_is_not_noticed() {
    let engine = Engine::new();
    engine.ask(&model("small"), &story(2)).await.1.unwrap();
    let pid = engine.backend.worker_pid().unwrap();
    kill(pid);
    while engine.backend.worker_pid() == Some(pid) {
        tokio::task::yield_now().await;
    }
    let (_, reply) = engine.ask(&model("small"), &story(2)).await;
    assert_eq!(reply.unwrap().message.usage.output, 2);
}

#[tokio::test]
async fn questions_at_the_same_time_are_answered_one_after_the_other() {
    let engine = Engine::new();
    let (one, two) = (model("small"), model("other"));
    let requests = [story(3), story(4), story(5)];
    let (first, second, third) = tokio::join!(
        engine.ask(&one, &requests[0]),
        engine.ask(&two, &requests[1]),
        engine.ask(&one, &requests[2]),
    );
    let written = |outcome: (Vec<Event>, Result<Reply, Failure>)| outcome.1.unwrap().message;
    let (first, second, third) = (written(first), written(second), written(third));
    assert_eq!(
        (first.usage.output, second.usage.output, third.usage.output),
        (3, 4, 5)
    );
    // Another model was loaded in between, so nothing could be kept.
    assert_eq!(second.model, "other");
    assert_eq!(third.usage.cache_read, 0);
    assert!(third.text().starts_with(&first.text()));
}

#[tokio::test]
async fn what_cannot_be_answered_says_why() {
    let engine = Engine::new();
    let (_, missing) = engine.ask(&model("absent"), &story(1)).await;
    let failure = missing.unwrap_err();
    assert_eq!(failure.class, FailureClass::ModelUnavailable);
    assert!(
        failure.to_string().contains(&format!(
            "No model file for local/absent in {}: run moltbot models pull absent",
            engine.folder.path().display()
        )),
        "{failure}"
    );
    assert_eq!(engine.backend.worker_pid(), None);

    std::fs::write(engine.folder.path().join("cut.gguf"), b"GGUF\x03").unwrap();
    let failure = engine.ask(&model("cut"), &story(1)).await.1.unwrap_err();
    assert_eq!(failure.class, FailureClass::ModelUnavailable);
    assert!(
        failure.to_string().ends_with("run moltbot models pull cut"),
        "{failure}"
    );

    let long = request(vec![user(&"word ".repeat(2000))], 1);
    let failure = engine.ask(&model("small"), &long).await.1.unwrap_err();
    assert_eq!(failure.class, FailureClass::ContextOverflow);
    assert_eq!(failure.tokens.limit, Some(1024));
    assert!(failure.tokens.prompt > Some(2000));
    assert!(!failure.after_text);

    let required = Request {
        tool_choice: ToolChoice::Required,
        ..story(1)
    };
    let failure = engine.ask(&model("small"), &required).await.1.unwrap_err();
    assert_eq!(failure.class, FailureClass::BadRequest);

    let small_window = Model {
        context_window: 16,
        ..model("small")
    };
    let failure = engine.ask(&small_window, &story(1)).await.1.unwrap_err();
    assert_eq!(failure.tokens.limit, Some(16));
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(model_path(), folder.path().join("small.gguf")).unwrap();
    let program = folder.path().join("no-such-program");
    let backend = EngineBackend::new(EngineOptions::new(&program, folder.path()));
    let failure = backend
        .stream(&model("small"), &story(1), &mut |_| {})
        .await
        .unwrap_err();
    assert_eq!(failure.class, FailureClass::ModelUnavailable);
    assert!(
        failure.detail.contains(&program.display().to_string()),
        "{failure}"
    );
}

#[tokio::test]
async fn a_worker_that_does_not_stop_is_killed() {
    // Loads anything, writes one word, and hears nothing more.
    const DEAF: &str = r#"while read -r line; do
        case "$line" in
            *'"type":"load"'*) echo '{"type":"loaded","name":null,"architecture":null,"context":9,"trained_context":9,"takes_tools":false}' ;;
            *'"type":"generate"'*) for id in 1 2; do echo '{"type":"text","id":'$id',"text":"word"}'; done ;;
        esac
    done"#;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("small.gguf"), "").unwrap();
    let mut options = EngineOptions::new("sh", folder.path());
    options.args = vec!["-c".into(), DEAF.into()];
    options.stop_limit = Duration::from_millis(50);
    let engine = Engine {
        backend: EngineBackend::new(options),
        folder,
    };
    engine.ask_and_leave(&model("small")).await;
    let first = engine.backend.worker_pid().unwrap();
    engine.ask_and_leave(&model("small")).await;
    let second = engine.backend.worker_pid().unwrap();
    assert_ne!(first, second);
    let gone = Command::new("kill")
        .args(["-0", &first.to_string()])
        .output()
        .unwrap();
    assert!(!gone.status.success(), "the deaf worker still runs");
}
