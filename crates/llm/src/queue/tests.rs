#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use tokio::sync::Notify;

use super::*;
use crate::message::{AssistantMessage, StopReason, Usage};
use crate::request::{Origin, Priority};

/// How a server behaves.
#[derive(Clone)]
enum Behaviour {
    Answers,
    Fails(FailureClass),
    /// Says a word, then fails.
    FailsAfterText(FailureClass),
    /// Answers once it is told to.
    Waits(Arc<Notify>),
    /// Begins to think, and goes on when it is told to.
    Thinks(Arc<Notify>),
}

/// Servers by base URL, and the order in which they were asked.
#[derive(Clone, Default)]
struct Servers {
    behaviours: Arc<Mutex<BTreeMap<String, Behaviour>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Servers {
    fn set(&self, base_url: &str, behaviour: Behaviour) {
        locked(&self.behaviours).insert(base_url.to_owned(), behaviour);
    }

    /// Who was asked since the last time.
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *locked(&self.asked))
    }
}

#[async_trait]
impl Backend for Servers {
    async fn stream(
        &self,
        model: &Model,
        _: &Request,
        events: EventSink<'_>,
    ) -> Result<Reply, Failure> {
        locked(&self.asked).push(model.base_url.clone());
        let behaviour = locked(&self.behaviours).get(&model.base_url).cloned();
        events(Event::Phase(Phase::Waiting));
        match behaviour.unwrap_or(Behaviour::Answers) {
            Behaviour::Answers => {}
            Behaviour::Fails(class) => return Err(Failure::new(class, model, "")),
            Behaviour::FailsAfterText(class) => {
                events(Event::Text("Hel".to_owned()));
                return Err(Failure {
                    after_text: true,
                    ..Failure::new(class, model, "")
                });
            }
            Behaviour::Waits(go) => go.notified().await,
            Behaviour::Thinks(go) => {
                events(Event::Thinking("Hm.".to_owned()));
                go.notified().await;
            }
        }
        Ok(Reply {
            message: AssistantMessage {
                content: Vec::new(),
                api: String::new(),
                provider: String::new(),
                model: String::new(),
                usage: Usage::default(),
                stop_reason: StopReason::Stop,
                error_message: None,
                timestamp: 0,
            },
            served_by: None,
        })
    }
}

const A: &str = "http://mac1:1234/v1";
const B: &str = "http://mac2:1234/v1";

fn model(fields: serde_json::Value) -> Model {
    let mut entry = json!({"baseUrl": A, "models": [{"id": "m", "name": "M"}]});
    let fields = fields.as_object().unwrap().clone();
    entry.as_object_mut().unwrap().extend(fields);
    let config = serde_json::from_value(json!({"models": {"providers": {"box": entry}}})).unwrap();
    crate::Catalog::new(&config, &[])
        .model(&crate::ModelRef::new("box", "m"))
        .unwrap()
}

fn two_servers() -> Model {
    model(json!({"baseUrls": [A, B]}))
}

fn request(session: Option<&str>) -> Request {
    Request {
        origin: Origin {
            session: session.map(str::to_owned),
            ..Origin::default()
        },
        ..Request::default()
    }
}

/// A queue before servers that the test controls.
struct Bench {
    queue: Queued<Servers>,
    servers: Servers,
    model: Model,
}

impl Bench {
    fn new(model: Model) -> Self {
        let servers = Servers::default();
        Self {
            queue: Queued::new(servers.clone()),
            servers,
            model,
        }
    }

    async fn ask(&self, session: Option<&str>) -> (Result<Reply, Failure>, Vec<Event>) {
        let mut events = Vec::new();
        let request = request(session);
        let mut sink = |event| events.push(event);
        let result = self.queue.stream(&self.model, &request, &mut sink).await;
        (result, events)
    }

    /// Who is asked by a request that succeeds.
    async fn asked(&self, session: Option<&str>) -> Vec<String> {
        self.ask(session).await.0.unwrap();
        self.servers.asked()
    }

    fn serving(&self) -> usize {
        let server = self.queue.server(&self.model.base_url);
        server.load()
    }
}

