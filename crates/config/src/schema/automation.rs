//! `cron` and `hooks`: runs that no chat message starts.

use std::collections::BTreeMap;

use serde_json::Value;

use super::gateway::TailscaleMode;
use super::plugins::InstallSource;

section! {
    /// Runs at given times.
    pub struct Cron {
        /// Whether they happen. Default: true.
        pub enabled: Option<bool>,
        /// File with the jobs. Default: `cron/jobs.json` in the state directory.
        pub store: Option<String>,
        /// Most at the same time. Default: 1.
        #[schemars(range(min = 1))]
        pub max_concurrent_runs: Option<u32>,
    }
}

section! {
    /// Runs started by other programs over HTTP, and by events.
    pub struct Hooks {
        /// Whether requests are taken. Default: false.
        pub enabled: Option<bool>,
        /// Path under which they are taken. Default: `/hooks`.
        pub path: Option<String>,
        /// What a request must show. Needed when enabled.
        pub token: Option<String>,
        /// Largest request, in bytes. Default: 262144.
        #[schemars(range(min = 1))]
        pub max_body_bytes: Option<u64>,
        /// Ready-made mappings, such as `gmail`.
        pub presets: Option<Vec<String>>,
        /// Folder of the transforms. Default: that of this file.
        pub transforms_dir: Option<String>,
        /// What requests become; the first that fits is taken.
        pub mappings: Option<Vec<HookMapping>>,
        /// Mail from Gmail.
        pub gmail: Option<HooksGmail>,
        /// Handlers of the program's own events.
        pub internal: Option<InternalHooks>,
    }
}

section! {
    /// What a request becomes. In texts, `{{…}}` is filled in from the request.
    pub struct HookMapping {
        /// Its name. Default: `mapping-<n>`.
        pub id: Option<String>,
        /// The requests that it is for. Left out: all.
        #[serde(rename = "match")]
        pub matches: Option<HookMatch>,
        /// Wake the agent with a line of text, or start a run. Default: agent.
        pub action: Option<HookAction>,
        /// When the agent wakes. Default: now.
        pub wake_mode: Option<WakeMode>,
        /// Name shown to people.
        pub name: Option<String>,
        /// Key of the conversation.
        pub session_key: Option<String>,
        /// What the agent is asked, for `agent`.
        pub message_template: Option<String>,
        /// The line of text, for `wake`.
        pub text_template: Option<String>,
        /// Send the answer. Default: true.
        pub deliver: Option<bool>,
        /// Do not mark the request's text as coming from outside. Dangerous. Default: false.
        pub allow_unsafe_external_content: Option<bool>,
        /// Where the answer goes. Default: last.
        pub channel: Option<HookChannel>,
        /// Recipient on that channel.
        pub to: Option<String>,
        /// Model for the run.
        pub model: Option<String>,
        /// How much it thinks.
        pub thinking: Option<String>,
        /// Longest time for the run, in seconds.
        #[schemars(range(min = 1))]
        pub timeout_seconds: Option<u64>,
        /// A program that changes the request first.
        pub transform: Option<HookTransform>,
    }
}

section! {
    /// The requests that a mapping is for.
    pub struct HookMatch {
        others {
            /// Keys of other versions are let through.
            pub others: BTreeMap<String, Value>,
        }
        /// Path below that of the hooks, such as `gmail`.
        pub path: Option<String>,
        /// The request's `source`.
        pub source: Option<String>,
    }
}

choice! {
    /// What a request does.
    pub enum HookAction {
        /// Wakes the agent with a line of text.
        Wake = "wake",
        /// Starts a run.
        Agent = "agent",
    }
}

choice! {
    /// When an agent wakes.
    pub enum WakeMode {
        /// At once.
        Now = "now",
        /// At its next regular look.
        NextHeartbeat = "next-heartbeat",
    }
}

choice! {
    /// Where an answer goes.
    pub enum HookChannel {
        /// The chat used last.
        Last = "last",
        /// WhatsApp.
        Whatsapp = "whatsapp",
        /// Telegram.
        Telegram = "telegram",
        /// Discord.
        Discord = "discord",
        /// Slack.
        Slack = "slack",
        /// Signal.
        Signal = "signal",
        /// iMessage.
        Imessage = "imessage",
        /// Microsoft Teams.
        Msteams = "msteams",
    }
}

