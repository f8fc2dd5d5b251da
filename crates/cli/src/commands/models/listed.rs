//! `agents.defaults.models`: the owner's list of models, each with an alias and parameters.
//!
//! An absent or empty list allows every model; one entry turns it into the list of all that may be used.

use moltbot_config::{KeyPath, Snapshot};
use moltbot_llm::{Catalog, CatalogError, ModelRef};
use serde_json::{Value, json};

use crate::commands::config::file::ConfigFile;
use crate::exit::Exit;

/// The model that a person names by reference or alias, known to the catalog, on the owner's list or not.
pub(super) fn named(catalog: &Catalog, text: &str) -> Result<ModelRef, Exit> {
    let reference = catalog.reference(text).map_err(CatalogError::from)?;
    Ok(catalog.model(&reference)?.reference)
}

/// Whether the owner has a list.
pub(super) fn has_list(snapshot: &Snapshot) -> bool {
    keys(snapshot).next().is_some()
}

/// Puts a model on the owner's list, where there is one. Where there is none every model may be used already, and a
/// first entry would silently shut out all the others.
pub(super) fn allow(file: &mut ConfigFile, model: &ModelRef) -> Result<(), Exit> {
    if has_list(file.snapshot()) && key_of(file.snapshot(), model).is_none() {
        let path = entry(&model.to_string(), "")?;
        file.set(&path, json!({}))?;
    }
    Ok(())
}

/// The key of a model's entry as the owner wrote it.
pub(super) fn key_of(snapshot: &Snapshot, model: &ModelRef) -> Option<String> {
    keys(snapshot)
        .find(|key| ModelRef::parse(key).is_ok_and(|listed| listed == *model))
        .map(str::to_owned)
}

/// The value at `below` in a model's entry, such as `.alias`.
pub(super) fn entry_value<'s>(
    snapshot: &'s Snapshot,
    key: &str,
    below: &str,
) -> Result<Option<&'s Value>, Exit> {
    Ok(moltbot_config::edit::get(
        &snapshot.value,
        &entry(key, below)?,
    ))
}

/// The path of a model's entry, or of `below` (such as `.alias`) in it.
pub(super) fn entry(key: &str, below: &str) -> Result<KeyPath, Exit> {
    let key = key.replace('\\', "\\\\").replace('"', "\\\"");
    Ok(format!("agents.defaults.models[\"{key}\"]{below}").parse()?)
}

fn keys(snapshot: &Snapshot) -> impl Iterator<Item = &str> {
    snapshot
        .config
        .agents
        .iter()
        .filter_map(|agents| agents.defaults.as_ref())
        .filter_map(|defaults| defaults.models.as_ref())
        .flat_map(|models| models.keys().map(String::as_str))
}
