//! What one line (or the beginning of one) of a reply is.

use super::ReplyTo;
use super::media::{self, MEDIA, Media};

/// Nothing is to be said.
pub(super) const NO_REPLY: &str = "NO_REPLY";

/// Nothing needs attention.
pub(super) const HEARTBEAT_OK: &str = "HEARTBEAT_OK";

/// The words that are never shown.
pub(super) const TOKENS: [&str; 2] = [NO_REPLY, HEARTBEAT_OK];

/// The longest text between `[[` and `]]` that is looked at, in characters.
const LONGEST_TAG: usize = 256;

/// Marks that models write around a word that they were told to write alone.
const MARKUP: [char; 14] = [
    '*', '_', '~', '`', '>', '#', '-', '"', '\'', '.', '!', '(', ')', '\u{feff}',
];

/// A tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tag {
    /// `[[reply_to_current]]`, `[[reply_to:<id>]]`.
    Reply(ReplyTo),
    /// `[[audio_as_voice]]`.
    Voice,
}

/// What stands at a `[`.
pub(super) enum Bracket {
    /// A tag of this many bytes.
    Tag(usize, Tag),
    /// Nothing special.
    Plain,
    /// More must be seen.
    Open,
}

/// What a text that begins with `[` begins with.
pub(super) fn bracket(text: &str, complete: bool) -> Bracket {
    let unsure = match complete {
        true => Bracket::Plain,
        false => Bracket::Open,
    };
    let Some(inner) = text.strip_prefix("[[") else {
        return match text {
            "[" => unsure,
            _ => Bracket::Plain,
        };
    };
    for (at, c) in inner.char_indices().take(LONGEST_TAG) {
        match c {
            ']' => {
                let after = &inner[at + 1..];
                return match after.chars().next() {
                    Some(']') => match tag(&inner[..at]) {
                        Some(tag) => Bracket::Tag(at + 4, tag),
                        None => Bracket::Plain,
                    },
                    Some(_) => Bracket::Plain,
                    None => unsure,
                };
            }
            '[' | '\n' => return Bracket::Plain,
            _ => {}
        }
    }
    match inner.chars().nth(LONGEST_TAG) {
        Some(_) => Bracket::Plain,
        None => unsure,
    }
}

fn tag(inner: &str) -> Option<Tag> {
    // A token in a tag would leave a whole tag behind.
    let inner = TOKENS
        .iter()
        .fold(inner.to_owned(), |text, token| text.replace(token, ""));
    let inner = inner.trim();
    match inner.to_ascii_lowercase().as_str() {
        "reply_to_current" => return Some(Tag::Reply(ReplyTo::Current)),
        "audio_as_voice" => return Some(Tag::Voice),
        _ => {}
    }
    let (name, id) = inner.split_once(':')?;
    let id = id.trim();
    let is_reply = name.trim_end().eq_ignore_ascii_case("reply_to") && !id.is_empty();
    is_reply.then(|| Tag::Reply(ReplyTo::Message(id.to_owned())))
}

/// What holds of a text that may consist of tokens alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Bare {
    /// `NO_REPLY` is among them; otherwise it is only `HEARTBEAT_OK`.
    pub(super) is_silence: bool,
    /// Tags beside it.
    pub(super) tags: Vec<Tag>,
}

/// Whether a text is one or more tokens and nothing else, but for tags and marks around them.
pub(super) enum Alone {
    /// It is.
    Yes(Bare),
    /// It is not, but what follows may make it so.
    NotYet,
    /// Whatever follows, it is not.
    No,
}

