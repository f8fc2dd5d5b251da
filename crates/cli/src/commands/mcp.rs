//! `moltbot mcp`: servers that bring tools of their own.

use std::sync::Arc;

use moltbot_agent::StoredRecords;
use moltbot_llm::{Records, ShortMemory};
use moltbot_store::Store;
use moltbot_tools::mcp::{ServerReport, ServerStanding};
use serde_json::{Value, json};

use crate::app::App;
use crate::args::{Globals, McpCommand};
use crate::exit::Exit;
use crate::output;
use crate::toolbox;

/// Runs an `mcp` command.
pub(crate) async fn run(globals: &Globals, command: McpCommand) -> Result<(), Exit> {
    let app = App::load(globals, true)?;
    match command {
        McpCommand::List { json } => list(&app, json).await,
        McpCommand::Probe { name, json } => probe(&app, &name, json).await,
    }
}

async fn list(app: &App, as_json: bool) -> Result<(), Exit> {
    let database = &app.paths().database;
    let records: Arc<dyn Records> = match database.exists() {
        true => Arc::new(StoredRecords::new(Store::open(database)?)),
        false => Arc::new(ShortMemory::default()),
    };
    let reports = toolbox::mcp_servers(&app.snapshot, records).report().await;
    if as_json {
        let rows: Vec<Value> = reports.iter().map(row).collect();
        return output::json(&rows);
    }
    if reports.is_empty() {
        return output::line("No MCP servers. Add them under mcp.servers; docs/mcp.md says how.");
    }
    let rows: Vec<Vec<String>> = reports
        .iter()
        .map(|report| {
            vec![
                report.name.clone(),
                standing(report.standing).to_owned(),
                report.tools.len().to_string(),
                report.place.clone(),
            ]
        })
        .collect();
    output::line(output::table(&["Server", "State", "Tools", "Where"], &rows))?;
    for error in reports
        .iter()
        .filter_map(|report| report.last_error.as_ref())
    {
        output::note(output::styled(output::WARN, output::plain(error)));
    }
    Ok(())
}

async fn probe(app: &App, name: &str, as_json: bool) -> Result<(), Exit> {
    let store = Store::open(&app.paths().database)?;
    let servers = toolbox::mcp_servers(&app.snapshot, Arc::new(StoredRecords::new(store)));
    servers.probe(name).await?;
    let reports = servers.report().await;
    let Some(report) = reports.iter().find(|report| report.name == name) else {
        // It has just answered.
        return Ok(());
    };
    if as_json {
        return output::json(&row(report));
    }
    output::line(output::styled(
        output::GOOD,
        format_args!(
            "{name} answers; {} of its tools are offered.",
            report.tools.len()
        ),
    ))?;
    for tool in &report.tools {
        output::line(tool)?;
    }
    Ok(())
}

fn row(report: &ServerReport) -> Value {
    json!({
        "name": report.name,
        "state": standing(report.standing),
        "where": report.place,
        "tools": report.tools,
        "lastError": report.last_error,
    })
}

fn standing(standing: ServerStanding) -> &'static str {
    match standing {
        ServerStanding::Off => "off",
        ServerStanding::Unasked => "not asked yet",
        ServerStanding::Known => "ready",
        ServerStanding::Failed => "failed",
    }
}
