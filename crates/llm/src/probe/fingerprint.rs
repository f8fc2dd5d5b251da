//! What changes when a server has loaded something else: one document, of which only what matters is looked at.

use serde_json::{Map, Value};

use super::{Probe, ServerKind};
use crate::endpoint::Endpoint;
use crate::hash::fnv1a;
use crate::listing::read_list;
use crate::lookup::Lookup;
use crate::model::Model;

/// The fields of lists that tell which models there are and how they are loaded. Others change by themselves: some
/// servers write the time into each answer.
const FIELDS: [&str; 22] = [
    "config",
    "context_length",
    "context_window",
    "data",
    "id",
    "key",
    "loaded_context_length",
    "loaded_instances",
    "max_context_length",
    "max_model_len",
    "meta",
    "model",
    "models",
    "n_ctx",
    "n_ctx_train",
    "name",
    "owned_by",
    "parallel",
    "parent",
    "state",
    "status",
    "value",
];

/// The fingerprint of a document.
pub(super) fn of(document: &Value) -> String {
    format!(
        "{:016x}",
        fnv1a(what_matters(document).to_string().as_bytes())
    )
}

/// The fingerprint of a list's entries.
pub(super) fn of_list(entries: &[Value]) -> String {
    let data = Value::Array(entries.to_vec());
    of(&Value::Object(Map::from_iter([("data".to_owned(), data)])))
}

fn what_matters(value: &Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .filter(|(name, _)| FIELDS.contains(&name.as_str()))
                .map(|(name, value)| (name.clone(), what_matters(value)))
                .collect(),
        ),
        Value::Array(elements) => {
            let mut elements: Vec<Value> = elements.iter().map(what_matters).collect();
            // Some servers list what was used last first.
            elements.sort_by_cached_key(Value::to_string);
            Value::Array(elements)
        }
        scalar => scalar.clone(),
    }
}

/// Asks the one question whose answer holds the fingerprint; `None` where there is no such answer.
pub(crate) async fn ask(lookup: &Lookup, model: &Model, probe: &Probe) -> Option<String> {
    let endpoint = Endpoint::new(model);
    let beside = |path: &str| format!("{}{path}", endpoint.server_root());
    let url = match probe.server.value {
        ServerKind::LmStudio if probe.server.source.ends_with("/api/v0/models") => {
            beside("/api/v0/models")
        }
        ServerKind::LmStudio => beside("/api/v1/models"),
        ServerKind::Ollama => beside("/api/ps"),
        _ => {
            let list = read_list(lookup, model, &model.base_url).await.ok()?;
            return Some(of_list(&list.entries));
        }
    };
    Some(of(&lookup.get(&url).await.ok()?.json()?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_is_loaded_changes_it() {
        let list = |created: u64, context: u64| {
            json!({"object": "list", "data": [
                {"id": "a", "created": created, "max_model_len": context, "permission": [{"id": created}]},
                {"id": "b", "created": created},
            ]})
        };
        assert_eq!(of(&list(1, 4096)), of(&list(2, 4096)));
        assert_ne!(of(&list(1, 4096)), of(&list(1, 8192)));
        let mut swapped = list(1, 4096);
        if let Some(entries) = swapped["data"].as_array_mut() {
            entries.reverse();
        }
        assert_eq!(of(&list(1, 4096)), of(&swapped));
    }
}
