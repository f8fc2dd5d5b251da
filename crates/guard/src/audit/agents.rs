//! What an audit knows of an agent, and which tools matter.

use std::collections::BTreeSet;

use moltbot_config::Config;
use moltbot_config::schema::SandboxMode;
use moltbot_llm::Model;

/// Tools that bring what strangers wrote into a conversation.
pub const WEB_TOOLS: [&str; 3] = ["web_search", "web_fetch", "browser"];

/// Tools that change or send something.
pub const ACTING_TOOLS: [&str; 11] = [
    "exec",
    "process",
    "write",
    "edit",
    "apply_patch",
    "message",
    "sessions_send",
    "sessions_spawn",
    "cron",
    "gateway",
    "nodes",
];

/// An agent, as far as it matters here.
#[derive(Debug, Clone)]
pub struct AgentFacts {
    /// Its id.
    pub id: String,
    /// The models that answer for it: the first and the fallbacks, whether they may be asked or not.
    pub models: Vec<Model>,
    /// The models that look at pictures for it.
    pub image_models: Vec<Model>,
    /// Those of [`WEB_TOOLS`] and [`ACTING_TOOLS`] that it has.
    pub tools: BTreeSet<String>,
}

impl AgentFacts {
    /// The tools that bring in what strangers wrote.
    pub(super) fn web_tools(&self) -> Vec<&str> {
        self.among(&WEB_TOOLS)
    }

    /// The tools that change or send something.
    pub(super) fn acting_tools(&self) -> Vec<&str> {
        self.among(&ACTING_TOOLS)
    }

    /// Whether what it reads could do much: it runs commands, or acts and reads what strangers wrote.
    pub(super) fn has_wide_tools(&self) -> bool {
        self.tools.contains("exec")
            || !self.web_tools().is_empty() && !self.acting_tools().is_empty()
    }

    fn among<'a>(&self, names: &[&'a str]) -> Vec<&'a str> {
        let has = |name: &&str| self.tools.contains(*name);
        names.iter().copied().filter(has).collect()
    }
}

/// Which conversations of an agent are to be confined.
pub(super) fn sandbox_mode(config: &Config, agent_id: &str) -> SandboxMode {
    let agents = config.agents();
    let own = agents
        .agent(agent_id)
        .and_then(|agent| agent.sandbox.as_ref());
    let shared = agents.defaults().sandbox.as_ref();
    own.and_then(|sandbox| sandbox.mode)
        .or_else(|| shared.and_then(|sandbox| sandbox.mode))
        .unwrap_or(SandboxMode::Off)
}
