//! Sub-agents: a conversation of its own for one task, on behalf of another conversation.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use moltbot_config::normalize_agent_id;
use moltbot_llm::{Content, Priority, Provenance, ThinkingLevel};
use moltbot_store::{Session, StoreError};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

use super::announcement::{Announcement, End, Outcome, Task};
use super::{
    Agents, BRIEF, Errand, INHERITED_PLACES, SPAWNED_BY, Stop, bounds_to_inherit, is_subagent,
    settings,
};
use crate::agent::{Agent, MODEL_OVERRIDE, THINKING_LEVEL};
use crate::history;
use crate::reply::{Occasion, ReplyText};
use crate::turn::{TurnError, TurnReport, TurnRequest};

/// Most characters of a label.
const LABEL: usize = 64;

/// What becomes of a sub-agent's session when its work is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cleanup {
    /// It is put away at once; its transcript stays on disk.
    Delete,
    /// It is put away after a while (`agents.defaults.subagents.archiveAfterMinutes`).
    #[default]
    Keep,
}

/// What a sub-agent is to do.
#[derive(Debug, Clone, Default)]
pub struct SpawnRequest {
    /// The task.
    pub task: String,
    /// What it is called.
    pub label: Option<String>,
    /// The agent that does it, by id; `None` for the one that asks.
    pub agent_id: Option<String>,
    /// The model, by reference or alias.
    pub model: Option<String>,
    /// How much the model thinks.
    pub thinking: Option<String>,
    /// The longest it may take; `None` for as long as any turn of its agent.
    pub timeout: Option<Duration>,
    /// What becomes of its session.
    pub cleanup: Cleanup,
}

/// A sub-agent that was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spawned {
    /// Its session.
    pub child_session_key: String,
    /// The id of its work.
    pub run_id: String,
    /// Whether the model that was asked for (by the call or by the owner's file) is used; `None` where none was.
    pub model_applied: Option<bool>,
    /// What the asker should know, a sentence.
    pub warning: Option<String>,
}

