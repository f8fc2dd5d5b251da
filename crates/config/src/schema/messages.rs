//! `messages`: how messages are taken and answered.

use std::collections::BTreeMap;

use super::agents::GroupChat;
use super::tts::Tts;

section! {
    /// How messages are taken and answered.
    pub struct Messages {
        /// Put before every answer. `auto` is the agent's name; `{model}`, `{provider}`,
        /// `{thinkingLevel}` and `{identity.name}` are filled in.
        pub response_prefix: Option<String>,
        /// Put before messages from WhatsApp. Older; use `channels.whatsapp.messagePrefix`.
        pub message_prefix: Option<String>,
        /// Groups.
        pub group_chat: Option<GroupChat>,
        /// Messages that come while the agent works.
        pub queue: Option<Queue>,
        /// Waiting for more text before answering.
        pub inbound: Option<InboundDebounce>,
        /// Reaction to a message that was seen; empty for none. Default: the agent's emoji, else
        /// 👀.
        pub ack_reaction: Option<String>,
        /// Where that reaction is given. Default: group-mentions.
        pub ack_reaction_scope: Option<AckReactionScope>,
        /// Take the reaction back once the answer is sent. Default: false.
        pub remove_ack_after_reply: Option<bool>,
        /// Speaking answers.
        pub tts: Option<Tts>,
    }
}

section! {
    /// Messages that come while the agent works.
    pub struct Queue {
        /// What happens to them. Default: collect.
        pub mode: Option<QueueMode>,
        /// The same, for one channel each.
        pub by_channel: Option<QueueByChannel>,
        /// Milliseconds of silence before they are taken. Default: 1000.
        pub debounce_ms: Option<u64>,
        /// The same, for one channel each.
        pub debounce_ms_by_channel: Option<BTreeMap<String, u64>>,
        /// Most messages kept. Default: 20.
        #[schemars(range(min = 1))]
        pub cap: Option<u32>,
        /// What goes when there are more. Default: summarize.
        pub drop: Option<QueueDrop>,
    }
}

choice! {
    /// What happens to messages that come while the agent works.
    pub enum QueueMode {
        /// They reach the agent at its next step.
        Steer = "steer",
        /// They are answered one by one afterwards.
        Followup = "followup",
        /// They are answered together afterwards.
        Collect = "collect",
        /// They reach the agent at its next step, and are answered afterwards too.
        SteerBacklog = "steer-backlog",
        /// The same as `steer-backlog`.
        SteerPlusBacklog = "steer+backlog",
        /// The same as `steer`.
        Queue = "queue",
        /// The agent stops and takes the newest.
        Interrupt = "interrupt",
    }
}

section! {
    /// What happens to messages that come while the agent works, by channel.
    pub struct QueueByChannel {
        /// WhatsApp.
        pub whatsapp: Option<QueueMode>,
        /// Telegram.
        pub telegram: Option<QueueMode>,
        /// Discord.
        pub discord: Option<QueueMode>,
        /// Google Chat.
        pub googlechat: Option<QueueMode>,
        /// Slack.
        pub slack: Option<QueueMode>,
        /// Mattermost.
        pub mattermost: Option<QueueMode>,
        /// Signal.
        pub signal: Option<QueueMode>,
        /// iMessage.
        pub imessage: Option<QueueMode>,
        /// Microsoft Teams.
        pub msteams: Option<QueueMode>,
        /// The chat in the web page.
        pub webchat: Option<QueueMode>,
    }
}

choice! {
    /// What goes when too many messages wait.
    pub enum QueueDrop {
        /// The oldest.
        Old = "old",
        /// The newest.
        New = "new",
        /// The oldest, but a line about each is kept.
        Summarize = "summarize",
    }
}

section! {
    /// Waiting for more text before answering. Media and commands never wait.
    pub struct InboundDebounce {
        /// Milliseconds to wait; 0 for none. Default: 0.
        pub debounce_ms: Option<u64>,
        /// The same, for one channel each.
        pub by_channel: Option<BTreeMap<String, u64>>,
    }
}

choice! {
    /// Where a reaction shows that a message was seen.
    pub enum AckReactionScope {
        /// In groups, when mentioned.
        GroupMentions = "group-mentions",
        /// In groups, always.
        GroupAll = "group-all",
        /// In direct messages.
        Direct = "direct",
        /// Everywhere.
        All = "all",
    }
}
