//! A guess at the tokens of a prompt, from its text alone.

use std::io;

use serde_json::Value;

use crate::message::{AssistantMessage, AssistantPart, Content, Message};
use crate::model::Model;
use crate::repair::wire_form;
use crate::request::Request;

/// Everything is counted in quarters of a token.
const TOKEN: u64 = 4;

/// What a chat template puts around each message.
const MESSAGE: u64 = 4 * TOKEN;

/// What a chat template puts around each tool and each call.
const TOOL: u64 = 8 * TOKEN;

/// A picture: between 85 tokens for a small one and 2,000 for a large one, depending on the model.
const IMAGE: u64 = 800 * TOKEN;

/// About how many tokens `model` will read for `request`, in the form in which it is sent. Reasoning of earlier turns is
/// left out: most dialects do not send it again. Zero only for a request without messages, tools and system prompt.
pub fn estimate(model: &Model, request: &Request) -> u64 {
    let request = &*wire_form(model, request);
    let mut quarters = 0;
    if !request.system.is_empty() {
        quarters += MESSAGE + text(&request.system);
    }
    quarters += request.messages.iter().map(one).sum::<u64>();
    for tool in &request.tools {
        quarters += TOOL + text(&tool.name) + text(&tool.description) + json(&tool.parameters);
    }
    quarters.div_ceil(TOKEN)
}

/// About how many tokens one message adds to a prompt.
pub fn estimate_message(message: &Message) -> u64 {
    one(message).div_ceil(TOKEN)
}

/// Quarters of a token of a message.
fn one(message: &Message) -> u64 {
    MESSAGE
        + match message {
            Message::User(user) => content(&user.content),
            Message::Assistant(message) => assistant(message),
            Message::ToolResult(result) => content(&result.content),
        }
}

fn assistant(message: &AssistantMessage) -> u64 {
    let parts = message.content.iter().map(|part| match part {
        AssistantPart::Text { text: words } => text(words),
        AssistantPart::Thinking(_) => 0,
        AssistantPart::ToolCall(call) => TOOL + text(&call.name) + text(&call.arguments),
    });
    parts.sum()
}

fn content(parts: &[Content]) -> u64 {
    let parts = parts.iter().map(|part| match part {
        Content::Text { text: words, .. } => text(words),
        Content::Image(_) => IMAGE,
    });
    parts.sum()
}

/// Quarters of a token of a text, by its scripts.
fn text(text: &str) -> u64 {
    // Nearly all text is this, and a whole history is gone through before each request.
    if text.is_ascii() {
        return text.len() as u64;
    }
    text.chars().map(quarters).sum()
}

/// Quarters of a token of a character in the vocabularies of 2024 and later; older ones cut other scripts than Latin
/// into up to twice as many.
fn quarters(c: char) -> u64 {
    match c {
        '\0'..='\u{7f}' => 1,
        // Letters with accents, Greek, Cyrillic, Hebrew, Arabic.
        '\u{80}'..='\u{7ff}' => 2,
        // Scripts of South and South-East Asia; typographic signs.
        '\u{800}'..='\u{2dff}' => 3,
        // Han, kana, hangul: between a half and one and a half.
        '\u{2e00}'..='\u{ffff}' => 4,
        // Emoji and rare characters, spelt out in bytes.
        _ => 8,
    }
}

fn json(value: &Value) -> u64 {
    /// Counts what would be written.
    struct Counter(u64);
    impl io::Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len() as u64;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter(0);
    // Neither can the counter fail, nor a JSON value with string keys.
    let _ = serde_json::to_writer(&mut counter, value);
    counter.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_script_by_its_own_measure() {
        let tokens = |words: &str| text(words).div_ceil(TOKEN);
        assert_eq!(tokens("The quick brown fox jumps over the lazy dog."), 11);
        assert_eq!(tokens("人工智能助手"), 6);
        assert_eq!(tokens("Привет, мир"), 5);
        assert_eq!(tokens("🦀"), 2);
        assert_eq!(tokens(""), 0);
    }

    proptest! {
        #[test]
        fn more_text_is_never_fewer_tokens(a in any::<String>(), b in any::<String>()) {
            let joined = format!("{a}{b}");
            prop_assert_eq!(text(&joined), text(&a) + text(&b));
            prop_assert_eq!(text(&joined) == 0, joined.is_empty());
        }

        #[test]
        fn no_script_is_far_from_its_bytes(words in any::<String>()) {
            let (quarters, bytes) = (text(&words), words.len() as u64);
            prop_assert!(quarters <= 2 * bytes && 2 * quarters >= bytes, "{quarters} of {bytes}");
        }
    }
}
