//! Takes a reply apart while it comes.

use super::line::{self, Alone, Bare, Bracket, Fence, Line, TOKENS, Tag};
use super::media::Media;
use super::{Occasion, ReplyText, ReplyTo};

/// The longest beginning of a line that is held back, in bytes.
const LONGEST_HELD: usize = 8192;

/// Fed with the pieces of a reply, gives what can be shown of them. Holds back what may yet become something that is not
/// shown; the rest it gives at once. However the reply is cut, what it gives is the same.
#[derive(Debug)]
pub struct ReplyFilter {
    occasion: Occasion,
    /// The reply as it came, where it is needed whole.
    raw: String,
    /// What has not been decided on.
    held: String,
    place: Place,
    fence: Option<Fence>,
    /// The line from the first `` ` `` that nothing has closed yet; empty where there is none.
    open_code: String,
    /// Whether a letter or digit stands right before, or only `_` in between.
    in_word: bool,
    /// Something was just taken out.
    gap: bool,
    /// Whether anything can be seen on the present line of the output.
    line_has_text: bool,
    /// Whether anything can be seen in the output.
    has_text: bool,
    /// Whether anything has been taken out.
    has_removed: bool,
    out: String,
    given: usize,
    found: Found,
}

/// What was taken out.
#[derive(Debug, Default)]
struct Found {
    media: Vec<Media>,
    reply_to: Option<ReplyTo>,
    as_voice: bool,
    token: bool,
    /// `NO_REPLY` stood alone before all text.
    silence_first: bool,
    /// It stood alone behind all text so far.
    silence_last: bool,
}

/// Where the filter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before anything that could be seen.
    Head,
    /// At the beginning of a line, or behind a tag that stood there.
    LineStart,
    /// In a line of text.
    Text,
    /// In a line of a block of code.
    Code,
}

/// What stands at a place in a line.
enum Marker {
    Tag(usize, Tag),
    Token(usize),
    None,
    Open,
}

impl ReplyFilter {
    /// A filter for one reply.
    pub fn new(occasion: Occasion) -> Self {
        Self {
            occasion,
            raw: String::new(),
            held: String::new(),
            place: Place::Head,
            fence: None,
            open_code: String::new(),
            in_word: false,
            gap: false,
            line_has_text: false,
            has_text: false,
            has_removed: false,
            out: String::new(),
            given: 0,
            found: Found::default(),
        }
    }

    /// Takes the next piece and gives what can be shown now. Where nobody waits for the reply that is nothing: the end
    /// may silence all of it.
    pub fn push(&mut self, piece: &str) -> String {
        if matches!(self.occasion, Occasion::Heartbeat { .. }) {
            self.raw.push_str(piece);
        }
        // Line by line, so that a long reply in one piece is not moved about for each of its lines.
        for line in piece.split_inclusive('\n') {
            self.held.push_str(line);
            self.advance(false);
        }
        match self.occasion {
            // White space alone may still turn out to be nothing.
            Occasion::Person if self.has_text => self.give(),
            Occasion::Person | Occasion::Unasked | Occasion::Heartbeat { .. } => String::new(),
        }
    }

    /// The reply is over: what can be shown beside what was given, and the whole of it.
    pub fn finish(mut self) -> (String, ReplyText) {
        self.advance(true);
        let nothing = !self.has_text;
        let whole = self.found.token && nothing;
        let heartbeat_ok = match self.occasion {
            Occasion::Heartbeat { ack_max_chars } => line::is_ack(&self.raw, ack_max_chars),
            Occasion::Person | Occasion::Unasked => false,
        };
        let is_silent = match self.occasion {
            Occasion::Person => whole,
            Occasion::Unasked | Occasion::Heartbeat { .. } => {
                whole || heartbeat_ok || self.found.silence_first || self.found.silence_last
            }
        };
        if is_silent {
            self.out.clear();
            self.given = 0;
        }
        let rest = self.give();
        let reply = ReplyText {
            text: self.out,
            media: self.found.media,
            reply_to: self.found.reply_to,
            as_voice: self.found.as_voice,
            is_silent,
            heartbeat_ok,
        };
        (rest, reply)
    }

    fn give(&mut self) -> String {
        let piece = self.out[self.given..].to_owned();
        self.given = self.out.len();
        piece
    }

