//! `session`: which messages share one conversation, and when it starts afresh.

use std::collections::BTreeMap;

use super::scope::{ChatType, SendPolicy};

section! {
    /// Which messages share one conversation, and when it starts afresh.
    pub struct Session {
        /// One conversation per sender, or a single one for everything. Default: per-sender.
        pub scope: Option<SessionScope>,
        /// Which direct messages share a conversation. Default: main (all of them).
        pub dm_scope: Option<DmScope>,
        /// People known under several addresses: a name, and its `channel:id` addresses.
        pub identity_links: Option<BTreeMap<String, Vec<String>>>,
        /// Words that start a new conversation. Default: `/new` and `/reset`.
        pub reset_triggers: Option<Vec<String>>,
        /// Older form of `reset.idleMinutes`; alone it also selects the idle mode.
        #[schemars(range(min = 1))]
        pub idle_minutes: Option<u32>,
        /// When a conversation starts afresh by itself. Default: daily at 04:00 local time.
        pub reset: Option<Reset>,
        /// Other rules for one kind of chat.
        pub reset_by_type: Option<ResetByType>,
        /// Other rules for one channel; they replace all of the above.
        pub reset_by_channel: Option<BTreeMap<String, Reset>>,
        /// File with the list of conversations; `{agentId}` stands for the agent. Default: under
        /// the state directory.
        pub store: Option<String>,
        /// Seconds between two typing signs. Default: that of `agents.defaults`, else 6.
        #[schemars(range(min = 1))]
        pub typing_interval_seconds: Option<u32>,
        /// When the typing sign starts. Default: that of `agents.defaults`.
        pub typing_mode: Option<TypingMode>,
        /// Accepted for old files; the main conversation is always called `main`.
        pub main_key: Option<String>,
        /// Which conversations may be sent to.
        pub send_policy: Option<SendPolicy>,
        /// Agents writing to each other.
        pub agent_to_agent: Option<PingPong>,
    }
}

choice! {
    /// What a conversation belongs to.
    pub enum SessionScope {
        /// Each sender or group has its own.
        PerSender = "per-sender",
        /// There is one for everything.
        Global = "global",
    }
}

choice! {
    /// Which direct messages share a conversation.
    pub enum DmScope {
        /// All of them.
        Main = "main",
        /// Those of one person.
        PerPeer = "per-peer",
        /// Those of one person on one channel.
        PerChannelPeer = "per-channel-peer",
        /// Those of one person on one account of one channel.
        PerAccountChannelPeer = "per-account-channel-peer",
    }
}

choice! {
    /// When the typing sign starts.
    pub enum TypingMode {
        /// Never shown.
        Never = "never",
        /// As soon as the message is taken.
        Instant = "instant",
        /// With the first thought of the model.
        Thinking = "thinking",
        /// With the first text of the answer.
        Message = "message",
    }
}

section! {
    /// When a conversation starts afresh by itself.
    pub struct Reset {
        /// Once a day, or after a silence. Default: daily.
        pub mode: Option<ResetMode>,
        /// Hour of the daily fresh start, 0 to 23, local time. Default: 4.
        #[schemars(range(min = 0, max = 23))]
        pub at_hour: Option<u8>,
        /// Minutes of silence after which it starts afresh. Default: 60 in idle mode, none in daily
        /// mode.
        #[schemars(range(min = 1))]
        pub idle_minutes: Option<u32>,
    }
}

choice! {
    /// What makes a conversation start afresh.
    pub enum ResetMode {
        /// The time of day (and a silence, where one is set).
        Daily = "daily",
        /// A silence.
        Idle = "idle",
    }
}

section! {
    /// Rules of a fresh start for one kind of chat.
    pub struct ResetByType {
        /// Direct messages.
        pub dm: Option<Reset>,
        /// Groups.
        pub group: Option<Reset>,
        /// Threads and topics.
        pub thread: Option<Reset>,
    }
}

section! {
    /// Agents writing to each other.
    pub struct PingPong {
        /// Most turns in one exchange, 0 to 5. Default: 5.
        #[schemars(range(min = 0, max = 5))]
        pub max_ping_pong_turns: Option<u32>,
    }
}

