//! `agents`: who answers, with which model, and how a run behaves.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::cli_backends::CliBackend;
use super::context::{Compaction, ContextPruning};
use super::heartbeat::Heartbeat;
use super::memory::MemorySearch;
use super::sandbox::Sandbox;
use super::session::TypingMode;
use super::streaming::{
    BlockStreamingBreak, BlockStreamingChunk, BlockStreamingCoalesce, HumanDelay,
};
use super::tools::AgentTools;
use crate::agent_id::{MAIN_AGENT, normalize_agent_id};

section! {
    /// The agents of this installation.
    pub struct Agents {
        /// What holds for every agent unless it says otherwise.
        pub defaults: Option<AgentDefaults>,
        /// The agents. Left out: one agent called `main`.
        pub list: Option<Vec<Agent>>,
    }
}

section! {
    /// What holds for every agent unless it says otherwise.
    pub struct AgentDefaults {
        /// The model that answers, and those tried after it.
        pub model: Option<ModelChain>,
        /// The model that looks at pictures when the first one cannot.
        pub image_model: Option<ModelChain>,
        /// Where conversations may go: `local`, regions of providers, or providers by id. No model
        /// elsewhere is ever asked. Default: anywhere.
        pub places: Option<Vec<String>>,
        /// Models by `provider/model`: other names and parameters. When not empty, it is also the
        /// list of models that may be chosen.
        pub models: Option<BTreeMap<String, ModelEntry>>,
        /// Folder in which the agent works. Default: `~/clawd`.
        pub workspace: Option<String>,
        /// Folder of the source repository told to the model. Default: found by its `.git`.
        pub repo_root: Option<String>,
        /// Do not create the first files of a workspace. Default: false.
        pub skip_bootstrap: Option<bool>,
        /// Most characters of each workspace file in the prompt. Default: 20000.
        #[schemars(range(min = 1))]
        pub bootstrap_max_chars: Option<u64>,
        /// How much the model is told before the conversation. Default: auto.
        pub prompt_profile: Option<PromptProfile>,
        /// The owner's time zone, such as `Europe/Berlin`. Default: this machine's.
        pub user_timezone: Option<String>,
        /// 12 or 24 hours in times shown to the model. Default: auto.
        pub time_format: Option<TimeFormat>,
        /// Time zone of message stamps: `utc`, `local`, `user` or a name such as `Asia/Tokyo`.
        /// Default: local.
        pub envelope_timezone: Option<String>,
        /// Stamp each message with its time. Default: on.
        pub envelope_timestamp: Option<OnOff>,
        /// Tell how long ago the previous message came. Default: on.
        pub envelope_elapsed: Option<OnOff>,
        /// Context window assumed where the model's is not known, in tokens.
        #[schemars(range(min = 1))]
        pub context_tokens: Option<u64>,
        /// Command-line programs that answer in place of a model server, by id.
        pub cli_backends: Option<BTreeMap<String, CliBackend>>,
        /// Searching the agent's notes.
        pub memory_search: Option<MemorySearch>,
        /// Leaving old tool results out of requests.
        pub context_pruning: Option<ContextPruning>,
        /// Summarising a conversation that grows too long.
        pub compaction: Option<Compaction>,
        /// How much the model thinks. Default: low for models that think, else off.
        pub thinking_default: Option<ThinkingLevel>,
        /// Show what tools do while they run. Default: off.
        pub verbose_default: Option<VerboseLevel>,
        /// Whether commands may run outside the sandbox for those allowed to. Default: off.
        pub elevated_default: Option<ElevatedLevel>,
        /// Send an answer in blocks while it is written. Default: off.
        pub block_streaming_default: Option<OnOff>,
        /// Where a block may end. Default: text_end.
        pub block_streaming_break: Option<BlockStreamingBreak>,
        /// How long blocks are.
        pub block_streaming_chunk: Option<BlockStreamingChunk>,
        /// Joining short blocks.
        pub block_streaming_coalesce: Option<BlockStreamingCoalesce>,
        /// Waiting between blocks as a person would.
        pub human_delay: Option<HumanDelay>,
        /// Longest time that one whole run may take, in seconds. Default: 600.
        #[schemars(range(min = 1))]
        pub timeout_seconds: Option<u64>,
        /// How much one turn may do.
        pub limits: Option<TurnLimits>,
        /// Largest media file taken or sent, in megabytes. Default: 5.
        #[schemars(extend("exclusiveMinimum" = 0))]
        pub media_max_mb: Option<f64>,
        /// When the typing sign starts. Default: instant in direct messages and when mentioned,
        /// else message.
        pub typing_mode: Option<TypingMode>,
        /// Seconds between two typing signs. Default: 6.
        #[schemars(range(min = 1))]
        pub typing_interval_seconds: Option<u32>,
        /// Looking at open tasks at regular times.
        pub heartbeat: Option<Heartbeat>,
        /// Most runs at the same time. Default: 4.
        #[schemars(range(min = 1))]
        pub max_concurrent: Option<u32>,
        /// Agents started by an agent.
        pub subagents: Option<SubagentDefaults>,
        /// Running tools in a container.
        pub sandbox: Option<Sandbox>,
    }
}

