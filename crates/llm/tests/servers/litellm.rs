//! The LiteLLM proxy, in front of llama.cpp's server.

use std::process::Command;

use moltbot_llm::Api;

use crate::installed::Installed;
use crate::llama::Llama;
use crate::process::Process;
use crate::served::Served;

/// A running proxy.
pub(crate) struct LiteLlm {
    pub(crate) process: Process,
    model: String,
}

impl LiteLlm {
    /// Starts one; `None`, said aloud, where it is not installed.
    pub(crate) async fn start(installed: &Installed, behind: &Llama) -> Option<Self> {
        let program = installed.part("litellm")?.join("bin/litellm");
        let model = behind.model().to_owned();
        let upstream = &behind.process.origin;
        let config = serde_json::json!({"model_list": [{
            "model_name": model,
            "litellm_params": {
                "model": format!("openai/{model}"),
                "api_base": format!("{upstream}/v1"),
                "api_key": "none",
            },
        }]});
        let process = Process::start("/v1/model/info", |port, home| {
            let file = home.path().join("config.yaml");
            // JSON is YAML too.
            std::fs::write(&file, config.to_string()).unwrap();
            let mut command = Command::new(program);
            command
                .args(["--host", "127.0.0.1", "--port", &port.to_string()])
                .arg("--config")
                .arg(file)
                // With a key it would be no different, but for the key.
                .env(
                    "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY",
                    "true",
                )
                // It would fetch its table of models.
                .env("LITELLM_LOCAL_MODEL_COST_MAP", "True");
            command
        })
        .await;
        Some(Self { process, model })
    }

    /// Its model in a dialect.
    pub(crate) fn served(&self, api: Api) -> Served {
        Served {
            origin: self.process.origin.clone(),
            model: self.model.clone(),
            api,
            label: "litellm-1.106.2-over-llama-server".to_owned(),
        }
    }
}
