//! The Gemini body.

use moltbot_llm::{Api, Content, Message, Model, Provenance, Request, ThinkingLevel, ToolChoice};
use serde_json::{Value, json};

use super::{assistant, body, call, image, result, text, thinking, tool, turn, user, with};
use crate::fixture::{hi, model_with};

const GOOGLE: Api = Api::GoogleGenerativeAi;

/// A model of this id, at a server of one's own.
fn gemini(id: &str) -> Model {
    let mut model = model_with("http://127.0.0.1:9", GOOGLE, json!({"reasoning": true}));
    model.reference.model = id.to_owned();
    model
}

/// A model of no known generation, as the transcripts of these tests have it.
fn plain() -> Model {
    model_with("http://127.0.0.1:9", GOOGLE, json!({}))
}

#[test]
fn a_greeting_sends_nothing_optional() {
    assert_eq!(
        body(&plain(), &hi()),
        json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]})
    );
}

#[test]
fn system_prompt_tools_and_limits_have_their_places() {
    let strict = json!({"type": "object", "properties": {"city": {"type": "string"}},
        "additionalProperties": false, "$schema": "http://json-schema.org/draft-07/schema#"});
    let mut offered = tool();
    offered.parameters = strict.clone();
    let request = Request {
        system: "Be kind.".to_owned(),
        tools: vec![offered],
        max_tokens: Some(99),
        temperature: Some(0.25),
        ..hi()
    };
    assert_eq!(
        body(&plain(), &request),
        json!({
            "systemInstruction": {"parts": [{"text": "Be kind."}]},
            "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
            // The field that takes JSON Schema as it is; `parameters` would refuse half of this one.
            "tools": [{"functionDeclarations": [
                {"name": "get_weather", "description": "The weather.", "parametersJsonSchema": strict}]}],
            "generationConfig": {"maxOutputTokens": 99, "temperature": 0.25},
        })
    );
}

#[test]
fn each_choice_of_tools_has_its_mode() {
    for (choice, config) in [
        (ToolChoice::Auto, Value::Null),
        (ToolChoice::Required, json!({"mode": "ANY"})),
        (ToolChoice::None, json!({"mode": "NONE"})),
        (
            ToolChoice::Named("get_weather".to_owned()),
            json!({"mode": "ANY", "allowedFunctionNames": ["get_weather"]}),
        ),
    ] {
        let mut request = Request {
            tools: vec![tool()],
            tool_choice: choice,
            ..hi()
        };
        let sent = body(&plain(), &request);
        assert_eq!(sent["toolConfig"]["functionCallingConfig"], config);
        request.tools.clear();
        assert_eq!(body(&plain(), &request).get("toolConfig"), None);
    }
}

#[test]
fn a_call_and_its_result() {
    let request = turn(GOOGLE, "c2ln");
    let contents = |first: Value| {
        let mut parts = vec![
            json!({"text": "One moment."}),
            json!({"functionCall": {"id": "call_1", "name": "get_weather", "args": {"city": "Paris"}}}),
        ];
        if !first.is_null() {
            parts.insert(0, first);
        }
        json!([
            {"role": "user", "parts": [{"text": "Weather in Paris?"}]},
            {"role": "model", "parts": parts},
            {"role": "user", "parts": [
                {"functionResponse": {"id": "call_1", "name": "get_weather",
                    "response": {"output": "22 degrees"}}},
                {"inlineData": {"mimeType": "image/png", "data": "aW1hZ2U="}}]},
        ])
    };
    let own = json!({"thought": true, "text": "Let me look.", "thoughtSignature": "c2ln"});
    assert_eq!(body(&plain(), &request)["contents"], contents(own));
    // What another model signed is of no use.
    let mut foreign = plain();
    foreign.reference.model = "other".to_owned();
    assert_eq!(body(&foreign, &request)["contents"], contents(Value::Null));
}

#[test]
fn a_signature_without_words_goes_back_on_its_call_or_on_an_empty_text() {
    let messages = vec![
        Message::user("Go.", 0),
        assistant(
            GOOGLE,
            vec![
                text("First."),
                thinking("", Some("czE=")),
                call("a", "{}"),
                call("b", "{}"),
            ],
        ),
        result("a", vec![Content::text("1", Provenance::Owner)], false),
        result("b", vec![Content::text("no", Provenance::Owner)], true),
        assistant(GOOGLE, vec![text("Done."), thinking("", Some("czI="))]),
    ];
    let function = |id: &str| json!({"id": id, "name": "get_weather", "args": {}});
    let response = |id: &str, response: Value| json!({"functionResponse": {"id": id, "name": "get_weather", "response": response}});
    assert_eq!(
        body(&plain(), &with(messages))["contents"],
        json!([
            {"role": "user", "parts": [{"text": "Go."}]},
            {"role": "model", "parts": [
                {"text": "First."},
                {"functionCall": function("a"), "thoughtSignature": "czE="},
                {"functionCall": function("b")}]},
            {"role": "user", "parts": [
                response("a", json!({"output": "1"})), response("b", json!({"error": "no"}))]},
            {"role": "model", "parts": [
                {"text": "Done."}, {"text": "", "thoughtSignature": "czI="}]},
        ])
    );
}

