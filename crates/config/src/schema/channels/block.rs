//! What the blocks of most channels have in common.

use std::collections::BTreeMap;

use crate::schema::forms::Switch;
use crate::schema::tools::ToolPolicy;

/// Declares a channel's block: the keys that every channel has, and its own.
///
/// After the name, `Senders` adds the keys that say who may write (channels with a `dm` block of
/// their own go without), `Accounts` the key for several accounts.
macro_rules! channel {
    ($(#[$meta:meta])* pub struct $name:ident: Senders + Accounts { $($own:tt)* }) => {
        channel! {
            $(#[$meta])*
            pub struct $name: Accounts {
                $($own)*
                /// Who may write directly. Default: pairing.
                pub dm_policy: Option<crate::schema::channels::DmPolicy>,
                /// People who may write, by id or name; `*` for everybody.
                pub allow_from: Option<crate::schema::forms::AllowList>,
                /// People who may write in groups. Default: those of `allowFrom`.
                pub group_allow_from: Option<crate::schema::forms::AllowList>,
            }
        }
    };
    ($(#[$meta:meta])* pub struct $name:ident: Senders { $($own:tt)* }) => {
        channel! {
            $(#[$meta])*
            pub struct $name {
                $($own)*
                /// Who may write directly. Default: pairing.
                pub dm_policy: Option<crate::schema::channels::DmPolicy>,
                /// People who may write, by id or name; `*` for everybody.
                pub allow_from: Option<crate::schema::forms::AllowList>,
                /// People who may write in groups. Default: those of `allowFrom`.
                pub group_allow_from: Option<crate::schema::forms::AllowList>,
            }
        }
    };
    ($(#[$meta:meta])* pub struct $name:ident: Accounts { $($own:tt)* }) => {
        channel! {
            $(#[$meta])*
            pub struct $name {
                $($own)*
                /// Several accounts, by name. Each takes what it leaves out from this block;
                /// `default` is the one used when none is named.
                pub accounts: Option<crate::schema::channels::Accounts<$name>>,
            }
        }

        impl crate::schema::channels::AccountBlock for $name {
            fn has_accounts(&self) -> bool {
                self.accounts.is_some()
            }
        }
    };
    ($(#[$meta:meta])* pub struct $name:ident { $($own:tt)* }) => {
        section! {
            $(#[$meta])*
            pub struct $name {
                /// Name of the account, shown to people.
                pub name: Option<String>,
                /// Whether it is started. Default: true.
                pub enabled: Option<bool>,
                /// Commands and events of this channel may change this file. Default: true.
                pub config_writes: Option<bool>,
                /// How answers are written here.
                pub markdown: Option<crate::schema::channels::Markdown>,
                /// Which groups and senders in groups are answered. Default: allowlist.
                pub group_policy: Option<crate::schema::channels::GroupPolicy>,
                /// Earlier messages of a group shown to the model; 0 for none. Default: 50
                /// (Discord: 20).
                pub history_limit: Option<u32>,
                /// Earlier turns of a direct chat shown to the model; 0 for none. Default: all.
                pub dm_history_limit: Option<u32>,
                /// The same, for one person each.
                pub dms: Option<std::collections::BTreeMap<
                    String,
                    crate::schema::channels::DmHistory
                >>,
                /// Longest message sent, in characters. Default: 4000 (Discord: 2000).
                #[schemars(range(min = 1))]
                pub text_chunk_limit: Option<u32>,
                /// Where longer answers are cut. Default: length.
                pub chunk_mode: Option<crate::schema::channels::ChunkMode>,
                /// Send an answer in blocks while it is written. Default: that of the agent.
                pub block_streaming: Option<bool>,
                /// Joining short blocks.
                pub block_streaming_coalesce:
                    Option<crate::schema::streaming::BlockStreamingCoalesce>,
                /// Largest media file, in megabytes.
                #[schemars(extend("exclusiveMinimum" = 0))]
                pub media_max_mb: Option<f64>,
                /// What is shown of an agent's regular looks.
                pub heartbeat: Option<crate::schema::channels::ChannelHeartbeat>,
                $($own)*
            }
        }
    };
}

choice! {
    /// Who may write directly.
    pub enum DmPolicy {
        /// Strangers get a code that the owner must confirm.
        Pairing = "pairing",
        /// Only those on the list; others get no answer.
        Allowlist = "allowlist",
        /// Everybody. `allowFrom` must then hold `*`.
        Open = "open",
        /// Nobody.
        Disabled = "disabled",
    }
}

choice! {
    /// Which groups, and which senders in groups, are answered.
    pub enum GroupPolicy {
        /// All.
        Open = "open",
        /// None.
        Disabled = "disabled",
        /// Those on the lists.
        Allowlist = "allowlist",
    }
}

section! {
    /// How answers are written.
    pub struct Markdown {
        /// What becomes of tables. Default: code (WhatsApp and Signal: bullets).
        pub tables: Option<TableStyle>,
    }
}

choice! {
    /// What becomes of tables.
    pub enum TableStyle {
        /// They are sent as written.
        Off = "off",
        /// They become lists.
        Bullets = "bullets",
        /// They become text of fixed width.
        Code = "code",
    }
}

section! {
    /// How much of a direct chat is shown to the model.
    pub struct DmHistory {
        /// Earlier turns; 0 for none.
        pub history_limit: Option<u32>,
    }
}

choice! {
    /// Where long answers are cut.
    pub enum ChunkMode {
        /// Only when they are too long.
        Length = "length",
        /// At every blank line.
        Newline = "newline",
    }
}

section! {
    /// What is shown of an agent's regular looks.
    pub struct ChannelHeartbeat {
        /// Say so when there is nothing to tell. Default: false.
        pub show_ok: Option<bool>,
        /// Send what there is to tell. Default: true.
        pub show_alerts: Option<bool>,
        /// Show the state to apps. Default: true.
        pub use_indicator: Option<bool>,
    }
}

section! {
    /// One group; the name `*` stands for all others.
    pub struct Group {
        /// Only answer when mentioned. Default: true.
        pub require_mention: Option<bool>,
        /// Tools in this group.
        pub tools: Option<ToolPolicy>,
        /// Tools by sender: id, number, name or `*`.
        pub tools_by_sender: Option<BTreeMap<String, ToolPolicy>>,
    }
}

choice! {
    /// Which messages of an answer refer to the question.
    pub enum ReplyToMode {
        /// None.
        Off = "off",
        /// The first.
        First = "first",
        /// All.
        All = "all",
    }
}

choice! {
    /// Which reactions are told to the agent.
    pub enum ReactionNotifications {
        /// None.
        Off = "off",
        /// Those to its own messages.
        Own = "own",
        /// All.
        All = "all",
        /// Those of people on the list.
        Allowlist = "allowlist",
    }
}

choice! {
    /// How freely the agent reacts to messages.
    pub enum ReactionLevel {
        /// Not at all.
        Off = "off",
        /// Only to show that a message was seen.
        Ack = "ack",
        /// Now and then.
        Minimal = "minimal",
        /// Often.
        Extensive = "extensive",
    }
}

section! {
    /// Reactions as something that the agent may do.
    pub struct ReactionActions {
        /// React to messages. Default: true.
        pub reactions: Option<bool>,
    }
}

section! {
    /// Trying again when sending fails.
    pub struct Retry {
        /// Most attempts. Default: 3.
        #[schemars(range(min = 1))]
        pub attempts: Option<u32>,
        /// First wait, in milliseconds. Default: 400 (Discord: 500).
        pub min_delay_ms: Option<u64>,
        /// Longest wait, in milliseconds. Default: 30000.
        pub max_delay_ms: Option<u64>,
        /// Random share of a wait, 0 to 1. Default: 0.1.
        #[schemars(range(min = 0.0, max = 1.0))]
        pub jitter: Option<f64>,
    }
}

section! {
    /// The channel's own menu of commands.
    pub struct NativeCommands {
        /// Show commands there. Default: that of `commands.native`.
        pub native: Option<Switch>,
        /// Show skills there. Default: that of `commands.nativeSkills`.
        pub native_skills: Option<Switch>,
    }
}
