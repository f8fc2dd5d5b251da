//! Each server in each dialect that it speaks.

use moltbot_llm::{Api, FailureClass};

use crate::installed::Installed;
use crate::litellm::LiteLlm;
use crate::llama::{Llama, Options};
use crate::served::{APIS, Served};
use crate::turns::{Habits, run};
use crate::vllm::{self, Vllm};

/// llama-server answers to any name.
fn llama_habits() -> Habits {
    Habits {
        context: Options::default().context,
        unknown_model: None,
        hands_on_reasoning: true,
        counts_the_prompt: true,
    }
}

async fn llama_server(api: Api) {
    let Some(installed) = Installed::find() else {
        return;
    };
    let Some(llama) = Llama::start(&installed, Options::default()).await else {
        return;
    };
    run(&llama.served(api), llama_habits()).await;
}

#[tokio::test]
async fn llama_server_completions() {
    llama_server(Api::OpenAiCompletions).await;
}

#[tokio::test]
async fn llama_server_responses() {
    llama_server(Api::OpenAiResponses).await;
}

#[tokio::test]
async fn llama_server_messages() {
    llama_server(Api::AnthropicMessages).await;
}

/// Starting it takes so long that one does for all dialects.
#[tokio::test]
async fn litellm() {
    let Some(installed) = Installed::find() else {
        return;
    };
    let Some(llama) = Llama::start(&installed, Options::default()).await else {
        return;
    };
    let Some(litellm) = LiteLlm::start(&installed, &llama).await else {
        return;
    };
    let habits = Habits {
        unknown_model: Some(FailureClass::ModelUnavailable),
        ..llama_habits()
    };
    let habits = |api| Habits {
        // It translates this dialect into Responses, and loses the reasoning on the way.
        hands_on_reasoning: api != Api::AnthropicMessages,
        ..habits
    };
    all_dialects(APIS.map(|api| (litellm.served(api), habits(api)))).await;
}

#[tokio::test]
async fn vllm() {
    let Some(installed) = Installed::find() else {
        return;
    };
    let Some(vllm) = Vllm::start(&installed).await else {
        return;
    };
    let habits = Habits {
        context: vllm::CONTEXT,
        hands_on_reasoning: true,
        unknown_model: Some(FailureClass::ModelUnavailable),
        counts_the_prompt: true,
    };
    all_dialects(APIS.map(|api| (vllm.served(api), habits))).await;
}

/// All are tried, even where one fails.
async fn all_dialects(dialects: [(Served, Habits); 3]) {
    let mut failed = Vec::new();
    for (served, habits) in dialects {
        let api = served.api;
        if tokio::spawn(async move { run(&served, habits).await })
            .await
            .is_err()
        {
            failed.push(api.as_str());
        }
    }
    assert!(failed.is_empty(), "{failed:?}");
}
