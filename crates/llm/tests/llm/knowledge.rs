//! What servers tell before the first request, kept over a restart, and what it changes in a turn.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use moltbot_llm::{
    Answer, Api, Backends, Credentials, Event, FailureClass, Knowledge, Ladder, LadderError, Model,
    Records, Request, ServerKind, ShortMemory, Source, ToolSpec, over_http,
};
use moltbot_testkit::{
    Part, Reply, Script, ScriptedServer, Step, When, error, models_list, openai_chat,
    openai_responses,
};
use serde_json::{Value, json};

use crate::fixture::{KEY, config, hi, model_at, model_with};

/// Longer than any of these servers takes, however busy the machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process that takes turns, with what the one before it left.
struct Process {
    knowledge: Arc<Knowledge>,
    backends: Backends,
}

impl Process {
    fn new(records: &Arc<ShortMemory>) -> Self {
        Self::waiting(records, PATIENCE)
    }

    fn waiting(records: &Arc<ShortMemory>, limit: Duration) -> Self {
        let keys = config(
            json!({"models": {"providers": {"box": {"baseUrl": "http://x", "apiKey": KEY, "models": []}}}}),
        );
        let credentials = Arc::new(Credentials::new(&keys, &BTreeMap::new(), None));
        let knowledge = Knowledge::new(Arc::clone(records) as Arc<dyn Records>)
            .asking(Arc::clone(&credentials))
            .waiting(limit);
        let knowledge = Arc::new(knowledge);
        let http = over_http(credentials, Arc::clone(&knowledge));
        Self {
            backends: Backends::new(http, None, Arc::clone(&knowledge)),
            knowledge,
        }
    }

    async fn run(&self, model: &Model, request: &Request) -> Turn {
        let mut events = Vec::new();
        let result = Ladder::new(self.backends.clone(), vec![model.clone()])
            .run(request, &mut |event| events.push(event))
            .await;
        Turn { events, result }
    }

    async fn turn(&self, model: &Model) -> Turn {
        self.run(model, &hi()).await
    }
}

struct Turn {
    events: Vec<Event>,
    result: Result<Answer, LadderError>,
}

impl Turn {
    #[track_caller]
    fn text(&self) -> String {
        self.result.as_ref().unwrap().reply.message.text()
    }

    fn notices(&self) -> Vec<&str> {
        let notices = self.events.iter().filter_map(|event| match event {
            Event::Notice(text) => Some(text.as_str()),
            _ => None,
        });
        notices.collect()
    }

    #[track_caller]
    fn class(&self) -> FailureClass {
        self.result.as_ref().unwrap_err().last().unwrap().class
    }
}

async fn serving(script: Script) -> ScriptedServer {
    ScriptedServer::start(script).await
}

fn ok(body: Value) -> Reply {
    Reply::json(200, &body)
}

/// The paths asked for by GET, and how many of them there are.
fn gets(server: &ScriptedServer) -> Vec<String> {
    let requests = server.requests().into_iter();
    let gets = requests.filter(|request| request.method == "GET");
    gets.map(|request| request.path).collect()
}

fn says(script: Script) -> Script {
    script
        .on(
            When::post("/v1/chat/completions"),
            openai_chat(&[Part::Text("Yes.")]),
        )
        .on(
            When::post("/v1/responses"),
            openai_responses(&[Part::Text("Yes.")]),
        )
}

fn lm_studio(loaded: Option<u64>) -> Script {
    let instances = loaded
        .map(|tokens| json!({"id": "m", "config": {"context_length": tokens, "parallel": 2}}));
    let native = json!({"models": [{"type": "llm", "key": "m", "max_context_length": 262_144,
        "loaded_instances": Vec::from_iter(instances),
        "capabilities": {"vision": true, "trained_for_tool_use": false}}]});
    let unexpected = ok(json!({"error": "Unexpected endpoint or method."}));
    says(
        Script::new()
            .on(When::get("/v1/models"), models_list(&["m"]))
            .on(When::get("/api/v1/models"), ok(native)),
    )
    .on(When::any(), unexpected)
}

