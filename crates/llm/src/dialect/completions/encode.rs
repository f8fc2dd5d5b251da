//! A request as a Chat Completions body.

use serde_json::{Map, Value, json};

use crate::dialect::openai;
use crate::endpoint::Endpoint;
use crate::message::{AssistantMessage, Content, Message, ToolResultMessage, UserMessage};
use crate::model::Model;
use crate::probe::ServerKind;
use crate::request::{Request, ToolChoice};

/// The whole body. Optional fields go out only where the request or the owner's config calls for them.
pub(crate) fn encode(model: &Model, request: &Request) -> Value {
    let at_openai = Endpoint::new(model).is_openai();
    let mut body = Map::new();
    body.insert("model".into(), json!(model.reference.model));
    body.insert(
        "messages".into(),
        messages(model, request, at_openai).into(),
    );
    body.insert("stream".into(), true.into());
    body.insert("stream_options".into(), json!({"include_usage": true}));
    if model.server == Some(ServerKind::LlamaCpp) {
        body.insert("return_progress".into(), true.into());
    }
    if !request.tools.is_empty() {
        let tools: Vec<Value> = request
            .tools
            .iter()
            .map(|tool| {
                json!({"type": "function", "function": {
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": tool.parameters,
                }})
            })
            .collect();
        body.insert("tools".into(), tools.into());
        if let Some(choice) = tool_choice(&request.tool_choice) {
            body.insert("tool_choice".into(), choice);
        }
    }
    if let Some(max) = request.max_tokens {
        body.insert(max_tokens_field(model, at_openai).into(), max.into());
    }
    openai::insert_shared(model, request, at_openai, &mut body);
    // Other servers refuse a field that they do not know.
    if let Some(slot) = model.slot
        && model.server == Some(ServerKind::LlamaCpp)
    {
        body.insert("id_slot".into(), slot.into());
    }
    if let Some(effort) = openai::effort(model, request, at_openai) {
        body.insert("reasoning_effort".into(), effort.as_str().into());
    }
    body.into()
}

/// OpenAI's own models want the new name; everybody else knows the old one.
fn max_tokens_field(model: &Model, at_openai: bool) -> &'static str {
    use moltbot_config::schema::MaxTokensField;
    let (field, other) = match model.compat.max_tokens_field {
        Some(MaxTokensField::MaxCompletionTokens) => ("max_completion_tokens", "max_tokens"),
        None if at_openai => ("max_completion_tokens", "max_tokens"),
        Some(MaxTokensField::MaxTokens) | None => ("max_tokens", "max_completion_tokens"),
    };
    match model.repairs.dropped.contains(field) {
        true => other,
        false => field,
    }
}

fn tool_choice(choice: &ToolChoice) -> Option<Value> {
    match choice {
        ToolChoice::Auto => None,
        ToolChoice::Required => Some("required".into()),
        ToolChoice::None => Some("none".into()),
        ToolChoice::Named(name) => Some(json!({"type": "function", "function": {"name": name}})),
    }
}

fn messages(model: &Model, request: &Request, at_openai: bool) -> Vec<Value> {
    let mut out = Vec::with_capacity(request.messages.len() + 1);
    out.extend(openai::system_message(model, request, at_openai));
    for message in &request.messages {
        match message {
            Message::User(user) => out.push(user_message(user)),
            Message::Assistant(assistant) => out.extend(assistant_message(assistant)),
            Message::ToolResult(result) => tool_result(result, &mut out),
        }
    }
    out
}

fn user_message(user: &UserMessage) -> Value {
    let texts: Option<Vec<&str>> = user.content.iter().map(Content::as_text).collect();
    let content: Value = match texts {
        // A plain string is what every server takes.
        Some(texts) => texts.join("\n").into(),
        None => user
            .content
            .iter()
            .map(content_part)
            .collect::<Vec<_>>()
            .into(),
    };
    json!({"role": "user", "content": content})
}

fn content_part(part: &Content) -> Value {
    match part {
        Content::Text { text } => json!({"type": "text", "text": text}),
        Content::Image(image) => json!({"type": "image_url", "image_url": {
            "url": format!("data:{};base64,{}", image.mime_type, image.data)
        }}),
    }
}

/// `None` for a message with nothing to replay. Reasoning is not replayed: templates drop it, and strict servers refuse
/// the field.
fn assistant_message(assistant: &AssistantMessage) -> Option<Value> {
    let text = assistant.text();
    let calls: Vec<Value> = assistant
        .tool_calls()
        .map(|call| {
            json!({"id": call.id, "type": "function", "function": {
                "name": call.name,
                "arguments": call.arguments,
            }})
        })
        .collect();
    match (text.is_empty(), calls.is_empty()) {
        (true, true) => None,
        (_, true) => Some(json!({"role": "assistant", "content": text})),
        (true, _) => Some(json!({"role": "assistant", "content": null, "tool_calls": calls})),
        (_, _) => Some(json!({"role": "assistant", "content": text, "tool_calls": calls})),
    }
}

/// Pictures cannot stand in a tool message; they follow as a user message.
fn tool_result(result: &ToolResultMessage, out: &mut Vec<Value>) {
    let text: Vec<&str> = result.content.iter().filter_map(Content::as_text).collect();
    let images: Vec<Value> = result
        .content
        .iter()
        .filter(|part| matches!(part, Content::Image(_)))
        .map(content_part)
        .collect();
    let text = match (text.is_empty(), images.is_empty()) {
        (true, false) => "(see the attached image)".to_owned(),
        _ => text.join("\n"),
    };
    out.push(json!({"role": "tool", "tool_call_id": result.tool_call_id, "content": text}));
    if !images.is_empty() {
        out.push(json!({"role": "user", "content": images}));
    }
}
