//! `moltbot models aliases`: other names for models.

use std::collections::BTreeMap;

use moltbot_llm::{Catalog, ModelRef};
use serde_json::{Value, json};

use super::listed;
use crate::args::FormatArgs;
use crate::commands::config::file::ConfigFile;
use crate::exit::Exit;
use crate::output;

/// Prints all aliases.
pub(super) fn list(catalog: &Catalog, format: FormatArgs) -> Result<(), Exit> {
    if format.json {
        return output::json(&json!({"aliases": by_name(catalog)}));
    }
    let aliases = by_name(catalog);
    if format.plain {
        for (alias, model) in aliases {
            output::line(format_args!("{alias} {model}"))?;
        }
        return Ok(());
    }
    output::line(format_args!("Aliases ({}):", aliases.len()))?;
    if aliases.is_empty() {
        return output::line("- none");
    }
    for (alias, model) in aliases {
        output::line(format_args!("- {alias} -> {model}"))?;
    }
    Ok(())
}

/// The aliases in the owner's spelling, with what they stand for.
pub(super) fn by_name(catalog: &Catalog) -> BTreeMap<String, String> {
    catalog
        .aliases()
        .map(|(alias, model)| (alias.to_owned(), model.to_string()))
        .collect()
}

/// Gives a model another name.
pub(super) fn add(
    file: &mut ConfigFile,
    catalog: &Catalog,
    alias: &str,
    model: &str,
) -> Result<(), Exit> {
    let alias = alias.trim();
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':' | '-');
    if alias.is_empty() || !alias.chars().all(allowed) {
        return Err(Exit::failed(format!(
            "\"{alias}\" cannot be an alias: use letters, digits, \"_\", \".\", \":\" and \"-\" only."
        )));
    }
    let reference = listed::named(catalog, model)?;
    if let Some(other) = target(catalog, alias).filter(|other| **other != reference) {
        return Err(Exit::failed(format!(
            "Alias {alias} already points to {other}."
        )));
    }
    let first = !listed::has_list(file.snapshot());
    let key = listed::key_of(file.snapshot(), &reference).unwrap_or_else(|| reference.to_string());
    file.set(
        &listed::entry(&key, ".alias")?,
        Value::String(alias.to_owned()),
    )?;
    output::line(format_args!("Alias {alias} -> {reference}"))?;
    if first {
        // An alias has no other place than this list, so what comes with it must be said.
        output::note(
            "From now on only the default, its fallbacks and the models in agents.defaults.models may be chosen; add \
             others there, or remove that key to allow all.",
        );
    }
    Ok(())
}

/// Takes a name away.
pub(super) fn remove(file: &mut ConfigFile, catalog: &Catalog, alias: &str) -> Result<(), Exit> {
    let alias = alias.trim();
    let not_found = || Exit::failed(format!("Alias not found: {alias}"));
    let reference = target(catalog, alias).ok_or_else(not_found)?;
    let key = listed::key_of(file.snapshot(), reference).ok_or_else(not_found)?;
    let path = listed::entry(&key, ".alias")?;
    match listed::entry_value(file.snapshot(), &key, ".alias")? {
        Some(_) => file.unset(&path)?,
        // The model has this name of its own accord; an empty one is the owner's way to have none.
        None => file.set(&path, Value::String(String::new()))?,
    }
    output::line(format_args!("Removed alias {alias} of {reference}."))
}

fn target<'c>(catalog: &'c Catalog, alias: &str) -> Option<&'c ModelRef> {
    catalog
        .aliases()
        .find(|(known, _)| known.eq_ignore_ascii_case(alias))
        .map(|(_, model)| model)
}
