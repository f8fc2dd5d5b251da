//! What of a conversation a model is shown, and how it is kept within the model's context window.
//!
//! What was sent is counted by whoever read it: the last reply's usage. Only what came after is estimated
//! ([`Context::need`]). Where the next request would leave no room for its answer, the conversation is shortened, one rung
//! after another, each of which must make it smaller ([`compactor`]):
//!
//! 1. old tool results give way to one line each;
//! 2. big results are cut to head and tail, with the whole text in a file;
//! 3. a model writes a summary of what is old, or, where none can, a digest is put together;
//! 4. only the newest messages that fit stay.
//!
//! What was decided is an entry of the transcript ([`compaction`]): later turns show the same bytes. What the owner wants
//! for good survives word for word ([`pinned`]).

mod advice;
mod compaction;
mod compactor;
mod digest;
mod files;
mod ledger;
mod pinned;
mod reduction;
mod rungs;
mod settings;
mod summary;
mod trial;

use moltbot_llm::{Message, Provenance, UserMessage};

pub use advice::TooLong;
pub(crate) use compaction::{COMPACTION, Compaction, least_trusted, sources};
pub(crate) use compactor::{Compactor, Goal};
pub use settings::{ContextSettings, FlushSettings};
pub(crate) use trial::{head_within, text_cost};

/// A message, and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    /// The entry of the transcript that holds it; `None` for what stands in for an outcome that was never written.
    pub(crate) entry: Option<String>,
    /// The message, as far as it is shown.
    pub(crate) message: Message,
}

/// The conversation as the next request shows it.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    /// The compaction that holds.
    compaction: Option<Compaction>,
    /// What is shown behind its message, oldest first.
    lines: Vec<Line>,
    /// Usage that was reported with lines before this one was that of another prompt.
    stale: usize,
    /// The least trusted source of everything that was ever said or read, shown or not.
    source: Provenance,
}

impl Default for Context {
    fn default() -> Self {
        Self::new(None, Vec::new(), 0, Provenance::Owner)
    }
}

impl Context {
    /// The conversation behind a compaction. Usage reported with the first `stale` lines was of what was shown before it.
    /// `source` is the least trusted of the whole transcript: what a model has read, its own words may carry on after it
    /// is no longer shown.
    pub(crate) fn new(
        compaction: Option<Compaction>,
        mut lines: Vec<Line>,
        stale: usize,
        source: Provenance,
    ) -> Self {
        if let Some(compaction) = &compaction {
            compaction.reduce(&mut lines);
        }
        Self {
            compaction,
            lines,
            stale,
            source,
        }
    }

    /// The least trusted source of everything that was ever said or read.
    pub(crate) fn source(&self) -> Provenance {
        self.source
    }

    /// Whether nothing was said yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.compaction.is_none()
    }

    /// Adds what was said.
    pub(crate) fn push(&mut self, entry: Option<String>, message: Message) {
        self.source = least_trusted(compaction::sources(&message).chain([self.source]));
        self.lines.push(Line { entry, message });
    }

    /// What was reported so far was of another prompt: other tools, say.
    pub(crate) fn forget_usage(&mut self) {
        self.stale = self.lines.len();
    }

    /// Goes on behind a compaction of what is here.
    pub(crate) fn compact(&mut self, compaction: Compaction) {
        if let Some(first) = &compaction.first_kept_entry_id {
            let at = self
                .lines
                .iter()
                .position(|line| line.entry.as_ref() == Some(first));
            self.lines.drain(..at.unwrap_or_default());
        }
        compaction.reduce(&mut self.lines);
        self.compaction = Some(compaction);
        self.forget_usage();
    }

    /// How often the conversation has been summarised.
    pub(crate) fn compactions(&self) -> u32 {
        self.compaction.as_ref().map_or(0, |last| last.count)
    }

    /// The messages of the next request.
    ///
    /// The compaction's own stand at the head of the person's next message where one follows right away: strict chat
    /// templates refuse two messages of one side in a row.
    pub(crate) fn messages(&self) -> Vec<Message> {
        let mut messages: Vec<Message> =
            self.lines.iter().map(|line| line.message.clone()).collect();
        let Some(compaction) = self
            .compaction
            .as_ref()
            .filter(|last| !last.message.is_empty())
        else {
            return messages;
        };
        match messages.first_mut() {
            Some(Message::User(user)) => {
                user.content
                    .splice(0..0, compaction.message.iter().cloned());
            }
            _ => messages.insert(
                0,
                Message::User(UserMessage {
                    content: compaction.message.clone(),
                    timestamp: compaction.timestamp,
                }),
            ),
        }
        messages
    }
}
