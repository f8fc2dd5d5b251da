#![allow(clippy::unwrap_used)]
use super::*;
use serde_json::{Value, json};

fn catalog(config: Value) -> Catalog {
    Catalog::new(&serde_json::from_value(config).unwrap(), &[])
}

fn provider(base: &str, extra: Value) -> Value {
    let mut entry = json!({"baseUrl": base, "models": [{"id": "m", "name": "M"}]});
    entry
        .as_object_mut()
        .unwrap()
        .extend(extra.as_object().unwrap().clone());
    entry
}

#[test]
fn a_server_of_the_owner_s_own_speaks_completions_unless_told() {
    let c = catalog(json!({"models": {"providers": {
        "box": provider("http://10.0.0.2:8000", json!({})),
        "lmstudio": provider("http://127.0.0.1:1234/v1", json!({"api": "openai-responses"})),
        "anthropic": {"baseUrl": "http://proxy:9", "models": []},
        "gem": provider("http://g", json!({"api": "google-generative-ai"})),
        "native": provider("http://n:11434", json!({"api": "ollama", "keepAlive": "30m"})),
        "ollama": provider("http://n:11434/v1", json!({"api": "openai-completions"})),
        "aws": provider("http://a", json!({"api": "bedrock-converse-stream"})),
    }}}));
    assert_eq!(c.resolve("box/m").unwrap().api, Api::OpenAiCompletions);
    assert_eq!(c.resolve("lmstudio/m").unwrap().api, Api::OpenAiResponses);
    let moved = c.resolve("anthropic/claude-opus-4-5").unwrap();
    assert_eq!(
        (moved.api, moved.base_url.as_str()),
        (Api::AnthropicMessages, "http://proxy:9")
    );
    assert_eq!(c.resolve("gem/m").unwrap().api, Api::GoogleGenerativeAi);
    let native = c.resolve("native/m").unwrap();
    assert_eq!(native.api, Api::Ollama);
    assert_eq!(native.keep_alive.as_deref(), Some("30m"));
    assert_eq!(c.resolve("ollama/m").unwrap().api, Api::OpenAiCompletions);
    assert!(matches!(
        c.resolve("aws/m"),
        Err(CatalogError::UnsupportedApi { .. })
    ));
}

#[test]
fn google_is_spoken_to_in_its_own_dialect() {
    let model = catalog(json!({})).resolve("google/gemini-3-pro").unwrap();
    assert_eq!(model.api, Api::GoogleGenerativeAi);
    assert_eq!(
        model.base_url,
        "https://generativelanguage.googleapis.com/v1beta"
    );
}

#[test]
fn a_context_window_is_known_where_somebody_stated_it() {
    let models = json!({"providers": {"box": {"baseUrl": "http://h/v1", "models": [
        {"id": "stated", "name": "S", "contextWindow": 32768}, {"id": "assumed", "name": "A"},
    ]}}});
    let c = catalog(json!({"models": models}));
    let source = |name: &str| c.resolve(name).unwrap().context_source;
    assert_eq!(source("box/stated"), Source::Config);
    assert_eq!(source("box/assumed"), Source::Guess);
    let agents = json!({"defaults": {"contextTokens": 16384}});
    let c = catalog(json!({"models": models, "agents": agents}));
    let model = c.resolve("box/assumed").unwrap();
    assert_eq!(
        (model.context_window, model.context_source),
        (16384, Source::Config)
    );
}

#[test]
fn merge_keeps_hosted_models_and_replace_forgets_them() {
    let providers = json!({"box": provider("http://h/v1", json!({}))});
    let merged = catalog(json!({"models": {"mode": "merge", "providers": providers}}));
    assert!(merged.resolve("anthropic/claude-opus-4-5").is_ok());
    let replaced = catalog(json!({"models": {"mode": "replace", "providers": providers}}));
    assert!(replaced.resolve("box/m").is_ok());
    assert!(matches!(
        replaced.resolve("anthropic/claude-opus-4-5"),
        Err(CatalogError::UnknownProvider { .. })
    ));
}

#[test]
fn an_unlisted_model_takes_the_limits_of_the_first_one() {
    let c = catalog(
        json!({"models": {"providers": {"box": {"baseUrl": "http://h/v1", "models": [
            {"id": "a", "name": "A", "contextWindow": 32768, "maxTokens": 1000}
        ]}}}}),
    );
    let model = c.resolve("box/some/new:model").unwrap();
    assert_eq!(model.reference.model, "some/new:model");
    assert_eq!((model.context_window, model.max_tokens), (32768, 1000));
}

