//! How much one turn may do.

use moltbot_llm::Usage;

/// The limits of one turn. The time that it may take is the agent's `timeoutSeconds`. No compaction resets them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Tool calls.
    pub calls: u32,
    /// Tokens that models read anew or write, in all steps together.
    pub tokens: u64,
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
                "the limit of {} tool calls for one turn is reached",
                limits.calls
            ));
        }
        (tokens >= limits.tokens).then(|| {
            format!(
                "the limit of {} tokens for one turn is reached",
                limits.tokens
            )
        })
    }
}
