//! What both of OpenAI's dialects ask for in the same way.

use serde_json::{Map, Value, json};

use crate::model::Model;
use crate::request::{Request, ThinkingLevel};

/// The system prompt as the first message, under the role that the model knows; nothing where there is no prompt.
pub(super) fn system_message(model: &Model, request: &Request, openai: bool) -> Option<Value> {
    if request.system.is_empty() {
        return None;
    }
    let developer = model.reasoning
        && !model.repairs.plain_system_role
        && model.compat.supports_developer_role.unwrap_or(openai);
    let role = if developer { "developer" } else { "system" };
    Some(json!({"role": role, "content": request.system}))
}

/// Fields of the same name and meaning in both, each only where it is wanted.
pub(super) fn insert_shared(
    model: &Model,
    request: &Request,
    openai: bool,
    body: &mut Map<String, Value>,
) {
    if let Some(temperature) = request.temperature {
        body.insert("temperature".into(), temperature.into());
    }
    if let Some(routing) = &model.routing {
        body.insert("provider".into(), routing.clone());
    }
    // What it would keep, we send again anyway.
    if model.compat.supports_store.unwrap_or(openai) {
        body.insert("store".into(), false.into());
    }
}

/// How much the model is asked to reason; `None` where the field must stay away.
pub(super) fn effort(model: &Model, request: &Request, openai: bool) -> Option<ThinkingLevel> {
    let wanted = model.reasoning
        && request.thinking != ThinkingLevel::Off
        && model.compat.supports_reasoning_effort.unwrap_or(true);
    wanted.then_some(match request.thinking {
        // Only OpenAI's own newest models know the highest level.
        ThinkingLevel::Xhigh if !openai => ThinkingLevel::High,
        level => level,
    })
}
