//! A skill's command that calls a tool directly, without a model (`command-dispatch: tool`).
//!
//! It goes the way of any call: the owner's rules, the gate, the journal. What was said and what came of it stand in the
//! transcript as what the person said and a note of the program's, each part with its own source, so that the next turn
//! knows of it and nothing that was read passes for anybody's word.

use std::time::Instant;

use moltbot_guard::Evidence;
use moltbot_llm::{Content, Message, ModelRef, Provenance, ToolCall, Usage, UserMessage};
use moltbot_store::{Session, TurnEnd};
use serde_json::json;

use crate::agent::Agent;
use crate::calls::Calls;
use crate::clock::TurnClock;
use crate::commands::Peer;
use crate::discretion::hide_in_content;
use crate::elevated::ElevatedOrder;
use crate::history;
use crate::progress::ProgressSink;
use crate::skills::SkillCommand;
use crate::tool::ToolOutput;
use crate::turn::{Open, TurnError, now_ms};

/// A command that a tool carries out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolCommand {
    /// The tool.
    pub tool: String,
    /// The command's name, without `/`.
    pub name: String,
    /// The skill that has it.
    pub skill: String,
    /// What the person said behind the name.
    pub input: String,
    /// The person.
    pub asked_by: Peer,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolCommandReport {
    /// What the person is shown.
    pub text: String,
    /// Whether it did not work out, or was not done.
    pub is_error: bool,
}

impl ToolCommand {
    /// The command of a skill, with what was said behind it; `None` where the skill asks the model.
    pub(crate) fn new(skill: &SkillCommand, input: &str, asked_by: &Peer) -> Option<Self> {
        Some(Self {
            tool: skill.tool.clone()?,
            name: skill.name.clone(),
            skill: skill.skill.clone(),
            input: input.trim().to_owned(),
            asked_by: asked_by.clone(),
        })
    }

    /// As the person says it.
    fn said(&self) -> String {
        format!("/{} {}", self.name, self.input)
            .trim_end()
            .to_owned()
    }

    fn call(&self, id: &str) -> ToolCall {
        let arguments = json!({
            "command": self.input,
            "commandName": self.name,
            "skillName": self.skill,
        });
        ToolCall {
            id: id.to_owned(),
            name: self.tool.clone(),
            arguments: arguments.to_string(),
        }
    }

    /// What the next turn is told of it.
    fn note(&self, output: ToolOutput) -> Message {
        let outcome = match output.is_error {
            true => "It did not work out",
            false => "It gave",
        };
        let head = format!(
            "[moltbot] This command called the tool {} directly; the person has seen what came of it. {outcome}:",
            self.tool
        );
        let mut content = vec![Content::text(head, Provenance::Program)];
        content.extend(output.content);
        Message::User(UserMessage {
            content,
            timestamp: now_ms(),
        })
    }
}

impl Agent {
    /// Carries out a command by its tool, and keeps both in the transcript. No model is asked; none need be configured.
    /// `stop` ends it when it completes.
    ///
    /// # Errors
    /// A turn of the session runs, it was stopped or took too long, or the journal cannot be written. What the tool or
    /// the gate says is no error but what the person is shown.
    pub async fn call_tool(
        &self,
        session: &Session,
        command: &ToolCommand,
        stop: impl Future<Output = ()>,
        progress: ProgressSink<'_>,
    ) -> Result<ToolCommandReport, TurnError> {
        let started = Instant::now();
        let mut said = [Content::text(command.said(), Provenance::Owner)];
        hide_in_content(&self.secrets, &mut said);
        let said = self.prompt.stamp.on(said.to_vec(), now_ms());
        let entries = vec![history::entry(&said)];
        let (turn, _) = self.store.begin_turn(&session.session_id, entries).await?;
        let open = Open::new(self, turn.id);
        let clock = TurnClock::new(self.settings.timeout);
        let work = async {
            self.prepare_workspace(session).await?;
            Ok(self.perform(session, command, &clock, progress).await)
        };
        let outcome = tokio::select! {
            biased;
            () = stop => Err(TurnError::Stopped),
            outcome = work => outcome,
            () = clock.up() => Err(TurnError::OutOfTime(self.settings.timeout.as_secs())),
        };
        let (report, entries, end) = match outcome {
            Ok(output) => {
                let report = ToolCommandReport {
                    text: shown(&output),
                    is_error: output.is_error,
                };
                let note = history::entry(&command.note(output));
                (Ok(report), vec![note], TurnEnd::Done)
            }
            Err(error) => {
                let end = match &error {
                    TurnError::Stopped => TurnEnd::Aborted,
                    error => TurnEnd::Failed(error.to_string()),
                };
                (Err(error), Vec::new(), end)
            }
        };
        open.finish(entries, end, Usage::default()).await?;
        tracing::info!(tool = command.tool, command = command.name, took = ?started.elapsed(), "a command called a tool");
        report
    }

    async fn perform(
        &self,
        session: &Session,
        command: &ToolCommand,
        clock: &TurnClock,
        progress: ProgressSink<'_>,
    ) -> ToolOutput {
        // Rules may be about the model; where there is none, those for all hold.
        let first = self.rungs(session, None).ok();
        let first = first.and_then(|(rungs, _)| rungs.into_iter().next());
        let model = first.map_or_else(
            || ModelRef {
                provider: String::new(),
                model: String::new(),
            },
            |first| first.reference,
        );
        if let Some(reason) = self.not_there(session, &model, command) {
            return ToolOutput::text(reason, Provenance::Program).failed();
        }
        let tools = self.offer(Some(session), &model).into_toolbox();
        let order = ElevatedOrder {
            asked_by: Some(&command.asked_by),
            level: None,
        };
        let calls = Calls {
            tools: &tools,
            policies: &self.policies,
            gate: &self.gate,
            secrets: &self.secrets,
            clock,
            session,
            workplace: self.workplace_for(session, order),
        };
        let call = command.call("command");
        // No model had a say in it: what counts is what the person just said.
        let mut evidence = Evidence::new();
        evidence.owner_said(&command.said());
        let mut called = calls.run(vec![call], &model, &mut evidence, progress).await;
        // One call has one outcome.
        called.pop().map(|called| called.output).unwrap_or_default()
    }

    /// Why the tool of a command cannot be called, for the person.
    fn not_there(
        &self,
        session: &Session,
        model: &ModelRef,
        command: &ToolCommand,
    ) -> Option<String> {
        let allowed = self.allowed_tools(session, model);
        if allowed.names.contains(&command.tool) {
            return None;
        }
        let why = match allowed.removed.get(&command.tool) {
            Some(rule) => format!("which is not allowed here: {rule}"),
            None => "which this agent does not have".to_owned(),
        };
        Some(format!(
            "/{} of the skill {} calls the tool {}, {why}.",
            command.name, command.skill, command.tool
        ))
    }
}

/// What a person sees of an outcome.
fn shown(output: &ToolOutput) -> String {
    let texts: Vec<&str> = output.content.iter().filter_map(Content::as_text).collect();
    let text = texts.join("\n");
    match text.trim().is_empty() {
        true => "Done.".to_owned(),
        false => text,
    }
}
