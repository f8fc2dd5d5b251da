//! SGLang: `/get_server_info` tells with which settings it was started.

use serde_json::Value;

use super::fields::{count, text};
use super::site::{Finding, Reading, Site};
use super::{Fact, ModelState, ServedModel, ServerKind};

pub(super) async fn find(site: &Site<'_>) -> Option<Finding> {
    let info = match site.get("/get_server_info").await.filter(is_sglang) {
        Some(info) => Some(info),
        // Its name in newer versions.
        None => site.get("/server_info").await.filter(is_sglang),
    };
    let source = match &info {
        _ if site.owner() == Some("sglang") => site.list_source.clone(),
        Some(info) => info.source.clone(),
        None => return None,
    };
    let about = site.get("/get_model_info").await;
    let told = |name: &str| {
        let info = info.as_ref()?;
        info.fact(count(&info.value[name]))
    };
    let models = site.named_entries().map(|(id, entry)| ServedModel {
        state: site.listed(Some(ModelState::Loaded)),
        loaded_context: site
            .listed(count(&entry["max_model_len"]))
            .or_else(|| told("context_length")),
        slots: told("max_running_requests"),
        vision: about
            .as_ref()
            .and_then(|about| about.fact(about.value["has_image_understanding"].as_bool())),
        tools: info
            .as_ref()
            .and_then(|info| info.fact(has_parser(&info.value))),
        ..ServedModel::named(id)
    });
    Some(Finding {
        told: None,
        server: Fact {
            value: ServerKind::Sglang,
            source,
        },
        models: models.collect(),
        version: info
            .as_ref()
            .and_then(|info| info.fact(text(&info.value["version"]))),
    })
}

/// Settings that no other server has.
fn is_sglang(info: &Reading) -> bool {
    info.value["model_path"].is_string() && info.value.get("tp_size").is_some()
}

/// Calls are taken out of the model's text only by a parser that was named at the start.
fn has_parser(info: &Value) -> Option<bool> {
    match info.get("tool_call_parser")? {
        Value::Null => Some(false),
        Value::String(_) => Some(true),
        _ => None,
    }
}