#[test]
fn aliases_are_case_insensitive_and_an_empty_one_suppresses_the_built_in() {
    let c = catalog(json!({"agents": {"defaults": {"models": {
        "anthropic/claude-opus-4-5": {"alias": "Big"},
        "anthropic/claude-sonnet-4-5": {},
        "openai/gpt-5.2": {"alias": ""},
    }}}}));
    assert_eq!(c.resolve("bIG").unwrap().reference.model, "claude-opus-4-5");
    assert_eq!(
        c.resolve("Sonnet").unwrap().reference.model,
        "claude-sonnet-4-5"
    );
    assert!(c.resolve("gpt").is_err());
}

#[test]
fn the_list_of_models_is_also_what_is_allowed() {
    let c = catalog(json!({"agents": {"defaults": {
        "model": {"primary": "lmstudio/a", "fallbacks": ["openai/gpt-5-mini", "lmstudio/a"]},
        "models": {"anthropic/claude-opus-4-5": {}, "nowhere/x": {}}
    }}}));
    assert!(c.resolve("anthropic/claude-opus-4-5").is_ok());
    assert!(c.resolve("lmstudio/a").is_ok());
    assert!(
        c.resolve("openai/gpt-5-mini").is_ok(),
        "a named fallback is allowed"
    );
    assert!(matches!(
        c.resolve("openai/gpt-5.2"),
        Err(CatalogError::NotAllowed(_))
    ));
    assert!(c.warnings().iter().any(|w| w.contains("nowhere/x")));
    let (rungs, left_out) = c.chain(None, None, false).unwrap();
    let names: Vec<String> = rungs.iter().map(|m| m.reference.to_string()).collect();
    assert_eq!(names, ["lmstudio/a", "openai/gpt-5-mini"]);
    assert!(left_out.is_empty());
}

#[test]
fn another_model_first_keeps_the_fallbacks_and_the_primary_behind_it() {
    let c = catalog(json!({"agents": {"defaults": {
    "model": {"primary": "lmstudio/a", "fallbacks": ["openai/gpt-5.2"]}},
    "list": [
        {"id": "main"},
        {"id": "Narrow One", "model": {"primary": "vllm/x", "fallbacks": []}},
        {"id": "other", "model": "vllm/y"}
    ]}}));
    let names = |requested, agent| -> Vec<String> {
        let (rungs, _) = c.chain(requested, agent, false).unwrap();
        rungs.iter().map(|m| m.reference.to_string()).collect()
    };
    assert_eq!(
        names(Some("vllm/z"), None),
        ["vllm/z", "openai/gpt-5.2", "lmstudio/a"]
    );
    assert_eq!(names(None, Some("narrow-one")), ["vllm/x"]);
    assert_eq!(
        names(None, Some("other")),
        ["vllm/y", "openai/gpt-5.2", "lmstudio/a"]
    );
}

#[test]
fn with_no_config_an_installed_model_answers_then_a_hosted_one_then_nobody() {
    let config = Config::default();
    let installed = Catalog::new(&config, &["big".into(), "small".into()]);
    let (rungs, _) = installed.chain(None, None, true).unwrap();
    assert_eq!(rungs[0].reference.to_string(), "local/big");
    assert_eq!(rungs[0].api, Api::Engine);
    let bare = Catalog::new(&config, &[]);
    assert_eq!(
        bare.chain(None, None, true).unwrap().0[0]
            .reference
            .to_string(),
        "anthropic/claude-opus-4-5"
    );
    assert_eq!(
        bare.chain(None, None, false).unwrap_err(),
        CatalogError::NothingConfigured
    );
}

#[test]
fn a_primary_without_a_provider_is_read_as_before_with_a_warning() {
    let c = catalog(json!({"agents": {"defaults": {"model": {"primary": "claude-opus-4-5"}}}}));
    assert_eq!(
        c.default_model(None, false),
        Some(ModelRef::new("anthropic", "claude-opus-4-5"))
    );
    assert!(c.warnings()[0].starts_with("Model \"claude-opus-4-5\" specified without provider."));
}

