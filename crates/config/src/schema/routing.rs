//! `bindings` and `broadcast`: which agent answers whom.

use std::collections::BTreeMap;

section! {
    /// Messages from one place, and the agent that answers them.
    pub struct Binding {
        required {
            /// The agent that answers.
            pub agent_id: String,
            /// Where the messages come from. The most exact place wins: chat, then server, then
            /// team, then account.
            #[serde(rename = "match")]
            pub matches: BindingMatch,
        }
    }
}

section! {
    /// A place that messages come from.
    pub struct BindingMatch {
        required {
            /// Channel id, such as `telegram`.
            #[schemars(length(min = 1))]
            pub channel: String,
        }
        /// Account of the channel; `*` for any. Default: the default account.
        pub account_id: Option<String>,
        /// One chat.
        pub peer: Option<BindingPeer>,
        /// A Discord server.
        pub guild_id: Option<String>,
        /// A Slack or Teams team.
        pub team_id: Option<String>,
    }
}

section! {
    /// One chat.
    pub struct BindingPeer {
        required {
            /// What kind of chat.
            pub kind: PeerKind,
            /// Its id on the channel.
            #[schemars(length(min = 1))]
            pub id: String,
        }
    }
}

choice! {
    /// What kind of chat messages come from.
    pub enum PeerKind {
        /// With one person.
        Dm = "dm",
        /// With several people.
        Group = "group",
        /// A public or team channel.
        Channel = "channel",
    }
}

impl Default for PeerKind {
    /// A chat with one person.
    fn default() -> Self {
        Self::Dm
    }
}

section! {
    /// Several agents answering the same chat.
    pub struct Broadcast {
        others {
            /// Any other key is the id of a chat: the agents that answer there.
            pub peers: BTreeMap<String, Vec<String>>,
        }
        /// All at once, or one after the other. Default: parallel.
        pub strategy: Option<BroadcastStrategy>,
    }
}

choice! {
    /// How several agents answer.
    pub enum BroadcastStrategy {
        /// All at once.
        Parallel = "parallel",
        /// One after the other.
        Sequential = "sequential",
    }
}
