//! A request as a body of `/api/chat`.

use serde_json::{Map, Value, json};

use super::window::num_ctx;
use crate::message::{
    AssistantMessage, AssistantPart, Content, Message, ToolResultMessage, UserMessage,
};
use crate::model::{Api, Model};
use crate::request::{Request, ThinkingLevel, ToolChoice};

/// The whole body. `truncate` and `shift` make the server refuse what its window does not hold, instead of forgetting
/// the beginning of the conversation in silence; versions that do not know them ignore them.
pub(crate) fn encode(model: &Model, request: &Request) -> Value {
    let mut body = Map::new();
    body.insert("model".into(), json!(model.reference.model));
    body.insert("messages".into(), messages(model, request).into());
    body.insert("stream".into(), true.into());
    body.insert("truncate".into(), false.into());
    body.insert("shift".into(), false.into());
    let tools = tools(request);
    if !tools.is_empty() {
        body.insert("tools".into(), tools.into());
    }
    if let Some(think) = think(model, request.thinking) {
        body.insert("think".into(), think);
    }
    if let Some(keep_alive) = &model.keep_alive {
        // A number means seconds; as text it would need a unit.
        let value = match keep_alive.trim().parse::<i64>() {
            Ok(seconds) => seconds.into(),
            Err(_) => keep_alive.trim().into(),
        };
        body.insert("keep_alive".into(), value);
    }
    let mut options = Map::new();
    if let Some(window) = num_ctx(model) {
        options.insert("num_ctx".into(), window.into());
    }
    if let Some(max) = request.max_tokens {
        options.insert("num_predict".into(), max.into());
    }
    if let Some(temperature) = request.temperature {
        options.insert("temperature".into(), temperature.into());
    }
    if !options.is_empty() {
        body.insert("options".into(), options.into());
    }
    body.into()
}

/// The tools to offer. The API knows no choice of tools: what must not be called is not offered.
fn tools(request: &Request) -> Vec<Value> {
    request
        .tools
        .iter()
        .filter(|tool| match &request.tool_choice {
            ToolChoice::None => false,
            ToolChoice::Named(name) => tool.name == *name,
            ToolChoice::Auto | ToolChoice::Required => true,
        })
        .map(|tool| {
            json!({"type": "function", "function": {
                "name": tool.name,
                "description": tool.description,
                "parameters": tool.parameters,
            }})
        })
        .collect()
}

/// Whether to think, and for gpt-oss, which cannot be told not to, how much.
fn think(model: &Model, level: ThinkingLevel) -> Option<Value> {
    if !model.reasoning {
        return None;
    }
    let id = model.reference.model.to_ascii_lowercase();
    if !id.contains("gpt-oss") {
        return Some((level != ThinkingLevel::Off).into());
    }
    Some(match level {
        ThinkingLevel::Off | ThinkingLevel::Minimal | ThinkingLevel::Low => "low".into(),
        ThinkingLevel::Medium => "medium".into(),
        ThinkingLevel::High | ThinkingLevel::Xhigh => "high".into(),
    })
}

fn messages(model: &Model, request: &Request) -> Vec<Value> {
    let mut out = Vec::with_capacity(request.messages.len() + 1);
    if !request.system.is_empty() {
        out.push(json!({"role": "system", "content": request.system}));
    }
    for message in &request.messages {
        match message {
            Message::User(user) => out.push(user_message(user)),
            Message::Assistant(assistant) => out.extend(assistant_message(model, assistant)),
            Message::ToolResult(result) => tool_result(result, &mut out),
        }
    }
    out
}

/// The texts as one, and the pictures.
fn split(content: &[Content]) -> (Vec<&str>, Vec<&str>) {
    let mut texts = Vec::new();
    let mut images = Vec::new();
    for part in content {
        match part {
            Content::Text { text, .. } => texts.push(text.as_str()),
            Content::Image(image) => images.push(image.data.as_str()),
        }
    }
    (texts, images)
}

fn user_message(user: &UserMessage) -> Value {
    let (texts, images) = split(&user.content);
    let mut message = json!({"role": "user", "content": texts.join("\n")});
    if !images.is_empty() {
        message["images"] = images.into();
    }
    message
}

/// `None` for a message with nothing to replay. Its own reasoning goes back to the model: templates that want it, use
/// it until the person speaks again, and the others leave it out.
fn assistant_message(model: &Model, assistant: &AssistantMessage) -> Option<Value> {
    let own = assistant.api == Api::Ollama.as_str()
        && assistant.provider == model.reference.provider
        && assistant.model == model.reference.model;
    let text = assistant.text();
    let calls: Vec<Value> = assistant
        .tool_calls()
        .map(|call| {
            let arguments: Value = serde_json::from_str(&call.arguments)
                .ok()
                .filter(Value::is_object)
                .unwrap_or_else(|| json!({}));
            json!({"function": {"name": call.name, "arguments": arguments}})
        })
        .collect();
    if text.is_empty() && calls.is_empty() {
        return None;
    }
    let mut message = json!({"role": "assistant", "content": text});
    let thinking: Vec<&str> = assistant
        .content
        .iter()
        .filter_map(|part| match part {
            AssistantPart::Thinking(t) if own && !t.thinking.is_empty() => Some(&*t.thinking),
            _ => None,
        })
        .collect();
    if !thinking.is_empty() {
        message["thinking"] = thinking.join("\n\n").into();
    }
    if !calls.is_empty() {
        message["tool_calls"] = calls.into();
    }
    Some(message)
}

/// Templates show no pictures of a tool message; they follow as a user message.
fn tool_result(result: &ToolResultMessage, out: &mut Vec<Value>) {
    let (texts, images) = split(&result.content);
    let text = match (texts.is_empty(), images.is_empty()) {
        (true, false) => "(see the attached image)".to_owned(),
        _ => texts.join("\n"),
    };
    out.push(json!({"role": "tool", "tool_name": result.tool_name, "content": text}));
    if !images.is_empty() {
        out.push(json!({"role": "user", "content": "", "images": images}));
    }
}
