//! Words from one conversation to another.

use std::sync::Arc;
use std::time::Duration;

use moltbot_config::normalize_agent_id;
use moltbot_llm::{Content, Priority, Provenance};
use moltbot_store::{Session, StoreError};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::announcement::Announcement;
use super::children::words;
use super::{Agents, Errand, State, Stop};
use crate::agent::Agent;
use crate::history;
use crate::session_key::SessionKey;
use crate::turn::TurnRequest;

/// What came of a message to another conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// It is on its way; nobody waits. The answer is told later.
    Accepted,
    /// It was answered.
    Answered {
        /// The answer.
        reply: String,
        /// The least trusted source of anything that the answerer was told.
        from: Provenance,
    },
    /// The time to wait is over; the answer is told later.
    TimedOut,
    /// It may not be sent, for this reason.
    Forbidden(String),
    /// It was not answered, for this reason.
    Failed(String),
}

/// A message to another conversation.
struct Message {
    id: String,
    agent: Arc<Agent>,
    session: Session,
    sender_key: String,
    content: Vec<Content>,
    priority: Priority,
    stop: Stop,
}

impl Agents {
    /// The session with this key. One that does not exist yet is made where it is an agent's main one.
    ///
    /// # Errors
    /// The store failed.
    pub async fn session(&self, key: &str) -> Result<Option<Session>, StoreError> {
        let key = key.trim().to_lowercase();
        if let Some(session) = self.store.session_by_key(&key).await? {
            return Ok(Some(session));
        }
        let agent = key
            .strip_prefix("agent:")
            .and_then(|rest| rest.strip_suffix(":main"));
        let agent = agent.filter(|id| normalize_agent_id(id) == **id && self.rules.knows(id));
        Ok(match agent {
            Some(id) => {
                let key = SessionKey::main(id).to_string();
                Some(self.store.session(&key, id).await?)
            }
            None => None,
        })
    }

    /// Sends words of a session's agent to another session, whose agent answers them in a turn of its own. They are another
    /// agent's words there, never the owner's, and trusted no more than the least trusted thing that the sender has read.
    /// Waits for the answer as long as `wait`; what comes later is told to the sender like the work of a sub-agent. Whether
    /// the sender may speak to the session at all is for the caller to know.
    pub async fn send(
        &self,
        sender: &Session,
        target: Session,
        message: &str,
        wait: Duration,
    ) -> Sent {
        match self.prepare(sender, target, message, wait).await {
            Ok(message) => self.deliver_message(message, wait).await,
            Err(refused) => refused,
        }
    }

    /// Tells a sub-agent something in the owner's name, in a turn of its own that follows the one it is in. The answer is
    /// waited for as long as `wait`.
    pub(crate) async fn tell_child(
        &self,
        requester_key: &str,
        child: Session,
        text: &str,
        wait: Duration,
    ) -> Sent {
        let agent = match self.agent(&child.agent_id) {
            Ok(agent) => agent,
            Err(error) => return Sent::Failed(error),
        };
        let message = Message {
            id: Uuid::new_v4().to_string(),
            agent,
            session: child,
            sender_key: requester_key.to_owned(),
            content: vec![Content::text(text, Provenance::Owner)],
            priority: Priority::Person,
            stop: Stop::new(),
        };
        self.deliver_message(message, wait).await
    }

    async fn prepare(
        &self,
        sender: &Session,
        target: Session,
        message: &str,
        wait: Duration,
    ) -> Result<Message, Sent> {
        if sender.key == target.key {
            let reason = "That is this very conversation; just answer.";
            return Err(Sent::Failed(reason.to_owned()));
        }
        let asker = self.agent(&sender.agent_id).map_err(Sent::Failed)?;
        let agent = self.agent(&target.agent_id).map_err(Sent::Failed)?;
        self.may_share((&*asker, sender), (&*agent, &target))
            .map_err(Sent::Forbidden)?;
        let told = history::told(&self.store, &sender.session_id).await;
        let from = told.map_err(|error| Sent::Failed(error.to_string()))?.from;
        let head = format!(
            "[moltbot] A message from the agent \"{}\" in the conversation {}, not from your owner. Your answer goes back to it.",
            sender.agent_id, sender.key
        );
        Ok(Message {
            id: Uuid::new_v4().to_string(),
            agent,
            session: target,
            sender_key: sender.key.clone(),
            content: vec![
                Content::text(head, Provenance::Program),
                Content::text(message, from),
            ],
            // Somebody waits where the sender does.
            priority: match wait.is_zero() {
                true => Priority::Background,
                false => Priority::Person,
            },
            stop: Stop::new(),
        })
    }

