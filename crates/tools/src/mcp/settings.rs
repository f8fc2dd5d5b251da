//! What the owner says about one server.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use moltbot_agent::{Effect, matches_name};
use moltbot_config::Environment;
use moltbot_config::schema::{McpServer, McpTools, McpTrust};
use moltbot_llm::Provenance;
use reqwest::Url;
use sha2::{Digest as _, Sha256};

/// What of this program's environment its servers get: what programs need to find their files and their language.
/// Keys and tokens are not among it; a server that needs one has it in its `env`.
const INHERITED: [&str; 15] = [
    "HOME",
    "LANG",
    "LANGUAGE",
    "LOGNAME",
    "PATH",
    "SHELL",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TERM",
    "TMPDIR",
    "TZ",
    "USER",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
];

/// One server, as configured.
#[derive(Clone)]
pub(super) struct ServerSettings {
    /// Its name.
    pub(super) name: String,
    /// How it is reached.
    pub(super) place: Place,
    /// Longest time of a call.
    pub(super) timeout: Duration,
    /// Longest time from the start until its tools are known.
    pub(super) start_timeout: Duration,
    trust: McpTrust,
    tools: McpTools,
}

/// How a server is reached.
#[derive(Clone)]
pub(super) enum Place {
    /// A program of this machine.
    Program(Program),
    /// An address.
    Address {
        url: String,
        headers: BTreeMap<String, String>,
    },
}

/// A program that is a server.
#[derive(Clone)]
pub(super) struct Program {
    pub(super) command: String,
    pub(super) args: Vec<String>,
    /// The whole environment.
    pub(super) env: BTreeMap<String, String>,
    pub(super) cwd: PathBuf,
}

impl ServerSettings {
    /// Reads a server of the configuration; `None` where it is switched off or has no place.
    pub(super) fn new(name: &str, server: &McpServer, environment: &Environment) -> Option<Self> {
        if !server.enabled() {
            return None;
        }
        let written_out = |text: &String| match text.starts_with("~/") {
            true => environment.absolute(text).display().to_string(),
            false => text.clone(),
        };
        let place = match (&server.command, &server.url) {
            (Some(command), _) => Place::Program(Program {
                command: written_out(command),
                args: server.args.iter().flatten().map(written_out).collect(),
                env: variables(server, environment),
                cwd: server
                    .cwd
                    .as_ref()
                    .map_or_else(|| environment.home.clone(), |dir| environment.absolute(dir)),
            }),
            (None, Some(url)) => Place::Address {
                url: url.trim().to_owned(),
                headers: server.headers.clone().unwrap_or_default(),
            },
            (None, None) => return None,
        };
        Some(Self {
            name: name.to_owned(),
            place,
            timeout: server.timeout(),
            start_timeout: server.start_timeout(),
            trust: server.trust(),
            tools: server.tools.clone().unwrap_or_default(),
        })
    }

    /// Changes when what the server is started or reached with does. A hash: it is kept, and what it is made of holds
    /// secrets.
    pub(super) fn fingerprint(&self) -> String {
        let made_of = match &self.place {
            Place::Program(program) => serde_json::json!({
                "command": program.command,
                "args": program.args,
                "env": program.env,
                "cwd": program.cwd,
            }),
            Place::Address { url, headers } => serde_json::json!({"url": url, "headers": headers}),
        };
        hex(&Sha256::digest(made_of.to_string()), 16)
    }

    /// Whose words its descriptions are. A program of this machine does what it likes already, so its words add nothing; of
    /// whoever is at an address the owner may not know anything but the address.
    pub(super) fn words(&self) -> Provenance {
        match (&self.place, self.trust) {
            (Place::Address { .. }, McpTrust::None) => Provenance::Outside,
            _ => Provenance::Program,
        }
    }

    /// Whether the owner vouches for it: what is asked of it may be anything.
    pub(super) fn is_vouched_for(&self) -> bool {
        self.trust != McpTrust::None
    }

    /// Whether a tool is offered, by the server's own name for it.
    pub(super) fn offers(&self, tool: &str) -> bool {
        let names = |list: &Option<Vec<String>>| {
            list.iter().flatten().any(|entry| matches_name(entry, tool))
        };
        let is_allowed = self.tools.allow.as_ref().is_none_or(Vec::is_empty);
        (is_allowed || names(&self.tools.allow)) && !names(&self.tools.deny)
    }

