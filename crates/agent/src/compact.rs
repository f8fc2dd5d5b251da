//! Shortening a conversation because somebody asked for it.

use moltbot_llm::{Model, Usage};
use moltbot_store::Session;

use crate::agent::Agent;
use crate::aside::Aside;
use crate::context::Goal;
use crate::progress::ProgressSink;
use crate::run::Run;
use crate::turn::TurnError;

/// A conversation that was shortened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompactReport {
    /// Tokens of its prompt before.
    pub before: u64,
    /// About so many after.
    pub after: u64,
    /// The tokens that the session's first model takes.
    pub window: u64,
    /// How often messages have been left out of this conversation.
    pub count: u32,
}

impl Agent {
    /// Summarises a session, whether or not it has to be: at most two model calls. `instructions` say what the summary
    /// should mind. `stop` ends it when it completes, and nothing has changed then. `None` where there is nothing that a
    /// summary would make shorter.
    ///
    /// # Errors
    /// No model can be asked, the transcript cannot be read or written, a turn runs, or it was stopped.
    pub async fn compact(
        &self,
        session: &Session,
        instructions: Option<&str>,
        stop: impl Future<Output = ()>,
        progress: ProgressSink<'_>,
    ) -> Result<Option<CompactReport>, TurnError> {
        let aside = Aside::begin(self, session).await?;
        let (outcome, usage) = {
            let Some(model) = aside.model().await else {
                return aside.end(Ok(None), Vec::new(), Usage::default()).await;
            };
            let tools = aside.offered();
            let mut run = aside.run(&tools).await?;
            let work = run.summarise(&model, instructions, progress);
            let outcome = aside.within_time(work, stop).await;
            (outcome, run.usage())
        };
        aside.end(outcome, Vec::new(), usage).await
    }
}

impl Run<'_> {
    async fn summarise(
        &mut self,
        model: &Model,
        instructions: Option<&str>,
        progress: ProgressSink<'_>,
    ) -> Result<Option<CompactReport>, TurnError> {
        let (before, is_read) = self.need(model).await;
        let window = model.context_window;
        let goal = Goal {
            before,
            budget: self.compactor.settings().budget(window),
            window,
            is_read,
            is_asked_for: true,
            instructions,
        };
        let after = self.shorten(model, goal, progress).await?;
        Ok(after.map(|after| CompactReport {
            before,
            after,
            window,
            count: self.context.compactions(),
        }))
    }
}
