//! What a server tells about itself, path by path, as its kind does.

use serde_json::{Value, json};

use super::ask::tokens;
use super::capabilities::{Capabilities, Kind, Tools};
use crate::reply::Reply;
use crate::request::Recorded;

/// The context that a server without a limit tells.
const CONTEXT: u64 = 131_072;

/// The context that the model was trained for.
const TRAINED: u64 = 262_144;

/// The reply to a request that asks for no answer; `None` where the kind has no such path.
pub(super) fn reply(can: &Capabilities, is_loading: bool, request: &Recorded) -> Option<Reply> {
    let asked = request.try_json().unwrap_or_default();
    let ok = |body: Value| Some(Reply::json(200, &body));
    let context = can.context.unwrap_or(CONTEXT);
    let slots = can.slots.map_or(1, |slots| slots.count);
    let path = request.path.as_str();
    match (request.method.as_str(), path, can.kind) {
        ("GET", "/v1/models", _) => ok(models(can, context)),
        ("GET", "/models", Kind::LlamaCpp | Kind::LiteLlm) => ok(models(can, context)),

        ("GET", "/health", Kind::LlamaCpp) if is_loading => Some(Reply::json(
            503,
            &json!({"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}),
        )),
        ("GET", "/health" | "/v1/health", Kind::LlamaCpp) => ok(json!({"status": "ok"})),
        ("GET", "/props", Kind::LlamaCpp) => ok(json!({
            "default_generation_settings": {"id": 0, "n_ctx": context},
            "total_slots": slots,
            "model_alias": can.model,
            "build_info": "b0-capable",
            "modalities": {"vision": can.images, "audio": false},
            "chat_template": "{{ messages }}",
            "chat_template_caps": {
                "supports_tools": can.calls_tools(),
                "supports_tool_calls": can.calls_tools(),
                "supports_parallel_tool_calls": can.parallel_calls,
                "supports_system_role": can.system != super::capabilities::SystemRule::Refused,
            },
        })),
        ("POST", "/tokenize", Kind::LlamaCpp) => {
            let text = asked["content"].as_str().unwrap_or_default();
            ok(json!({"tokens": numbered(tokens(text))}))
        }

        ("GET", "/health", Kind::Vllm | Kind::Sglang) => Some(Reply::whole(200, "text/plain", "")),
        ("GET", "/version", Kind::Vllm) => ok(json!({"version": "0.32.0"})),
        ("POST", "/tokenize", Kind::Vllm) => {
            let text = match asked["prompt"].as_str() {
                Some(prompt) => prompt.to_owned(),
                None => asked["messages"].to_string(),
            };
            let count = tokens(&text);
            ok(json!({"count": count, "max_model_len": context, "tokens": numbered(count)}))
        }

        ("GET", "/get_server_info" | "/server_info", Kind::Sglang) => ok(json!({
            "model_path": can.model,
            "tp_size": 1,
            "context_length": context,
            "max_running_requests": slots,
            "tool_call_parser": can.calls_tools().then_some("qwen25"),
            "version": "0.5.0",
        })),
        ("GET", "/get_model_info", Kind::Sglang) => ok(json!({
            "model_path": can.model, "is_generation": true, "has_image_understanding": can.images,
        })),

        ("GET", "/api/v1/models", Kind::LmStudio) => ok(json!({"models": [{
            "type": "llm",
            "key": can.model,
            "loaded_instances": [{
                "id": can.model,
                "config": {"context_length": context, "parallel": slots},
            }],
            "max_context_length": TRAINED,
            "capabilities": {"vision": can.images, "trained_for_tool_use": can.calls_tools()},
        }]})),
        ("GET", "/api/v0/models", Kind::LmStudio) => ok(json!({"object": "list", "data": [{
            "id": can.model,
            "object": "model",
            "type": if can.images { "vlm" } else { "llm" },
            "state": "loaded",
            "loaded_context_length": context,
            "max_context_length": TRAINED,
            "capabilities": if can.calls_tools() { json!(["tool_use"]) } else { json!([]) },
        }]})),
        ("POST", "/api/v1/models/load", Kind::LmStudio) => ok(json!({
            "type": "llm", "instance_id": can.model, "status": "loaded", "load_time_seconds": 0.1,
        })),

        ("GET", "/", Kind::Ollama) => Some(Reply::whole(200, "text/plain", "Ollama is running")),
        ("GET", "/api/version", Kind::Ollama) => ok(json!({"version": "0.12.0"})),
        ("GET", "/api/tags", Kind::Ollama) => ok(json!({"models": [{
            "name": can.model, "model": can.model, "size": 1, "digest": "d",
        }]})),
        ("GET", "/api/ps", Kind::Ollama) => ok(json!({"models": [{
            "name": can.model, "model": can.model, "context_length": context,
        }]})),
        ("POST", "/api/show", Kind::Ollama) => {
            let mut capabilities = vec!["completion"];
            capabilities.extend((can.tools != Tools::Refused).then_some("tools"));
            capabilities.extend(can.images.then_some("vision"));
            ok(json!({
                "capabilities": capabilities,
                "model_info": {"general.architecture": "qwen3", "qwen3.context_length": TRAINED},
            }))
        }

        ("GET", "/v1/model/info" | "/model/info", Kind::LiteLlm) => ok(json!({"data": [{
            "model_name": can.model,
            "litellm_params": {"model": format!("openai/{}", can.model)},
            "model_info": {
                "max_input_tokens": can.context,
                "supports_vision": can.images,
                "supports_function_calling": can.calls_tools(),
            },
        }]})),
        ("GET", "/health/readiness", Kind::LiteLlm) => ok(json!({
            "status": "healthy", "litellm_version": "1.106.2",
        })),
        ("GET", "/health/liveliness", Kind::LiteLlm) => ok(json!("I'm alive!")),
        _ => None,
    }
}

fn numbered(count: u64) -> Vec<u64> {
    (0..count).collect()
}

fn models(can: &Capabilities, context: u64) -> Value {
    let owner = match can.kind {
        Kind::LlamaCpp => "llamacpp",
        Kind::Vllm => "vllm",
        Kind::Sglang => "sglang",
        Kind::LmStudio => "organization_owner",
        Kind::Ollama => "library",
        Kind::LiteLlm => "openai",
        Kind::Generic => "testkit",
    };
    let mut entry = json!({
        "id": can.model, "object": "model", "created": 1_700_000_000, "owned_by": owner,
    });
    match can.kind {
        Kind::LlamaCpp => {
            entry["aliases"] = json!([can.model]);
            entry["meta"] = json!({
                "n_ctx": context, "n_ctx_train": TRAINED, "n_params": 630_167_424, "size": 485_452_288,
            });
        }
        Kind::Vllm | Kind::Sglang => {
            entry["root"] = can.model.as_str().into();
            entry["max_model_len"] = context.into();
        }
        _ => {}
    }
    json!({"object": "list", "data": [entry]})
}
