//! The agents of one process, and the work that their conversations give to others.
//!
//! [`Agents`] knows each agent by its id, and each turn that runs by its session's key. So a conversation can start
//! another ([`Agents::spawn`]) or write to one ([`Agents::send`]), a person can stop all of it ([`Agents::stop`]), and what
//! came of it finds its way back ([`Agents::announce`]).
//!
//! A surface (a terminal, a channel) attends to sessions: it is told when something waits for one of them, and takes the
//! turn in which its agent tells the person. In a session that nobody attends to, that turn is taken unseen.
//!
//! What a sub-agent was asked and what came of it is in the store before anybody is told: a process that dies leaves
//! nothing that the next one to attend to the session would not tell.

mod announcement;
mod attendance;
mod children;
mod messages;
mod rules;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use moltbot_llm::Places;
use moltbot_store::{Session, SessionPatch, Store};
use serde_json::Value;
use tokio::sync::{Semaphore, watch};

use crate::agent::Agent;
use crate::inbox::{Inbox, Receipt};
use crate::progress::ProgressSink;
use crate::turn::{TurnError, TurnReport, TurnRequest};
use announcement::Announcement;

pub(crate) use announcement::{End, read as read_run, runtime};
pub use children::{Cleanup, SpawnError, SpawnRequest, Spawned};
pub use messages::Sent;
pub use rules::SubagentRules;

/// The session setting that holds what a sub-agent is told of its place.
const BRIEF: &str = "subagentBrief";

/// The session setting that holds the key of the session that started it.
const SPAWNED_BY: &str = "spawnedBy";

/// The session setting that holds the bounds of the session that started it: a list of lists of places, each of which must
/// admit a model.
const INHERITED_PLACES: &str = "inheritedPlaces";

/// How long a stop waits until what it stopped has ended.
const STOPPING: Duration = Duration::from_secs(1);

/// Whether a session is a sub-agent's.
pub(crate) fn is_subagent(session: &Session) -> bool {
    is_subagent_key(&session.key)
}

/// Whether a key is that of a sub-agent's session.
pub(crate) fn is_subagent_key(session_key: &str) -> bool {
    session_key.contains(":subagent:")
}

/// What a sub-agent's session is told of its place.
pub(crate) fn subagent_brief(session: &Session) -> Option<&str> {
    session.settings.get(BRIEF).and_then(Value::as_str)
}

/// Where a session may go because of the one that started it.
pub(crate) fn inherited_places(session: &Session) -> impl Iterator<Item = Places> {
    let lists = session.settings.get(INHERITED_PLACES);
    let lists = lists.and_then(Value::as_array).into_iter().flatten();
    lists.map(|list| {
        let places = list.as_array().into_iter().flatten();
        Places::only(places.filter_map(Value::as_str))
    })
}

/// Makes the agent with this id; the second value is what it becomes one of. `Err` is a sentence for people and models.
pub type MakeAgent = Box<dyn Fn(&str, Weak<Agents>) -> Result<Agent, String> + Send + Sync>;

/// The agents of this process.
pub struct Agents {
    me: Weak<Self>,
    store: Store,
    rules: SubagentRules,
    make: MakeAgent,
    /// One for each sub-agent that may work at the same time.
    slots: Arc<Semaphore>,
    state: Mutex<State>,
    /// Told of each change of the state that somebody may wait for.
    changed: watch::Sender<()>,
}

#[derive(Default)]
struct State {
    agents: HashMap<String, Arc<Agent>>,
    /// One turn at a time in each session, by key.
    lanes: HashMap<String, Weak<tokio::sync::Mutex<()>>>,
    /// The turns that run, by session key.
    turns: HashMap<String, OpenTurn>,
    /// What sessions gave to others, by run id.
    errands: BTreeMap<String, Errand>,
    /// What sessions have not been told yet, by key.
    waiting: HashMap<String, Vec<Announcement>>,
    /// The keys of the sessions that surfaces attend to.
    attended: HashSet<String>,
    /// Which session waits for the answer of which, by key. Never in a circle.
    awaited: Vec<(String, String)>,
    /// Whether sub-agents that ended are put away in time.
    is_sweeping: bool,
}

