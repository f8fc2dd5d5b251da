//! A report as people read it.

use moltbot_llm::{Fact, ModelState, Probe, ServedModel};

use super::Report;
use super::asked::{self, AskedModel};
use super::compare::{Comparison, Verdict};
use crate::exit::Exit;
use crate::output;

/// How many models a card lists; hubs have hundreds.
const LISTED: usize = 12;

/// Prints one card for each server.
pub(super) fn print(reports: &[Report]) -> Result<(), Exit> {
    for (place, report) in reports.iter().enumerate() {
        if place > 0 {
            output::line("")?;
        }
        print_one(report)?;
    }
    Ok(())
}

fn print_one(report: &Report) -> Result<(), Exit> {
    let name = output::styled(output::BOLD, &report.provider);
    let title = format!("{name}  {}", report.configured_base_url);
    output::line(title.trim_end())?;
    if let Some(error) = &report.error {
        let style = match report.in_process {
            true => output::DIM,
            false => output::BAD,
        };
        output::line(format_args!("  {}", output::styled(style, error)))?;
    }
    let Some(probe) = &report.probe else {
        return Ok(());
    };
    output::line(match &probe.version {
        Some(version) => format!("  {} {}", probe.server.value, version.value),
        None => format!("  {}", probe.server.value),
    })?;
    if let Some(remedy) = &report.base_url_remedy {
        let detail = format!(
            "there is no API at that address; it is at {}",
            probe.base_url
        );
        output::line(format_args!("  {}", output::styled(output::WARN, detail)))?;
        output::line(format_args!("    -> {remedy}"))?;
    }
    print_models(probe, &report.comparisons)?;
    for comparison in &report.comparisons {
        let style = match comparison.verdict {
            Verdict::Matches => output::GOOD,
            Verdict::Missing => output::BAD,
            _ => output::WARN,
        };
        let (model, detail) = (&comparison.model, output::styled(style, &comparison.detail));
        output::line(format_args!("  {model}: {detail}"))?;
        for remedy in &comparison.remedies {
            output::line(format_args!("    -> {remedy}"))?;
        }
    }
    for asked in &report.asked {
        print_asked(asked)?;
    }
    let sources = format!("  told by {}", sources(probe).join(", "));
    output::line(output::styled(output::DIM, sources))
}

fn print_asked(asked: &AskedModel) -> Result<(), Exit> {
    let cost = match &asked.result {
        Some(result) if asked.not_asked.is_none() => format!("asked ({} tokens)", result.tokens),
        Some(_) => "asked earlier".to_owned(),
        None => {
            let why = asked.not_asked.as_deref().unwrap_or_default();
            let line = format!("  {}: not asked anything, {why}", asked.model);
            return output::line(output::styled(output::DIM, line));
        }
    };
    output::line(format_args!("  {}, {cost}:", asked.model))?;
    for line in asked.result.iter().flat_map(asked::words) {
        output::line(format_args!("    {}", output::plain(&line)))?;
    }
    match &asked.repairs {
        Some(repairs) => output::line(format_args!("    requests go out with: {repairs}")),
        None => Ok(()),
    }
}

/// Those that the owner uses first, then those that are loaded.
fn print_models(probe: &Probe, comparisons: &[Comparison]) -> Result<(), Exit> {
    if probe.models.is_empty() {
        return output::line("  no models");
    }
    let mut models: Vec<&ServedModel> = probe.models.iter().collect();
    models.sort_by_key(|model| {
        let used = comparisons
            .iter()
            .any(|comparison| comparison.served_as.as_ref() == Some(&model.id));
        let loaded = model.state.as_ref().map(|state| state.value);
        (!used, loaded != Some(ModelState::Loaded))
    });
    let rows: Vec<Vec<String>> = models
        .iter()
        .take(LISTED)
        .map(|model| cells(model))
        .collect();
    let headings = [
        "Model", "State", "Context", "Max", "Slots", "Vision", "Tools",
    ];
    for line in output::table(&headings, &rows).lines() {
        output::line(format_args!("  {line}"))?;
    }
    match models.len().checked_sub(LISTED) {
        Some(more) if more > 0 => output::line(format_args!("  and {more} more (--json has all)")),
        _ => Ok(()),
    }
}

fn cells(model: &ServedModel) -> Vec<String> {
    let state = model.state.as_ref().map(|state| match state.value {
        ModelState::Loaded => "loaded",
        ModelState::Loading => "loading",
        ModelState::NotLoaded => "not loaded",
    });
    vec![
        model.id.clone(),
        state.unwrap_or("-").to_owned(),
        number(model.loaded_context.as_ref()),
        number(model.max_context.as_ref()),
        number(model.slots.as_ref()),
        yes_no(model.vision.as_ref()),
        yes_no(model.tools.as_ref()),
    ]
}

fn number(fact: Option<&Fact<u64>>) -> String {
    fact.map_or_else(|| "-".to_owned(), |fact| fact.value.to_string())
}

fn yes_no(fact: Option<&Fact<bool>>) -> String {
    let word = fact.map(|fact| if fact.value { "yes" } else { "no" });
    word.unwrap_or("-").to_owned()
}

/// The URLs that told something, each once.
fn sources(probe: &Probe) -> Vec<&str> {
    fn of<T>(fact: &Option<Fact<T>>) -> Option<&str> {
        fact.as_ref().map(|fact| fact.source.as_str())
    }
    let models = probe.models.iter().flat_map(|model| {
        [
            of(&model.state),
            of(&model.loaded_context),
            of(&model.max_context),
            of(&model.slots),
            of(&model.vision),
            of(&model.tools),
        ]
    });
    let mut sources: Vec<&str> = Vec::new();
    let server = [Some(probe.server.source.as_str()), of(&probe.version)];
    for source in server.into_iter().chain(models).flatten() {
        if !sources.contains(&source) {
            sources.push(source);
        }
    }
    sources
}