fn vllm_list(context: u64) -> Reply {
    // The time is in each answer of a real one.
    static TIME: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let created = TIME.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    ok(json!({"data": [
        {"id": "m", "owned_by": "vllm", "created": created, "max_model_len": context, "permission": [{"id": created}]}]}))
}

fn vllm(version: &'static str, context: u64) -> Script {
    Script::new()
        .on_with(When::get("/v1/models"), move |_| vllm_list(context))
        .on(When::get("/version"), ok(json!({"version": version})))
}

/// The manual's own example: what it says of the context, and what LM Studio loads by default.
#[tokio::test]
async fn more_context_than_is_loaded_is_not_counted_on_and_the_person_is_told_once() {
    let server = serving(lm_studio(Some(4096))).await;
    let records = Arc::new(ShortMemory::default());
    let fields = json!({"contextWindow": 196_608, "maxTokens": 8192});
    let model = model_with(&server.base_url(), Api::OpenAiResponses, fields);
    let process = Process::new(&records);
    let turn = process.turn(&model).await;
    assert_eq!(turn.text(), "Yes.");
    let [notice] = turn.notices()[..] else {
        panic!("{:?}", turn.notices());
    };
    for part in [
        "box/m",
        "configured as 196608",
        "has loaded 4096",
        "moltbot models probe box",
    ] {
        assert!(notice.contains(part), "{notice}");
    }
    let sent = server.posts()[0].json();
    let asked = sent["max_output_tokens"].as_u64().unwrap();
    assert!((2048..4096).contains(&asked), "{asked}");
    assert_eq!(process.turn(&model).await.notices(), [""; 0]);

    let dressed = process.knowledge.dress(model.clone()).await;
    assert_eq!(
        (dressed.context_window, dressed.context_source),
        (4096, Source::Probed)
    );
    assert_eq!(dressed.server, Some(ServerKind::LmStudio));
    assert_eq!(dressed.slots, Some(2));
    // "Not trained for tools" does not mean that it takes none.
    assert!(dressed.vision && !dressed.repairs.tools_as_text);

    // The owner who wants less gets less, and says what the model sees.
    let fields = json!({"contextWindow": 2000, "input": ["text"]});
    let smaller = model_with(&server.base_url(), Api::OpenAiResponses, fields);
    assert_eq!(
        Process::new(&records).turn(&smaller).await.notices(),
        [""; 0]
    );
    let dressed = process.knowledge.dress(smaller).await;
    assert_eq!(
        (dressed.context_window, dressed.context_source),
        (2000, Source::Config)
    );
    assert!(!dressed.vision);
}

#[tokio::test]
async fn what_is_not_configured_is_what_the_server_has() {
    let server = serving(says(vllm("1", 300_000))).await;
    let process = Process::new(&Arc::default());
    let model = model_at(&server.base_url(), Api::OpenAiCompletions);
    assert_eq!(
        (model.context_window, model.context_source),
        (200_000, Source::Guess)
    );
    assert_eq!(process.turn(&model).await.notices(), [""; 0]);
    let dressed = process.knowledge.dress(model).await;
    assert_eq!(
        (dressed.context_window, dressed.context_source),
        (300_000, Source::Probed)
    );
}

