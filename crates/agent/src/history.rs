//! The transcript as a model is shown it.

use std::collections::HashMap;

use moltbot_llm::{AssistantMessage, Content, Message, Provenance, ToolCall, ToolResultMessage};
use moltbot_store::{Entry, NewEntry, Store, StoreError, Turn, TurnState};
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::context::{COMPACTION, Compaction, Context, Line, least_trusted, sources};
use crate::disclosure::Offer;
use crate::prompt::{PROMPT, Prompt};

/// The kind of entries that hold a [`Message`].
pub(crate) const MESSAGE: &str = "message";

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

/// What the model is told of a call whose outcome was never written down.
const NO_RESULT: &str = "[moltbot] missing tool result in session history; the program or the turn ended before the tool did. It may have been done in part.";

/// A transcript as a model is shown it.
pub(crate) struct History {
    prompt: Option<Prompt>,
    context: Context,
}

impl History {
    /// Reads the turns that a model or a tool took up, oldest first. Another without any answer is left out: its message was never
    /// part of a conversation, and two messages of one side in a row are refused by strict chat templates. Of what the
    /// newest compaction left out nothing is read but what it says.
    pub(crate) async fn read(store: &Store, session_id: &str) -> Result<Self, HistoryError> {
        let turns = store.turns(session_id).await?;
        let entries = store.transcript(session_id).await?;
        let newest = |kind: &str| entries.iter().rev().find(|entry| entry.kind == kind);
        let compacted = newest(COMPACTION);
        let compaction: Option<Compaction> = compacted.map(parse).transpose()?;
        let first_kept = compaction
            .as_ref()
            .and_then(|last| last.first_kept_entry_id.as_ref());
        let first = entries.iter().find(|entry| Some(&entry.id) == first_kept);
        let first = first.map_or(0, |entry| entry.seq);
        let mut by_turn: HashMap<&str, OfTurn> = HashMap::new();
        let mut source = Provenance::Owner;
        for entry in entries.iter().filter(|entry| entry.kind == MESSAGE) {
            let message: Message = parse(entry)?;
            source = least_trusted(sources(&message).chain([source]));
            let turn = by_turn.entry(&entry.turn_id).or_default();
            turn.is_answered |= matches!(message, Message::Assistant(_));
            if entry.seq >= first {
                turn.lines.push((entry, message));
            }
        }
        let mut lines = Vec::with_capacity(entries.len());
        // What a server counted before the compaction was more than is shown now.
        let mut stale = 0;
        for turn in &turns {
            let Some(of_turn) = by_turn.remove(turn.id.as_str()) else {
                continue;
            };
            // A command that a tool carried out ended well without a model.
            let is_shown = match turn.state {
                TurnState::Running => false,
                TurnState::Done => true,
                _ => of_turn.is_answered,
            };
            if is_shown {
                let compacted = compacted.map_or(0, |entry| entry.seq);
                complete(of_turn.lines, compacted, &mut lines, &mut stale);
            }
        }
        Ok(Self {
            prompt: newest(PROMPT).map(parse).transpose()?,
            context: Context::new(compaction, lines, stale, source),
        })
    }

    /// The prompt that the conversation began with; `None` where it begins now.
    ///
    /// Tools that have changed since begin it anew: what is gone must not be offered.
    pub(crate) fn prompt(&self, offer: &Offer) -> Option<Prompt> {
        let prompt = self.prompt.as_ref()?;
        (!self.context.is_empty() && offer.is_told_by(&prompt.tools)).then(|| prompt.clone())
    }

    /// The conversation.
    pub(crate) fn into_context(self) -> Context {
        self.context
    }
}

/// The messages of one turn that are still shown.
#[derive(Default)]
struct OfTurn<'a> {
    is_answered: bool,
    lines: Vec<(&'a Entry, Message)>,
}

/// Adds a turn's messages, and an outcome for each call that has none: servers refuse a call without. Counts in `stale`
/// how many lines stand before the entry `compacted`.
fn complete(
    of_turn: Vec<(&Entry, Message)>,
    compacted: u64,
    out: &mut Vec<Line>,
    stale: &mut usize,
) {
    let mut open: Vec<(ToolCall, i64)> = Vec::new();
    let close = |open: &mut Vec<(ToolCall, i64)>, out: &mut Vec<Line>| {
        out.extend(open.drain(..).map(|(call, at)| Line {
            entry: None,
            message: no_result(&call, at),
        }));
    };
    for (entry, message) in of_turn {
        match &message {
            Message::ToolResult(result) => open.retain(|(call, _)| call.id != result.tool_call_id),
            _ => close(&mut open, out),
        }
        if let Message::Assistant(assistant) = &message {
            open.extend(
                assistant
                    .tool_calls()
                    .map(|call| (call.clone(), assistant.timestamp)),
            );
        }
        out.push(Line {
            entry: Some(entry.id.clone()),
            message,
        });
        if entry.seq < compacted {
            *stale = out.len();
        }
    }
    close(&mut open, out);
}

