//! One turn: the message into the journal, the work of answering it, the answer into the journal.

use std::time::{Duration, Instant};

use moltbot_llm::{
    AssistantMessage, Attempt, CatalogError, Content, Ladder, LadderError, Message, ModelRef,
    Origin, Priority, Provenance, Request, ThinkingLevel, TokenCount, Usage,
};
use moltbot_store::{NewEntry, Session, SessionPatch, StoreError, TurnEnd};
use thiserror::Error;

use crate::agent::Agent;
use crate::calls::Calls;
use crate::clock::TurnClock;
use crate::context::{Compactor, TooLong};
use crate::discretion::{hide_in_answer, hide_in_content};
use crate::draft::Draft;
use crate::elevated::{self, ElevatedOrder};
use crate::history::{self, History, HistoryError};
use crate::inbox::Inbox;
use crate::limits::Spent;
use crate::progress::ProgressSink;
use crate::run::Run;
use crate::workspace::WorkspaceError;

/// What is asked of the agent.
#[derive(Debug, Clone)]
pub struct TurnRequest<'a> {
    /// The conversation it belongs to.
    pub session: &'a Session,
    /// What the person says; empty where nobody does.
    pub message: &'a str,
    /// What the program or another conversation says, each part with its source.
    pub content: &'a [Content],
    /// Whether a person waits for the answer.
    pub priority: Priority,
    /// The model for this turn alone, by reference or alias.
    pub model: Option<&'a str>,
    /// The thinking level for this turn alone.
    pub thinking: Option<ThinkingLevel>,
    /// Where the person's further messages arrive while the turn runs.
    pub inbox: Option<&'a Inbox>,
    /// Who says it, and what they order about leaving the sandbox.
    pub elevated: ElevatedOrder<'a>,
}

impl<'a> TurnRequest<'a> {
    /// A message, answered by the session's own model.
    pub fn new(session: &'a Session, message: &'a str) -> Self {
        Self {
            session,
            message,
            content: &[],
            priority: Priority::Person,
            model: None,
            thinking: None,
            inbox: None,
            elevated: ElevatedOrder::default(),
        }
    }
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
    /// The tokens of all steps together.
    pub usage: Usage,
    /// How many tool calls it took.
    pub calls: u32,
    /// What it cost by the catalog's prices, in US dollars; 0 where none is known.
    pub cost: f64,
    /// The tokens of the last step's prompt, and who counted them.
    pub prompt: TokenCount,
    /// The models that failed before it, or were left alone because they failed a moment ago; empty when the first
    /// answered.
    pub failed: Vec<Attempt>,
    /// Why the model had to answer before it was done with its tools, to continue "because".
    pub cut_short: Option<String>,
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
    /// The conversation does not fit any model, even shortened as far as it goes.
    #[error(transparent)]
    TooLong(TooLong),
    /// A model asked for a tool, and none was offered.
    #[error(
        "{0} asked for a tool that it was not offered, and said nothing else; ask again or use another model."
    )]
    UnknownTool(ModelRef),
    /// A model went on calling tools when it was asked for its last word.
    #[error(
        "{model} was asked to answer without further tools, because {reason}, but called another instead of answering. What was done so far stays done; ask again or use another model."
    )]
    NoLastWord {
        /// The model.
        model: ModelRef,
        /// Why there were no further tools.
        reason: String,
    },
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
    /// The agent has no folder to work in.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    /// The journal cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Ends the turn in the journal if its future is dropped half-way.
pub(crate) struct Open<'a> {
    agent: &'a Agent,
    pub(crate) turn_id: String,
    finished: bool,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if !self.finished {
            self.agent.store.abandon_turn(&self.turn_id);
        }
    }
}

impl<'a> Open<'a> {
    pub(crate) fn new(agent: &'a Agent, turn_id: String) -> Self {
        Self {
            agent,
            turn_id,
            finished: false,
        }
    }

