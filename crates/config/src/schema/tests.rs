//! The types against the documented keys, and the JSON Schema against the types.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::time::Duration;

use jsonc_parser::{JsonValue, parse_to_value};
use serde_json::{Map, Value, json};

use super::*;

/// Every documented key at least once, spelled as in the documentation.
const EVERY_KEY: &str = include_str!("tests/every_key.json");

/// The configs of the local models guide, as people paste them.
const LOCAL_ONLY: &str = r#"{
  agents: {
    defaults: {
      model: { primary: "lmstudio/minimax-m2.1-gs32" },
      models: {
        "anthropic/claude-opus-4-5": { alias: "Opus" },
        "lmstudio/minimax-m2.1-gs32": { alias: "Minimax" }
      }
    }
  },
  models: {
    mode: "merge",
    providers: {
      lmstudio: {
        baseUrl: "http://127.0.0.1:1234/v1",
        apiKey: "lmstudio",
        api: "openai-responses",
        models: [
          {
            id: "minimax-m2.1-gs32",
            name: "MiniMax M2.1 GS32",
            reasoning: false,
            input: ["text"],
            cost: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 },
            contextWindow: 196608,
            maxTokens: 8192
          }
        ]
      }
    }
  }
}"#;

const HYBRID: &str = r#"{
  agents: {
    defaults: {
      model: {
        primary: "anthropic/claude-sonnet-4-5",
        fallbacks: ["lmstudio/minimax-m2.1-gs32", "anthropic/claude-opus-4-5"]
      },
      models: {
        "anthropic/claude-sonnet-4-5": { alias: "Sonnet" },
        "lmstudio/minimax-m2.1-gs32": { alias: "MiniMax Local" },
        "anthropic/claude-opus-4-5": { alias: "Opus" }
      }
    }
  },
  models: {
    mode: "merge",
    providers: {
      lmstudio: {
        baseUrl: "http://127.0.0.1:1234/v1",
        apiKey: "lmstudio",
        api: "openai-responses",
        models: [
          {
            id: "minimax-m2.1-gs32",
            name: "MiniMax M2.1 GS32",
            reasoning: false,
            input: ["text"],
            cost: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 },
            contextWindow: 196608,
            maxTokens: 8192
          }
        ]
      }
    }
  }
}"#;

const OTHER_PROXY: &str = r#"{
  models: {
    mode: "merge",
    providers: {
      local: {
        baseUrl: "http://127.0.0.1:8000/v1",
        apiKey: "sk-local",
        api: "openai-responses",
        models: [
          {
            id: "my-local-model",
            name: "Local Model",
            reasoning: false,
            input: ["text"],
            cost: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 },
            contextWindow: 120000,
            maxTokens: 8192
          }
        ]
      }
    }
  }
}"#;

fn json5(text: &str) -> Value {
    fn convert(value: JsonValue) -> Value {
        match value {
            JsonValue::Null => Value::Null,
            JsonValue::Boolean(flag) => flag.into(),
            JsonValue::Number(digits) => serde_json::from_str(digits).unwrap(),
            JsonValue::String(text) => text.into_owned().into(),
            JsonValue::Array(items) => items.into_iter().map(convert).collect(),
            JsonValue::Object(keys) => keys
                .into_iter()
                .map(|(key, value)| (key.into_owned(), convert(value)))
                .collect::<Map<_, _>>()
                .into(),
        }
    }
    convert(parse_to_value(text, &Default::default()).unwrap().unwrap())
}

fn parse(value: Value) -> Config {
    serde_json::from_value(value).unwrap()
}

fn refusal(value: Value) -> String {
    serde_json::from_value::<Config>(value)
        .unwrap_err()
        .to_string()
}

fn schema() -> Value {
    schemars::schema_for!(Config).to_value()
}

/// Calls `see` with every schema in `schema`, itself included.
fn visit<'a>(schema: &'a Value, see: &mut dyn FnMut(&'a Map<String, Value>)) {
    let Value::Object(object) = schema else {
        return;
    };
    see(object);
    for key in ["properties", "$defs"] {
        let named = object.get(key).and_then(Value::as_object);
        named
            .into_iter()
            .flatten()
            .for_each(|(_, child)| visit(child, see));
    }
    for key in ["items", "additionalProperties"] {
        object
            .get(key)
            .into_iter()
            .for_each(|child| visit(child, see));
    }
    let forms = object.get("anyOf").and_then(Value::as_array);
    forms
        .into_iter()
        .flatten()
        .for_each(|child| visit(child, see));
}

