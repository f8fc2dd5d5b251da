//! Reasoning tags inside text, taken apart while the text streams.
//!
//! Known forms: `<think>`, `<thinking>`, `<thought>`, `<reasoning>`, `<antthinking>` with their ends; a lone closing tag
//! (Qwen3's template opens the tag in the prompt, so the stream holds only its end); `<final>` around the answer; and
//! the channels of the harmony format (gpt-oss). Tags may be cut anywhere between chunks and may stay unclosed. Inside
//! code they are text, and so is an opening tag in the middle of a line that is never closed.

/// A stretch of text and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// For the person.
    Text(String),
    /// Reasoning.
    Thinking(String),
    /// All text so far was reasoning.
    TextWasThinking,
    /// The reasoning given out last was this text: its opening tag was a word of the answer.
    ThinkingWasText(String),
    /// A whole call from harmony's commentary channel.
    ToolCall {
        /// The tool's name.
        name: String,
        /// Its arguments as JSON text.
        arguments: String,
    },
}

const OPENERS: &[&str] = &[
    "<think>",
    "<thinking>",
    "<thought>",
    "<reasoning>",
    "<antthinking>",
];
const CLOSERS: &[&str] = &[
    "</think>",
    "</thinking>",
    "</thought>",
    "</reasoning>",
    "</antthinking>",
];
const FINAL: &[&str] = &["<final>", "</final>"];
const CHANNEL: &str = "<|channel|>";
const START: &str = "<|start|>";
const MESSAGE: &str = "<|message|>";
const ENDS: &[&str] = &["<|end|>", "<|return|>", "<|call|>"];

/// A harmony header is a few words; more than this many bytes without its end is plain text.
const HEADER_LIMIT: usize = 200;

