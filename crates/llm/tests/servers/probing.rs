//! What the probe finds at real servers.

use std::sync::Arc;

use moltbot_llm::{
    Api, Credentials, Knowledge, ModelState, Probe, ServerKind, ToolCalling, ask_model, over_http,
    probe,
};

use crate::installed::Installed;
use crate::litellm::LiteLlm;
use crate::llama::{Llama, Options};
use crate::served::{APIS, Served};
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

/// What only asking shows, at a server that takes nearly every form.
#[tokio::test]
async fn asking_llama_server() {
    let Some(installed) = Installed::find() else {
        return;
    };
    let Some(llama) = Llama::start(&installed, Options::default()).await else {
        return;
    };
    for api in APIS {
        let model = llama.served(api).model();
        let knowledge = Arc::new(Knowledge::default());
        let backend = over_http(Arc::new(Credentials::default()), Arc::clone(&knowledge));
        let asked = ask_model(&model, None, &*backend, &knowledge).await;
        assert_eq!(asked.failure, None, "{api}: {asked:#?}");
        assert!(asked.usage.as_ref().unwrap().value, "{api}: {asked:#?}");
        let tools = asked.tools.as_ref().unwrap().value;
        assert_ne!(tools, ToolCalling::Refused, "{api}: {asked:#?}");
        if api == Api::OpenAiCompletions {
            let lists = asked.list_content.as_ref().unwrap();
            assert!(lists.value, "{asked:#?}");
            let system = asked.system_messages.as_ref().unwrap().value;
            assert!(system.system && system.several, "{asked:#?}");
        }
        assert!((1..4000).contains(&asked.tokens), "{api}: {asked:#?}");
        let repairs = knowledge.dress(model).await.repairs;
        assert!(repairs.is_empty(), "{api}: {repairs}");
    }
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