    fn advance(&mut self, complete: bool) {
        while !self.held.is_empty() {
            let held = std::mem::take(&mut self.held);
            let (decided, left) = match self.place {
                Place::Head => self.head(&held, complete),
                Place::LineStart => self.line_start(&held, complete),
                Place::Text => self.text(&held, complete),
                Place::Code => self.code_line(&held),
            };
            self.held = left;
            if !decided {
                return;
            }
        }
    }

    /// At the very beginning a token may stand in a block of code of its own.
    fn head(&mut self, held: &str, complete: bool) -> (bool, String) {
        match line::alone(held) {
            Alone::Yes(bare) if complete && held.len() < LONGEST_HELD => {
                self.take(bare);
                (true, String::new())
            }
            Alone::Yes(_) | Alone::NotYet if !complete && held.len() < LONGEST_HELD => {
                (false, held.to_owned())
            }
            _ => {
                self.place = Place::LineStart;
                (true, held.to_owned())
            }
        }
    }

    fn line_start(&mut self, held: &str, complete: bool) -> (bool, String) {
        let end = held.find('\n');
        let line = &held[..end.unwrap_or(held.len())];
        let whole = end.is_some() || complete;
        let after = &held[end.map_or(held.len(), |at| at + 1)..];
        let is_long = line.len() >= LONGEST_HELD;
        if let Some(fence) = self.fence {
            if !whole && !is_long && fence.may_be_closed_by(line) {
                return (false, held.to_owned());
            }
            if whole && !is_long && fence.is_closed_by(line) {
                self.fence = None;
            }
            self.place = Place::Code;
            return (true, held.to_owned());
        }
        if !whole && !is_long && line::may_be_special(line) {
            return (false, held.to_owned());
        }
        if !whole || is_long {
            self.place = Place::Text;
            return (true, held.to_owned());
        }
        match line::read(line) {
            Line::Fence(fence) => {
                self.fence = Some(fence);
                self.place = Place::Code;
                (true, held.to_owned())
            }
            Line::Media(media, words) => {
                self.found.media.extend(media);
                self.has_removed = true;
                if words.is_empty() {
                    self.begin();
                    return (true, after.to_owned());
                }
                self.place = Place::Text;
                let newline = &held[line.len()..held.len() - after.len()];
                (true, format!("{words}{newline}{after}"))
            }
            Line::Token(bare) => {
                self.take(bare);
                self.begin();
                (true, after.to_owned())
            }
            Line::Text => {
                self.place = Place::Text;
                (true, held.to_owned())
            }
        }
    }

    /// What follows stands where something was taken out at the beginning of a line.
    fn begin(&mut self) {
        self.place = match self.has_text {
            true => Place::LineStart,
            false => Place::Head,
        };
    }

    fn code_line(&mut self, held: &str) -> (bool, String) {
        let end = held.find('\n').map(|at| at + 1);
        let (line, after) = held.split_at(end.unwrap_or(held.len()));
        self.put(line);
        if end.is_some() {
            self.place = Place::LineStart;
        }
        (true, after.to_owned())
    }

    fn text(&mut self, held: &str, complete: bool) -> (bool, String) {
        let mut rest = held;
        while let Some(first) = rest.chars().next() {
            let length = match first {
                '\n' => {
                    self.put("\n");
                    self.place = Place::LineStart;
                    return (true, rest[1..].to_owned());
                }
                '`' => {
                    let length = marks(rest);
                    if length == rest.len() && !complete {
                        return (false, rest.to_owned());
                    }
                    match marks(&self.open_code) == length {
                        true => self.open_code.clear(),
                        false => self.open_code.push_str(&rest[..length]),
                    }
                    self.put(&rest[..length]);
                    rest = &rest[length..];
                    continue;
                }
                '[' | 'N' | 'H' => match self.marker(rest, complete) {
                    Marker::None => 1,
                    Marker::Open => return (false, rest.to_owned()),
                    marker => match self.code_end(rest, complete) {
                        Ok(Some(length)) => {
                            self.open_code.clear();
                            length
                        }
                        Ok(None) => {
                            self.open_code.clear();
                            rest = &rest[self.remove(marker)..];
                            if !self.line_has_text {
                                // What follows stands at the beginning of its line.
                                self.begin();
                                return (true, rest.to_owned());
                            }
                            continue;
                        }
                        Err(Undecided) => return (false, rest.to_owned()),
                    },
                },
                _ => rest.find(['\n', '`', '[', 'N', 'H']).unwrap_or(rest.len()),
            };
            if !self.open_code.is_empty() {
                self.open_code.push_str(&rest[..length]);
            }
            self.put(&rest[..length]);
            rest = &rest[length..];
        }
        (true, String::new())
    }