#[test]
fn the_configs_of_the_local_models_guide_are_understood() {
    let config = parse(json5(LOCAL_ONLY));
    let agents = config.agents();
    assert_eq!(agents.primary_model("main"), "lmstudio/minimax-m2.1-gs32");
    assert!(agents.fallback_models("main").is_empty());
    let aliases = agents.defaults().models.as_ref().unwrap();
    assert_eq!(
        aliases["anthropic/claude-opus-4-5"].alias.as_deref(),
        Some("Opus")
    );
    let provider = &config.providers()["lmstudio"];
    let model = provider.model("minimax-m2.1-gs32").unwrap();
    assert_eq!(provider.api_for(model), Some(Api::OpenaiResponses));
    assert_eq!(model.context_window(), 196_608);
    assert_eq!(model.max_tokens(), 8_192);

    let config = parse(json5(HYBRID));
    assert_eq!(
        config.agents().fallback_models("main"),
        ["lmstudio/minimax-m2.1-gs32", "anthropic/claude-opus-4-5"]
    );

    let config = parse(json5(OTHER_PROXY));
    assert_eq!(config.models().mode(), ModelsMode::Merge);
    assert_eq!(
        config.providers()["local"].api_key.as_deref(),
        Some("sk-local")
    );
    assert_eq!(
        config.agents().primary_model("main"),
        AgentDefaults::DEFAULT_MODEL
    );
}

#[test]
fn every_documented_key_is_kept() {
    let written: Value = serde_json::from_str(EVERY_KEY).unwrap();
    let config = parse(written.clone());
    assert_eq!(serde_json::to_value(config).unwrap(), written);
}

