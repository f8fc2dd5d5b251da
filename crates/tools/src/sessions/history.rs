//! `sessions_history`: what was said in a conversation.

use async_trait::async_trait;
use moltbot_agent::{
    Arguments, Effect, Plan, Scene, Tool, ToolError, ToolOutput, read_arguments, transcript,
};
use moltbot_llm::{Content, Message, Provenance, ToolSpec};
use moltbot_store::Store;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{SessionAccess, find};

/// How many messages are shown unless more are asked for.
const LIMIT: usize = 50;

/// The most characters shown of one message.
const LENGTH: usize = 4_000;

/// Shows the last messages of a conversation: never reasoning, tool results only where they are asked for.
pub struct SessionsHistory {
    store: Store,
    access: SessionAccess,
}

impl SessionsHistory {
    /// Conversations of this store that the agent may look at.
    pub fn new(store: Store, access: SessionAccess) -> Self {
        Self { store, access }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    session_key: String,
    limit: Option<u32>,
    include_tools: Option<bool>,
}

#[async_trait]
impl Tool for SessionsHistory {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "sessions_history".to_owned(),
            description: "Show the last messages of a conversation.".to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "sessionKey": {"type": "string", "description": "key or id, from sessions_list"},
                    "limit": {"type": "integer"},
                    "includeTools": {"type": "boolean"},
                },
                "required": ["sessionKey"],
            }),
        }
    }

    fn plan(&self, arguments: &Arguments, _: &Scene<'_>) -> Plan {
        let key = arguments.get("sessionKey").and_then(Value::as_str);
        Plan::new(Effect::ReadsOwn, key.unwrap_or_default())
    }

    async fn call(&self, arguments: Arguments, scene: &Scene<'_>) -> Result<ToolOutput, ToolError> {
        let asked: Asked = read_arguments(arguments)?;
        let session = find(&self.store, &asked.session_key).await?;
        self.access
            .check(scene, &session)
            .map_err(ToolError::failed)?;
        let all = transcript(&self.store, &session.session_id)
            .await
            .map_err(ToolError::failed)?;
        let include_tools = asked.include_tools.unwrap_or(false);
        let mut said: Vec<Value> = all.iter().filter_map(|m| shown(m, include_tools)).collect();
        let limit = asked.limit.map_or(LIMIT, |limit| limit as usize);
        let said = said.split_off(said.len().saturating_sub(limit));
        let history = json!({"sessionKey": session.key, "messages": said});
        // It may quote anybody.
        Ok(ToolOutput::text(history.to_string(), Provenance::Outside))
    }
}

/// A message as another conversation may see it; `None` where there is nothing to see.
pub(super) fn shown(message: &Message, include_tools: bool) -> Option<Value> {
    let (role, text) = match message {
        Message::User(user) => ("user", words(&user.content)),
        Message::Assistant(assistant) => ("assistant", assistant.text()),
        Message::ToolResult(_) if !include_tools => return None,
        Message::ToolResult(result) => ("tool", words(&result.content)),
    };
    if text.trim().is_empty() {
        return None;
    }
    let mut text = text;
    if let Some((end, _)) = text.char_indices().nth(LENGTH) {
        text.truncate(end);
        text.push('…');
    }
    Some(json!({"role": role, "text": text, "timestamp": message.timestamp()}))
}

/// What people or tools said, without what the program stamped on it.
fn words(content: &[Content]) -> String {
    let said = content
        .iter()
        .filter(|part| part.from() != Provenance::Program);
    let texts: Vec<&str> = said.filter_map(Content::as_text).collect();
    texts.join("\n")
}
