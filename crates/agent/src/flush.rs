//! Noting what matters before old messages are shortened.

use moltbot_config::schema::WorkspaceAccess;
use moltbot_guard::is_foreign;
use moltbot_llm::{Content, Message, Provenance, Request, UserMessage, estimate_message};
use moltbot_store::Session;
use serde_json::Value;

use crate::agent::{Agent, FLUSHED_AT_COMPACTION};
use crate::aside::Aside;
use crate::context::FlushSettings;
use crate::history::{self, History};
use crate::progress::{Progress, ProgressSink};
use crate::run::Run;
use crate::turn::{TurnError, now_ms};

/// Tools that memory is written with.
const WRITING: [&str; 2] = ["edit", "write"];

/// What a model says that has nothing to say to the person.
const SILENT: &str = "NO_REPLY";

impl Agent {
    /// Lets the agent note what matters in its memory files before old messages are shortened: one silent turn between
    /// two others, once for each compaction, where the conversation has come near the limit
    /// (`compaction.memoryFlush`). Whoever runs the turns calls it when an answer has been delivered, or before the next
    /// turn. `stop` ends it when it completes. Tells whether such a turn was taken.
    ///
    /// Not where there is no tool to write with, not in a sandbox that cannot write the agent's own folder, and not where anything from outside or from strangers is shown: what
    /// they say must not find its way into memory unasked.
    ///
    /// # Errors
    /// As [`Agent::turn`].
    pub async fn flush_memory(
        &self,
        session: &Session,
        stop: impl Future<Output = ()>,
        progress: ProgressSink<'_>,
    ) -> Result<bool, TurnError> {
        let Some(settings) = &self.context.memory_flush else {
            return Ok(false);
        };
        // Its notes would stay in the sandbox.
        let sandbox = self.sandboxed(&session.key);
        if sandbox.is_some_and(|sandbox| sandbox.access != WorkspaceAccess::Rw) {
            return Ok(false);
        }
        if !WRITING.iter().any(|name| self.tools.get(name).is_some()) {
            return Ok(false);
        }
        if !self.is_time_to_flush(settings, session).await? {
            return Ok(false);
        }
        let writes = |name: &str| name == "read" || WRITING.contains(&name);
        let aside = Aside::begin(self, session).await?;
        let tools = aside.offered().filter(writes);
        let (outcome, usage) = {
            let mut run = aside.run(&tools).await?;
            let work = self.note(settings, session, &mut run, progress);
            let outcome = aside.within_time(work, stop).await;
            (outcome, run.usage())
        };
        let (outcome, entries) = match outcome {
            Ok(answer) => (Ok(true), vec![history::entry(&answer)]),
            Err(error) => (Err(error), Vec::new()),
        };
        aside.end(outcome, entries, usage).await
    }

    async fn is_time_to_flush(
        &self,
        settings: &FlushSettings,
        session: &Session,
    ) -> Result<bool, TurnError> {
        let (rungs, _) = self.rungs(session, None)?;
        let Some(model) = rungs.into_iter().next() else {
            return Ok(false);
        };
        let history = History::read(&self.store, &session.session_id).await?;
        let offer = self.offer(Some(session), &model.reference);
        let prompt = history.prompt(&offer);
        let context = history.into_context();
        let Some(prompt) = prompt.filter(|_| !is_foreign(context.source())) else {
            return Ok(false);
        };
        let now = self.store.session(&session.key, &session.agent_id).await?;
        let flushed = now
            .settings
            .get(FLUSHED_AT_COMPACTION)
            .and_then(Value::as_u64);
        if flushed == Some(u64::from(context.compactions())) {
            return Ok(false);
        }
        let knowledge = self.backends.knowledge();
        let model = knowledge.dress(model).await;
        let request = Request {
            system: prompt.system(),
            messages: context.messages(),
            tools: prompt.tools,
            ..Request::default()
        };
        let (need, _) = context.need(knowledge.tokens(), &model, &request).await;
        let window = model.context_window;
        let budget = self.context.budget(window);
        let near = budget.saturating_sub(settings.soft_threshold_tokens.min(window / 8));
        // Where it is too late, this turn itself would be what is shortened for.
        Ok(need >= near && need + estimate_message(&settings.message()) <= budget)
    }

    async fn note(
        &self,
        settings: &FlushSettings,
        session: &Session,
        run: &mut Run<'_>,
        progress: ProgressSink<'_>,
    ) -> Result<Message, TurnError> {
        let count = run.context.compactions();
        self.set(session, [(FLUSHED_AT_COMPACTION, count.into())])
            .await?;
        run.keep(vec![settings.message()]).await?;
        let mut busy = |event: Progress| {
            if let Progress::ToolStarted { .. } | Progress::ToolEnded { .. } = event {
                progress(event);
            }
        };
        let answered = run.work(&mut busy).await?;
        Ok(Message::Assistant(answered.message))
    }
}

impl FlushSettings {
    /// What the agent is asked. All of it stands in the message: another system prompt would have the server read the
    /// whole conversation anew.
    fn message(&self) -> Message {
        let file = chrono::Local::now().format("memory/%Y-%m-%d.md");
        let prompt = self.prompt.clone().unwrap_or_else(|| {
            format!(
                "Older messages of this conversation will soon be shortened. Write what is worth keeping for good \
                 (decisions, preferences, facts about people and projects) below what {file} already says, if it is \
                 not there yet. No secrets, nothing of passing interest."
            )
        });
        let head = self
            .system_prompt
            .as_ref()
            .map_or(String::new(), |text| format!("{text}\n\n"));
        let hint = match prompt.contains(SILENT) {
            true => String::new(),
            false => format!(
                " When that is done, or there is nothing to note, answer {SILENT} and nothing else."
            ),
        };
        let text = format!("{head}{prompt}{hint}");
        Message::User(UserMessage {
            content: vec![Content::text(text, Provenance::Program)],
            timestamp: now_ms(),
        })
    }
}
