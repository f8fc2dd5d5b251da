//! `channels.telegram`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::block::{NativeCommands, ReactionLevel, ReplyToMode, Retry};
use crate::schema::forms::AllowList;
use crate::schema::streaming::BlockStreamingChunk;
use crate::schema::tools::ToolPolicy;

channel! {
    /// Telegram, as a bot.
    pub struct Telegram: Senders + Accounts {
        /// Names of features, or what buttons may do.
        pub capabilities: Option<TelegramCapabilities>,
        /// The bot's token from @BotFather. Default: `TELEGRAM_BOT_TOKEN`.
        pub bot_token: Option<String>,
        /// File that holds the token.
        pub token_file: Option<String>,
        /// The menu of commands.
        pub commands: Option<NativeCommands>,
        /// Further entries of the menu.
        pub custom_commands: Option<Vec<CustomCommand>>,
        /// Which messages of an answer refer to the question. Default: first.
        pub reply_to_mode: Option<ReplyToMode>,
        /// Groups by id. When not empty, only these are answered; `*` stands for all others.
        pub groups: Option<BTreeMap<String, TelegramGroup>>,
        /// Showing an answer while it is written, in private chats with topics. Default: partial.
        pub stream_mode: Option<StreamMode>,
        /// How much is added at a time. Default: 200 to 800 characters.
        pub draft_chunk: Option<BlockStreamingChunk>,
        /// Longest time for one request, in seconds.
        #[schemars(range(min = 1))]
        pub timeout_seconds: Option<u64>,
        /// Trying again when sending fails.
        pub retry: Option<Retry>,
        /// How the network is used.
        pub network: Option<TelegramNetwork>,
        /// Proxy to go through.
        pub proxy: Option<String>,
        /// Public address at which Telegram delivers messages. Default: they are fetched.
        pub webhook_url: Option<String>,
        /// What Telegram's requests must show.
        pub webhook_secret: Option<String>,
        /// Path at which they are taken. Default: `/telegram-webhook`.
        pub webhook_path: Option<String>,
        /// What agents may do here.
        pub actions: Option<TelegramActions>,
        /// Which reactions are told to the agent. Default: own.
        pub reaction_notifications: Option<TelegramReactionNotifications>,
        /// How freely the agent reacts. Default: minimal.
        pub reaction_level: Option<ReactionLevel>,
        /// Show a preview of links. Default: true.
        pub link_preview: Option<bool>,
    }
}

/// Names of features, or what buttons may do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected a list of names, or { inlineButtons }")]
#[schemars(inline)]
pub enum TelegramCapabilities {
    /// Names of features.
    Names(Vec<String>),
    /// What buttons may do.
    Settings(InlineButtonSettings),
}

section! {
    /// What buttons under messages may do.
    pub struct InlineButtonSettings {
        /// Where they are taken. Default: allowlist.
        pub inline_buttons: Option<InlineButtons>,
    }
}

choice! {
    /// Where buttons under messages are taken.
    pub enum InlineButtons {
        /// Nowhere.
        Off = "off",
        /// In direct chats.
        Dm = "dm",
        /// In groups.
        Group = "group",
        /// Everywhere.
        All = "all",
        /// From people on the list.
        Allowlist = "allowlist",
    }
}

section! {
    /// An entry of the menu of commands.
    pub struct CustomCommand {
        required {
            /// The command: letters, digits and `_`, at most 32, with or without `/`.
            #[schemars(regex(pattern = r"^\s*/?[A-Za-z0-9_]{1,32}\s*$"))]
            pub command: String,
            /// What it does, for people.
            #[schemars(length(min = 1))]
            pub description: String,
        }
    }
}

section! {
    /// One group; the name `*` stands for all others.
    pub struct TelegramGroup {
        /// Only answer when mentioned. Default: true.
        pub require_mention: Option<bool>,
        /// Tools in this group.
        pub tools: Option<ToolPolicy>,
        /// Tools by sender: id, name or `*`.
        pub tools_by_sender: Option<BTreeMap<String, ToolPolicy>>,
        /// The only skills in this group. Default: all.
        pub skills: Option<Vec<String>>,
        /// Whether it is answered. Default: true.
        pub enabled: Option<bool>,
        /// People who may write here.
        pub allow_from: Option<AllowList>,
        /// Added to the system prompt.
        pub system_prompt: Option<String>,
        /// Topics by id.
        pub topics: Option<BTreeMap<String, TelegramTopic>>,
    }
}

section! {
    /// One topic of a group. What it leaves out is taken from the group.
    pub struct TelegramTopic {
        /// Only answer when mentioned.
        pub require_mention: Option<bool>,
        /// The only skills in this topic.
        pub skills: Option<Vec<String>>,
        /// Whether it is answered.
        pub enabled: Option<bool>,
        /// People who may write here.
        pub allow_from: Option<AllowList>,
        /// Added to the system prompt.
        pub system_prompt: Option<String>,
    }
}

choice! {
    /// How an answer is shown while it is written.
    pub enum StreamMode {
        /// Not at all.
        Off = "off",
        /// As it grows.
        Partial = "partial",
        /// In blocks.
        Block = "block",
    }
}

section! {
    /// How the network is used.
    pub struct TelegramNetwork {
        /// Try IPv4 and IPv6 at the same time.
        pub auto_select_family: Option<bool>,
    }
}

section! {
    /// What agents may do on Telegram.
    pub struct TelegramActions {
        /// React to messages. Default: true.
        pub reactions: Option<bool>,
        /// Send messages. Default: true.
        pub send_message: Option<bool>,
        /// Delete messages. Default: true.
        pub delete_message: Option<bool>,
        /// Send stickers. Default: false.
        pub sticker: Option<bool>,
    }
}

choice! {
    /// Which reactions are told to the agent.
    pub enum TelegramReactionNotifications {
        /// None.
        Off = "off",
        /// Those to its own messages.
        Own = "own",
        /// All.
        All = "all",
    }
}
