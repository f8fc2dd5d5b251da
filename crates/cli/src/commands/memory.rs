//! `moltbot memory`: what is indexed of the agents' notes, and searching them.

use moltbot_config::{MAIN_AGENT, normalize_agent_id};
use moltbot_llm::Places;
use moltbot_tools::memory::{Embeddings, Holdings, Memory, Question};
use serde_json::{Value, json};

use crate::app::App;
use crate::args::{Globals, MemoryCommand};
use crate::exit::Exit;
use crate::output;

/// What is said where there is nothing to do.
const OFF: &str = "Memory search is switched off (agents.defaults.memorySearch.enabled).";

/// Runs a `memory` command.
pub(crate) async fn run(globals: &Globals, command: MemoryCommand) -> Result<(), Exit> {
    let app = App::load(globals, true)?;
    match command {
        MemoryCommand::Status { agent, index, json } => {
            status(&app, agent.as_deref(), index, json).await
        }
        MemoryCommand::Index { agent, force } => {
            for id in agents(&app, agent.as_deref())? {
                index(&app.memory(&id), &id, force).await?;
            }
            Ok(())
        }
        MemoryCommand::Search {
            query,
            agent,
            max_results,
            min_score,
            json,
        } => {
            let id = app.agent_id(agent.as_deref())?;
            let question = Question {
                text: query,
                max_results: max_results.map(usize::from),
                min_score,
            };
            search(&app.memory(&id), &question, json).await
        }
    }
}

/// The agent asked for, or all.
fn agents(app: &App, asked: Option<&str>) -> Result<Vec<String>, Exit> {
    if asked.is_some() {
        return Ok(vec![app.agent_id(asked)?]);
    }
    let list = app.snapshot.config.agents().list();
    let ids: Vec<String> = list
        .iter()
        .map(|agent| normalize_agent_id(&agent.id))
        .collect();
    Ok(match ids.is_empty() {
        true => vec![MAIN_AGENT.to_owned()],
        false => ids,
    })
}

async fn status(
    app: &App,
    agent: Option<&str>,
    index_first: bool,
    as_json: bool,
) -> Result<(), Exit> {
    let mut rows = Vec::new();
    for id in agents(app, agent)? {
        let memory = app.memory(&id);
        let enabled = memory.settings().enabled;
        if index_first && enabled {
            memory.index(false).await?;
        }
        let holdings = match enabled {
            true => memory.holdings().await?,
            false => Holdings::default(),
        };
        match as_json {
            true => rows.push(status_json(&id, &memory, holdings)),
            false => output::line(status_text(app, &id, &memory, holdings))?,
        }
    }
    match as_json {
        true => output::json(&rows),
        false => Ok(()),
    }
}

/// Who computes vectors, with which model, and why nobody does.
fn embedder(memory: &Memory) -> (&str, &str, Option<&str>) {
    match memory.embeddings() {
        Embeddings::Nobody => ("none", "none", None),
        Embeddings::Unusable(reason) => ("none", "none", Some(reason)),
        Embeddings::By(embedder) => (embedder.provider(), embedder.model(), None),
    }
}

fn status_json(id: &str, memory: &Memory, holdings: Holdings) -> Value {
    let settings = memory.settings();
    let (provider, model, error) = embedder(memory);
    json!({
        "agentId": id,
        "status": {
            "enabled": settings.enabled,
            "files": holdings.notes,
            "chunks": holdings.pieces,
            "vectors": holdings.with_vector,
            "workspaceDir": settings.workspace,
            "dbPath": settings.index,
            "extraPaths": settings.extra_paths,
            "provider": provider,
            "model": model,
            "providerError": error,
        },
        "scan": {"totalFiles": holdings.files},
    })
}

fn status_text(app: &App, id: &str, memory: &Memory, holdings: Holdings) -> String {
    let settings = memory.settings();
    let shown = |path| app.snapshot.environment.shown(path);
    let mut lines = vec![output::styled(output::BOLD, format_args!("Memory of {id}"))];
    if !settings.enabled {
        lines.push(OFF.to_owned());
        return lines.join("\n");
    }
    lines.push(format!(
        "Indexed:    {} of {} files, {} pieces",
        holdings.notes, holdings.files, holdings.pieces
    ));
    lines.push(match embedder(memory) {
        (_, _, Some(reason)) => format!("Embeddings: none. {reason}"),
        ("none", _, None) => "Embeddings: none; notes are found by their words".to_owned(),
        (provider, model, None) => format!(
            "Embeddings: {provider}, {model}; {} of {} pieces have theirs",
            holdings.with_vector, holdings.pieces
        ),
    });
    lines.push(format!("Workspace:  {}", shown(&settings.workspace)));
    for path in &settings.extra_paths {
        lines.push(format!("Also:       {}", shown(path)));
    }
    lines.push(format!("Index:      {}", shown(&settings.index)));
    lines.join("\n")
}

async fn index(memory: &Memory, id: &str, force: bool) -> Result<(), Exit> {
    if !memory.settings().enabled {
        return output::line(OFF);
    }
    let indexed = memory.index(force).await?;
    let mut line = format!(
        "{id}: read {}, removed {}",
        files(indexed.notes.read),
        files(indexed.notes.removed)
    );
    if indexed.vectors > 0 {
        line.push_str(&format!(", computed {} vectors", indexed.vectors));
    }
    output::line(line)?;
    if let Some(note) = &indexed.note {
        output::note(output::styled(output::WARN, output::plain(note)));
    }
    Ok(())
}

fn files(count: usize) -> String {
    match count {
        1 => "1 file".to_owned(),
        count => format!("{count} files"),
    }
}

async fn search(memory: &Memory, question: &Question, as_json: bool) -> Result<(), Exit> {
    if !memory.settings().enabled {
        return match as_json {
            true => output::json(&json!({"results": [], "disabled": true, "error": OFF})),
            false => output::line(OFF),
        };
    }
    // The owner asks: no conversation bounds where the words may go, beside the agent's own bound.
    let found = memory.search(question, &Places::default()).await?;
    if as_json {
        return output::json(&found);
    }
    if let Some(note) = &found.note {
        output::note(output::styled(output::WARN, output::plain(note)));
    }
    if found.results.is_empty() {
        return output::line("No matches.");
    }
    for note in &found.results {
        let path = output::plain(&note.path);
        let place = format_args!("{path}:{}-{}", note.start_line, note.end_line);
        output::line(format_args!(
            "{:.3}  {}",
            note.score,
            output::styled(output::BOLD, place)
        ))?;
        output::line(output::plain(&note.snippet))?;
        output::line("")?;
    }
    Ok(())
}
