//! `tools`: what agents may do, and how.

use std::collections::BTreeMap;

use super::forms::AllowList;
use super::guard::Guard;
use super::media::{Links, MediaTools};
use super::merge::merged;
use super::web_tools::WebTools;

section! {
    /// What agents may do, and how. Tool names may be groups (`group:fs`) or hold `*`.
    pub struct Tools {
        /// A ready-made set of tools. Default: full.
        pub profile: Option<ToolProfile>,
        /// The only tools that may be used. Not together with `alsoAllow`.
        pub allow: Option<Vec<String>>,
        /// Tools added to the profile. Not together with `allow`.
        pub also_allow: Option<Vec<String>>,
        /// Tools that may not be used, whatever else says so.
        pub deny: Option<Vec<String>>,
        /// Other rules for one provider, or for one `provider/model`.
        pub by_provider: Option<BTreeMap<String, ProfilePolicy>>,
        /// Running commands outside the sandbox.
        pub elevated: Option<Elevated>,
        /// Agents reading and writing to each other's conversations.
        pub agent_to_agent: Option<AgentToAgent>,
        /// Running commands.
        pub exec: Option<ExecTool>,
        /// What agents do unasked.
        pub guard: Option<Guard>,
        /// The tools of agents started by an agent.
        pub subagents: Option<ScopedTools>,
        /// The tools of conversations in a sandbox.
        pub sandbox: Option<ScopedTools>,
        /// Sending messages.
        pub message: Option<MessageTool>,
        /// Searching and reading the web.
        pub web: Option<WebTools>,
        /// Understanding pictures, sound and video that people send.
        pub media: Option<MediaTools>,
        /// Understanding pages behind links that people send.
        pub links: Option<Links>,
    }
}

choice! {
    /// A ready-made set of tools.
    pub enum ToolProfile {
        /// Only the state of the conversation.
        Minimal = "minimal",
        /// Files, commands, conversations, notes and pictures.
        Coding = "coding",
        /// Sending messages, and the conversations.
        Messaging = "messaging",
        /// Everything.
        Full = "full",
    }
}

section! {
    /// Tools that may and may not be used.
    pub struct ToolPolicy {
        /// The only tools that may be used. Not together with `alsoAllow`.
        pub allow: Option<Vec<String>>,
        /// Tools added to those allowed otherwise. Not together with `allow`.
        pub also_allow: Option<Vec<String>>,
        /// Tools that may not be used.
        pub deny: Option<Vec<String>>,
    }
}

section! {
    /// A ready-made set of tools, and changes to it.
    pub struct ProfilePolicy {
        /// The ready-made set.
        pub profile: Option<ToolProfile>,
        /// The only tools that may be used. Not together with `alsoAllow`.
        pub allow: Option<Vec<String>>,
        /// Tools added to the profile. Not together with `allow`.
        pub also_allow: Option<Vec<String>>,
        /// Tools that may not be used.
        pub deny: Option<Vec<String>>,
    }
}

section! {
    /// The tools of one kind of conversation.
    pub struct ScopedTools {
        /// Tools that may and may not be used there.
        pub tools: Option<ToolPolicy>,
    }
}

section! {
    /// The tools of one agent. They can narrow what `tools` allows.
    pub struct AgentTools {
        /// A ready-made set of tools, in place of that of `tools`.
        pub profile: Option<ToolProfile>,
        /// The only tools that it may use. Not together with `alsoAllow`.
        pub allow: Option<Vec<String>>,
        /// Tools added to the profile. Not together with `allow`.
        pub also_allow: Option<Vec<String>>,
        /// Tools that it may not use.
        pub deny: Option<Vec<String>>,
        /// Other rules for one provider, or for one `provider/model`.
        pub by_provider: Option<BTreeMap<String, ProfilePolicy>>,
        /// Running commands outside the sandbox; can only be narrower than in `tools`.
        pub elevated: Option<Elevated>,
        /// Running commands.
        pub exec: Option<AgentExecTool>,
        /// Its tools in a sandbox.
        pub sandbox: Option<ScopedTools>,
    }
}

section! {
    /// Running commands outside the sandbox.
    pub struct Elevated {
        /// Whether anybody may. Default: true.
        pub enabled: Option<bool>,
        /// Who may, by channel: ids, names or `*`.
        pub allow_from: Option<BTreeMap<String, AllowList>>,
    }
}

section! {
    /// Agents reading and writing to each other's conversations.
    pub struct AgentToAgent {
        /// Whether they may. Default: false.
        pub enabled: Option<bool>,
        /// Ids of the agents that take part; `*` for all.
        pub allow: Option<Vec<String>>,
    }
}

