//! `moltbot models set`: choosing the model that answers.

use moltbot_llm::{Api, Catalog};
use serde_json::Value;

use super::listed;
use crate::app::App;
use crate::commands::config::file::ConfigFile;
use crate::exit::Exit;
use crate::output;

/// Makes a model the default. Fallbacks stay as they are.
pub(super) fn run(
    app: &App,
    file: &mut ConfigFile,
    catalog: &Catalog,
    model: &str,
) -> Result<(), Exit> {
    let reference = listed::named(catalog, model)?;
    // First the list, so that a default is never one that may not be used.
    listed::allow(file, &reference)?;
    file.set(
        &"agents.defaults.model.primary".parse()?,
        Value::String(reference.to_string()),
    )?;
    output::line(format_args!("Default model: {reference}"))?;

    let installed: Vec<String> = app.installed()?.into_iter().map(|model| model.id).collect();
    let changed = Catalog::new(&file.snapshot().config, &installed);
    let agent = app.agent_id(None)?;
    if let Some(own) = changed.default_model(Some(&agent), false)
        && own != reference
    {
        output::note(format_args!(
            "Agent \"{agent}\" has a model of its own in agents.list, {own}, which goes before the default."
        ));
    }
    let runs_inside = changed.model(&reference)?.api == Api::Engine;
    if runs_inside
        && !installed
            .iter()
            .any(|id| id.eq_ignore_ascii_case(&reference.model))
    {
        output::note(format_args!(
            "{reference} is not installed; fetch it with: moltbot models pull {}",
            reference.model
        ));
    }
    Ok(())
}
