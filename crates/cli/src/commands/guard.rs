//! `moltbot guard`: what agents may do unasked, and why.

use moltbot_agent::{Explanation, Gate, SessionKey};
use moltbot_store::Session;
use serde_json::{Map, Value, json};

use super::prompt;
use crate::app::App;
use crate::args::{Globals, GuardCommand, GuardExplainArgs};
use crate::exit::Exit;
use crate::output;

/// Runs a `guard` command.
pub(crate) async fn run(globals: &Globals, command: GuardCommand) -> Result<(), Exit> {
    match command {
        GuardCommand::Explain(args) => explain(globals, &args).await,
    }
}

async fn explain(globals: &Globals, args: &GuardExplainArgs) -> Result<(), Exit> {
    let app = App::load(globals, true)?;
    let agent_id = app.agent_id(args.agent.as_deref())?;
    let agents = app.agents(None, Gate::closed(), Vec::new()).await?;
    let agent = agents.agent(&agent_id).map_err(Exit::failed)?;
    let session = prompt::find(&agent, args.session_id.as_deref()).await?;
    let session = session.unwrap_or_else(|| not_begun(&agent_id));
    let explained = agent
        .explain(&session, &args.tool, &args.arguments)
        .await
        .map_err(|error| Exit::failed(error.to_string()))?;
    match args.json {
        true => output::json(&as_json(&session, args, &explained)),
        false => print(&session, &explained),
    }
}

/// The main session before anything was said in it. It is not stored.
fn not_begun(agent_id: &str) -> Session {
    Session {
        key: SessionKey::main(agent_id).to_string(),
        session_id: String::new(),
        agent_id: agent_id.to_owned(),
        created_at: 0,
        updated_at: 0,
        label: None,
        settings: Map::new(),
        provider: None,
        model: None,
        input_tokens: 0,
        output_tokens: 0,
    }
}

fn as_json(session: &Session, args: &GuardExplainArgs, explained: &Explanation) -> Value {
    let Explanation {
        plan,
        decision,
        label,
        targets,
    } = explained;
    let targets: Vec<Value> = targets
        .iter()
        .map(|(target, grade)| json!({"target": target, "grade": grade}))
        .collect();
    json!({
        "session": session.key,
        "tool": args.tool,
        "verdict": decision.verdict,
        "rule": decision.rule,
        "reason": decision.reason,
        "label": label,
        "plan": plan,
        "targets": targets,
    })
}

fn print(session: &Session, explained: &Explanation) -> Result<(), Exit> {
    let Explanation {
        plan,
        decision,
        label,
        targets,
    } = explained;
    let mut rows = vec![
        vec!["Verdict".to_owned(), word(&decision.verdict)],
        vec!["Rule".to_owned(), decision.rule.to_owned()],
        vec!["Why".to_owned(), output::plain(&decision.reason)],
        vec![
            "Would".to_owned(),
            format!(
                "{}: {}",
                plan.effect.describe(),
                output::plain(&plan.detail)
            ),
        ],
        vec!["Session".to_owned(), session.key.clone()],
        vec!["Least trusted source".to_owned(), word(&label.source)],
        vec!["Has read".to_owned(), word(&label.visibility)],
    ];
    rows.extend(targets.iter().map(|(target, grade)| {
        vec![
            "Target".to_owned(),
            format!("{} ({})", output::plain(&target.value), word(grade)),
        ]
    }));
    output::line(output::table(&["Part", "Says"], &rows))
}

/// The word by which a value is known in JSON.
fn word(value: &impl serde::Serialize) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}