/// The rules of a fresh start that hold for one conversation, defaults filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResetRule {
    /// What makes the conversation start afresh.
    pub mode: ResetMode,
    /// Hour of the daily fresh start, 0 to 23, local time. Counts in daily mode.
    pub at_hour: u8,
    /// Minutes of silence after which it starts afresh; in daily mode whichever comes first.
    pub idle_minutes: Option<u32>,
}

/// The kind of chat that a rule of a fresh start is looked up for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResetType {
    /// A direct message.
    Dm,
    /// A group.
    Group,
    /// A thread or topic.
    Thread,
}

impl From<ChatType> for ResetType {
    /// Channels are treated as groups.
    fn from(chat: ChatType) -> Self {
        match chat {
            ChatType::Direct => Self::Dm,
            ChatType::Group | ChatType::Channel => Self::Group,
        }
    }
}

impl Reset {
    /// Hour of the daily fresh start where none is configured.
    pub const DEFAULT_AT_HOUR: u8 = 4;
    /// Minutes of silence in idle mode where none are configured.
    pub const DEFAULT_IDLE_MINUTES: u32 = 60;

    /// Hour of the daily fresh start, 0 to 23, local time.
    pub fn at_hour(&self) -> u8 {
        self.at_hour.unwrap_or(Self::DEFAULT_AT_HOUR)
    }
}

impl Session {
    /// What a conversation belongs to.
    pub fn scope(&self) -> SessionScope {
        self.scope.unwrap_or(SessionScope::PerSender)
    }

    /// Which direct messages share a conversation.
    pub fn dm_scope(&self) -> DmScope {
        self.dm_scope.unwrap_or(DmScope::Main)
    }

    /// Words that start a new conversation.
    pub fn reset_triggers(&self) -> Vec<&str> {
        match &self.reset_triggers {
            Some(words) => words.iter().map(String::as_str).collect(),
            None => vec!["/new", "/reset"],
        }
    }

    /// Most turns in one exchange between agents.
    pub fn max_ping_pong_turns(&self) -> u32 {
        self.agent_to_agent
            .as_ref()
            .and_then(|agents| agents.max_ping_pong_turns)
            .unwrap_or(5)
    }

    /// The rules of a fresh start for a conversation of this kind on this channel.
    ///
    /// A rule for the channel stands alone; otherwise each value comes from the kind of chat, then
    /// from `reset`, then from the older `idleMinutes`.
    pub fn reset_rule(&self, kind: ResetType, channel: Option<&str>) -> ResetRule {
        let by_channel = self.reset_by_channel.as_ref();
        if let Some(rule) = channel.and_then(|id| by_channel?.get(id)) {
            return Self::fill(&[Some(rule)], None, ResetMode::Daily);
        }
        let by_type = self.reset_by_type.as_ref().and_then(|types| match kind {
            ResetType::Dm => types.dm.as_ref(),
            ResetType::Group => types.group.as_ref(),
            ResetType::Thread => types.thread.as_ref(),
        });
        let only_legacy = self.reset.is_none() && self.reset_by_type.is_none();
        let unset_mode = if only_legacy && self.idle_minutes.is_some() {
            ResetMode::Idle
        } else {
            ResetMode::Daily
        };
        Self::fill(
            &[by_type, self.reset.as_ref()],
            self.idle_minutes,
            unset_mode,
        )
    }

    /// Takes each value from the first rule that has it.
    fn fill(
        rules: &[Option<&Reset>],
        legacy_idle: Option<u32>,
        unset_mode: ResetMode,
    ) -> ResetRule {
        let rules = || rules.iter().flatten();
        let mode = rules().find_map(|rule| rule.mode).unwrap_or(unset_mode);
        let idle = rules().find_map(|rule| rule.idle_minutes).or(legacy_idle);
        ResetRule {
            mode,
            at_hour: rules()
                .find_map(|rule| rule.at_hour)
                .unwrap_or(Reset::DEFAULT_AT_HOUR),
            idle_minutes: match mode {
                ResetMode::Idle => Some(idle.unwrap_or(Reset::DEFAULT_IDLE_MINUTES)),
                ResetMode::Daily => idle,
            },
        }
    }
}
