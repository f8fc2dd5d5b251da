//! The owner's secrets, taken out of what is kept in a transcript and sent to models.

use std::borrow::Cow;

use moltbot_guard::secrets::Secrets;
use moltbot_llm::{AssistantMessage, AssistantPart, Content};

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

fn hide(secrets: &Secrets, text: &mut String) {
    if let Cow::Owned(shown) = secrets.redact(text) {
        *text = shown;
    }
}
