//! Walking from model to model over real connections.

use moltbot_llm::{
    Api, Catalog, Content, Credentials, FailureClass, Image, Message, ModelRef, Provenance,
    Request, ThinkingLevel, UserMessage,
};
use moltbot_testkit::{Part, Reply, Script, ScriptedServer, Step, When, error, openai_chat};
use serde_json::{Value, json};

use crate::fixture::{config, hi, ladder, over, provider};
use crate::walk::Walk;

fn hello() -> Reply {
    openai_chat(&[Part::Text("Hello there.")]).stream()
}

async fn server(reply: Reply) -> ScriptedServer {
    ScriptedServer::start(Script::new().on(When::post("/v1/chat/completions"), reply)).await
}

/// The config of a primary `first/m` and a fallback `second/m`.
fn chain(first: &str, second: &str, fields: Value) -> Value {
    let api = Api::OpenAiCompletions;
    json!({
        "models": {"providers": {
            "first": provider(first, api, fields, json!({})),
            "second": provider(second, api, json!({}), json!({})),
        }},
        "agents": {"defaults": {"model": {"primary": "first/m", "fallbacks": ["second/m"]}}},
    })
}

/// Walks from a server with this reply to one that greets. Gives what came of it and what the second was asked.
async fn from(reply: Reply) -> (Walk, usize) {
    let (first, second) = (server(reply).await, server(hello()).await);
    let ladder = ladder(chain(&first.base_url(), &second.base_url(), json!({})));
    let walk = Walk::new(&ladder, &hi()).await;
    // Once more at most: mended, or nudged.
    assert!((1..=2).contains(&first.requests().len()));
    (walk, second.requests().len())
}

#[track_caller]
fn went_on(walk: &Walk, class: FailureClass) {
    let answer = match &walk.result {
        Ok(answer) => answer,
        Err(error) => panic!("{error}"),
    };
    assert_eq!(answer.reply.message.text(), "Hello there.");
    assert_eq!(answer.model, ModelRef::new("second", "m"));
    assert_eq!(answer.reply.message.provider, "second");
    let failed: Vec<_> = answer
        .failed
        .iter()
        .map(|attempt| (attempt.model.to_string(), attempt.failure.class))
        .collect();
    assert_eq!(failed, [("first/m".to_owned(), class)]);
    assert_eq!(walk.switches(), [(class, "second/m".to_owned())]);
    assert_eq!(walk.shown(), "Hello there.");
}

fn openai_error(message: &str, code: Value) -> String {
    json!({"error": {"message": message, "type": null, "param": null, "code": code}}).to_string()
}

#[tokio::test]
async fn the_first_that_answers_is_the_answer() {
    let (walk, asked) = from(hello()).await;
    let answer = walk.result.as_ref().unwrap();
    assert_eq!(answer.model, ModelRef::new("first", "m"));
    assert_eq!(answer.failed, []);
    assert_eq!(walk.switches(), []);
    assert_eq!(asked, 0, "the second is left alone");
}

#[tokio::test]
async fn every_refusal_that_another_model_may_mend_leads_to_it() {
    for (status, body, class) in [
        (
            401,
            openai_error("Incorrect API key provided.", json!("invalid_api_key")),
            FailureClass::Auth,
        ),
        (
            403,
            openai_error("Forbidden.", Value::Null),
            FailureClass::Auth,
        ),
        (
            402,
            openai_error("Insufficient credits.", json!(402)),
            FailureClass::Billing,
        ),
        (
            404,
            openai_error("The model `m` does not exist.", json!("model_not_found")),
            FailureClass::ModelUnavailable,
        ),
        (
            404,
            "404 page not found".to_owned(),
            FailureClass::WrongEndpoint,
        ),
        (408, String::new(), FailureClass::Timeout),
        (
            429,
            openai_error("Slow down.", Value::Null),
            FailureClass::RateLimit,
        ),
        (
            429,
            openai_error(
                "You exceeded your current quota, please check your plan and billing details.",
                json!("insufficient_quota"),
            ),
            FailureClass::Billing,
        ),
        (500, "oops".to_owned(), FailureClass::ServerError),
        (502, "<html></html>".to_owned(), FailureClass::ServerError),
        (503, String::new(), FailureClass::Overloaded),
        (
            503,
            openai_error("Loading model", json!(503)),
            FailureClass::ModelLoading,
        ),
        (
            200,
            openai_error("No models loaded.", Value::Null),
            FailureClass::ModelUnavailable,
        ),
        (200, String::new(), FailureClass::StreamCut),
        (200, "<html></html>".to_owned(), FailureClass::BadReply),
    ] {
        let (walk, asked) = from(error(status, &body)).await;
        went_on(&walk, class);
        assert_eq!(asked, 1);
        let failure = &walk.result.as_ref().unwrap().failed[0].failure;
        let expected = (status != 200).then_some(status);
        assert_eq!(failure.status, expected, "{failure}");
        assert!(!failure.after_text);
    }
}

