//! What a body holds beside the conversation: roles, limits, thinking, and what only some servers take.

use moltbot_llm::{Api, Message, Request, ServerKind, ThinkingLevel, ToolChoice};
use serde_json::{Value, json};

use super::{CHAT, MESSAGES, RESPONSES, assistant, body, body_of, text, tool, turn};
use crate::fixture::{hi, model, model_with};

#[test]
fn only_reasoning_models_of_openai_are_told_as_developer_unless_the_owner_says_so() {
    let request = Request {
        system: "Be kind.".to_owned(),
        ..hi()
    };
    let openai = "https://api.openai.com/v1";
    for (base, reasoning, compat, role) in [
        (openai, true, json!({}), "developer"),
        (openai, false, json!({}), "system"),
        (
            openai,
            true,
            json!({"supportsDeveloperRole": false}),
            "system",
        ),
        ("http://box:1/v1", true, json!({}), "system"),
        (
            "http://box:1/v1",
            true,
            json!({"supportsDeveloperRole": true}),
            "developer",
        ),
    ] {
        let fields = json!({"reasoning": reasoning, "compat": compat});
        let chat = body(&model_with(base, CHAT, fields.clone()), &request);
        assert_eq!(chat["messages"][0]["role"], role, "{base} {fields}");
        let responses = body(&model_with(base, RESPONSES, fields.clone()), &request);
        assert_eq!(responses["input"][0]["role"], role, "{base} {fields}");
    }
}

const LEVELS: [ThinkingLevel; 6] = [
    ThinkingLevel::Off,
    ThinkingLevel::Minimal,
    ThinkingLevel::Low,
    ThinkingLevel::Medium,
    ThinkingLevel::High,
    ThinkingLevel::Xhigh,
];

#[test]
fn thinking_levels_are_efforts() {
    let efforts = |api: Api, base: &str, fields: Value| -> Vec<Value> {
        let model = model_with(base, api, fields);
        LEVELS
            .iter()
            .map(|level| {
                let body = body(
                    &model,
                    &Request {
                        thinking: *level,
                        ..hi()
                    },
                );
                match api {
                    Api::OpenAiCompletions => body["reasoning_effort"].clone(),
                    _ => body["reasoning"]["effort"].clone(),
                }
            })
            .collect()
    };
    let reasoning = json!({"reasoning": true});
    let local = json!([null, "minimal", "low", "medium", "high", "high"]);
    let openai = json!([null, "minimal", "low", "medium", "high", "xhigh"]);
    let base = "http://box:1/v1";
    assert_eq!(Value::from(efforts(CHAT, base, reasoning.clone())), local);
    assert_eq!(
        Value::from(efforts(RESPONSES, base, reasoning.clone())),
        local
    );
    assert_eq!(
        Value::from(efforts(RESPONSES, "https://api.openai.com", reasoning)),
        openai
    );
    for fields in [
        json!({}),
        json!({"reasoning": true, "compat": {"supportsReasoningEffort": false}}),
    ] {
        for api in [CHAT, RESPONSES] {
            let none = efforts(api, base, fields.clone());
            assert!(none.iter().all(Value::is_null), "{none:?}");
        }
    }
}

#[test]
fn only_openai_is_asked_for_sealed_reasoning() {
    let request = Request {
        thinking: ThinkingLevel::Low,
        ..hi()
    };
    let reasoning = json!({"reasoning": true});
    let openai = model_with("https://api.openai.com/v1", RESPONSES, reasoning.clone());
    let openai = body(&openai, &request);
    assert_eq!(openai["include"], json!(["reasoning.encrypted_content"]));
    assert_eq!(openai["store"], false);
    assert_eq!(
        openai["reasoning"],
        json!({"effort": "low", "summary": "auto"})
    );
    let local = body(
        &model_with("http://box:1/v1", RESPONSES, reasoning),
        &request,
    );
    assert_eq!(local.get("include"), None);
    assert_eq!(local.get("store"), None);
}

/// The output limit and the thinking budget for these limits of request and model.
fn budget(level: ThinkingLevel, asked: u64, model_max: u64) -> (Value, Value) {
    let fields = json!({"reasoning": true, "maxTokens": model_max});
    let model = model_with("http://box:1", MESSAGES, fields);
    let request = Request {
        thinking: level,
        max_tokens: Some(asked),
        temperature: Some(0.5),
        ..hi()
    };
    let body = body(&model, &request);
    let has_thinking = body.get("thinking").is_some();
    assert_ne!(has_thinking, body.get("temperature").is_some(), "{body}");
    (
        body["max_tokens"].clone(),
        body["thinking"]["budget_tokens"].clone(),
    )
}