section! {
    /// How much one turn may do. At a limit the model answers once more, without tools.
    pub struct TurnLimits {
        /// Most tool calls. Default: 100.
        #[schemars(range(min = 1))]
        pub tool_calls: Option<u32>,
        /// Most tokens that models read anew or write, in all steps together. Default: 2000000.
        #[schemars(range(min = 1))]
        pub tokens: Option<u64>,
    }
}

section! {
    /// A model and those tried after it. Each is written `provider/model`, or by another name.
    pub struct ModelChain {
        /// The model tried first.
        pub primary: Option<String>,
        /// The models tried after it, in order.
        pub fallbacks: Option<Vec<String>>,
    }
}

/// A model, alone or with those tried after it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "expected a model such as \"lmstudio/qwen3\", or { primary, fallbacks }"
)]
#[schemars(inline)]
pub enum ModelChoice {
    /// Only the model tried first; the fallbacks stay those of `agents.defaults`.
    Primary(String),
    /// A model with its own fallbacks; an empty list means none.
    Chain(ModelChain),
}

impl ModelChoice {
    /// The model tried first, where one is named.
    pub fn primary(&self) -> Option<&str> {
        match self {
            Self::Primary(model) => Some(model),
            Self::Chain(chain) => chain.primary.as_deref(),
        }
    }

    /// The fallbacks, where this choice has its own (maybe empty) list.
    pub fn fallbacks(&self) -> Option<&[String]> {
        match self {
            Self::Primary(_) => None,
            Self::Chain(chain) => chain.fallbacks.as_deref(),
        }
    }
}

section! {
    /// Another name and parameters for one model.
    pub struct ModelEntry {
        /// Short name for `/model` and for other places in this file. Empty: no name at all.
        pub alias: Option<String>,
        /// Parameters sent with requests: `temperature`, `maxTokens`, `cacheControlTtl`.
        pub params: Option<BTreeMap<String, Value>>,
    }
}

choice! {
    /// A setting that is on or off.
    pub enum OnOff {
        /// On.
        On = "on",
        /// Off.
        Off = "off",
    }
}

choice! {
    /// How much a model is told before the conversation.
    pub enum PromptProfile {
        /// By the model: lean for one with a small context window or few parameters, else full.
        Auto = "auto",
        /// Everything.
        Full = "full",
        /// What a small model needs, in few words.
        Lean = "lean",
        /// One sentence.
        None = "none",
    }
}

choice! {
    /// How times are written.
    pub enum TimeFormat {
        /// As this machine does.
        Auto = "auto",
        /// 3:05 PM.
        Twelve = "12",
        /// 15:05.
        TwentyFour = "24",
    }
}

choice! {
    /// How much a model thinks before it answers.
    pub enum ThinkingLevel {
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
        /// As much as possible (few models can).
        Xhigh = "xhigh",
    }
}

choice! {
    /// How much is shown of what tools do.
    pub enum VerboseLevel {
        /// Nothing.
        Off = "off",
        /// Each call.
        On = "on",
        /// Each call and its output.
        Full = "full",
    }
}

choice! {
    /// Whether commands may run outside the sandbox.
    pub enum ElevatedLevel {
        /// No.
        Off = "off",
        /// Yes; approvals still apply.
        On = "on",
        /// The same as `on`.
        Ask = "ask",
        /// Yes, without approvals.
        Full = "full",
    }
}

section! {
    /// Agents started by an agent.
    pub struct SubagentDefaults {
        /// Most of them at the same time. Default: 8.
        #[schemars(range(min = 1))]
        pub max_concurrent: Option<u32>,
        /// Minutes after its end until one is put away. Default: 60.
        #[schemars(range(min = 1))]
        pub archive_after_minutes: Option<u32>,
        /// Their model. Default: that of the agent.
        pub model: Option<ModelChoice>,
    }
}

