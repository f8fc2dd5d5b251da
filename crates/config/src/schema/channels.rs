//! `channels`: where people talk with the agents. One module for each channel.

#[macro_use]
mod block;
mod accounts;
mod bluebubbles;
mod discord;
mod googlechat;
mod imessage;
mod msteams;
mod signal;
mod slack;
mod telegram;
mod whatsapp;

use std::collections::BTreeMap;

use serde_json::Value;

pub use accounts::{AccountBlock, Accounts};
pub use block::{
    ChannelHeartbeat, ChunkMode, DmHistory, DmPolicy, Group, GroupPolicy, Markdown, NativeCommands,
    ReactionActions, ReactionLevel, ReactionNotifications, ReplyToMode, Retry, TableStyle,
};
pub use bluebubbles::{BlueBubbles, BlueBubblesActions};
pub use discord::{
    Discord, DiscordActions, DiscordChannel, DiscordDm, DiscordExecApprovals, DiscordGuild,
    DiscordIntents,
};
pub use googlechat::{
    GoogleChat, GoogleChatAudience, GoogleChatDm, GoogleChatGroup, GoogleChatTyping, ServiceAccount,
};
pub use imessage::{IMessage, IMessageService};
pub use msteams::{MsTeams, MsTeamsChannel, MsTeamsReplyStyle, MsTeamsTeam, MsTeamsWebhook};
pub use signal::{Signal, SignalReceiveMode};
pub use slack::{
    Slack, SlackActions, SlackChannel, SlackDm, SlackHistoryScope, SlackMode, SlackReplyToMode,
    SlackSlashCommand, SlackThread,
};
pub use telegram::{
    CustomCommand, InlineButtonSettings, InlineButtons, StreamMode, Telegram, TelegramActions,
    TelegramCapabilities, TelegramGroup, TelegramNetwork, TelegramReactionNotifications,
    TelegramTopic,
};
pub use whatsapp::{WhatsApp, WhatsAppAckGroup, WhatsAppAckReaction, WhatsAppActions};

section! {
    /// Where people talk with the agents. A channel with a block of its own is started.
    pub struct Channels {
        /// What holds for every channel unless it says otherwise.
        pub defaults: Option<ChannelDefaults>,
        /// Telegram.
        pub telegram: Option<Telegram>,
        /// WhatsApp, as a linked device.
        pub whatsapp: Option<WhatsApp>,
        /// Discord.
        pub discord: Option<Discord>,
        /// Google Chat.
        pub googlechat: Option<GoogleChat>,
        /// Slack.
        pub slack: Option<Slack>,
        /// Signal, through signal-cli.
        pub signal: Option<Signal>,
        /// iMessage, on a Mac.
        pub imessage: Option<IMessage>,
        /// iMessage through a BlueBubbles server.
        pub bluebubbles: Option<BlueBubbles>,
        /// Microsoft Teams.
        pub msteams: Option<MsTeams>,
        /// Mattermost (a plugin's channel: its keys are checked by the plugin).
        pub mattermost: Option<PluginChannel>,
        /// Matrix (a plugin's channel: its keys are checked by the plugin).
        pub matrix: Option<PluginChannel>,
        /// LINE (a plugin's channel: its keys are checked by the plugin).
        pub line: Option<PluginChannel>,
        /// Nostr (a plugin's channel: its keys are checked by the plugin).
        pub nostr: Option<PluginChannel>,
        /// Zalo bots (a plugin's channel: its keys are checked by the plugin).
        pub zalo: Option<PluginChannel>,
        /// Personal Zalo accounts (a plugin's channel: its keys are checked by the plugin).
        pub zalouser: Option<PluginChannel>,
        /// Nextcloud Talk (a plugin's channel: its keys are checked by the plugin).
        #[serde(rename = "nextcloud-talk")]
        pub nextcloud_talk: Option<PluginChannel>,
        /// Tlon (a plugin's channel: its keys are checked by the plugin).
        pub tlon: Option<PluginChannel>,
        /// Twitch (a plugin's channel: its keys are checked by the plugin).
        pub twitch: Option<PluginChannel>,
    }
}

/// The block of a plugin's channel, as written.
pub type PluginChannel = BTreeMap<String, Value>;

section! {
    /// What holds for every channel unless it says otherwise.
    pub struct ChannelDefaults {
        /// Which groups and senders in groups are answered.
        pub group_policy: Option<GroupPolicy>,
        /// What is shown of an agent's regular looks.
        pub heartbeat: Option<ChannelHeartbeat>,
    }
}
