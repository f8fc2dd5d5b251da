//! Searching with servers that answer as the search engines document it.

use std::time::Duration;

use moltbot_agent::{Effect, Plan, TargetKind, Tool, ToolError};
use moltbot_llm::{Content, Provenance};
use moltbot_testkit::{Recorded, Reply, Script, ScriptedServer, When};
use moltbot_tools::web::{Engine, SearchSettings, WebSearch};
use serde_json::{Value, json};

use crate::call::{Stage, text};

fn brave(server: &ScriptedServer) -> Engine {
    Engine::Brave {
        key: "the-key".to_owned(),
        base_url: format!("{}/res/v1", server.origin()),
    }
}

fn perplexity(server: &ScriptedServer) -> Engine {
    Engine::Perplexity {
        key: "the-key".to_owned(),
        base_url: server.origin(),
        model: "sonar-pro".to_owned(),
    }
}

fn searxng(server: &ScriptedServer) -> Engine {
    Engine::SearXng {
        base_url: format!("{}/searx/", server.origin()),
    }
}

fn tool(engine: Engine) -> WebSearch {
    WebSearch::new(SearchSettings::new(engine))
}

async fn serve(reply: Reply) -> ScriptedServer {
    ScriptedServer::start(Script::new().on(When::any(), reply)).await
}

async fn search(tool: &WebSearch, arguments: Value) -> Value {
    let output = Stage::new().await.call(tool, arguments).await.unwrap();
    assert!(!output.is_error);
    assert!(
        output
            .content
            .iter()
            .all(|part| part.from() == Provenance::Outside)
    );
    serde_json::from_str(&text(&output)).unwrap()
}

async fn refusal(tool: &WebSearch, arguments: Value) -> String {
    Stage::new()
        .await
        .call(tool, arguments)
        .await
        .unwrap_err()
        .to_string()
}

/// The query of a request as pairs, in order.
fn query(asked: &Recorded) -> Vec<(String, String)> {
    let url = format!("http://h/?{}", asked.query.as_deref().unwrap_or_default());
    let url = url::Url::parse(&url).unwrap();
    url.query_pairs()
        .map(|(k, v)| (k.into_owned(), v.into_owned()))
        .collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    expected.iter().map(own).collect()
}

/// What Brave answers, with the fields that its reference lists.
fn brave_answer() -> Value {
    json!({
        "type": "search",
        "query": {"original": "ducks & ponds", "more_results_available": true},
        "mixed": {"type": "mixed", "main": [{"type": "web", "index": 0, "all": false}]},
        "web": {
            "type": "search",
            "family_friendly": true,
            "results": [
                {
                    "title": "Ducks &amp; <strong>ponds</strong>",
                    "url": "https://ducks.example/a?b=1",
                    "is_source_local": false,
                    "description": "All about <strong>ducks</strong>.\u{200b} It&#x27;s wet.",
                    "page_age": "2026-01-02T03:04:05",
                    "age": "January 2, 2026",
                    "profile": {"name": "Ducks", "long_name": "ducks.example"},
                    "meta_url": {"scheme": "https", "hostname": "ducks.example"},
                    "language": "en"
                },
                {"title": "No date", "url": "http://b.example/"},
                {"title": "No page", "url": "javascript:alert(1)", "description": "x"},
                {"title": "No url"}
            ]
        }
    })
}

#[tokio::test]
async fn brave_is_asked_and_told() {
    let server = serve(Reply::json(200, &brave_answer())).await;
    let tool = tool(brave(&server));
    let mut told = search(
        &tool,
        json!({"query": " ducks & ponds ", "count": 3, "country": "DE", "search_lang": "de", "ui_lang": "de-DE", "freshness": "2026-01-01to2026-02-01"}),
    )
    .await;
    assert!(told["tookMs"].take().is_u64());
    assert_eq!(
        told,
        json!({
            "query": "ducks & ponds",
            "provider": "brave",
            "count": 2,
            "tookMs": null,
            "results": [
                {
                    "title": "Ducks & ponds",
                    "url": "https://ducks.example/a?b=1",
                    "description": "All about ducks. It's wet.",
                    "published": "January 2, 2026",
                    "siteName": "ducks.example"
                },
                {"title": "No date", "url": "http://b.example/", "description": "", "siteName": "b.example"}
            ]
        })
    );
    let asked = &server.requests()[0];
    assert_eq!(
        (asked.method.as_str(), asked.path.as_str()),
        ("GET", "/res/v1/web/search")
    );
    assert_eq!(
        query(asked),
        pairs(&[
            ("q", "ducks & ponds"),
            ("count", "3"),
            ("country", "DE"),
            ("search_lang", "de"),
            ("ui_lang", "de-DE"),
            ("freshness", "2026-01-01to2026-02-01"),
        ])
    );
    assert_eq!(asked.header("x-subscription-token"), Some("the-key"));
}

