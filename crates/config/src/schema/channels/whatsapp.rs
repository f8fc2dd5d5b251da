//! `channels.whatsapp`.

use std::collections::BTreeMap;

use super::block::Group;

channel! {
    /// WhatsApp, as a linked device.
    pub struct WhatsApp: Senders + Accounts {
        /// Names of features.
        pub capabilities: Option<Vec<String>>,
        /// Show senders that their messages were read. Default: true.
        pub send_read_receipts: Option<bool>,
        /// Put before messages that come in. Default: the agent's name while nobody is on the list.
        pub message_prefix: Option<String>,
        /// The owner writes from the same number. Default: false.
        pub self_chat_mode: Option<bool>,
        /// Groups by id. When not empty, only these are answered; `*` stands for all others.
        pub groups: Option<BTreeMap<String, Group>>,
        /// Reaction that shows that a message was seen.
        pub ack_reaction: Option<WhatsAppAckReaction>,
        /// Milliseconds to wait for more text; 0 for none. Default: 0.
        pub debounce_ms: Option<u64>,
        /// What agents may do here.
        pub actions: Option<WhatsAppActions>,
        /// Folder with the login of one account. Default: in the credentials directory.
        pub auth_dir: Option<String>,
    }
}

section! {
    /// Reaction that shows that a message was seen.
    pub struct WhatsAppAckReaction {
        /// The emoji; empty for none.
        pub emoji: Option<String>,
        /// In direct chats. Default: true.
        pub direct: Option<bool>,
        /// In groups. Default: mentions.
        pub group: Option<WhatsAppAckGroup>,
    }
}

choice! {
    /// When that reaction is given in groups.
    pub enum WhatsAppAckGroup {
        /// Always.
        Always = "always",
        /// When mentioned.
        Mentions = "mentions",
        /// Never.
        Never = "never",
    }
}

section! {
    /// What agents may do on WhatsApp.
    pub struct WhatsAppActions {
        /// React to messages. Default: true.
        pub reactions: Option<bool>,
        /// Send messages. Default: true.
        pub send_message: Option<bool>,
        /// Start polls. Default: true.
        pub polls: Option<bool>,
    }
}
