//! Asking servers for their models.

use std::time::Duration;

use moltbot_llm::{Api, FailureClass, ListingError, list_models};
use moltbot_testkit::{Reply, Script, ScriptedServer, When, error, models_list};
use serde_json::json;

use crate::fixture::{KEY, model_at};

/// Far longer than any test takes.
const PATIENCE: Duration = Duration::from_secs(60);

async fn list(reply: Reply) -> Result<Vec<String>, ListingError> {
    let server = ScriptedServer::start(Script::new().on(When::get("/v1/models"), reply)).await;
    let model = model_at(&server.base_url(), Api::OpenAiCompletions);
    let models = list_models(&model, None, PATIENCE).await?;
    Ok(models.into_iter().map(|model| model.id).collect())
}

#[tokio::test]
async fn a_list_is_read_in_its_order() {
    assert_eq!(list(models_list(&["b", "a"])).await.unwrap(), ["b", "a"]);
    assert!(list(models_list(&[])).await.unwrap().is_empty());
}

#[tokio::test]
async fn lists_of_other_forms_are_read() {
    let bare = json!([{"id": "a"}, {"id": "b", "type": "chat"}]);
    assert_eq!(list(Reply::json(200, &bare)).await.unwrap(), ["a", "b"]);
    let nothing = json!({"object": "list", "data": null});
    assert!(list(Reply::json(200, &nothing)).await.unwrap().is_empty());
    let odd = json!({"data": [{"id": "a"}, {"name": "no id"}, {"id": "b"}]});
    assert_eq!(list(Reply::json(200, &odd)).await.unwrap(), ["a", "b"]);
}

#[tokio::test]
async fn the_key_is_sent_in_the_dialect_s_header() {
    for api in [
        Api::OpenAiCompletions,
        Api::OpenAiResponses,
        Api::AnthropicMessages,
    ] {
        let when = When::get("/v1/models").api_key(KEY);
        let server = ScriptedServer::start(Script::new().on(when, models_list(&["a"]))).await;
        let model = model_at(&server.base_url(), api);
        assert_eq!(
            list_models(&model, Some(KEY), PATIENCE)
                .await
                .unwrap()
                .len(),
            1
        );
        match list_models(&model, Some("wrong"), PATIENCE).await {
            Err(ListingError::Refused(failure)) => {
                assert_eq!(failure.class, FailureClass::Auth);
                assert_eq!(failure.status, Some(401));
            }
            other => panic!("{api}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn google_s_list_holds_the_models_that_answer() {
    let body = json!({"models": [
        {"name": "models/gemini-3-pro-preview", "inputTokenLimit": 1048576, "outputTokenLimit": 65536,
         "supportedGenerationMethods": ["generateContent", "countTokens"]},
        {"name": "models/gemini-embedding-001", "supportedGenerationMethods": ["embedContent"]},
        {"name": "models/gemma-3-27b-it"},
    ]});
    let when = When::get("/v1/models").api_key(KEY);
    let script = Script::new().on(when, Reply::json(200, &body));
    let server = ScriptedServer::start(script).await;
    let model = model_at(&server.base_url(), Api::GoogleGenerativeAi);
    let listed = list_models(&model, Some(KEY), PATIENCE).await.unwrap();
    let ids: Vec<&str> = listed.iter().map(|model| model.id.as_str()).collect();
    assert_eq!(ids, ["gemini-3-pro-preview", "gemma-3-27b-it"]);
    let query = server.requests()[0].query.clone();
    assert_eq!(query.as_deref(), Some("pageSize=1000"));
    assert!(list_models(&model, Some("wrong"), PATIENCE).await.is_err());
}

#[tokio::test]
async fn ollama_s_list_is_that_of_its_tags() {
    let body = json!({"models": [
        {"name": "qwen3:8b", "model": "qwen3:8b", "size": 5_225_388_164_u64}, {"name": "llama3:latest"},
    ]});
    let script = Script::new().on(When::get("/api/tags"), Reply::json(200, &body));
    let server = ScriptedServer::start(script).await;
    for base in [server.base_url(), server.origin()] {
        let model = model_at(&base, Api::Ollama);
        let listed = list_models(&model, None, PATIENCE).await.unwrap();
        let ids: Vec<&str> = listed.iter().map(|model| model.id.as_str()).collect();
        assert_eq!(ids, ["qwen3:8b", "llama3:latest"]);
    }
}

#[tokio::test]
async fn what_is_no_list_is_named_as_such() {
    for reply in [
        Reply::whole(200, "text/html", "<html>It works!</html>"),
        Reply::json(200, &json!({"ok": true})),
        Reply::json(200, &json!({"data": "none"})),
        Reply::json(
            200,
            &json!({"error": "Unexpected endpoint or method. (GET /models)"}),
        ),
        Reply::whole(200, "application/json", ""),
    ] {
        let outcome = list(reply).await;
        let Err(error @ ListingError::NotAList) = outcome else {
            panic!("{outcome:?}");
        };
        assert!(error.to_string().contains("baseUrl"), "{error}");
    }
}

#[tokio::test]
async fn a_refusal_says_why() {
    let outcome = list(error(
        503,
        r#"{"error":{"message":"Loading model","code":503}}"#,
    ))
    .await;
    match outcome {
        Err(ListingError::Refused(failure)) => {
            assert_eq!(failure.class, FailureClass::ModelLoading);
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_cannot_be_reached() {
    let server = ScriptedServer::start(Script::new()).await;
    let model = model_at(&server.base_url(), Api::OpenAiCompletions);
    server.shutdown();
    let outcome = list_models(&model, None, PATIENCE).await;
    let Err(error @ ListingError::Unreachable(_)) = outcome else {
        panic!("{outcome:?}");
    };
    assert!(error.to_string().contains("refused"), "{error}");
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    let script = Script::new().on(When::any(), Reply::stream().hang());
    let server = ScriptedServer::start(script).await;
    let model = model_at(&server.base_url(), Api::OpenAiCompletions);
    let outcome = list_models(&model, None, Duration::from_millis(100)).await;
    assert!(
        matches!(outcome, Err(ListingError::TimedOut)),
        "{outcome:?}"
    );
    server.wait_for_cancel().await;
}
