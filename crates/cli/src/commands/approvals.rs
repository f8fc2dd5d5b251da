//! `moltbot approvals`: what agents wait for, and what they may do for good.

use std::io::{IsTerminal, Read};
use std::path::Path;

use chrono::{DateTime, SecondsFormat};
use moltbot_agent::{ApprovalAnswer, ApprovalBook, Asked};
use moltbot_config::hash;
use moltbot_guard::invisible::written_out;
use moltbot_guard::shell::Approvals;
use moltbot_store::Store;
use serde_json::{Value, json};

use crate::app::App;
use crate::args::{AllowlistCommand, ApprovalsCommand, ApprovalsSetArgs, Globals};
use crate::exit::Exit;
use crate::output;

/// Runs an `approvals` command.
pub(crate) async fn run(globals: &Globals, command: ApprovalsCommand) -> Result<(), Exit> {
    let app = App::load_as_written(globals)?;
    let file = Approvals::path(&app.snapshot.environment.home);
    match command {
        ApprovalsCommand::List { all, json } => list(&app, all, json).await,
        ApprovalsCommand::Allow { id, always } => {
            let answer = match always {
                true => ApprovalAnswer::AllowAlways,
                false => ApprovalAnswer::AllowOnce,
            };
            answer_to(&app, &id, answer).await
        }
        ApprovalsCommand::Deny { id } => answer_to(&app, &id, ApprovalAnswer::Deny).await,
        ApprovalsCommand::Get { json } => get(&file, json),
        ApprovalsCommand::Set(args) => set(&file, &args),
        ApprovalsCommand::Allowlist { command } => allowlist(&file, command),
    }
}

fn book(app: &App) -> Result<ApprovalBook, Exit> {
    Ok(app.approvals(&Store::open(&app.paths().database)?))
}

async fn list(app: &App, all: bool, as_json: bool) -> Result<(), Exit> {
    // A book is not begun by looking whether there is something in it.
    let asked = match (app.paths().database.exists(), all) {
        (false, _) => Vec::new(),
        (true, false) => book(app)?.pending().await?,
        (true, true) => book(app)?.newest().await?,
    };
    if as_json {
        let asked: Vec<Value> = asked.iter().map(as_value).collect();
        return output::json(&json!({ "approvals": asked }));
    }
    if asked.is_empty() {
        return output::line("Nothing waits for your word.");
    }
    for asked in &asked {
        show(asked)?;
    }
    Ok(())
}

/// Prints a question.
fn show(asked: &Asked) -> Result<(), Exit> {
    told(asked).iter().try_for_each(output::line)
}

/// A question, as people read it.
pub(crate) fn told(asked: &Asked) -> Vec<String> {
    let Asked { approval, question } = asked;
    let standing = match (approval.answer, approval.used_at) {
        (Some(answer), None) if answer.allows() => format!("{answer}, not done yet"),
        (Some(answer), _) => answer.to_string(),
        (None, _) if approval.is_pending() => format!("until {}", time(approval.expires_at)),
        (None, _) => "expired".to_owned(),
    };
    let head = format!(
        "{}  {} wants to {} ({}) · {standing}",
        approval.short_id(),
        question.asker(),
        question.plan.effect.describe(),
        question.tool,
    );
    std::iter::once(head).chain(question.shown()).collect()
}

/// A question, as programs read it.
pub(crate) fn as_value(asked: &Asked) -> Value {
    let Asked { approval, question } = asked;
    json!({
        "id": approval.id,
        "request": question,
        "createdAtMs": approval.asked_at,
        "expiresAtMs": approval.expires_at,
        "pending": approval.is_pending(),
        "decision": approval.answer.map(ApprovalAnswer::as_str),
        "resolvedBy": approval.answered_by,
        "resolvedAtMs": approval.answered_at,
        "usedAtMs": approval.used_at,
    })
}

fn time(ms: i64) -> String {
    DateTime::from_timestamp_millis(ms)
        .map(|at| at.to_rfc3339_opts(SecondsFormat::Secs, true))
        .unwrap_or_default()
}

async fn answer_to(app: &App, id: &str, answer: ApprovalAnswer) -> Result<(), Exit> {
    let book = book(app)?;
    let asked = book.find(id).await?;
    // The id alone says nothing: an agent may have told whatever it liked about it.
    show(&asked)?;
    if answer.allows() && asked.approval.is_pending() && !confirmed()? {
        return Err(Exit::failed("Nothing was answered."));
    }
    let asked = book.answer(&asked, answer, "cli").await?;
    output::line(match answer {
        ApprovalAnswer::AllowOnce => "Allowed once.".to_owned(),
        ApprovalAnswer::Deny => "Not allowed.".to_owned(),
        ApprovalAnswer::AllowAlways => {
            let programs: Vec<String> = asked
                .question
                .plan
                .programs
                .iter()
                .map(|path| written_out(&path.display().to_string()))
                .collect();
            format!("Allowed, and from now on: {}", programs.join(", "))
        }
    })
}

/// Whether the person at the terminal says yes to what was shown. A script has nobody to ask, and means what it says.
fn confirmed() -> Result<bool, Exit> {
    if !std::io::stdin().is_terminal() {
        return Ok(true);
    }
    let mut line = String::new();
    output::note("Allow it? [y/N]");
    std::io::stdin()
        .read_line(&mut line)
        .map_err(|error| Exit::failed(format!("Standard input cannot be read: {error}.")))?;
    Ok(crate::chat::is_yes(&line))
}

fn get(path: &Path, as_json: bool) -> Result<(), Exit> {
    let exists = path.exists();
    let file = Approvals::read(path)?;
    let text = match exists {
        true => std::fs::read_to_string(path).map_err(|error| {
            Exit::failed(format!("{} cannot be read: {error}.", path.display()))
        })?,
        false => String::new(),
    };
    let shown = file.without_token();
    if as_json {
        let snapshot =
            json!({ "path": path, "exists": exists, "hash": hash(&text), "file": shown });
        return output::line(snapshot);
    }
    match exists {
        true => output::line(format!("{}\n{shown:#}", path.display())),
        false => output::line(format!(
            "There is no {} yet: nothing is allowed for good.",
            path.display()
        )),
    }
}

fn set(path: &Path, args: &ApprovalsSetArgs) -> Result<(), Exit> {
    let text = match &args.file {
        Some(file) => std::fs::read_to_string(file).map_err(|error| {
            Exit::failed(format!("{} cannot be read: {error}.", file.display()))
        })?,
        None => {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .map_err(|error| {
                    Exit::failed(format!("Standard input cannot be read: {error}."))
                })?;
            text
        }
    };
    Approvals::replace(path, &text)?;
    output::line(format!("Written: {}", path.display()))
}

fn allowlist(path: &Path, command: AllowlistCommand) -> Result<(), Exit> {
    match command {
        AllowlistCommand::Add(args) => {
            if !args.pattern.contains('/') {
                return Err(Exit::failed(format!(
                    "{} allows nothing: a pattern is the whole path of a program, such as /usr/bin/rg.",
                    args.pattern
                )));
            }
            Approvals::allow(path, &args.agent, &[args.pattern.clone().into()])?;
            output::line(format!("On the list of {}: {}", args.agent, args.pattern))
        }
        AllowlistCommand::Remove(args) => {
            match Approvals::disallow(path, &args.agent, &args.pattern)? {
                true => output::line(format!("Off the list of {}: {}", args.agent, args.pattern)),
                false => Err(Exit::failed(format!(
                    "{} is not on the list of {}; moltbot approvals get shows the lists.",
                    args.pattern, args.agent
                ))),
            }
        }
    }
}
