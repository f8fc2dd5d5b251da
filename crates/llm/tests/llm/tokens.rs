//! Prompts and answers that have to fit into a context window.

use std::sync::Arc;

use moltbot_llm::{
    Api, CountSource, Credentials, Failure, FailureClass, Knowledge, Message, Model, Records,
    Reply, Request, ServerKind, ShortMemory, TokenCount, over_http,
};
use moltbot_testkit::{Part, Script, ScriptedServer, When, openai_chat};
use serde_json::{Value, json};

use crate::fixture::{hi, ladder, model_with, provider};

const API: Api = Api::OpenAiCompletions;
const CHAT: &str = "/v1/chat/completions";

fn answering(script: Script) -> Script {
    script.on(When::post(CHAT), openai_chat(&[Part::Text("Hello there.")]))
}

/// A model with a window of 1,000 tokens on this server.
fn model(server: &ScriptedServer, kind: Option<ServerKind>) -> Model {
    let mut model = model_with(&server.base_url(), API, json!({"contextWindow": 1000}));
    model.server = kind;
    model
}

/// A prompt that is estimated at so many tokens, to which an answer of 500 is asked for.
fn prompt(tokens: usize) -> Request {
    Request {
        messages: vec![Message::user("word".repeat(tokens - 4), 0)],
        max_tokens: Some(500),
        ..Request::default()
    }
}

async fn ask(
    knowledge: &Arc<Knowledge>,
    model: &Model,
    request: &Request,
) -> Result<Reply, Failure> {
    let backend = over_http(Arc::new(Credentials::default()), Arc::clone(knowledge));
    backend.stream(model, request, &mut |_| {}).await
}

/// What came of a prompt of so many tokens: the paths asked and the output limit that was sent, or the failure.
async fn sent(
    server: &ScriptedServer,
    kind: Option<ServerKind>,
    tokens: usize,
) -> (Vec<String>, Result<u64, Failure>) {
    let before = server.requests().len();
    let knowledge = Arc::new(Knowledge::default());
    let result = ask(&knowledge, &model(server, kind), &prompt(tokens)).await;
    let requests = server.requests().split_off(before);
    let paths = requests
        .iter()
        .map(|request| request.path.clone())
        .collect();
    let limit = result.map(|_| {
        requests.last().unwrap().json()["max_tokens"]
            .as_u64()
            .unwrap()
    });
    (paths, limit)
}

#[track_caller]
fn too_long(failure: &Failure, words: &str) {
    assert_eq!(failure.class, FailureClass::ContextOverflow);
    assert_eq!(failure.status, None, "it was not sent");
    let said = failure.to_string();
    assert!(said.contains(words), "{said}");
    assert!(said.contains("contextWindow"), "{said}");
}

#[tokio::test]
async fn vllm_counts_a_prompt_that_may_not_fit_and_only_that() {
    let counted = |tokens: u64| json!({"count": tokens, "max_model_len": 1000, "tokens": []});
    let script = Script::new().on_with(When::post("/tokenize"), move |request| {
        let body = request.json();
        assert_eq!(body["model"], "m");
        assert_eq!(body["messages"][0]["role"], "user");
        let long = body["messages"][0]["content"].as_str().unwrap().len();
        let tokens = if long > 3000 { 1001 } else { 700 };
        moltbot_testkit::Reply::json(200, &counted(tokens))
    });
    let server = ScriptedServer::start(answering(script)).await;
    let kind = Some(ServerKind::Vllm);
    let (paths, limit) = sent(&server, kind, 400).await;
    assert_eq!((paths, limit), (vec![CHAT.to_owned()], Ok(500)));
    let (paths, limit) = sent(&server, kind, 500).await;
    assert_eq!(paths, ["/tokenize", CHAT]);
    assert_eq!(limit, Ok(300));
    let (paths, limit) = sent(&server, kind, 900).await;
    assert_eq!(paths, ["/tokenize"]);
    too_long(&limit.unwrap_err(), ": 1001 tokens, and it takes 1000");
}

