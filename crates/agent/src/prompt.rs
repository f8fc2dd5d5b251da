//! The system prompt. It holds nothing that changes from turn to turn: every server can keep it cached.

/// What the model is told about itself.
const SYSTEM: &str = "You are Moltbot, a personal assistant that runs on its owner's own machine. \
You are talking with your owner. Answer in the language you are spoken to, directly and briefly; \
when you do not know something, say so.";

/// The system prompt of an agent.
pub fn system_prompt() -> &'static str {
    SYSTEM
}