#[tokio::test]
async fn a_stream_that_comes_to_nothing_leads_to_the_next_model() {
    let said = |words: &str| openai_chat(&[Part::Text(words)]).stream();
    for (reply, class) in [
        (Reply::stream(), FailureClass::StreamCut),
        (Reply::frames([": waiting\n\n"]), FailureClass::StreamCut),
        (
            openai_chat(&[Part::Thinking("Hm.")]).stream(),
            FailureClass::ReasoningOnly,
        ),
        (Reply::stream().cut(), FailureClass::StreamCut),
        (Reply::stream().reset(), FailureClass::StreamCut),
        (
            Reply::stream().before_head(Step::Cut),
            FailureClass::StreamCut,
        ),
        (
            said("Hello").after_frames(1, Step::Reset),
            FailureClass::StreamCut,
        ),
        (
            said("Hello").after_frames(2, Step::Cut),
            FailureClass::StreamCut,
        ),
        (
            said("Hello").after_frames(2, Step::Reset),
            FailureClass::StreamCut,
        ),
        (
            said("Hello").until_close().after_frames(2, Step::Cut),
            FailureClass::StreamCut,
        ),
    ] {
        let (walk, asked) = from(reply).await;
        went_on(&walk, class);
        assert_eq!(asked, 1);
    }
}

#[tokio::test]
async fn a_failure_after_text_says_so() {
    let said = openai_chat(&[Part::Text("Hello my friend.")]).stream();
    let failing = |reply: Reply| async move {
        let (walk, _) = from(reply).await;
        walk.result.unwrap().failed.remove(0).failure
    };
    let cut = failing(said.clone().after_frames(2, Step::Cut)).await;
    assert!(cut.after_text);
    let bare = failing(said.after_frames(1, Step::Cut)).await;
    assert!(!bare.after_text);
    let thinking = openai_chat(&[Part::Thinking("Hm."), Part::Text("Hello.")]).stream();
    let thought = failing(thinking.after_frames(2, Step::Cut)).await;
    assert!(!thought.after_text, "thinking is no text");
    let mut frames = openai_chat(&[Part::Text("Hello")]).frames();
    frames.truncate(2);
    frames.push("data: {\"error\":{\"message\":\"Overloaded\",\"code\":503}}\n\n".to_owned());
    let error = failing(Reply::frames(frames)).await;
    assert_eq!(error.class, FailureClass::Overloaded);
    assert!(error.after_text);
}

#[tokio::test]
async fn a_server_that_is_off_leads_to_the_next_model() {
    let (first, second) = (server(hello()).await, server(hello()).await);
    first.shutdown();
    let ladder = ladder(chain(&first.base_url(), &second.base_url(), json!({})));
    let walk = Walk::new(&ladder, &hi()).await;
    went_on(&walk, FailureClass::Unreachable);
    let failure = &walk.result.as_ref().unwrap().failed[0].failure;
    let text = failure.to_string();
    assert!(text.contains("cannot be reached"), "{text}");
    assert!(text.contains(&first.base_url()), "{text}");
    assert!(text.contains("models.providers.first.baseUrl"), "{text}");
}

