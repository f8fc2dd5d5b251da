//! `moltbot agent`: one message, one answer.

use moltbot_agent::{TurnError, TurnReport, TurnRequest};
use serde_json::{Value, json};

use crate::app::{self, App};
use crate::args::{AgentArgs, Globals};
use crate::exit::Exit;
use crate::interrupt::interrupt;
use crate::output;

/// Takes one turn and prints the answer.
pub(crate) async fn run(globals: &Globals, args: AgentArgs) -> Result<(), Exit> {
    let app = App::load(globals, args.json)?;
    let agent_id = app.agent_id(args.agent.as_deref())?;
    let agent = app.agent(&agent_id, args.timeout)?;
    let session = app::session(&agent, args.session_id.as_deref()).await?;
    let request = TurnRequest {
        session: &session,
        message: &args.message,
        model: args.model.as_deref(),
        thinking: args.thinking,
    };
    let mut ignore = |_| {};
    match agent.turn(request, interrupt(), &mut ignore).await {
        Ok(report) if args.json => output::json(&answer_json(&report)),
        Ok(report) => {
            output::line(report.message.text().trim())?;
            for text in footnotes(&report) {
                output::note(output::styled(output::DIM, text));
            }
            Ok(())
        }
        Err(error) => {
            if args.json {
                output::json(&error_json(&session.session_id, &error))?;
            }
            Err(error.into())
        }
    }
}

/// What the person should know beside the answer: who gave it, where that was not the first choice.
pub(crate) fn footnotes(report: &TurnReport) -> Vec<String> {
    let mut notes = report.left_out.clone();
    if let Some(served) = Some(&report.model).filter(|_| !report.failed.is_empty()) {
        let reasons: Vec<String> = report
            .failed
            .iter()
            .map(|attempt| attempt.failure.to_string())
            .collect();
        notes.push(format!("Answered by {served}: {}", reasons.join(" ")));
    }
    notes
}

fn answer_json(report: &TurnReport) -> Value {
    let message = &report.message;
    let fallback: Vec<Value> = report
        .failed
        .iter()
        .map(|attempt| {
            json!({
                "model": attempt.model.to_string(),
                "reason": attempt.failure.class.as_str(),
                "message": attempt.failure.to_string(),
            })
        })
        .collect();
    json!({
        "payloads": [{"text": message.text().trim()}],
        "meta": {
            "durationMs": u64::try_from(report.duration.as_millis()).unwrap_or(u64::MAX),
            "agentMeta": {
                "sessionId": report.session_id,
                "provider": report.model.provider,
                "model": report.model.model,
                "usage": {
                    "input": message.usage.input,
                    "output": message.usage.output,
                    "cacheRead": message.usage.cache_read,
                    "cacheWrite": message.usage.cache_write,
                    "total": message.usage.total(),
                },
            },
            "stopReason": message.stop_reason,
            "fallback": fallback,
        },
    })
}

fn error_json(session_id: &str, error: &TurnError) -> Value {
    let kind = match error {
        TurnError::Models(models) => models.last().map_or("failed", |f| f.class.as_str()),
        TurnError::Catalog(_) => "model",
        TurnError::UnknownTool(_) => "unknown_tool",
        TurnError::Stopped => "aborted",
        TurnError::OutOfTime(_) => "timeout",
        TurnError::History(_) | TurnError::Store(_) => "store",
    };
    json!({
        "payloads": [],
        "meta": {
            "agentMeta": {"sessionId": session_id},
            "aborted": matches!(error, TurnError::Stopped),
            "error": {"kind": kind, "message": error.to_string()},
        },
    })
}
