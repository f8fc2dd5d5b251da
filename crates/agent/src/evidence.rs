//! What calls are decided on, taken from the messages of a conversation.
//!
//! It is made anew from the messages at the start of a turn, so that it holds after a restart and after a compaction, whose
//! summary carries the least trusted source of what it tells of. Within a turn it only grows.

use std::collections::HashMap;

use moltbot_guard::{Evidence, Visibility};
use moltbot_llm::{Content, Message, ToolCall};
use moltbot_store::StoreError;

use crate::agent::Agent;
use crate::arguments;
use crate::calls::Called;
use crate::toolbox::Toolbox;

impl Agent {
    /// That of a transcript: of the messages that a model is shown, and of what the owner allowed in it.
    pub(crate) async fn evidence(
        &self,
        session_id: &str,
        messages: &[Message],
        tools: &Toolbox,
    ) -> Result<Evidence, StoreError> {
        let mut evidence = of(messages, tools);
        if let Some(book) = self.gate.approvals() {
            for question in book.allowed(session_id).await? {
                evidence.approved(&question.plan);
            }
        }
        Ok(evidence)
    }
}

/// That of the messages that a model is shown. What tools vouch for is asked of the tools that there are.
pub(crate) fn of(messages: &[Message], tools: &Toolbox) -> Evidence {
    let mut evidence = Evidence::new();
    let mut calls: HashMap<&str, &ToolCall> = HashMap::new();
    for message in messages {
        match message {
            Message::Assistant(assistant) => {
                calls.extend(assistant.tool_calls().map(|call| (call.id.as_str(), call)));
            }
            Message::ToolResult(result) => {
                take_in_content(&result.content, Visibility::Private, &mut evidence);
                if let Some(call) = calls
                    .get(result.tool_call_id.as_str())
                    .filter(|_| !result.is_error)
                {
                    take_in_found(call, &result.content, tools, &mut evidence);
                }
            }
            Message::User(_) => take_in(message, &mut evidence),
        }
    }
    evidence
}

/// Takes in what a person said, or the program.
pub(crate) fn take_in(message: &Message, evidence: &mut Evidence) {
    if let Message::User(user) = message {
        take_in_content(&user.content, Visibility::Private, evidence);
    }
}

fn take_in_content(content: &[Content], visibility: Visibility, evidence: &mut Evidence) {
    for part in content {
        match part {
            Content::Text { text, from } => evidence.read(text, *from, visibility),
            Content::Image(image) => evidence.mark(image.from, visibility),
        }
    }
}

fn take_in_found(call: &ToolCall, result: &[Content], tools: &Toolbox, evidence: &mut Evidence) {
    let Some(tool) = tools.get(&call.name) else {
        return;
    };
    let Ok(arguments) = arguments::read(&call.arguments, &tool.spec(), tool.aliases()) else {
        return;
    };
    for item in tool.found(&arguments, result) {
        evidence.found(item);
    }
}

impl Called {
    /// Takes in what a call brought.
    pub(crate) fn take_in(&self, tools: &Toolbox, evidence: &mut Evidence) {
        take_in_content(&self.output.content, self.visibility, evidence);
        if !self.output.is_error {
            take_in_found(&self.call, &self.output.content, tools, evidence);
        }
    }
}