/// Looks at a text, or the beginning of one.
pub(super) fn alone(text: &str) -> Alone {
    let mut bare = Bare::default();
    let mut seen = false;
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || MARKUP.contains(&c));
        if rest.is_empty() {
            return match seen {
                true => Alone::Yes(bare),
                false => Alone::NotYet,
            };
        }
        if rest.starts_with('[') {
            match bracket(rest, false) {
                Bracket::Tag(length, tag) => {
                    bare.tags.push(tag);
                    rest = &rest[length..];
                    continue;
                }
                Bracket::Open => return Alone::NotYet,
                Bracket::Plain => return Alone::No,
            }
        }
        let token = TOKENS.iter().find(|token| begins(rest, token));
        let Some(token) = token else {
            let may_become = TOKENS.iter().any(|token| begins(token, rest));
            return match may_become {
                true => Alone::NotYet,
                false => Alone::No,
            };
        };
        rest = &rest[token.len()..];
        if rest.starts_with(char::is_alphanumeric) {
            return Alone::No;
        }
        seen = true;
        bare.is_silence |= *token == NO_REPLY;
    }
}

/// Whether a text begins with another, in any case of letters.
fn begins(text: &str, with: &str) -> bool {
    text.get(..with.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(with))
}

/// The opening of a block of code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fence {
    mark: char,
    length: usize,
}

impl Fence {
    /// Reads the opening line of a block.
    fn open(line: &str) -> Option<Self> {
        let text = indented(line)?;
        let mark = text.chars().next().filter(|c| matches!(c, '`' | '~'))?;
        let info = text.trim_start_matches(mark);
        let length = text.len() - info.len();
        let is_open = length >= 3 && !(mark == '`' && info.contains('`'));
        is_open.then_some(Self { mark, length })
    }

    /// Whether a whole line closes the block.
    pub(super) fn is_closed_by(self, line: &str) -> bool {
        self.may_be_closed_by(line)
            && line.chars().filter(|c| *c == self.mark).count() >= self.length
    }

    /// Whether the beginning of a line may yet close the block.
    pub(super) fn may_be_closed_by(self, line: &str) -> bool {
        let Some(text) = indented(line) else {
            return false;
        };
        text.trim_start_matches(self.mark).trim().is_empty()
    }
}

/// A line without its indent, where that is small enough for a fence.
fn indented(line: &str) -> Option<&str> {
    let text = line.trim_start_matches(' ');
    (line.len() - text.len() <= 3).then_some(text)
}

/// A line outside code.
pub(super) enum Line {
    /// It opens a block of code.
    Fence(Fence),
    /// Media, and what else stands there.
    Media(Vec<Media>, String),
    /// A token alone.
    Token(Bare),
    /// Text.
    Text,
}

/// Reads a whole line, without its end.
pub(super) fn read(line: &str) -> Line {
    if let Some(fence) = Fence::open(line) {
        return Line::Fence(fence);
    }
    if let Some(payload) = line.trim_start().strip_prefix(MEDIA)
        && let Some((media, words)) = media::read(payload)
    {
        return Line::Media(media, words);
    }
    match alone(line) {
        Alone::Yes(bare) => Line::Token(bare),
        Alone::NotYet | Alone::No => Line::Text,
    }
}

/// Whether the beginning of a line may yet become something else than text.
pub(super) fn may_be_special(start: &str) -> bool {
    let text = start.trim_start();
    let may_be_fence = ["```", "~~~"]
        .iter()
        .any(|fence| text.starts_with(fence) || fence.starts_with(text));
    may_be_fence
        || text.starts_with(MEDIA)
        || MEDIA.starts_with(text)
        || !matches!(alone(start), Alone::No)
}

/// Whether a heartbeat's reply says that nothing needs attention.
pub(super) fn is_ack(reply: &str, most: usize) -> bool {
    let mut text = String::with_capacity(reply.len());
    let mut in_markup = false;
    for c in reply.replace("&nbsp;", " ").chars() {
        match c {
            '<' => in_markup = true,
            '>' if in_markup => in_markup = false,
            _ if in_markup => {}
            c => text.push(c),
        }
    }
    let edge = |c: char| c.is_whitespace() || matches!(c, '*' | '`' | '~' | '_');
    let mut rest = text.trim_matches(edge);
    let mut found = false;
    loop {
        let stripped = rest
            .strip_prefix(HEARTBEAT_OK)
            .or_else(|| rest.strip_suffix(HEARTBEAT_OK));
        match stripped {
            Some(without) => {
                found = true;
                rest = without.trim_matches(edge);
            }
            None => return found && rest.chars().count() <= most,
        }
    }
}
