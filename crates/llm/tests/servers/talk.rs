//! Conversations that even a tiny model goes on with in the same way: it copies what it has seen.

use moltbot_llm::{
    AssistantMessage, AssistantPart, Content, Message, Provenance, Request, StopReason, ToolCall,
    ToolResultMessage, ToolSpec, Usage,
};
use serde_json::json;

/// A short question, answered the same each time.
pub(crate) fn question(text: &str, max_tokens: u64) -> Request {
    Request {
        messages: vec![Message::user(text, 0)],
        max_tokens: Some(max_tokens),
        temperature: Some(0.0),
        ..Request::default()
    }
}

/// The tool of all these conversations.
pub(crate) fn weather() -> ToolSpec {
    ToolSpec {
        name: "get_weather".to_owned(),
        description: "Get the current weather for a city".to_owned(),
        parameters: json!({
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "City name"},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
            },
            "required": ["city", "unit"],
            "additionalProperties": false,
        }),
    }
}

/// What a model said earlier.
pub(crate) fn earlier(content: Vec<AssistantPart>) -> Message {
    Message::Assistant(AssistantMessage {
        content,
        api: String::new(),
        provider: "box".to_owned(),
        model: "another".to_owned(),
        usage: Usage::default(),
        stop_reason: StopReason::Stop,
        error_message: None,
        timestamp: 0,
    })
}

pub(crate) fn text(text: &str) -> AssistantPart {
    AssistantPart::Text {
        text: text.to_owned(),
    }
}

pub(crate) fn call(id: &str, arguments: &str) -> AssistantPart {
    AssistantPart::ToolCall(ToolCall {
        id: id.to_owned(),
        name: weather().name,
        arguments: arguments.to_owned(),
    })
}

/// What the tool answers.
pub(crate) fn result(id: &str, degrees: usize) -> Message {
    Message::ToolResult(ToolResultMessage {
        tool_call_id: id.to_owned(),
        tool_name: weather().name,
        content: vec![Content::text(
            format!("{{\"temp\": {degrees}}}"),
            Provenance::Owner,
        )],
        is_error: false,
        timestamp: 0,
    })
}

/// Asks for the weather of some cities.
pub(crate) fn ask_for(cities: &[&str]) -> Message {
    let cities = cities.join(" and in ");
    Message::user(
        format!("What is the weather in {cities} right now, in celsius?"),
        0,
    )
}

/// One whole exchange: the question, the calls, their results, the answer.
fn exchange(cities: &[&str], degrees: usize) -> Vec<Message> {
    let arguments = |city: &str| format!("{{\"city\": \"{city}\", \"unit\": \"celsius\"}}");
    let calls = cities.iter().map(|city| call(city, &arguments(city)));
    let mut messages = vec![ask_for(cities), earlier(calls.collect())];
    messages.extend(cities.iter().map(|city| result(city, degrees)));
    let places = cities.join(" and in ");
    let answer = format!("It is {degrees} degrees in {places}.");
    messages.push(earlier(vec![text(&answer)]));
    messages
}

/// A conversation about the weather in which the model has called the tool before.
pub(crate) fn about_weather(before: &[&[&str]]) -> Request {
    let exchanges = before.iter().enumerate();
    Request {
        system: "When a tool has answered, tell the person its answer in one sentence.".to_owned(),
        messages: exchanges
            .flat_map(|(at, cities)| exchange(cities, 10 + at))
            .collect(),
        tools: vec![weather()],
        max_tokens: Some(96),
        temperature: Some(0.0),
        ..Request::default()
    }
}