fn no_result(call: &ToolCall, timestamp: i64) -> Message {
    Message::ToolResult(ToolResultMessage {
        tool_call_id: call.id.clone(),
        tool_name: call.name.clone(),
        content: vec![Content::text(NO_RESULT, Provenance::Program)],
        is_error: true,
        timestamp,
    })
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
    let said = user
        .content
        .iter()
        .filter(|part| part.from() == Provenance::Owner);
    let text: Vec<&str> = said.filter_map(Content::as_text).collect();
    let text = text.join("\n");
    // What the program or another conversation said is not the person's to say again.
    Ok((!text.is_empty()).then_some(UnansweredMessage {
        text,
        state: *state,
    }))
}

/// What models answered in the last turn that one took up.
pub(crate) struct LastSteps {
    /// The answer before that turn.
    pub(crate) before: Option<AssistantMessage>,
    /// The answers of that turn, in order.
    pub(crate) of_turn: Vec<AssistantMessage>,
}

/// Reads the last turn that a model took up.
pub(crate) async fn last_steps(store: &Store, session_id: &str) -> Result<LastSteps, HistoryError> {
    let turns = store.turns(session_id).await?;
    let entries = store.transcript(session_id).await?;
    let mut by_turn = group(&entries)?;
    let mut steps = LastSteps {
        before: None,
        of_turn: Vec::new(),
    };
    for turn in &turns {
        let messages = by_turn.remove(turn.id.as_str()).unwrap_or_default();
        let answers = messages.into_iter().filter_map(|message| match message {
            Message::Assistant(answer) => Some(answer),
            _ => None,
        });
        let answers: Vec<AssistantMessage> = answers.collect();
        if !answers.is_empty() {
            steps.before = std::mem::replace(&mut steps.of_turn, answers).pop();
        }
    }
    Ok(steps)
}

/// What is known of a conversation that was had on somebody's behalf.
pub(crate) struct Told {
    /// The last words of its models; empty where they said none.
    pub(crate) last_words: String,
    /// The least trusted source of anything that its models were told. They may repeat it.
    pub(crate) from: Provenance,
}

/// Reads a conversation for whoever it was had for.
pub(crate) async fn told(store: &Store, session_id: &str) -> Result<Told, HistoryError> {
    let said = transcript(store, session_id).await?;
    let texts = said.iter().rev().filter_map(|message| match message {
        Message::Assistant(answer) => Some(answer.text()),
        Message::User(_) | Message::ToolResult(_) => None,
    });
    let last_words = { texts }.find(|text| !text.trim().is_empty());
    let sources = said.iter().flat_map(sources).chain([Provenance::Agent]);
    Ok(Told {
        last_words: last_words.unwrap_or_default(),
        from: least_trusted(sources),
    })
}

fn group(entries: &[Entry]) -> Result<HashMap<&str, Vec<Message>>, HistoryError> {
    let mut by_turn: HashMap<&str, Vec<Message>> = HashMap::new();
    for entry in entries.iter().filter(|entry| entry.kind == MESSAGE) {
        let message = parse(entry)?;
        by_turn.entry(&entry.turn_id).or_default().push(message);
    }
    Ok(by_turn)
}

fn parse<T: DeserializeOwned>(entry: &Entry) -> Result<T, HistoryError> {
    serde_json::from_str(&entry.body).map_err(|source| HistoryError::Unreadable {
        entry: entry.id.clone(),
        session: entry.session_id.clone(),
        source,
    })
}

/// Everything that was said in a conversation, oldest first, whether or not a model is still shown it.
///
/// # Errors
/// The transcript cannot be read.
pub async fn transcript(store: &Store, session_id: &str) -> Result<Vec<Message>, HistoryError> {
    let entries = store.transcript(session_id).await?;
    let messages = entries.iter().filter(|entry| entry.kind == MESSAGE);
    messages.map(parse).collect()
}
