//! `sessions_spawn`: giving a task to a sub-agent.

use std::sync::Weak;
use std::time::Duration;

use async_trait::async_trait;
use moltbot_agent::{
    Agents, Arguments, Cleanup, Effect, Plan, Scene, SpawnError, SpawnRequest, Tool, ToolError,
    ToolOutput, read_arguments,
};
use moltbot_llm::{Provenance, ToolSpec};
use serde::Deserialize;
use serde_json::{Value, json};

use super::ENDING;

/// Starts sub-agents.
pub struct SessionsSpawn {
    agents: Weak<Agents>,
}

impl SessionsSpawn {
    /// Sub-agents among these agents.
    pub fn new(agents: Weak<Agents>) -> Self {
        Self { agents }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    task: String,
    label: Option<String>,
    agent_id: Option<String>,
    model: Option<String>,
    thinking: Option<String>,
    run_timeout_seconds: Option<u64>,
    cleanup: Option<Cleanup>,
}

#[async_trait]
impl Tool for SessionsSpawn {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "sessions_spawn".to_owned(),
            description: "Give a task to a sub-agent; you are told its result later.".to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "task": {"type": "string"},
                    "label": {"type": "string"},
                    "agentId": {"type": "string"},
                    "model": {"type": "string"},
                    "thinking": {"type": "string"},
                    "runTimeoutSeconds": {"type": "integer"},
                    "cleanup": {"type": "string", "enum": ["delete", "keep"]},
                },
                "required": ["task"],
            }),
        }
    }

    fn aliases(&self) -> &[(&str, &str)] {
        &[("timeoutSeconds", "runTimeoutSeconds")]
    }

    fn plan(&self, arguments: &Arguments, _: &Scene<'_>) -> Plan {
        let text = |name: &str| arguments.get(name).and_then(Value::as_str);
        let task = text("task").unwrap_or_default();
        let detail = match text("agentId") {
            Some(agent) => format!("to the agent {agent}: {task}"),
            None => task.to_owned(),
        };
        Plan::new(Effect::Delegates, detail)
    }

    async fn call(&self, arguments: Arguments, scene: &Scene<'_>) -> Result<ToolOutput, ToolError> {
        let asked: Asked = read_arguments(arguments)?;
        let agents = self.agents.upgrade();
        let agents = agents.ok_or_else(|| ToolError::failed(ENDING))?;
        let request = SpawnRequest {
            task: asked.task,
            label: asked.label,
            agent_id: asked.agent_id,
            model: asked.model,
            thinking: asked.thinking,
            timeout: asked.run_timeout_seconds.map(Duration::from_secs),
            cleanup: asked.cleanup.unwrap_or_default(),
        };
        let result = agents.spawn(scene.session, request).await;
        let (told, failed) = match result {
            Ok(spawned) => {
                let mut told = json!({
                    "status": "accepted",
                    "childSessionKey": spawned.child_session_key,
                    "runId": spawned.run_id,
                });
                if let Some(applied) = spawned.model_applied {
                    told["modelApplied"] = applied.into();
                }
                if let Some(warning) = spawned.warning {
                    told["warning"] = warning.into();
                }
                (told, false)
            }
            Err(error @ SpawnError::Forbidden(_)) => (refused("forbidden", &error), true),
            Err(error) => (refused("error", &error), true),
        };
        let output = ToolOutput::text(told.to_string(), Provenance::Program);
        Ok(if failed { output.failed() } else { output })
    }
}

fn refused(status: &str, error: &SpawnError) -> Value {
    json!({"status": status, "error": error.to_string()})
}