#[tokio::test]
async fn one_question_confirms_what_is_known_and_a_change_is_found() {
    let server = serving(says(vllm("1", 8192))).await;
    let records = Arc::new(ShortMemory::default());
    let model = model_at(&server.base_url(), Api::OpenAiCompletions);
    let first = Process::new(&records);
    for _ in 0..3 {
        first.turn(&model).await.text();
    }
    assert_eq!(gets(&server), ["/v1/models", "/version"]);
    assert!(server.requests().iter().all(|r| r.has_api_key(KEY)));

    // Another process: the list alone, and only once.
    let second = Process::new(&records);
    for _ in 0..3 {
        second.turn(&model).await.text();
    }
    assert_eq!(gets(&server)[2..], ["/v1/models"]);
    assert_eq!(
        second.knowledge.dress(model.clone()).await.context_window,
        8192
    );

    // Started anew with more.
    server.set_script(says(vllm("1", 16_384)));
    let third = Process::new(&records);
    third.turn(&model).await.text();
    assert_eq!(gets(&server)[3..], ["/v1/models", "/v1/models", "/version"]);
    assert_eq!(
        third.knowledge.dress(model.clone()).await.context_window,
        16_384
    );

    // What is old is asked for anew, whatever the list says.
    age(&records, 11 * 60 * 1000).await;
    Process::new(&records).turn(&model).await.text();
    assert_eq!(gets(&server)[6..], ["/v1/models", "/version"]);
}

/// Makes what is known of servers so many milliseconds older.
async fn age(records: &Arc<ShortMemory>, by: i64) {
    for (key, json) in records.load("server").await {
        let mut record: Value = serde_json::from_str(&json).unwrap();
        let at = record["probedAt"].as_i64().unwrap();
        record["probedAt"] = json!(at - by);
        records.save("server", &key, record.to_string()).await;
    }
}

#[tokio::test]
async fn another_build_is_tried_without_the_old_one_s_repairs() {
    let refusal = || {
        error(
            422,
            r#"{"detail":[{"type":"extra_forbidden","loc":["body","stream_options"],"msg":"Extra inputs are not permitted"}]}"#,
        )
    };
    let picky = |version, context| {
        says(vllm(version, context).on(
            When::post("/v1/chat/completions").body(|body| body.get("stream_options").is_some()),
            refusal(),
        ))
    };
    let server = serving(picky("1", 8192)).await;
    let records = Arc::new(ShortMemory::default());
    let model = model_at(&server.base_url(), Api::OpenAiCompletions);
    for posts in [2, 3] {
        Process::new(&records).turn(&model).await.text();
        assert_eq!(server.posts().len(), posts, "refused once, then known");
    }
    // A model more on the same build is no reason.
    let with_lora = json!({"data": [
        {"id": "m", "owned_by": "vllm", "max_model_len": 8192}, {"id": "lora", "owned_by": "vllm", "parent": "m"}]});
    server.set_script(says(
        Script::new()
            .on(When::get("/v1/models"), ok(with_lora))
            .on(When::get("/version"), ok(json!({"version": "1"}))),
    ));
    Process::new(&records).turn(&model).await.text();
    assert_eq!(server.posts()[3].json().get("stream_options"), None);

    server.set_script(says(vllm("2", 8192)));
    Process::new(&records).turn(&model).await.text();
    let sent = server.posts()[4].json();
    assert!(sent.get("stream_options").is_some(), "{sent}");
    assert_eq!(records.load("repairs").await, []);
}

#[tokio::test]
async fn a_failure_that_shows_a_change_has_the_server_asked_again() {
    let gone = error(
        404,
        r#"{"error":{"message":"The model `m` does not exist.","type":"NotFoundError","code":404}}"#,
    );
    let server = serving(says(
        vllm("1", 8192).on(When::post("/v1/chat/completions").nth(2), gone),
    ))
    .await;
    let records = Arc::new(ShortMemory::default());
    let model = model_at(&server.base_url(), Api::OpenAiCompletions);
    let process = Process::new(&records);
    process.turn(&model).await.text();
    assert_eq!(
        process.turn(&model).await.class(),
        FailureClass::ModelUnavailable
    );
    assert_eq!(gets(&server).len(), 2);
    process.turn(&model).await.text();
    assert_eq!(gets(&server)[2..], ["/v1/models", "/version"]);

    // The next process knows of it, too.
    server.set_script(vllm("1", 8192).on(When::any(), error(404, "The model `m` does not exist.")));
    process.turn(&model).await;
    server.set_script(says(vllm("1", 4096)));
    let before = gets(&server).len();
    Process::new(&records).turn(&model).await.text();
    assert_eq!(gets(&server)[before..], ["/v1/models", "/version"]);
}

