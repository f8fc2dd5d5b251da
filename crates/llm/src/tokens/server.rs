//! Having a server count a prompt with its own tokenizer and chat template.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::dialect::encode;
use crate::endpoint::Endpoint;
use crate::lookup::Lookup;
use crate::model::{Api, Model};
use crate::probe::ServerKind;
use crate::repair::wire_form;
use crate::request::Request;

/// How long a server may count. A hundred thousand tokens take a tenth of it.
const LIMIT: Duration = Duration::from_secs(5);

/// The tokens that the server of `model` reads for `request`; `None` where it cannot tell.
pub(super) async fn count(model: &Model, request: &Request, key: Option<&str>) -> Option<u64> {
    let server = model.server?;
    if !matches!(server, ServerKind::LlamaCpp | ServerKind::Vllm)
        || wire_form(model, request).has_images()
    {
        return None;
    }
    let lookup = Lookup::new(model, key, LIMIT).ok()?;
    let asking = Asking {
        lookup,
        root: Endpoint::new(model).server_root(),
    };
    let chat = conversation(model, request)?;
    match server {
        ServerKind::LlamaCpp => asking.llama_cpp(&chat).await,
        _ => asking.post("/tokenize", &chat).await?["count"].as_u64(),
    }
}

/// What is counted, as a Chat Completions body has it: these servers count in that dialect alone.
fn conversation(model: &Model, request: &Request) -> Option<Value> {
    let chat = Model {
        api: Api::OpenAiCompletions,
        ..model.clone()
    };
    let body: Map<String, Value> = serde_json::from_slice(&encode(&chat, request)).ok()?;
    let counted = ["model", "messages", "tools"];
    let counted = body
        .into_iter()
        .filter(|(field, _)| counted.contains(&field.as_str()));
    Some(Value::Object(counted.collect()))
}

struct Asking {
    lookup: Lookup,
    root: String,
}

impl Asking {
    async fn post(&self, path: &str, body: &Value) -> Option<Value> {
        let url = format!("{}{path}", self.root);
        self.lookup.post(&url, body).await.ok()?.json()
    }

    /// Newer builds count a conversation; older ones write it out by the template and count that.
    async fn llama_cpp(&self, chat: &Value) -> Option<u64> {
        let path = "/v1/chat/completions/input_tokens";
        if let Some(counted) = self.post(path, chat).await {
            return counted["input_tokens"].as_u64();
        }
        let written = self.post("/apply-template", chat).await?;
        let prompt = written["prompt"].as_str()?;
        let body = json!({"content": prompt, "add_special": true, "parse_special": true});
        let tokens = self.post("/tokenize", &body).await?;
        Some(tokens["tokens"].as_array()?.len() as u64)
    }
}
