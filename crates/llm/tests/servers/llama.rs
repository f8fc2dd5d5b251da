//! llama.cpp's server.

use std::path::PathBuf;
use std::process::Command;

use moltbot_llm::Api;

use crate::installed::Installed;
use crate::process::Process;
use crate::served::Served;

/// A chat template in whose marks a tiny model really calls tools.
pub(crate) const TEMPLATE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/servers/templates/plain_marks.jinja"
);

/// How a server is started.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Tokens that one conversation may have.
    pub(crate) context: u64,
    /// Conversations at the same time.
    pub(crate) slots: u64,
    /// Another model than the small one, with its own template; its name for captures.
    pub(crate) model: Option<(PathBuf, &'static str)>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            context: 2048,
            slots: 1,
            model: None,
        }
    }
}

/// A running llama-server.
pub(crate) struct Llama {
    pub(crate) process: Process,
    model: &'static str,
}

impl Llama {
    /// Starts one; `None`, said aloud, where it or its model is not installed.
    pub(crate) async fn start(installed: &Installed, options: Options) -> Option<Self> {
        let program = installed.llama_server()?;
        let (weights, model, template) = match options.model {
            Some((weights, name)) => (weights, name, None),
            None => (installed.small_model()?, "smollm2", Some(TEMPLATE)),
        };
        let process = Process::start("/health", |port, _| {
            let mut command = Command::new(program);
            let context = options.context * options.slots;
            command
                .args(["--host", "127.0.0.1", "--port", &port.to_string()])
                .arg("--model")
                .arg(weights)
                .args(["--alias", model, "--jinja", "--slots", "--metrics"])
                .args(["--parallel", &options.slots.to_string()])
                .args(["--ctx-size", &context.to_string(), "--no-kv-unified"])
                // Threads that wait for each other by spinning slow each other down on a busy machine.
                .env("GOMP_SPINCOUNT", "1000");
            if let Some(template) = template {
                command.args(["--chat-template-file", template]);
            }
            command
        })
        .await;
        Some(Self { process, model })
    }

    /// What it calls its model.
    pub(crate) fn model(&self) -> &'static str {
        self.model
    }

    /// Its model in a dialect.
    pub(crate) fn served(&self, api: Api) -> Served {
        Served {
            origin: self.process.origin.clone(),
            model: self.model.to_owned(),
            api,
            label: format!("llama-server-b11434-{}", self.model),
        }
    }
}
