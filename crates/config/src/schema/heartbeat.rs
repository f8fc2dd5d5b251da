//! `heartbeat`: an agent that looks at open tasks at regular times.

section! {
    /// Looking at open tasks at regular times.
    pub struct Heartbeat {
        /// Time between two looks, such as `30m` or `1h` (minutes without a unit); `0m` for never.
        /// Default: 30m.
        #[schemars(regex(pattern = r"^\s*\d+(\.\d+)?(ms|s|m|h|d)?\s*$"))]
        pub every: Option<String>,
        /// Hours of the day in which it looks. Default: all.
        pub active_hours: Option<ActiveHours>,
        /// Model for these runs. Default: the agent's.
        pub model: Option<String>,
        /// Conversation in which it happens. Default: main.
        pub session: Option<String>,
        /// Where news goes: `last` for the chat used last, `none`, or a channel id. Default: last.
        #[schemars(length(min = 1))]
        pub target: Option<String>,
        /// Recipient on that channel, in place of the one used last.
        pub to: Option<String>,
        /// What the agent is asked, in place of the built-in text.
        pub prompt: Option<String>,
        /// Characters beside `HEARTBEAT_OK` that still count as "nothing to tell". Default: 300.
        pub ack_max_chars: Option<u32>,
        /// Send the model's thoughts too. Default: false.
        pub include_reasoning: Option<bool>,
    }
}

section! {
    /// Hours of the day, `HH:MM`; they may span midnight.
    pub struct ActiveHours {
        /// Start, from 00:00 to 23:59.
        #[schemars(regex(pattern = r"^([01]\d|2[0-3]):[0-5]\d$"))]
        pub start: Option<String>,
        /// End, up to 24:00; not itself included.
        #[schemars(regex(pattern = r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$"))]
        pub end: Option<String>,
        /// Time zone: `user`, `local` or a name such as `Europe/Berlin`. Default: user.
        pub timezone: Option<String>,
    }
}
