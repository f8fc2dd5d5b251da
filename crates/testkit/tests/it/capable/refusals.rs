//! What the capable server refuses, and in which words.

use std::path::Path;

use moltbot_testkit::capable::{
    Capabilities, FieldWording, Kind, Overflow, Reason, Refusal, Schemas, SystemRule, Tools,
};
use serde_json::{Value, json};

use super::{CHAT, MESSAGES, RESPONSES, ask, chat, start, user};

/// What a server with these abilities says to a request that it refuses.
fn refused(can: Capabilities, path: &str, body: &Value) -> Refusal {
    let server = start(can);
    let reply = ask(&server, path, body);
    let mut refusals = server.refusals();
    assert_eq!(refusals.len(), 1, "{body}");
    let refusal = refusals.remove(0);
    assert_eq!(reply.status, refusal.status);
    assert_eq!(reply.body, refusal.body.as_bytes());
    refusal
}

fn question() -> Value {
    chat(user("How is the weather?"))
}

/// A turn behind a call with this id.
fn called(id: &str) -> Value {
    chat(json!([
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "tool_calls": [
            {"id": id, "type": "function", "function": {"name": "get_weather", "arguments": "{}"}},
        ]},
        {"role": "tool", "tool_call_id": id, "content": "sun"},
    ]))
}

fn with(mut body: Value, field: &str, value: Value) -> Value {
    body[field] = value;
    body
}

fn system_first() -> Value {
    chat(json!([{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}]))
}

fn two_users() -> Value {
    chat(json!([{"role": "user", "content": "Hi"}, {"role": "user", "content": "You!"}]))
}

fn offering(parameters: Value) -> Value {
    with(
        question(),
        "tools",
        json!([{"type": "function", "function": {"name": "f", "parameters": parameters}}]),
    )
}

#[test]
fn every_switch_refuses_in_every_kind() {
    type Switch = fn(&mut Capabilities);
    let image = json!([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}]);
    let parts = json!([{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]);
    let developer =
        json!([{"role": "developer", "content": "Hi"}, {"role": "user", "content": "Hi"}]);
    let late = json!([{"role": "user", "content": "Hi"}, {"role": "system", "content": "Hi"}]);
    let cases: Vec<(Switch, Value, Reason)> = vec![
        (
            |can| can.api_key = Some("k".into()),
            question(),
            Reason::Key,
        ),
        (|can| can.loading = 1, question(), Reason::Loading),
        (|can| can.busy.requests = 1, question(), Reason::Busy),
        (
            |_| {},
            json!({"model": "capable-model", "messages": "Hi"}),
            Reason::Malformed,
        ),
        (
            |can| *can = can.clone().refusing(["store"]),
            with(question(), "store", false.into()),
            Reason::Fields(vec!["store".into()]),
        ),
        (|can| can.tools = Tools::Refused, question(), Reason::Tools),
        (
            |can| can.schemas.refuses_open_patterns = true,
            offering(json!({"properties": {"a": {"pattern": "\\S"}}})),
            Reason::Schema,
        ),
        (
            |can| can.schemas.refuses_refs = true,
            offering(json!({"properties": {"a": {"items": {"$ref": "#/$defs/x"}}}})),
            Reason::Schema,
        ),
        (
            |can| can.schemas.refuses_root_any_of = true,
            offering(json!({"anyOf": [{"type": "object"}]})),
            Reason::Schema,
        ),
        (
            |can| can.schemas.refuses_empty = true,
            offering(json!({})),
            Reason::Schema,
        ),
        (
            |can| can.schemas.refuses_property_names = true,
            offering(json!({"properties": {"a": {"propertyNames": {}}}})),
            Reason::Schema,
        ),
        (
            |can| can.schemas.refuses_max_length_from = Some(2000),
            offering(json!({"properties": {"a": {"maxLength": 2000}}})),
            Reason::Schema,
        ),
        (
            |can| can.content_parts = false,
            chat(parts),
            Reason::Content,
        ),
        (|can| can.images = false, chat(image), Reason::Image),
        (
            |can| can.developer_role = false,
            chat(developer),
            Reason::DeveloperRole,
        ),
        (
            |can| can.system = SystemRule::Refused,
            system_first(),
            Reason::System,
        ),
        (
            |can| can.system = SystemRule::AtStart,
            chat(late),
            Reason::System,
        ),
        (
            |can| can.needs_user_message = true,
            chat(json!([])),
            Reason::NoUser,
        ),
        (
            |can| can.strict_alternation = true,
            two_users(),
            Reason::Alternation,
        ),
        (
            |can| can.short_tool_ids = true,
            called("call_1"),
            Reason::ToolId,
        ),
        (
            |_| {},
            chat(json!([{"role": "tool", "tool_call_id": "x", "content": "y"}])),
            Reason::Pairing,
        ),
        (
            |_| {},
            {
                let mut body = called("x");
                body["messages"].as_array_mut().unwrap().truncate(2);
                body
            },
            Reason::Pairing,
        ),
        (
            |can| can.max_output = Some(100),
            with(question(), "max_tokens", 101.into()),
            Reason::Output,
        ),
        (|can| can.context = Some(10), question(), Reason::Context),
    ];
    for kind in Kind::ALL {
        for (switch, body, reason) in &cases {
            let mut can = Capabilities::of(kind);
            switch(&mut can);
            let refusal = refused(can, CHAT, body);
            assert_eq!(refusal.reason, *reason, "{kind:?}: {}", refusal.body);
            assert!(refusal.status >= 400);
            assert!(serde_json::from_str::<Value>(&refusal.body).is_ok());
        }
    }
}

