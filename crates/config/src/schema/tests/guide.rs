//! The configs of the local models guide, as people paste them.

use jsonc_parser::{JsonValue, parse_to_value};
use serde_json::{Map, Value};

use super::parse;
use crate::schema::*;

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
fn nothing_in_the_local_models_guide_is_reported_as_not_built() {
    for guide in [LOCAL_ONLY, HYBRID, OTHER_PROXY] {
        assert_eq!(unbuilt(&json5(guide)), Vec::<String>::new());
    }
}
