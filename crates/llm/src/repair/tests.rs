#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::mend::mend;
use super::{Repairs, schema::simplify, wire_form};
use crate::failure::{Failure, FailureClass, classify};
use crate::message::{
    AssistantMessage, AssistantPart, Content, Image, Message, Provenance, StopReason, ToolCall,
    ToolResultMessage, Usage,
};
use crate::model::Model;
use crate::request::{Request, ToolSpec};

fn model(base_url: &str) -> Model {
    let config = serde_json::from_value(json!({"models": {"providers": {
        "box": {"baseUrl": base_url, "models": [{"id": "m", "name": "M"}]}
    }}}))
    .unwrap();
    crate::Catalog::new(&config, &[])
        .model(&crate::ModelRef::new("box", "m"))
        .unwrap()
}

fn request() -> Request {
    let call = ToolCall {
        id: "call_1".to_owned(),
        name: "weather".to_owned(),
        arguments: r#"{"city":"Oslo"}"#.to_owned(),
    };
    Request {
        system: "Be brief.".to_owned(),
        messages: vec![
            Message::user("a", 1),
            Message::user("b", 2),
            Message::Assistant(AssistantMessage {
                content: vec![AssistantPart::ToolCall(call)],
                api: String::new(),
                provider: String::new(),
                model: String::new(),
                usage: Usage::default(),
                stop_reason: StopReason::ToolUse,
                error_message: None,
                timestamp: 3,
            }),
            Message::ToolResult(ToolResultMessage {
                tool_call_id: "call_1".to_owned(),
                tool_name: "weather".to_owned(),
                content: vec![Content::text("rain", Provenance::Owner)],
                is_error: false,
                timestamp: 4,
            }),
        ],
        tools: vec![ToolSpec {
            name: "weather".to_owned(),
            description: "Weather.".to_owned(),
            parameters: json!({}),
        }],
        max_tokens: Some(8192),
        ..Request::default()
    }
}

/// The repairs that a refusal of the plain request brings.
fn after(status: u16, body: Value) -> Option<Repairs> {
    let model = model("http://127.0.0.1:9/v1");
    let verdict = classify(status, None, &body.to_string());
    let failure = Failure::from_verdict(&model, Some(status), verdict);
    mend(&failure, &model, &request())
}

#[test]
fn a_refusal_that_names_its_cause_is_mended_there() {
    let openai = |message: &str, param: Value| {
        after(
            400,
            json!({"error": {"message": message, "param": param, "code": "unsupported_parameter"}}),
        )
    };
    let dropped = openai(
        "Unsupported parameter: 'reasoning_effort'",
        json!("reasoning_effort"),
    );
    assert!(dropped.unwrap().dropped.contains("reasoning_effort"));
    let limit = openai(
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        json!("max_tokens"),
    )
    .unwrap();
    assert!(
        limit.dropped.contains("max_tokens") && !limit.dropped.contains("max_completion_tokens")
    );
    let tools = after(400, json!({"error": "m does not support tools"})).unwrap();
    assert!(tools.tools_as_text);
    let output = after(
        400,
        json!({"object": "error", "message": "'max_tokens' or 'max_completion_tokens' is too large: 8192. This model's maximum context length is 8192 tokens and your request has 5000 input tokens (8192 > 8192 - 5000)."}),
    )
    .unwrap();
    assert_eq!(output.max_tokens, Some(3192));
    let ids = after(400, json!({"object": "error", "message": "Tool call id was x but must be a-z, A-Z, 0-9, with a length of 9.", "code": "3280"})).unwrap();
    assert!(ids.short_call_ids && !ids.tools_as_text);
}

#[test]
fn a_picture_that_is_not_seen_is_left_out() {
    let picture = Content::Image(Image {
        data: "aW1hZ2U=".to_owned(),
        mime_type: "image/png".to_owned(),
        from: Provenance::Owner,
    });
    let mut with_picture = request();
    let Some(Message::User(first)) = with_picture.messages.first_mut() else {
        panic!("no user message");
    };
    first.content.push(picture);
    let model = model("http://box.lan/v1");
    // llama.cpp b11434 and vLLM 0.32, word by word.
    let refusals = [
        (
            500,
            json!({"error": {"code": 500, "type": "server_error", "message":
                "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj"}}),
        ),
        (
            400,
            json!({"error": {"message": "m is not a multimodal model", "type": "BadRequestError",
                "param": null, "code": 400}}),
        ),
    ];
    for (status, body) in refusals {
        let verdict = classify(status, None, &body.to_string());
        let failure = Failure::from_verdict(&model, Some(status), verdict);
        assert_eq!(failure.class, FailureClass::ImagesUnsupported, "{body}");
        let expected = Repairs {
            without_images: true,
            ..Repairs::default()
        };
        assert_eq!(mend(&failure, &model, &with_picture), Some(expected));
        assert_eq!(
            mend(&failure, &model, &request()),
            None,
            "nothing to leave out"
        );
    }
}

#[test]
fn what_no_other_form_would_help_is_left_alone() {
    for (status, body) in [
        (401, json!({"error": "Incorrect API key provided"})),
        (
            503,
            json!({"error": {"message": "Loading model", "code": 503}}),
        ),
        (
            400,
            json!({"error": {"message": "prompt is too long: 9 tokens > 8 maximum"}}),
        ),
    ] {
        assert_eq!(after(status, body.clone()), None, "{body}");
    }
    // A vendor's vague refusal is about the request, not about its form.
    let model = model("https://api.openai.com/v1");
    let vague = Failure::new(FailureClass::BadRequest, &model, "I can't assist with that");
    assert_eq!(mend(&vague, &model, &request()), None);
}

