//! Which key and which headers go where, and where they never go.

use std::collections::BTreeMap;
use std::sync::Arc;

use moltbot_llm::{
    Api, Backend, Catalog, Credentials, Event, Failure, FailureClass, HttpBackend, Reply,
};
use moltbot_testkit::{
    Part, Recorded, Script, ScriptedServer, When, anthropic_messages, google_generate, ollama_chat,
    openai_chat, openai_responses,
};
use serde_json::{Value, json};

use crate::fixture::{KEY, config, hi, provider};

async fn server() -> ScriptedServer {
    let hello = [Part::Text("Hello.")];
    let script = Script::new()
        .on(When::post("/v1/chat/completions"), openai_chat(&hello))
        .on(When::post("/v1/responses"), openai_responses(&hello))
        .on(When::post("/v1/messages"), anthropic_messages(&hello))
        .on(When::post("/v1/models/"), google_generate(&hello))
        .on(When::post("/api/chat"), ollama_chat(&hello));
    ScriptedServer::start(script).await
}

/// Asks model `m` of a provider as a user's config has it.
async fn ask(id: &str, entry: Value) -> (Vec<Event>, Result<Reply, Failure>) {
    let config = config(json!({"models": {"providers": {id: entry}}}));
    let model = Catalog::new(&config, &[])
        .resolve(&format!("{id}/m"))
        .unwrap();
    let credentials = Credentials::new(&config, &BTreeMap::new(), None);
    let mut events = Vec::new();
    let result = HttpBackend::new(Arc::new(credentials))
        .stream(&model, &hi(), &mut |event| events.push(event))
        .await;
    (events, result)
}

/// The one request that came of it.
async fn signed(api: Api, fields: Value, model: Value) -> Recorded {
    let server = server().await;
    let entry = provider(&server.base_url(), api, fields, model);
    let (_, result) = ask("box", entry).await;
    result.unwrap();
    let request = server.requests().remove(0);
    assert!(
        !String::from_utf8_lossy(&request.body).contains(KEY),
        "no key in a body"
    );
    let query = request.query.as_deref().unwrap_or_default();
    assert!(
        !request.path.contains(KEY) && matches!(query, "" | "alt=sse"),
        "no key in a URL"
    );
    request
}

#[tokio::test]
async fn openai_s_dialects_send_a_bearer() {
    for api in [Api::OpenAiCompletions, Api::OpenAiResponses] {
        let request = signed(api, json!({"apiKey": KEY}), json!({})).await;
        let bearer = format!("Bearer {KEY}");
        assert_eq!(request.header("authorization"), Some(bearer.as_str()));
        assert_eq!(request.header("x-api-key"), None);
        assert_eq!(request.header("content-type"), Some("application/json"));
        assert_eq!(request.header("anthropic-version"), None);
        let agent = request.header("user-agent").unwrap();
        assert!(agent.starts_with("moltbot/"), "{agent}");
    }
}

#[tokio::test]
async fn anthropic_s_key_has_a_header_of_its_own() {
    let api = Api::AnthropicMessages;
    let request = signed(api, json!({"apiKey": KEY}), json!({})).await;
    assert_eq!(request.header("x-api-key"), Some(KEY));
    assert_eq!(request.header("authorization"), None);
    assert_eq!(request.header("anthropic-version"), Some("2023-06-01"));

    let both = signed(api, json!({"apiKey": KEY, "authHeader": true}), json!({})).await;
    assert_eq!(both.header("x-api-key"), Some(KEY));
    let bearer = format!("Bearer {KEY}");
    assert_eq!(both.header("authorization"), Some(bearer.as_str()));

    let token = format!("sk-ant-oat01-{KEY}");
    let subscription = signed(api, json!({"apiKey": token}), json!({})).await;
    assert_eq!(subscription.header("x-api-key"), None);
    let bearer = format!("Bearer {token}");
    assert_eq!(subscription.header("authorization"), Some(bearer.as_str()));
    assert!(subscription.header("anthropic-beta").is_some());
}

#[tokio::test]
async fn google_s_key_has_a_header_of_its_own_and_ollama_s_is_a_bearer() {
    let bearer = format!("Bearer {KEY}");
    let google = Api::GoogleGenerativeAi;
    let request = signed(google, json!({"apiKey": KEY}), json!({})).await;
    assert_eq!(request.path, "/v1/models/m:streamGenerateContent");
    assert_eq!(request.query.as_deref(), Some("alt=sse"));
    assert_eq!(request.header("x-goog-api-key"), Some(KEY));
    assert_eq!(request.header("authorization"), None);

    let both = signed(
        google,
        json!({"apiKey": KEY, "authHeader": true}),
        json!({}),
    )
    .await;
    assert_eq!(both.header("x-goog-api-key"), Some(KEY));
    assert_eq!(both.header("authorization"), Some(bearer.as_str()));

    let request = signed(Api::Ollama, json!({"apiKey": KEY}), json!({})).await;
    assert_eq!(request.path, "/api/chat");
    assert_eq!(request.header("authorization"), Some(bearer.as_str()));
    assert_eq!(request.header("x-goog-api-key"), None);
}