    pub(crate) async fn finish(
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
    /// Takes one turn: journals the message, asks the models in order, does what they ask for, journals each step and the
    /// answer. `stop` ends the turn when it completes; what the model had written by then is kept as an unfinished
    /// answer.
    ///
    /// # Errors
    /// See [`TurnError`]. A turn that failed is journaled as failed, with the same sentence.
    pub async fn turn(
        &self,
        request: TurnRequest<'_>,
        stop: impl Future<Output = ()>,
        progress: ProgressSink<'_>,
    ) -> Result<TurnReport, TurnError> {
        let started = Instant::now();
        let session = request.session;
        let (rungs, left_out) = self.rungs(session, request.model)?;
        let history = History::read(&self.store, &session.session_id).await?;
        let first = rungs
            .first()
            .ok_or(CatalogError::NothingConfigured)?
            .clone();
        let offer = self.offer(Some(session), &first.reference);
        let prompt = history.prompt(&offer);
        let owner = (!request.message.is_empty())
            .then(|| Content::text(request.message, Provenance::Owner));
        let workplace = self.workplace_for(session, request.elevated);
        let said = owner.into_iter().chain(request.content.iter().cloned());
        let said = said.chain(elevated::note(&workplace));
        let mut said: Vec<Content> = said.collect();
        hide_in_content(&self.secrets, &mut said);
        let message = self.prompt.stamp.on(said, now_ms());
        let entries = vec![history::entry(&message)];
        let (turn, stored) = self.store.begin_turn(&session.session_id, entries).await?;
        let open = Open::new(self, turn.id);
        let mut context = history.into_context();
        if prompt.is_none() {
            context.forget_usage();
        }
        context.push(stored.last().map(|entry| entry.id.clone()), message);
        let asked = Request {
            messages: context.messages(),
            thinking: request.thinking.unwrap_or_else(|| self.thinking(session)),
            origin: Origin {
                session: Some(session.session_id.clone()),
                priority: request.priority,
                profile: self.chosen_profile(session),
                ..Origin::default()
            },
            ..Request::default()
        };
        let evidence = self
            .evidence(&session.session_id, &context, offer.tools(&[]))
            .await?;
        let ladder = Ladder::new(self.backends.clone(), rungs);
        let turn_id = open.turn_id.clone();
        let clock = TurnClock::new(self.settings.timeout);
        let mut run = Run {
            store: &self.store,
            turn_id: &turn_id,
            ladder: &ladder,
            knowledge: self.backends.knowledge(),
            compactor: Compactor::new(&self.context, &ladder, &session.session_id),
            calls: Calls {
                tools: offer.tools(&[]),
                policies: &self.policies,
                gate: &self.gate,
                secrets: &self.secrets,
                clock: &clock,
                session,
                workplace,
            },
            limits: self.settings.limits,
            inbox: request.inbox,
            stamp: &self.prompt.stamp,
            evidence,
            request: asked,
            context,
            draft: Draft::default(),
            spent: Spent::default(),
            cost: 0.0,
            failed: Vec::new(),
            cut_short: None,
        };
        let work = async {
            self.prepare_workspace(session).await?;
            let prompt = match prompt {
                Some(prompt) => prompt,
                None => {
                    run.keep_prompt(self.new_prompt(Some(session), first, &offer).await)
                        .await?
                }
            };
            run.request.system = prompt.system();
            run.calls.tools = offer.tools(&prompt.tools);
            run.request.tools = prompt.tools;
            run.work(progress).await
        };
        let outcome = {
            tokio::select! {
                biased;
                () = stop => Err(TurnError::Stopped),
                outcome = work => outcome,
                () = clock.up() => {
                    Err(TurnError::OutOfTime(self.settings.timeout.as_secs()))
                }
            }
        };
        let usage = run.usage();
        match outcome {
            Ok(answered) => {
                let report = TurnReport {
                    session_id: session.session_id.clone(),
                    message: answered.message,
                    model: answered.model,
                    usage,
                    calls: run.spent.calls,
                    cost: run.cost,
                    prompt: answered.prompt,
                    failed: run.failed,
                    cut_short: run.cut_short,
                    left_out: left_out.iter().map(ToString::to_string).collect(),
                    duration: started.elapsed(),
                };
                let entry = history::entry(&Message::Assistant(report.message.clone()));
                open.finish(vec![entry], TurnEnd::Done, usage).await?;
                let patch = SessionPatch {
                    provider: Some(report.model.provider.clone()),
                    model: Some(report.model.model.clone()),
                    ..SessionPatch::default()
                };
                self.store.update_session(&session.key, patch).await?;
                Ok(report)
            }
            Err(error) => {
                let end = match &error {
                    TurnError::Stopped => TurnEnd::Aborted,
                    _ => TurnEnd::Failed(error.to_string()),
                };
                let kept = match &error {
                    TurnError::Stopped | TurnError::OutOfTime(_) => {
                        let mut said = run.draft.message(ladder.asked());
                        if let Some(said) = &mut said {
                            hide_in_answer(&self.secrets, said);
                        }
                        said
                    }
                    // What a failed model said is void: another answer would follow it.
                    _ => None,
                };
                let entries = kept.map(|m| history::entry(&Message::Assistant(m)));
                open.finish(entries.into_iter().collect(), end, usage)
                    .await?;
                Err(error)
            }
        }
    }
}

/// Milliseconds since the Unix epoch.
pub(crate) fn now_ms() -> i64 {
    chrono::Utc::now().timestamp_millis()
}