#[test]
fn thinking_levels_are_budgets_beside_the_answer() {
    let none = Value::Null;
    for (level, tokens) in LEVELS.into_iter().zip([
        none.clone(),
        json!(1024),
        json!(2048),
        json!(8192),
        json!(16384),
        json!(16384),
    ]) {
        let expected = json!(4000 + tokens.as_u64().unwrap_or(0));
        assert_eq!(budget(level, 4000, 64_000), (expected, tokens));
    }
    // Little room: the budget gives way, and below the API's minimum there is none.
    assert_eq!(
        budget(ThinkingLevel::High, 4000, 8192),
        (json!(8192), json!(7168))
    );
    assert_eq!(budget(ThinkingLevel::High, 1000, 2000), (json!(2000), none));
}

fn thinks(request: Request) -> bool {
    let fields = json!({"reasoning": true, "maxTokens": 64_000});
    let model = model_with("http://box:1", MESSAGES, fields);
    let request = Request {
        thinking: ThinkingLevel::Low,
        ..request
    };
    body(&model, &request).get("thinking").is_some()
}

#[test]
fn no_thinking_where_the_messages_api_refuses_it() {
    assert!(thinks(hi()));
    for (choice, expected) in [
        (ToolChoice::Auto, true),
        (ToolChoice::None, true),
        (ToolChoice::Required, false),
        (ToolChoice::Named("get_weather".to_owned()), false),
    ] {
        let request = Request {
            tools: vec![tool()],
            tool_choice: choice.clone(),
            ..hi()
        };
        assert_eq!(thinks(request), expected, "{choice:?}");
    }
    // A turn that another model began goes on without; a turn of its own goes on with.
    assert!(thinks(turn(MESSAGES, "c2ln")));
    assert!(!thinks(turn(CHAT, "c2ln")));
    let mut queued = turn(CHAT, "c2ln");
    queued.messages.push(Message::user("And Rome?", 0));
    assert!(!thinks(queued));
    let mut over = turn(CHAT, "c2ln");
    over.messages
        .push(assistant(CHAT, vec![text("22 degrees.")]));
    over.messages.push(Message::user("And Rome?", 0));
    assert!(thinks(over));
}

#[test]
fn the_output_limit_has_the_name_that_the_server_takes() {
    let request = Request {
        max_tokens: Some(99),
        temperature: Some(0.25),
        ..hi()
    };
    let named = |base: &str, compat: Value| {
        let body = body(&model_with(base, CHAT, json!({"compat": compat})), &request);
        assert_eq!(body["temperature"], 0.25);
        let fields = ["max_tokens", "max_completion_tokens"];
        let sent: Vec<&str> = fields
            .into_iter()
            .filter(|name| body.get(name).is_some())
            .collect();
        assert_eq!(sent.len(), 1, "{body}");
        assert_eq!(body[sent[0]], 99);
        sent[0]
    };
    let (old, new) = ("max_tokens", "max_completion_tokens");
    let openai = "https://api.openai.com/v1";
    assert_eq!(named("http://box:1", json!({})), old);
    assert_eq!(named(openai, json!({})), new);
    assert_eq!(named("http://box:1", json!({"maxTokensField": new})), new);
    assert_eq!(named(openai, json!({"maxTokensField": old})), old);
    let responses = body_of(RESPONSES, &request);
    assert_eq!(responses["max_output_tokens"], 99);
    assert_eq!(responses["temperature"], 0.25);
    assert_eq!(body_of(MESSAGES, &request)["max_tokens"], 99);
}

#[test]
fn store_is_sent_only_where_it_is_known() {
    for api in [CHAT, RESPONSES] {
        let store = |base: &str, compat: Value| {
            let model = model_with(base, api, json!({"compat": compat}));
            body(&model, &hi())["store"].clone()
        };
        let openai = "https://api.openai.com/v1";
        assert_eq!(store("http://box:1", json!({})), Value::Null);
        assert_eq!(store("http://box:1", json!({"supportsStore": true})), false);
        assert_eq!(store(openai, json!({})), false);
        assert_eq!(store(openai, json!({"supportsStore": false})), Value::Null);
    }
}

#[test]
fn the_cache_is_kept_as_long_as_the_owner_says() {
    let mut model = model(MESSAGES);
    model.cache_ttl = Some("1h".to_owned());
    let mark = &body(&model, &hi())["messages"][0]["content"][0]["cache_control"];
    assert_eq!(*mark, json!({"type": "ephemeral", "ttl": "1h"}));
}

#[test]
fn llama_cpp_is_asked_how_far_it_has_read_until_it_refuses() {
    let asks = |server, api| {
        let mut model = model(api);
        model.server = server;
        let plain = body(&model, &hi());
        model.repairs.dropped.insert("return_progress".to_owned());
        assert_eq!(body(&model, &hi()).get("return_progress"), None);
        plain.get("return_progress") == Some(&json!(true))
    };
    assert!(asks(Some(ServerKind::LlamaCpp), CHAT));
    assert!(!asks(Some(ServerKind::Vllm), CHAT));
    assert!(!asks(None, CHAT));
    assert!(!asks(Some(ServerKind::LlamaCpp), MESSAGES));
}