    /// What a call of a tool does, as far as the owner vouches for it. What a server says of its own tools counts only
    /// where the owner lets it.
    pub(super) fn effect(&self, says_it_only_reads: bool) -> Effect {
        match (self.trust, says_it_only_reads) {
            (McpTrust::ReadOnly, _) | (McpTrust::Hints, true) => Effect::ReadsOutside,
            (McpTrust::Hints, false) | (McpTrust::None, _) => Effect::Sends,
        }
    }

    /// How it is reached, for the owner: no arguments, no query, no headers, which may hold secrets.
    pub(super) fn shown(&self) -> String {
        match &self.place {
            Place::Program(program) => program.command.clone(),
            Place::Address { url, .. } => match Url::parse(url) {
                Ok(url) => format!("{}{}", url.origin().ascii_serialization(), url.path()),
                Err(_) => "(no URL)".to_owned(),
            },
        }
    }
}

impl fmt::Debug for ServerSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerSettings")
            .field("name", &self.name)
            .field("place", &self.shown())
            .finish_non_exhaustive()
    }
}

fn variables(server: &McpServer, environment: &Environment) -> BTreeMap<String, String> {
    let inherited = environment
        .vars
        .iter()
        .filter(|(name, _)| INHERITED.contains(&name.as_str()) || name.starts_with("LC_"));
    inherited
        .chain(server.env.iter().flatten())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// The first `digits` of bytes, written in hexadecimal digits.
pub(super) fn hex(bytes: &[u8], digits: usize) -> String {
    let mut text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    text.truncate(digits);
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};

    use super::*;

    fn settings(server: Value) -> ServerSettings {
        let environment = Environment {
            vars: [
                ("PATH", "/bin"),
                ("LC_ALL", "C"),
                ("OPENAI_API_KEY", "k"),
                ("MOLTBOT_X", "y"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
            home: "/home/me".into(),
            cwd: "/work".into(),
        };
        let server = serde_json::from_value(server).unwrap();
        ServerSettings::new("x", &server, &environment).unwrap()
    }

    #[test]
    fn a_program_gets_what_it_needs_and_none_of_our_keys() {
        let one = settings(
            json!({"command": "~/bin/s", "args": ["~/d", "-x"], "env": {"TOKEN": "t", "PATH": "/opt"}}),
        );
        let Place::Program(program) = &one.place else {
            panic!("{one:?}");
        };
        assert_eq!(program.command, "/home/me/bin/s");
        assert_eq!(program.args, ["/home/me/d", "-x"]);
        assert_eq!(program.cwd, PathBuf::from("/home/me"));
        let env: Vec<_> = program
            .env
            .iter()
            .map(|(k, v)| format!("{k}={v}"))
            .collect();
        assert_eq!(env, ["LC_ALL=C", "PATH=/opt", "TOKEN=t"]);
    }

    #[test]
    fn the_fingerprint_goes_by_what_the_server_is_started_with() {
        let base = settings(json!({"command": "s", "env": {"A": "secret"}}));
        let same = settings(json!({"command": "s", "env": {"A": "secret"}, "timeoutSeconds": 5}));
        let other = settings(json!({"command": "s", "env": {"A": "other"}}));
        assert_eq!(base.fingerprint(), same.fingerprint());
        assert_ne!(base.fingerprint(), other.fingerprint());
        assert!(!base.fingerprint().contains("secret"));
    }

    #[test]
    fn the_owner_chooses_tools_and_says_what_their_calls_do() {
        let one = settings(
            json!({"url": "https://u:p@h/mcp?key=k", "tools": {"allow": ["get_*", "put"], "deny": ["get_all"]}}),
        );
        for (tool, is_offered) in [
            ("get_x", true),
            ("put", true),
            ("get_all", false),
            ("del", false),
        ] {
            assert_eq!(one.offers(tool), is_offered, "{tool}");
        }
        assert_eq!(one.shown(), "https://h/mcp");
        assert_eq!(one.effect(true), Effect::Sends);
        for (trust, hinted, effect) in [
            ("none", true, Effect::Sends),
            ("hints", true, Effect::ReadsOutside),
            ("hints", false, Effect::Sends),
            ("readOnly", false, Effect::ReadsOutside),
        ] {
            let one = settings(json!({"command": "s", "trust": trust}));
            assert_eq!(one.effect(hinted), effect, "{trust}");
        }
    }
}