section! {
    /// One agent. What it leaves out is taken from `agents.defaults`.
    pub struct Agent {
        required {
            /// Short name used in files and keys: lower-case letters, digits, `-` and `_`, at most
            /// 64.
            #[schemars(length(min = 1))]
            pub id: String,
        }
        /// Answers where nothing else decides. Default: the first agent of the list.
        pub default: Option<bool>,
        /// Name shown to people.
        pub name: Option<String>,
        /// Folder in which the agent works. Default: `~/clawd-<id>`.
        pub workspace: Option<String>,
        /// Folder with the agent's own state. Each agent needs its own.
        pub agent_dir: Option<String>,
        /// Its model: a name, or a model with its own fallbacks (an empty list means none).
        pub model: Option<ModelChoice>,
        /// Searching its notes.
        pub memory_search: Option<MemorySearch>,
        /// Waiting between blocks as a person would.
        pub human_delay: Option<HumanDelay>,
        /// Looking at open tasks at regular times. When any agent has this, only those that do look.
        pub heartbeat: Option<Heartbeat>,
        /// How it presents itself.
        pub identity: Option<Identity>,
        /// How it behaves in groups.
        pub group_chat: Option<GroupChat>,
        /// How much its models are told before a conversation. Default: that of `agents.defaults`.
        pub prompt_profile: Option<PromptProfile>,
        /// How much one turn of it may do. What is left out is that of `agents.defaults.limits`.
        pub limits: Option<TurnLimits>,
        /// Where its conversations may go. Default: that of `agents.defaults.places`.
        pub places: Option<Vec<String>>,
        /// Agents that it may start.
        pub subagents: Option<AgentSubagents>,
        /// Running its tools in a container.
        pub sandbox: Option<Sandbox>,
        /// The tools that it may use.
        pub tools: Option<AgentTools>,
    }
}

section! {
    /// How an agent presents itself.
    pub struct Identity {
        /// Its name.
        pub name: Option<String>,
        /// Its manner, in a few words.
        pub theme: Option<String>,
        /// Its emoji; also the reaction to a message that it has seen.
        pub emoji: Option<String>,
        /// Its picture: a file in the workspace, an http(s) address, or a `data:` URI.
        pub avatar: Option<String>,
    }
}

section! {
    /// How an agent behaves in groups.
    pub struct GroupChat {
        /// Regular expressions that count as being mentioned. Default: made from name and emoji.
        pub mention_patterns: Option<Vec<String>>,
        /// Earlier messages of the group shown to the model. Default: 50.
        #[schemars(range(min = 1))]
        pub history_limit: Option<u32>,
    }
}

section! {
    /// Agents that an agent may start.
    pub struct AgentSubagents {
        /// Ids of the agents that it may start; `*` for any. Default: only itself.
        pub allow_agents: Option<Vec<String>>,
        /// Model of those it starts.
        pub model: Option<ModelChoice>,
    }
}

impl AgentDefaults {
    /// The model where none is configured.
    pub const DEFAULT_MODEL: &'static str = "anthropic/claude-opus-4-5";
    /// Longest whole run where none is configured.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(600);

    /// The model tried first.
    pub fn primary_model(&self) -> &str {
        self.model
            .as_ref()
            .and_then(|model| model.primary.as_deref())
            .unwrap_or(Self::DEFAULT_MODEL)
    }

    /// The models tried after it, in order.
    pub fn fallback_models(&self) -> &[String] {
        self.model
            .as_ref()
            .and_then(|model| model.fallbacks.as_deref())
            .unwrap_or_default()
    }

    /// Folder in which the default agent works, as written (`~` not expanded). `profile` is the
    /// profile in force, if it is not the default one.
    pub fn workspace(&self, profile: Option<&str>) -> String {
        match (&self.workspace, profile) {
            (Some(folder), _) => folder.clone(),
            (None, Some(profile)) => format!("~/clawd-{profile}"),
            (None, None) => "~/clawd".to_owned(),
        }
    }

    /// Longest time that one whole run may take.
    pub fn timeout(&self) -> Duration {
        self.timeout_seconds
            .map_or(Self::DEFAULT_TIMEOUT, Duration::from_secs)
    }

    /// How much a model thinks; `reasoning` says whether the model thinks at all.
    pub fn thinking_default(&self, reasoning: bool) -> ThinkingLevel {
        self.thinking_default.unwrap_or(if reasoning {
            ThinkingLevel::Low
        } else {
            ThinkingLevel::Off
        })
    }

    /// Most characters of each workspace file in the prompt.
    pub fn bootstrap_max_chars(&self) -> u64 {
        self.bootstrap_max_chars.unwrap_or(20_000)
    }

    /// Most runs at the same time.
    pub fn max_concurrent(&self) -> u32 {
        self.max_concurrent.unwrap_or(4)
    }

