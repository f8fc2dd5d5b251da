//! Every key of the config file as a Rust type, from which its JSON Schema is made.
//!
//! Parsing keeps what the owner wrote: a key that is not in the file is `None`, and the defaults
//! that the program works with come from methods named after the key. Ranges, lengths and patterns
//! are part of the JSON Schema only; reading a value into these types checks names and types.

#[macro_use]
mod section;

mod agents;
mod auth;
mod automation;
mod browser;
mod built;
pub mod channels;
mod cli_backends;
mod commands;
mod context;
mod env;
mod forms;
mod gateway;
mod gateway_http;
mod guard;
mod heartbeat;
mod logging;
mod mcp;
mod media;
mod memory;
mod merge;
mod messages;
mod models;
mod plugins;
mod record;
mod routing;
mod sandbox;
mod scope;
mod service;
mod session;
mod skills;
mod streaming;
mod surfaces;
#[cfg(test)]
mod tests;
mod tools;
mod tts;
mod web_tools;

use std::collections::BTreeMap;
use std::sync::LazyLock;

pub use agents::*;
pub use auth::*;
pub use automation::*;
pub use browser::*;
pub use built::{built_keys, unbuilt};
pub use channels::Channels;
pub use cli_backends::*;
pub use commands::*;
pub use context::*;
pub use env::*;
pub use forms::*;
pub use gateway::*;
pub use gateway_http::*;
pub use guard::*;
pub use heartbeat::*;
pub use logging::*;
pub use mcp::*;
pub use media::*;
pub use memory::*;
pub use messages::*;
pub use models::*;
pub use plugins::*;
pub use record::*;
pub use routing::*;
pub use sandbox::*;
pub use scope::*;
pub use service::*;
pub use session::*;
pub use skills::*;
pub use streaming::*;
pub use surfaces::*;
pub use tools::*;
pub use tts::*;
pub use web_tools::*;

section! {
    /// Settings of Moltbot, the personal assistant (`moltbot.json`).
    pub struct Config {
        /// Written by the program at every change of the file.
        pub meta: Option<Meta>,
        /// Environment variables for this program. One that is already set is never changed.
        pub env: Option<Env>,
        /// Written by the setup wizard.
        pub wizard: Option<Wizard>,
        /// Traces for finding faults.
        pub diagnostics: Option<Diagnostics>,
        /// What is logged, and where.
        pub logging: Option<Logging>,
        /// How this program is kept up to date.
        pub update: Option<Update>,
        /// A web browser that agents control.
        pub browser: Option<Browser>,
        /// How it looks in the web page and the apps.
        pub ui: Option<Ui>,
        /// Which stored credentials exist and in what order they are tried. Holds no secrets.
        pub auth: Option<Auth>,
        /// Model providers, beside the built-in ones.
        pub models: Option<Models>,
        /// What this machine does as a helper of a gateway.
        pub node_host: Option<NodeHost>,
        /// The agents: who answers, with which model, and how a run behaves.
        pub agents: Option<Agents>,
        /// What agents may do, and how.
        pub tools: Option<Tools>,
        /// Which agent answers which messages; without any, the default agent answers all.
        pub bindings: Option<Vec<Binding>>,
        /// Several agents answering the same chat.
        pub broadcast: Option<Broadcast>,
        /// Older settings for sound.
        pub audio: Option<Audio>,
        /// Files that people send.
        pub media: Option<Media>,
        /// How messages are taken and answered.
        pub messages: Option<Messages>,
        /// Commands that people give in a chat.
        pub commands: Option<Commands>,
        /// Asking people before something is done.
        pub approvals: Option<Approvals>,
        /// Which messages share one conversation, and when it starts afresh.
        pub session: Option<Session>,
        /// Runs at given times.
        pub cron: Option<Cron>,
        /// Runs started by other programs over HTTP, and by events.
        pub hooks: Option<Hooks>,
        /// The connection to WhatsApp.
        pub web: Option<Web>,
        /// Where people talk with the agents. A channel with a block of its own is started.
        pub channels: Option<Channels>,
        /// How devices find the gateway.
        pub discovery: Option<Discovery>,
        /// Pages that the agent shows on devices.
        pub canvas_host: Option<CanvasHost>,
        /// Talking with the apps.
        pub talk: Option<Talk>,
        /// The server that holds everything together.
        pub gateway: Option<Gateway>,
        /// Servers that bring tools of their own, over the Model Context Protocol.
        pub mcp: Option<Mcp>,
        /// Instructions that an agent reads when it needs them.
        pub skills: Option<Skills>,
        /// Extensions.
        pub plugins: Option<Plugins>,
    }
}

impl Config {
    /// The agents; empty where the file says nothing.
    pub fn agents(&self) -> &Agents {
        static NONE: LazyLock<Agents> = LazyLock::new(Agents::default);
        self.agents.as_ref().unwrap_or(&NONE)
    }

    /// The model settings; empty where the file says nothing.
    pub fn models(&self) -> &Models {
        static NONE: LazyLock<Models> = LazyLock::new(Models::default);
        self.models.as_ref().unwrap_or(&NONE)
    }

    /// The configured model providers by id.
    pub fn providers(&self) -> &BTreeMap<String, Provider> {
        static NONE: BTreeMap<String, Provider> = BTreeMap::new();
        self.models().providers.as_ref().unwrap_or(&NONE)
    }

    /// The conversation settings; empty where the file says nothing.
    pub fn session(&self) -> &Session {
        static NONE: LazyLock<Session> = LazyLock::new(Session::default);
        self.session.as_ref().unwrap_or(&NONE)
    }

    /// The configured MCP servers by name.
    pub fn mcp_servers(&self) -> &BTreeMap<String, McpServer> {
        static NONE: BTreeMap<String, McpServer> = BTreeMap::new();
        let servers = self.mcp.as_ref().and_then(|mcp| mcp.servers.as_ref());
        servers.unwrap_or(&NONE)
    }

    /// The log settings; empty where the file says nothing.
    pub fn logging(&self) -> &Logging {
        static NONE: LazyLock<Logging> = LazyLock::new(Logging::default);
        self.logging.as_ref().unwrap_or(&NONE)
    }
}
