//! The queue before a server, over real connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use moltbot_llm::{
    Api, Backend, Credentials, Event, EventSink, Failure, HttpBackend, Knowledge, Model, Origin,
    Phase, Priority, Queued, Reply, Request, ServerKind, over_http,
};
use moltbot_testkit::{Part, Script, ScriptedServer, Step, When, openai_chat};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::fixture::{config, hi, provider};

/// A server that answers whenever the test opens its gate.
async fn server(gate: &str) -> ScriptedServer {
    let reply = openai_chat(&[Part::Text("Hello.")])
        .stream()
        .after_frames(1, Step::pause(gate));
    ScriptedServer::start(Script::new().on(When::post("/v1/chat/completions"), reply)).await
}

fn model(base_url: &str, fields: Value) -> Model {
    let entry = provider(base_url, Api::OpenAiCompletions, fields, json!({}));
    let config = config(json!({"models": {"providers": {"box": entry}}}));
    let catalog = moltbot_llm::Catalog::new(&config, &[]);
    catalog.resolve("box/m").unwrap()
}

fn from(session: Option<&str>, priority: Priority) -> Request {
    Request {
        origin: Origin {
            session: session.map(str::to_owned),
            priority,
            ..Origin::default()
        },
        ..hi()
    }
}

fn backend() -> Arc<dyn Backend> {
    over_http(
        Arc::new(Credentials::default()),
        Arc::new(Knowledge::default()),
    )
}

/// A request under way.
struct Asking {
    task: JoinHandle<Result<Reply, Failure>>,
    events: mpsc::UnboundedReceiver<Event>,
}

impl Asking {
    fn new(backend: &Arc<dyn Backend>, model: &Model, request: Request) -> Self {
        let (backend, model) = (Arc::clone(backend), model.clone());
        let (tell, events) = mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            let mut sink = |event| {
                // Nobody listens any more where a test does not care.
                let _ = tell.send(event);
            };
            backend.stream(&model, &request, &mut sink).await
        });
        Self { task, events }
    }

    async fn next(&mut self) -> Event {
        self.events.recv().await.unwrap()
    }

    /// Waits until it stands in the line behind this many.
    async fn queued(&mut self, ahead: usize) {
        assert_eq!(self.next().await, Event::Phase(Phase::Queued { ahead }));
    }

    async fn text(self) -> String {
        self.task.await.unwrap().unwrap().message.text()
    }

    async fn cancel(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}

