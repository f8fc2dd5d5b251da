//! A request as a Chat Completions body.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::constraint;
use crate::dialect::openai;
use crate::endpoint::Endpoint;
use crate::message::{
    AssistantMessage, AssistantPart, Content, Message, ToolCall, ToolResultMessage, UserMessage,
};
use crate::model::Model;
use crate::probe::ServerKind;
use crate::request::{Request, ToolChoice, ToolSpec};

/// The whole body. Optional fields go out only where the request or the owner's config calls for them.
///
/// It borrows what may be long: a conversation is written once, into the bytes that are sent.
#[derive(Serialize)]
pub(crate) struct Body<'a> {
    model: &'a str,
    messages: Vec<WireMessage<'a>>,
    stream: bool,
    stream_options: StreamOptions,
    #[serde(skip_serializing_if = "Option::is_none")]
    return_progress: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<WireTool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<Value>,
    #[serde(flatten)]
    fields: Map<String, Value>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Serialize)]
#[serde(untagged)]
enum WireMessage<'a> {
    System(Value),
    Said {
        role: &'static str,
        content: WireContent<'a>,
    },
    Called {
        role: &'static str,
        content: Option<Cow<'a, str>>,
        tool_calls: Vec<WireCall<'a>>,
    },
    Result {
        role: &'static str,
        tool_call_id: &'a str,
        content: Cow<'a, str>,
    },
}

#[derive(Serialize)]
#[serde(untagged)]
enum WireContent<'a> {
    Text(Cow<'a, str>),
    Parts(Vec<Value>),
}

#[derive(Serialize)]
struct WireCall<'a> {
    id: &'a str,
    r#type: &'static str,
    function: Called<'a>,
}

#[derive(Serialize)]
struct Called<'a> {
    name: &'a str,
    arguments: &'a str,
}

#[derive(Serialize)]
struct WireTool<'a> {
    r#type: &'static str,
    function: Offered<'a>,
}

#[derive(Serialize)]
struct Offered<'a> {
    name: &'a str,
    description: &'a str,
    parameters: &'a Value,
}

impl<'a> Body<'a> {
    /// The body that asks `model` to answer `request`.
    pub(crate) fn new(model: &'a Model, request: &'a Request) -> Self {
        let at_openai = Endpoint::new(model).is_openai();
        let is_llama_cpp = model.server == Some(ServerKind::LlamaCpp);
        let mut fields = Map::new();
        if let Some(max) = request.max_tokens {
            fields.insert(max_tokens_field(model, at_openai).into(), max.into());
        }
        openai::insert_shared(model, request, at_openai, &mut fields);
        // Other servers refuse a field that they do not know.
        if let Some(slot) = model.slot.filter(|_| is_llama_cpp) {
            fields.insert("id_slot".into(), slot.into());
        }
        if let Some(effort) = openai::effort(model, request, at_openai) {
            fields.insert("reasoning_effort".into(), effort.as_str().into());
        }
        Self {
            model: &model.reference.model,
            messages: messages(model, request, at_openai),
            stream: true,
            stream_options: StreamOptions {
                include_usage: true,
            },
            return_progress: is_llama_cpp.then_some(true),
            tools: request.tools.iter().map(wire_tool).collect(),
            tool_choice: match request.tools.is_empty() {
                true => None,
                false => tool_choice(&request.tool_choice),
            },
            fields,
        }
    }

    /// The same, with the answer held to the tools of the request as the caller made it, where they go as text and the
    /// server can.
    pub(crate) fn constrained(mut self, model: &Model, asked: &Request) -> Self {
        constraint::insert(model, asked, &mut self.fields);
        self
    }
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

fn messages<'a>(model: &Model, request: &'a Request, at_openai: bool) -> Vec<WireMessage<'a>> {
    let mut out = Vec::with_capacity(request.messages.len() + 1);
    out.extend(openai::system_message(model, request, at_openai).map(WireMessage::System));
    for message in &request.messages {
        match message {
            Message::User(user) => out.push(user_message(user)),
            Message::Assistant(assistant) => out.extend(assistant_message(assistant)),
            Message::ToolResult(result) => tool_result(result, &mut out),
        }
    }
    out
}

/// Texts as one, borrowed where there is only one.
fn joined<'a>(texts: &[&'a str], separator: &str) -> Cow<'a, str> {
    match texts {
        [only] => Cow::Borrowed(*only),
        _ => Cow::Owned(texts.join(separator)),
    }
}

fn user_message(user: &UserMessage) -> WireMessage<'_> {
    let texts: Option<Vec<&str>> = user.content.iter().map(Content::as_text).collect();
    WireMessage::Said {
        role: "user",
        content: match texts {
            // A plain string is what every server takes.
            Some(texts) => WireContent::Text(joined(&texts, "\n")),
            None => WireContent::Parts(user.content.iter().map(content_part).collect()),
        },
    }
}

fn content_part(part: &Content) -> Value {
    match part {
        Content::Text { text, .. } => json!({"type": "text", "text": text}),
        Content::Image(image) => json!({"type": "image_url", "image_url": {
            "url": format!("data:{};base64,{}", image.mime_type, image.data)
        }}),
    }
}

/// `None` for a message with nothing to replay. Reasoning is not replayed: templates drop it, and strict servers refuse
/// the field.
fn assistant_message(assistant: &AssistantMessage) -> Option<WireMessage<'_>> {
    let texts: Vec<&str> = assistant
        .content
        .iter()
        .filter_map(|part| match part {
            AssistantPart::Text { text } => Some(text.as_str()),
            _ => None,
        })
        .collect();
    let text = Some(joined(&texts, "")).filter(|text| !text.is_empty());
    let tool_calls: Vec<WireCall<'_>> = assistant.tool_calls().map(wire_call).collect();
    let role = "assistant";
    match (text, tool_calls.is_empty()) {
        (None, true) => None,
        (Some(text), true) => Some(WireMessage::Said {
            role,
            content: WireContent::Text(text),
        }),
        (content, false) => Some(WireMessage::Called {
            role,
            content,
            tool_calls,
        }),
    }
}

fn wire_tool(tool: &ToolSpec) -> WireTool<'_> {
    WireTool {
        r#type: "function",
        function: Offered {
            name: &tool.name,
            description: &tool.description,
            parameters: &tool.parameters,
        },
    }
}

fn wire_call(call: &ToolCall) -> WireCall<'_> {
    WireCall {
        id: &call.id,
        r#type: "function",
        function: Called {
            name: &call.name,
            arguments: openai::arguments(call),
        },
    }
}

/// Pictures cannot stand in a tool message; they follow as a user message.
fn tool_result<'a>(result: &'a ToolResultMessage, out: &mut Vec<WireMessage<'a>>) {
    let texts: Vec<&str> = result.content.iter().filter_map(Content::as_text).collect();
    let images: Vec<Value> = result
        .content
        .iter()
        .filter(|part| matches!(part, Content::Image(_)))
        .map(content_part)
        .collect();
    out.push(WireMessage::Result {
        role: "tool",
        tool_call_id: &result.tool_call_id,
        content: match (texts.is_empty(), images.is_empty()) {
            (true, false) => Cow::Borrowed("(see the attached image)"),
            _ => joined(&texts, "\n"),
        },
    });
    if !images.is_empty() {
        out.push(WireMessage::Said {
            role: "user",
            content: WireContent::Parts(images),
        });
    }
}
