//! What of a model's last words reaches people.
//!
//! Models are told a few words that mean something to this program: `NO_REPLY` (nothing is to be said), `HEARTBEAT_OK`
//! (nothing needs attention), tags such as `[[reply_to_current]]`, and lines that begin with `MEDIA:`. Here they become
//! typed facts. None of them is ever shown, except in code, where they are being talked about; and none silences an
//! answer that somebody waits for.

mod already_said;
mod filter;
mod line;
mod media;

pub use already_said::AlreadySaid;
pub use filter::ReplyFilter;
pub use media::Media;

/// What is said where a person waits and the model said nothing.
const NOTHING_SAID: &str = "(The model chose to say nothing. Ask again, or put it differently.)";

/// Why the model was asked: decides what its silence means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// A person waits for the answer. Silence does not count: what else was said is shown, and a sentence where nothing
    /// was.
    Person,
    /// Nobody waits: a group that is only listened to, a scheduled job, the note-taking before a compaction. `NO_REPLY`
    /// as the whole reply, or alone on its first or last line, silences all of it.
    Unasked,
    /// A heartbeat: as [`Occasion::Unasked`], and `HEARTBEAT_OK` at one end with no more than `ack_max_chars` characters
    /// beside it means that nothing needs attention.
    Heartbeat {
        /// `heartbeat.ackMaxChars`.
        ack_max_chars: usize,
    },
}

/// The message that an answer belongs under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplyTo {
    /// The one that is being answered.
    Current,
    /// The one with this id, as the channel gave it.
    Message(String),
}

/// A reply, taken apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReplyText {
    /// What is shown. To the byte as the model wrote it where it held nothing that means something to this program.
    pub text: String,
    /// What goes with it, in order.
    pub media: Vec<Media>,
    /// The message it belongs under; the last tag counts.
    pub reply_to: Option<ReplyTo>,
    /// Whether sound goes out as a voice message (`[[audio_as_voice]]`).
    pub as_voice: bool,
    /// The model wished to say nothing. There is no text; media still goes out.
    pub is_silent: bool,
    /// A heartbeat found nothing that needs attention. There is no text.
    pub heartbeat_ok: bool,
}

impl ReplyText {
    /// Takes a whole reply apart.
    pub fn read(text: &str, occasion: Occasion) -> Self {
        let mut filter = ReplyFilter::new(occasion);
        filter.push(text);
        filter.finish().1
    }

    /// The text for a person who waits: never blank, unless there is media to look at.
    pub fn for_person(&self) -> &str {
        match self.text.trim() {
            "" if self.media.is_empty() => NOTHING_SAID,
            "" => "",
            _ => &self.text,
        }
    }
}

#[cfg(test)]
mod tests;
