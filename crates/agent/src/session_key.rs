//! The names by which conversations are found.

use std::fmt;

use moltbot_config::normalize_agent_id;

/// The part of a key that stands for the owner's own direct conversation.
const MAIN: &str = "main";

/// A session key, such as `agent:main:main`. Always lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SessionKey {
    agent: String,
    rest: String,
}

impl SessionKey {
    /// The owner's direct conversation with an agent: `agent:<id>:main`.
    pub fn main(agent: &str) -> Self {
        Self {
            agent: normalize_agent_id(agent),
            rest: MAIN.to_owned(),
        }
    }

    /// A conversation of an agent under a name of the caller's own: `agent:<id>:<name>`.
    pub fn named(agent: &str, name: &str) -> Self {
        let name = name.trim().to_lowercase();
        Self {
            agent: normalize_agent_id(agent),
            rest: if name.is_empty() {
                MAIN.to_owned()
            } else {
                name
            },
        }
    }

    /// Reads a whole key (`agent:<id>:<rest>`), or takes any other text as a name under `agent`.
    pub fn parse(text: &str, agent: &str) -> Self {
        let lower = text.trim().to_lowercase();
        match lower
            .strip_prefix("agent:")
            .and_then(|rest| rest.split_once(':'))
        {
            Some((id, rest)) if !id.is_empty() && !rest.is_empty() => Self {
                agent: normalize_agent_id(id),
                rest: rest.to_owned(),
            },
            _ => Self::named(agent, &lower),
        }
    }

    /// The agent whose conversation it is.
    pub fn agent(&self) -> &str {
        &self.agent
    }
}

impl fmt::Display for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "agent:{}:{}", self.agent, self.rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_lower_case_and_blank_parts_mean_main() {
        assert_eq!(SessionKey::main("Work").to_string(), "agent:work:main");
        assert_eq!(SessionKey::main("  ").to_string(), "agent:main:main");
        assert_eq!(
            SessionKey::named("main", " Todo ").to_string(),
            "agent:main:todo"
        );
        assert_eq!(SessionKey::named("main", "").to_string(), "agent:main:main");
    }

    #[test]
    fn a_whole_key_is_taken_as_it_is() {
        let key = SessionKey::parse("agent:Work:telegram:dm:42", "main");
        assert_eq!(key.to_string(), "agent:work:telegram:dm:42");
        assert_eq!(key.agent(), "work");
        assert_eq!(
            SessionKey::parse("1234", "main").to_string(),
            "agent:main:1234"
        );
    }
}
