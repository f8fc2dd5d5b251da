//! The body of Ollama's own API.

use moltbot_llm::{Api, Content, Message, Model, Provenance, Request, ThinkingLevel, ToolChoice};
use serde_json::{Value, json};

use super::{assistant, body, call, image, result, text, thinking, tool, turn, user, with};
use crate::fixture::{hi, model_at, model_with};

const OLLAMA: Api = Api::Ollama;

fn plain() -> Model {
    model_at("http://127.0.0.1:11434", OLLAMA)
}

fn having(fields: Value) -> Model {
    model_with("http://127.0.0.1:11434", OLLAMA, fields)
}

#[test]
fn a_greeting_only_asks_not_to_be_cut() {
    assert_eq!(
        body(&plain(), &hi()),
        json!({
            "model": "m",
            "messages": [{"role": "user", "content": "hi"}],
            "stream": true,
            "truncate": false,
            "shift": false,
        })
    );
}

#[test]
fn the_window_is_asked_for_where_the_owner_stated_it() {
    let request = Request {
        system: "Be kind.".to_owned(),
        max_tokens: Some(99),
        temperature: Some(0.25),
        ..hi()
    };
    let sent = body(&having(json!({"contextWindow": 32768})), &request);
    assert_eq!(
        sent["options"],
        json!({"num_ctx": 32768, "num_predict": 99, "temperature": 0.25})
    );
    let system = json!({"role": "system", "content": "Be kind."});
    assert_eq!(sent["messages"][0], system);
    assert_eq!(
        body(&plain(), &request)["options"],
        json!({"num_predict": 99, "temperature": 0.25})
    );
}

#[test]
fn keeping_a_model_is_asked_for_in_the_form_that_the_server_reads() {
    let mut model = plain();
    assert_eq!(body(&model, &hi()).get("keep_alive"), None);
    for (written, sent) in [
        ("30m", json!("30m")),
        ("-1", json!(-1)),
        ("0", json!(0)),
        ("600", json!(600)),
    ] {
        model.keep_alive = Some(written.to_owned());
        assert_eq!(body(&model, &hi())["keep_alive"], sent);
    }
}

#[test]
fn thinking_is_a_flag_and_a_level_for_gpt_oss() {
    let think = |id: &str, reasoning: bool, level: ThinkingLevel| {
        let mut model = having(json!({"reasoning": reasoning}));
        model.reference.model = id.to_owned();
        let request = Request {
            thinking: level,
            ..hi()
        };
        body(&model, &request)["think"].clone()
    };
    assert_eq!(think("qwen3:8b", true, ThinkingLevel::Off), json!(false));
    assert_eq!(think("qwen3:8b", true, ThinkingLevel::High), json!(true));
    assert_eq!(think("qwen3:8b", false, ThinkingLevel::High), Value::Null);
    assert_eq!(think("gpt-oss:20b", true, ThinkingLevel::Off), json!("low"));
    let medium = think("gpt-oss:20b", true, ThinkingLevel::Medium);
    assert_eq!(medium, json!("medium"));
    assert_eq!(
        think("gpt-oss:20b", true, ThinkingLevel::Xhigh),
        json!("high")
    );
}

#[test]
fn only_what_may_be_called_is_offered() {
    let mut other = tool();
    other.name = "other".to_owned();
    let request = |choice| Request {
        tools: vec![tool(), other.clone()],
        tool_choice: choice,
        ..hi()
    };
    let names = |choice| -> Vec<Value> {
        let sent = body(&plain(), &request(choice));
        let tools = sent["tools"].as_array().cloned().unwrap_or_default();
        tools
            .iter()
            .map(|tool| tool["function"]["name"].clone())
            .collect()
    };
    assert_eq!(names(ToolChoice::Auto), ["get_weather", "other"]);
    assert_eq!(names(ToolChoice::Required), ["get_weather", "other"]);
    assert_eq!(names(ToolChoice::Named("other".to_owned())), ["other"]);
    assert!(names(ToolChoice::None).is_empty());
    assert_eq!(
        body(&plain(), &request(ToolChoice::Auto))["tools"][0],
        json!({"type": "function", "function": {"name": "get_weather",
            "description": "The weather.", "parameters": tool().parameters}})
    );
}

#[test]
fn a_call_and_its_result() {
    let request = turn(OLLAMA, "sealed");
    let messages = |with_thinking: bool| {
        let mut said = json!({"role": "assistant", "content": "One moment."});
        if with_thinking {
            said["thinking"] = "Let me look.".into();
        }
        said["tool_calls"] =
            json!([{"function": {"name": "get_weather", "arguments": {"city": "Paris"}}}]);
        json!([
            {"role": "user", "content": "Weather in Paris?"},
            said,
            {"role": "tool", "tool_name": "get_weather", "content": "22 degrees"},
            {"role": "user", "content": "", "images": ["aW1hZ2U="]},
        ])
    };
    assert_eq!(body(&plain(), &request)["messages"], messages(true));
    let mut foreign = plain();
    foreign.reference.model = "other".to_owned();
    assert_eq!(body(&foreign, &request)["messages"], messages(false));
}

#[test]
fn pictures_stand_beside_the_text_and_silence_is_left_out() {
    let request = with(vec![
        user(vec![
            Content::text("What", Provenance::Owner),
            image(),
            Content::text("is this?", Provenance::Owner),
        ]),
        assistant(OLLAMA, vec![thinking("Hm.", None)]),
        assistant(OLLAMA, vec![text("Look:"), call("a", "no json")]),
        result("a", vec![image()], false),
        Message::user("Thanks.", 0),
    ]);
    assert_eq!(
        body(&plain(), &request)["messages"],
        json!([
            {"role": "user", "content": "What\nis this?", "images": ["aW1hZ2U="]},
            {"role": "assistant", "content": "Look:",
             "tool_calls": [{"function": {"name": "get_weather", "arguments": {}}}]},
            {"role": "tool", "tool_name": "get_weather", "content": "(see the attached image)"},
            {"role": "user", "content": "", "images": ["aW1hZ2U="]},
            {"role": "user", "content": "Thanks."},
        ])
    );
}
