//! LiteLLM: a proxy. It tells what its table knows of a model, not what the server behind it has loaded.
//!
//! Its `/health` is never asked: it has every model behind it generate something.

use serde_json::Value;

use super::fields::{count, elements, text};
use super::site::{Finding, Site, fact};
use super::{Fact, ServedModel, ServerKind};

/// Its version, on every answer of newer ones.
const VERSION_HEADER: &str = "x-litellm-version";

pub(super) async fn find(site: &Site<'_>) -> Option<Finding> {
    let (info, readiness) = tokio::join!(site.get("/v1/model/info"), site.get("/health/readiness"));
    let info = info.filter(|info| {
        let mut models = elements(&info.value["data"]).iter();
        models.any(|entry| entry["model_name"].is_string() && entry["model_info"].is_object())
    });
    let ready = readiness.and_then(|ready| ready.fact(text(&ready.value["litellm_version"])));
    let header = site.header(VERSION_HEADER).map(str::to_owned);
    let version = ready.or_else(|| fact(header, &site.list_source));
    let source = match (&info, &version) {
        (Some(info), _) => info.source.clone(),
        (None, Some(version)) => version.source.clone(),
        (None, None) => return None,
    };
    let models = site.named_entries().map(|(id, _)| {
        let known = info.as_ref().and_then(|info| {
            let mut models = elements(&info.value["data"]).iter();
            let entry = models.find(|entry| entry["model_name"].as_str() == Some(&id))?;
            Some((info, &entry["model_info"]))
        });
        let able = |name: &str| {
            let (info, model) = known?;
            info.fact(model[name].as_bool())
        };
        ServedModel {
            max_context: known.and_then(|(info, model)| info.fact(context(model))),
            vision: able("supports_vision"),
            tools: able("supports_function_calling"),
            ..ServedModel::named(id)
        }
    });
    Some(Finding {
        told: None,
        server: Fact {
            value: ServerKind::LiteLlm,
            source,
        },
        models: models.collect(),
        version,
    })
}

fn context(model: &Value) -> Option<u64> {
    count(&model["max_input_tokens"]).or_else(|| count(&model["max_tokens"]))
}
