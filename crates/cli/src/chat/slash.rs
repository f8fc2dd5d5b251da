//! What only the chat's own surface does with commands.

use moltbot_agent::{Conversation, Peer, VerboseLevel};
use moltbot_store::Session;

/// Said behind the list of commands.
pub(super) const KEYS: &str = "/exit leaves, as Ctrl-D does. Ctrl-C stops an answer.";

/// Whether a line leaves the chat.
pub(super) fn leaves(text: &str) -> bool {
    let word = text.split_whitespace().next().unwrap_or_default();
    let word = word.trim_end_matches(':');
    ["/exit", "/quit"]
        .iter()
        .any(|exit| exit.eq_ignore_ascii_case(word))
}

/// Whether the commands were asked for.
pub(super) fn asks_for_help(text: &str) -> bool {
    let word = text.trim().trim_end_matches(':');
    ["/help", "/commands"]
        .iter()
        .any(|help| help.eq_ignore_ascii_case(word))
}

/// A conversation of the owner's at this machine.
pub(crate) fn conversation(session: Session) -> Conversation {
    Conversation {
        session,
        model: None,
        thinking: None,
        reasoning: None,
        // The owner sits in front of it.
        verbose: VerboseLevel::On,
        peer: Peer {
            username: std::env::var("USER").ok().filter(|name| !name.is_empty()),
            ..Peer::at_this_machine()
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaving_is_told_from_messages() {
        for text in ["/exit", " /QUIT now", "/exit:"] {
            assert!(leaves(text), "{text}");
        }
        for text in ["exit", "/exits", "say /exit", ""] {
            assert!(!leaves(text), "{text}");
        }
        assert!(asks_for_help("/help ") && !asks_for_help("/help me"));
    }
}
