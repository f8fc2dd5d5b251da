//! `moltbot prompt`: what models are told before a conversation, and what that costs.

use std::sync::Arc;

use moltbot_agent::{Agent, Gate, PromptReport, SessionKey};
use moltbot_store::Session;
use serde_json::{Value, json};

use crate::app::App;
use crate::args::{Globals, PromptCommand, PromptShowArgs};
use crate::chat::Screen;
use crate::exit::Exit;
use crate::output;

/// Runs a `prompt` command.
pub(crate) async fn run(globals: &Globals, command: PromptCommand) -> Result<(), Exit> {
    match command {
        PromptCommand::Show(args) => show(globals, &args).await,
    }
}

async fn show(globals: &Globals, args: &PromptShowArgs) -> Result<(), Exit> {
    let app = App::load(globals, true)?;
    let agent_id = app.agent_id(args.agent.as_deref())?;
    // Which place the agent can send messages to is the same wherever it is asked.
    let outlets = vec![Arc::new(Screen::default()) as _];
    let agents = app.agents(None, Gate::closed(), outlets).await?;
    let agent = agents.agent(&agent_id).map_err(Exit::failed)?;
    let session = find(&agent, args.session_id.as_deref()).await?;
    let report = agent.prompt_report(session.as_ref()).await?;
    match args.json {
        true => output::json(&as_json(&agent, session.as_ref(), &report)),
        false => print(&agent, session.as_ref(), &report),
    }
}

/// The session meant: by id, key or name; the main one where none is named, which need not have begun.
pub(super) async fn find(agent: &Agent, named: Option<&str>) -> Result<Option<Session>, Exit> {
    let store = agent.store();
    if let Some(id) = named
        && let Some(session) = store.session_by_id(id).await?
    {
        return of_agent(agent, session).map(Some);
    }
    let key = match named {
        Some(named) => SessionKey::parse(named, agent.id()),
        None => SessionKey::main(agent.id()),
    };
    let key = key.to_string();
    let sessions = store.sessions().await?;
    let found = sessions.into_iter().find(|session| session.key == key);
    match (found, named) {
        (Some(session), _) => of_agent(agent, session).map(Some),
        (None, None) => Ok(None),
        (None, Some(named)) => Err(Exit::failed(format!(
            "There is no session \"{named}\": leave --session-id out for the agent's main one."
        ))),
    }
}

fn of_agent(agent: &Agent, session: Session) -> Result<Session, Exit> {
    match session.agent_id == agent.id() {
        true => Ok(session),
        false => Err(Exit::failed(format!(
            "Session {} belongs to the agent \"{1}\": add --agent {1}.",
            session.key, session.agent_id
        ))),
    }
}

fn print(agent: &Agent, session: Option<&Session>, report: &PromptReport) -> Result<(), Exit> {
    let of = match (report.is_frozen, session) {
        (true, Some(session)) => format!("Prompt of {}, as it began", session.key),
        _ => format!("Prompt of agent {}, if a session began now", agent.id()),
    };
    output::line(output::styled(output::BOLD, of))?;
    output::line(format!(
        "Profile {}, model {}, context window {} ({})\n",
        report.profile,
        report.model,
        output::tokens(report.context_window),
        report.context_source,
    ))?;
    for section in &report.sections {
        output::line(format!("{}\n", output::plain(&section.text)))?;
    }
    let row = |name: &str, tokens: u64| vec![name.to_owned(), tokens.to_string()];
    let mut rows: Vec<Vec<String>> = report
        .sections
        .iter()
        .map(|section| row(&section.name, section.tokens))
        .collect();
    let tools = report.tools.iter();
    rows.extend(tools.map(|tool| row(&format!("tool {}", tool.spec.name), tool.tokens)));
    let (system, tools) = (report.system_tokens(), report.tool_tokens());
    rows.push(row("All", system + tools));
    output::line(output::table(&["Part", "Tokens (estimated)"], &rows))?;
    if !report.hidden_tools.is_empty() {
        let hidden = report.hidden_tools.iter();
        let mut rows: Vec<Vec<String>> = hidden
            .map(|tool| {
                let name = format!("{} ({})", tool.cost.spec.name, tool.source);
                row(&output::plain(&name), tool.cost.tokens)
            })
            .collect();
        rows.push(row("All", report.hidden_tokens()));
        let heading = "Hidden: the model searches for it";
        output::line(String::new())?;
        output::line(output::table(&[heading, "Tokens it would take"], &rows))?;
    }
    output::line(last_turn(report))?;
    for skill in &report.unused_skills {
        let text = format!("Skill {} is not offered: {}.", skill.name, skill.reason);
        output::line(output::styled(output::DIM, output::plain(&text)))?;
    }
    Ok(())
}

fn last_turn(report: &PromptReport) -> String {
    let Some(turn) = &report.last_turn else {
        return "\nNo turn yet.".to_owned();
    };
    let usage = &turn.usage;
    let steps = match turn.steps {
        1 => "1 request".to_owned(),
        steps => format!("{steps} requests"),
    };
    let mut text = format!(
        "\nLast turn, {}, {steps}: {} tokens read anew, {} from the cache, {} written",
        turn.model,
        usage.input + usage.cache_write,
        usage.cache_read,
        usage.output,
    );
    if turn.cost > 0.0 {
        text.push_str(&format!(", ${:.4}", turn.cost));
    }
    match turn.reread {
        0 => text.push_str("; nothing was read again."),
        tokens => text.push_str(&format!("; about {tokens} of them had been read before.")),
    }
    text
}

fn as_json(agent: &Agent, session: Option<&Session>, report: &PromptReport) -> Value {
    let sections = report.sections.iter();
    let sections: Vec<Value> = sections
        .map(
            |section| json!({"name": section.name, "tokens": section.tokens, "text": section.text}),
        )
        .collect();
    let tools = report.tools.iter();
    let tools: Vec<Value> = tools
        .map(|tool| json!({"name": tool.spec.name, "tokens": tool.tokens}))
        .collect();
    let hidden = report.hidden_tools.iter();
    let hidden: Vec<Value> = hidden
        .map(|tool| {
            json!({
                "name": tool.cost.spec.name,
                "source": tool.source,
                "tokens": tool.cost.tokens,
            })
        })
        .collect();
    let unused = report.unused_skills.iter();
    let unused: Vec<Value> = unused
        .map(|skill| json!({"name": skill.name, "reason": skill.reason}))
        .collect();
    let last_turn = report.last_turn.as_ref().map(|turn| {
        json!({
            "model": turn.model.to_string(),
            "requests": turn.steps,
            "input": turn.usage.input,
            "cacheRead": turn.usage.cache_read,
            "cacheWrite": turn.usage.cache_write,
            "output": turn.usage.output,
            "reread": turn.reread,
            "cost": turn.cost,
        })
    });
    json!({
        "agentId": agent.id(),
        "sessionKey": session.map(|session| &session.key),
        "sessionId": session.map(|session| &session.session_id),
        "frozen": report.is_frozen,
        "profile": report.profile,
        "model": report.model.to_string(),
        "contextWindow": report.context_window,
        "contextSource": report.context_source,
        "tokens": {
            "system": report.system_tokens(),
            "tools": report.tool_tokens(),
            "total": report.system_tokens() + report.tool_tokens(),
            "source": "estimate",
        },
        "sections": sections,
        "tools": tools,
        "hiddenTools": hidden,
        "unusedSkills": unused,
        "lastTurn": last_turn,
    })
}
