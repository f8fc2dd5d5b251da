//! Newline-delimited JSON: bytes in any cut to the lines they hold.

use serde::de::IgnoredAny;

use super::sse::Ending;

/// An incremental parser of a body with one JSON object a line, which is how Ollama streams.
#[derive(Debug, Default)]
pub(super) struct LineParser {
    /// Bytes of the line that is not complete yet.
    line: Vec<u8>,
    /// A line was handed out.
    handed_out: bool,
}

impl LineParser {
    /// Takes bytes and calls `on_line` with every line they complete, blank ones left out.
    pub(super) fn feed(&mut self, bytes: &[u8], mut on_line: impl FnMut(&str)) {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|b| *b == b'\n') {
            self.line.extend_from_slice(&rest[..end]);
            rest = &rest[end + 1..];
            self.hand_out(&mut on_line);
        }
        self.line.extend_from_slice(rest);
    }

    /// The body is over: a last line without its end counts where it is whole. Tells what the body amounts to.
    pub(super) fn finish(mut self, mut on_line: impl FnMut(&str)) -> Ending {
        let text = String::from_utf8_lossy(&self.line);
        if serde_json::from_str::<IgnoredAny>(&text).is_ok() {
            self.hand_out(&mut on_line);
        }
        match (self.handed_out, self.line.is_empty()) {
            (true, _) => Ending::Read,
            (false, false) => Ending::Begun,
            (false, true) => Ending::Silent,
        }
    }

    fn hand_out(&mut self, on_line: &mut impl FnMut(&str)) {
        let line = std::mem::take(&mut self.line);
        let text = String::from_utf8_lossy(&line);
        let text = text.trim();
        if !text.is_empty() {
            self.handed_out = true;
            on_line(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(chunks: &[&[u8]]) -> (Vec<String>, Ending) {
        let mut parser = LineParser::default();
        let mut lines = Vec::new();
        for chunk in chunks {
            parser.feed(chunk, |line| lines.push(line.to_owned()));
        }
        let ending = parser.finish(|line| lines.push(line.to_owned()));
        (lines, ending)
    }

    #[test]
    fn the_last_line_needs_no_end_but_must_be_whole() {
        let lines = |body: &str| parse(&[body.as_bytes()]);
        let one = || vec!["{\"a\":1}".to_owned()];
        assert_eq!(lines("{\"a\":1}\r\n\r\n"), (one(), Ending::Read));
        assert_eq!(lines("{\"a\":1}"), (one(), Ending::Read));
        assert_eq!(lines("{\"a\":1}\n{\"b\":"), (one(), Ending::Read));
        assert_eq!(lines("{\"a\":"), (Vec::new(), Ending::Begun));
        assert_eq!(lines(" \n"), (Vec::new(), Ending::Silent));
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same_lines(
            texts in prop::collection::vec("[ -~é✓]{0,40}", 0..6),
            crlf in any::<bool>(),
            cuts in prop::collection::vec(0usize..400, 0..20),
        ) {
            let end = if crlf { "\r\n" } else { "\n" };
            let body: String = texts
                .iter()
                .map(|text| format!("{}{end}", serde_json::json!({"t": text})))
                .collect();
            let body = body.as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(body.len())).collect();
            cuts.sort_unstable();
            let mut chunks = Vec::new();
            let mut from = 0;
            for cut in cuts {
                chunks.push(&body[from..cut]);
                from = cut;
            }
            chunks.push(&body[from..]);
            prop_assert_eq!(parse(&chunks), parse(&[body]));
            prop_assert_eq!(parse(&chunks).0.len(), texts.len());
        }
    }
}
