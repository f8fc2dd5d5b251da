//! `channels.discord`.

use std::collections::BTreeMap;

use super::block::{DmPolicy, NativeCommands, ReactionNotifications, ReplyToMode, Retry};
use crate::schema::forms::AllowList;
use crate::schema::tools::ToolPolicy;

channel! {
    /// Discord, as a bot.
    pub struct Discord: Accounts {
        /// Names of features.
        pub capabilities: Option<Vec<String>>,
        /// The bot's token. Default: `DISCORD_BOT_TOKEN`.
        pub token: Option<String>,
        /// The menu of commands.
        pub commands: Option<NativeCommands>,
        /// Answer other bots. Default: false.
        pub allow_bots: Option<bool>,
        /// Most lines in one message. Default: 17.
        #[schemars(range(min = 1))]
        pub max_lines_per_message: Option<u32>,
        /// Trying again when sending fails.
        pub retry: Option<Retry>,
        /// What agents may do here.
        pub actions: Option<DiscordActions>,
        /// Which messages of an answer refer to the question. Default: off.
        pub reply_to_mode: Option<ReplyToMode>,
        /// Direct messages.
        pub dm: Option<DiscordDm>,
        /// Servers by id or name. When not empty, only these are answered; `*` stands for all
        /// others.
        pub guilds: Option<BTreeMap<String, DiscordGuild>>,
        /// Asking people here before a command runs.
        pub exec_approvals: Option<DiscordExecApprovals>,
        /// What Discord tells the bot beyond messages.
        pub intents: Option<DiscordIntents>,
    }
}

section! {
    /// What agents may do on Discord. Default: everything except `roles` and `moderation`.
    pub struct DiscordActions {
        /// React to messages and read reactions.
        pub reactions: Option<bool>,
        /// Send stickers.
        pub stickers: Option<bool>,
        /// Add emoji to a server.
        pub emoji_uploads: Option<bool>,
        /// Add stickers to a server.
        pub sticker_uploads: Option<bool>,
        /// Start polls.
        pub polls: Option<bool>,
        /// Look at permissions.
        pub permissions: Option<bool>,
        /// Read, send, edit and delete messages.
        pub messages: Option<bool>,
        /// Start, list and answer threads.
        pub threads: Option<bool>,
        /// Pin messages.
        pub pins: Option<bool>,
        /// Search messages.
        pub search: Option<bool>,
        /// Look at members.
        pub member_info: Option<bool>,
        /// Look at roles.
        pub role_info: Option<bool>,
        /// Give and take roles.
        pub roles: Option<bool>,
        /// Look at channels.
        pub channel_info: Option<bool>,
        /// Make, change and delete channels.
        pub channels: Option<bool>,
        /// Look at who is in voice channels.
        pub voice_status: Option<bool>,
        /// Look at and make events.
        pub events: Option<bool>,
        /// Mute, throw out and ban people.
        pub moderation: Option<bool>,
    }
}

section! {
    /// Direct messages on Discord.
    pub struct DiscordDm {
        /// Whether they are answered. Default: true.
        pub enabled: Option<bool>,
        /// Who may write. Default: pairing.
        pub policy: Option<DmPolicy>,
        /// People who may write, by id or name; `*` for everybody.
        pub allow_from: Option<AllowList>,
        /// Answer in group chats without a server. Default: false.
        pub group_enabled: Option<bool>,
        /// Only in these group chats.
        pub group_channels: Option<AllowList>,
    }
}

section! {
    /// One server; the name `*` stands for all others.
    pub struct DiscordGuild {
        /// Its name, for people.
        pub slug: Option<String>,
        /// Only answer when mentioned. Default: true.
        pub require_mention: Option<bool>,
        /// Tools on this server.
        pub tools: Option<ToolPolicy>,
        /// Tools by sender: id, name or `*`.
        pub tools_by_sender: Option<BTreeMap<String, ToolPolicy>>,
        /// Which reactions are told to the agent. Default: own.
        pub reaction_notifications: Option<ReactionNotifications>,
        /// People who are answered, by id or name. Default: all.
        pub users: Option<AllowList>,
        /// Channels by id or name. When given, only these are answered; `*` stands for all others.
        pub channels: Option<BTreeMap<String, DiscordChannel>>,
    }
}

section! {
    /// One channel of a server. What it leaves out is taken from the server.
    pub struct DiscordChannel {
        /// Whether it is answered. Default: true.
        pub allow: Option<bool>,
        /// Only answer when mentioned.
        pub require_mention: Option<bool>,
        /// Tools in this channel.
        pub tools: Option<ToolPolicy>,
        /// Tools by sender: id, name or `*`.
        pub tools_by_sender: Option<BTreeMap<String, ToolPolicy>>,
        /// The only skills in this channel. Default: all.
        pub skills: Option<Vec<String>>,
        /// Whether it is answered. Default: true.
        pub enabled: Option<bool>,
        /// People who are answered, by id or name.
        pub users: Option<AllowList>,
        /// Added to the system prompt.
        pub system_prompt: Option<String>,
        /// Start a thread for every question. Default: false.
        pub auto_thread: Option<bool>,
    }
}

section! {
    /// Asking people on Discord before a command runs.
    pub struct DiscordExecApprovals {
        /// Whether to ask. Default: false.
        pub enabled: Option<bool>,
        /// People who are asked, by id.
        pub approvers: Option<AllowList>,
        /// Only for these agents.
        pub agent_filter: Option<Vec<String>>,
        /// Only for conversations whose key holds one of these texts.
        pub session_filter: Option<Vec<String>>,
    }
}

section! {
    /// What Discord tells the bot beyond messages. Each must be switched on at Discord too.
    pub struct DiscordIntents {
        /// Who is online. Default: false.
        pub presence: Option<bool>,
        /// Who is on a server. Default: false.
        pub guild_members: Option<bool>,
    }
}