#[test]
fn what_fits_is_not_refused() {
    let server = start(Capabilities {
        schemas: Schemas {
            refuses_open_patterns: true,
            refuses_refs: true,
            refuses_root_any_of: true,
            refuses_empty: true,
            refuses_property_names: true,
            refuses_max_length_from: Some(2000),
        },
        system: SystemRule::AtStart,
        strict_alternation: true,
        needs_user_message: true,
        short_tool_ids: true,
        content_parts: false,
        images: false,
        max_output: Some(100),
        ..Capabilities::default()
    });
    let schema = json!({"type": "object", "properties": {
        // Names of properties are not keywords.
        "pattern": {"type": "string", "pattern": "^a$", "maxLength": 1999},
        "$ref": {"anyOf": [{"type": "string"}]},
        "propertyNames": {"enum": [{"$ref": "x"}]},
    }});
    let mut body = called("abcdef123");
    body["messages"]
        .as_array_mut()
        .unwrap()
        .insert(0, json!({"role": "system", "content": "Hi"}));
    body["tools"][0]["function"]["parameters"] = schema;
    body["tools"].as_array_mut().unwrap().truncate(1);
    body["max_tokens"] = 100.into();
    assert_eq!(
        ask(&server, CHAT, &body).status,
        200,
        "{:?}",
        server.refusals()
    );
}

#[test]
fn refused_fields_are_named() {
    let body = json!({
        "model": "capable-model", "messages": user("Hi"), "max_tokens": 5,
        "stream_options": {}, "tools": [{"type": "function", "function":
            {"name": "f", "parameters": {"type": "object"}, "strict": true}}],
    });
    let all = ["max_tokens", "stream_options", "strict", "store"];
    let refusal = |field_wording| {
        let can = Capabilities {
            field_wording,
            ..Capabilities::default()
        };
        refused(can.refusing(all), CHAT, &body)
    };
    let report = refusal(FieldWording::FastApi);
    assert_eq!(report.status, 422);
    let body: Value = serde_json::from_str(&report.body).unwrap();
    assert_eq!(body["detail"][1]["loc"], json!(["body", "stream_options"]));
    assert_eq!(
        body["detail"][2]["loc"],
        json!(["body", "tools", 0, "function", "strict"])
    );
    assert_eq!(body["detail"].as_array().unwrap().len(), 3);
    let one = refusal(FieldWording::OpenAi);
    assert!(
        one.body.contains("Use 'max_completion_tokens' instead."),
        "{}",
        one.body
    );
    assert_eq!(one.reason, Reason::Fields(vec!["max_tokens".into()]));
    let server = start(Capabilities::default().refusing(all));
    let required = json!({"model": "capable-model", "messages": user("Hi"), "max_tokens": 5});
    assert_eq!(ask(&server, MESSAGES, &required).status, 200);
}

