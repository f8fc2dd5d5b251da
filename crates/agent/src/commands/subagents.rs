//! `/subagents`: a person looks at the sub-agents of a session, writes to them and stops them.

use std::time::Duration;

use moltbot_llm::{Content, Message, Provenance};
use moltbot_store::{RunState, SubagentRun};

use super::obey::{CommandError, Conversation};
use super::status::short_tokens;
use crate::agent::Agent;
use crate::agents::{Agents, End, Sent, read_run, runtime};
use crate::history;
use crate::turn::now_ms;

/// How many are listed.
const LISTED: usize = 20;

/// How many messages are shown unless more are asked for.
const SHOWN: usize = 20;

/// Most characters shown of one message.
const LENGTH: usize = 500;

/// How long an answer is waited for.
const WAIT: Duration = Duration::from_secs(30);

/// Fewer characters are no beginning of an id.
const ID: usize = 4;

/// How it is used.
const USAGE: &str = "Usage: /subagents list · info <id|#> · log <id|#> [limit] [tools] · send <id|#> <message> · stop <id|#|all>";

impl Agent {
    pub(super) async fn subagents_command(
        &self,
        text: &str,
        conversation: &Conversation,
    ) -> Result<String, CommandError> {
        let Some(agents) = self.agents.upgrade() else {
            return Ok("There are no sub-agents here.".to_owned());
        };
        let key = &conversation.session.key;
        let runs = self.store.subagent_runs(key).await?;
        let (action, rest) = word(text);
        if matches!(action, "" | "list") {
            return Ok(list(&agents, &runs));
        }
        let (name, rest) = word(rest);
        if action == "stop" && name == "all" {
            let all: Vec<String> = runs.iter().map(|run| run.id.clone()).collect();
            return Ok(stopped_runs(agents.stop_runs(&all).await));
        }
        if !matches!(action, "info" | "log" | "send" | "stop") || name.is_empty() {
            return Ok(USAGE.to_owned());
        }
        let Some((number, run)) = find(&runs, name) else {
            return Ok(format!(
                "There is no sub-agent \"{name}\" in this session; /subagents lists them."
            ));
        };
        match action {
            "info" => Ok(info(&agents, number, run)),
            "log" => self.subagent_log(run, rest).await,
            "stop" => Ok(stopped_runs(
                agents.stop_runs(std::slice::from_ref(&run.id)).await,
            )),
            _ => self.tell_subagent(&agents, run, rest).await,
        }
    }

    async fn subagent_log(&self, run: &SubagentRun, rest: &str) -> Result<String, CommandError> {
        let words = || rest.split_whitespace();
        let limit = words().find_map(|word| word.parse::<usize>().ok());
        let with_tools = words().any(|word| word == "tools");
        let Some(child) = self.store.session_by_key(&run.child_key).await? else {
            return Ok("Its session is gone.".to_owned());
        };
        let said = history::transcript(&self.store, &child.session_id).await?;
        let lines: Vec<String> = said.iter().filter_map(|m| line(m, with_tools)).collect();
        let from = lines.len().saturating_sub(limit.unwrap_or(SHOWN));
        Ok(match lines[from..].join("\n") {
            lines if lines.is_empty() => "It has said nothing yet.".to_owned(),
            lines => lines,
        })
    }

    async fn tell_subagent(
        &self,
        agents: &Agents,
        run: &SubagentRun,
        text: &str,
    ) -> Result<String, CommandError> {
        if text.is_empty() {
            return Ok(USAGE.to_owned());
        }
        let Some(child) = self.store.session_by_key(&run.child_key).await? else {
            return Ok("Its session is gone.".to_owned());
        };
        let wait = match agents.is_at_work(&run.id) {
            true => Duration::ZERO,
            false => WAIT,
        };
        let sent = agents.tell_child(&run.requester_key, child, text, wait);
        Ok(match sent.await {
            Sent::Accepted => {
                "⚙️ The sub-agent is told when it is done with its task; its answer will be told."
                    .to_owned()
            }
            Sent::Answered { reply, .. } if reply.is_empty() => "(no answer)".to_owned(),
            Sent::Answered { reply, .. } => reply,
            Sent::TimedOut => {
                "⚙️ The sub-agent is at work on it; its answer will be told.".to_owned()
            }
            Sent::Forbidden(reason) | Sent::Failed(reason) => reason,
        })
    }
}

fn stopped_runs(count: usize) -> String {
    match count {
        0 => "No sub-agent is at work there.".to_owned(),
        1 => "⚙️ Stopped 1 sub-agent.".to_owned(),
        many => format!("⚙️ Stopped {many} sub-agents."),
    }
}

