//! A request as a Responses body.

use serde_json::{Map, Value, json};

use crate::dialect::openai;
use crate::endpoint::Endpoint;
use crate::message::{AssistantMessage, AssistantPart, Content, Message, UserMessage};
use crate::model::{Api, Model};
use crate::request::{Request, ToolChoice};

/// The whole body. The conversation is always sent in full: nothing is kept on the server.
pub(crate) fn encode(model: &Model, request: &Request) -> Value {
    let at_openai = Endpoint::new(model).is_openai();
    let mut body = Map::new();
    body.insert("model".into(), json!(model.reference.model));
    body.insert("input".into(), input(model, request, at_openai).into());
    body.insert("stream".into(), true.into());
    if !request.tools.is_empty() {
        let tools: Vec<Value> = request
            .tools
            .iter()
            .map(|tool| {
                json!({
                    "type": "function",
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": tool.parameters,
                    "strict": false,
                })
            })
            .collect();
        body.insert("tools".into(), tools.into());
        let choice = match &request.tool_choice {
            ToolChoice::Auto => None,
            ToolChoice::Required => Some(json!("required")),
            ToolChoice::None => Some(json!("none")),
            ToolChoice::Named(name) => Some(json!({"type": "function", "name": name})),
        };
        if let Some(choice) = choice {
            body.insert("tool_choice".into(), choice);
        }
    }
    if let Some(max) = request.max_tokens {
        body.insert("max_output_tokens".into(), max.into());
    }
    openai::insert_shared(model, request, at_openai, &mut body);
    if let Some(effort) = openai::effort(model, request, at_openai) {
        body.insert(
            "reasoning".into(),
            json!({"effort": effort.as_str(), "summary": "auto"}),
        );
        if at_openai {
            body.insert("include".into(), json!(["reasoning.encrypted_content"]));
        }
    }
    body.into()
}

fn input(model: &Model, request: &Request, at_openai: bool) -> Vec<Value> {
    let mut out = Vec::with_capacity(request.messages.len() + 1);
    out.extend(openai::system_message(model, request, at_openai));
    for (position, message) in request.messages.iter().enumerate() {
        match message {
            Message::User(user) => {
                out.push(json!({"role": "user", "content": user_content(model, user)}));
            }
            Message::Assistant(assistant) => {
                assistant_items(model, assistant, position, &mut out);
            }
            Message::ToolResult(result) => {
                let text: Vec<&str> = result.content.iter().filter_map(Content::as_text).collect();
                out.push(json!({
                    "type": "function_call_output",
                    "call_id": result.tool_call_id,
                    "output": text.join("\n"),
                }));
                // A function's output is text for most servers; its pictures follow as a user message.
                let images: Vec<Value> = result
                    .content
                    .iter()
                    .filter(|part| matches!(part, Content::Image(_)))
                    .map(input_part)
                    .collect();
                if !images.is_empty() {
                    out.push(json!({"role": "user", "content": images}));
                }
            }
        }
    }
    out
}

fn user_content(model: &Model, user: &UserMessage) -> Value {
    let texts: Option<Vec<&str>> = user.content.iter().map(Content::as_text).collect();
    match texts {
        Some(texts) if model.repairs.plain_content => texts.join("\n").into(),
        _ => user.content.iter().map(input_part).collect(),
    }
}

fn input_part(part: &Content) -> Value {
    match part {
        Content::Text { text, .. } => json!({"type": "input_text", "text": text}),
        Content::Image(image) => json!({
            "type": "input_image",
            "detail": "auto",
            "image_url": format!("data:{};base64,{}", image.mime_type, image.data),
        }),
    }
}

/// Each part as an item of its own. A sealed reasoning item goes back only to the model that made it, and only when
/// something follows it: an item without its follower is refused.
fn assistant_items(
    model: &Model,
    assistant: &AssistantMessage,
    position: usize,
    out: &mut Vec<Value>,
) {
    let own = assistant.api == Api::OpenAiResponses.as_str()
        && assistant.provider == model.reference.provider
        && assistant.model == model.reference.model;
    let mut parts = assistant.content.iter().enumerate().peekable();
    while let Some((index, part)) = parts.next() {
        match part {
            AssistantPart::Thinking(thinking) => {
                if own
                    && parts.peek().is_some()
                    && let Some(sealed) = &thinking.signature
                    && let Ok(item @ Value::Object(_)) = serde_json::from_str(sealed)
                {
                    out.push(item);
                }
            }
            AssistantPart::Text { text } => out.push(json!({
                "type": "message",
                "role": "assistant",
                "content": [{"type": "output_text", "text": text, "annotations": []}],
                "status": "completed",
                // Required by some servers; stable from turn to turn.
                "id": format!("msg_{position}_{index}"),
            })),
            AssistantPart::ToolCall(call) => out.push(json!({
                "type": "function_call",
                "call_id": call.id,
                "name": call.name,
                "arguments": openai::arguments(call),
            })),
        }
    }
}
