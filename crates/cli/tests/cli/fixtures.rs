//! What several modules start from: a configuration, an address, and a run with everything it left behind.

use std::process::Output;

use serde_json::Value;

use crate::setup::{Home, err, out};

/// The config file, below the home.
pub(crate) const CONFIG: &str = ".clawdbot/moltbot.json";

/// The configuration of a server `box` at this address with the model `small`, which is the default.
pub(crate) fn box_config(base_url: &str) -> String {
    format!(
        "{{
  // The machine under the desk.
  models: {{
    providers: {{
      box: {{ baseUrl: \"{base_url}\", models: [{{ id: \"small\", name: \"Small\", contextWindow: 32768 }}] }},
    }},
  }},
  agents: {{ defaults: {{ model: {{ primary: \"box/small\" }} }} }},
}}
"
    )
}

/// What a message of a chat completion says, without the stamp that the program puts before a person's.
#[track_caller]
pub(crate) fn said(message: &Value) -> &str {
    let content = message["content"].as_str().unwrap();
    if message["role"] != "user" {
        return content;
    }
    let (stamp, text) = content.split_once('\n').unwrap();
    assert!(stamp.starts_with('[') && stamp.ends_with(']'), "{stamp}");
    text
}

/// An address at which nobody listens.
pub(crate) fn nobody() -> String {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    format!(
        "http://127.0.0.1:{}/v1",
        listener.local_addr().unwrap().port()
    )
}

/// A run, when what it says on standard error or its exit code matters too.
#[derive(Debug)]
pub(crate) struct Said {
    /// Where a signal ended it there is none.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: out(&output),
            stderr: err(&output),
        }
    }
}

impl Said {
    /// The run, which must have succeeded.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:#?}");
        self
    }

    /// What it printed, as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

/// Runs the program.
pub(crate) fn run(home: &Home, args: &[&str]) -> Said {
    home.moltbot(args).into()
}

/// Runs the program with more variables than the home has.
pub(crate) fn run_with(home: &Home, vars: &[(&str, &str)], args: &[&str]) -> Said {
    home.command(args)
        .envs(vars.iter().copied())
        .output()
        .unwrap()
        .into()
}