    /// How conversations that grow too long are summarised.
    pub fn compaction(&self) -> Compaction {
        self.compaction.clone().unwrap_or_default()
    }
}

impl Agent {
    /// The id as used in files and keys: lower case, other characters turned into `-`, at most 64
    /// characters; `main` when nothing is left.
    pub fn normalized_id(&self) -> String {
        normalize_agent_id(&self.id)
    }
}

impl Agents {
    /// What holds for every agent; empty where the file says nothing.
    pub fn defaults(&self) -> &AgentDefaults {
        static NONE: LazyLock<AgentDefaults> = LazyLock::new(AgentDefaults::default);
        self.defaults.as_ref().unwrap_or(&NONE)
    }

    /// The listed agents; empty means one agent called `main`.
    pub fn list(&self) -> &[Agent] {
        self.list.as_deref().unwrap_or_default()
    }

    /// The listed agent with this id (compared in normalised form).
    pub fn agent(&self, id: &str) -> Option<&Agent> {
        let id = normalize_agent_id(id);
        self.list().iter().find(|agent| agent.normalized_id() == id)
    }

    /// How an agent's notes are searched: its own settings over those of `defaults`, key by key.
    pub fn memory_search(&self, id: &str) -> MemorySearch {
        let defaults = self.defaults().memory_search.clone().unwrap_or_default();
        let own = self
            .agent(id)
            .and_then(|agent| agent.memory_search.as_ref());
        own.map_or_else(|| defaults.clone(), |own| own.or(&defaults))
    }

    /// How an agent's conversations are sandboxed: each key its own, else that of all agents.
    pub fn sandbox(&self, id: &str) -> Sandbox {
        let defaults = self.defaults().sandbox.clone().unwrap_or_default();
        let own = self.agent(id).and_then(|agent| agent.sandbox.as_ref());
        own.map_or_else(|| defaults.clone(), |own| own.or(&defaults))
    }

    /// Id of the agent that answers where nothing else decides: the first one marked `default`,
    /// else the first, else `main`.
    pub fn default_agent_id(&self) -> String {
        let list = self.list();
        list.iter()
            .find(|agent| agent.default == Some(true))
            .or_else(|| list.first())
            .map_or_else(|| MAIN_AGENT.to_owned(), Agent::normalized_id)
    }

    /// The model that an agent tries first.
    pub fn primary_model(&self, agent_id: &str) -> &str {
        self.agent(agent_id)
            .and_then(|agent| agent.model.as_ref()?.primary())
            .unwrap_or_else(|| self.defaults().primary_model())
    }

    /// Where an agent's conversations may go: its own list, else that of all agents; empty means anywhere.
    pub fn places(&self, agent_id: &str) -> &[String] {
        self.agent(agent_id)
            .and_then(|agent| agent.places.as_deref())
            .or(self.defaults().places.as_deref())
            .unwrap_or_default()
    }

    /// How much an agent's models are told before a conversation.
    pub fn prompt_profile(&self, agent_id: &str) -> PromptProfile {
        self.agent(agent_id)
            .and_then(|agent| agent.prompt_profile)
            .or(self.defaults().prompt_profile)
            .unwrap_or(PromptProfile::Auto)
    }

    /// How much one turn of an agent may do: each limit its own, else that of all agents.
    pub fn limits(&self, agent_id: &str) -> TurnLimits {
        let own = self.agent(agent_id).and_then(|agent| agent.limits.clone());
        let (own, all) = (
            own.unwrap_or_default(),
            self.defaults().limits.clone().unwrap_or_default(),
        );
        TurnLimits {
            tool_calls: own.tool_calls.or(all.tool_calls),
            tokens: own.tokens.or(all.tokens),
        }
    }

    /// The models that an agent tries after its first one, in order.
    pub fn fallback_models(&self, agent_id: &str) -> &[String] {
        self.agent(agent_id)
            .and_then(|agent| agent.model.as_ref()?.fallbacks())
            .unwrap_or_else(|| self.defaults().fallback_models())
    }

    /// Folder in which an agent works, as written (`~` not expanded). `profile` is the profile in
    /// force, if it is not the default one.
    pub fn workspace(&self, agent_id: &str, profile: Option<&str>) -> String {
        let id = normalize_agent_id(agent_id);
        let own = self.agent(&id).and_then(|agent| agent.workspace.clone());
        own.unwrap_or_else(|| {
            if id == self.default_agent_id() {
                self.defaults().workspace(profile)
            } else {
                format!("~/clawd-{id}")
            }
        })
    }
}
