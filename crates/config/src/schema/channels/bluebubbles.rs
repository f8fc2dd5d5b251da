//! `channels.bluebubbles`.

use std::collections::BTreeMap;

use super::block::Group;

channel! {
    /// iMessage through a BlueBubbles server.
    pub struct BlueBubbles: Senders + Accounts {
        /// Names of features.
        pub capabilities: Option<Vec<String>>,
        /// Address of the server.
        pub server_url: Option<String>,
        /// Its password.
        pub password: Option<String>,
        /// Path at which its requests are taken. Default: `/bluebubbles-webhook`.
        pub webhook_path: Option<String>,
        /// Show senders that their messages were read. Default: true.
        pub send_read_receipts: Option<bool>,
        /// Groups by id. When not empty, only these are answered; `*` stands for all others.
        pub groups: Option<BTreeMap<String, Group>>,
        /// What agents may do here.
        pub actions: Option<BlueBubblesActions>,
    }
}

section! {
    /// What agents may do through BlueBubbles. Default: everything.
    pub struct BlueBubblesActions {
        /// React to messages.
        pub reactions: Option<bool>,
        /// Edit own messages.
        pub edit: Option<bool>,
        /// Take back own messages.
        pub unsend: Option<bool>,
        /// Refer to a message.
        pub reply: Option<bool>,
        /// Send with an effect.
        pub send_with_effect: Option<bool>,
        /// Rename groups.
        pub rename_group: Option<bool>,
        /// Change the picture of groups.
        pub set_group_icon: Option<bool>,
        /// Add people to groups.
        pub add_participant: Option<bool>,
        /// Remove people from groups.
        pub remove_participant: Option<bool>,
        /// Leave groups.
        pub leave_group: Option<bool>,
        /// Send files.
        pub send_attachment: Option<bool>,
    }
}