    fn marker(&self, rest: &str, complete: bool) -> Marker {
        if rest.starts_with('[') {
            return match line::bracket(rest, complete) {
                Bracket::Tag(length, tag) => Marker::Tag(length, tag),
                Bracket::Plain => Marker::None,
                Bracket::Open => Marker::Open,
            };
        }
        if self.in_word {
            return Marker::None;
        }
        for token in TOKENS {
            if let Some(after) = rest.strip_prefix(token) {
                return match after.trim_start_matches('_').chars().next() {
                    Some(c) if c.is_alphanumeric() => Marker::None,
                    None if !complete => Marker::Open,
                    _ => Marker::Token(token.len()),
                };
            }
            if token.starts_with(rest) && !complete {
                return Marker::Open;
            }
        }
        Marker::None
    }

    /// Where the code ends that this stands in; `None` where it stands in none.
    fn code_end(&self, rest: &str, complete: bool) -> Result<Option<usize>, Undecided> {
        if self.open_code.is_empty() {
            return Ok(None);
        }
        let end = rest.find('\n');
        let line = &rest[..end.unwrap_or(rest.len())];
        let whole = end.is_some() || complete;
        let open = marks(&self.open_code);
        match (closing(line, open, whole), whole) {
            (Some(end), _) => Ok(Some(end)),
            (None, false) => Err(Undecided),
            // Nothing closes what was opened first, so it is text, and what was taken for its inside is read again.
            (None, true) => {
                let all = format!("{}{line}", self.open_code);
                let here = self.open_code.len();
                let mut at = open;
                while let Some(next) = all[at..here].find('`') {
                    let start = at + next;
                    let length = marks(&all[start..]);
                    at = start + length;
                    if let Some(end) = closing(&all[at..], length, true) {
                        at += end;
                        if at > here {
                            return Ok(Some(at - here));
                        }
                    }
                }
                Ok(None)
            }
        }
    }

    /// Notes what is taken out, and gives its length.
    fn remove(&mut self, marker: Marker) -> usize {
        self.gap = true;
        self.has_removed = true;
        self.in_word = false;
        match marker {
            Marker::Tag(length, tag) => {
                self.note(tag);
                length
            }
            Marker::Token(length) => {
                self.found.token = true;
                length
            }
            Marker::None | Marker::Open => 0,
        }
    }

    fn take(&mut self, bare: Bare) {
        self.has_removed = true;
        self.found.token = true;
        self.found.silence_first |= bare.is_silence && !self.has_text;
        self.found.silence_last |= bare.is_silence;
        bare.tags.into_iter().for_each(|tag| self.note(tag));
    }

    fn note(&mut self, tag: Tag) {
        match tag {
            Tag::Reply(to) => self.found.reply_to = Some(to),
            Tag::Voice => self.found.as_voice = true,
        }
    }

    /// Adds to what is shown.
    fn put(&mut self, text: &str) {
        let mut text = text;
        if std::mem::take(&mut self.gap) {
            let open = self.out.chars().next_back().is_none_or(char::is_whitespace);
            match text.chars().next() {
                Some(' ' | '\t') if open => text = &text[1..],
                // Two halves must not become one word, or one tag.
                Some(c) if !open && !c.is_whitespace() && !".,;!?)".contains(c) => {
                    self.out.push(' ');
                }
                _ => {}
            }
        }
        if self.has_removed && !self.has_text {
            text = text.trim_start();
        }
        for c in text.chars() {
            self.in_word = c.is_alphanumeric() || (c == '_' && self.in_word);
            match c {
                '\n' => {
                    self.line_has_text = false;
                    self.open_code.clear();
                }
                c if !c.is_whitespace() => {
                    self.line_has_text = true;
                    self.has_text = true;
                    self.found.silence_last = false;
                }
                _ => {}
            }
        }
        self.out.push_str(text);
    }
}

/// Where the code ends that so many marks opened; a run at the end of the text may yet grow where it is not `whole`.
fn closing(text: &str, open: usize, whole: bool) -> Option<usize> {
    let mut at = 0;
    while let Some(next) = text[at..].find('`') {
        let length = marks(&text[at + next..]);
        at += next + length;
        if length == open && (whole || at < text.len()) {
            return Some(at);
        }
    }
    None
}

/// The end of the line must be seen first.
struct Undecided;

/// How many `` ` `` a text begins with.
fn marks(text: &str) -> usize {
    text.len() - text.trim_start_matches('`').len()
}