#[derive(Debug, Default)]
enum Mode {
    #[default]
    Text,
    /// Reasoning until this closing tag.
    Thinking(&'static str),
    /// Harmony: the words between `<|channel|>` (or `<|start|>`) and `<|message|>`. With the tag where it stands behind
    /// text of the same message: whatever calls there is quoted, not made.
    Header(Option<&'static str>),
    /// Harmony: reasoning until an end token.
    Analysis,
    /// Harmony: the arguments of a call until an end token.
    Call(String),
}

/// Where in the Markdown the text stands: tags count only outside code.
#[derive(Debug, Default)]
struct Markdown {
    /// Inside a fenced block.
    fenced: bool,
    /// Inside inline code opened by a run of this many back-ticks; 0 outside.
    inline: usize,
    /// Something other than white space stands on this line before the place looked at.
    line_begun: bool,
    /// Any text came at all.
    begun: bool,
    /// Any text came since the last end token.
    message_begun: bool,
}

impl Markdown {
    fn in_code(&self) -> bool {
        self.fenced || self.inline > 0
    }

    fn pass(&mut self, c: char) {
        match c {
            '\n' => {
                self.line_begun = false;
                self.inline = 0;
            }
            c if c.is_whitespace() => {}
            _ => {
                self.line_begun = true;
                self.begun = true;
                self.message_begun = true;
            }
        }
    }

    fn pass_ticks(&mut self, run: usize) {
        if run >= 3 && !self.line_begun && self.inline == 0 {
            self.fenced = !self.fenced;
        } else if !self.fenced {
            if self.inline == 0 {
                self.inline = run;
            } else if self.inline == run {
                self.inline = 0;
            }
        }
        self.line_begun = true;
        self.begun = true;
        self.message_begun = true;
    }
}

/// Takes streamed text apart. What might be the beginning of a tag is held back until the next chunk decides.
#[derive(Debug, Default)]
pub(super) struct TagSplitter {
    mode: Mode,
    held: String,
    markdown: Markdown,
    /// Reasoning was seen in this reply.
    thought: bool,
    /// White space right after a tag is not text.
    trim_next: bool,
    /// What came since an opening tag in the middle of a line, the tag included.
    doubtful: Option<String>,
}

/// What stands at a place.
enum At {
    /// This tag, whole.
    Tag(&'static str),
    /// The beginning of some tag: more is needed to tell.
    Maybe,
    /// No tag.
    Nothing,
}

fn look(rest: &str, sets: &[&[&'static str]]) -> At {
    let mut maybe = false;
    for tag in sets.iter().copied().flatten() {
        let n = rest.len().min(tag.len());
        if rest.as_bytes()[..n].eq_ignore_ascii_case(&tag.as_bytes()[..n]) {
            if n == tag.len() {
                return At::Tag(tag);
            }
            maybe = true;
        }
    }
    if maybe { At::Maybe } else { At::Nothing }
}

impl TagSplitter {
    /// Takes more text.
    pub(super) fn push(&mut self, text: &str, out: &mut Vec<Piece>) {
        self.held.push_str(text);
        self.advance(false, out);
    }

    /// Gives out what is held back: something that is not text follows, so no tag can go on.
    pub(super) fn flush(&mut self, out: &mut Vec<Piece>) {
        self.advance(true, out);
    }

    /// The text is over.
    pub(super) fn finish(&mut self, out: &mut Vec<Piece>) {
        self.advance(true, out);
        if let Some(text) = self.doubtful.take() {
            self.mode = Mode::Text;
            out.push(Piece::ThinkingWasText(text));
        }
        if let Mode::Call(name) = &self.mode {
            // A call whose end token the server swallowed.
            let name = name.clone();
            self.mode = Mode::Text;
            let arguments = std::mem::take(&mut self.held);
            out.push(Piece::ToolCall { name, arguments });
        }
    }

    /// Whether text is held back.
    pub(super) fn holds_back(&self) -> bool {
        !self.held.is_empty()
    }

    fn advance(&mut self, last: bool, out: &mut Vec<Piece>) {
        loop {
            let held = std::mem::take(&mut self.held);
            let (used, again) = match &self.mode {
                Mode::Text => self.text(&held, last, out),
                Mode::Thinking(close) => {
                    let close = *close;
                    let (used, again) = self.thinking(&held, &[&[close]], last, out);
                    match &mut self.doubtful {
                        Some(doubtful) if !again => doubtful.push_str(&held[..used]),
                        _ => self.doubtful = None,
                    }
                    (used, again)
                }
                Mode::Analysis => self.thinking(&held, &[ENDS, &[START, CHANNEL]], last, out),
                Mode::Header(quoted) => self.header(&held, *quoted, last, out),
                Mode::Call(_) => self.call(&held, out),
            };
            self.held = held[used..].to_owned();
            if !again {
                return;
            }
        }
    }

    /// Reads text up to a tag. Returns the bytes used and whether the mode changed.
    fn text(&mut self, held: &str, last: bool, out: &mut Vec<Piece>) -> (usize, bool) {
        let mut from = 0;
        let mut at = 0;
        if self.trim_next {
            at = held.len() - held.trim_start().len();
            from = at;
            if at == held.len() {
                return (at, false);
            }
            self.trim_next = false;
        }
        while let Some(c) = held[at..].chars().next() {
            if c == '`' {
                let run = held[at..].bytes().take_while(|b| *b == b'`').count();
                if at + run == held.len() && !last {
                    break; // The run may go on in the next chunk.
                }
                self.markdown.pass_ticks(run);
                at += run;
                continue;
            }
            if c != '<' || self.markdown.in_code() {
                self.markdown.pass(c);
                at += c.len_utf8();
                continue;
            }
            let rest = &held[at..];
            let tag = match look(rest, &[OPENERS, CLOSERS, FINAL, &[CHANNEL, START], ENDS]) {
                At::Tag(tag) => tag,
                At::Maybe if !last => break,
                _ => {
                    self.markdown.pass(c);
                    at += 1;
                    continue;
                }
            };
            if let Some(kind) = OPENERS.iter().position(|t| *t == tag) {
                emit(&held[from..at], out);
                // In the middle of a line it may be a word of the answer; whether it is closed will tell.
                self.doubtful = self.markdown.line_begun.then(|| tag.to_owned());
                self.thought = true;
                self.trim_next = true;
                self.mode = Mode::Thinking(CLOSERS[kind]);
                return (at + tag.len(), true);
            }
            if CLOSERS.contains(&tag) {
                emit(&held[from..at], out);
                // A lone end makes everything before it reasoning; the second end of a closed block is only markup.
                if !self.thought {
                    out.push(Piece::TextWasThinking);
                    self.thought = true;
                    self.trim_next = true;
                    self.markdown = Markdown::default();
                }
                return (at + tag.len(), true);
            }
            emit(&held[from..at], out);
            if tag == CHANNEL || tag == START {
                self.mode = Mode::Header(self.markdown.message_begun.then_some(tag));
            }
            if ENDS.contains(&tag) {
                self.markdown.message_begun = false;
            }
            if FINAL.contains(&tag) {
                self.trim_next = !self.markdown.begun;
            }
            return (at + tag.len(), true);
        }
        emit(&held[from..at], out);
        (at, false)
    }

    /// Reads reasoning up to one of the ends.
    fn thinking(
        &mut self,
        held: &str,
        ends: &[&[&'static str]],
        last: bool,
        out: &mut Vec<Piece>,
    ) -> (usize, bool) {
        let mut from = 0;
        if self.trim_next {
            from = held.len() - held.trim_start().len();
            if from == held.len() {
                return (from, false);
            }
            self.trim_next = false;
        }
        let mut at = from;
        while let Some(found) = held[at..].find('<') {
            at += found;
            match look(&held[at..], ends) {
                At::Tag(tag) => {
                    emit_thinking(held[from..at].trim_end(), out);
                    self.trim_next = true;
                    self.markdown = Markdown::default();
                    self.mode = if tag == CHANNEL || tag == START {
                        Mode::Header(None)
                    } else {
                        Mode::Text
                    };
                    return (at + tag.len(), true);
                }
                At::Maybe if !last => {
                    return (self.hold_space(held, from, at, out), false);
                }
                _ => at += 1,
            }
        }
        if last {
            emit_thinking(&held[from..], out);
            return (held.len(), false);
        }
        (self.hold_space(held, from, held.len(), out), false)
    }

    /// Gives out reasoning except the white space at its end, which may stand before the closing tag.
    fn hold_space(&self, held: &str, from: usize, to: usize, out: &mut Vec<Piece>) -> usize {
        let end = from + held[from..to].trim_end().len();
        emit_thinking(&held[from..end], out);
        end
    }

    /// Reads a harmony header.
    fn header(
        &mut self,
        held: &str,
        quoted: Option<&str>,
        last: bool,
        out: &mut Vec<Piece>,
    ) -> (usize, bool) {
        let end = match held.find(MESSAGE) {
            Some(end) if end <= HEADER_LIMIT => end,
            None if held.len() <= HEADER_LIMIT + MESSAGE.len() && !last => return (0, false),
            _ => {
                self.mode = Mode::Text;
                return (0, true);
            }
        };
        let header = &held[..end];
        let channel = header
            .rsplit(CHANNEL)
            .next()
            .and_then(|channel| channel.split_whitespace().next())
            .unwrap_or_default();
        // The recipient stands behind the channel or, before it, behind the role.
        let recipient = header
            .split_whitespace()
            .find_map(|word| word.strip_prefix("to="))
            .map(|name| {
                // `to=functions.name<|constrain|>json` may come without a space.
                let name = name.split("<|").next().unwrap_or(name);
                name.strip_prefix("functions.").unwrap_or(name).to_owned()
            });
        let recipient = recipient.filter(|name| !name.is_empty());
        if let (Some(tag), Some(_)) = (quoted, &recipient) {
            self.mode = Mode::Text;
            emit(tag, out);
            emit(&held[..end + MESSAGE.len()], out);
            return (end + MESSAGE.len(), true);
        }
        self.mode = match (channel, recipient) {
            (_, Some(name)) => Mode::Call(name),
            ("analysis", _) => {
                self.thought = true;
                Mode::Analysis
            }
            _ => Mode::Text,
        };
        self.trim_next = true;
        (end + MESSAGE.len(), true)
    }

    /// Reads the arguments of a harmony call.
    fn call(&mut self, held: &str, out: &mut Vec<Piece>) -> (usize, bool) {
        let end = ENDS
            .iter()
            .filter_map(|tag| held.find(tag).map(|at| (at, tag.len())))
            .min();
        let Some((end, length)) = end else {
            return (0, false);
        };
        if let Mode::Call(name) = std::mem::take(&mut self.mode) {
            out.push(Piece::ToolCall {
                name,
                arguments: held[..end].trim().to_owned(),
            });
        }
        self.trim_next = true;
        (end + length, true)
    }
}

fn emit(text: &str, out: &mut Vec<Piece>) {
    if text.is_empty() {
        return;
    }
    match out.last_mut() {
        Some(Piece::Text(last)) => last.push_str(text),
        _ => out.push(Piece::Text(text.to_owned())),
    }
}

fn emit_thinking(text: &str, out: &mut Vec<Piece>) {
    if text.is_empty() {
        return;
    }
    match out.last_mut() {
        Some(Piece::Thinking(last)) => last.push_str(text),
        _ => out.push(Piece::Thinking(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(chunks: &[&str]) -> Vec<Piece> {
        let mut splitter = TagSplitter::default();
        let mut out = Vec::new();
        for chunk in chunks {
            let mut pieces = Vec::new();
            splitter.push(chunk, &mut pieces);
            merge(pieces, &mut out);
        }
        let mut pieces = Vec::new();
        splitter.finish(&mut pieces);
        merge(pieces, &mut out);
        out
    }

    fn merge(pieces: Vec<Piece>, out: &mut Vec<Piece>) {
        for piece in pieces {
            match piece {
                Piece::Text(text) => emit(&text, out),
                Piece::Thinking(text) => emit_thinking(&text, out),
                other => out.push(other),
            }
        }
    }

    fn text(t: &str) -> Piece {
        Piece::Text(t.into())
    }

    fn thinking(t: &str) -> Piece {
        Piece::Thinking(t.into())
    }

    #[test]
    fn a_leading_block_is_reasoning() {
        for name in ["think", "thinking", "thought", "reasoning", "THINK"] {
            assert_eq!(
                split(&[&format!("<{name}>\nfirst\n</{name}>\n\nHello <b>you</b>")]),
                [thinking("first"), text("Hello <b>you</b>")]
            );
        }
    }

    #[test]
    fn a_lone_end_turns_what_came_before_into_reasoning() {
        assert_eq!(
            split(&["I should greet.\n</think>\n\nHello"]),
            [
                text("I should greet.\n"),
                Piece::TextWasThinking,
                text("Hello")
            ]
        );
        assert_eq!(
            split(&["hm", "m</th", "ink>", "\n\nHello"]),
            [text("hmm"), Piece::TextWasThinking, text("Hello")]
        );
    }

    #[test]
    fn a_lone_end_counts_wherever_it_stands() {
        assert_eq!(
            split(&["secret reasoning</think>The answer."]),
            [
                text("secret reasoning"),
                Piece::TextWasThinking,
                text("The answer.")
            ]
        );
    }

    #[test]
    fn a_block_may_begin_in_the_middle_of_a_line() {
        assert_eq!(
            split(&["Sure. <think>x</think> Done."]),
            [text("Sure. "), thinking("x"), text("Done.")]
        );
    }

    #[test]
    fn an_opening_tag_in_a_line_that_is_never_closed_is_a_word() {
        for chunks in [
            vec!["The <think> tag opens it."],
            vec!["The <thi", "nk> tag ", "opens it."],
        ] {
            let joined: String = split(&chunks)
                .into_iter()
                .map(|piece| match piece {
                    Piece::Text(text) | Piece::ThinkingWasText(text) => text,
                    _ => String::new(),
                })
                .collect();
            assert_eq!(joined, "The <think> tag opens it.");
        }
    }

    #[test]
    fn an_unclosed_block_stays_reasoning() {
        assert_eq!(split(&["<think>on and on"]), [thinking("on and on")]);
    }

    #[test]
    fn tags_in_code_or_in_a_sentence_are_text() {
        for quoted in [
            "Use `<think>` for that.",
            "```xml\n<think>\nx\n</think>\n```\nDone",
            "a < b and <thinkers> too",
        ] {
            assert_eq!(split(&[quoted]), [text(quoted)]);
        }
    }

    #[test]
    fn the_final_tag_is_only_a_wrapper() {
        assert_eq!(
            split(&["<think>x</think><final>Answer</final>"]),
            [thinking("x"), text("Answer")]
        );
    }

    #[test]
    fn harmony_channels() {
        assert_eq!(
            split(&[
                "<|channel|>analysis<|message|>Let me see.<|end|><|start|>assistant<|channel|>final<|message|>Hello<|return|>"
            ]),
            [thinking("Let me see."), text("Hello")]
        );
        assert_eq!(
            split(&[
                "<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>{\"city\":\"Paris\"}<|call|>"
            ]),
            [Piece::ToolCall {
                name: "get_weather".into(),
                arguments: "{\"city\":\"Paris\"}".into()
            }]
        );
    }

    fn fragment() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-z <>/`\n]{0,8}",
            Just("<think>".to_owned()),
            Just("</think>".to_owned()),
            Just("\n</think>\n".to_owned()),
            Just("<final>".to_owned()),
            Just("```".to_owned()),
            Just("\n".to_owned()),
            Just("<|channel|>analysis<|message|>".to_owned()),
            Just("<|channel|>final<|message|>".to_owned()),
            Just("<|channel|>commentary to=f<|message|>{}".to_owned()),
            Just("<|end|>".to_owned()),
            Just("é✓".to_owned()),
        ]
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same_pieces(
            fragments in prop::collection::vec(fragment(), 0..8),
            cuts in prop::collection::vec(0usize..120, 0..12),
        ) {
            let whole = fragments.concat();
            let mut cuts: Vec<usize> = cuts.into_iter().filter(|c| whole.is_char_boundary(*c) && *c <= whole.len()).collect();
            cuts.sort_unstable();
            let mut chunks = Vec::new();
            let mut from = 0;
            for cut in cuts {
                chunks.push(&whole[from..cut]);
                from = cut;
            }
            chunks.push(&whole[from..]);
            prop_assert_eq!(split(&chunks), split(&[&whole]));
        }

        #[test]
        fn text_without_tags_passes_unchanged(whole in "[a-zA-Z0-9 .,`\n>é]{0,80}") {
            let joined: String = split(&[&whole]).into_iter().map(|p| match p {
                Piece::Text(t) => t,
                other => panic!("{other:?}"),
            }).collect();
            prop_assert_eq!(joined, whole);
        }
    }
}
