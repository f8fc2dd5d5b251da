//! `agents_list`: which agents there are.

use async_trait::async_trait;
use moltbot_agent::{Arguments, Effect, Plan, Scene, Tool, ToolError, ToolOutput};
use moltbot_config::schema::Config;
use moltbot_llm::{Provenance, ToolSpec};
use serde_json::{Value, json};

/// Lists the configured agents.
pub struct AgentsList {
    agents: Vec<Value>,
}

impl AgentsList {
    /// The agents of a configuration; the main one alone where none is listed.
    pub fn from_config(config: &Config) -> Self {
        let agents = config.agents();
        let mut listed: Vec<Value> = agents
            .list()
            .iter()
            .map(|agent| match &agent.name {
                Some(name) => json!({"id": agent.normalized_id(), "name": name}),
                None => json!({"id": agent.normalized_id()}),
            })
            .collect();
        if listed.is_empty() {
            listed.push(json!({"id": agents.default_agent_id()}));
        }
        Self { agents: listed }
    }
}

#[async_trait]
impl Tool for AgentsList {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "agents_list".to_owned(),
            description: "List the agents of this machine.".to_owned(),
            parameters: json!({"type": "object", "properties": {}, "required": []}),
        }
    }

    fn plan(&self, _: &Arguments, _: &Scene<'_>) -> Plan {
        Plan::new(Effect::ReadsOwn, "the list of agents")
    }

    async fn call(&self, _: Arguments, scene: &Scene<'_>) -> Result<ToolOutput, ToolError> {
        let list = json!({"requester": scene.session.agent_id, "agents": self.agents});
        Ok(ToolOutput::text(list.to_string(), Provenance::Program))
    }
}
