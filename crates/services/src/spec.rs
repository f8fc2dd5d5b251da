//! What a keeper has to know about its service.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use moltbot_config::schema::{Api as ConfiguredApi, Provider};
use moltbot_config::{Environment, Paths};
use moltbot_llm::{Api, Endpoint};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::files::Files;
use crate::readiness::Readiness;

/// A service, resolved from the configuration. It goes from the process that needs the service to the keeper through
/// standard input: the environment may hold secrets, which a command line would show to everyone.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Spec {
    /// The provider's id, in its canonical spelling.
    pub provider: String,
    /// The program.
    pub command: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Environment variables beside the inherited ones.
    pub env: BTreeMap<String, String>,
    /// Where it is started.
    pub cwd: PathBuf,
    /// The command that stops a server which goes on after `command` has ended.
    pub stop: Option<Vec<String>>,
    /// How to find out that it takes requests.
    pub ready: Readiness,
    /// Longest time from the start until it is ready.
    pub start_limit: Duration,
    /// Time without a request after which it is stopped; zero keeps it until the programs that used it have ended.
    pub idle: Duration,
    /// Bytes of memory that must be available before it is started.
    pub memory: Option<u64>,
    /// Whether it runs as long as a program of ours does.
    pub keep_warm: bool,
    /// Whether work that nobody waits for may start it.
    pub background: bool,
    /// Where its lock, socket and record lie: `<state>/services`.
    pub dir: PathBuf,
    /// Where its output goes: `<state>/logs/service-<provider>.log`.
    pub log: PathBuf,
    /// Times that are not for the owner to set.
    pub pace: Pace,
}

/// Times that are not for the owner to set.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Pace {
    /// Between two looks at something that gives no signal.
    pub poll: Duration,
    /// From SIGTERM to SIGKILL.
    pub grace: Duration,
    /// Wait after the first failure in a row; it doubles with each further one.
    pub backoff: Duration,
    /// The longest wait after a failure.
    pub backoff_limit: Duration,
    /// A request waits for a pending restart up to this; when it is further away, the request fails at once.
    pub patience: Duration,
    /// After this time without one, failures are forgotten.
    pub forget: Duration,
    /// A keeper with nothing to keep ends when it has heard nothing for this time.
    pub linger: Duration,
    /// How long memory may take to be given back by a process that has ended.
    pub settle: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            poll: Duration::from_millis(250),
            grace: Duration::from_secs(10),
            backoff: Duration::from_secs(1),
            backoff_limit: Duration::from_secs(300),
            patience: Duration::from_secs(5),
            forget: Duration::from_secs(600),
            linger: Duration::from_secs(5),
            settle: Duration::from_secs(5),
        }
    }
}

impl Spec {
    /// The service of a provider (`id` in its canonical spelling); `None` where it has none.
    pub fn new(
        id: &str,
        provider: &Provider,
        environment: &Environment,
        paths: &Paths,
    ) -> Option<Self> {
        let service = provider.service.as_ref()?;
        let written_out = |text: &String| match text.starts_with("~/") {
            true => environment.absolute(text).display().to_string(),
            false => text.clone(),
        };
        let api = match provider.api {
            Some(ConfiguredApi::AnthropicMessages) => Api::AnthropicMessages,
            Some(ConfiguredApi::Ollama) => Api::Ollama,
            // Every other server that people run has a list of models where OpenAI has it.
            _ => Api::OpenAiCompletions,
        };
        let ready = match &service.ready {
            Some(url) => Readiness::Url(url.trim().to_owned()),
            None => {
                let endpoint = Endpoint::from_base(&provider.base_url, api);
                Readiness::Api {
                    models: endpoint.models_url(),
                    health: format!("{}/health", endpoint.server_root()),
                }
            }
        };
        let stem = Files::stem(id);
        Some(Self {
            provider: id.to_owned(),
            command: written_out(&service.command),
            args: service.args().iter().map(written_out).collect(),
            env: service.env.clone().unwrap_or_default(),
            cwd: service
                .cwd
                .as_ref()
                .map_or_else(|| environment.home.clone(), |dir| environment.absolute(dir)),
            stop: service
                .stop
                .as_ref()
                .map(|words| words.iter().map(written_out).collect()),
            ready,
            start_limit: service.start_limit(),
            idle: service.idle(),
            memory: service.memory_bytes(),
            keep_warm: service.keep_warm(),
            background: service.background(),
            dir: paths.state_dir.join("services"),
            log: paths.logs_dir.join(format!("service-{stem}.log")),
            pace: Pace::default(),
        })
    }

    /// Tells one command from another: a hash of everything that decides which server runs.
    pub(crate) fn fingerprint(&self) -> String {
        let what = (&self.command, &self.args, &self.env, &self.cwd, &self.stop);
        // Text, maps and paths: only a path that is no Unicode cannot be written, and is then left to the rest.
        let text = serde_json::to_vec(&what).unwrap_or_default();
        Sha256::digest(&text)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// The files of this service.
    pub(crate) fn files(&self) -> Files {
        Files::new(&self.dir, &self.provider)
    }

    /// The program's own name, for a sentence.
    pub(crate) fn program(&self) -> &str {
        self.command.rsplit('/').next().unwrap_or(&self.command)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};

    use super::*;

    fn spec(provider: Value) -> Option<Spec> {
        let environment = Environment {
            home: "/home/me".into(),
            cwd: "/work".into(),
            ..Environment::default()
        };
        let provider: Provider = serde_json::from_value(provider).unwrap();
        Spec::new(
            "box",
            &provider,
            &environment,
            &Paths::resolve(&environment),
        )
    }

    #[test]
    fn a_service_is_resolved_from_its_provider() {
        let spec = spec(json!({
            "baseUrl": "http://127.0.0.1:8080/v1", "models": [],
            "service": {"command": "~/bin/serve", "args": ["-m", "~/m.gguf", "a~/b"], "idleMinutes": 1, "memory": "1g"}
        }))
        .unwrap();
        assert_eq!(spec.command, "/home/me/bin/serve");
        assert_eq!(spec.program(), "serve");
        assert_eq!(spec.args, ["-m", "/home/me/m.gguf", "a~/b"]);
        assert_eq!(spec.cwd, PathBuf::from("/home/me"));
        assert_eq!(spec.idle, Duration::from_secs(60));
        assert_eq!(spec.memory, Some(1 << 30));
        assert!(spec.log.ends_with(".clawdbot/logs/service-box.log"));
        assert!(
            spec.ready
                == Readiness::Api {
                    models: "http://127.0.0.1:8080/v1/models".into(),
                    health: "http://127.0.0.1:8080/health".into(),
                }
        );
    }

    #[test]
    fn a_provider_without_a_service_has_none() {
        assert!(spec(json!({"baseUrl": "http://127.0.0.1:8080/v1", "models": []})).is_none());
    }

    #[test]
    fn the_fingerprint_is_that_of_the_command_alone() {
        let with = |service: Value| {
            spec(json!({"baseUrl": "http://h", "models": [], "service": service}))
                .unwrap()
                .fingerprint()
        };
        let one = with(json!({"command": "c", "args": ["a"]}));
        assert_eq!(
            one,
            with(json!({"command": "c", "args": ["a"], "idleMinutes": 3}))
        );
        for other in [
            json!({"command": "d", "args": ["a"]}),
            json!({"command": "c", "args": ["b"]}),
            json!({"command": "c", "args": ["a"], "env": {"A": "b"}}),
            json!({"command": "c", "args": ["a"], "cwd": "/x"}),
        ] {
            assert_ne!(one, with(other.clone()), "{other}");
        }
    }
}