#[test]
fn the_types_know_no_key_beyond_the_documented_ones() {
    fn keys_of(value: &Value, keys: &mut BTreeSet<String>) {
        match value {
            Value::Object(object) => {
                for (key, value) in object {
                    keys.insert(key.clone());
                    keys_of(value, keys);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| keys_of(item, keys)),
            _ => {}
        }
    }
    let mut documented = BTreeSet::new();
    keys_of(&serde_json::from_str(EVERY_KEY).unwrap(), &mut documented);
    let schema = schema();
    let mut known = BTreeSet::new();
    visit(&schema, &mut |object| {
        let named = object.get("properties").and_then(Value::as_object);
        known.extend(named.into_iter().flatten().map(|(key, _)| key.clone()));
    });
    let extra: Vec<_> = known.difference(&documented).collect();
    assert!(extra.is_empty(), "not documented: {extra:?}");
}

#[test]
fn the_top_level_keys_are_the_documented_ones() {
    let documented = "meta env wizard diagnostics logging update browser ui auth models nodeHost \
        agents tools bindings broadcast audio media messages commands approvals session cron hooks \
        web channels discovery canvasHost talk gateway skills plugins";
    let schema = schema();
    let known: Vec<_> = schema["properties"].as_object().unwrap().keys().collect();
    assert_eq!(known, documented.split_whitespace().collect::<Vec<_>>());
}

#[test]
fn an_empty_file_is_a_config() {
    let config = parse(json!({}));
    assert_eq!(config, Config::default());
    assert_eq!(serde_json::to_value(config).unwrap(), json!({}));
}

#[test]
fn unknown_keys_are_refused_at_every_depth() {
    let provider = |extra: Value| {
        let mut provider = json!({"baseUrl": "http://h/v1", "models": [{"id": "m", "name": "M"}]});
        provider["models"][0]["compat"] = extra;
        json!({"models": {"providers": {"p": provider}}})
    };
    parse(provider(json!({"supportsStore": true})));
    for (config, key) in [
        (json!({"modles": {}}), "modles"),
        (json!({"agents": {"defaults": {"modle": {}}}}), "modle"),
        (
            json!({"agents": {"list": [{"id": "a", "nmae": "A"}]}}),
            "nmae",
        ),
        (provider(json!({"supportsStoer": true})), "supportsStoer"),
        (json!({"channels": {"telegarm": {}}}), "telegarm"),
        (
            json!({"channels": {"telegram": {"groups": {"*": {"requireMentoin": true}}}}}),
            "requireMentoin",
        ),
        (
            json!({"channels": {"telegram": {"accounts": {"a": {"botTokne": "t"}}}}}),
            "botTokne",
        ),
        (
            json!({"session": {"resetByType": {"dm": {"atHuor": 4}}}}),
            "atHuor",
        ),
        (
            json!({"agents": {"defaults": {"sandbox": {"docker": {"allowedControlUrls": []}}}}}),
            "allowedControlUrls",
        ),
        (
            json!({"session": {"heartbeatIdleMinutes": 5}}),
            "heartbeatIdleMinutes",
        ),
    ] {
        let message = refusal(config);
        assert!(
            message.contains(&format!("unknown field `{key}`")),
            "{message}"
        );
    }
}

#[test]
fn keys_of_other_versions_pass_where_the_documentation_lets_them() {
    let written = json!({
        "gateway": {"tls": {"future": true}},
        "hooks": {
            "mappings": [{"match": {"future": 1}}],
            "internal": {"entries": {"soul-evil": {"chance": 0.1}}}
        }
    });
    let config = parse(written.clone());
    assert_eq!(serde_json::to_value(config).unwrap(), written);
}

#[test]
fn wrong_values_are_refused() {
    for (config, words) in [
        (
            json!({"models": {"mode": "add"}}),
            "unknown variant `add`, expected `merge` or `replace`",
        ),
        (
            json!({"agents": {"defaults": {"model": "a/b"}}}),
            "invalid type: string \"a/b\", expected struct ModelChain",
        ),
        (
            json!({"agents": {"defaults": {"model": null}}}),
            "invalid type: null",
        ),
        (
            json!({"commands": {"native": "maybe"}}),
            "expected true, false or \"auto\"",
        ),
        (
            json!({"session": {"reset": {"mode": "weekly"}}}),
            "unknown variant `weekly`",
        ),
        (
            json!({"agents": {"list": [{"name": "A"}]}}),
            "missing field `id`",
        ),
        (
            json!({"models": {"providers": {"p": {"models": []}}}}),
            "missing field `baseUrl`",
        ),
        (
            json!({"models": {"providers": {"p": {"baseUrl": "u"}}}}),
            "missing field `models`",
        ),
        (json!({"env": {"PORT": 8080}}), "expected a string"),
        (
            json!({"agents": {"defaults": {"timeoutSeconds": -1}}}),
            "invalid value: integer `-1`",
        ),
        (
            json!({"channels": {"slack": {"accounts": {"a": {"accounts": {}}}}}}),
            "account \"a\" cannot have accounts of its own",
        ),
        (
            json!({"agents": {"defaults": {"contextPruning": {"mode": "adaptive"}}}}),
            "unknown variant `adaptive`",
        ),
        (
            json!({"session": {"sendPolicy": {"rules": [{"action": "deny", "match": {"chatType": "room"}}]}}}),
            "unknown variant `room`",
        ),
    ] {
        let message = refusal(config);
        assert!(message.contains(words), "{message}");
    }
}

#[test]
fn every_key_says_what_it_is() {
    let schema = schema();
    let mut count = 0;
    visit(&schema, &mut |object| {
        let named = object.get("properties").and_then(Value::as_object);
        for (key, property) in named.into_iter().flatten() {
            let text = property.get("description").and_then(Value::as_str);
            assert!(text.is_some_and(|text| text.len() > 8), "{key}: {property}");
            count += 1;
        }
    });
    assert!(count > 600, "{count} keys");
}

#[test]
fn the_json_schema_never_offers_null() {
    let text = schema().to_string();
    assert!(!text.contains("\"null\""), "null is offered");
}

#[test]
fn the_json_schema_closes_every_block_but_the_open_ones() {
    let schema = schema();
    let mut open = BTreeSet::new();
    for (name, block) in schema["$defs"].as_object().unwrap() {
        if block.get("properties").is_some() && block["additionalProperties"] != json!(false) {
            open.insert(name.as_str());
        }
    }
    assert_eq!(schema["additionalProperties"], json!(false));
    let documented = [
        "Broadcast",
        "Env",
        "GatewayTls",
        "HookMatch",
        "InternalHook",
    ];
    assert_eq!(open, BTreeSet::from(documented));
}

#[test]
fn the_json_schema_holds_ranges_patterns_and_words() {
    let schema = schema();
    let defs = &schema["$defs"];
    let reset = &defs["Reset"]["properties"];
    assert_eq!(reset["atHour"]["type"], json!("integer"));
    assert_eq!(reset["atHour"]["minimum"], json!(0));
    assert_eq!(reset["atHour"]["maximum"], json!(23));
    assert_eq!(reset["mode"]["enum"], json!(["daily", "idle"]));
    let description = reset["mode"]["description"].as_str().unwrap();
    assert!(description.starts_with("Once a day"), "{description}");
    let model = &defs["ProviderModel"];
    assert_eq!(model["required"], json!(["id", "name"]));
    assert_eq!(model["properties"]["id"]["minLength"], json!(1));
    assert_eq!(model["properties"]["contextWindow"]["minimum"], json!(1));
    let heartbeat = &defs["Heartbeat"]["properties"];
    assert!(heartbeat["every"]["pattern"].is_string());
    assert_eq!(
        defs["Compaction"]["properties"]["maxHistoryShare"]["maximum"],
        json!(0.9)
    );
    assert_eq!(
        schema["properties"]["models"]["$ref"],
        json!("#/$defs/Models")
    );
    assert_eq!(
        defs["AgentDefaults"]["properties"]["mediaMaxMb"]["exclusiveMinimum"],
        json!(0)
    );
}

/// A value that `schema` describes, with every key set. The `turn` picks among words and forms.
/// `None` where a block would contain itself.
fn sample<'a>(
    schema: &'a Value,
    defs: &'a Value,
    turn: usize,
    within: &mut Vec<&'a str>,
) -> Option<Value> {
    if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
        let name = target.trim_start_matches("#/$defs/");
        if within.contains(&name) {
            return None;
        }
        within.push(name);
        let value = sample(&defs[name], defs, turn, within);
        within.pop();
        return value;
    }
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        return Some(words[turn % words.len()].clone());
    }
    if let Some(forms) = schema.get("anyOf").and_then(Value::as_array) {
        return sample(&forms[turn % forms.len()], defs, turn, within);
    }
    let kind = schema.get("type").and_then(Value::as_str);
    Some(match kind {
        Some("object") => {
            let mut object = Map::new();
            let named = schema.get("properties").and_then(Value::as_object);
            for (key, property) in named.into_iter().flatten() {
                if let Some(value) = sample(property, defs, turn, within) {
                    object.insert(key.clone(), value);
                }
            }
            if let Some(rest @ Value::Object(_)) = schema.get("additionalProperties") {
                let value = sample(rest, defs, turn, within)?;
                object.insert("some-name".to_owned(), value);
            }
            object.into()
        }
        Some("array") => vec![sample(schema.get("items")?, defs, turn, within)?].into(),
        Some("integer") => schema.get("minimum").cloned().unwrap_or(json!(7)),
        Some("number") => json!(0.5),
        Some("boolean") => json!(turn % 2 == 0),
        Some("string") => json!("text"),
        _ => json!({"anything": [1, "two"]}),
    })
}