#[tokio::test]
async fn a_server_of_one_s_own_needs_no_key() {
    for api in [
        Api::OpenAiCompletions,
        Api::OpenAiResponses,
        Api::AnthropicMessages,
        Api::GoogleGenerativeAi,
        Api::Ollama,
    ] {
        let request = signed(api, json!({}), json!({})).await;
        assert_eq!(request.header("authorization"), None);
        assert_eq!(request.header("x-goog-api-key"), None);
        assert_eq!(request.header("x-api-key"), None);
    }
}

#[tokio::test]
async fn a_model_s_headers_win_over_its_provider_s_and_those_over_ours() {
    let request = signed(
        Api::OpenAiCompletions,
        json!({"apiKey": KEY, "headers": {"X-Who": "provider", "X-Where": "here", "Authorization": "Basic own"}}),
        json!({"headers": {"X-Who": "model"}}),
    )
    .await;
    assert_eq!(request.header("x-who"), Some("model"));
    assert_eq!(request.header("x-where"), Some("here"));
    assert_eq!(request.header("authorization"), Some("Basic own"));
}

#[tokio::test]
async fn a_provider_s_other_spelling_finds_its_key() {
    let server = server().await;
    let entry = provider(
        &server.base_url(),
        Api::OpenAiCompletions,
        json!({"apiKey": KEY}),
        json!({}),
    );
    let config = config(json!({"models": {"providers": {"Z.AI": entry}}}));
    let model = Catalog::new(&config, &[]).resolve("z.ai/m").unwrap();
    let credentials = Credentials::new(&config, &BTreeMap::new(), None);
    let found = credentials.find(&model.reference.provider);
    assert_eq!(
        found.map(|key| key.secret().to_owned()).as_deref(),
        Some(KEY)
    );
}

#[tokio::test]
async fn a_hosted_provider_without_a_key_is_not_even_asked() {
    let entry = provider(
        "https://llm.invalid/v1",
        Api::OpenAiCompletions,
        json!({}),
        json!({}),
    );
    let (events, result) = ask("hosted", entry).await;
    assert_eq!(events, [], "nothing was begun");
    let failure = result.unwrap_err();
    assert_eq!(failure.class, FailureClass::Auth);
    assert_eq!(failure.status, None);
    let text = failure.to_string();
    assert!(
        text.contains("no API key found for provider \"hosted\""),
        "{text}"
    );
    assert!(text.contains("models.providers.hosted.apiKey"), "{text}");
}

#[tokio::test]
async fn headers_of_the_owner_s_may_stand_for_a_key() {
    let entry = provider(
        "http://llm.invalid/v1",
        Api::OpenAiCompletions,
        json!({"headers": {"X-Api-Key": KEY}}),
        json!({}),
    );
    let (_, result) = ask("hosted", entry).await;
    // It was tried: that host does not exist.
    assert_eq!(result.unwrap_err().class, FailureClass::Unreachable);
}

#[test]
fn local_means_this_machine_or_its_network() {
    let is_local = |base: &str| {
        let entry = provider(base, Api::OpenAiCompletions, json!({}), json!({}));
        let config = config(json!({"models": {"providers": {"box": entry}}}));
        let model = Catalog::new(&config, &[]).resolve("box/m").unwrap();
        model.is_local()
    };
    for base in [
        "http://localhost:1234/v1",
        "http://127.0.0.1:1234",
        "http://[::1]:1234",
        "http://10.0.0.2:8000",
        "http://192.168.1.5/v1",
        "http://gpu-box:8000/v1",
        "http://studio.local:1234",
        "http://nas.lan",
        "http://host.docker.internal:11434/v1",
    ] {
        assert!(is_local(base), "{base}");
    }
    for base in [
        "https://api.openai.com/v1",
        "https://8.8.8.8/v1",
        "https://localhost.example.com/v1",
        "nonsense",
    ] {
        assert!(!is_local(base), "{base}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_carries_nothing_away() {
    let elsewhere = server().await;
    let place = format!("{}/v1/chat/completions", elsewhere.origin());
    let script = Script::new().on_with(When::any(), {
        let place = place.clone();
        move |_| moltbot_testkit::error(307, "").header("location", &place)
    });
    let first = ScriptedServer::start(script).await;
    let entry = provider(
        &first.base_url(),
        Api::OpenAiCompletions,
        json!({"apiKey": KEY, "headers": {"X-Secret": "s"}}),
        json!({}),
    );
    let (_, result) = ask("box", entry).await;
    let failure = result.unwrap_err();
    assert_eq!(failure.class, FailureClass::WrongEndpoint);
    assert_eq!(failure.status, Some(307));
    assert!(failure.to_string().contains(&place), "{failure}");
    assert_eq!(elsewhere.requests().len(), 0);
}

#[tokio::test]
async fn a_header_that_cannot_be_sent_is_named_without_its_value() {
    let entry = provider(
        "http://127.0.0.1:9",
        Api::OpenAiCompletions,
        json!({"headers": {"X-Note": "two\nlines"}}),
        json!({}),
    );
    let (_, result) = ask("box", entry).await;
    let failure = result.unwrap_err();
    assert_eq!(failure.class, FailureClass::BadRequest);
    let text = failure.to_string();
    assert!(text.contains("X-Note") && !text.contains("two"), "{text}");
}