section! {
    /// A program that changes a request first.
    pub struct HookTransform {
        required {
            /// Its file, in the folder of the transforms.
            #[schemars(length(min = 1))]
            pub module: String,
        }
        /// Its function. Default: `default`, else `transform`.
        pub export: Option<String>,
    }
}

section! {
    /// Mail from Gmail, through the program `gog`.
    pub struct HooksGmail {
        /// Mail address.
        pub account: Option<String>,
        /// Label that is watched. Default: INBOX.
        pub label: Option<String>,
        /// Pub/Sub topic.
        pub topic: Option<String>,
        /// Pub/Sub subscription. Default: gog-gmail-watch-push.
        pub subscription: Option<String>,
        /// What Google's requests must show.
        pub push_token: Option<String>,
        /// Where mail is handed over. Default: this gateway.
        pub hook_url: Option<String>,
        /// Hand over the text of mail. Default: true.
        pub include_body: Option<bool>,
        /// Most of that text, in bytes. Default: 20000.
        #[schemars(range(min = 1))]
        pub max_bytes: Option<u64>,
        /// Minutes between two renewals of the watch. Default: 720.
        #[schemars(range(min = 1))]
        pub renew_every_minutes: Option<u32>,
        /// Do not mark mail as coming from outside. Dangerous. Default: false.
        pub allow_unsafe_external_content: Option<bool>,
        /// Where Google's requests are taken.
        pub serve: Option<GmailServe>,
        /// Letting Google's requests in through Tailscale.
        pub tailscale: Option<GmailTailscale>,
        /// Model for these runs.
        pub model: Option<String>,
        /// How much it thinks.
        pub thinking: Option<GmailThinking>,
    }
}

section! {
    /// Where Google's requests are taken.
    pub struct GmailServe {
        /// Address. Default: 127.0.0.1.
        pub bind: Option<String>,
        /// Port. Default: 8788.
        #[schemars(range(min = 1))]
        pub port: Option<u16>,
        /// Path. Default: `/gmail-pubsub`.
        pub path: Option<String>,
    }
}

section! {
    /// Letting Google's requests in through Tailscale.
    pub struct GmailTailscale {
        /// For whom. Default: off.
        pub mode: Option<TailscaleMode>,
        /// Path. Default: that of `serve`.
        pub path: Option<String>,
        /// Where requests are passed on to.
        pub target: Option<String>,
    }
}

choice! {
    /// How much a model thinks about mail.
    pub enum GmailThinking {
        /// Not at all.
        Off = "off",
        /// As little as possible.
        Minimal = "minimal",
        /// A little.
        Low = "low",
        /// Some.
        Medium = "medium",
        /// A lot.
        High = "high",
    }
}

section! {
    /// Handlers of the program's own events.
    pub struct InternalHooks {
        /// Whether they are used. Default: false.
        pub enabled: Option<bool>,
        /// Older form: handlers by file.
        pub handlers: Option<Vec<InternalHandler>>,
        /// Settings of single hooks, by name.
        pub entries: Option<BTreeMap<String, InternalHook>>,
        /// Where hooks are looked for.
        pub load: Option<InternalHooksLoad>,
        /// Hooks installed by this program.
        pub installs: Option<BTreeMap<String, HookInstall>>,
    }
}

section! {
    /// A handler of an event.
    pub struct InternalHandler {
        required {
            /// The event, such as `command:new`.
            pub event: String,
            /// Its file.
            pub module: String,
        }
        /// Its function. Default: `default`.
        pub export: Option<String>,
    }
}

section! {
    /// Settings of one hook.
    pub struct InternalHook {
        others {
            /// The hook's own settings.
            pub options: BTreeMap<String, Value>,
        }
        /// Whether it is used.
        pub enabled: Option<bool>,
        /// Environment variables for it.
        pub env: Option<BTreeMap<String, String>>,
    }
}

section! {
    /// Where hooks are looked for.
    pub struct InternalHooksLoad {
        /// Further folders.
        pub extra_dirs: Option<Vec<String>>,
    }
}

section! {
    /// A hook installed by this program.
    pub struct HookInstall {
        required {
            /// Where it came from.
            pub source: InstallSource,
        }
        /// Name under which it was asked for.
        pub spec: Option<String>,
        /// Folder or file that it came from.
        pub source_path: Option<String>,
        /// Folder in which it is now.
        pub install_path: Option<String>,
        /// Its version.
        pub version: Option<String>,
        /// When it was installed (ISO 8601).
        pub installed_at: Option<String>,
        /// The hooks in it.
        pub hooks: Option<Vec<String>>,
    }
}
