//! Whose conversations an agent may look at.

use moltbot_agent::Scene;
use moltbot_config::schema::Config;
use moltbot_store::Session;
use serde_json::Value;

/// An agent sees its own conversations; those of others only where `tools.agentToAgent` is on and names both. A sandboxed
/// conversation sees itself and those that it started, unless the owner lets it see all.
#[derive(Debug, Clone, Default)]
pub struct SessionAccess {
    /// Patterns of agent ids; `None` where it is off.
    allowed: Option<Vec<String>>,
}

impl SessionAccess {
    /// As the owner configured it.
    pub fn from_config(config: &Config) -> Self {
        let rules = config
            .tools
            .as_ref()
            .and_then(|tools| tools.agent_to_agent.as_ref());
        Self {
            allowed: rules
                .filter(|rules| rules.enabled == Some(true))
                .map(|rules| rules.allow.clone().unwrap_or_default()),
        }
    }

    /// Whether a conversation may look at another.
    ///
    /// # Errors
    /// Why not, in words for the model.
    pub(super) fn check(&self, scene: &Scene<'_>, session: &Session) -> Result<(), &'static str> {
        let agent_id = scene.session.agent_id.as_str();
        let is_confined = scene
            .sandbox
            .is_some_and(|sandbox| !sandbox.sees_all_sessions);
        if is_confined && !is_of(scene.session, session) {
            return Err(
                "A sandboxed conversation sees only itself and those that it started (sandbox.sessionToolsVisibility).",
            );
        }
        if session.agent_id == agent_id {
            return Ok(());
        }
        let Some(allowed) = &self.allowed else {
            return Err(
                "Agent-to-agent messaging is disabled. Set tools.agentToAgent.enabled=true to allow cross-agent sends.",
            );
        };
        let is_named = |id: &str| {
            allowed
                .iter()
                .any(|pattern| pattern == "*" || pattern.eq_ignore_ascii_case(id))
        };
        match is_named(agent_id) && is_named(&session.agent_id) {
            true => Ok(()),
            false => Err("Agent-to-agent messaging denied by tools.agentToAgent.allow."),
        }
    }
}

/// Whether a conversation is this one, or was started by it.
fn is_of(this: &Session, session: &Session) -> bool {
    let started_by = session.settings.get("spawnedBy");
    session.key == this.key || started_by.and_then(Value::as_str) == Some(&this.key)
}
