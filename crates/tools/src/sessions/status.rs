//! `session_status`: the `/status` card of a conversation, and its model.

use async_trait::async_trait;
use moltbot_agent::{
    Agent, Arguments, Effect, Plan, Scene, Tool, ToolError, ToolOutput, read_arguments,
};
use moltbot_llm::{Provenance, ToolSpec};
use moltbot_store::Session;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{SessionAccess, find};

/// Shows the `/status` card of a conversation, and chooses its model where the owner agrees.
pub struct SessionStatus {
    agent: Agent,
    access: SessionAccess,
}

impl SessionStatus {
    /// With the models and the store of this agent, whose tools are not used, for conversations that it may look at.
    pub fn new(agent: Agent, access: SessionAccess) -> Self {
        Self { agent, access }
    }

    async fn session(&self, name: Option<&str>, scene: &Scene<'_>) -> Result<Session, ToolError> {
        let store = self.agent.store();
        let Some(name) = name.filter(|name| !name.trim().is_empty()) else {
            // The settings may have changed since the turn began.
            let now = store.session_by_id(&scene.session.session_id).await;
            let now = now.map_err(ToolError::failed)?;
            return Ok(now.unwrap_or_else(|| scene.session.clone()));
        };
        let session = find(store, name).await?;
        self.access
            .check(scene, &session)
            .map_err(ToolError::failed)?;
        Ok(session)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    session_key: Option<String>,
    model: Option<String>,
}

#[async_trait]
impl Tool for SessionStatus {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "session_status".to_owned(),
            description: "Show a conversation's model and tokens, or change its model.".to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "sessionKey": {"type": "string", "description": "default: this one"},
                    "model": {"type": "string", "description": "a new model, or \"default\""},
                },
                "required": [],
            }),
        }
    }

    fn plan(&self, arguments: &Arguments, scene: &Scene<'_>) -> Plan {
        let text = |name: &str| {
            let text = arguments.get(name).and_then(Value::as_str).map(str::trim);
            text.filter(|text| !text.is_empty())
        };
        let session = text("sessionKey").unwrap_or(&scene.session.key);
        match text("model") {
            None => Plan::new(Effect::ReadsOwn, session),
            // Another model may cost money and send the conversation somewhere else.
            Some(model) => Plan::new(
                Effect::ChangesItself,
                format!("model {model} for {session}"),
            ),
        }
    }

    /// A model that is chosen is there for whoever looks next.
    fn is_parallel(&self) -> bool {
        false
    }

    async fn call(&self, arguments: Arguments, scene: &Scene<'_>) -> Result<ToolOutput, ToolError> {
        let asked: Asked = read_arguments(arguments)?;
        let mut session = self.session(asked.session_key.as_deref(), scene).await?;
        let mut text = String::new();
        let model = asked.model.as_deref().map_or("", str::trim);
        if !model.is_empty() {
            if session.agent_id != self.agent.id() {
                return Err(ToolError::failed(format!(
                    "Session {} belongs to the agent {}, which alone can change its model.",
                    session.key, session.agent_id
                )));
            }
            let chosen = self.agent.choose_model_by_name(&session, model).await;
            let chosen = chosen.map_err(ToolError::failed)?;
            let chosen = chosen.map_err(ToolError::Failed)?;
            text = format!(
                "Model set to {}, from the next message on.\n\n",
                chosen.reference
            );
            let now = self.agent.store().session_by_id(&session.session_id).await;
            session = now.map_err(ToolError::failed)?.unwrap_or(session);
        }
        let card = self.agent.status_card(&session).await;
        text.push_str(&card.map_err(ToolError::failed)?);
        Ok(ToolOutput::text(text, Provenance::Program))
    }
}
