//! vLLM: signs its list with its name; what is listed is loaded.

use serde_json::Value;

use super::fields::{count, text};
use super::site::{Finding, Site};
use super::{Fact, ModelState, ServedModel, ServerKind};

pub(super) async fn find(site: &Site<'_>) -> Option<Finding> {
    (site.owner()? == "vllm").then_some(())?;
    let version = site.get("/version").await;
    let models = site.named_entries().map(|(id, entry)| ServedModel {
        state: site.listed(Some(ModelState::Loaded)),
        loaded_context: site.listed(context(site, entry)),
        ..ServedModel::named(id)
    });
    Some(Finding {
        told: None,
        server: Fact {
            value: ServerKind::Vllm,
            source: site.list_source.clone(),
        },
        models: models.collect(),
        version: version.and_then(|reading| reading.fact(text(&reading.value["version"]))),
    })
}

/// An adapter has the context of the model that it adapts.
fn context(site: &Site<'_>, entry: &Value) -> Option<u64> {
    count(&entry["max_model_len"]).or_else(|| {
        let parent = entry["parent"].as_str()?;
        let mut entries = site.entries().iter();
        let parent = entries.find(|entry| entry["id"].as_str() == Some(parent))?;
        count(&parent["max_model_len"])
    })
}
