//! Server-sent events: bytes in any cut to the `data` of each event.

use std::borrow::Cow;

/// An incremental parser of the event stream format (WHATWG HTML, "Server-sent events").
///
/// `event:` names are not kept: every dialect repeats the type inside its data. Comments are dropped; that bytes came at
/// all is the sign of life.
#[derive(Debug, Default)]
pub(super) struct SseParser {
    /// Bytes of the line that is not complete yet.
    line: Vec<u8>,
    /// Data of the event that is not complete yet.
    data: String,
    has_data: bool,
    /// The last byte was a carriage return: a line feed right after it belongs to the same line end.
    after_cr: bool,
    /// What the complete lines so far were.
    lines: Lines,
    /// An event with data was handed out.
    handed_out: bool,
}

/// The kinds of line a stream began with.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Lines {
    /// None, or blank ones and comments.
    #[default]
    Silent,
    /// A field of the format.
    Fields,
    /// Something else: this is no event stream.
    Foreign,
}

/// What a stream amounts to, apart from the events handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// Nothing came but comments.
    Silent,
    /// It broke off inside its first event.
    Begun,
    /// Events were handed out, or it is no event stream.
    Read,
}

/// The fields of the format, with their colon.
const FIELDS: [&[u8]; 4] = [b"data:", b"event:", b"id:", b"retry:"];

impl SseParser {
    /// Takes bytes and calls `on_data` with the data of every event they complete.
    pub(super) fn feed(&mut self, bytes: &[u8], mut on_data: impl FnMut(&str)) {
        let mut rest = bytes;
        if self.after_cr && rest.first() == Some(&b'\n') {
            rest = &rest[1..];
        }
        if !bytes.is_empty() {
            self.after_cr = false;
        }
        while let Some(end) = memchr::memchr2(b'\n', b'\r', rest) {
            let (line, cr) = (&rest[..end], rest[end] == b'\r');
            rest = &rest[end + 1..];
            if cr {
                match rest.first() {
                    Some(b'\n') => rest = &rest[1..],
                    Some(_) => {}
                    None => self.after_cr = true,
                }
            }
            if self.line.is_empty() {
                self.end_line(line, &mut on_data);
            } else {
                let mut begun = std::mem::take(&mut self.line);
                begun.extend_from_slice(line);
                self.end_line(&begun, &mut on_data);
            }
        }
        self.line.extend_from_slice(rest);
    }

    /// What the stream amounts to if it ends here.
    pub(super) fn ending(&self) -> Ending {
        let lines = match self.lines {
            Lines::Silent => Lines::of(&self.line),
            known => known,
        };
        match lines {
            Lines::Silent => Ending::Silent,
            Lines::Fields if !self.handed_out => Ending::Begun,
            Lines::Fields | Lines::Foreign => Ending::Read,
        }
    }

    fn hand_out(&mut self, on_data: &mut impl FnMut(&str)) {
        on_data(&self.data);
        self.data.clear();
        self.has_data = false;
        self.handed_out = true;
    }

    fn end_line(&mut self, line: &[u8], on_data: &mut impl FnMut(&str)) {
        if self.lines == Lines::Silent {
            self.lines = Lines::of(line);
        }
        if line.is_empty() {
            if self.has_data {
                self.hand_out(on_data);
            }
            return;
        }
        let Some(value) = line.strip_prefix(b"data:") else {
            return;
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        // The strict check is much the faster one, and nearly always enough.
        let value = match str::from_utf8(value) {
            Ok(value) => Cow::Borrowed(value),
            Err(_) => String::from_utf8_lossy(value),
        };
        // Some servers forget the empty line between one-line events; nearly every dialect's data is one line of JSON or
        // the end marker, so a complete one is handed on at once. Data of several lines must prove that it is complete.
        if !self.has_data {
            if value.ends_with('}') || value == "[DONE]" {
                on_data(&value);
                self.handed_out = true;
                return;
            }
            self.data.push_str(&value);
            self.has_data = true;
            return;
        }
        self.data.push('\n');
        self.data.push_str(&value);
        if self.data.ends_with('}')
            && serde_json::from_str::<serde::de::IgnoredAny>(&self.data).is_ok()
        {
            self.hand_out(on_data);
        }
    }
}

impl Lines {
    /// The kind of one line, which need not be complete.
    fn of(line: &[u8]) -> Self {
        if line.is_empty() || line.starts_with(b":") {
            Self::Silent
        } else if FIELDS
            .iter()
            .any(|field| line.starts_with(field) || field.starts_with(line))
        {
            Self::Fields
        } else {
            Self::Foreign
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(chunks: &[&[u8]]) -> Vec<String> {
        let mut parser = SseParser::default();
        let mut events = Vec::new();
        for chunk in chunks {
            parser.feed(chunk, |data| events.push(data.to_owned()));
        }
        events
    }

    #[test]
    fn line_ends_comments_names_and_split_data_lines() {
        let stream = b": OPENROUTER PROCESSING\r\n\r\nevent: x\r\ndata: {\"a\":1}\r\n\r\ndata:{\"b\":2}\rdata: [1,\ndata: 2]\n\nid: 7\ndata: [DONE]\n\n";
        assert_eq!(
            parse(&[stream]),
            ["{\"a\":1}", "{\"b\":2}", "[1,\n2]", "[DONE]"]
        );
    }

    #[test]
    fn an_event_without_its_end_is_not_handed_out() {
        assert_eq!(parse(&[b"data: {\"a\":"]), Vec::<String>::new());
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same_events(
            events in prop::collection::vec("[ -~é✓]{0,40}", 0..6),
            ends in prop::collection::vec(0usize..3, 6),
            cuts in prop::collection::vec(0usize..400, 0..20),
        ) {
            let mut stream = Vec::new();
            for (event, end) in events.iter().zip(&ends) {
                let newline = ["\n", "\r\n", "\r"][*end];
                let json = serde_json::json!({ "t": event });
                stream.extend_from_slice(format!("data: {json}{newline}{newline}").as_bytes());
            }
            let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c.min(stream.len())).collect();
            cuts.sort_unstable();
            let mut chunks = Vec::new();
            let mut from = 0;
            for cut in cuts {
                chunks.push(&stream[from..cut]);
                from = cut;
            }
            chunks.push(&stream[from..]);
            prop_assert_eq!(parse(&chunks), parse(&[&stream]));
            prop_assert_eq!(parse(&chunks).len(), events.len());
        }
    }
}
