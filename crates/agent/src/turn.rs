//! One turn: the message into the journal, the ladder asked, the answer into the journal.

use std::time::{Duration, Instant};

use moltbot_llm::{
    Answer, AssistantMessage, AssistantPart, Attempt, CatalogError, Event, EventSink, Ladder,
    LadderError, Message, ModelRef, Origin, Priority, Request, StopReason, Thinking, ThinkingLevel,
    TokenCount, Usage,
};
use moltbot_store::{NewEntry, Session, SessionPatch, StoreError, TurnEnd};
use thiserror::Error;

use crate::agent::Agent;
use crate::history::{self, HistoryError};
use crate::prompt::system_prompt;

/// What is asked of the agent.
#[derive(Debug, Clone)]
pub struct TurnRequest<'a> {
    /// The conversation it belongs to.
    pub session: &'a Session,
    /// What the person says.
    pub message: &'a str,
    /// The model for this turn alone, by reference or alias.
    pub model: Option<&'a str>,
    /// The thinking level for this turn alone.
    pub thinking: Option<ThinkingLevel>,
}

/// A turn that was answered.
#[derive(Debug, Clone, PartialEq)]
pub struct TurnReport {
    /// The transcript that holds it.
    pub session_id: String,
    /// The answer.
    pub message: AssistantMessage,
    /// The model that gave it.
    pub model: ModelRef,
    /// What it cost by the catalog's prices, in US dollars; 0 where none is known.
    pub cost: f64,
    /// The tokens of the prompt, and who counted them.
    pub prompt: TokenCount,
    /// The models that failed before it, or were left alone because they failed a moment ago; empty when the first
    /// answered.
    pub failed: Vec<Attempt>,
    /// Fallbacks that cannot be used, each a sentence.
    pub left_out: Vec<String>,
    /// How long it took.
    pub duration: Duration,
}

/// A turn without an answer. `Display` is the sentence for the person.
#[derive(Debug, Error)]
pub enum TurnError {
    /// No model can be asked.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// No model answered.
    #[error(transparent)]
    Models(LadderError),
    /// A model asked for a tool, and none was offered.
    #[error(
        "{0} asked for a tool that it was not offered, and said nothing else; ask again or use another model."
    )]
    UnknownTool(ModelRef),
    /// The person stopped it; what was written so far is kept in the transcript.
    #[error("Stopped.")]
    Stopped,
    /// The whole run took too long; what was written so far is kept in the transcript.
    #[error(
        "The answer was not finished after {0} s; raise agents.defaults.timeoutSeconds or use a faster model."
    )]
    OutOfTime(u64),
    /// The transcript cannot be read.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The journal cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Ends the turn in the journal if its future is dropped half-way.
struct Open<'a> {
    agent: &'a Agent,
    turn_id: String,
    finished: bool,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if !self.finished {
            self.agent.store.abandon_turn(&self.turn_id);
        }
    }
}

impl Open<'_> {
    async fn finish(
        mut self,
        entries: Vec<NewEntry>,
        end: TurnEnd,
        usage: Usage,
    ) -> Result<(), StoreError> {
        let usage = moltbot_store::Usage {
            input_tokens: usage.prompt(),
            output_tokens: usage.output,
        };
        let store = self.agent.store.clone();
        store
            .finish_turn(&self.turn_id, entries, end, usage)
            .await?;
        self.finished = true;
        Ok(())
    }
}