    async fn deliver_message(&self, message: Message, wait: Duration) -> Sent {
        let (sender, target) = (message.sender_key.clone(), message.session.key.clone());
        let waits = match wait.is_zero() {
            true => None,
            false => match Waits::begin(self, &sender, &target) {
                Some(waits) => Some(waits),
                None => {
                    return Sent::Failed(format!(
                        "{target} waits for an answer of this conversation itself; answer first."
                    ));
                }
            },
        };
        let stop = message.stop.clone();
        let (answer, mut answered) = oneshot::channel();
        let Some(me) = self.me.upgrade() else {
            return Sent::Failed("The program is about to end.".to_owned());
        };
        let errand = Errand {
            requester_key: sender,
            is_subagent: false,
            stop: stop.clone(),
        };
        self.state().errands.insert(message.id.clone(), errand);
        let work: std::pin::Pin<Box<dyn Future<Output = ()> + Send>> =
            Box::pin(me.answer(message, answer));
        tokio::spawn(work);
        let Some(waits) = waits else {
            return Sent::Accepted;
        };
        // Whoever gives up waiting before the time is over was stopped, and so is the answer.
        let given_up = GivenUp(Some(stop));
        let outcome = tokio::time::timeout(wait, &mut answered).await;
        given_up.disarm();
        drop(waits);
        match outcome {
            Ok(Ok(sent)) => sent,
            Ok(Err(_)) => Sent::Failed("The conversation was not answered.".to_owned()),
            Err(_) => {
                // From here on it is told later, unless it came in this very moment.
                answered.close();
                answered.try_recv().unwrap_or(Sent::TimedOut)
            }
        }
    }

    /// Has a message answered.
    async fn answer(self: Arc<Self>, message: Message, answer: oneshot::Sender<Sent>) {
        // Without an inbox: the answer is to this message, and to nothing that comes in meanwhile.
        let request = TurnRequest {
            content: &message.content,
            priority: message.priority,
            ..TurnRequest::new(&message.session, "")
        };
        let stop = message.stop.asked_for();
        let mut unseen = |_| {};
        let outcome = self.turn(&message.agent, request, stop, &mut unseen).await;
        let sent = match outcome {
            Ok(report) => {
                let told = history::told(&self.store, &report.session_id).await;
                Sent::Answered {
                    reply: words(&report.message.text()),
                    // What cannot be read cannot be vouched for.
                    from: told.map_or(Provenance::Outside, |told| told.from),
                }
            }
            Err(error) => Sent::Failed(error.to_string()),
        };
        // Nobody waits any more: it is told like the work of a sub-agent, unless it was stopped.
        if let Err(late) = answer.send(sent)
            && !message.stop.is_asked_for()
        {
            let (text, from) = match late {
                Sent::Answered { reply, from } => (reply, from),
                Sent::Failed(reason) | Sent::Forbidden(reason) => (reason, Provenance::Outside),
                Sent::Accepted | Sent::TimedOut => (String::new(), Provenance::Agent),
            };
            if !text.is_empty() {
                let told = Announcement::of_reply(&message.session.key, &text, from);
                self.deliver(&message.sender_key, told);
            }
        }
        self.state().errands.remove(&message.id);
        self.changed.send_replace(());
    }
}

/// One session waits for another, as long as this lives.
struct Waits<'a> {
    agents: &'a Agents,
    /// The one that waits, and the other.
    pair: (String, String),
}

impl<'a> Waits<'a> {
    /// `None` where the other waits for this one already, itself or through others: both would wait for ever.
    fn begin(agents: &'a Agents, sender: &str, target: &str) -> Option<Self> {
        let mut state = agents.state();
        if waits_for(&state, target, sender) {
            return None;
        }
        let awaited = &mut state.awaited;
        let pair = (sender.to_owned(), target.to_owned());
        awaited.push(pair.clone());
        Some(Self { agents, pair })
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        let awaited = &mut self.agents.state().awaited;
        if let Some(at) = awaited.iter().position(|pair| *pair == self.pair) {
            awaited.swap_remove(at);
        }
    }
}

/// Whether one session waits for another, itself or through others.
fn waits_for(state: &State, one: &str, other: &str) -> bool {
    // No circle is ever made, so this ends.
    let of_one = state.awaited.iter().filter(|(waiting, _)| waiting == one);
    let mut next = of_one.map(|(_, awaited)| awaited);
    next.any(|next| next == other || waits_for(state, next, other))
}

/// Stops an answer that nobody waits for any more because the waiting itself was stopped.
struct GivenUp(Option<Stop>);

impl GivenUp {
    /// The waiting came to its end.
    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for GivenUp {
    fn drop(&mut self) {
        if let Some(stop) = &self.0 {
            stop.now();
        }
    }
}
