//! Tools, calls and results in words, for a model whose server takes no tools.

use crate::call_form::{CallForm, tool_response};
use crate::message::{
    AssistantMessage, AssistantPart, Content, Message, Provenance, ToolResultMessage, UserMessage,
};
use crate::request::Request;

/// Tells of the tools in the system prompt, and writes every call and result as the text that it would have been.
pub(super) fn tools_as_text(wire: &mut Request) {
    if !wire.tools.is_empty() {
        let introduction = CallForm::HERMES.introduction(&wire.tools);
        wire.tools.clear();
        if !wire.system.is_empty() {
            wire.system.push_str("\n\n");
        }
        wire.system.push_str(&introduction);
    }
    for message in &mut wire.messages {
        match message {
            Message::User(_) => {}
            Message::Assistant(assistant) => calls_as_text(assistant),
            Message::ToolResult(result) => *message = Message::User(response(result)),
        }
    }
}

/// Calls where they stand: a text and the calls behind it are one, as the model wrote them.
fn calls_as_text(assistant: &mut AssistantMessage) {
    if assistant.tool_calls().next().is_none() {
        return;
    }
    let mut written: Vec<AssistantPart> = Vec::with_capacity(assistant.content.len());
    for part in std::mem::take(&mut assistant.content) {
        let call = match part {
            AssistantPart::ToolCall(call) => CallForm::HERMES.write(std::iter::once(&call)),
            part => {
                written.push(part);
                continue;
            }
        };
        match written.last_mut() {
            Some(AssistantPart::Text { text }) => {
                if !text.is_empty() && !text.ends_with(char::is_whitespace) {
                    text.push_str(CallForm::HERMES.between);
                }
                text.push_str(&call);
            }
            _ => written.push(AssistantPart::Text { text: call }),
        }
    }
    assistant.content = written;
}

/// A result, its pictures behind its words.
fn response(result: &mut ToolResultMessage) -> UserMessage {
    let content = std::mem::take(&mut result.content);
    let texts: Vec<&str> = content.iter().filter_map(Content::as_text).collect();
    let told = tool_response(&texts.join("\n"), result.is_error);
    let mut content: Vec<Content> = content
        .into_iter()
        .filter(|part| matches!(part, Content::Image(_)))
        .collect();
    content.insert(0, Content::text(told, Provenance::Outside));
    UserMessage {
        content,
        timestamp: result.timestamp,
    }
}