#[tokio::test]
async fn the_owner_s_time_limit_leads_to_the_next_model() {
    let said = openai_chat(&[Part::Text("Hello")]).stream();
    for (reply, after_text) in [
        (Reply::stream().before_head(Step::Hang), false),
        (Reply::stream().hang(), false),
        (said.after_frames(2, Step::Hang), true),
    ] {
        let (first, second) = (server(reply).await, server(hello()).await);
        let limit = json!({"timeoutSeconds": 1});
        let ladder = ladder(chain(&first.base_url(), &second.base_url(), limit));
        let walk = Walk::new(&ladder, &hi()).await;
        went_on(&walk, FailureClass::Timeout);
        let failure = &walk.result.as_ref().unwrap().failed[0].failure;
        assert_eq!(failure.after_text, after_text);
        let text = failure.to_string();
        assert!(
            text.contains("models.providers.first.timeoutSeconds"),
            "{text}"
        );
        first.wait_for_cancel().await;
    }
}

#[tokio::test]
async fn what_no_other_model_would_mend_is_told_at_once() {
    let overflow = json!({"error": {"code": 400, "type": "exceed_context_size_error",
        "message": "request (9030 tokens) exceeds the available context size (4096 tokens), try increasing it",
        "n_prompt_tokens": 9030, "n_ctx": 4096}});
    for (body, class, sentence) in [
        (
            openai_error("Expected 'messages' to be an array", json!(400)),
            FailureClass::BadRequest,
            "refused the request",
        ),
        (
            overflow.to_string(),
            FailureClass::ContextOverflow,
            "9030 tokens, and it takes 4096",
        ),
    ] {
        let (walk, asked) = from(error(400, &body)).await;
        assert_eq!(asked, 0, "{class:?}");
        assert_eq!(walk.switches(), []);
        let error = walk.error();
        assert_eq!(error.attempts.len(), 1);
        assert_eq!(error.last().unwrap().class, class);
        let text = error.to_string();
        assert!(text.contains(sentence), "{text}");
        assert!(!text.contains("All models failed"), "{text}");
        assert!(!text.contains('{'), "no raw JSON: {text}");
    }
}

#[tokio::test]
async fn when_all_fail_each_is_named_with_its_reason() {
    let first = server(error(401, &openai_error("Who are you?", Value::Null))).await;
    let second = server(error(
        402,
        &openai_error("Insufficient credits.", Value::Null),
    ))
    .await;
    let ladder = ladder(chain(&first.base_url(), &second.base_url(), json!({})));
    let walk = Walk::new(&ladder, &hi()).await;
    assert_eq!(
        walk.switches(),
        [(FailureClass::Auth, "second/m".to_owned())],
        "nobody is announced behind the last"
    );
    let error = walk.error();
    assert_eq!(error.attempts.len(), 2);
    assert_eq!(error.last().unwrap().class, FailureClass::Billing);
    let text = error.to_string();
    assert!(
        text.starts_with("All models failed (2): first/m: "),
        "{text}"
    );
    assert!(text.contains("Who are you?"), "{text}");
    assert!(text.contains("(auth) | second/m: "), "{text}");
    assert!(text.ends_with("(billing)"), "{text}");
}

#[tokio::test]
async fn three_rungs_are_walked_in_order() {
    let first = server(error(500, "")).await;
    let second = server(error(429, "")).await;
    let third = server(hello()).await;
    let mut json = chain(&first.base_url(), &second.base_url(), json!({}));
    let api = Api::OpenAiCompletions;
    json["models"]["providers"]["third"] = provider(&third.base_url(), api, json!({}), json!({}));
    json["agents"]["defaults"]["model"]["fallbacks"] = json!(["second/m", "third/m"]);
    let walk = Walk::new(&ladder(json), &hi()).await;
    assert_eq!(
        walk.switches(),
        [
            (FailureClass::ServerError, "second/m".to_owned()),
            (FailureClass::RateLimit, "third/m".to_owned()),
        ]
    );
    assert_eq!(walk.result.unwrap().model, ModelRef::new("third", "m"));
}

#[tokio::test]
async fn a_turn_that_is_dropped_closes_its_connection() {
    let reply = openai_chat(&[Part::Text("Hello")])
        .stream()
        .after_frames(2, Step::pause("half"));
    for reply in [reply, Reply::stream().before_head(Step::pause("half"))] {
        let (first, second) = (server(reply).await, server(hello()).await);
        let ladder = ladder(chain(&first.base_url(), &second.base_url(), json!({})));
        let request = hi();
        tokio::select! {
            walk = Walk::new(&ladder, &request) => panic!("it ended: {:?}", walk.result),
            () = first.wait_for_pause("half") => {}
        }
        first.wait_for_cancel().await;
        assert_eq!(second.requests().len(), 0);
    }
}