/// Counts the requests under way. The server's own count would do but for the moment in which a client has read the end
/// of a reply and the server has not yet seen that it was written.
struct Counting<B> {
    inner: B,
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

#[async_trait::async_trait]
impl<B: Backend> Backend for Counting<B> {
    async fn stream(
        &self,
        model: &Model,
        request: &Request,
        events: EventSink<'_>,
    ) -> Result<Reply, Failure> {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        let result = self.inner.stream(model, request, events).await;
        self.now.fetch_sub(1, Ordering::SeqCst);
        result
    }
}

#[tokio::test]
async fn a_hundred_requests_to_four_slots_are_all_answered() {
    let server = server("go").await;
    let model = model(&server.base_url(), json!({"slots": 4}));
    let most = Arc::new(AtomicUsize::new(0));
    let backend: Arc<dyn Backend> = Arc::new(Queued::new(Counting {
        inner: HttpBackend::new(Arc::new(Credentials::default())),
        now: Arc::default(),
        most: Arc::clone(&most),
    }));
    let mut all = Vec::new();
    for number in 0..100_usize {
        let mut asking = Asking::new(&backend, &model, hi());
        match number.checked_sub(4) {
            None => assert_eq!(asking.next().await, Event::Phase(Phase::Waiting)),
            Some(ahead) => asking.queued(ahead).await,
        }
        all.push(asking);
    }
    server.wait_for_requests(4).await;
    assert_eq!(
        server.connections().total_requests,
        4,
        "the others wait here"
    );
    server.release("go");
    for asking in all {
        assert_eq!(asking.text().await, "Hello.");
    }
    assert_eq!(server.requests().len(), 100);
    assert_eq!(most.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn a_request_that_is_given_up_closes_its_connection_and_frees_its_slot() {
    let server = server("go").await;
    let (backend, model) = (backend(), model(&server.base_url(), json!({"slots": 1})));
    let first = Asking::new(&backend, &model, hi());
    server.wait_for_pause("go").await;
    let mut second = Asking::new(&backend, &model, hi());
    second.queued(0).await;
    let mut third = Asking::new(&backend, &model, hi());
    third.queued(1).await;
    first.cancel().await;
    server.wait_for_cancel().await;
    server.wait_for_requests(2).await;
    third.queued(0).await;
    server.release("go");
    assert_eq!(second.text().await, "Hello.");
    assert_eq!(third.text().await, "Hello.");
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn who_leaves_the_line_moves_the_others_up() {
    let server = server("go").await;
    let (backend, model) = (backend(), model(&server.base_url(), json!({"slots": 1})));
    let first = Asking::new(&backend, &model, hi());
    server.wait_for_pause("go").await;
    let mut second = Asking::new(&backend, &model, hi());
    second.queued(0).await;
    let mut third = Asking::new(&backend, &model, hi());
    third.queued(1).await;
    second.cancel().await;
    third.queued(0).await;
    server.release("go");
    assert_eq!(first.text().await, "Hello.");
    assert_eq!(third.text().await, "Hello.");
    assert_eq!(server.requests().len(), 2, "one was never sent");
}

#[tokio::test]
async fn a_person_overtakes_background_work() {
    let server = server("go").await;
    let (backend, model) = (backend(), model(&server.base_url(), json!({"slots": 1})));
    let named = |name: &str, priority| Request {
        system: name.to_owned(),
        ..from(None, priority)
    };
    let ask = |name: &str, priority| Asking::new(&backend, &model, named(name, priority));
    let running = ask("running", Priority::Background);
    server.wait_for_pause("go").await;
    let mut heartbeat = ask("heartbeat", Priority::Background);
    heartbeat.queued(0).await;
    let mut person = ask("person", Priority::Person);
    person.queued(0).await;
    heartbeat.queued(1).await;
    server.release("go");
    for asking in [running, person, heartbeat] {
        assert_eq!(asking.text().await, "Hello.");
    }
    let order: Vec<Value> = server
        .requests()
        .iter()
        .map(|request| request.json()["messages"][0]["content"].clone())
        .collect();
    assert_eq!(order, ["running", "person", "heartbeat"]);
}

/// The slots that requests of these sessions, one after another, asked for.
async fn slots(model: impl Fn(&str) -> Model, sessions: &[&str]) -> Vec<Value> {
    let server = server("go").await;
    server.release("go");
    let (backend, model) = (backend(), model(&server.base_url()));
    for session in sessions {
        let request = from(Some(*session), Priority::Person);
        let asking = Asking::new(&backend, &model, request);
        assert_eq!(asking.text().await, "Hello.");
    }
    let requests = server.requests();
    requests
        .iter()
        .map(|r| r.json()["id_slot"].clone())
        .collect()
}

fn llama_cpp(base_url: &str) -> Model {
    Model {
        server: Some(ServerKind::LlamaCpp),
        ..model(base_url, json!({"slots": 2}))
    }
}

#[tokio::test]
async fn a_session_keeps_its_slot_of_llama_cpp_s_server_over_turns() {
    let sessions = ["a", "b", "a", "a", "b", "a"];
    assert_eq!(slots(llama_cpp, &sessions).await, [0, 1, 0, 0, 1, 0]);
    let sessions = ["a", "b", "a", "c", "a", "b"];
    assert_eq!(slots(llama_cpp, &sessions).await, [0, 1, 0, 1, 0, 1]);
}

#[tokio::test]
async fn the_slot_is_named_only_where_the_server_knows_it() {
    let other = |base: &str| model(base, json!({"slots": 2}));
    let one_slot = |base: &str| Model {
        slots: Some(1),
        ..llama_cpp(base)
    };
    let unknown = |base: &str| Model {
        slots: None,
        ..llama_cpp(base)
    };
    let refused = |base: &str| {
        let mut model = llama_cpp(base);
        model.repairs.dropped.insert("id_slot".to_owned());
        model
    };
    assert_eq!(slots(other, &["a"]).await, [Value::Null]);
    assert_eq!(slots(one_slot, &["a"]).await, [Value::Null]);
    assert_eq!(slots(unknown, &["a"]).await, [Value::Null]);
    assert_eq!(slots(refused, &["a"]).await, [Value::Null]);
}

#[tokio::test]
async fn two_servers_share_the_load() {
    let (one, two) = (server("go").await, server("go").await);
    let fields = json!({"baseUrls": [one.base_url(), two.base_url()], "slots": 4});
    let (backend, model) = (backend(), model(&one.base_url(), fields));
    let all: Vec<Asking> = (0..8)
        .map(|_| Asking::new(&backend, &model, hi()))
        .collect();
    one.wait_for_requests(4).await;
    two.wait_for_requests(4).await;
    for server in [&one, &two] {
        server.release("go");
    }
    for asking in all {
        assert_eq!(asking.text().await, "Hello.");
    }
    assert_eq!((one.requests().len(), two.requests().len()), (4, 4));
}

#[tokio::test]
async fn a_server_that_dies_while_it_reads_hands_its_sessions_to_the_other() {
    let (one, two) = (server("go").await, server("go").await);
    two.release("go");
    let fields = json!({"baseUrls": [two.base_url()], "slots": 1});
    let (backend, model) = (backend(), model(&one.base_url(), fields));
    let ask = || Asking::new(&backend, &model, from(Some("s"), Priority::Person));
    let mut reading = ask();
    one.wait_for_pause("go").await;
    let mut waiting = ask();
    waiting.queued(0).await;
    one.shutdown();
    let mut again = Vec::new();
    for asking in [&mut reading, &mut waiting] {
        let mut told = 0;
        while let Some(event) = asking.events.recv().await {
            told += usize::from(matches!(event, Event::Again { .. }));
        }
        again.push(told);
    }
    assert_eq!(again, [1, 0], "who only waited lost nothing");
    assert_eq!(reading.text().await, "Hello.");
    assert_eq!(waiting.text().await, "Hello.");
    assert_eq!(ask().text().await, "Hello.");
    assert_eq!((one.requests().len(), two.requests().len()), (1, 3));
}

#[tokio::test]
async fn what_one_server_was_found_to_need_the_other_needs_too() {
    let refusal = json!({"error": {"message": "Unsupported parameter: temperature",
        "type": "invalid_request_error", "param": "temperature", "code": "unsupported_parameter"}});
    let picky = || {
        Script::new()
            .on(
                When::post("/v1/chat/completions").body(|body| body.get("temperature").is_some()),
                moltbot_testkit::error(400, &refusal.to_string()),
            )
            .on(
                When::post("/v1/chat/completions"),
                openai_chat(&[Part::Text("Hello.")]),
            )
    };
    let one = ScriptedServer::start(picky()).await;
    let two = ScriptedServer::start(picky()).await;
    let model = model(&one.base_url(), json!({"baseUrls": [two.base_url()]}));
    let knowledge = Arc::new(Knowledge::default());
    let backend = over_http(Arc::new(Credentials::default()), Arc::clone(&knowledge));
    for session in ["a", "b"] {
        let model = knowledge.dress(model.clone()).await;
        let request = Request {
            temperature: Some(0.5),
            ..from(Some(session), Priority::Person)
        };
        assert_eq!(
            Asking::new(&backend, &model, request).text().await,
            "Hello."
        );
    }
    assert_eq!((one.requests().len(), two.requests().len()), (2, 1));
}
