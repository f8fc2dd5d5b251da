//! `moltbot models recommend`: a model for this machine's memory.

use moltbot_engine::models::{CuratedModel, MachineMemory, recommend};
use serde_json::{Value, json};

use crate::app::App;
use crate::args::Globals;
use crate::exit::Exit;
use crate::output;

/// Prints the pick, why it is that one, and others that fit.
pub(super) fn run(globals: &Globals, json: bool) -> Result<(), Exit> {
    let app = App::load_as_written(globals)?;
    let memory = MachineMemory::read()?;
    let pick = recommend(&memory);
    let installed: Vec<String> = app.installed()?.into_iter().map(|model| model.id).collect();
    let is_installed = |model: &CuratedModel| installed.iter().any(|id| id == model.id);
    let command = pick
        .model
        .map(|model| format!("moltbot models pull {}", model.id));
    if json {
        let describe = |model: &CuratedModel| model_json(model, is_installed(model));
        return output::json(&json!({
            "memory": {"total": memory.total, "available": memory.available},
            "model": pick.model.map(describe),
            "reason": pick.reason,
            "alternatives": pick.alternatives.iter().map(|model| describe(model)).collect::<Vec<_>>(),
            "command": command,
        }));
    }
    if let Some(model) = pick.model {
        output::line(output::styled(
            output::BOLD,
            format_args!("{} ({})", model.name, model.id),
        ))?;
    }
    output::line(&pick.reason)?;
    if !pick.alternatives.is_empty() {
        let rows: Vec<Vec<String>> = pick.alternatives.iter().map(|model| cells(model)).collect();
        output::line("")?;
        output::line(output::table(
            &["Smaller ones", "Download", "Memory", "Context", "Tools"],
            &rows,
        ))?;
    }
    if let Some((model, command)) = pick.model.zip(command) {
        output::line("")?;
        match is_installed(model) {
            true => output::line(format_args!(
                "It is installed: moltbot chat --model local/{}",
                model.id
            ))?,
            false => output::line(format_args!("Get it: {command}"))?,
        }
    }
    if !cfg!(feature = "engine") {
        output::note(
            "This build of moltbot has no engine; such a model needs one built with the feature \"engine\".",
        );
    }
    Ok(())
}

/// An amount of memory, which is counted in powers of 1024: `12.8 GiB`.
pub(crate) fn gib(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30))
}

fn cells(model: &CuratedModel) -> Vec<String> {
    vec![
        model.id.to_owned(),
        output::bytes(model.bytes),
        gib(model.memory_need()),
        output::tokens(u64::from(model.context)),
        if model.tools { "yes" } else { "no" }.to_owned(),
    ]
}

fn model_json(model: &CuratedModel, installed: bool) -> Value {
    json!({
        "id": model.id,
        "name": model.name,
        "parameters": model.parameters,
        "activeParameters": model.active_parameters,
        "quantisation": model.quantisation,
        "bytes": model.bytes,
        "memoryBytes": model.memory_need(),
        "context": model.context,
        "tools": model.tools,
        "licence": model.licence,
        "installed": installed,
    })
}
