//! What the owner has set about commands.

use std::collections::BTreeMap;
use std::time::Duration;

use moltbot_config::Config;
use moltbot_config::Environment;

use super::environment;
use super::rules::CommandRules;

/// How long a call may wait for its command, least and most.
const YIELD: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(120));
/// How long an ended command may be remembered, least and most.
const KEEP: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(3 * 3600));

/// How an agent's commands are run.
#[derive(Clone, PartialEq, Eq)]
pub struct ExecSettings {
    /// How long a call waits before its command goes on in the background.
    pub yield_after: Duration,
    /// How long a command may run.
    pub timeout: Duration,
    /// How long a command in the background is remembered after its end.
    pub keep: Duration,
    /// The environment that commands start with.
    pub environment: BTreeMap<String, String>,
    /// What the owner allowed or forbade for good; `None`: nothing.
    pub rules: Option<CommandRules>,
}

impl ExecSettings {
    /// The settings of an agent: `tools.exec`, and key by key over it the agent's own `tools.exec`.
    ///
    /// Commands get the program's environment, the owner's `env` block and `.env` files included, with the folders of
    /// `pathPrepend` first in `PATH`. Left out is what looks like a secret of this program: names that end in
    /// `_API_KEY`, `_TOKEN`, `_SECRET`, `_PASSWORD` and the like, and all that begin with `CLAWDBOT_` or `MOLTBOT_`.
    pub fn from_config(config: &Config, agent_id: &str, environment: &Environment) -> Self {
        let exec = config.exec(agent_id);
        let default = Self::default();
        Self {
            yield_after: exec
                .background_ms
                .map_or(default.yield_after, Self::yield_within),
            timeout: exec.timeout_sec.map_or(default.timeout, Self::timeout_of),
            keep: exec.cleanup_ms.map_or(default.keep, |ms| {
                Duration::from_millis(ms).clamp(KEEP.0, KEEP.1)
            }),
            environment: environment::of_commands(
                &environment.vars,
                exec.path_prepend.as_deref().unwrap_or_default(),
            ),
            rules: Some(CommandRules::new(exec, agent_id, environment)),
        }
    }

    /// The time that a call waits, of as many milliseconds as were asked for.
    pub(super) fn yield_within(ms: u64) -> Duration {
        Duration::from_millis(ms).clamp(YIELD.0, YIELD.1)
    }

    /// The time that a command may run, of as many seconds as were asked for; at most a year.
    pub(super) fn timeout_of(seconds: u64) -> Duration {
        Duration::from_secs(seconds.clamp(1, 365 * 24 * 3600))
    }
}

impl Default for ExecSettings {
    /// What holds where the owner has set nothing, with an empty environment.
    fn default() -> Self {
        Self {
            yield_after: Duration::from_secs(10),
            timeout: Duration::from_secs(1800),
            keep: Duration::from_secs(1800),
            environment: BTreeMap::new(),
            rules: None,
        }
    }
}

impl std::fmt::Debug for ExecSettings {
    /// Names the variables without their values.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExecSettings")
            .field("yield_after", &self.yield_after)
            .field("timeout", &self.timeout)
            .field("keep", &self.keep)
            .field("environment", &self.environment.keys())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn settings(config: &str, agent: &str) -> ExecSettings {
        let config: Config = serde_json::from_str(config).unwrap();
        let mut environment = Environment::default();
        environment
            .vars
            .insert("PATH".to_owned(), "/bin".to_owned());
        environment
            .vars
            .insert("OPENAI_API_KEY".to_owned(), "secret".to_owned());
        ExecSettings::from_config(&config, agent, &environment)
    }

    #[test]
    fn an_agents_own_keys_win_one_by_one() {
        let config = r#"{
            "tools": {"exec": {"backgroundMs": 500, "timeoutSec": 60, "cleanupMs": 1, "pathPrepend": ["/a", "/b"]}},
            "agents": {"list": [{"id": "main"}, {"id": "work", "tools": {"exec": {"timeoutSec": 5}}}]}
        }"#;
        let work = settings(config, "work");
        assert_eq!(work.yield_after, Duration::from_millis(500));
        assert_eq!(work.timeout, Duration::from_secs(5));
        assert_eq!(work.keep, KEEP.0);
        assert_eq!(work.environment["PATH"], "/a:/b:/bin");
        assert_eq!(settings(config, "main").timeout, Duration::from_secs(60));
    }

    #[test]
    fn without_settings_the_defaults_hold() {
        let plain = settings("{}", "main");
        let default = ExecSettings::default();
        assert_eq!(plain.yield_after, default.yield_after);
        assert_eq!(plain.timeout, default.timeout);
        assert_eq!(plain.environment.keys().collect::<Vec<_>>(), ["PATH"]);
    }
}
