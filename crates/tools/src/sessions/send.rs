//! `sessions_send`: words to another conversation.

use std::sync::Weak;
use std::time::Duration;

use async_trait::async_trait;
use moltbot_agent::{
    Agents, Arguments, Effect, Plan, Scene, Sent, Tool, ToolError, ToolOutput, read_arguments,
};
use moltbot_llm::{Provenance, ToolSpec};
use moltbot_store::{Session, Store};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ENDING, SessionAccess};

/// How long an answer is waited for where the call says nothing, in seconds.
const WAIT: u64 = 30;

/// Writes to other conversations.
pub struct SessionsSend {
    agents: Weak<Agents>,
    store: Store,
    access: SessionAccess,
}

impl SessionsSend {
    /// To conversations of this store that the agent may speak to.
    pub fn new(agents: Weak<Agents>, store: Store, access: SessionAccess) -> Self {
        Self {
            agents,
            store,
            access,
        }
    }

    /// The conversation that is meant. `Err` is why it is none.
    async fn find(
        &self,
        agents: &Agents,
        asked: &Asked,
        own_agent: &str,
    ) -> Result<Result<Session, String>, ToolError> {
        let found = match (&asked.session_key, &asked.label) {
            (Some(key), _) => {
                let by_id = self.store.session_by_id(key.trim()).await;
                match by_id.map_err(ToolError::failed)? {
                    Some(session) => Some(session),
                    None => agents.session(key).await.map_err(ToolError::failed)?,
                }
            }
            (None, Some(label)) => {
                let agent = asked.agent_id.as_deref().unwrap_or(own_agent);
                let sessions = self.store.sessions().await.map_err(ToolError::failed)?;
                sessions.into_iter().find(|session| {
                    session.label.as_deref() == Some(label.trim())
                        && session.agent_id.eq_ignore_ascii_case(agent)
                })
            }
            (None, None) => return Ok(Err("Either sessionKey or label is required".to_owned())),
        };
        let name = asked.session_key.as_ref().or(asked.label.as_ref());
        Ok(found.ok_or_else(|| {
            let name = name.map_or("", String::as_str);
            format!("No session found: {name}; sessions_list names them.")
        }))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    message: String,
    session_key: Option<String>,
    label: Option<String>,
    agent_id: Option<String>,
    timeout_seconds: Option<u64>,
}

#[async_trait]
impl Tool for SessionsSend {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "sessions_send".to_owned(),
            description:
                "Write to another conversation, by its key or label, and wait for the answer."
                    .to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "message": {"type": "string"},
                    "sessionKey": {"type": "string"},
                    "label": {"type": "string"},
                    "agentId": {"type": "string"},
                    "timeoutSeconds": {"type": "integer", "description": "0: do not wait"},
                },
                "required": ["message"],
            }),
        }
    }

    fn plan(&self, arguments: &Arguments, _: &Scene<'_>) -> Plan {
        let text = |name: &str| arguments.get(name).and_then(Value::as_str);
        let to = text("sessionKey").or(text("label")).unwrap_or_default();
        let message = text("message").unwrap_or_default();
        Plan::new(Effect::Delegates, format!("to {to}: {message}"))
    }

    async fn call(&self, arguments: Arguments, scene: &Scene<'_>) -> Result<ToolOutput, ToolError> {
        let asked: Asked = read_arguments(arguments)?;
        let agents = self.agents.upgrade();
        let agents = agents.ok_or_else(|| ToolError::failed(ENDING))?;
        let own_agent = scene.session.agent_id.as_str();
        let target = match self.find(&agents, &asked, own_agent).await? {
            Ok(target) => target,
            Err(error) => return Ok(refused("error", None, &error)),
        };
        let key = target.key.clone();
        if let Err(reason) = self.access.check(scene, &target) {
            return Ok(refused("forbidden", Some(&key), reason));
        }
        let wait = Duration::from_secs(asked.timeout_seconds.unwrap_or(WAIT));
        let told = |status: &str| json!({"status": status, "sessionKey": key});
        let pending = |status: &str| {
            let mut told = told(status);
            told["delivery"] = json!({"status": "pending", "mode": "announce"});
            ToolOutput::text(told.to_string(), Provenance::Program)
        };
        let sent = agents.send(scene.session, target, &asked.message, wait);
        Ok(match sent.await {
            Sent::Accepted => pending("accepted"),
            Sent::TimedOut => pending("timeout"),
            Sent::Answered { reply, from } => {
                let mut told = told("ok");
                told["reply"] = reply.into();
                ToolOutput::text(told.to_string(), from)
            }
            Sent::Forbidden(reason) => refused("forbidden", Some(&key), &reason),
            Sent::Failed(reason) => refused("error", Some(&key), &reason),
        })
    }
}

fn refused(status: &str, key: Option<&str>, error: &str) -> ToolOutput {
    let mut told = json!({"status": status, "error": error});
    if let Some(key) = key {
        told["sessionKey"] = key.into();
    }
    // A sentence about a model server may quote it.
    ToolOutput::text(told.to_string(), Provenance::Outside).failed()
}