/// Declares a block with the keys of `tools.exec` and further ones.
macro_rules! exec_section {
    ($(#[$meta:meta])* pub struct $name:ident { $($more:tt)* }) => {
        section! {
            $(#[$meta])*
            pub struct $name {
                /// Where commands run. Default: sandbox (directly on this machine for
                /// conversations without one).
                pub host: Option<ExecHost>,
                /// Which commands may run. Default: deny in a sandbox, else allowlist.
                pub security: Option<ExecSecurity>,
                /// When a person is asked first. Default: on-miss.
                pub ask: Option<ExecAsk>,
                /// The node on which commands run, by id or name.
                pub node: Option<String>,
                /// Folders put before the others in `PATH`.
                pub path_prepend: Option<Vec<String>>,
                /// Programs that may always run when they only read their input. Default: jq,
                /// grep, cut, sort, uniq, head, tail, tr, wc.
                pub safe_bins: Option<Vec<String>>,
                /// Milliseconds after which a command goes on in the background. Default: 10000.
                #[schemars(range(min = 1))]
                pub background_ms: Option<u64>,
                /// Seconds after which a command is stopped. Default: 1800.
                #[schemars(range(min = 1))]
                pub timeout_sec: Option<u64>,
                /// Milliseconds that a finished command's output is kept. Default: 1800000.
                #[schemars(range(min = 1))]
                pub cleanup_ms: Option<u64>,
                /// Tell the agent when a command in the background has ended. Default: true.
                pub notify_on_exit: Option<bool>,
                /// Changing files by patch.
                pub apply_patch: Option<ApplyPatch>,
                $($more)*
            }
        }
    };
}

exec_section! {
    /// Running commands.
    pub struct ExecTool {}
}

exec_section! {
    /// Running commands, for one agent.
    pub struct AgentExecTool {
        /// Milliseconds after which an approved command that still runs is reported.
        pub approval_running_notice_ms: Option<u64>,
    }
}

impl crate::Config {
    /// How an agent runs commands: its own keys of `tools.exec` over those of all agents.
    pub fn exec(&self, agent_id: &str) -> AgentExecTool {
        let all = self.tools.as_ref().and_then(|tools| tools.exec.as_ref());
        let agent = self.agents().agent(agent_id);
        let own = agent.and_then(|agent| agent.tools.as_ref()?.exec.as_ref());
        let own = own.cloned().unwrap_or_default();
        match all {
            Some(all) => merged(&own, all),
            None => own,
        }
    }
}

choice! {
    /// Where commands run.
    pub enum ExecHost {
        /// In the conversation's container.
        Sandbox = "sandbox",
        /// On the machine of the gateway.
        Gateway = "gateway",
        /// On a node.
        Node = "node",
    }
}

choice! {
    /// Which commands may run.
    pub enum ExecSecurity {
        /// None.
        Deny = "deny",
        /// Those on the list.
        Allowlist = "allowlist",
        /// All.
        Full = "full",
    }
}

choice! {
    /// When a person is asked before a command runs.
    pub enum ExecAsk {
        /// Never.
        Off = "off",
        /// When it is not on the list.
        OnMiss = "on-miss",
        /// Always.
        Always = "always",
    }
}

section! {
    /// Changing files by patch.
    pub struct ApplyPatch {
        /// Whether agents have this tool. Default: false.
        pub enabled: Option<bool>,
        /// Only for these models, by id or `provider/model`.
        pub allow_models: Option<Vec<String>>,
    }
}

section! {
    /// Sending messages.
    pub struct MessageTool {
        /// Older form: allow sending to any other chat.
        pub allow_cross_context_send: Option<bool>,
        /// Sending to a chat other than the present one.
        pub cross_context: Option<CrossContext>,
        /// Sending to many chats at once.
        pub broadcast: Option<BroadcastTool>,
    }
}

section! {
    /// Sending to a chat other than the present one.
    pub struct CrossContext {
        /// On the same channel. Default: true.
        pub allow_within_provider: Option<bool>,
        /// On other channels. Default: false.
        pub allow_across_providers: Option<bool>,
        /// Saying where such a message comes from.
        pub marker: Option<CrossContextMarker>,
    }
}

section! {
    /// Saying where a message from another chat comes from. `{channel}` stands for that chat.
    pub struct CrossContextMarker {
        /// Whether to say so. Default: true.
        pub enabled: Option<bool>,
        /// Put before the text.
        pub prefix: Option<String>,
        /// Put after the text.
        pub suffix: Option<String>,
    }
}

section! {
    /// Sending to many chats at once.
    pub struct BroadcastTool {
        /// Whether agents may. Default: true.
        pub enabled: Option<bool>,
    }
}