/// A turn that runs.
struct OpenTurn {
    stop: Stop,
    /// Where it takes messages, if it does.
    inbox: Option<Inbox>,
    /// What was handed to it.
    handed: Vec<(Announcement, Receipt)>,
}

/// Work that a session gave to another.
struct Errand {
    requester_key: String,
    /// Whether a sub-agent does it, or the message was for a conversation that was there before.
    is_subagent: bool,
    stop: Stop,
}

/// Ends something from elsewhere.
#[derive(Debug, Clone)]
struct Stop(watch::Sender<bool>);

impl Stop {
    fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    fn now(&self) {
        self.0.send_replace(true);
    }

    fn is_asked_for(&self) -> bool {
        *self.0.borrow()
    }

    /// Completes when it is asked for.
    async fn asked_for(&self) {
        // The sender lives as long as this.
        let _ = self.0.subscribe().wait_for(|stop| *stop).await;
    }
}

/// What a stop ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stopped {
    /// Whether a turn of the session ran.
    pub turn: bool,
    /// How many sub-agents it had at work.
    pub subagents: usize,
}

impl Agents {
    /// Agents of this store, each made by `make` when it is needed first.
    pub fn new(store: Store, rules: SubagentRules, make: MakeAgent) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            me: me.clone(),
            slots: Arc::new(Semaphore::new(rules.most.min(Semaphore::MAX_PERMITS))),
            store,
            rules,
            make,
            state: Mutex::default(),
            changed: watch::Sender::new(()),
        })
    }

    /// An agent.
    ///
    /// # Errors
    /// There is none, or it cannot be made: a sentence for people and models.
    pub fn agent(&self, id: &str) -> Result<Arc<Agent>, String> {
        if let Some(agent) = self.state().agents.get(id) {
            return Ok(Arc::clone(agent));
        }
        if !self.rules.knows(id) {
            return Err(format!(
                "There is no agent \"{id}\"; agents.list names the agents there are."
            ));
        }
        let made = (self.make)(id, self.me.clone())?.among(self.me.clone());
        // Two that make the same one at once end up with one.
        let mut state = self.state();
        let agent = state.agents.entry(id.to_owned());
        Ok(Arc::clone(agent.or_insert_with(|| Arc::new(made))))
    }

    /// Takes a turn as [`Agent::turn`] does, but so that it can be stopped by its session's key, is told of what comes back
    /// meanwhile where it has an inbox, and waits while another turn of this process runs in the session.
    ///
    /// # Errors
    /// See [`TurnError`].
    pub async fn turn(
        &self,
        agent: &Agent,
        request: TurnRequest<'_>,
        stop: impl Future<Output = ()>,
        progress: ProgressSink<'_>,
    ) -> Result<TurnReport, TurnError> {
        let key = request.session.key.as_str();
        tokio::pin!(stop);
        let lane = self.lane(key);
        let _lane = tokio::select! {
            biased;
            () = &mut stop => return Err(TurnError::Stopped),
            lane = lane.lock() => lane,
        };
        let running = Running::begin(self, key, request.inbox);
        let stopped = async {
            tokio::select! {
                () = stop => {}
                () = running.stop.asked_for() => {}
            }
        };
        let outcome = agent.turn(request, stopped, progress).await;
        for announcement in running.end() {
            self.told(&announcement).await;
        }
        outcome
    }

    /// Stops what runs in a session: its turn and everything that it gave to others. Waits until that has ended, for a
    /// second at most.
    pub async fn stop(&self, session_key: &str) -> Stopped {
        let (stopped, ids) = {
            let state = self.state();
            let turn = state.turns.get(session_key);
            if let Some(turn) = turn {
                turn.stop.now();
            }
            let of_it = || {
                let errands = state.errands.iter();
                errands.filter(|(_, errand)| errand.requester_key == session_key)
            };
            for (_, errand) in of_it() {
                errand.stop.now();
            }
            let stopped = Stopped {
                turn: turn.is_some(),
                subagents: of_it().filter(|(_, errand)| errand.is_subagent).count(),
            };
            let ids: Vec<String> = of_it().map(|(id, _)| id.clone()).collect();
            (stopped, ids)
        };
        let key = session_key.to_owned();
        self.ended(&ids, stopped.turn.then_some(key)).await;
        stopped
    }

    /// Waits until errands and a session's turn have ended, but no longer than a stop may take.
    async fn ended(&self, errands: &[String], turn: Option<String>) {
        let mut changed = self.changed.subscribe();
        let all = async {
            loop {
                {
                    let state = self.state();
                    let runs = turn
                        .as_ref()
                        .is_some_and(|key| state.turns.contains_key(key));
                    if !runs && !errands.iter().any(|id| state.errands.contains_key(id)) {
                        return;
                    }
                }
                if changed.changed().await.is_err() {
                    return;
                }
            }
        };
        if tokio::time::timeout(STOPPING, all).await.is_err() {
            tracing::warn!("what was stopped has not ended within a second");
        }
    }

    /// The place where turns of a session wait for each other.
    fn lane(&self, session_key: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut state = self.state();
        if let Some(lane) = state.lanes.get(session_key).and_then(Weak::upgrade) {
            return lane;
        }
        state.lanes.retain(|_, lane| lane.strong_count() > 0);
        let lane = Arc::new(tokio::sync::Mutex::new(()));
        let known = Arc::downgrade(&lane);
        state.lanes.insert(session_key.to_owned(), known);
        lane
    }

    /// Whether what is said in one conversation may be told in another, and the other way round: each of them may be bound
    /// to places, and the other's models must all stand there.
    fn may_share(&self, one: (&Agent, &Session), other: (&Agent, &Session)) -> Result<(), String> {
        for ((agent, session), (to, their)) in [(one, other), (other, one)] {
            let Ok((rungs, _)) = to.rungs(their, None) else {
                // It has no model at all: its turn says why.
                continue;
            };
            for places in bounds(agent, session) {
                let outside = rungs.iter().find(|model| !places.admit(model));
                if let Some(model) = outside {
                    return Err(format!(
                        "{} may go to {places} alone, and {} is answered by {}: nothing is passed between them. The owner can change agents.list[].places, or /places of the session.",
                        session.key, their.key, model.reference
                    ));
                }
            }
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change is whole, so what a panicking holder left is good.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All that a session's models must keep to.
fn bounds(agent: &Agent, session: &Session) -> Vec<Places> {
    let own = [agent.settings.places.clone(), agent.places(session)];
    let all = own.into_iter().chain(inherited_places(session));
    all.filter(Places::is_bound).collect()
}

/// The bounds of a session, for one that it starts.
fn bounds_to_inherit(agent: &Agent, session: &Session) -> Value {
    let lists = bounds(agent, session);
    lists
        .iter()
        .map(|places| Value::from(places.list().to_vec()))
        .collect()
}

/// A session's own settings, as a change of them.
fn settings<const N: usize>(settings: [(&str, Value); N]) -> SessionPatch {
    SessionPatch {
        settings: settings
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect(),
        ..SessionPatch::default()
    }
}

/// A turn of ours while it runs. Dropped before its end, it leaves what it was handed for the next.
struct Running<'a> {
    agents: &'a Agents,
    key: &'a str,
    stop: Stop,
}

impl<'a> Running<'a> {
    fn begin(agents: &'a Agents, key: &'a str, inbox: Option<&Inbox>) -> Self {
        let stop = Stop::new();
        let turn = OpenTurn {
            stop: stop.clone(),
            inbox: inbox.cloned(),
            handed: Vec::new(),
        };
        agents.state().turns.insert(key.to_owned(), turn);
        Self { agents, key, stop }
    }

    /// What it was handed and has taken up.
    fn end(self) -> Vec<Announcement> {
        self.close()
    }

    fn close(&self) -> Vec<Announcement> {
        let mut state = self.agents.state();
        let Some(turn) = state.turns.remove(self.key) else {
            return Vec::new();
        };
        if let Some(inbox) = &turn.inbox {
            inbox.withdraw();
        }
        let (taken_up, left): (Vec<_>, Vec<_>) = turn
            .handed
            .into_iter()
            .partition(|(_, receipt)| receipt.is_given());
        let is_left = !left.is_empty();
        let waiting = state.waiting.entry(self.key.to_owned()).or_default();
        waiting.extend(left.into_iter().map(|(announcement, _)| announcement));
        drop(state);
        self.agents.changed.send_replace(());
        if is_left {
            self.agents.tell_unattended(self.key);
        }
        taken_up.into_iter().map(|(taken, _)| taken).collect()
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.close();
    }
}
