//! The transcript as a model is shown it.

use std::collections::HashMap;

use moltbot_llm::Message;
use moltbot_store::{Entry, NewEntry, Store, StoreError, Turn, TurnState};
use thiserror::Error;

/// The kind of entries that hold a [`Message`].
const MESSAGE: &str = "message";

/// A transcript that cannot be shown to a model.
#[derive(Debug, Error)]
pub enum HistoryError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An entry is not what this version writes.
    #[error(
        "Entry {entry} of session {session} cannot be read ({source}); start a new session with /new, the old one stays on disk."
    )]
    Unreadable {
        /// The entry's id.
        entry: String,
        /// The transcript's id.
        session: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// A message of the person's that never got an answer: the process ended, no model answered, or the turn was stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnansweredMessage {
    /// What was said.
    pub text: String,
    /// How its turn ended.
    pub state: TurnState,
}

/// A message as an entry of the transcript.
pub(crate) fn entry(message: &Message) -> NewEntry {
    // A message has string keys and finite numbers only, so it always serialises.
    NewEntry::new(MESSAGE, serde_json::to_string(message).unwrap_or_default())
}

/// The messages of the turns that were answered, whole or in part, oldest first. A turn without any answer is left out:
/// its message was never part of a conversation that a model took up, and two messages of one side in a row are refused
/// by strict chat templates.
pub(crate) async fn messages(
    store: &Store,
    session_id: &str,
) -> Result<Vec<Message>, HistoryError> {
    let turns = store.turns(session_id).await?;
    let entries = store.transcript(session_id).await?;
    let by_turn = group(&entries)?;
    let mut messages = Vec::with_capacity(entries.len());
    for turn in &turns {
        let Some(of_turn) = by_turn.get(turn.id.as_str()) else {
            continue;
        };
        let answered = matches!(of_turn.last(), Some(Message::Assistant(_)));
        if answered && turn.state != TurnState::Running {
            messages.extend(of_turn.iter().cloned());
        }
    }
    Ok(messages)
}

/// The last message of a session, where it has no answer.
pub(crate) async fn unanswered(
    store: &Store,
    session_id: &str,
) -> Result<Option<UnansweredMessage>, HistoryError> {
    let turns = store.turns(session_id).await?;
    let Some(Turn { id, state, .. }) = turns.last() else {
        return Ok(None);
    };
    if matches!(state, TurnState::Running | TurnState::Done) {
        return Ok(None);
    }
    let entries = store.transcript(session_id).await?;
    let by_turn = group(&entries)?;
    // An answer that was cut off still is one.
    let Some([Message::User(user)]) = by_turn.get(id.as_str()).map(Vec::as_slice) else {
        return Ok(None);
    };
    let text: Vec<&str> = user
        .content
        .iter()
        .filter_map(|part| match part {
            moltbot_llm::Content::Text { text } => Some(text.as_str()),
            moltbot_llm::Content::Image(_) => None,
        })
        .collect();
    Ok(Some(UnansweredMessage {
        text: text.join("\n"),
        state: *state,
    }))
}

fn group(entries: &[Entry]) -> Result<HashMap<&str, Vec<Message>>, HistoryError> {
    let mut by_turn: HashMap<&str, Vec<Message>> = HashMap::new();
    for entry in entries.iter().filter(|entry| entry.kind == MESSAGE) {
        let message =
            serde_json::from_str(&entry.body).map_err(|source| HistoryError::Unreadable {
                entry: entry.id.clone(),
                session: entry.session_id.clone(),
                source,
            })?;
        by_turn.entry(&entry.turn_id).or_default().push(message);
    }
    Ok(by_turn)
}