#[test]
fn output_asked_for_ahead_counts_on_two_servers() {
    let body = with(question(), "max_tokens", 4090.into());
    for kind in Kind::ALL {
        let server = start(Capabilities {
            context: Some(4096),
            ..Capabilities::of(kind)
        });
        let counts = matches!(kind, Kind::Vllm | Kind::Sglang);
        assert_eq!(
            ask(&server, CHAT, &body).status,
            if counts { 400 } else { 200 }
        );
        assert_eq!(server.refusals().len(), usize::from(counts));
    }
}

#[test]
fn a_prompt_that_is_too_long_may_be_cut_in_silence() {
    let server = start(Capabilities {
        context: Some(20),
        overflow: Overflow::Silent,
        ..Capabilities::of(Kind::Ollama)
    });
    let body: Value = serde_json::from_slice(&ask(&server, CHAT, &question()).body).unwrap();
    assert_eq!(body["usage"]["prompt_tokens"], 20);
    assert_eq!(server.refusals(), []);
}

/// A body with every run of digits as one `0`, and the names that differ as `?`.
fn masked(body: &str) -> String {
    let mut masked = String::new();
    for character in body.chars() {
        match character {
            '0'..='9' if masked.ends_with('0') => {}
            '0'..='9' => masked.push('0'),
            other => masked.push(other),
        }
    }
    for name in [
        "capable-model",
        "gemma0:0b",
        "turn0_0",
        "call_0",
        "`X`",
        "`no`",
        "gone",
    ] {
        masked = masked.replace(name, "?");
    }
    masked.replace("`?`", "?")
}