#[tokio::test]
async fn the_time_to_wait_is_told() {
    let busy = error(429, &openai_error("Slow down.", Value::Null)).header("Retry-After", "7");
    let (walk, _) = from(busy).await;
    let failure = &walk.result.as_ref().unwrap().failed[0].failure;
    assert_eq!(failure.retry_after.map(|wait| wait.as_secs()), Some(7));
    assert!(
        failure.to_string().contains("try again in 7 s"),
        "{failure}"
    );
}

#[tokio::test]
async fn a_build_without_the_engine_says_so_and_goes_on() {
    let second = server(hello()).await;
    let api = Api::OpenAiCompletions;
    let config = config(json!({
        "models": {"providers": {"second": provider(&second.base_url(), api, json!({}), json!({}))}},
        "agents": {"defaults": {"model": {"fallbacks": ["second/m"]}}},
    }));
    let catalog = Catalog::new(&config, &["smollm2-135m".to_owned()]);
    let (rungs, _) = catalog.chain(None, None, false).unwrap();
    let walk = Walk::new(&over(Credentials::default(), rungs), &hi()).await;
    let failed = &walk.result.as_ref().unwrap().failed;
    assert_eq!(failed[0].failure.class, FailureClass::ModelUnavailable);
    assert!(failed[0].failure.to_string().contains("no engine"));
    assert_eq!(walk.shown(), "Hello there.");
}

/// The body that a model with these fields, entry parameters and request is sent.
async fn sent(fields: Value, params: Value, request: &Request) -> Value {
    let server = server(hello()).await;
    let api = Api::OpenAiCompletions;
    let ladder = ladder(json!({
        "models": {"providers": {"box": provider(&server.base_url(), api, json!({}), fields)}},
        "agents": {"defaults": {
            "model": {"primary": "box/m"},
            "models": {"box/m": {"params": params}},
        }},
    }));
    assert_eq!(Walk::new(&ladder, request).await.shown(), "Hello there.");
    server.requests()[0].json()
}

#[tokio::test]
async fn a_blind_model_is_told_of_pictures_and_sent_none() {
    let image = Content::Image(Image {
        data: "aW1hZ2U=".to_owned(),
        mime_type: "image/png".to_owned(),
        from: Provenance::Owner,
    });
    let request = Request {
        messages: vec![Message::User(UserMessage {
            content: vec![Content::text("What is this?", Provenance::Owner), image],
            timestamp: 0,
        })],
        ..Request::default()
    };
    let blind = sent(json!({}), json!({}), &request).await;
    assert_eq!(
        blind["messages"][0]["content"],
        "What is this?\n(an image that this model cannot see)"
    );
    let seeing = sent(json!({"input": ["text", "image"]}), json!({}), &request).await;
    assert_eq!(seeing["messages"][0]["content"][1]["type"], "image_url");
}

#[tokio::test]
async fn each_model_is_asked_within_its_own_limits() {
    let asked = |max_tokens| Request {
        max_tokens,
        thinking: ThinkingLevel::High,
        ..hi()
    };
    for (model_max, owner_s, request_s, expected) in [
        (json!(4000), Value::Null, None, 4000),
        (json!(128_000), Value::Null, None, 32_000),
        (json!(128_000), json!(64_000), None, 64_000),
        (json!(4000), Value::Null, Some(100), 100),
        (json!(4000), Value::Null, Some(9000), 4000),
        (json!(4000), json!(500), Some(9000), 500),
        (json!(4000), json!(500), Some(100), 100),
    ] {
        let mut params = json!({"temperature": 0.25});
        if !owner_s.is_null() {
            params["maxTokens"] = owner_s;
        }
        let body = sent(json!({"maxTokens": model_max}), params, &asked(request_s)).await;
        assert_eq!(body["max_tokens"], expected, "{body}");
        assert_eq!(body["temperature"], 0.25);
        assert_eq!(body.get("reasoning_effort"), None, "it does not reason");
    }
    let reasoning = sent(json!({"reasoning": true}), json!({}), &asked(None)).await;
    assert_eq!(reasoning["reasoning_effort"], "high");
}
