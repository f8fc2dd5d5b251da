//! How long an answer can be beside its prompt.

use crate::message::{AssistantPart, Content, Message};
use crate::request::Request;

/// Bytes of text to a token, on average: about right for English, too many tokens for other scripts.
const BYTES_PER_TOKEN: u64 = 4;

/// Tokens that a picture is counted as.
const IMAGE_TOKENS: u64 = 800;

/// Tokens that the template adds to each message.
const MESSAGE_TOKENS: u64 = 8;

/// An answer is left this part of the window however long the prompt is: the estimate may be far off, and a server that
/// finds it too much says so.
const LEAST_PART: u64 = 8;

/// The most tokens that an answer to `request` can have in this window, the prompt being estimated.
pub(crate) fn room(request: &Request, window: u64) -> u64 {
    let least = (window / LEAST_PART).max(1);
    window.saturating_sub(prompt_tokens(request)).max(least)
}

fn prompt_tokens(request: &Request) -> u64 {
    let mut bytes = request.system.len();
    let mut tokens = 0;
    for tool in &request.tools {
        bytes += tool.name.len() + tool.description.len() + json_length(&tool.parameters);
    }
    let mut content = |parts: &[Content]| {
        for part in parts {
            match part {
                Content::Text { text } => bytes += text.len(),
                Content::Image(_) => tokens += IMAGE_TOKENS,
            }
        }
    };
    for message in &request.messages {
        match message {
            Message::User(user) => content(&user.content),
            Message::ToolResult(result) => content(&result.content),
            Message::Assistant(_) => {}
        }
    }
    for message in &request.messages {
        tokens += MESSAGE_TOKENS;
        let Message::Assistant(assistant) = message else {
            continue;
        };
        for part in &assistant.content {
            bytes += match part {
                AssistantPart::Text { text } => text.len(),
                AssistantPart::ToolCall(call) => call.name.len() + call.arguments.len(),
                // Templates drop it.
                AssistantPart::Thinking(_) => 0,
            };
        }
    }
    tokens + bytes as u64 / BYTES_PER_TOKEN
}

/// How long a value is as JSON, without writing it out.
fn json_length(value: &serde_json::Value) -> usize {
    struct Count(usize);
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    // Counting fails never.
    let _ = serde_json::to_writer(&mut count, value);
    count.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_prompt_takes_is_not_left_for_the_answer() {
        let mut request = Request {
            messages: vec![Message::user("x".repeat(4000), 0)],
            ..Request::default()
        };
        assert_eq!(room(&request, 4096), 4096 - 1008);
        // However long the prompt, something is asked for: the server knows better.
        request.messages.push(Message::user("x".repeat(400_000), 0));
        assert_eq!(room(&request, 4096), 512);
        assert_eq!(room(&request, 1), 1);
    }
}
