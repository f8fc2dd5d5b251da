//! `moltbot agent`: one message, one answer.

use moltbot_agent::{Progress, TurnError, TurnReport, TurnRequest};
use moltbot_llm::{Event, StopReason};
use serde_json::{Value, json};

use crate::app::App;
use crate::args::{AgentArgs, Globals};
use crate::exit::Exit;
use crate::interrupt::interrupt;
use crate::output;

/// Takes one turn and prints the answer. With `--json`, a failure is JSON on standard output too.
pub(crate) async fn run(globals: &Globals, args: AgentArgs) -> Result<(), Exit> {
    match answer(globals, &args).await {
        Ok((report, notices)) if args.json => output::json(&answer_json(&report, &notices)),
        Ok((report, _)) => {
            output::line(output::plain(report.message.text().trim()))?;
            for text in footnotes(&report) {
                output::note(output::styled(output::DIM, text));
            }
            Ok(())
        }
        Err(failure) => {
            if args.json {
                output::json(&failure.json())?;
            }
            Err(failure.exit)
        }
    }
}

/// The places in a list typed by a person; none for `anywhere`.
pub(crate) fn place_list(text: &str) -> Vec<String> {
    let places = text.split([',', ' ']).map(str::trim);
    let places =
        places.filter(|place| !place.is_empty() && !place.eq_ignore_ascii_case("anywhere"));
    places.map(str::to_owned).collect()
}

/// A turn that gave no answer.
struct NoAnswer {
    exit: Exit,
    kind: &'static str,
    session_id: Option<String>,
}

impl<E: Into<Exit>> From<E> for NoAnswer {
    /// A failure before any model was asked.
    fn from(error: E) -> Self {
        Self {
            exit: error.into(),
            kind: "setup",
            session_id: None,
        }
    }
}

/// The answer, and what the person should know about how it came about.
async fn answer(
    globals: &Globals,
    args: &AgentArgs,
) -> Result<(TurnReport, Vec<String>), NoAnswer> {
    if args.message.trim().is_empty() {
        return Err(Exit::failed("The message is empty: say something after --message.").into());
    }
    let app = App::load(globals, false)?;
    let agent = app.agent(&app.agent_id(args.agent.as_deref())?, args.timeout)?;
    let mut session = app.session(&agent, args.session_id.as_deref()).await?;
    if let Some(places) = &args.places {
        session = agent.bind(&session, &place_list(places)).await?;
    }
    let request = TurnRequest {
        session: &session,
        message: &args.message,
        model: args.model.as_deref(),
        thinking: args.thinking,
        inbox: None,
    };
    let mut notices: Vec<String> = Vec::new();
    let mut note = |progress| {
        if let Progress::Model(Event::Notice(text)) = progress
            && !notices.contains(&text)
        {
            notices.push(text);
        }
    };
    let outcome = agent.turn(request, interrupt(), &mut note).await;
    if !args.json {
        for text in &notices {
            output::note(output::styled(output::DIM, output::plain(text)));
        }
    }
    outcome
        .map(|report| (report, notices))
        .map_err(|error| NoAnswer {
            kind: kind(&error),
            exit: error.into(),
            session_id: Some(session.session_id.clone()),
        })
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
    if report.message.stop_reason == StopReason::Length {
        notes.push("The answer was cut off at its length limit; raise maxTokens of that model for longer ones.".to_owned());
    }
    notes
}

fn answer_json(report: &TurnReport, notices: &[String]) -> Value {
    let message = &report.message;
    let fallback: Vec<Value> = report
        .failed
        .iter()
        .map(|attempt| {
            json!({
                "model": attempt.model.to_string(),
                "reason": attempt.failure.class.as_str(),
                "message": attempt.failure.to_string(),
                // Left alone because it failed a moment ago.
                "skipped": attempt.failure.cooling.is_some(),
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
                "toolCalls": report.calls,
                "usage": {
                    "input": report.usage.input,
                    "output": report.usage.output,
                    "cacheRead": report.usage.cache_read,
                    "cacheWrite": report.usage.cache_write,
                    "total": report.usage.total(),
                    "promptTokens": report.prompt.tokens,
                    "promptSource": report.prompt.source.as_str(),
                    "cost": {"total": report.cost},
                },
            },
            "stopReason": message.stop_reason,
            "fallback": fallback,
            "leftOut": report.left_out,
            "notices": notices,
        },
    })
}

/// The stable word for why there is no answer.
fn kind(error: &TurnError) -> &'static str {
    match error {
        TurnError::Models(models) => models.last().map_or("failed", |f| f.class.as_str()),
        TurnError::Catalog(_) => "model",
        TurnError::UnknownTool(_) => "unknown_tool",
        TurnError::NoLastWord { .. } => "no_answer",
        TurnError::Stopped => "aborted",
        TurnError::OutOfTime(_) => "timeout",
        TurnError::Workspace(_) => "workspace",
        TurnError::History(_) | TurnError::Store(_) => "store",
    }
}

impl NoAnswer {
    fn json(&self) -> Value {
        json!({
            "payloads": [],
            "meta": {
                "agentMeta": {"sessionId": self.session_id},
                "aborted": self.kind == "aborted",
                "error": {"kind": self.kind, "message": self.exit.message()},
            },
        })
    }
}
