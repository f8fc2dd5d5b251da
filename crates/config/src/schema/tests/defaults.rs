//! What the types answer where the file says nothing, or says it in another form.

use std::time::Duration;

use serde_json::{Value, json};

use super::parse;
use crate::schema::*;

#[test]
fn values_may_be_written_in_two_forms() {
    let config = parse(json!({
        "agents": {"list": [
            {"id": "a", "model": "p/one"},
            {"id": "b", "model": {"primary": "p/two", "fallbacks": []}},
            {"id": "c", "model": {"fallbacks": ["p/three"]}}
        ], "defaults": {"model": {"primary": "p/main", "fallbacks": ["p/spare"]}}},
        "commands": {"native": "auto", "nativeSkills": false},
        "channels": {"telegram": {"allowFrom": ["tg:1", -100_123]}}
    }));
    let agents = config.agents();
    assert_eq!(agents.primary_model("a"), "p/one");
    assert_eq!(agents.fallback_models("a"), ["p/spare"]);
    assert_eq!(agents.primary_model("b"), "p/two");
    assert!(agents.fallback_models("b").is_empty());
    assert_eq!(agents.primary_model("c"), "p/main");
    assert_eq!(agents.fallback_models("c"), ["p/three"]);
    let commands = config.commands.as_ref().unwrap();
    assert_eq!(commands.native, Some(Switch::Auto(Auto::Auto)));
    assert_eq!(commands.native_skills, Some(Switch::Set(false)));
    let telegram = config.channels.as_ref().unwrap().telegram.as_ref().unwrap();
    let senders: Vec<_> = telegram
        .allow_from
        .iter()
        .flatten()
        .map(Id::to_string)
        .collect();
    assert_eq!(senders, ["tg:1", "-100123"]);
}

#[test]
fn models_fill_in_their_defaults() {
    let provider: Provider = serde_json::from_value(json!({
        "baseUrl": "http://h/v1", "headers": {"a": "1", "b": "1"}, "api": "openai-responses",
        "models": [
            {"id": "small", "name": "S", "contextWindow": 4096, "headers": {"b": "2"}},
            {"id": "plain", "name": "P", "api": "ollama", "input": ["text", "image"]}
        ]
    }))
    .unwrap();
    let (small, plain) = (&provider.models[0], &provider.models[1]);
    assert_eq!((small.context_window(), small.max_tokens()), (4096, 4096));
    assert_eq!(
        (plain.context_window(), plain.max_tokens()),
        (200_000, 8_192)
    );
    assert!(!small.reads_images() && plain.reads_images() && !plain.reasoning());
    assert_eq!(plain.cost().cache_read(), 0.0);
    assert_eq!(provider.api_for(small), Some(Api::OpenaiResponses));
    assert_eq!(provider.api_for(plain), Some(Api::Ollama));
    assert_eq!(provider.auth(), ProviderAuth::ApiKey);
    assert_eq!((provider.timeout(), provider.auth_header()), (None, false));
    assert_eq!(provider.addresses().collect::<Vec<_>>(), ["http://h/v1"]);
    let headers = provider.headers_for(small);
    assert_eq!((headers["a"].as_str(), headers["b"].as_str()), ("1", "2"));
}

#[test]
fn services_fill_in_their_defaults() {
    let service: Service = serde_json::from_value(json!({"command": "c"})).unwrap();
    assert!(service.args().is_empty() && !service.keep_warm() && !service.background());
    assert_eq!(service.start_limit(), Duration::from_secs(600));
    assert_eq!(service.idle(), Duration::from_secs(1800));
    assert_eq!(service.memory_bytes(), None);
    let service: Service =
        serde_json::from_value(json!({"command": "c", "idleMinutes": 0, "memory": "2g"})).unwrap();
    assert_eq!(service.idle(), Duration::ZERO);
    assert_eq!(service.memory_bytes(), Some(2 << 30));
}

