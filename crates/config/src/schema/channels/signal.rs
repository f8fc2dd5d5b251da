//! `channels.signal`.

use super::block::{ReactionActions, ReactionLevel, ReactionNotifications};
use crate::schema::forms::AllowList;

channel! {
    /// Signal, through signal-cli.
    pub struct Signal: Senders + Accounts {
        /// Names of features.
        pub capabilities: Option<Vec<String>>,
        /// The account's phone number, `+…`.
        pub account: Option<String>,
        /// Address of a running signal-cli. Default: made from host and port.
        pub http_url: Option<String>,
        /// Its host. Default: 127.0.0.1.
        pub http_host: Option<String>,
        /// Its port. Default: 8080.
        #[schemars(range(min = 1))]
        pub http_port: Option<u16>,
        /// The program. Default: signal-cli.
        pub cli_path: Option<String>,
        /// Start it. Default: true unless `httpUrl` is given.
        pub auto_start: Option<bool>,
        /// How long its start may take, in milliseconds. Default: 30000.
        #[schemars(range(min = 1000, max = 120_000))]
        pub startup_timeout_ms: Option<u64>,
        /// When it fetches messages.
        pub receive_mode: Option<SignalReceiveMode>,
        /// Do not fetch files.
        pub ignore_attachments: Option<bool>,
        /// Do not fetch stories.
        pub ignore_stories: Option<bool>,
        /// Show senders that their messages were read. Default: false.
        pub send_read_receipts: Option<bool>,
        /// Which reactions are told to the agent. Default: own.
        pub reaction_notifications: Option<ReactionNotifications>,
        /// People whose reactions are told.
        pub reaction_allowlist: Option<AllowList>,
        /// What agents may do here.
        pub actions: Option<ReactionActions>,
        /// How freely the agent reacts. Default: minimal.
        pub reaction_level: Option<ReactionLevel>,
    }
}

choice! {
    /// When signal-cli fetches messages.
    pub enum SignalReceiveMode {
        /// From its start.
        OnStart = "on-start",
        /// When asked.
        Manual = "manual",
    }
}
