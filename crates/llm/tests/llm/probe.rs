//! Probing: each program is known by what it answers, and each figure by where it was told.

mod programs;

use std::path::Path;

use moltbot_llm::{
    Api, Fact, FailureClass, Model, ModelState, Probe, ProbeError, ServedModel, ServerKind, probe,
    working_base,
};
use moltbot_testkit::{Reply, Script, ScriptedServer, When, capture, error, models_list};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::fixture::{KEY, model_at, model_with};

async fn serving(script: Script) -> ScriptedServer {
    ScriptedServer::start(script).await
}

/// LM Studio's answer to paths that it does not know.
fn unexpected() -> Reply {
    let text = "Unexpected endpoint or method. (GET /x). Returning 200 anyway";
    Reply::json(200, &json!({"error": text}))
}

fn ok(body: Value) -> Reply {
    Reply::json(200, &body)
}

async fn ask(server: &ScriptedServer) -> Probe {
    let model = model_at(&server.base_url(), Api::OpenAiCompletions);
    probe(&model, None).await.unwrap()
}

fn one(probe: &Probe) -> &ServedModel {
    match &probe.models[..] {
        [model] => model,
        models => panic!("not one model: {models:#?}"),
    }
}

/// The value, which must have been told by this path.
#[track_caller]
fn told<'a, T>(fact: &'a Option<Fact<T>>, server: &ScriptedServer, path: &str) -> &'a T {
    let fact = fact.as_ref().expect("it was told");
    assert_eq!(fact.source, format!("{}{path}", server.origin()));
    &fact.value
}

/// Nothing but questions: whatever is asked, no model is made to generate.
fn assert_spends_nothing(server: &ScriptedServer) {
    for request in server.requests() {
        let is_question = request.method == "GET" || request.path == "/api/show";
        assert!(is_question, "{} {}", request.method, request.path);
        assert_ne!(request.path, "/health", "LiteLLM asks its models then");
    }
}

/// A recorded list of a real server; none on a machine that keeps none.
fn recorded(name: &str) -> Option<Reply> {
    let path = capture::kept_dir()?.join(format!("{name}_models.http"));
    Some(capture::load(path).unwrap().reply())
}

#[tokio::test]
async fn a_server_without_a_name_is_taken_for_what_it_lists() {
    let list = json!({"data": [
        {"id": "a", "context_window": 131_072}, {"id": "b"}, {"name": "no id"}, {"id": 7}, "odd",
        {"id": "huge", "context_length": 1e300}, {"id": "big", "context_length": u64::MAX},
    ]});
    let server = serving(Script::new().on(When::get("/v1/models"), ok(list))).await;
    let probe = ask(&server).await;
    assert_eq!(probe.server.value, ServerKind::Generic);
    let ids: Vec<&str> = probe.models.iter().map(|model| model.id.as_str()).collect();
    assert_eq!(ids, ["a", "b", "huge", "big"]);
    assert_eq!(
        *told(&probe.models[0].max_context, &server, "/v1/models"),
        131_072
    );
    assert!(
        probe.models[1..]
            .iter()
            .all(|model| model.max_context.is_none())
    );
    assert_spends_nothing(&server);
}

#[tokio::test]
async fn a_wrong_base_url_is_found_and_the_working_one_named() {
    let page = Reply::whole(200, "text/html", "<html>Welcome</html>");
    let server = serving(
        Script::new()
            .on(
                When::get("/v1/models"),
                ok(json!({"data": [{"id": "m", "owned_by": "vllm", "max_model_len": 64}]})),
            )
            .on(When::get("/version"), ok(json!({"version": "1"})))
            .on(When::get("/web"), page),
    )
    .await;
    // One path is not there, the other is a page for people.
    for wrong in ["api", "web"] {
        let model = model_at(
            &format!("{}/{wrong}", server.origin()),
            Api::OpenAiCompletions,
        );
        let found = probe(&model, None).await.unwrap();
        assert_eq!(found.base_url, server.base_url());
        assert_eq!(told(&found.version, &server, "/version"), "1");
    }
    // A place that asks for a key is the right one, only locked.
    server.set_script(Script::new().on(When::get("/v1/models").api_key(KEY), models_list(&["m"])));
    let model = model_at(&format!("{}/api", server.origin()), Api::OpenAiCompletions);
    assert_eq!(
        working_base(&model, None, std::time::Duration::from_secs(60)).await,
        Some(server.base_url())
    );
    let outcome = probe(&model, None).await;
    let Err(ProbeError::Failed(failure)) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(failure.class, FailureClass::Auth);
    assert_eq!(failure.server, server.base_url());

    server.set_script(Script::new());
    let outcome = probe(&model, None).await;
    let Err(error @ ProbeError::NotAServer { .. }) = outcome else {
        panic!("{outcome:?}");
    };
    assert!(
        error.to_string().contains("models.providers.box.baseUrl"),
        "{error}"
    );
}

