//! Ollama: `/api/ps` tells what is loaded with how much context, `/api/show` what a model can do.

use serde_json::{Value, json};

use super::fields::{count, elements, holds, text};
use super::fingerprint;
use super::site::{Finding, Reading, Site};
use super::{Fact, ModelState, ServedModel, ServerKind};

/// How many models are asked about one by one; people keep dozens.
const SHOWN: usize = 16;

pub(super) async fn find(site: &Site<'_>) -> Option<Finding> {
    let version = site.get("/api/version").await?;
    let told = text(&version.value["version"])?;
    let tags = site.get("/api/tags").await?;
    let listed = tags.value["models"].as_array()?;
    let running = site.get("/api/ps").await;
    let mut models: Vec<ServedModel> = listed
        .iter()
        .filter_map(|entry| model(entry, running.as_ref()))
        .collect();
    // The one that the owner uses comes first, in case there are many.
    models.sort_by_key(|model| !model.names().any(|name| name == site.wanted));
    for model in models.iter_mut().take(SHOWN) {
        match site.post("/api/show", &json!({"model": model.id})).await {
            Ok(Some(shown)) => add_abilities(model, &shown),
            Ok(None) => {}
            // It no longer answers: what is known already is worth having.
            Err(_) => break,
        }
    }
    Some(Finding {
        told: running.map(|running| fingerprint::of(&running.value)),
        server: Fact {
            value: ServerKind::Ollama,
            source: version.source.clone(),
        },
        version: version.fact(Some(told)),
        models,
    })
}

/// Whether the model that the owner configured is in memory.
pub(super) async fn state(site: &Site<'_>) -> Option<ModelState> {
    let running = site.get("/api/ps").await?;
    let full = format!("{}:latest", site.wanted);
    let running = running.value["models"].as_array()?;
    let mut names = running.iter().filter_map(name);
    Some(
        match names.any(|name| name == site.wanted || name == full) {
            true => ModelState::Loaded,
            false => ModelState::NotLoaded,
        },
    )
}

fn name(entry: &Value) -> Option<String> {
    text(&entry["model"]).or_else(|| text(&entry["name"]))
}

fn model(entry: &Value, running: Option<&Reading>) -> Option<ServedModel> {
    let id = name(entry)?;
    // The tag may be left out when asking for it.
    let aliases = id.strip_suffix(":latest").map(str::to_owned);
    let mut model = ServedModel {
        aliases: aliases.into_iter().collect(),
        ..ServedModel::named(id)
    };
    let running = running.filter(|running| running.value["models"].is_array());
    if let Some(running) = running {
        let mut loaded = elements(&running.value["models"]).iter();
        let loaded = loaded.find(|entry| name(entry).as_ref() == Some(&model.id));
        model.state = running.fact(Some(match loaded {
            Some(_) => ModelState::Loaded,
            None => ModelState::NotLoaded,
        }));
        model.loaded_context =
            loaded.and_then(|entry| running.fact(count(&entry["context_length"])));
    }
    Some(model)
}

fn add_abilities(model: &mut ServedModel, shown: &Reading) {
    let able = |word: &str| shown.fact(holds(&shown.value["capabilities"], word));
    model.vision = able("vision");
    model.tools = able("tools");
    // The field carries the name of the model's architecture: `qwen3.context_length`.
    let info = shown.value["model_info"].as_object();
    let context = info.and_then(|info| {
        info.iter()
            .filter(|(key, _)| key.ends_with(".context_length"))
            .find_map(|(_, value)| count(value))
    });
    model.max_context = shown.fact(context);
}
