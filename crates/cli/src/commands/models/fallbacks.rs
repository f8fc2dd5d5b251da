//! `moltbot models fallbacks`: the models tried when the default fails.

use moltbot_config::{KeyPath, Snapshot};
use moltbot_llm::{Catalog, CatalogError};
use serde_json::{Value, json};

use super::listed;
use crate::args::FormatArgs;
use crate::commands::config::file::ConfigFile;
use crate::exit::Exit;
use crate::output;

/// Where they stand.
const KEY: &str = "agents.defaults.model.fallbacks";

/// Prints the fallbacks, in order.
pub(super) fn list(catalog: &Catalog, format: FormatArgs) -> Result<(), Exit> {
    let fallbacks: Vec<String> = catalog
        .fallbacks(None)
        .iter()
        .map(ToString::to_string)
        .collect();
    if format.json {
        return output::json(&json!({"fallbacks": fallbacks}));
    }
    if !format.plain {
        output::line(format_args!("Fallbacks ({}):", fallbacks.len()))?;
        if fallbacks.is_empty() {
            return output::line("- none");
        }
    }
    let bullet = if format.plain { "" } else { "- " };
    for model in fallbacks {
        output::line(format_args!("{bullet}{model}"))?;
    }
    Ok(())
}

/// Adds a model at the end; one that is there already stays where it is.
pub(super) fn add(file: &mut ConfigFile, catalog: &Catalog, model: &str) -> Result<(), Exit> {
    let reference = listed::named(catalog, model)?;
    let written = written(file.snapshot());
    let known = written
        .iter()
        .any(|text| catalog.reference(text).as_ref() == Ok(&reference));
    if !known {
        listed::allow(file, &reference)?;
        let name = Value::String(reference.to_string());
        // Only the new item is written, so that comments beside the others stay.
        match has_key(file.snapshot())? {
            true => file.set(&item(written.len())?, name)?,
            false => file.set(&KEY.parse()?, Value::Array(vec![name]))?,
        }
    }
    tell(file.snapshot())
}

/// Takes a model out.
pub(super) fn remove(file: &mut ConfigFile, catalog: &Catalog, model: &str) -> Result<(), Exit> {
    let reference = catalog.reference(model).map_err(CatalogError::from)?;
    let places: Vec<usize> = written(file.snapshot())
        .iter()
        .enumerate()
        .filter(|(_, text)| catalog.reference(text).as_ref() == Ok(&reference))
        .map(|(place, _)| place)
        .collect();
    if places.is_empty() {
        return Err(Exit::failed(format!("Fallback not found: {reference}")));
    }
    // From the end, so that the places before stay true.
    for place in places.into_iter().rev() {
        file.unset(&item(place)?)?;
    }
    tell(file.snapshot())
}

/// Takes all out.
pub(super) fn clear(file: &mut ConfigFile) -> Result<(), Exit> {
    if has_key(file.snapshot())? {
        file.set(&KEY.parse()?, Value::Array(Vec::new()))?;
    }
    output::line("Fallback list cleared.")
}

fn tell(snapshot: &Snapshot) -> Result<(), Exit> {
    let written = written(snapshot);
    match written.is_empty() {
        true => output::line("Fallbacks: none"),
        false => output::line(format_args!("Fallbacks: {}", written.join(", "))),
    }
}

/// The fallbacks as the owner wrote them.
fn written(snapshot: &Snapshot) -> Vec<String> {
    snapshot
        .config
        .agents
        .iter()
        .filter_map(|agents| agents.defaults.as_ref()?.model.as_ref()?.fallbacks.clone())
        .flatten()
        .collect()
}

fn has_key(snapshot: &Snapshot) -> Result<bool, Exit> {
    let key: KeyPath = KEY.parse()?;
    Ok(moltbot_config::edit::get(&snapshot.value, &key).is_some_and(Value::is_array))
}

fn item(place: usize) -> Result<KeyPath, Exit> {
    Ok(format!("{KEY}[{place}]").parse()?)
}
