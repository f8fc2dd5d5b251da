//! Whose conversations an agent may look at.

use moltbot_config::schema::Config;
use moltbot_store::Session;

/// An agent sees its own conversations; those of others only where `tools.agentToAgent` is on and names both.
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

    /// Whether an agent may look at a conversation.
    ///
    /// # Errors
    /// Why not, in words for the model.
    pub(super) fn check(&self, agent_id: &str, session: &Session) -> Result<(), &'static str> {
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