#[test]
fn the_wire_form_keeps_what_the_conversation_says() {
    let mut model = model("http://127.0.0.1:9/v1");
    model.repairs = Repairs {
        strict_turns: true,
        system_in_user: true,
        short_call_ids: true,
        simple_schemas: true,
        ..Repairs::default()
    };
    let plain = request();
    let wire = wire_form(&model, &plain);
    assert_eq!(wire.system, "");
    let [
        Message::User(user),
        Message::Assistant(assistant),
        Message::ToolResult(result),
    ] = wire.messages.as_slice()
    else {
        panic!("{:?}", wire.messages)
    };
    let texts: Vec<&str> = user.content.iter().filter_map(Content::as_text).collect();
    assert_eq!(texts, ["Be brief.", "a", "b"]);
    let id = &assistant.tool_calls().next().unwrap().id;
    assert_eq!(*id, result.tool_call_id);
    assert!(
        id.len() == 9 && id.chars().all(|c| c.is_ascii_alphanumeric()),
        "{id}"
    );
    assert_eq!(
        wire.tools[0].parameters,
        json!({"type": "object", "properties": {}})
    );

    model.repairs = Repairs {
        tools_as_text: true,
        ..Repairs::default()
    };
    let wire = wire_form(&model, &plain);
    assert!(wire.tools.is_empty());
    assert!(
        wire.system
            .starts_with("Be brief.\n\nYou can call these tools")
    );
    assert!(
        wire.system.contains("\nweather {}: Weather.\n"),
        "{}",
        wire.system
    );
    let [
        Message::User(_),
        Message::Assistant(assistant),
        Message::User(told),
    ] = wire.messages.as_slice()
    else {
        panic!("{:?}", wire.messages)
    };
    assert_eq!(
        assistant.text(),
        "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\":\"Oslo\"}}\n</tool_call>"
    );
    let told = told.content[0].as_text().unwrap();
    assert_eq!(told, "<tool_response>\nrain\n</tool_response>");
}

#[test]
fn a_schema_is_simplified_to_what_every_server_takes() {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$defs": {"place": {"type": "object", "properties": {"name": {"type": "string", "maxLength": 99999}}, "required": ["name"]}},
        "type": "object",
        "properties": {
            "where": {"$ref": "#/$defs/place"},
            "code": {"type": "string", "pattern": "[a-z]+", "format": "hostname"},
            "when": {"anyOf": [{"type": "string"}, {"type": "null"}], "description": "Day."},
            "kind": {"enum": ["a", "b"]},
            "tags": {"type": ["array", "null"]},
            "one": {"const": 1}
        },
        "required": ["where", "ghost"],
        "propertyNames": {"pattern": "^[a-z]+$"},
        "additionalProperties": false
    });
    assert_eq!(
        simplify(&schema),
        json!({
            "type": "object",
            "properties": {
                "where": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
                "code": {"type": "string"},
                "when": {"type": "string", "description": "Day."},
                "kind": {"type": "string", "enum": ["a", "b"]},
                "tags": {"type": "array", "items": {}},
                "one": {"enum": [1]}
            },
            "required": ["where"]
        })
    );
    let alternatives = json!({"anyOf": [
        {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
        {"type": "object", "properties": {"b": {"type": "string"}}, "required": ["b"]}
    ]});
    assert_eq!(
        simplify(&alternatives),
        json!({"type": "object", "properties": {"a": {"type": "string"}}})
    );
}

fn any_json() -> impl Strategy<Value = Value> {
    let keys = prop_oneof![
        Just("$ref"),
        Just("type"),
        Just("properties"),
        Just("items"),
        Just("anyOf"),
        Just("allOf"),
        Just("enum"),
        Just("required"),
        Just("a"),
        Just("const"),
    ];
    let leaf = prop_oneof![
        Just(json!(null)),
        Just(json!(true)),
        Just(json!("object")),
        Just(json!("#")),
        Just(json!("#/a")),
        Just(json!("a")),
        Just(json!(3)),
    ];
    leaf.prop_recursive(5, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(keys.clone().prop_map(str::to_owned), inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Whether a schema has nothing in it but what every grammar builder takes.
fn only_simple(schema: &Value) -> bool {
    schema
        .as_object()
        .unwrap()
        .iter()
        .all(|(key, value)| match key.as_str() {
            "properties" => value.as_object().unwrap().values().all(only_simple),
            "items" => only_simple(value),
            "type" | "description" | "enum" | "required" => true,
            _ => false,
        })
}

proptest! {
    #[test]
    fn any_schema_becomes_an_object_schema_and_stays_one(schema in any_json()) {
        let simple = simplify(&schema);
        prop_assert_eq!(&simple["type"], "object");
        prop_assert!(simple["properties"].is_object());
        prop_assert!(only_simple(&simple), "{simple}");
        prop_assert_eq!(simplify(&simple), simple);
    }

    #[test]
    fn mending_ends(status in prop::sample::select(vec![400u16, 404, 405, 422, 500]), words in prop::collection::vec(
        prop::sample::select(vec!["tools", "schema", "grammar", "system", "role", "image", "max_tokens", "too large", "jinja", "tool call id", "Extra inputs are not permitted", "'temperature'"]), 1..4)) {
        let mut model = model("http://127.0.0.1:9/v1");
        let verdict = classify(status, None, &json!({"error": {"message": words.join(" ")}}).to_string());
        let failure = Failure::from_verdict(&model, Some(status), verdict);
        let mut rounds = 0;
        while let Some(repairs) = mend(&failure, &model, &request()) {
            model.apply(repairs);
            rounds += 1;
            prop_assert!(rounds < 12, "{failure}");
        }
    }
}
