//! `moltbot agent`: one message, one answer.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::Utc;
use moltbot_agent::{
    Agent, Agents, Asked, Conversation, DeliveryError, ElevatedOrder, Gate, Next, Occasion,
    OutgoingMessage, Outlet, OutletAction, Progress, Receipt, ReplyText, TurnError, TurnReport,
    TurnRequest, compacted, place_list, stopped,
};
use moltbot_llm::{Event, StopReason};
use moltbot_store::Session;
use serde_json::{Value, json};

use crate::app::App;
use crate::args::{AgentArgs, Globals};
use crate::chat::{Screen, conversation};
use crate::commands::approvals::{as_value, told};
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

/// Where messages go that the agent sends while it works: standard output is for the answer.
struct StandardError;

#[async_trait]
impl Outlet for StandardError {
    /// The same as in a chat: what a model is told of it must not depend on who asks.
    fn channel(&self) -> &str {
        Screen::CHANNEL
    }

    fn actions(&self) -> &[OutletAction] {
        Screen::ACTIONS
    }

    fn home(&self, _session: &Session) -> Option<String> {
        Some(Screen::PERSON.to_owned())
    }

    fn reaches_others(&self) -> bool {
        false
    }

    async fn deliver(&self, message: &OutgoingMessage) -> Result<Receipt, DeliveryError> {
        output::note(output::plain(&message.text));
        if let Some(path) = &message.media {
            output::note(format!("Attachment: {}", path.display()));
        }
        Ok(Receipt::default())
    }
}

/// What came of a message.
struct Answered {
    session_id: String,
    /// What the agent would do if the person allowed it.
    waiting: Vec<Asked>,
    /// What commands in it said.
    said: Vec<String>,
    /// What the agent answered; `None` where there was nothing for it.
    report: Option<TurnReport>,
    /// What it answered when it was told what came of the work that it had given away.
    told: Vec<TurnReport>,
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
    let agents = app
        .agents(
            args.timeout,
            Gate::closed(),
            vec![Arc::new(StandardError) as _],
        )
        .await?;
    let agent = agents.agent(&agent_id).map_err(Exit::failed)?;
    let mut session = app.session(&agent, args.session_id.as_deref()).await?;
    agents.attend(&session.key).await?;
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
                waiting: Vec::new(),
                session_id: talk.session.session_id,
                said: taken.said,
                report: None,
                told: Vec::new(),
                notices: Vec::new(),
                usage: None,
            });
        }
    };
    let request = TurnRequest {
        model: directives.model.as_deref().or(talk.model.as_deref()),
        thinking: directives.thinking.or(talk.thinking),
        elevated: ElevatedOrder {
            asked_by: Some(&talk.peer),
            level: directives.elevated,
        },
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
    let since = Utc::now().timestamp_millis();
    let outcome = agents.turn(&agent, request, interrupt(), &mut note).await;
    let told = match &outcome {
        Ok(_) => what_came_back(&agents, &agent, &talk, &mut notices).await,
        Err(_) => {
            agents.stop(&talk.session.key).await;
            Vec::new()
        }
    };
    if !args.json {
        for text in &notices {
            output::note(output::styled(output::DIM, output::plain(text)));
        }
    }
    let waiting = waiting(&app, &agent, since).await?;
    let session_id = talk.session.session_id.clone();
    match outcome {
        Ok(report) => Ok(Answered {
            waiting,
            session_id,
            said: taken.said,
            usage: agent.usage_line(&talk.session, &report),
            report: Some(report),
            told,
            notices,
        }),
        Err(error) => Err(NoAnswer {
            kind: kind(&error),
            exit: error.into(),
            session_id: Some(session_id),
        }),
    }
}

/// What was asked since, and waits for an answer: the person is told of it by the program, not by the agent alone.
async fn waiting(app: &App, agent: &Agent, since: i64) -> Result<Vec<Asked>, NoAnswer> {
    let mut waiting = app.approvals(agent.store()).pending().await?;
    waiting.retain(|asked| asked.approval.asked_at >= since);
    for asked in &waiting {
        for line in told(asked) {
            output::note(line);
        }
        output::note(format!(
            "    To allow it: moltbot approvals allow {}, then ask again.",
            asked.approval.short_id()
        ));
    }
    Ok(waiting)
}

/// Waits for what the conversation gave to others, and has the agent tell what came of it. Ctrl-C stops it all.
async fn what_came_back(
    agents: &Agents,
    agent: &Agent,
    talk: &Conversation,
    notices: &mut Vec<String>,
) -> Vec<TurnReport> {
    let session = &talk.session;
    let mut told = Vec::new();
    loop {
        let more = tokio::select! {
            more = agents.all_back(&session.key) => more,
            () = interrupt() => {
                let count = agents.stop(&session.key).await.subagents;
                notices.push(stopped(count));
                return told;
            }
        };
        if !more {
            return told;
        }
        let mut unseen = |_| {};
        let report = agents.announce(agent, session, None, interrupt(), &mut unseen);
        match report.await {
            Ok(report) => told.extend(report),
            Err(error) => {
                if matches!(error, TurnError::Stopped) {
                    agents.stop(&session.key).await;
                }
                notices.push(error.to_string());
                return told;
            }
        }
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
        print(&reply, reply.for_person().trim())?;
        for report in &self.told {
            let reply = ReplyText::read(&report.message.text(), Occasion::Unasked);
            print(&reply, reply.text.trim())?;
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
                let reply = ReplyText::read(&report.message.text(), Occasion::Person);
                payloads.push(payload(&reply, reply.for_person().trim()));
                for told in &self.told {
                    let reply = ReplyText::read(&told.message.text(), Occasion::Unasked);
                    if !reply.text.trim().is_empty() || !reply.media.is_empty() {
                        payloads.push(payload(&reply, reply.text.trim()));
                    }
                }
                let mut meta = meta(report, &self.notices);
                if !self.waiting.is_empty() {
                    meta["approvals"] = self.waiting.iter().map(as_value).collect();
                }
                meta
            }
            None => json!({"agentMeta": {"sessionId": self.session_id}}),
        };
        json!({"payloads": payloads, "meta": meta})
    }
}

/// A reply as people read it.
fn print(reply: &ReplyText, text: &str) -> Result<(), Exit> {
    if !text.is_empty() {
        output::line(output::plain(text))?;
    }
    for media in &reply.media {
        output::line(output::plain(&format!("MEDIA:{}", media.as_str())))?;
    }
    Ok(())
}

/// A reply as programs take it.
fn payload(reply: &ReplyText, text: &str) -> Value {
    let mut payload = json!({"text": text});
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
