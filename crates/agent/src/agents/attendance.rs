//! How what came of given-away work reaches the session that gave it.

use std::time::Duration;

use moltbot_store::{RunState, Session, StoreError};

use super::announcement::{Announcement, End, Outcome, read};
use super::{Agents, Cleanup};
use crate::agent::Agent;
use crate::history;
use crate::inbox::Inbox;
use crate::progress::ProgressSink;
use crate::turn::{TurnError, TurnReport, TurnRequest, now_ms};

/// How often is looked for sub-agents to be put away.
const SWEEP: Duration = Duration::from_secs(60);

impl Agents {
    /// Attends to a session from now on: what comes back to it waits for [`announce`](Self::announce). What processes that
    /// died have left untold waits with it.
    ///
    /// # Errors
    /// The store failed.
    pub async fn attend(&self, session_key: &str) -> Result<(), StoreError> {
        self.state().attended.insert(session_key.to_owned());
        self.sweep_from_now_on();
        for run in self.store.adopt_subagent_runs(session_key).await? {
            let Some((task, outcome)) = read(&run) else {
                tracing::warn!(run = run.id, "a sub-agent's run cannot be read");
                continue;
            };
            let outcome = match outcome {
                Some(outcome) if run.state == RunState::Ended => outcome,
                _ => {
                    self.interrupted(&run.child_key, task.from, run.started_at)
                        .await?
                }
            };
            if outcome.end == End::Stopped {
                self.store.announced_subagent_run(&run.id).await?;
                continue;
            }
            let told = Announcement::of_run(&run.id, &run.child_key, &task, &outcome);
            self.deliver(session_key, told);
        }
        Ok(())
    }

    /// What is left of a run whose process died.
    async fn interrupted(
        &self,
        child_key: &str,
        from: moltbot_llm::Provenance,
        started_at: i64,
    ) -> Result<Outcome, StoreError> {
        let mut outcome = Outcome {
            end: End::Interrupted,
            error: None,
            findings: String::new(),
            from,
            runtime_ms: 0,
            input_tokens: 0,
            output_tokens: 0,
            cost: 0.0,
            session_id: String::new(),
        };
        let Some(child) = self.store.session_by_key(child_key).await? else {
            return Ok(outcome);
        };
        if let Ok(told) = history::told(&self.store, &child.session_id).await {
            outcome.findings = told.last_words;
            outcome.from = told.from;
        }
        let lasted = child.updated_at.saturating_sub(started_at);
        outcome.runtime_ms = u64::try_from(lasted).unwrap_or_default();
        outcome.input_tokens = child.input_tokens;
        outcome.output_tokens = child.output_tokens;
        outcome.session_id = child.session_id;
        Ok(outcome)
    }

    /// Hands an announcement to the turn that runs in its session, or keeps it until one is taken for it.
    pub(super) fn deliver(&self, session_key: &str, announcement: Announcement) {
        let mut state = self.state();
        let turn = state.turns.get_mut(session_key);
        match turn.and_then(|turn| Some((turn.inbox.clone()?, turn))) {
            Some((inbox, turn)) => {
                let receipt = inbox.announce(announcement.content.clone());
                turn.handed.push((announcement, receipt));
            }
            None => {
                let waiting = state.waiting.entry(session_key.to_owned()).or_default();
                waiting.push(announcement);
            }
        }
        drop(state);
        self.changed.send_replace(());
        self.tell_unattended(session_key);
    }