#[test]
fn agents_fill_in_their_defaults() {
    let none = Agents::default();
    assert_eq!(none.default_agent_id(), "main");
    assert_eq!(none.workspace("main", None), "~/clawd");
    assert_eq!(none.workspace("main", Some("dev")), "~/clawd-dev");
    let defaults = none.defaults();
    assert_eq!(defaults.timeout(), Duration::from_secs(600));
    assert_eq!(defaults.thinking_default(true), ThinkingLevel::Low);
    assert_eq!(defaults.thinking_default(false), ThinkingLevel::Off);
    assert_eq!(defaults.max_concurrent(), 4);
    assert_eq!(defaults.bootstrap_max_chars(), 20_000);
    let compaction = defaults.compaction();
    assert_eq!(compaction.mode(), CompactionMode::Safeguard);
    assert_eq!(compaction.reserve_tokens_floor(), 20_000);
    assert_eq!(compaction.max_history_share(), 0.5);
    assert!(compaction.memory_flush().enabled());
    assert_eq!(compaction.memory_flush().soft_threshold_tokens(), 4_000);

    let some: Agents = serde_json::from_value(json!({
        "defaults": {"workspace": "/w", "thinkingDefault": "high"},
        "list": [{"id": "Home"}, {"id": "work", "default": true}, {"id": "own", "workspace": "/own"}]
    }))
    .unwrap();
    assert_eq!(some.default_agent_id(), "work");
    assert_eq!(some.workspace("work", Some("dev")), "/w");
    assert_eq!(some.workspace("HOME", None), "~/clawd-home");
    assert_eq!(some.workspace("own", None), "/own");
    assert_eq!(some.defaults().thinking_default(false), ThinkingLevel::High);
}

#[test]
fn conversations_start_afresh_as_documented() {
    let rule = |session: Value, kind, channel| {
        let session: Session = serde_json::from_value(session).unwrap();
        session.reset_rule(kind, channel)
    };
    let daily = |at_hour, idle_minutes| ResetRule {
        mode: ResetMode::Daily,
        at_hour,
        idle_minutes,
    };
    let idle = |minutes| ResetRule {
        mode: ResetMode::Idle,
        at_hour: 4,
        idle_minutes: Some(minutes),
    };
    let dm = ResetType::Dm;

    assert_eq!(rule(json!({}), dm, None), daily(4, None));
    assert_eq!(rule(json!({"idleMinutes": 90}), dm, None), idle(90));
    assert_eq!(
        rule(json!({"idleMinutes": 90, "reset": {"atHour": 6}}), dm, None),
        daily(6, Some(90))
    );
    assert_eq!(rule(json!({"reset": {"mode": "idle"}}), dm, None), idle(60));
    let both = json!({
        "reset": {"mode": "idle", "idleMinutes": 30},
        "resetByType": {"group": {"mode": "daily", "atHour": 0}, "thread": {"idleMinutes": 5}},
        "resetByChannel": {"discord": {"idleMinutes": 10}}
    });
    assert_eq!(rule(both.clone(), dm, Some("telegram")), idle(30));
    assert_eq!(
        rule(both.clone(), ResetType::Group, None),
        daily(0, Some(30))
    );
    assert_eq!(rule(both.clone(), ResetType::Thread, None), idle(5));
    assert_eq!(
        rule(both, ResetType::Group, Some("discord")),
        daily(4, Some(10))
    );
    assert_eq!(ResetType::from(ChatType::Channel), ResetType::Group);
}

#[test]
fn sessions_and_logs_fill_in_their_defaults() {
    let config = Config::default();
    let session = config.session();
    assert_eq!(session.scope(), SessionScope::PerSender);
    assert_eq!(session.dm_scope(), DmScope::Main);
    assert_eq!(session.reset_triggers(), ["/new", "/reset"]);
    assert_eq!(session.max_ping_pong_turns(), 5);
    let logging = config.logging();
    assert_eq!(
        (logging.level(), logging.console_level()),
        (LogLevel::Info, LogLevel::Silent)
    );
    assert_eq!(logging.console_style(), ConsoleStyle::Pretty);
    assert_eq!(logging.redact_sensitive(), RedactSensitive::Tools);

    let config = parse(json!({
        "session": {"resetTriggers": []}, "logging": {"level": "trace"}
    }));
    assert!(config.session().reset_triggers().is_empty());
    assert_eq!(config.logging().level().as_str(), "trace");
    assert_eq!(config.logging().console_level(), LogLevel::Silent);
}
