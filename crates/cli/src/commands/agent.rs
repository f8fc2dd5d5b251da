//! `moltbot agent`: one message, one answer.

use moltbot_agent::{
    Conversation, Gate, Next, Occasion, Progress, ReplyText, TurnError, TurnReport, TurnRequest,
    compacted, place_list,
};
use moltbot_llm::{Event, StopReason};
use serde_json::{Value, json};

use crate::app::App;
use crate::args::{AgentArgs, Globals};
use crate::chat::conversation;
use crate::exit::Exit;
use crate::interrupt::{hear_orders, interrupt};
use crate::output;

/// Takes one message and prints the answer. With `--json`, a failure is JSON on standard output too.
pub(crate) async fn run(globals: &Globals, args: AgentArgs) -> Result<(), Exit> {
    hear_orders();
    match answer(globals, &args).await {
        Ok(answer) if args.json => output::json(&answer.json()),
        Ok(answer) => answer.print(),
        Err(failure) => {
            if args.json {
                output::json(&failure.json())?;
            }
            Err(failure.exit)
        }
    }
}

/// What came of a message.
struct Answered {
    session_id: String,
    /// What commands in it said.
    said: Vec<String>,
    /// What the agent answered; `None` where there was nothing for it.
    report: Option<TurnReport>,
    /// What the person should know about how the answer came about.
    notices: Vec<String>,
    usage: Option<String>,
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

/// Carries out what the message orders, and asks the agent where that is meant.
async fn answer(globals: &Globals, args: &AgentArgs) -> Result<Answered, NoAnswer> {
    if args.message.trim().is_empty() {
        return Err(Exit::failed("The message is empty: say something after --message.").into());
    }
    let app = App::load(globals, false)?;
    let agent_id = app.agent_id(args.agent.as_deref())?;
    let agent = app
        .agent(&agent_id, args.timeout, Gate::closed(), Vec::new())
        .await?;
    let mut session = app.session(&agent, args.session_id.as_deref()).await?;
    if let Some(places) = &args.places {
        session = agent.bind(&session, &place_list(places)).await?;
    }
    let mut talk = Conversation {
        model: args.model.clone(),
        thinking: args.thinking,
        ..conversation(session)
    };
    let mut taken = agent.take(&args.message, &mut talk).await?;
    let (message, directives) = match taken.next {
        Next::Ask {
            message,
            directives,
        } => (message, directives),
        other => {
            taken.said.extend(match other {
                Next::Stop => Some("Nothing is running in this session here.".to_owned()),
                Next::Compact(instructions) => {
                    let stop = interrupt();
                    let report = agent
                        .compact(&talk.session, instructions.as_deref(), stop, &mut |_| {})
                        .await?;
                    Some(compacted(report.as_ref()))
                }
                Next::CallTool(command) => {
                    let stop = interrupt();
                    let session = &talk.session;
                    let report = agent
                        .call_tool(session, &command, stop, &mut |_| {})
                        .await?;
                    if report.is_error {
                        return Err(Exit::failed(output::plain(&report.text)).into());
                    }
                    Some(report.text)
                }
                Next::Nothing | Next::Ask { .. } => None,
            });
            return Ok(Answered {
                session_id: talk.session.session_id,
                said: taken.said,
                report: None,
                notices: Vec::new(),
                usage: None,
            });
        }
    };
    let request = TurnRequest {
        model: directives.model.as_deref().or(talk.model.as_deref()),
        thinking: directives.thinking.or(talk.thinking),
        ..TurnRequest::new(&talk.session, &message)
    };
    let mut notices: Vec<String> = agent.tool_warnings(&talk.session);
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
    let session_id = talk.session.session_id.clone();
    match outcome {
        Ok(report) => Ok(Answered {
            session_id,
            said: taken.said,
            usage: agent.usage_line(&talk.session, &report),
            report: Some(report),
            notices,
        }),
        Err(error) => Err(NoAnswer {
            kind: kind(&error),
            exit: error.into(),
            session_id: Some(session_id),
        }),
    }
}

/// What the person should know beside the answer: who gave it, where that was not the first choice.
pub(crate) fn footnotes(report: &TurnReport) -> Vec<String> {
    let mut notes = report.left_out.clone();
    if let Some(reason) = &report.cut_short {
        notes.push(format!("The answer came without further tools: {reason}."));
    }
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

impl Answered {
    fn print(&self) -> Result<(), Exit> {
        self.said.iter().try_for_each(output::line)?;
        let Some(report) = &self.report else {
            return Ok(());
        };
        let reply = ReplyText::read(&report.message.text(), Occasion::Person);
        let text = reply.for_person().trim();
        if !text.is_empty() {
            output::line(output::plain(text))?;
        }
        for media in &reply.media {
            output::line(output::plain(&format!("MEDIA:{}", media.as_str())))?;
        }
        for text in self.usage.iter().chain(&footnotes(report)) {
            output::note(output::styled(output::DIM, text));
        }
        Ok(())
    }

    fn json(&self) -> Value {
        let mut payloads: Vec<Value> = self.said.iter().map(|text| json!({"text": text})).collect();
        let meta = match &self.report {
            Some(report) => {
                payloads.push(payload(&ReplyText::read(
                    &report.message.text(),
                    Occasion::Person,
                )));
                meta(report, &self.notices)
            }
            None => json!({"agentMeta": {"sessionId": self.session_id}}),
        };
        json!({"payloads": payloads, "meta": meta})
    }
}

/// A reply as programs take it.
fn payload(reply: &ReplyText) -> Value {
    let mut payload = json!({"text": reply.for_person().trim()});
    if let Some(first) = reply.media.first() {
        let all: Vec<&str> = reply.media.iter().map(|media| media.as_str()).collect();
        payload["mediaUrl"] = json!(first.as_str());
        payload["mediaUrls"] = json!(all);
    }
    payload
}

fn meta(report: &TurnReport, notices: &[String]) -> Value {
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
    })
}

/// The stable word for why there is no answer.
fn kind(error: &TurnError) -> &'static str {
    match error {
        TurnError::Models(models) => models.last().map_or("failed", |f| f.class.as_str()),
        TurnError::Catalog(_) => "model",
        TurnError::UnknownTool(_) => "unknown_tool",
        TurnError::NoLastWord { .. } => "no_answer",
        TurnError::TooLong(_) => "context_overflow",
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