async fn pass(seconds: u64) {
    tokio::time::advance(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_not_there_is_left_before_anybody_hears_of_a_failure() {
    for class in [
        FailureClass::Unreachable,
        FailureClass::Timeout,
        FailureClass::ModelLoading,
        FailureClass::Overloaded,
        FailureClass::StreamCut,
    ] {
        let bench = Bench::new(two_servers());
        bench.servers.set(A, Behaviour::Fails(class));
        let (result, events) = bench.ask(None).await;
        result.unwrap();
        assert_eq!(bench.servers.asked(), [A, B]);
        let again: Vec<&Failure> = events
            .iter()
            .filter_map(|event| match event {
                Event::Again { failure } => Some(&**failure),
                _ => None,
            })
            .collect();
        assert_eq!(again.len(), 1, "{class:?}");
        assert_eq!((again[0].class, again[0].server.as_str()), (class, A));
        assert_eq!(bench.asked(None).await, [B], "it is left alone");
    }
}

#[tokio::test(start_paused = true)]
async fn what_another_server_would_not_mend_stays_where_it_is() {
    for behaviour in [
        Behaviour::Fails(FailureClass::ContextOverflow),
        Behaviour::Fails(FailureClass::Auth),
        Behaviour::FailsAfterText(FailureClass::Timeout),
        Behaviour::FailsAfterText(FailureClass::StreamCut),
    ] {
        let bench = Bench::new(two_servers());
        bench.servers.set(A, behaviour);
        assert!(bench.ask(None).await.0.is_err());
        assert_eq!(bench.servers.asked(), [A]);
        bench.servers.set(A, Behaviour::Answers);
        assert_eq!(bench.asked(None).await, [A], "it answered, so it is there");
    }
}

#[tokio::test(start_paused = true)]
async fn pauses_double_from_ten_seconds_to_five_minutes_and_end_with_an_answer() {
    let bench = Bench::new(two_servers());
    bench
        .servers
        .set(A, Behaviour::Fails(FailureClass::Unreachable));
    assert_eq!(bench.asked(None).await, [A, B]);
    for pause in [10, 20, 40, 80, 160, 300, 300] {
        pass(pause - 1).await;
        assert_eq!(bench.asked(None).await, [B], "before {pause} s");
        pass(1).await;
        assert_eq!(bench.asked(None).await, [A, B], "after {pause} s");
    }
    pass(300).await;
    bench.servers.set(A, Behaviour::Answers);
    assert_eq!(bench.asked(None).await, [A]);
    assert_eq!(bench.asked(None).await, [A], "it is back");
    bench
        .servers
        .set(A, Behaviour::Fails(FailureClass::Overloaded));
    assert_eq!(bench.asked(None).await, [A, B]);
    pass(10).await;
    assert_eq!(
        bench.asked(None).await,
        [A, B],
        "and begins with the short pause"
    );
}

#[tokio::test(start_paused = true)]
async fn one_request_tries_a_server_and_its_first_word_lets_the_others_come() {
    let bench = Bench::new(two_servers());
    bench
        .servers
        .set(A, Behaviour::Fails(FailureClass::Unreachable));
    assert_eq!(bench.asked(None).await, [A, B]);
    pass(10).await;
    let go = Arc::new(Notify::new());
    bench.servers.set(A, Behaviour::Waits(Arc::clone(&go)));
    {
        let mut trial = std::pin::pin!(bench.ask(None));
        assert!(is_pending_after_a_poll(trial.as_mut()).await);
        assert_eq!(bench.servers.asked(), [A]);
        assert_eq!(bench.asked(None).await, [B], "one is enough to find out");
    }
    bench.servers.set(A, Behaviour::Thinks(Arc::clone(&go)));
    let mut trial = std::pin::pin!(bench.ask(None));
    assert!(is_pending_after_a_poll(trial.as_mut()).await);
    assert_eq!(
        bench.servers.asked(),
        [A],
        "a trial without a verdict is repeated"
    );
    bench.servers.set(B, Behaviour::Waits(Arc::clone(&go)));
    bench.servers.set(A, Behaviour::Answers);
    let mut other = std::pin::pin!(bench.ask(None));
    assert!(is_pending_after_a_poll(other.as_mut()).await);
    assert_eq!(bench.servers.asked(), [B], "the idlest");
    assert_eq!(
        bench.asked(None).await,
        [A],
        "nobody stays away from it any more"
    );
}

/// Lets a future run as far as it comes; whether it is not done then.
async fn is_pending_after_a_poll<F: Future>(mut future: std::pin::Pin<&mut F>) -> bool {
    std::future::poll_fn(|cx| std::task::Poll::Ready(future.as_mut().poll(cx).is_pending())).await
}

#[tokio::test(start_paused = true)]
async fn when_all_have_failed_they_are_asked_all_the_same() {
    let bench = Bench::new(two_servers());
    for base in [A, B] {
        bench
            .servers
            .set(base, Behaviour::Fails(FailureClass::Unreachable));
    }
    for _ in 0..2 {
        let (result, events) = bench.ask(None).await;
        assert_eq!(result.unwrap_err().server, B);
        assert_eq!(bench.servers.asked(), [A, B]);
        let again = events.iter().filter(|e| matches!(e, Event::Again { .. }));
        assert_eq!(again.count(), 1, "nothing is asked again after the last");
    }
    bench.servers.set(B, Behaviour::Answers);
    assert_eq!(bench.asked(None).await, [A, B]);
    assert_eq!(bench.asked(None).await, [B]);
}

#[tokio::test(start_paused = true)]
async fn sessions_spread_stay_and_move_for_good_when_their_server_dies() {
    let bench = Bench::new(two_servers());
    for _ in 0..2 {
        for (session, home) in [("a", A), ("b", B), ("c", A), ("d", B)] {
            assert_eq!(bench.asked(Some(session)).await, [home], "{session}");
        }
    }
    bench
        .servers
        .set(A, Behaviour::Fails(FailureClass::Unreachable));
    assert_eq!(bench.asked(Some("a")).await, [A, B]);
    assert_eq!(bench.asked(Some("a")).await, [B]);
    pass(3600).await;
    bench.servers.set(A, Behaviour::Answers);
    assert_eq!(bench.asked(None).await, [A]);
    assert_eq!(bench.asked(Some("a")).await, [B], "its prompt is there now");
    assert_eq!(
        bench.asked(Some("c")).await,
        [A],
        "it never heard of the trouble"
    );
    assert_eq!(bench.asked(Some("e")).await, [A], "fewer are at home there");
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_server_that_dies_goes_elsewhere_at_once() {
    let bench = Bench::new(model(json!({"baseUrls": [B], "slots": 1})));
    let go = Arc::new(Notify::new());
    bench.servers.set(A, Behaviour::Waits(Arc::clone(&go)));
    let mut first = std::pin::pin!(bench.ask(Some("s")));
    assert!(is_pending_after_a_poll(first.as_mut()).await);
    let mut second = std::pin::pin!(bench.ask(Some("s")));
    assert!(
        is_pending_after_a_poll(second.as_mut()).await,
        "its prompt is at the first server"
    );
    assert_eq!(bench.servers.asked(), [A]);
    // Somebody else's request finds out.
    bench
        .queue
        .server(A)
        .join(Reason::Only, Priority::Person, None, 1)
        .failed();
    let (result, events) = second.await;
    result.unwrap();
    assert_eq!(bench.servers.asked(), [B]);
    assert_eq!(events[0], Event::Phase(Phase::Queued { ahead: 0 }));
    assert!(!events.iter().any(|e| matches!(e, Event::Again { .. })));
    go.notify_one();
    first.await.0.unwrap();
}

#[tokio::test]
async fn a_slot_is_free_only_once_its_connection_is_closed() {
    /// Notes what the queue looks like when it is dropped, as a connection would be.
    struct Connection<'a>(&'a Bench, Arc<Mutex<Option<usize>>>);
    impl Drop for Connection<'_> {
        fn drop(&mut self) {
            *locked(&self.1) = Some(self.0.serving());
        }
    }
    struct Holding<'a>(&'a Bench, Arc<Mutex<Option<usize>>>);
    #[async_trait]
    impl Backend for Holding<'_> {
        async fn stream(
            &self,
            model: &Model,
            request: &Request,
            events: EventSink<'_>,
        ) -> Result<Reply, Failure> {
            let _connection = Connection(self.0, Arc::clone(&self.1));
            self.0.servers.stream(model, request, events).await
        }
    }
    let bench = Bench::new(model(json!({"slots": 1})));
    bench.servers.set(A, Behaviour::Waits(Arc::default()));
    let seen = Arc::new(Mutex::new(None));
    let queue = Queued::new(Holding(&bench, Arc::clone(&seen)));
    *locked(&queue.lines.0.servers) = HashMap::from([(Endpoint::server(A), bench.queue.server(A))]);
    let request = request(None);
    let mut sink = |_: Event| {};
    {
        let mut asked = std::pin::pin!(queue.stream(&bench.model, &request, &mut sink));
        assert!(is_pending_after_a_poll(asked.as_mut()).await);
        assert_eq!(bench.serving(), 1);
    }
    assert_eq!(
        *locked(&seen),
        Some(1),
        "closed while the slot was still taken"
    );
    assert_eq!(bench.serving(), 0);
}

#[test]
fn one_server_is_one_queue_however_it_is_written() {
    let queue = Queued::new(Servers::default());
    let one = queue.server("http://box:8000/v1");
    for same in ["http://box:8000", "http://key:s3cret@box:8000/v1/"] {
        assert!(Arc::ptr_eq(&one, &queue.server(same)), "{same}");
    }
    assert!(!Arc::ptr_eq(&one, &queue.server("http://box:8001/v1")));
}
