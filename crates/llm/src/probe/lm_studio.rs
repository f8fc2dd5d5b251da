//! LM Studio: its own API tells which models are loaded, and with how much context. Its `/v1` does not.

use serde_json::Value;

use super::fields::{count, elements, holds, text};
use super::fingerprint;
use super::site::{Finding, Reading, Site};
use super::{Fact, ModelState, ServedModel, ServerKind};

pub(super) async fn find(site: &Site<'_>) -> Option<Finding> {
    let (reading, models) = match site.get("/api/v1/models").await.filter(is_v1) {
        Some(reading) => {
            let models = elements(&reading.value["models"]).iter();
            let models = models.flat_map(|entry| v1(&reading, entry)).collect();
            (reading, models)
        }
        // Before version 0.4.
        None => {
            let reading = site.get("/api/v0/models").await.filter(is_v0)?;
            let models = elements(&reading.value["data"]).iter();
            let models = models.filter_map(|entry| v0(&reading, entry)).collect();
            (reading, models)
        }
    };
    Some(Finding {
        told: Some(fingerprint::of(&reading.value)),
        server: Fact {
            value: ServerKind::LmStudio,
            source: reading.source,
        },
        // No path tells it.
        version: None,
        models,
    })
}

fn is_v1(reading: &Reading) -> bool {
    let models = reading.value["models"].as_array();
    models.is_some_and(|models| models.iter().all(|model| model["key"].is_string()))
}

fn is_v0(reading: &Reading) -> bool {
    let models = reading.value["data"].as_array();
    models.is_some_and(|models| {
        models
            .iter()
            .all(|model| model["state"].is_string() && model["type"].is_string())
    })
}

fn is_embedding(entry: &Value) -> bool {
    entry["type"]
        .as_str()
        .is_some_and(|kind| kind.starts_with("embedding"))
}

/// One model, or one for each time that it is loaded.
fn v1(reading: &Reading, entry: &Value) -> Vec<ServedModel> {
    let Some(key) = text(&entry["key"]).filter(|_| !is_embedding(entry)) else {
        return Vec::new();
    };
    let able = |name: &str| reading.fact(entry["capabilities"][name].as_bool());
    let unloaded = ServedModel {
        state: reading.fact(Some(ModelState::NotLoaded)),
        max_context: reading.fact(count(&entry["max_context_length"])),
        vision: able("vision"),
        tools: able("trained_for_tool_use"),
        ..ServedModel::named(key.clone())
    };
    let loaded = |instance: &Value| {
        let config = &instance["config"];
        ServedModel {
            id: text(&instance["id"]).unwrap_or_else(|| key.clone()),
            state: reading.fact(Some(ModelState::Loaded)),
            loaded_context: reading.fact(count(&config["context_length"])),
            slots: reading.fact(count(&config["parallel"])),
            ..unloaded.clone()
        }
    };
    let instances = elements(&entry["loaded_instances"]);
    let mut models: Vec<ServedModel> = instances.iter().map(loaded).collect();
    if models.is_empty() {
        return vec![unloaded];
    }
    // Asked by the key it picks one of them: the smallest is what can be counted on.
    if !models.iter().any(|model| model.id == key) {
        let size = |model: &ServedModel| {
            let context = model.loaded_context.as_ref();
            context.map_or(u64::MAX, |fact| fact.value)
        };
        let smallest = models.iter_mut().min_by_key(|model| size(model));
        if let Some(model) = smallest {
            let id = std::mem::replace(&mut model.id, key);
            model.aliases.push(id);
        }
    }
    models
}

fn v0(reading: &Reading, entry: &Value) -> Option<ServedModel> {
    let id = text(&entry["id"]).filter(|_| !is_embedding(entry))?;
    let state = match entry["state"].as_str()? {
        "loaded" => Some(ModelState::Loaded),
        "loading" => Some(ModelState::Loading),
        "not-loaded" => Some(ModelState::NotLoaded),
        _ => None,
    };
    let vision = match entry["type"].as_str()? {
        "vlm" => Some(true),
        "llm" => Some(false),
        _ => None,
    };
    Some(ServedModel {
        state: reading.fact(state),
        loaded_context: reading.fact(count(&entry["loaded_context_length"])),
        max_context: reading.fact(count(&entry["max_context_length"])),
        vision: reading.fact(vision),
        tools: reading.fact(holds(&entry["capabilities"], "tool_use")),
        ..ServedModel::named(id)
    })
}
