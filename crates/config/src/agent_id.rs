//! Ids of agents.

/// The agent that answers when no agent is configured.
pub const MAIN_AGENT: &str = "main";

/// The longest id, in characters.
const LONGEST: usize = 64;

/// The form of an agent id that is used in paths and session keys: lower case, `[a-z0-9][a-z0-9_-]{0,63}`.
///
/// Runs of other characters become one `-`; what stays empty is [`MAIN_AGENT`].
pub fn normalize_agent_id(id: &str) -> String {
    let mut normal = String::new();
    for c in id.trim().to_lowercase().chars() {
        if c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-') {
            normal.push(c);
        } else if !normal.ends_with('-') {
            normal.push('-');
        }
    }
    let normal: String = normal
        .trim_start_matches(['-', '_'])
        .trim_end_matches('-')
        .chars()
        .take(LONGEST)
        .collect();
    if normal.is_empty() {
        MAIN_AGENT.to_owned()
    } else {
        normal
    }
}

#[cfg(test)]
mod tests {
    use super::normalize_agent_id;

    #[test]
    fn gives_ids_their_one_form() {
        assert_eq!(normalize_agent_id(" Work "), "work");
        assert_eq!(normalize_agent_id("My Agent!"), "my-agent");
        assert_eq!(normalize_agent_id("a_b-c9"), "a_b-c9");
        assert_eq!(normalize_agent_id("../../etc"), "etc");
        assert_eq!(normalize_agent_id("  "), "main");
        assert_eq!(normalize_agent_id(&"x".repeat(100)).len(), 64);
    }
}
