//! The owner's secrets, taken out of what is kept in a transcript and sent to models.

use std::borrow::Cow;

use moltbot_guard::secrets::Secrets;
use moltbot_llm::{AssistantMessage, AssistantPart, Content};
use serde_json::Value;

use crate::prompt::Prompt;
use crate::tool::Arguments;

/// Takes them out of what somebody said or a tool brought.
pub(crate) fn hide_in_content(secrets: &Secrets, content: &mut [Content]) {
    for part in content {
        if let Content::Text { text, .. } = part {
            hide(secrets, text);
        }
    }
}

/// Takes them out of what a model said: it was told none, but may have found one elsewhere.
pub(crate) fn hide_in_answer(secrets: &Secrets, message: &mut AssistantMessage) {
    for part in &mut message.content {
        match part {
            AssistantPart::Text { text } => hide(secrets, text),
            AssistantPart::Thinking(thinking) => hide(secrets, &mut thinking.thinking),
            AssistantPart::ToolCall(call) => hide(secrets, &mut call.arguments),
        }
    }
}

/// Takes them out of what a model is told before a conversation: the owner's files may hold one.
pub(crate) fn hide_in_prompt(secrets: &Secrets, prompt: &mut Prompt) {
    for section in &mut prompt.sections {
        hide(secrets, &mut section.text);
    }
    for tool in &mut prompt.tools {
        hide(secrets, &mut tool.description);
        hide_in_value(secrets, &mut tool.parameters);
    }
}

/// Takes them out of the texts of a value.
pub(crate) fn hide_in_value(secrets: &Secrets, value: &mut Value) {
    match value {
        Value::String(text) => hide(secrets, text),
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| hide_in_value(secrets, item)),
        Value::Object(members) => hide_in_arguments(secrets, members),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Takes them out of the texts of a call's arguments.
pub(crate) fn hide_in_arguments(secrets: &Secrets, arguments: &mut Arguments) {
    arguments
        .values_mut()
        .for_each(|value| hide_in_value(secrets, value));
}

/// The name of one that stands in a call's arguments.
pub(crate) fn find_in_arguments<'a>(
    secrets: &'a Secrets,
    arguments: &Arguments,
) -> Option<&'a str> {
    arguments
        .values()
        .find_map(|value| find_in_value(secrets, value))
}

fn find_in_value<'a>(secrets: &'a Secrets, value: &Value) -> Option<&'a str> {
    match value {
        Value::String(text) => secrets.find(text),
        Value::Array(items) => items.iter().find_map(|item| find_in_value(secrets, item)),
        Value::Object(members) => find_in_arguments(secrets, members),
        Value::Number(number) => secrets.find(&number.to_string()),
        Value::Null | Value::Bool(_) => None,
    }
}

fn hide(secrets: &Secrets, text: &mut String) {
    if let Cow::Owned(shown) = secrets.redact(text) {
        *text = shown;
    }
}