#[test]
fn the_types_read_and_keep_whatever_the_json_schema_offers() {
    let schema = schema();
    // More turns than the longest list of words has, so that every word gets its turn.
    for turn in 0..8 {
        let offered = sample(&schema, &schema["$defs"], turn, &mut Vec::new()).unwrap();
        let config = parse(offered.clone());
        assert_eq!(
            serde_json::to_value(config).unwrap(),
            offered,
            "turn {turn}"
        );
    }
}

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
    let headers = provider.headers_for(small);
    assert_eq!((headers["a"].as_str(), headers["b"].as_str()), ("1", "2"));
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
fn agent_ids_are_made_safe_for_files_and_keys() {
    for (raw, id) in [
        ("Main", "main"),
        (" My Agent!! 2 ", "my-agent-2"),
        ("a_b-c", "a_b-c"),
        ("../..", "main"),
        ("Ünï", "n"),
        ("", "main"),
    ] {
        assert_eq!(normalize_agent_id(raw), id, "{raw:?}");
    }
    assert_eq!(normalize_agent_id(&"x".repeat(80)), "x".repeat(64));
}

proptest::proptest! {
    #[test]
    fn every_agent_id_is_short_plain_and_stable(raw in ".{0,100}") {
        let id = normalize_agent_id(&raw);
        let first = id.chars().next().unwrap();
        proptest::prop_assert!((1..=64).contains(&id.len()));
        proptest::prop_assert!(first != '-');
        proptest::prop_assert!(id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c)));
        proptest::prop_assert_eq!(normalize_agent_id(&id), id);
    }
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
        (LogLevel::Info, LogLevel::Info)
    );
    assert_eq!(logging.console_style(), ConsoleStyle::Pretty);
    assert_eq!(logging.redact_sensitive(), RedactSensitive::Tools);

    let config = parse(json!({
        "session": {"resetTriggers": []}, "logging": {"level": "trace"}
    }));
    assert!(config.session().reset_triggers().is_empty());
    assert_eq!(config.logging().level().as_str(), "trace");
    assert_eq!(config.logging().console_level(), LogLevel::Info);
}

