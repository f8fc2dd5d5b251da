//! `commands` and `approvals`: what people may order in a chat.

use super::forms::{Id, Switch};

section! {
    /// Commands that people give in a chat.
    pub struct Commands {
        /// Show commands in the channel's own menu. Default: auto (on for Discord and Telegram).
        pub native: Option<Switch>,
        /// Show skills there too. Default: auto (on for Discord and Telegram).
        pub native_skills: Option<Switch>,
        /// Take commands written as text, such as `/status`. Default: true.
        pub text: Option<bool>,
        /// Allow `/bash` and `!`, which run programs on this machine. Default: false.
        pub bash: Option<bool>,
        /// Milliseconds that such a program may run before it goes on in the background, 0 to
        /// 30000. Default: 2000.
        #[schemars(range(min = 0, max = 30_000))]
        pub bash_foreground_ms: Option<u64>,
        /// Allow `/config`, which changes this file. Default: false.
        pub config: Option<bool>,
        /// Allow `/debug`, which changes settings until the next start. Default: false.
        pub debug: Option<bool>,
        /// Allow `/restart`. Default: false.
        pub restart: Option<bool>,
        /// Only people on a list may give commands. Default: true.
        pub use_access_groups: Option<bool>,
    }
}

section! {
    /// Asking people before something is done.
    pub struct Approvals {
        /// Asking before a command runs.
        pub exec: Option<ExecApprovals>,
    }
}

section! {
    /// Sending the question whether a command may run to chats.
    pub struct ExecApprovals {
        /// Whether to send it. Default: false.
        pub enabled: Option<bool>,
        /// Where to. Default: session.
        pub mode: Option<ApprovalMode>,
        /// Only for these agents.
        pub agent_filter: Option<Vec<String>>,
        /// Only for conversations whose key holds one of these texts.
        pub session_filter: Option<Vec<String>>,
        /// Chats that are asked.
        pub targets: Option<Vec<ApprovalTarget>>,
    }
}

choice! {
    /// Where a question is sent.
    pub enum ApprovalMode {
        /// The chat that it came from.
        Session = "session",
        /// The chats listed.
        Targets = "targets",
        /// Both.
        Both = "both",
    }
}

section! {
    /// A chat that is asked.
    pub struct ApprovalTarget {
        required {
            /// Channel id, such as `telegram`.
            #[schemars(length(min = 1))]
            pub channel: String,
            /// Recipient on that channel.
            #[schemars(length(min = 1))]
            pub to: String,
        }
        /// Account of the channel. Default: the default account.
        pub account_id: Option<String>,
        /// Thread or topic in the chat.
        pub thread_id: Option<Id>,
    }
}
