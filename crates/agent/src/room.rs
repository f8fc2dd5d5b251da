//! A turn that runs out of context: before a server says so, and after.

use moltbot_llm::{Answer, Event, Failure, FailureClass, LadderError, Model};

use crate::context::{Goal, TooLong};
use crate::draft::Draft;
use crate::progress::{Progress, ProgressSink};
use crate::run::Run;
use crate::turn::TurnError;

/// An answer is left at least this many tokens.
const LEAST_OUTPUT: u64 = 256;

impl Run<'_> {
    /// Asks the models, with room made for the answer where the first one's window is too full. Where a server refuses
    /// the prompt as too long all the same, it is shortened by what that server says, and asked once more.
    pub(crate) async fn ask_within_window(
        &mut self,
        progress: ProgressSink<'_>,
    ) -> Result<Answer, TurnError> {
        self.make_room(&mut *progress).await?;
        let refused = match self.send(&mut *progress).await {
            Err(error) => overflow(error)?,
            Ok(answer) => return Ok(answer),
        };
        if !self.shorten_by(&refused, &mut *progress).await? {
            return Err(self.too_long(&refused).await);
        }
        if refused.after_text {
            // What was shown of the reply that did not fit is void.
            progress(Progress::Model(Event::Again {
                failure: Box::new(refused),
            }));
        }
        match self.send(progress).await {
            Err(error) => Err(self.too_long(&overflow(error)?).await),
            Ok(answer) => Ok(answer),
        }
    }

    async fn send(&mut self, progress: ProgressSink<'_>) -> Result<Answer, LadderError> {
        self.draft = Draft::default();
        let draft = &mut self.draft;
        let mut sink = |event| {
            draft.take(&event);
            progress(Progress::Model(event));
        };
        self.ladder.run(&self.request, &mut sink).await
    }

    /// Shortens the conversation where its prompt would leave too little of the first model's window.
    async fn make_room(&mut self, progress: ProgressSink<'_>) -> Result<(), TurnError> {
        let Some(model) = self.ladder.rungs().first() else {
            return Ok(());
        };
        let model = self.knowledge.dress(model.clone()).await;
        let (before, is_read) = self.need(&model).await;
        let window = model.context_window;
        let budget = self.compactor.settings().budget(window);
        if before <= budget {
            return Ok(());
        }
        let goal = Goal {
            before,
            budget,
            window,
            is_read,
            is_asked_for: false,
            instructions: None,
        };
        self.shorten(&model, goal, progress).await.map(|_| ())
    }

    /// Makes the next request such as a server that refused this one would take. Whether anything has changed.
    async fn shorten_by(
        &mut self,
        refused: &Failure,
        progress: ProgressSink<'_>,
    ) -> Result<bool, TurnError> {
        let model = self.refusing(refused).await;
        let (estimated, _) = self.need(&model).await;
        let figures = refused.tokens;
        // Without figures all that is known is that it was too much.
        let limit = figures
            .limit
            .unwrap_or_else(|| model.context_window.min(estimated / 3 * 2));
        let before = figures
            .prompt
            .unwrap_or(estimated.max(limit.saturating_add(1)));
        let budget = self.compactor.settings().budget(limit);
        if before <= budget {
            // The prompt fits: what did not is the answer that was asked for beside it.
            self.bound_answer((limit - before) / 4 * 3);
            return Ok(true);
        }
        let goal = Goal {
            before,
            budget,
            window: limit,
            is_read: false,
            is_asked_for: false,
            instructions: None,
        };
        let after = self.shorten(&model, goal, progress).await?;
        if let (Some(after), Some(limit)) = (after, figures.limit) {
            self.bound_answer(limit.saturating_sub(after) / 4 * 3);
        }
        Ok(after.is_some())
    }

    fn bound_answer(&mut self, tokens: u64) {
        let tokens = tokens.max(LEAST_OUTPUT);
        self.request.max_tokens = Some(
            self.request
                .max_tokens
                .map_or(tokens, |known| known.min(tokens)),
        );
    }

    /// Shortens the conversation, and writes down how. Gives the tokens that are left; `None` where nothing would make it
    /// shorter.
    pub(crate) async fn shorten(
        &mut self,
        model: &Model,
        goal: Goal<'_>,
        progress: ProgressSink<'_>,
    ) -> Result<Option<u64>, TurnError> {
        progress(Progress::Compacting);
        let made = self
            .compactor
            .shorten(&self.context, &self.request, model, goal, &mut *progress)
            .await;
        let (usage, cost) = self.compactor.take_spent();
        self.spent.usage += usage;
        self.cost += cost;
        let Some(compaction) = made else {
            return Ok(None);
        };
        self.store
            .append(self.turn_id, vec![compaction.entry()])
            .await?;
        let (before, after) = (compaction.tokens_before, compaction.tokens_after);
        tracing::info!(rung = ?compaction.rung, before, after, "the conversation was shortened");
        self.context.compact(compaction);
        self.request.messages = self.context.messages();
        progress(Progress::Compacted { before, after });
        Ok(Some(after))
    }

    /// The tokens of the next prompt for a model, and whether its server said most of them.
    pub(crate) async fn need(&self, model: &Model) -> (u64, bool) {
        self.context
            .need(self.knowledge.tokens(), model, &self.request)
            .await
    }

    /// The rung that refused.
    async fn refusing(&self, refused: &Failure) -> Model {
        let rungs = self.ladder.rungs();
        let rung = rungs.iter().find(|model| model.reference == refused.model);
        // A ladder that failed has rungs.
        let model = rung.unwrap_or(&rungs[0]).clone();
        self.knowledge.dress(model).await
    }

    async fn too_long(&self, refused: &Failure) -> TurnError {
        let model = self.refusing(refused).await;
        let (estimated, _) = self.need(&model).await;
        TurnError::TooLong(TooLong::new(&model, refused, estimated))
    }
}

/// The refusal for which a shorter prompt may be answered: the first rung's that called it too long.
fn overflow(error: LadderError) -> Result<Failure, TurnError> {
    let is_overflow = |failure: &Failure| {
        failure.class == FailureClass::ContextOverflow && failure.cooling.is_none()
    };
    let refused = error
        .attempts
        .iter()
        .map(|attempt| &attempt.failure)
        .find(|failure| is_overflow(failure));
    match refused {
        Some(failure) => Ok(failure.clone()),
        None => Err(TurnError::Models(error)),
    }
}
