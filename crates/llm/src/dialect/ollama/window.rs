//! Noticing that Ollama read only a part of the prompt.
//!
//! A prompt longer than `num_ctx` is cut in silence: the oldest messages are dropped, or, where that is not enough, the
//! front of what is left, down to the window (up to 0.12) or half of it (later). Newer servers refuse instead when the
//! request says `truncate: false`, which the encoder does; for older ones the count of tokens read must tell.

use crate::message::{AssistantPart, Content, Message};
use crate::model::{Model, Source};
use crate::request::Request;

/// The window to ask for: what the owner stated. Nothing is guessed, since a larger window than needed costs memory
/// that the machine may not have.
pub(super) fn num_ctx(model: &Model) -> Option<u64> {
    let stated = matches!(model.context_source, Source::Config | Source::Catalog);
    stated.then_some(model.context_window)
}

/// What is known of a prompt before it is sent.
#[derive(Debug, Default)]
pub(super) struct Prompt {
    /// The window asked for.
    window: Option<u64>,
    /// Tokens that it has at the very least.
    least: u64,
}

impl Prompt {
    pub(super) fn new(model: &Model, request: &Request) -> Self {
        Self {
            window: num_ctx(model),
            least: least_tokens(request),
        }
    }

    /// Whether a server that counts `read` tokens of this prompt has cut it.
    ///
    /// Fewer tokens than the prompt has words is the sign, but not alone: some versions count only what their cache did
    /// not hold (before 0.4, and 0.30.0). A cut prompt also fills its window at least half, or is just as long as a
    /// window of the server's own, all of which are multiples of 1,024 tokens.
    pub(super) fn was_cut(&self, read: u64) -> bool {
        if read == 0 || read >= self.least {
            return false;
        }
        match self.window {
            Some(window) => self.least > window || read.saturating_mul(2) >= window,
            None => read >= 1023 && matches!(read % 1024, 0 | 1023),
        }
    }
}

/// A number of tokens that a prompt does not fall short of, whatever the tokenizer. Templates differ in what they do
/// with reasoning and tool definitions, and those that take no tools drop results, so these do not count.
fn least_tokens(request: &Request) -> u64 {
    let mut least = words(&request.system);
    for message in &request.messages {
        match message {
            Message::User(user) => least += content_words(&user.content),
            Message::Assistant(assistant) => {
                for part in &assistant.content {
                    if let AssistantPart::Text { text } = part {
                        least += words(text);
                    }
                }
            }
            Message::ToolResult(result) if !request.tools.is_empty() => {
                least += content_words(&result.content);
            }
            Message::ToolResult(_) => {}
        }
    }
    least
}

fn content_words(content: &[Content]) -> u64 {
    content
        .iter()
        .map(|part| match part {
            Content::Text { text, .. } => words(text),
            Content::Image(_) => 0,
        })
        .sum()
}

/// Words of a text: no tokenizer in use joins letters across white space, or ASCII letters across other ASCII
/// characters. Scripts without spaces count low, which only makes the sign weaker.
fn words(text: &str) -> u64 {
    let of_chunk = |chunk: &str| -> u64 {
        let mut runs = 0;
        let mut before = ' ';
        for c in chunk.chars() {
            if c.is_ascii_alphabetic() && before.is_ascii() && !before.is_ascii_alphabetic() {
                runs += 1;
            }
            before = c;
        }
        match runs {
            0 if chunk.chars().any(char::is_alphanumeric) => 1,
            runs => runs,
        }
    };
    text.split_whitespace().map(of_chunk).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_counted_low() {
        for (text, count) in [
            ("", 0),
            ("Hello there, friend.", 3),
            ("- -- ---", 0),
            ("{\"path\":\"src/main.rs\"}", 4),
            ("naïve Grüße", 2),
            ("今日は いい天気", 2),
            ("3.14 is pi", 3),
        ] {
            assert_eq!(words(text), count, "{text}");
        }
    }

    #[test]
    fn a_cut_shows_in_a_count_below_the_words_at_the_window() {
        let prompt = |window, least| Prompt { window, least };
        for (window, least, read, cut) in [
            // The whole prompt was read.
            (Some(4096), 3000, 3900, false),
            (None, 3000, 4096, false),
            // Nothing was counted.
            (Some(4096), 5000, 0, false),
            // Down to the window, and to half of it.
            (Some(4096), 5000, 4096, true),
            (Some(4096), 2500, 2051, true),
            // Only what was new was counted.
            (Some(4096), 2500, 300, false),
            // It cannot have fitted.
            (Some(4096), 5000, 300, true),
            // A window of the server's own.
            (None, 3000, 2048, true),
            (None, 5000, 4095, true),
            (None, 3000, 2000, false),
            (None, 3000, 1, false),
        ] {
            assert_eq!(
                prompt(window, least).was_cut(read),
                cut,
                "{window:?} {least} {read}"
            );
        }
    }
}