#[test]
fn every_built_key_is_in_the_schema() {
    let schema = schema();
    for built in built_keys() {
        let (path, word) = built.split_once('=').unwrap_or((built, ""));
        let mut at = &schema;
        for segment in path.split('.') {
            if let Some(target) = at.get("$ref").and_then(Value::as_str) {
                at = &schema["$defs"][target.trim_start_matches("#/$defs/")];
            }
            let next = match segment {
                "*" => at.get("items").or(at.get("additionalProperties")),
                key => at["properties"].get(key),
            };
            at = next.unwrap_or_else(|| panic!("{built}: no {segment}"));
        }
        if !word.is_empty() {
            assert!(
                at["enum"].as_array().unwrap().contains(&json!(word)),
                "{built}"
            );
        }
    }
}

#[test]
fn what_is_built_is_not_reported() {
    for guide in [LOCAL_ONLY, HYBRID, OTHER_PROXY] {
        assert_eq!(unbuilt(&json5(guide)), Vec::<String>::new());
    }
    assert_eq!(unbuilt(&json!({})), Vec::<String>::new());
}

#[test]
fn what_is_not_built_is_reported_once_for_each_feature() {
    let config = json!({
        "env": {"vars": {"A": "b"}},
        "gateway": {"port": 1, "auth": {"mode": "token"}},
        "channels": {
            "telegram": {"botToken": "t", "groups": {"*": {}}},
            "discord": {"enabled": false, "token": "t"},
            "defaults": {"groupPolicy": "open"}
        },
        "session": {"dmScope": "main", "reset": {"mode": "idle", "idleMinutes": 5}},
        "logging": {"level": "info", "file": "/x"},
        "agents": {
            "defaults": {"model": {"primary": "p/m"}, "heartbeat": {"every": "30m", "target": "last"}},
            "list": [
                {"id": "a", "identity": {"name": "A"}, "model": "p/m"},
                {"id": "b", "identity": {"name": "B"}, "sandbox": {"mode": "all"}}
            ]
        },
        "models": {
            "providers": {
                "z.ai": {"baseUrl": "u", "auth": "oauth", "models": []},
                "aws": {"baseUrl": "u", "auth": "api-key", "api": "bedrock-converse-stream", "models": [
                    {"id": "m", "name": "M", "api": "github-copilot"}
                ]}
            },
            "bedrockDiscovery": {"enabled": true}
        }
    });
    assert_eq!(
        unbuilt(&config),
        [
            "gateway",
            "channels.telegram",
            "channels.defaults",
            "session.dmScope",
            "session.reset",
            "logging.file",
            "agents.defaults.heartbeat",
            "agents.list.*.identity",
            "agents.list.*.sandbox",
            "models.providers[z.ai].auth",
            "models.providers.aws.api",
            "models.providers.aws.models.*.api",
            "models.bedrockDiscovery",
        ]
    );
}

#[test]
fn odd_values_do_not_upset_the_report() {
    for config in [
        json!(null),
        json!([1]),
        json!("x"),
        json!({"agents": 1, "models": [null]}),
    ] {
        unbuilt(&config);
    }
    assert_eq!(unbuilt(&json!({"agents": 1})), Vec::<String>::new());
}