/// A sub-agent that was not started. `Display` is what the model is told.
#[derive(Debug, Error)]
pub enum SpawnError {
    /// It may not be.
    #[error("{0}")]
    Forbidden(String),
    /// It cannot be.
    #[error("{0}")]
    Failed(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A sub-agent's work while it runs.
struct Run {
    id: String,
    agent: Arc<Agent>,
    session: Session,
    requester_key: String,
    task: Task,
    timeout: Option<Duration>,
    stop: Stop,
}

impl Agents {
    /// Starts a sub-agent on behalf of a session, and comes back at once. What came of its work is told to the session
    /// later. It sees its task as the words of another agent, trusted no more than the least trusted thing that the asker
    /// has read.
    ///
    /// # Errors
    /// See [`SpawnError`].
    pub async fn spawn(
        &self,
        requester: &Session,
        request: SpawnRequest,
    ) -> Result<Spawned, SpawnError> {
        if is_subagent(requester) {
            let reason = "sessions_spawn is not allowed from sub-agent sessions";
            return Err(SpawnError::Forbidden(reason.to_owned()));
        }
        if request.task.trim().is_empty() {
            return Err(SpawnError::Failed("task required".to_owned()));
        }
        let asker = self
            .agent(&requester.agent_id)
            .map_err(SpawnError::Failed)?;
        let asked = request.agent_id.as_deref().map(str::trim);
        let asked = asked.filter(|id| !id.is_empty()).map(normalize_agent_id);
        let agent_id = asked.unwrap_or_else(|| requester.agent_id.clone());
        self.rules
            .may_start(&requester.agent_id, &agent_id)
            .map_err(SpawnError::Forbidden)?;
        let agent = self.agent(&agent_id).map_err(SpawnError::Failed)?;
        let thinking = thinking(request.thinking.as_deref())?;
        let told = history::told(&self.store, &requester.session_id).await;
        let from = told
            .map_err(|error| SpawnError::Failed(error.to_string()))?
            .from;

        let (id, key) = (
            Uuid::new_v4().to_string(),
            format!("agent:{agent_id}:subagent:{}", Uuid::new_v4()),
        );
        let brief = format!(
            "You work for the conversation {}, which waits for your result. Your task is the message that follows. You are {key}; you can start no further sub-agents and write to nobody.",
            requester.key
        );
        // What it may not do itself it may not have done.
        if asker.sandboxed(&requester.key).is_some() && agent.sandboxed(&key).is_none() {
            return Err(SpawnError::Forbidden(format!(
                "This conversation is sandboxed, and one of the agent \"{agent_id}\" would not be; the owner sandboxes that agent in agents.list[].sandbox.mode."
            )));
        }
        let child = self.store.session(&key, &agent_id).await?;
        let mut patch = settings([
            (SPAWNED_BY, requester.key.as_str().into()),
            (BRIEF, brief.into()),
            (INHERITED_PLACES, bounds_to_inherit(&asker, requester)),
        ]);
        let label = request.label.as_deref().map(str::trim);
        let label: Option<String> = label
            .filter(|label| !label.is_empty())
            .map(|label| label.chars().take(LABEL).collect());
        patch.label = Some(label.clone());
        if let Some(level) = thinking {
            let level = level.as_str().into();
            patch.settings.insert(THINKING_LEVEL.to_owned(), level);
        }
        let model = request.model.as_deref().map(str::trim);
        let model = model.filter(|model| !model.is_empty());
        let model = model.or(self.rules.model(&agent_id));
        let (model_applied, warning) = match model.map(|model| agent.catalog().resolve(model)) {
            None => (None, None),
            Some(Ok(model)) => {
                let reference = model.reference.to_string();
                patch
                    .settings
                    .insert(MODEL_OVERRIDE.to_owned(), reference.into());
                (Some(true), None)
            }
            Some(Err(error)) => (
                Some(false),
                Some(format!("{error} The agent's own model is used.")),
            ),
        };
        let session = self.store.update_session(&child.key, patch).await?;
        if let Err(reason) = self.may_share((&*asker, requester), (&*agent, &session)) {
            self.store.archive_session(&key).await?;
            return Err(SpawnError::Forbidden(reason));
        }
        let task = Task {
            text: request.task,
            label,
            cleanup: request.cleanup,
            from,
        };
        // String keys and finite numbers only, so it always serialises.
        let kept = serde_json::to_string(&task).unwrap_or_default();
        self.store
            .begin_subagent_run(&id, &requester.key, &key, &kept)
            .await?;
        let run = Run {
            id: id.clone(),
            agent,
            session,
            requester_key: requester.key.clone(),
            task,
            timeout: request.timeout.filter(|timeout| !timeout.is_zero()),
            stop: Stop::new(),
        };
        self.start(run);
        Ok(Spawned {
            child_session_key: key,
            run_id: id,
            model_applied,
            warning,
        })
    }

    fn start(&self, run: Run) {
        self.sweep_from_now_on();
        let errand = Errand {
            requester_key: run.requester_key.clone(),
            is_subagent: true,
            stop: run.stop.clone(),
        };
        self.state().errands.insert(run.id.clone(), errand);
        self.changed.send_replace(());
        // Whoever calls holds it, so it lives.
        if let Some(me) = self.me.upgrade() {
            let work: std::pin::Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(me.work(run));
            tokio::spawn(work);
        }
    }

    /// Does a sub-agent's work, and hands on what came of it.
    async fn work(self: Arc<Self>, run: Run) {
        let outcome = self.outcome(&run).await;
        let kept = serde_json::to_string(&outcome).unwrap_or_default();
        if let Err(error) = self.store.end_subagent_run(&run.id, &kept).await {
            tracing::warn!(run = run.id, %error, "what came of a sub-agent's work could not be kept");
        }
        let key = &run.session.key;
        let told = Announcement::of_run(&run.id, key, &run.task, &outcome);
        match outcome.end {
            // Who stopped it knows.
            End::Stopped => self.told(&told).await,
            _ => self.deliver(&run.requester_key, told),
        }
        // Only now: whoever waits for the last of them finds what it left.
        self.state().errands.remove(&run.id);
        self.changed.send_replace(());
    }

    async fn outcome(&self, run: &Run) -> Outcome {
        let slot = tokio::select! {
            biased;
            () = run.stop.asked_for() => None,
            slot = Arc::clone(&self.slots).acquire_owned() => slot.ok(),
        };
        let started = Instant::now();
        let is_late = AtomicBool::new(false);
        let result = match slot {
            None => Err(TurnError::Stopped),
            Some(_slot) => self.take_turn(run, &is_late).await,
        };
        let lasted = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let session = self.store.session_by_key(&run.session.key).await;
        let session = session.ok().flatten();
        let session = session.as_ref().unwrap_or(&run.session);
        let told = history::told(&self.store, &session.session_id).await.ok();
        let (last_words, from) = told.map_or_else(
            // What cannot be read cannot be vouched for.
            || (String::new(), Provenance::Outside),
            |told| (told.last_words, told.from),
        );
        let (end, error) = match &result {
            Ok(_) => (End::Completed, None),
            Err(TurnError::Stopped) if is_late.load(Ordering::Acquire) => (End::TimedOut, None),
            Err(TurnError::OutOfTime(_)) => (End::TimedOut, None),
            Err(TurnError::Stopped) => (End::Stopped, None),
            Err(error) => (End::Failed, Some(error.to_string())),
        };
        Outcome {
            end,
            error,
            findings: words(&last_words),
            from,
            runtime_ms: lasted,
            input_tokens: session.input_tokens,
            output_tokens: session.output_tokens,
            cost: result.map_or(0.0, |report| report.cost),
            session_id: session.session_id.clone(),
        }
    }

    async fn take_turn(&self, run: &Run, is_late: &AtomicBool) -> Result<TurnReport, TurnError> {
        let stop = async {
            let time = async {
                match run.timeout {
                    Some(timeout) => tokio::time::sleep(timeout).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = run.stop.asked_for() => {}
                () = time => is_late.store(true, Ordering::Release),
            }
        };
        let task = [Content::text(&run.task.text, run.task.from)];
        let request = TurnRequest {
            content: &task,
            priority: Priority::Background,
            ..TurnRequest::new(&run.session, "")
        };
        let mut unseen = |_| {};
        self.turn(&run.agent, request, stop, &mut unseen).await
    }

    /// Whether a sub-agent is at work here, or waits for its place.
    pub(crate) fn is_at_work(&self, run_id: &str) -> bool {
        self.state().errands.contains_key(run_id)
    }

    /// Stops sub-agents. Gives how many were at work.
    pub(crate) async fn stop_runs(&self, run_ids: &[String]) -> usize {
        let stops: Vec<Stop> = {
            let state = self.state();
            let runs = run_ids.iter().filter_map(|id| state.errands.get(id));
            runs.map(|errand| errand.stop.clone()).collect()
        };
        stops.iter().for_each(Stop::now);
        self.ended(run_ids, None).await;
        stops.len()
    }
}

/// What a model's last words are to another conversation.
pub(super) fn words(text: &str) -> String {
    // Somebody waits for them, so a word that silences takes nothing of them away.
    let reply = ReplyText::read(text, Occasion::Person);
    let mut lines = vec![reply.text.trim().to_owned()];
    let media = reply.media.iter();
    lines.extend(media.map(|media| format!("MEDIA:{}", media.as_str())));
    lines.retain(|line| !line.is_empty());
    lines.join("\n")
}

fn thinking(level: Option<&str>) -> Result<Option<ThinkingLevel>, SpawnError> {
    let level = level.map(str::trim).filter(|level| !level.is_empty());
    let level = level.map(str::parse::<ThinkingLevel>);
    level.transpose().map_err(SpawnError::Failed)
}