/// The first word, and what follows it.
fn word(text: &str) -> (&str, &str) {
    let text = text.trim();
    let (word, rest) = text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()));
    (word, rest.trim())
}

/// A run by its number, its id or the beginning of it, its session's key, or its label; the newest that fits.
fn find<'a>(runs: &'a [SubagentRun], name: &str) -> Option<(usize, &'a SubagentRun)> {
    let number = name.strip_prefix('#').unwrap_or(name).parse::<usize>().ok();
    if let Some(number) = number
        && let Some(run) = number.checked_sub(1).and_then(|at| runs.get(at))
    {
        return Some((number, run));
    }
    let fits = |run: &SubagentRun| {
        let label = || read_run(run).and_then(|(task, _)| task.label);
        (name.len() >= ID && run.id.starts_with(name))
            || run.child_key.eq_ignore_ascii_case(name)
            || label().is_some_and(|label| label.eq_ignore_ascii_case(name))
    };
    let found = runs.iter().enumerate().rev().find(|(_, run)| fits(run));
    found.map(|(at, run)| (at + 1, run))
}

/// How a run stands, in a word, and how long it took so far in milliseconds.
fn standing(agents: &Agents, run: &SubagentRun) -> (&'static str, u64) {
    let outcome = read_run(run).and_then(|(_, outcome)| outcome);
    if let Some(outcome) = outcome {
        return (outcome.end.short(), outcome.runtime_ms);
    }
    let lasted = |end: i64| u64::try_from(end - run.started_at).unwrap_or_default();
    match run.state {
        RunState::Running if agents.is_at_work(&run.id) => ("at work", lasted(now_ms())),
        // Another process's.
        RunState::Running => ("at work elsewhere", lasted(now_ms())),
        RunState::Ended | RunState::Interrupted => (
            End::Interrupted.short(),
            lasted(run.ended_at.unwrap_or(run.started_at)),
        ),
    }
}

fn list(agents: &Agents, runs: &[SubagentRun]) -> String {
    let active = runs
        .iter()
        .filter(|run| run.state == RunState::Running)
        .count();
    let mut lines = vec![
        "🧭 Subagents (current session)".to_owned(),
        format!("Active: {active} · Done: {}", runs.len() - active),
    ];
    let first = runs.len().saturating_sub(LISTED);
    for (at, run) in runs.iter().enumerate().skip(first) {
        let (state, lasted) = standing(agents, run);
        let id: String = run.id.chars().take(8).collect();
        lines.push(format!(
            "{}) {} · {state} · {} · {id}",
            at + 1,
            name(run),
            runtime(lasted)
        ));
    }
    lines.join("\n")
}

fn name(run: &SubagentRun) -> String {
    read_run(run).map_or_else(|| run.child_key.clone(), |(task, _)| task.name())
}

fn info(agents: &Agents, number: usize, run: &SubagentRun) -> String {
    let (state, lasted) = standing(agents, run);
    let mut lines = vec![
        format!("🧭 Subagent {number}: {}", name(run)),
        format!("Status: {state} · {}", runtime(lasted)),
        format!("Run: {}", run.id),
        format!("Session: {}", run.child_key),
    ];
    if let Some((task, outcome)) = read_run(run) {
        lines.push(format!("Task: {}", task.text));
        if let Some(outcome) = outcome {
            lines.extend(outcome.error.map(|error| format!("Error: {error}")));
            lines.push(format!(
                "Tokens: {} in / {} out",
                short_tokens(outcome.input_tokens),
                short_tokens(outcome.output_tokens)
            ));
        }
    }
    if run.state != RunState::Running && run.announced_at.is_none() {
        lines.push("The session has not been told yet.".to_owned());
    }
    lines.join("\n")
}

/// A message on one line; `None` where there is nothing to see.
fn line(message: &Message, with_tools: bool) -> Option<String> {
    let (who, text) = match message {
        Message::User(user) => ("user", said(&user.content)),
        Message::Assistant(answer) => ("assistant", answer.text()),
        Message::ToolResult(_) if !with_tools => return None,
        Message::ToolResult(result) => (result.tool_name.as_str(), said(&result.content)),
    };
    let text = text.trim();
    let text = match text.char_indices().nth(LENGTH) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    };
    (!text.is_empty()).then(|| format!("{who}: {text}"))
}

fn said(content: &[Content]) -> String {
    let said = content
        .iter()
        .filter(|part| part.from() != Provenance::Program);
    let texts: Vec<&str> = said.filter_map(Content::as_text).collect();
    texts.join("\n")
}