    /// Takes the turn in which a session that nobody attends to is told what waits for it.
    pub(super) fn tell_unattended(&self, session_key: &str) {
        if self.state().attended.contains(session_key) {
            return;
        }
        // None where a turn is thrown away while everything ends.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        if let Some(me) = self.me.upgrade() {
            runtime.spawn(me.announce_unseen(session_key.to_owned()));
        }
    }

    fn announce_unseen(
        self: std::sync::Arc<Self>,
        key: String,
    ) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
        // Boxed: a turn may lead to further turns.
        Box::pin(async move {
            let Ok(Some(session)) = self.store.session_by_key(&key).await else {
                return;
            };
            let told = match self.agent(&session.agent_id) {
                Ok(agent) => {
                    let stop = std::future::pending();
                    let mut unseen = |_| {};
                    let told = self.announce(&agent, &session, None, stop, &mut unseen);
                    told.await.map_err(|error| error.to_string())
                }
                Err(error) => Err(error),
            };
            if let Err(error) = told {
                tracing::warn!(
                    session = key,
                    error,
                    "a session could not be told what came of its work"
                );
            }
        })
    }

    /// Whether something waits for a session.
    pub fn has_announcements(&self, session_key: &str) -> bool {
        let state = self.state();
        let waiting = state.waiting.get(session_key);
        waiting.is_some_and(|waiting| !waiting.is_empty())
    }

    /// What waits for a session, each in a few words for people.
    pub fn announcements(&self, session_key: &str) -> Vec<String> {
        let state = self.state();
        let waiting = state.waiting.get(session_key).into_iter().flatten();
        waiting.map(|told| told.about.clone()).collect()
    }

    /// How many sub-agents and messages of a session are still under way.
    pub fn under_way(&self, session_key: &str) -> usize {
        let state = self.state();
        let errands = state.errands.values();
        errands
            .filter(|errand| errand.requester_key == session_key)
            .count()
    }

    /// Waits until nothing that a session gave away is under way any more. Gives whether there is something to tell it.
    pub async fn all_back(&self, session_key: &str) -> bool {
        let mut changed = self.changed.subscribe();
        while self.under_way(session_key) > 0 {
            if changed.changed().await.is_err() {
                break;
            }
        }
        self.has_announcements(session_key)
    }

    /// Completes when more waits for a session than the caller knows of.
    pub async fn more_announcements(&self, session_key: &str, known: usize) {
        let mut changed = self.changed.subscribe();
        while self.announcements(session_key).len() <= known {
            if changed.changed().await.is_err() {
                return;
            }
        }
    }

    /// Tells a session everything that waits for it, in one turn. `None` where nothing does.
    ///
    /// # Errors
    /// See [`TurnError`]. What was not told stays in the store, for the next process that attends to the session; what a
    /// person stopped counts as told.
    pub async fn announce(
        &self,
        agent: &Agent,
        session: &Session,
        inbox: Option<&Inbox>,
        stop: impl Future<Output = ()>,
        progress: ProgressSink<'_>,
    ) -> Result<Option<TurnReport>, TurnError> {
        let waiting = self.state().waiting.remove(&session.key);
        let waiting = waiting.unwrap_or_default();
        if waiting.is_empty() {
            return Ok(None);
        }
        let content: Vec<_> = waiting
            .iter()
            .flat_map(|told| told.content.iter().cloned())
            .collect();
        let request = TurnRequest {
            content: &content,
            inbox,
            ..TurnRequest::new(session, "")
        };
        let outcome = self.turn(agent, request, stop, progress).await;
        if matches!(outcome, Ok(_) | Err(TurnError::Stopped)) {
            for announcement in &waiting {
                self.told(announcement).await;
            }
        }
        outcome.map(Some)
    }

    /// Notes that a session has been told.
    pub(super) async fn told(&self, announcement: &Announcement) {
        let Some(run) = &announcement.run else {
            return;
        };
        let mut noted = self.store.announced_subagent_run(&run.id).await;
        if noted.is_ok() && run.cleanup == Cleanup::Delete {
            noted = self.store.archive_session(&run.child_key).await;
        }
        if let Err(error) = noted {
            tracing::warn!(run = run.id, %error, "it could not be noted that a session was told");
        }
    }

    /// Puts sub-agents away in time, as long as these agents live.
    pub(super) fn sweep_from_now_on(&self) {
        if std::mem::replace(&mut self.state().is_sweeping, true) {
            return;
        }
        let me = self.me.clone();
        let after = i64::try_from(self.rules.archive_after.as_millis()).unwrap_or(i64::MAX);
        tokio::spawn(async move {
            let mut tick = tokio::time::interval(SWEEP);
            loop {
                tick.tick().await;
                let Some(me) = me.upgrade() else {
                    return;
                };
                let before = now_ms().saturating_sub(after);
                if let Err(error) = me.store.archive_subagents(before).await {
                    tracing::warn!(%error, "sub-agents that are done could not be put away");
                }
            }
        });
    }
}