#[test]
fn the_third_generation_gets_a_signature_for_every_call_and_pictures_in_results() {
    let messages = vec![
        Message::user("Go.", 0),
        // Another model's.
        assistant(Api::Ollama, vec![call("a", "{}"), call("b", "{}")]),
        result("a", vec![image()], false),
        result("b", vec![Content::text("2", Provenance::Owner)], false),
    ];
    for (id, is_third) in [
        ("gemini-3-pro-preview", true),
        ("gemini-3.1-flash-lite", true),
        ("models/gemini-4-pro", true),
        ("gemini-2.5-pro", false),
        ("gemini-flash-latest", false),
        ("gemma-3-27b-it", false),
    ] {
        let contents = &body(&gemini(id), &with(messages.clone()))["contents"];
        let calls = &contents[1]["parts"];
        let skip = json!("skip_thought_signature_validator");
        let expected = if is_third { skip } else { Value::Null };
        assert_eq!(calls[0]["thoughtSignature"], expected, "{id}");
        assert_eq!(calls[1].get("thoughtSignature"), None, "{id}");
        let results = contents[2]["parts"].as_array().unwrap();
        assert_eq!(results.len(), if is_third { 2 } else { 3 }, "{id}");
        let inside = results[0]["functionResponse"].get("parts").is_some();
        assert_eq!(inside, is_third, "{id}");
    }
}

#[test]
fn a_call_follows_the_person_or_results_whatever_the_history() {
    let messages = vec![
        assistant(GOOGLE, vec![text("I was here before.")]),
        assistant(GOOGLE, vec![call("a", "no json")]),
        result("a", vec![], false),
        Message::user(" ", 0),
        user(vec![Content::text("One.", Provenance::Owner), image()]),
        Message::user("Two.", 0),
    ];
    assert_eq!(
        body(&plain(), &with(messages))["contents"],
        json!([
            {"role": "user", "parts": [{"text": "(session bootstrap)"}]},
            {"role": "model", "parts": [
                {"text": "I was here before."},
                {"functionCall": {"id": "a", "name": "get_weather", "args": {}}}]},
            {"role": "user", "parts": [
                {"functionResponse": {"id": "a", "name": "get_weather", "response": {"output": ""}}}]},
            {"role": "user", "parts": [
                {"text": "One."}, {"inlineData": {"mimeType": "image/png", "data": "aW1hZ2U="}}]},
            {"role": "user", "parts": [{"text": "Two."}]},
        ])
    );
}

#[test]
fn thinking_levels_have_the_form_of_their_generation() {
    use ThinkingLevel::{High, Low, Medium, Minimal, Off, Xhigh};
    let sent = |model: &Model, thinking: ThinkingLevel| {
        let request = Request { thinking, ..hi() };
        body(model, &request)["generationConfig"]["thinkingConfig"].clone()
    };
    for (id, field, values) in [
        (
            "gemini-3-pro-preview",
            "thinkingLevel",
            json!(["LOW", "LOW", "LOW", "HIGH", "HIGH", "HIGH"]),
        ),
        (
            "gemini-3-flash-preview",
            "thinkingLevel",
            json!(["MINIMAL", "MINIMAL", "LOW", "MEDIUM", "HIGH", "HIGH"]),
        ),
        (
            "gemini-2.5-pro",
            "thinkingBudget",
            json!([128, 128, 2048, 8192, 32768, 32768]),
        ),
        (
            "gemini-2.5-flash",
            "thinkingBudget",
            json!([0, 128, 2048, 8192, 24576, 24576]),
        ),
        (
            "gemini-2.5-flash-lite",
            "thinkingBudget",
            json!([0, 512, 2048, 8192, 24576, 24576]),
        ),
        (
            "gemini-flash-latest",
            "thinkingBudget",
            json!([null, -1, -1, -1, -1, -1]),
        ),
    ] {
        let model = gemini(id);
        let levels = [Off, Minimal, Low, Medium, High, Xhigh];
        for (level, value) in levels.into_iter().zip(values.as_array().unwrap()) {
            let config = sent(&model, level);
            assert_eq!(config[field], *value, "{id} {level}");
            let shown = config["includeThoughts"] == true;
            assert_eq!(shown, level != Off, "{id} {level}");
        }
    }
    assert_eq!(sent(&plain(), High), Value::Null, "it does not reason");
}