#[tokio::test]
async fn a_model_that_is_not_loaded_yet_is_looked_at_again() {
    let server = serving(lm_studio(None)).await;
    let model = model_with(
        &server.base_url(),
        Api::OpenAiCompletions,
        json!({"contextWindow": 32_768}),
    );
    let process = Process::new(&Arc::default());
    assert_eq!(process.turn(&model).await.notices(), [""; 0]);
    // The first request loaded it, as its default has it.
    server.set_script(lm_studio(Some(4096)));
    assert_eq!(process.turn(&model).await.notices().len(), 1);
    let asked = gets(&server).len();
    process.turn(&model).await.text();
    assert_eq!(gets(&server).len(), asked);
}

#[tokio::test]
async fn turns_at_the_same_time_wait_for_one_probe() {
    let held = || vllm_list(8192).before_head(Step::pause("list"));
    let server = serving(says(
        Script::new()
            .on_with(When::get("/v1/models"), move |_| held())
            .on(When::get("/version"), ok(json!({"version": "1"}))),
    ))
    .await;
    let process = Process::new(&Arc::default());
    let model = model_at(&server.base_url(), Api::OpenAiCompletions);
    let open = async {
        server.wait_for_pause("list").await;
        server.release("list");
    };
    let (first, second, third, ()) = tokio::join!(
        process.turn(&model),
        process.turn(&model),
        process.turn(&model),
        open
    );
    for turn in [first, second, third] {
        assert_eq!(turn.text(), "Yes.");
    }
    assert_eq!(gets(&server).len(), 2);
}

#[tokio::test]
async fn a_server_that_does_not_say_what_it_is_answers_all_the_same() {
    // It never says, it says nonsense, it has no such path.
    let hangs = Reply::json(200, &json!({})).before_head(Step::Hang);
    for said in [
        hangs,
        Reply::whole(200, "text/html", "<html>"),
        error(404, ""),
    ] {
        let server = serving(says(Script::new().on(When::get("/"), said))).await;
        let model = model_at(&server.base_url(), Api::OpenAiCompletions);
        let process = Process::waiting(&Arc::default(), Duration::from_millis(20));
        for _ in 0..2 {
            assert_eq!(process.turn(&model).await.text(), "Yes.");
        }
        assert_eq!(gets(&server), ["/v1/models"], "once, and nowhere else");
    }
}

#[tokio::test]
async fn tools_that_the_server_would_lose_are_told_of_in_words_and_not_for_good() {
    let tools = |takes: bool| {
        let props = json!({"default_generation_settings": {"n_ctx": 8192}, "total_slots": 1, "build_info": "b1",
            "chat_template_caps": {"supports_tools": takes}});
        let list = json!({"data": [{"id": "m", "owned_by": "llamacpp", "meta": {"n_ctx": 8192, "n_ctx_train": u64::from(takes) + 9000}}]});
        let refusal = error(
            400,
            r#"{"error":{"message":"Unsupported param: stream_options","param":"stream_options","code":400,"type":"invalid_request_error"}}"#,
        );
        says(
            Script::new()
                .on(When::get("/v1/models"), ok(list))
                .on(When::get("/props"), ok(props))
                .on(When::post("/v1/chat/completions").once(), refusal),
        )
    };
    let server = serving(tools(false)).await;
    let records = Arc::new(ShortMemory::default());
    let model = model_at(&server.base_url(), Api::OpenAiCompletions);
    let request = Request {
        tools: vec![ToolSpec {
            name: "look".into(),
            description: "Looks.".into(),
            parameters: json!({"type": "object"}),
        }],
        ..hi()
    };
    let turn = Process::new(&records).run(&model, &request).await;
    assert_eq!(turn.text(), "Yes.");
    assert_eq!(turn.notices(), [""; 0]);
    let bodies: Vec<Value> = server.posts().iter().map(|post| post.json()).collect();
    assert!(bodies.iter().all(|body| body.get("tools").is_none()));
    let told = bodies.last().unwrap()["messages"][0].to_string();
    assert!(told.contains("look {}: Looks."), "{told}");

    // With another template it takes them, though something was learned meanwhile.
    server.set_script(tools(true));
    let turn = Process::new(&records).run(&model, &request).await;
    assert_eq!(turn.notices(), [""; 0]);
    assert!(server.posts().last().unwrap().json().get("tools").is_some());
}