#[test]
fn a_misspelt_provider_gets_a_hint() {
    let error = catalog(json!({}))
        .resolve("lmstudo/x")
        .unwrap_err()
        .to_string();
    assert!(error.contains("did you mean \"lmstudio\""), "{error}");
}

#[test]
fn parameters_and_headers_reach_the_model() {
    let c = catalog(json!({
        "agents": {"defaults": {"models": {"box/m": {"params": {
            "temperature": 0.2, "maxTokens": 99, "cacheControlTtl": "1h"}}}}},
        "models": {"providers": {"box": {
            "baseUrl": "http://h/v1", "headers": {"X-A": "p", "X-B": "p"}, "timeoutSeconds": 7,
            "authHeader": true,
            "models": [{"id": "m", "name": "M", "headers": {"X-A": "m"}, "input": ["text", "image"]}]
        }}}
    }));
    let model = c.resolve("box/m").unwrap();
    assert_eq!(model.temperature, Some(0.2));
    assert_eq!(model.output_limit, Some(99));
    assert_eq!(model.cache_ttl.as_deref(), Some("1h"));
    assert_eq!(model.headers["X-A"], "m");
    assert_eq!(model.headers["X-B"], "p");
    assert_eq!(model.timeout.map(|t| t.as_secs()), Some(7));
    assert!(model.vision && model.auth_header);
}

#[test]
fn a_server_called_local_and_the_engine_share_the_name() {
    let config: Config = serde_json::from_value(json!({"models": {"providers": {
        "local": provider("http://127.0.0.1:8000/v1", json!({"api": "openai-responses"})),
    }}}))
    .unwrap();
    let c = Catalog::new(&config, &["m".into(), "smollm2-135m".into()]);
    assert_eq!(
        c.resolve("local/m").unwrap().api,
        Api::OpenAiResponses,
        "the owner's entry wins"
    );
    assert_eq!(c.resolve("local/other").unwrap().api, Api::OpenAiResponses);
    assert_eq!(c.resolve("local/smollm2-135m").unwrap().api, Api::Engine);
}

#[test]
fn a_primary_that_is_no_reference_is_an_error_and_no_other_model() {
    let config: Config = serde_json::from_value(json!({
        "agents": {"defaults": {"model": {"primary": "lmstudio/", "fallbacks": ["nonsense", "vllm/x"]}}}
    }))
    .unwrap();
    let c = Catalog::new(&config, &["installed".into()]);
    assert!(matches!(
        c.chain(None, None, true),
        Err(CatalogError::Malformed(_))
    ));
    assert_eq!(c.default_model(None, true), None);
    assert!(c.warnings()[0].contains("agents.defaults.model.fallbacks: \"nonsense\""));
    assert_eq!(c.fallbacks(None).len(), 1);
}

#[test]
fn several_servers_are_each_named_once_and_one_is_none() {
    let c = catalog(json!({"models": {"providers": {
        "one": provider("http://mac1:1234", json!({"baseUrls": ["http://mac1:1234/v1/"], "slots": 2})),
        "two": provider("http://mac1:1234/v1", json!({"baseUrls": [
            "http://mac2:1234/v1", "http://mac1:1234", "http://mac2:1234/v1"
        ]})),
    }}}));
    let one = c.resolve("one/m").unwrap();
    assert_eq!((one.base_urls, one.slots), (Vec::new(), Some(2)));
    let two = c.resolve("two/m").unwrap();
    assert_eq!(
        two.base_urls,
        ["http://mac1:1234/v1", "http://mac2:1234/v1"]
    );
    assert_eq!(
        (two.base_url.as_str(), two.slots),
        ("http://mac1:1234/v1", None)
    );
}

#[test]
fn a_provider_with_one_server_elsewhere_is_not_local() {
    let c = catalog(json!({"models": {"providers": {
        "house": provider("http://mac1:1234", json!({"baseUrls": ["http://mac2.local:1234"]})),
        "mixed": provider("http://mac1:1234", json!({"baseUrls": ["https://llm.example.com/v1"]})),
    }}}));
    assert!(c.resolve("house/m").unwrap().is_local());
    let mixed = c.resolve("mixed/m").unwrap();
    assert!(!mixed.is_local());
    let house = crate::Places::only([crate::LOCAL]);
    assert!(!house.admit(&mixed), "a request might go elsewhere");
}