#[tokio::test]
async fn only_so_many_results_are_asked_for_and_told() {
    let results: Vec<Value> = (0..30)
        .map(|n| json!({"title": "t", "url": format!("http://h/{n}")}))
        .collect();
    let server = serve(Reply::json(200, &json!({"web": {"results": results}}))).await;
    let tool = tool(brave(&server));
    for (count, told) in [
        (json!(null), 5),
        (json!(0), 1),
        (json!(7.0), 7),
        (json!(50), 10),
        (json!(-3), 1),
    ] {
        let mut arguments = json!({"query": format!("{count}")});
        if !count.is_null() {
            arguments["count"] = count;
        }
        let text = Stage::new().await.text(&tool, arguments).await;
        assert!(text.contains(&format!(r#""count":{told}"#)), "{text}");
        let asked = server.requests();
        assert_eq!(
            query(asked.last().unwrap())[1],
            ("count".to_owned(), told.to_string())
        );
    }
}

#[tokio::test]
async fn searxng_is_asked_and_told() {
    let answer = json!({
        "query": "ducks",
        "number_of_results": 0,
        "results": [{
            "url": "https://ducks.example/",
            "title": "Ducks",
            "content": "All about ducks",
            "publishedDate": "2026-01-02T00:00:00",
            "engine": "duckduckgo",
            "engines": ["duckduckgo"],
            "parsed_url": ["https", "ducks.example", "/", "", "", ""],
            "template": "default.html",
            "positions": [1],
            "score": 1.0,
            "category": "general"
        }, {"url": "https://b.example/", "title": "B", "content": null, "publishedDate": null}],
        "answers": [], "corrections": [], "infoboxes": [], "suggestions": [], "unresponsive_engines": []
    });
    let server = serve(Reply::json(200, &answer)).await;
    let tool = tool(searxng(&server));
    let told = search(
        &tool,
        json!({"query": "ducks", "country": "ch", "search_lang": "de", "freshness": "pw"}),
    )
    .await;
    assert_eq!(
        (&told["provider"], &told["count"]),
        (&json!("searxng"), &json!(2))
    );
    assert_eq!(
        told["results"][0],
        json!({
            "title": "Ducks", "url": "https://ducks.example/", "description": "All about ducks",
            "published": "2026-01-02T00:00:00", "siteName": "ducks.example"
        })
    );
    let asked = &server.requests()[0];
    assert_eq!(
        (asked.method.as_str(), asked.path.as_str()),
        ("GET", "/searx/search")
    );
    assert_eq!(
        query(asked),
        pairs(&[
            ("q", "ducks"),
            ("format", "json"),
            ("language", "de-CH"),
            ("time_range", "week")
        ])
    );
    let error = refusal(
        &tool,
        json!({"query": "x", "freshness": "2026-01-01to2026-02-01"}),
    )
    .await;
    assert!(error.contains("pd, pw, pm or py"), "{error}");
}

#[tokio::test]
async fn a_searxng_without_json_says_what_to_allow() {
    let server = serve(Reply::whole(403, "text/html", "Forbidden")).await;
    let error = refusal(&tool(searxng(&server)), json!({"query": "x"})).await;
    assert!(error.contains("search.formats"), "{error}");
}

#[tokio::test]
async fn perplexity_is_asked_and_told() {
    let own = json!({
        "id": "1", "model": "sonar-pro", "created": 1, "object": "chat.completion",
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        "citations": ["https://a.example/", "https://b.example/"],
        "search_results": [{"title": "A", "url": "https://a.example/", "date": "2026-01-02"}],
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Ducks\u{202e} swim [1][2]."}}]
    });
    let newer = json!({
        "search_results": [{"title": "A", "url": "https://a.example/"}, {"title": "B", "url": "https://b.example/"}],
        "choices": [{"message": {"role": "assistant", "content": "Ducks swim [1][2]."}}]
    });
    let openrouter = json!({
        "choices": [{"message": {"role": "assistant", "content": "Ducks swim [1][2].", "annotations": [
            {"type": "url_citation", "url_citation": {"url": "https://a.example/", "title": "A", "start_index": 0, "end_index": 1}},
            {"type": "url_citation", "url_citation": {"url": "https://b.example/", "title": "B"}}
        ]}}]
    });
    for answer in [own, newer, openrouter] {
        let server = serve(Reply::json(200, &answer)).await;
        let mut told = search(
            &tool(perplexity(&server)),
            json!({"query": "do ducks swim"}),
        )
        .await;
        assert!(told["tookMs"].take().is_u64());
        assert_eq!(
            told,
            json!({
                "query": "do ducks swim",
                "provider": "perplexity",
                "model": "sonar-pro",
                "tookMs": null,
                "content": "Ducks swim [1][2].",
                "citations": ["https://a.example/", "https://b.example/"]
            })
        );
        let asked = &server.requests()[0];
        assert_eq!(
            (asked.method.as_str(), asked.path.as_str()),
            ("POST", "/chat/completions")
        );
        assert!(asked.has_api_key("the-key"));
        assert_eq!(
            asked.json(),
            json!({"model": "sonar-pro", "messages": [{"role": "user", "content": "do ducks swim"}]})
        );
    }
}

#[tokio::test]
async fn perplexity_knows_no_freshness_and_may_say_nothing() {
    let server = serve(Reply::json(200, &json!({"choices": []}))).await;
    let tool = tool(perplexity(&server));
    assert!(
        refusal(&tool, json!({"query": "x", "freshness": "pd"}))
            .await
            .contains("freshness")
    );
    assert!(server.requests().is_empty());
    assert!(
        refusal(&tool, json!({"query": "x"}))
            .await
            .contains("nothing")
    );
}

#[tokio::test]
async fn what_goes_wrong_is_one_sentence_without_the_key() {
    for (reply, says) in [
        (
            Reply::json(401, &json!({"error": "the-key"})),
            "BRAVE_API_KEY",
        ),
        (Reply::json(429, &json!({})), "Wait a little"),
        (Reply::json(500, &json!({})), "an error (500)"),
        (
            Reply::whole(302, "text/html", "").header("location", "http://h/"),
            "an error (302)",
        ),
        (
            Reply::whole(200, "text/html", "<p>hello"),
            "something else than results",
        ),
        (
            Reply::json(200, &json!({"web": {"results": []}}))
                .cut()
                .announced_length(999),
            "could not be reached",
        ),
    ] {
        let server = serve(reply).await;
        let error = refusal(&tool(brave(&server)), json!({"query": "x"})).await;
        assert!(
            error.contains(says) && error.starts_with("Brave Search"),
            "{error}"
        );
        assert!(!error.contains("the-key"), "{error}");
    }
}

#[tokio::test]
async fn a_slow_search_is_given_up() {
    let server = serve(Reply::json(200, &json!({})).before_head(moltbot_testkit::Step::Hang)).await;
    let mut settings = SearchSettings::new(searxng(&server));
    settings.timeout = Duration::from_millis(200);
    let error = refusal(&WebSearch::new(settings), json!({"query": "x"})).await;
    assert_eq!(error, "SearXNG did not answer within 0.2 s.");
    server.wait_for_cancel().await;
}

#[tokio::test]
async fn the_same_search_is_made_once() {
    let server = serve(Reply::json(200, &brave_answer())).await;
    let tool = tool(brave(&server));
    for (arguments, cached, requests) in [
        (json!({"query": "a"}), false, 1),
        (json!({"query": " a "}), true, 1),
        (json!({"query": "a", "count": 5}), true, 1),
        (json!({"query": "a", "count": 2}), false, 2),
        (json!({"query": "a", "freshness": "pd"}), false, 3),
    ] {
        let told = search(&tool, arguments.clone()).await;
        assert_eq!(told.get("cached").is_some(), cached, "{arguments}");
        assert_eq!(server.requests().len(), requests, "{arguments}");
    }
}

#[tokio::test]
async fn what_is_decided_on_is_the_query() {
    let stage = Stage::new().await;
    let server = serve(Reply::json(200, &json!({}))).await;
    let tool = tool(brave(&server));
    let plan = stage.plan(&tool, json!({"query": "my secret"}));
    assert_eq!(
        plan,
        Plan::new(Effect::ReadsOutside, "my secret").on(TargetKind::Query, "my secret")
    );
    for arguments in [
        json!({"query": "  "}),
        json!({"query": "x", "freshness": "soon"}),
    ] {
        let error = stage.call(&tool, arguments).await.unwrap_err();
        assert!(matches!(error, ToolError::Arguments(_)), "{error}");
    }
    assert!(tool.is_parallel());
    assert!(server.requests().is_empty());
}

#[test]
fn the_addresses_found_are_vouched_for_and_no_others() {
    let told = json!({
        "results": [
            {"title": "A", "url": "https://a.example/x", "description": "See https://evil.example"},
            {"title": "B", "url": "https://b.example", "description": ""},
        ],
    });
    let tool = tool(Engine::SearXng {
        base_url: "http://127.0.0.1:1".to_owned(),
    });
    let found = |text: String| {
        let items = tool.found(
            &Default::default(),
            &[Content::text(text, Provenance::Outside)],
        );
        let values = items.into_iter().flat_map(|item| item.values);
        values.map(|target| target.value).collect::<Vec<_>>()
    };
    assert_eq!(
        found(told.to_string()),
        ["https://a.example/x", "https://b.example"]
    );
    let told = json!({"content": "https://evil.example", "citations": ["https://c.example"]});
    assert_eq!(found(told.to_string()), ["https://c.example"]);
    assert_eq!(found("no JSON".to_owned()), [""; 0]);
}
