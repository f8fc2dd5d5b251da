//! What to change where a conversation does not fit at all.

use std::fmt;

use moltbot_llm::{Api, Failure, Model, ModelRef, ServerKind, Source};

/// A conversation that does not fit even when it is shortened as far as it goes. `Display` is the sentence for the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TooLong {
    /// The model.
    pub model: ModelRef,
    /// The tokens of the shortest prompt, counted by the server or estimated.
    pub prompt: u64,
    /// The tokens that the server takes, where it said.
    pub limit: Option<u64>,
    /// A window in which it would fit, in tokens.
    pub wanted: u64,
    /// What to change for that.
    advice: String,
}

impl TooLong {
    /// For a refusal that came back for the shortest prompt.
    pub(crate) fn new(model: &Model, failure: &Failure, estimated: u64) -> Self {
        let prompt = failure.tokens.prompt.unwrap_or(estimated);
        let limit = failure.tokens.limit;
        let least = prompt.max(limit.unwrap_or_default());
        // The answer needs room too.
        let wanted = (least + (least / 4).max(1024)).div_ceil(1024) * 1024;
        Self {
            model: model.reference.clone(),
            prompt,
            limit,
            wanted,
            advice: advice(model, failure, wanted),
        }
    }
}

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            model,
            prompt,
            limit,
            wanted,
            advice,
        } = self;
        write!(
            f,
            "The conversation does not fit {model}, even shortened as far as it goes: about {prompt} tokens must stay"
        )?;
        if let Some(limit) = limit {
            let more = wanted - limit.min(wanted);
            write!(f, ", and it takes {limit} ({more} too few)")?;
        }
        write!(
            f,
            ". {advice}. Or send less at a time, or start a new session with /new."
        )
    }
}

impl std::error::Error for TooLong {}

fn advice(model: &Model, failure: &Failure, wanted: u64) -> String {
    let (provider, id) = (&model.reference.provider, &model.reference.model);
    let window = format!("contextWindow of {id} in models.providers.{provider}.models");
    // It was held against what is set or known here, not sent.
    let is_ours = failure.tokens.counted.is_some() && model.context_source == Source::Config;
    let set = match is_ours {
        true => format!(" and set {window} to it (it is {})", model.context_window),
        false => format!("; set {window} to it too if that is lower"),
    };
    match (model.api, model.server) {
        (Api::Engine, _) => format!("Raise agents.defaults.contextTokens to {wanted} or more"),
        (Api::Ollama, _) => {
            format!("Set {window} to {wanted} or more: it is sent to Ollama as num_ctx")
        }
        (_, Some(ServerKind::Ollama)) => {
            format!(
                "Raise num_ctx of {id} to {wanted} or more (OLLAMA_CONTEXT_LENGTH={wanted} ollama serve){set}"
            )
        }
        (_, Some(ServerKind::LlamaCpp)) => {
            format!("Start llama-server with -c {wanted} or more, for each of its slots{set}")
        }
        (_, Some(ServerKind::Vllm)) => {
            format!("Start vLLM with --max-model-len {wanted} or more{set}")
        }
        (_, Some(ServerKind::Sglang)) => {
            format!("Start SGLang with --context-length {wanted} or more{set}")
        }
        (_, Some(ServerKind::LmStudio)) => {
            format!("Load {id} in LM Studio with a Context Length of {wanted} or more{set}")
        }
        _ if model.is_local() => format!(
            "Give its server a context of {wanted} tokens or more (llama.cpp: -c, Ollama: num_ctx, vLLM: --max-model-len, LM Studio: Context Length){set}"
        ),
        _ if is_ours => format!(
            "Raise {window} to {wanted} or more if the model takes that, or use one that does"
        ),
        _ => format!("Use a model that takes {wanted} tokens or more"),
    }
}
