//! The answer as far as the person has seen it.

use moltbot_llm::{AssistantMessage, AssistantPart, Event, ModelRef, StopReason, Thinking, Usage};

use crate::turn::now_ms;

/// What the person has been shown of the present step's answer.
#[derive(Default)]
pub(crate) struct Draft {
    text: String,
    thinking: String,
}

impl Draft {
    /// Takes part in what is shown.
    pub(crate) fn take(&mut self, event: &Event) {
        match event {
            Event::Text(text) => self.text.push_str(text),
            Event::Thinking(text) => self.thinking.push_str(text),
            Event::TextWasThinking => self.thinking.push_str(&std::mem::take(&mut self.text)),
            Event::NextModel { .. } | Event::Again { .. } => *self = Self::default(),
            _ => {}
        }
    }

    /// The unfinished answer of this model; `None` when no text came.
    pub(crate) fn message(self, model: Option<&ModelRef>) -> Option<AssistantMessage> {
        if self.text.trim().is_empty() {
            return None;
        }
        let model = model?.clone();
        let mut content = Vec::new();
        if !self.thinking.is_empty() {
            content.push(AssistantPart::Thinking(Thinking {
                thinking: self.thinking,
                signature: None,
            }));
        }
        content.push(AssistantPart::Text { text: self.text });
        Some(AssistantMessage {
            content,
            api: String::new(),
            provider: model.provider,
            model: model.model,
            usage: Usage::default(),
            stop_reason: StopReason::Aborted,
            error_message: None,
            timestamp: now_ms(),
        })
    }
}
