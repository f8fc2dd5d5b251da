//! What the probe finds at real servers.

use moltbot_llm::{Api, ModelState, Probe, ServerKind, probe};

use crate::installed::Installed;
use crate::litellm::LiteLlm;
use crate::llama::{Llama, Options};
use crate::served::Served;
use crate::vllm::{self, Vllm};

async fn look(served: &Served) -> Probe {
    let probe = probe(&served.model(), None).await.unwrap();
    assert_eq!(probe.models.len(), 1, "{probe:#?}");
    assert_eq!(probe.models[0].id, served.model);
    probe
}

fn version(probe: &Probe) -> &str {
    &probe.version.as_ref().unwrap().value
}

#[tokio::test]
async fn llama_server_and_litellm() {
    let Some(installed) = Installed::find() else {
        return;
    };
    let options = Options {
        context: 1024,
        slots: 3,
        ..Options::default()
    };
    let Some(llama) = Llama::start(&installed, options).await else {
        return;
    };
    let found = look(&llama.served(Api::OpenAiCompletions)).await;
    assert_eq!(found.server.value, ServerKind::LlamaCpp);
    assert!(version(&found).contains("11434"), "{found:#?}");
    let model = &found.models[0];
    assert_eq!(model.state.as_ref().unwrap().value, ModelState::Loaded);
    assert_eq!(model.loaded_context.as_ref().unwrap().value, 1024);
    assert_eq!(model.max_context.as_ref().unwrap().value, 8192);
    assert_eq!(model.slots.as_ref().unwrap().value, 3);
    assert!(!model.vision.as_ref().unwrap().value);
    assert!(model.tools.as_ref().unwrap().value);

    let Some(litellm) = LiteLlm::start(&installed, &llama).await else {
        return;
    };
    let found = look(&litellm.served(Api::OpenAiCompletions)).await;
    assert_eq!(found.server.value, ServerKind::LiteLlm);
    // Without a database it tells its version nowhere but with its replies.
    assert_eq!(found.version, None);
}

#[tokio::test]
async fn vllm_tells_its_context() {
    let Some(installed) = Installed::find() else {
        return;
    };
    let Some(vllm) = Vllm::start(&installed).await else {
        return;
    };
    let found = look(&vllm.served(Api::OpenAiCompletions)).await;
    assert_eq!(found.server.value, ServerKind::Vllm);
    assert!(version(&found).starts_with("0.32.0"), "{found:#?}");
    let model = &found.models[0];
    assert_eq!(model.loaded_context.as_ref().unwrap().value, vllm::CONTEXT);
    assert_eq!(model.state.as_ref().unwrap().value, ModelState::Loaded);
}