impl Agent {
    /// Takes one turn: journals the message, asks the models in order, journals the answer. `stop` ends the turn when it
    /// completes; what the model had written by then is kept as an unfinished answer.
    ///
    /// # Errors
    /// See [`TurnError`]. A turn that failed is journaled as failed, with the same sentence.
    pub async fn turn(
        &self,
        request: TurnRequest<'_>,
        stop: impl Future<Output = ()>,
        events: EventSink<'_>,
    ) -> Result<TurnReport, TurnError> {
        let started = Instant::now();
        let session = request.session;
        let (rungs, left_out) = self.rungs(session, request.model)?;
        let mut messages = history::messages(&self.store, &session.session_id).await?;
        let message = Message::user(request.message, now_ms());
        let (turn, _) = self
            .store
            .begin_turn(&session.session_id, vec![history::entry(&message)])
            .await?;
        let open = Open {
            agent: self,
            turn_id: turn.id,
            finished: false,
        };
        messages.push(message);
        let asked = Request {
            system: system_prompt().to_owned(),
            messages,
            thinking: request.thinking.unwrap_or_else(|| self.thinking(session)),
            origin: Origin {
                session: Some(session.session_id.clone()),
                priority: Priority::Person,
                profile: self.chosen_profile(session),
                ..Origin::default()
            },
            ..Request::default()
        };
        let ladder = Ladder::new(self.backends.clone(), rungs);
        let mut draft = Draft::default();
        let outcome = {
            let mut sink = |event: Event| {
                draft.take(&event);
                events(event);
            };
            tokio::select! {
                biased;
                () = stop => Err(TurnError::Stopped),
                outcome = ladder.run(&asked, &mut sink) => outcome.map_err(TurnError::Models),
                () = tokio::time::sleep(self.settings.timeout) => {
                    Err(TurnError::OutOfTime(self.settings.timeout.as_secs()))
                }
            }
        };
        match outcome {
            Ok(answer) => {
                let left_out = left_out.iter().map(ToString::to_string).collect();
                self.answered(open, session, answer, left_out, started)
                    .await
            }
            Err(error) => {
                let end = match &error {
                    TurnError::Stopped => TurnEnd::Aborted,
                    _ => TurnEnd::Failed(error.to_string()),
                };
                let kept = match &error {
                    TurnError::Stopped | TurnError::OutOfTime(_) => draft.message(ladder.asked()),
                    // What a failed model said is void: another answer would follow it.
                    _ => None,
                };
                let entries = kept.map(|m| history::entry(&Message::Assistant(m)));
                open.finish(entries.into_iter().collect(), end, Usage::default())
                    .await?;
                Err(error)
            }
        }
    }

    async fn answered(
        &self,
        open: Open<'_>,
        session: &Session,
        answer: Answer,
        left_out: Vec<String>,
        started: Instant,
    ) -> Result<TurnReport, TurnError> {
        let mut message = answer.reply.message;
        // No tools were offered, so whatever is called does not exist.
        let called = message.tool_calls().next().is_some();
        message
            .content
            .retain(|part| !matches!(part, AssistantPart::ToolCall(_)));
        if called {
            if message.text().trim().is_empty() {
                let error = TurnError::UnknownTool(answer.model);
                let end = TurnEnd::Failed(error.to_string());
                open.finish(Vec::new(), end, message.usage).await?;
                return Err(error);
            }
            message.stop_reason = StopReason::Stop;
        }
        let entry = history::entry(&Message::Assistant(message.clone()));
        open.finish(vec![entry], TurnEnd::Done, message.usage)
            .await?;
        let patch = SessionPatch {
            provider: Some(answer.model.provider.clone()),
            model: Some(answer.model.model.clone()),
            ..SessionPatch::default()
        };
        self.store.update_session(&session.key, patch).await?;
        Ok(TurnReport {
            session_id: session.session_id.clone(),
            message,
            model: answer.model,
            cost: answer.cost,
            prompt: answer.prompt,
            failed: answer.failed,
            left_out,
            duration: started.elapsed(),
        })
    }
}

/// What the person has been shown of the answer so far.
#[derive(Default)]
struct Draft {
    text: String,
    thinking: String,
}

impl Draft {
    fn take(&mut self, event: &Event) {
        match event {
            Event::Text(text) => self.text.push_str(text),
            Event::Thinking(text) => self.thinking.push_str(text),
            Event::TextWasThinking => self.thinking.push_str(&std::mem::take(&mut self.text)),
            Event::NextModel { .. } | Event::Again { .. } => *self = Self::default(),
            _ => {}
        }
    }

    /// The unfinished answer of this model; `None` when no text came.
    fn message(self, model: Option<&ModelRef>) -> Option<AssistantMessage> {
        if self.text.trim().is_empty() {
            return None;
        }
        let model = model?.clone();
        let mut content = Vec::new();
        if !self.thinking.is_empty() {
            content.push(AssistantPart::Thinking(Thinking {
                thinking: self.thinking,
                signature: None,
            }));
        }
        content.push(AssistantPart::Text { text: self.text });
        Some(AssistantMessage {
            content,
            api: String::new(),
            provider: model.provider,
            model: model.model,
            usage: Usage::default(),
            stop_reason: StopReason::Aborted,
            error_message: None,
            timestamp: now_ms(),
        })
    }
}

/// Milliseconds since the Unix epoch.
fn now_ms() -> i64 {
    chrono::Utc::now().timestamp_millis()
}
