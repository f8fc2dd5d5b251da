//! A server that gives no name: what its list tells, in the fields that several servers share.

use super::fields::{count, holds};
use super::site::{Finding, Site};
use super::{Fact, ServedModel, ServerKind};

/// Where servers write how many tokens a model takes.
const CONTEXT_FIELDS: [&str; 5] = [
    "context_length",
    "max_context_length",
    "context_window",
    "max_model_len",
    "inputTokenLimit",
];

/// What the list says.
pub(super) fn read(site: &Site<'_>) -> Finding {
    let models = site.named_entries().map(|(id, entry)| {
        let context = CONTEXT_FIELDS.iter().find_map(|name| count(&entry[*name]));
        ServedModel {
            max_context: site.listed(context),
            vision: site.listed(holds(&entry["architecture"]["input_modalities"], "image")),
            ..ServedModel::named(id)
        }
    });
    Finding {
        told: None,
        server: Fact {
            value: ServerKind::Generic,
            source: site.list_source.clone(),
        },
        version: None,
        models: models.collect(),
    }
}