#[tokio::test]
async fn llama_cpp_counts_in_the_way_that_its_build_knows() {
    let path = "/v1/chat/completions/input_tokens";
    let counted = json!({"object": "response.input_tokens", "input_tokens": 650});
    let newer = Script::new().on(
        When::post(path),
        moltbot_testkit::Reply::json(200, &counted),
    );
    let tokens: Vec<u64> = (0..650).collect();
    let older = Script::new()
        .on(
            When::post(path),
            moltbot_testkit::error(404, r#"{"error":{"code":404,"message":"File Not Found"}}"#),
        )
        .on(
            When::post("/apply-template"),
            moltbot_testkit::Reply::json(200, &json!({"prompt": "<s>user: word</s>"})),
        )
        .on(
            When::post("/tokenize")
                .body(|body| body["content"] == "<s>user: word</s>" && body["add_special"] == true),
            moltbot_testkit::Reply::json(200, &json!({"tokens": tokens})),
        );
    let both: [(Script, &[&str]); 2] = [
        (newer, &[path, CHAT]),
        (older, &[path, "/apply-template", "/tokenize", CHAT]),
    ];
    for (script, expected) in both {
        let server = ScriptedServer::start(answering(script)).await;
        let (paths, limit) = sent(&server, Some(ServerKind::LlamaCpp), 800).await;
        assert_eq!(paths, expected);
        assert_eq!(limit, Ok(350));
    }
}

#[tokio::test]
async fn where_nobody_counts_only_what_cannot_fit_is_kept_back() {
    let server = ScriptedServer::start(answering(Script::new())).await;
    // vLLM behind a proxy that hides its tokenizer is one that cannot count.
    for kind in [None, Some(ServerKind::LmStudio), Some(ServerKind::Vllm)] {
        for (tokens, limit) in [(400, 500), (600, 340), (1400, 256)] {
            let (_, sent) = sent(&server, kind, tokens).await;
            assert_eq!(sent, Ok(limit), "{tokens}");
        }
        let (paths, refused) = sent(&server, kind, 1600).await;
        assert!(!paths.contains(&CHAT.to_owned()));
        too_long(
            &refused.unwrap_err(),
            ": about 1600 tokens, and it takes 1000",
        );
    }
}

#[tokio::test]
async fn a_window_that_nobody_stated_limits_nothing() {
    let server = ScriptedServer::start(answering(Script::new())).await;
    let mut model = model_with(&server.base_url(), API, json!({}));
    model.context_window = 1000;
    let knowledge = Arc::new(Knowledge::default());
    ask(&knowledge, &model, &prompt(9000)).await.unwrap();
    assert_eq!(server.requests()[0].json()["max_tokens"], 500);
}

#[tokio::test]
async fn what_a_server_reports_makes_the_next_estimate_better() {
    let usage = moltbot_testkit::Usage {
        input_tokens: 1200,
        cached_tokens: 300,
        output_tokens: 3,
        reasoning_tokens: 0,
    };
    let answer = openai_chat(&[Part::Text("Hello there.")]).usage(usage);
    let server = ScriptedServer::start(Script::new().on(When::post(CHAT), answer)).await;
    let model = model_with(&server.base_url(), API, json!({}));
    let records: Arc<dyn Records> = Arc::new(ShortMemory::default());
    let knowledge = Arc::new(Knowledge::new(Arc::clone(&records)));
    let estimate = async |knowledge: &Knowledge| {
        let request = prompt(800);
        knowledge.tokens().estimate(&model, &request).await.tokens
    };
    assert_eq!(estimate(&knowledge).await, 800);
    ask(&knowledge, &model, &prompt(800)).await.unwrap();
    assert_eq!(estimate(&knowledge).await, 1200);
    assert_eq!(estimate(&Knowledge::new(records)).await, 1200, "it is kept");
}

#[tokio::test]
async fn an_answer_names_who_counted_its_prompt() {
    let reported = openai_chat(&[Part::Text("Hello there.")]);
    let silent = reported.clone().without_usage();
    for (answer, tokens, source) in [
        (reported, 12, CountSource::Server),
        (silent, 5, CountSource::Estimate),
    ] {
        let server = ScriptedServer::start(Script::new().on(When::post(CHAT), answer)).await;
        let config: Value = json!({
            "models": {"providers": {"box": provider(&server.base_url(), API, json!({}), json!({}))}},
            "agents": {"defaults": {"model": {"primary": "box/m"}}},
        });
        let answer = ladder(config).run(&hi(), &mut |_| {}).await.unwrap();
        assert_eq!(answer.prompt, TokenCount { tokens, source });
    }
}
