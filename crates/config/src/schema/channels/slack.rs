//! `channels.slack`.

use std::collections::BTreeMap;

use super::block::{DmPolicy, NativeCommands, ReactionNotifications, ReplyToMode};
use crate::schema::forms::AllowList;
use crate::schema::tools::ToolPolicy;

channel! {
    /// Slack, as an app.
    pub struct Slack: Accounts {
        /// Names of features.
        pub capabilities: Option<Vec<String>>,
        /// How messages come in. Default: socket.
        pub mode: Option<SlackMode>,
        /// What Slack signs its requests with. Needed for http.
        pub signing_secret: Option<String>,
        /// Path at which requests are taken. Default: `/slack/events`.
        pub webhook_path: Option<String>,
        /// The menu of commands.
        pub commands: Option<NativeCommands>,
        /// The bot's token (`xoxb-`). Default: `SLACK_BOT_TOKEN`.
        pub bot_token: Option<String>,
        /// The app's token (`xapp-`). Needed for socket. Default: `SLACK_APP_TOKEN`.
        pub app_token: Option<String>,
        /// A person's token (`xoxp-`), for reading. Default: `SLACK_USER_TOKEN`.
        pub user_token: Option<String>,
        /// Never write with the person's token. Default: true.
        pub user_token_read_only: Option<bool>,
        /// Answer other bots. Default: false.
        pub allow_bots: Option<bool>,
        /// Only answer when mentioned. Default: true.
        pub require_mention: Option<bool>,
        /// Which reactions are told to the agent. Default: own.
        pub reaction_notifications: Option<ReactionNotifications>,
        /// People whose reactions are told.
        pub reaction_allowlist: Option<AllowList>,
        /// Which messages of an answer go into a thread. Default: off.
        pub reply_to_mode: Option<ReplyToMode>,
        /// The same, for one kind of chat each.
        pub reply_to_mode_by_chat_type: Option<SlackReplyToMode>,
        /// Threads.
        pub thread: Option<SlackThread>,
        /// What agents may do here.
        pub actions: Option<SlackActions>,
        /// A single command for everything.
        pub slash_command: Option<SlackSlashCommand>,
        /// Direct messages.
        pub dm: Option<SlackDm>,
        /// Channels by id or `#name`; `*` stands for all others.
        pub channels: Option<BTreeMap<String, SlackChannel>>,
    }
}

choice! {
    /// How Slack's messages come in.
    pub enum SlackMode {
        /// Over a connection to Slack.
        Socket = "socket",
        /// By requests to the gateway.
        Http = "http",
    }
}

section! {
    /// Which messages of an answer go into a thread, by kind of chat.
    pub struct SlackReplyToMode {
        /// Direct chats.
        pub direct: Option<ReplyToMode>,
        /// Groups.
        pub group: Option<ReplyToMode>,
        /// Channels.
        pub channel: Option<ReplyToMode>,
    }
}

section! {
    /// Threads on Slack.
    pub struct SlackThread {
        /// Whose earlier messages are shown to the model. Default: thread.
        pub history_scope: Option<SlackHistoryScope>,
        /// A thread starts with the conversation of its channel. Default: false.
        pub inherit_parent: Option<bool>,
    }
}

choice! {
    /// Whose earlier messages are shown to the model in a thread.
    pub enum SlackHistoryScope {
        /// Those of the thread.
        Thread = "thread",
        /// Those of the channel.
        Channel = "channel",
    }
}

section! {
    /// What agents may do on Slack. Default: everything.
    pub struct SlackActions {
        /// React to messages and read reactions.
        pub reactions: Option<bool>,
        /// Read, send, edit and delete messages.
        pub messages: Option<bool>,
        /// Pin messages.
        pub pins: Option<bool>,
        /// Search messages.
        pub search: Option<bool>,
        /// Look at permissions.
        pub permissions: Option<bool>,
        /// Look at members.
        pub member_info: Option<bool>,
        /// Look at channels.
        pub channel_info: Option<bool>,
        /// List the emoji.
        pub emoji_list: Option<bool>,
    }
}

section! {
    /// A single command for everything.
    pub struct SlackSlashCommand {
        /// Whether it is taken. Default: false.
        pub enabled: Option<bool>,
        /// Its name. Default: clawd.
        pub name: Option<String>,
        /// Start of its conversations' keys. Default: slack:slash.
        pub session_prefix: Option<String>,
        /// Only the person who gave it sees the answer. Default: true.
        pub ephemeral: Option<bool>,
    }
}

section! {
    /// Direct messages on Slack.
    pub struct SlackDm {
        /// Whether they are answered. Default: true.
        pub enabled: Option<bool>,
        /// Who may write. Default: pairing.
        pub policy: Option<DmPolicy>,
        /// People who may write, by id or name; `*` for everybody.
        pub allow_from: Option<AllowList>,
        /// Answer in direct chats of several people. Default: false.
        pub group_enabled: Option<bool>,
        /// Only in these.
        pub group_channels: Option<AllowList>,
        /// Older form of `replyToModeByChatType.direct`.
        pub reply_to_mode: Option<ReplyToMode>,
    }
}

section! {
    /// One channel of a team.
    pub struct SlackChannel {
        /// Whether it is answered. Default: true.
        pub enabled: Option<bool>,
        /// Whether it is answered. Default: true.
        pub allow: Option<bool>,
        /// Only answer when mentioned. Default: that of the account.
        pub require_mention: Option<bool>,
        /// Tools in this channel.
        pub tools: Option<ToolPolicy>,
        /// Tools by sender: id, name or `*`.
        pub tools_by_sender: Option<BTreeMap<String, ToolPolicy>>,
        /// Answer other bots.
        pub allow_bots: Option<bool>,
        /// People who are answered, by id or name.
        pub users: Option<AllowList>,
        /// The only skills in this channel. Default: all.
        pub skills: Option<Vec<String>>,
        /// Added to the system prompt.
        pub system_prompt: Option<String>,
    }
}
