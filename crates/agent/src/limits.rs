//! How much one turn may do.

use moltbot_config::schema::TurnLimits;
use moltbot_llm::Usage;

/// The limits of one turn. The time that it may take is the agent's `timeoutSeconds`. No compaction resets them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Tool calls.
    pub calls: u32,
    /// Tokens that models read anew or write, in all steps together.
    pub tokens: u64,
}

impl Limits {
    /// As the owner configured it (`agents.defaults.limits`, or the agent's own).
    pub fn from_config(config: &TurnLimits) -> Self {
        let default = Self::default();
        Self {
            calls: config.tool_calls.unwrap_or(default.calls),
            tokens: config.tokens.unwrap_or(default.tokens),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            calls: 100,
            tokens: 2_000_000,
        }
    }
}

/// What a turn has spent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Spent {
    pub(crate) calls: u32,
    pub(crate) usage: Usage,
}

impl Spent {
    /// Which limit is reached, in words for the model and the person; `None` while there is room.
    pub(crate) fn over(&self, limits: Limits) -> Option<String> {
        let tokens = self.usage.input + self.usage.cache_write + self.usage.output;
        if self.calls >= limits.calls {
            return Some(format!(
                "the limit of {} tool calls for one turn is reached (limits.toolCalls of agents.defaults or of the agent changes it)",
                limits.calls
            ));
        }
        (tokens >= limits.tokens).then(|| {
            format!(
                "the limit of {} tokens for one turn is reached (limits.tokens of agents.defaults or of the agent changes it)",
                limits.tokens
            )
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use moltbot_config::Config;
    use serde_json::json;

    use super::*;

    #[test]
    fn limits_are_the_agents_own_or_those_of_all_and_the_sentence_names_the_key() {
        let config: Config = serde_json::from_value(json!({"agents": {
            "defaults": {"limits": {"toolCalls": 5, "tokens": 1000}},
            "list": [{"id": "main"}, {"id": "busy", "limits": {"toolCalls": 50}}],
        }}))
        .unwrap();
        let of = |agent: &str| Limits::from_config(&config.agents().limits(agent));
        let limits = |calls, tokens| Limits { calls, tokens };
        assert_eq!(of("main"), limits(5, 1000));
        assert_eq!(of("busy"), limits(50, 1000));
        assert_eq!(
            Limits::from_config(&TurnLimits::default()),
            Limits::default()
        );
        let spent = |calls, input| Spent {
            calls,
            usage: Usage {
                input,
                ..Usage::default()
            },
        };
        assert_eq!(spent(4, 999).over(of("main")), None);
        let over = spent(5, 0).over(of("main")).unwrap();
        assert!(
            over.contains("5 tool calls") && over.contains("limits.toolCalls"),
            "{over}"
        );
        let over = spent(0, 1000).over(of("main")).unwrap();
        assert!(
            over.contains("1000 tokens") && over.contains("limits.tokens"),
            "{over}"
        );
    }
}
