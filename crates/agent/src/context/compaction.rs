//! A compaction as it is written down.

use moltbot_llm::{Content, Message, Provenance};
use moltbot_store::NewEntry;
use serde::{Deserialize, Serialize};

use super::Line;
use super::reduction::Reduction;

/// The kind of entries that hold a [`Compaction`].
pub(crate) const COMPACTION: &str = "compaction";

/// How a conversation was shortened. The newest one of a transcript says all: a model is shown its message, then what
/// stands in the transcript from the first kept entry on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Compaction {
    /// What stands for what is no longer shown; empty where all still is.
    pub(crate) message: Vec<Content>,
    /// The first message that is still shown, by its entry; `None` where all are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) first_kept_entry_id: Option<String>,
    /// The summary or digest within the message, and where it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) summary: Option<Summary>,
    /// Standing instructions of the owner, word for word, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) pinned: Vec<String>,
    /// The message that was being worked on, where it is no longer shown otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) request: Vec<Content>,
    /// Results of which less is shown than there was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) reduced: Vec<Reduction>,
    /// Files that tools have read and changed.
    #[serde(default)]
    pub(crate) details: Details,
    /// The last rung that was taken.
    pub(crate) rung: Rung,
    /// Tokens of the prompt before it.
    pub(crate) tokens_before: u64,
    /// About so many after it.
    pub(crate) tokens_after: u64,
    /// How often messages have been left out of this conversation.
    pub(crate) count: u32,
    /// When it was decided, milliseconds since the Unix epoch.
    pub(crate) timestamp: i64,
}

/// What stands for messages that are no longer shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Summary {
    /// The text.
    pub(crate) text: String,
    /// The least trusted source of what it tells of.
    pub(crate) from: Provenance,
}

/// Files that tools have touched.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Details {
    /// Read, and never changed.
    pub(crate) read_files: Vec<String>,
    /// Written, edited or patched.
    pub(crate) modified_files: Vec<String>,
}

/// The steps by which a conversation is shortened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Rung {
    /// Old tool results were cleared.
    Cleared,
    /// Big results were cut.
    Trimmed,
    /// A model wrote a summary.
    Summary,
    /// A summary was put together without a model.
    Digest,
    /// Only the newest messages are left.
    Window,
}

impl Compaction {
    /// As an entry of the transcript.
    pub(crate) fn entry(&self) -> NewEntry {
        // String keys only, so it always serialises.
        NewEntry::new(COMPACTION, serde_json::to_string(self).unwrap_or_default())
    }

    /// Shows of each result as much as was decided.
    pub(super) fn reduce(&self, lines: &mut [Line]) {
        for line in lines {
            let Some(entry) = &line.entry else { continue };
            if let Message::ToolResult(result) = &mut line.message
                && let Some(reduction) = self.reduced.iter().find(|one| one.entry == *entry)
            {
                reduction.apply(result);
            }
        }
    }
}

/// The least trusted of these sources. What only the owner said is the program's once a model or a digest has put it in
/// other words.
pub(crate) fn least_trusted(sources: impl Iterator<Item = Provenance>) -> Provenance {
    let rank = |source: &Provenance| match source {
        Provenance::Owner | Provenance::Program => 0,
        Provenance::OwnFiles => 1,
        Provenance::Agent => 2,
        Provenance::Paired => 3,
        Provenance::Stranger => 4,
        Provenance::Outside => 5,
    };
    match sources.max_by_key(rank) {
        None | Some(Provenance::Owner) => Provenance::Program,
        Some(source) => source,
    }
}

/// Where a message comes from. What a model said tells of what it was shown.
pub(crate) fn sources(message: &Message) -> impl Iterator<Item = Provenance> {
    let content = match message {
        Message::User(user) => user.content.as_slice(),
        Message::ToolResult(result) => result.content.as_slice(),
        Message::Assistant(_) => &[],
    };
    content.iter().map(Content::from)
}