#[tokio::test]
async fn an_api_beside_the_base_url_is_used_and_named() {
    // Without it, there is nothing, or a page for people.
    let page = Reply::whole(200, "text/html", "<html>Welcome</html>");
    for api in [Api::OpenAiCompletions, Api::OpenAiResponses] {
        for wrong in [error(404, "Not Found"), page.clone()] {
            let server = serving(says(vllm("1", 8192)).on(When::any(), wrong)).await;
            let base = format!("{}/api", server.origin());
            let model = model_at(&base, api);
            let process = Process::new(&Arc::default());
            let turn = process.turn(&model).await;
            assert_eq!(turn.text(), "Yes.");
            let [notice] = turn.notices()[..] else {
                panic!("{:?}", turn.notices());
            };
            let command = format!(
                "moltbot config set models.providers.box.baseUrl {}",
                server.base_url()
            );
            assert!(
                notice.ends_with(&command) && notice.contains(&base),
                "{notice}"
            );
            // From now on it is asked there, and known by what it tells there.
            let posts = server.posts().len();
            let turn = process.turn(&model).await;
            assert_eq!((turn.text().as_str(), turn.notices().len()), ("Yes.", 0));
            assert_eq!(server.posts().len(), posts + 1);
            assert_eq!(server.unmatched().len(), 0);
            let dressed = process.knowledge.dress(model).await;
            assert_eq!(dressed.context_window, 8192);
        }
    }
}

#[tokio::test]
async fn an_api_that_is_nowhere_is_a_sentence() {
    let server = serving(Script::new()).await;
    let model = model_at(&server.base_url(), Api::OpenAiCompletions);
    let turn = Process::new(&Arc::default()).turn(&model).await;
    assert_eq!(turn.class(), FailureClass::WrongEndpoint);
    assert_eq!(turn.notices(), [""; 0]);
    // Where the list is, the base URL is right, and nothing else is tried.
    server.set_script(vllm("1", 8192));
    let before = gets(&server).len();
    let turn = Process::new(&Arc::default()).turn(&model).await;
    assert_eq!(turn.class(), FailureClass::WrongEndpoint);
    assert!(
        gets(&server)[before..]
            .iter()
            .all(|path| path == "/v1/models" || path == "/version")
    );
}

#[tokio::test]
async fn a_dialect_that_the_server_does_not_speak_is_named_with_the_one_it_does() {
    let server = serving(vllm("1", 8192).on(
        When::post("/v1/chat/completions"),
        openai_chat(&[Part::Text("Yes.")]),
    ))
    .await;
    let records = Arc::new(ShortMemory::default());
    let model = model_at(&server.base_url(), Api::OpenAiResponses);
    let turn = Process::new(&records).turn(&model).await;
    assert_eq!(turn.text(), "Yes.");
    let [notice] = turn.notices()[..] else {
        panic!("{:?}", turn.notices());
    };
    assert!(
        notice.ends_with("moltbot config set models.providers.box.api openai-completions"),
        "{notice}"
    );
    let turn = Process::new(&records).turn(&model).await;
    assert_eq!((turn.text().as_str(), turn.notices().len()), ("Yes.", 0));
}
