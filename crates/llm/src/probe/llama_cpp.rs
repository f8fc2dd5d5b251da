//! llama.cpp's server: `/props` tells the context of one slot, which is what a conversation gets.

use serde_json::Value;

use super::fields::{count, elements, holds, text};
use super::site::{Finding, Reading, Site};
use super::{Fact, ModelState, ServedModel, ServerKind};

pub(super) async fn find(site: &Site<'_>) -> Option<Finding> {
    let props = site
        .get("/props")
        .await
        .filter(|props| props.value["default_generation_settings"].is_object());
    let source = match &props {
        _ if site.owner() == Some("llamacpp") => site.list_source.clone(),
        Some(props) => props.source.clone(),
        None => return None,
    };
    // A server that swaps models answers for itself there, not for one of them.
    let only = props.as_ref().filter(|_| site.entries().len() == 1);
    let models = site
        .named_entries()
        .map(|(id, entry)| model(site, id, entry, only));
    Some(Finding {
        told: None,
        server: Fact {
            value: ServerKind::LlamaCpp,
            source,
        },
        models: models.collect(),
        version: props
            .as_ref()
            .and_then(|props| props.fact(text(&props.value["build_info"]))),
    })
}

fn model(site: &Site<'_>, id: String, entry: &Value, props: Option<&Reading>) -> ServedModel {
    let state = match entry["status"]["value"].as_str() {
        None | Some("loaded") => Some(ModelState::Loaded),
        Some("loading") => Some(ModelState::Loading),
        Some("unloaded" | "sleeping") => Some(ModelState::NotLoaded),
        Some(_) => None,
    };
    let meta = &entry["meta"];
    let told = |read: &dyn Fn(&Value) -> Option<u64>| {
        props.and_then(|props| props.fact(read(&props.value)))
    };
    let yes_no = |part: &str, name: &str| {
        props.and_then(|props| props.fact(props.value[part][name].as_bool()))
    };
    let aliases = elements(&entry["aliases"]).iter().filter_map(text);
    ServedModel {
        aliases: aliases.filter(|alias| *alias != id).collect(),
        state: site.listed(state),
        // Parallel slots share the context that the server was started with.
        loaded_context: told(&|props| count(&props["default_generation_settings"]["n_ctx"]))
            .or_else(|| site.listed(count(&meta["n_ctx"]))),
        max_context: site.listed(count(&meta["n_ctx_train"])),
        slots: told(&|props| count(&props["total_slots"])),
        vision: yes_no("modalities", "vision")
            .or_else(|| site.listed(holds(&entry["architecture"]["input_modalities"], "image"))),
        tools: yes_no("chat_template_caps", "supports_tools"),
        parameters: site.listed(count(&meta["n_params"])),
        ..ServedModel::named(id)
    }
}
