//! What the owner allows sub-agents.

use std::collections::BTreeMap;
use std::time::Duration;

use moltbot_config::schema::Config;

/// The owner's rules about sub-agents.
#[derive(Debug, Clone)]
pub struct SubagentRules {
    /// Most of them that work at the same time; the others wait.
    pub(super) most: usize,
    /// How long after its end the session of one is put away.
    pub(super) archive_after: Duration,
    /// Their model where neither the call nor the agent names one.
    default_model: Option<String>,
    /// The agents there are, by id. Empty: one that is called `main`.
    agents: BTreeMap<String, OfAgent>,
}

#[derive(Debug, Clone)]
struct OfAgent {
    /// Agents that it may start beside itself.
    allowed: Vec<String>,
    /// The model of its sub-agents.
    model: Option<String>,
}

impl SubagentRules {
    /// As the owner configured them (`agents.defaults.subagents`, `agents.list[].subagents`).
    pub fn from_config(config: &Config) -> Self {
        let agents = config.agents();
        let defaults = agents.defaults().subagents.clone().unwrap_or_default();
        let primary = |model: Option<&moltbot_config::schema::ModelChoice>| {
            model.and_then(|model| model.primary()).map(str::to_owned)
        };
        let of_agents = agents.list().iter().map(|agent| {
            let own = agent.subagents.as_ref();
            let rules = OfAgent {
                allowed: own
                    .and_then(|own| own.allow_agents.clone())
                    .unwrap_or_default(),
                model: primary(own.and_then(|own| own.model.as_ref())),
            };
            (agent.normalized_id(), rules)
        });
        Self {
            most: defaults.max_concurrent.unwrap_or(8) as usize,
            archive_after: Duration::from_secs(
                60 * u64::from(defaults.archive_after_minutes.unwrap_or(60)),
            ),
            default_model: primary(defaults.model.as_ref()),
            agents: of_agents.collect(),
        }
    }

    /// Whether there is such an agent.
    pub(super) fn knows(&self, agent: &str) -> bool {
        match self.agents.is_empty() {
            true => agent == moltbot_config::MAIN_AGENT,
            false => self.agents.contains_key(agent),
        }
    }

    /// Whether an agent may start another.
    ///
    /// # Errors
    /// Why not, in words for the model.
    pub(super) fn may_start(&self, agent: &str, other: &str) -> Result<(), String> {
        if agent == other {
            return Ok(());
        }
        let allowed = self
            .agents
            .get(agent)
            .map_or(&[][..], |rules| &rules.allowed);
        let is_it = |name: &String| name == "*" || name.eq_ignore_ascii_case(other);
        if allowed.iter().any(is_it) {
            return Ok(());
        }
        let allowed = match allowed {
            [] => "none".to_owned(),
            allowed => allowed.join(", "),
        };
        Err(format!(
            "agentId \"{other}\" is not allowed for sessions_spawn (allowed: {allowed}); the owner allows it in agents.list[].subagents.allowAgents of the agent \"{agent}\"."
        ))
    }

    /// The model that the owner set for sub-agents of this agent's kind.
    pub(super) fn model(&self, agent: &str) -> Option<&str> {
        let own = self
            .agents
            .get(agent)
            .and_then(|rules| rules.model.as_deref());
        own.or(self.default_model.as_deref())
    }
}
