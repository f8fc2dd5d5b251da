//! OpenRouter: its list tells everything, prices included, which is what gives it away.

use super::fields::{count, holds};
use super::site::{Finding, Site};
use super::{Fact, ServedModel, ServerKind};

pub(super) fn find(site: &Site<'_>) -> Option<Finding> {
    let mut entries = site.entries().iter();
    entries
        .any(|entry| entry["pricing"].is_object() && entry["top_provider"].is_object())
        .then_some(())?;
    let models = site.named_entries().map(|(id, entry)| {
        let max = count(&entry["context_length"]);
        let hosted = count(&entry["top_provider"]["context_length"]);
        ServedModel {
            // Who serves it may give less than the model takes.
            loaded_context: site.listed(hosted.or(max)),
            max_context: site.listed(max),
            vision: site.listed(holds(&entry["architecture"]["input_modalities"], "image")),
            tools: site.listed(holds(&entry["supported_parameters"], "tools")),
            ..ServedModel::named(id)
        }
    });
    Some(Finding {
        told: None,
        server: Fact {
            value: ServerKind::OpenRouter,
            source: site.list_source.clone(),
        },
        version: None,
        models: models.collect(),
    })
}