#[tokio::test]
async fn what_cannot_be_probed_says_why() {
    let server =
        serving(Script::new().on(When::get("/v1/models").api_key(KEY), models_list(&["m"]))).await;
    let model = model_at(&server.base_url(), Api::OpenAiCompletions);
    let class = |outcome: Result<Probe, ProbeError>| match outcome {
        Err(ProbeError::Failed(failure)) => failure.class,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        class(probe(&model, Some("wrong")).await),
        FailureClass::Auth
    );
    assert!(probe(&model, Some(KEY)).await.is_ok());

    server.set_script(Script::new().on(
        When::any(),
        error(503, r#"{"error":{"message":"Loading model","code":503}}"#),
    ));
    assert_eq!(class(probe(&model, None).await), FailureClass::ModelLoading);

    server.set_script(Script::new().on(
        When::any(),
        Reply::whole(200, "application/json", "{\"data\": [{\"id\": \"m\"").cut(),
    ));
    let outcome = probe(&model, None).await;
    assert!(
        matches!(outcome, Err(ProbeError::NotAServer { .. })),
        "{outcome:?}"
    );

    server.shutdown();
    let outcome = probe(&model, None).await;
    let said = outcome.as_ref().unwrap_err().to_string();
    assert!(
        said.contains("cannot be reached") && said.contains("refused"),
        "{said}"
    );
    assert_eq!(class(outcome), FailureClass::Unreachable);

    let outcome = probe(&model_at("127.0.0.1:1234/v1", Api::OpenAiCompletions), None).await;
    assert!(outcome.unwrap_err().to_string().contains("write http://"));
    let inside = Model {
        api: Api::Engine,
        ..model
    };
    let outcome = probe(&inside, None).await;
    assert!(
        matches!(outcome, Err(ProbeError::InProcess(_))),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn the_key_goes_to_every_path_of_the_provider_and_nowhere_else() {
    let elsewhere = serving(Script::new()).await;
    let place = elsewhere.base_url();
    let server = serving(
        Script::new()
            .on(When::get("/v1/models"), models_list(&["m"]))
            .on_with(When::any(), move |_| {
                error(307, "").header("location", &place)
            }),
    )
    .await;
    let model = model_with(
        &server.base_url(),
        Api::OpenAiCompletions,
        json!({"headers": {"X-Own": "yes"}}),
    );
    let found = probe(&model, Some(KEY)).await.unwrap();
    assert_eq!(found.server.value, ServerKind::Generic);
    assert!(server.requests().len() > 5);
    for request in server.requests() {
        assert!(request.has_api_key(KEY), "{}", request.path);
        assert_eq!(request.header("x-own"), Some("yes"));
        assert!(!request.path.contains(KEY) && request.query.is_none());
    }
    assert_eq!(elsewhere.requests().len(), 0);
    assert!(!serde_json::to_string(&found).unwrap().contains(KEY));
}

/// JSON of the shapes that servers send, with anything in the fields.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
        prop::sample::select(&["llamacpp", "vllm", "sglang", "m", "loaded", "llm"][..])
            .prop_map(Value::from),
    ];
    let names = prop::sample::select(
        &[
            "data",
            "models",
            "id",
            "key",
            "name",
            "model",
            "owned_by",
            "meta",
            "n_ctx",
            "n_ctx_train",
            "status",
            "value",
            "aliases",
            "type",
            "state",
            "loaded_instances",
            "config",
            "context_length",
            "max_model_len",
            "parent",
            "capabilities",
            "model_info",
            "model_name",
            "pricing",
            "top_provider",
            "architecture",
            "default_generation_settings",
            "total_slots",
            "version",
            "model_path",
            "tp_size",
            "litellm_version",
            "modalities",
            "a.context_length",
        ][..],
    );
    leaf.prop_recursive(4, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((names.clone(), inner), 0..8).prop_map(|fields| fields
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect::<Value>()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn no_answer_makes_a_probe_panic(
        entries in prop::collection::vec(anything(), 0..4),
        list in prop::option::of(anything()),
        native in anything(),
        other in anything(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let list = list.unwrap_or_else(|| json!({"data": entries}));
            let server = serving(
                Script::new()
                    .on(When::get("/v1/models"), ok(list))
                    .on(When::get("/api"), ok(native))
                    .on(When::any(), ok(other)),
            )
            .await;
            let model = model_at(&server.base_url(), Api::OpenAiCompletions);
            if let Ok(found) = probe(&model, None).await {
                for served in &found.models {
                    assert!(!served.id.is_empty() && !served.id.contains(char::is_control));
                    assert!(served.loaded_context.as_ref().is_none_or(|fact| fact.value > 0));
                }
            }
            assert_spends_nothing(&server);
        });
    }
}
