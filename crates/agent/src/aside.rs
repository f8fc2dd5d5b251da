//! Work on a conversation that is no answer to the person: it is journaled like a turn, and no turn runs meanwhile.

use moltbot_llm::{CatalogError, Ladder, Model, Origin, Priority, Request};
use moltbot_store::{NewEntry, Session, TurnEnd};

use crate::agent::Agent;
use crate::calls::Calls;
use crate::clock::TurnClock;
use crate::context::Compactor;
use crate::disclosure::Offer;
use crate::draft::Draft;
use crate::evidence;
use crate::history::History;
use crate::limits::Spent;
use crate::run::Run;
use crate::toolbox::Toolbox;
use crate::turn::{Open, TurnError};

/// Such work, begun.
pub(crate) struct Aside<'a> {
    agent: &'a Agent,
    session: &'a Session,
    ladder: Ladder,
    clock: TurnClock,
    open: Open<'a>,
}

impl<'a> Aside<'a> {
    /// Begins it: nothing is read before the session is ours.
    pub(crate) async fn begin(agent: &'a Agent, session: &'a Session) -> Result<Self, TurnError> {
        let (rungs, _) = agent.rungs(session, None)?;
        let (turn, _) = agent
            .store
            .begin_turn(&session.session_id, Vec::new())
            .await?;
        Ok(Self {
            agent,
            session,
            ladder: Ladder::new(agent.backends.clone(), rungs),
            clock: TurnClock::new(agent.settings.timeout),
            open: Open::new(agent, turn.id),
        })
    }

    /// The conversation as the models would be asked to go on with it, calls answered by these tools alone.
    pub(crate) async fn run<'s>(&'s self, tools: &'s Toolbox) -> Result<Run<'s>, TurnError> {
        let agent = self.agent;
        let history = History::read(&agent.store, &self.session.session_id).await?;
        let offer = self.offer();
        let prompt = history.prompt(&offer);
        let mut context = history.into_context();
        if prompt.is_none() {
            context.forget_usage();
        }
        let prompt = match (prompt, self.ladder.rungs().first()) {
            (Some(prompt), _) => prompt,
            (None, Some(first)) => {
                let session = Some(self.session);
                agent.new_prompt(session, first.clone(), &offer).await
            }
            (None, None) => return Err(CatalogError::NothingConfigured.into()),
        };
        Ok(Run {
            store: &agent.store,
            turn_id: &self.open.turn_id,
            ladder: &self.ladder,
            knowledge: agent.backends.knowledge(),
            compactor: Compactor::new(&agent.context, &self.ladder, &self.session.session_id),
            calls: Calls {
                tools,
                policies: &agent.policies,
                gate: &agent.gate,
                secrets: &agent.secrets,
                clock: &self.clock,
                session: self.session,
                workplace: agent.workplace(Some(self.session)),
            },
            limits: agent.settings.limits,
            inbox: None,
            stamp: &agent.prompt.stamp,
            evidence: evidence::of(&context, tools),
            request: Request {
                system: prompt.system(),
                messages: context.messages(),
                tools: prompt.tools,
                thinking: agent.thinking(self.session),
                origin: Origin {
                    session: Some(self.session.session_id.clone()),
                    priority: Priority::Person,
                    profile: agent.chosen_profile(self.session),
                    ..Origin::default()
                },
                ..Request::default()
            },
            context,
            draft: Draft::default(),
            spent: Spent::default(),
            cost: 0.0,
            failed: Vec::new(),
            cut_short: None,
        })
    }

    /// The tools that the conversation has.
    pub(crate) fn offered(&self) -> Toolbox {
        self.offer().into_toolbox()
    }

    fn offer(&self) -> Offer {
        let first = self.ladder.rungs().first();
        first.map_or_else(
            || Offer::new(Toolbox::new()),
            |first| self.agent.offer(Some(self.session), &first.reference),
        )
    }

    /// The first model, as far as it is known by now.
    pub(crate) async fn model(&self) -> Option<Model> {
        let first = self.ladder.rungs().first()?;
        Some(self.agent.backends.knowledge().dress(first.clone()).await)
    }

    /// Works until it is done, stopped, or took too long.
    pub(crate) async fn within_time<T>(
        &self,
        work: impl Future<Output = Result<T, TurnError>>,
        stop: impl Future<Output = ()>,
    ) -> Result<T, TurnError> {
        tokio::select! {
            biased;
            () = stop => Err(TurnError::Stopped),
            outcome = work => outcome,
            () = self.clock.up() => Err(TurnError::OutOfTime(self.agent.settings.timeout.as_secs())),
        }
    }

    /// Ends it in the journal.
    pub(crate) async fn end<T>(
        self,
        outcome: Result<T, TurnError>,
        entries: Vec<NewEntry>,
        usage: moltbot_llm::Usage,
    ) -> Result<T, TurnError> {
        let end = match &outcome {
            Ok(_) => TurnEnd::Done,
            Err(TurnError::Stopped) => TurnEnd::Aborted,
            Err(error) => TurnEnd::Failed(error.to_string()),
        };
        self.open.finish(entries, end, usage).await?;
        outcome
    }
}
