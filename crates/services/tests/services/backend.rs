//! The backend: a request waits for its server, and fails with one clear sentence where there is none.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use moltbot_config::schema::Config;
use moltbot_llm::{
    AssistantMessage, Backend, Catalog, Event, EventSink, Failure, FailureClass, Model, ModelRef,
    Origin, Phase, Priority, Reply, Request, StopReason, Usage,
};
use moltbot_services::{ServedBackend, ServiceState, Services};
use serde_json::json;

use crate::stage::{BOX, Stage, unused};

/// Answers a request with nothing, where its service stands as it should.
struct Inner {
    asked: AtomicUsize,
    /// So many requests find nobody first.
    unreachable: usize,
    services: Arc<Services>,
}

#[async_trait]
impl Backend for Inner {
    async fn stream(&self, model: &Model, _: &Request, _: EventSink<'_>) -> Result<Reply, Failure> {
        if self.asked.fetch_add(1, Ordering::SeqCst) < self.unreachable {
            return Err(Failure::new(FailureClass::Unreachable, model, "refused"));
        }
        if model.reference.provider == BOX {
            let state = self.services.state(BOX).await.unwrap();
            assert!(
                matches!(state, ServiceState::Ready { users: 1, .. }),
                "{state:?}"
            );
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

fn model(provider: &str) -> Model {
    let config: Config = serde_json::from_value(json!({"models": {"providers": {
        provider: {"baseUrl": "http://127.0.0.1:9/v1", "models": [{"id": "small", "name": "Small"}]}
    }}}))
    .unwrap();
    Catalog::new(&config, &[])
        .model(&ModelRef::new(provider, "small"))
        .unwrap()
}

fn backend(services: &Arc<Services>) -> (Arc<Inner>, ServedBackend) {
    backend_after(0, services)
}

fn backend_after(unreachable: usize, services: &Arc<Services>) -> (Arc<Inner>, ServedBackend) {
    let inner = Arc::new(Inner {
        asked: AtomicUsize::new(0),
        unreachable,
        services: services.clone(),
    });
    (inner.clone(), ServedBackend::new(inner, services.clone()))
}

#[tokio::test]
async fn a_request_waits_for_its_server_and_holds_it() {
    let stage = Stage::new().await;
    let services = Arc::new(stage.services([stage.spec(BOX)]));
    let (inner, backend) = backend(&services);
    let mut seen = Vec::new();
    let mut note = |event| seen.push(event);
    let starting = async {
        let mut server = stage.server().await;
        assert_eq!(inner.asked.load(Ordering::SeqCst), 0);
        server.order("listen").await;
        server
    };
    let (model, request) = (model(BOX), Request::default());
    let (reply, _server) = tokio::join!(backend.stream(&model, &request, &mut note), starting);
    reply.unwrap();
    let loading = Event::Phase(Phase::Loading { fraction: None });
    assert!(
        !seen.is_empty() && seen.iter().all(|event| *event == loading),
        "{seen:?}"
    );
    let state = unused(&services).await;
    assert!(
        matches!(state, ServiceState::Ready { users: 0, .. }),
        "{state:?}"
    );
}

#[tokio::test]
async fn a_failed_start_is_one_failure_and_no_request() {
    let stage = Stage::new().await;
    let services = Arc::new(stage.services([stage.spec(BOX)]));
    let (inner, backend) = backend(&services);
    let failing = async {
        let mut server = stage.server().await;
        server.order("say cannot open model.gguf").await;
        server.end(1).await;
    };
    let (model, request) = (model(BOX), Request::default());
    let mut ignore = |_| {};
    let (reply, ()) = tokio::join!(backend.stream(&model, &request, &mut ignore), failing);
    let failure = reply.unwrap_err();
    assert_eq!(failure.class, FailureClass::Unreachable);
    assert!(
        failure.to_string().contains("cannot open model.gguf"),
        "{failure}"
    );
    assert_eq!(inner.asked.load(Ordering::SeqCst), 0);

    let quiet = Request {
        origin: Origin {
            priority: Priority::Background,
            ..Origin::default()
        },
        ..request
    };
    let quiet = backend.stream(&model, &quiet, &mut |_| {}).await;
    let quiet = quiet.unwrap_err();
    assert_eq!(quiet.class, FailureClass::ModelUnavailable);
    assert!(quiet.to_string().contains("service.background"), "{quiet}");
}

#[tokio::test]
async fn a_provider_without_a_service_is_just_asked() {
    let stage = Stage::new().await;
    let services = Arc::new(stage.services([stage.spec(BOX)]));
    let (inner, backend) = backend(&services);
    let mut none = |event| panic!("{event:?}");
    let reply = backend
        .stream(&model("other"), &Request::default(), &mut none)
        .await;
    reply.unwrap();
    assert_eq!(inner.asked.load(Ordering::SeqCst), 1);
    assert!(!stage.path("services").exists());
}

#[tokio::test]
async fn a_server_that_has_just_ended_is_asked_for_once_more() {
    let stage = Stage::new().await;
    let services = Arc::new(stage.services([stage.spec(BOX)]));
    let (leased, _server) = stage.lease_started(&services).await;
    drop(leased);
    unused(&services).await;
    let (model, request) = (model(BOX), Request::default());
    let (inner, once) = backend_after(1, &services);
    once.stream(&model, &request, &mut |_| {}).await.unwrap();
    assert_eq!(inner.asked.load(Ordering::SeqCst), 2);

    unused(&services).await;
    let (inner, always) = backend_after(9, &services);
    let failure = always.stream(&model, &request, &mut |_| {}).await;
    assert_eq!(failure.unwrap_err().class, FailureClass::Unreachable);
    assert_eq!(inner.asked.load(Ordering::SeqCst), 2);
}