#[test]
fn the_words_are_those_of_real_servers() {
    let named = std::env::var_os("MOLTBOT_WIRE_ERRORS");
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/wire/errors.jsonl");
    let text = match (
        std::fs::read_to_string(named.clone().map_or(kept, Into::into)),
        named,
    ) {
        (Ok(text), _) => text,
        (Err(_), None) => return,
        (Err(error), Some(path)) => panic!("{}: {error}", path.display()),
    };
    let rows: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = Capabilities::of;
    let small = |kind| Capabilities {
        context: Some(10),
        ..of(kind)
    };
    let no_tools = |kind| Capabilities {
        tools: Tools::Refused,
        ..of(kind)
    };
    let short_context = |can: Capabilities| Capabilities {
        context: Some(60),
        ..can
    };
    let messages = json!({"model": "capable-model", "max_tokens": 5, "messages": user("How is the weather there?")});
    let responses =
        json!({"model": "capable-model", "input": "How is the weather there, in a few words?"});
    for (id, can, path, body) in [
        ("lmstudio-nkeep", small(Kind::LmStudio), CHAT, question()),
        (
            "lmstudio-stream",
            Capabilities {
                overflow: Overflow::InStream,
                ..small(Kind::LmStudio)
            },
            CHAT,
            question(),
        ),
        ("llamacpp-exceed", small(Kind::LlamaCpp), CHAT, question()),
        ("sglang", small(Kind::Sglang), CHAT, question()),
        ("ollama-cloud", small(Kind::Ollama), CHAT, question()),
        ("openai-chat", small(Kind::Generic), CHAT, question()),
        (
            "openai-responses",
            small(Kind::Generic),
            RESPONSES,
            responses,
        ),
        (
            "anthropic-long",
            small(Kind::Generic),
            MESSAGES,
            messages.clone(),
        ),
        (
            "openai-401",
            Capabilities {
                api_key: Some("k".into()),
                ..of(Kind::Generic)
            },
            CHAT,
            question(),
        ),
        (
            "anthropic-401",
            Capabilities {
                api_key: Some("k".into()),
                ..of(Kind::Generic)
            },
            MESSAGES,
            messages,
        ),
        (
            "llamacpp-loading",
            Capabilities {
                loading: 1,
                ..of(Kind::LlamaCpp)
            },
            CHAT,
            question(),
        ),
        (
            "ollama-busy",
            Capabilities {
                busy: moltbot_testkit::capable::Busy {
                    requests: 1,
                    ..Default::default()
                },
                ..of(Kind::Ollama)
            },
            CHAT,
            question(),
        ),
        ("ollama-notools", no_tools(Kind::Ollama), CHAT, question()),
        (
            "lmstudio-params",
            Capabilities {
                schemas: Schemas {
                    refuses_empty: true,
                    ..Schemas::default()
                },
                ..of(Kind::LmStudio)
            },
            CHAT,
            offering(json!({})),
        ),
        (
            "jinja-alternate",
            Capabilities {
                strict_alternation: true,
                ..of(Kind::LlamaCpp)
            },
            CHAT,
            two_users(),
        ),
        (
            "mistral-toolid",
            Capabilities {
                short_tool_ids: true,
                ..of(Kind::Generic)
            },
            CHAT,
            called("call_1"),
        ),
        (
            "mistral-extra",
            of(Kind::Generic).refusing(["prompt_cache_key"]),
            CHAT,
            with(question(), "prompt_cache_key", "x".into()),
        ),
    ] {
        let row = rows.iter().find(|row| row["id"] == id).unwrap();
        let refusal = refused(can, path, &body);
        assert_eq!(row["status"], refusal.status, "{id}");
        let known = masked(row["body"].as_str().unwrap());
        let parse = |text: &str| -> Value {
            let json = text.strip_prefix("event: error\ndata: ").unwrap_or(text);
            let mut body: Value = serde_json::from_str(json).unwrap();
            // Every reply has one, and not every row of the table.
            body.as_object_mut().unwrap().remove("request_id");
            body
        };
        assert_eq!(parse(&masked(&refusal.body)), parse(&known), "{id}");
    }
    // Two that servers newer than the table wrap in another envelope: the text is the same.
    for (id, can, body) in [
        ("vllm-autotools", no_tools(Kind::Vllm), question()),
        (
            "vllm-maxtokens",
            short_context(of(Kind::Vllm)),
            with(
                json!({"model": "capable-model", "messages": user("Hi")}),
                "max_tokens",
                59.into(),
            ),
        ),
        (
            "xgrammar",
            Capabilities {
                schemas: Schemas {
                    refuses_refs: true,
                    ..Schemas::default()
                },
                ..of(Kind::Vllm)
            },
            offering(json!({"$ref": "#"})),
        ),
        ("litellm", small(Kind::LiteLlm), question()),
        (
            "string-content",
            Capabilities {
                content_parts: false,
                ..of(Kind::Generic)
            },
            chat(json!([{"role": "user", "content": []}])),
        ),
    ] {
        let row = rows.iter().find(|row| row["id"] == id).unwrap();
        let refusal = refused(can, CHAT, &body);
        let message = |text: &str| -> String {
            let body: Value = serde_json::from_str(text).unwrap();
            let nested = body["error"]["message"].as_str();
            masked(nested.or(body["message"].as_str()).unwrap())
        };
        let (ours, known) = (
            message(&refusal.body),
            message(row["body"].as_str().unwrap()),
        );
        match id {
            // The upstream's words are ours, the proxy's are the same.
            "litellm" => assert!(ours.starts_with("litellm.ContextWindowExceededError: litellm.BadRequestError: OpenAIException - This model's maximum context length is 0 tokens."), "{ours}"),
            _ => assert_eq!(ours, known, "{id}"),
        }
    }
}
