//! Which tools an agent may have: the layers of rules in the owner's file, each of which must allow a tool.
//!
//! What a layer denies stays denied, whatever another says. An empty or absent list allows everything. Nothing here looks
//! at what a call would do; that is decided call by call (see `gate`).

mod names;

pub use names::glob as matches_name;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use moltbot_config::Config;
use moltbot_config::schema::{AgentTools, ProfilePolicy, ToolPolicy, ToolProfile, Tools};
use moltbot_llm::ModelRef;

/// What sub-agents never have: they work for one task, not for the owner's other conversations.
const NOT_FOR_SUBAGENTS: [&str; 11] = [
    "sessions_list",
    "sessions_history",
    "sessions_send",
    "sessions_spawn",
    "gateway",
    "agents_list",
    "whatsapp_login",
    "session_status",
    "cron",
    "memory_search",
    "memory_get",
];

/// What a sandboxed conversation may use where the owner says nothing.
const IN_SANDBOX: [&str; 12] = [
    "exec",
    "process",
    "read",
    "write",
    "edit",
    "apply_patch",
    "image",
    "sessions_list",
    "sessions_history",
    "sessions_send",
    "sessions_spawn",
    "session_status",
];

/// What a sandboxed conversation may not use where the owner says nothing; the tools of channels beside these.
const NOT_IN_SANDBOX: [&str; 14] = [
    "browser",
    "canvas",
    "nodes",
    "cron",
    "gateway",
    "telegram",
    "whatsapp",
    "discord",
    "googlechat",
    "slack",
    "signal",
    "imessage",
    "bluebubbles",
    "msteams",
];

/// What a sandboxed conversation never has that may only read its folder.
const WRITING: [&str; 3] = ["write", "edit", "apply_patch"];

/// The owner's rules about tools, for all agents.
#[derive(Debug, Clone, Default)]
pub struct ToolPolicies {
    tools: Tools,
    agents: BTreeMap<String, AgentTools>,
}

/// What else decides about the tools of one conversation.
#[derive(Debug, Clone, Copy, Default)]
pub struct ToolPolicyScope<'a> {
    /// The rules of the group that the message came from: those of the group itself, then those of `*`.
    pub groups: &'a [GroupRules<'a>],
    /// Who sent it: id, number, user name and name, in this order, as far as they are known.
    pub senders: &'a [String],
    /// Tools run in a sandbox.
    pub is_sandboxed: bool,
    /// The sandbox cannot write in the folder that it works in.
    pub is_read_only: bool,
    /// A sub-agent is at work.
    pub is_subagent: bool,
}

/// The rules of one entry in a channel's `groups`.
#[derive(Debug, Clone, Copy)]
pub struct GroupRules<'a> {
    /// Where it stands in the file: `channels.telegram.groups.*`.
    pub key: &'a str,
    /// For everybody in it.
    pub tools: Option<&'a ToolPolicy>,
    /// For some of them.
    pub by_sender: Option<&'a BTreeMap<String, ToolPolicy>>,
}

/// Which tools may be used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowedTools {
    /// These.
    pub names: BTreeSet<String>,
    /// The others, and the first rule that removed each.
    pub removed: BTreeMap<String, Removal>,
    /// What the owner should know about the rules, each a sentence.
    pub warnings: Vec<String>,
}

/// What may be used in a sandbox, beside what other rules say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxTools {
    /// Where what is allowed stands in the file.
    pub allow_key: String,
    /// These; `None` is everything.
    pub allow: Option<Vec<String>>,
    /// Where what is denied stands in the file.
    pub deny_key: String,
    /// Not these.
    pub deny: Vec<String>,
}

/// The rule that removed a tool. `Display` says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removal {
    /// This list denies it, by this entry.
    Denied {
        /// Where the list stands in the file.
        key: String,
        /// The entry.
        entry: String,
    },
    /// This list does not hold it.
    NotAllowed {
        /// Where the list stands in the file.
        key: String,
    },
}

impl fmt::Display for Removal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied { key, entry } => write!(f, "{key} has \"{entry}\""),
            Self::NotAllowed { key } => write!(f, "{key} does not allow it"),
        }
    }
}

/// One list of rules.
struct Layer {
    /// Where what it allows stands.
    allow_key: String,
    /// `None` allows everything.
    allow: Option<Vec<String>>,
    /// Where what it denies stands.
    deny_key: String,
    deny: Vec<String>,
    /// Whether a list that names no tool of the program's own counts all the same.
    is_strict: bool,
}

impl ToolPolicies {
    /// Reads the owner's rules.
    pub fn new(config: &Config) -> Self {
        let agents = config.agents().list().iter();
        Self {
            tools: config.tools.clone().unwrap_or_default(),
            agents: agents
                .filter_map(|agent| Some((agent.normalized_id(), agent.tools.clone()?)))
                .collect(),
        }
    }

    /// Decides about these tools, for an agent that a model answers for.
    pub fn decide<'a>(
        &self,
        agent_id: &str,
        model: &ModelRef,
        scope: &ToolPolicyScope<'_>,
        tools: impl IntoIterator<Item = &'a str>,
    ) -> AllowedTools {
        let mut allowed = AllowedTools::default();
        let tools: Vec<&str> = tools.into_iter().collect();
        let mut layers = self.layers(agent_id, model, scope);
        for layer in &mut layers {
            allowed.warnings.extend(layer.without_foreign_list(&tools));
        }
        for tool in tools {
            match layers.iter().find_map(|layer| layer.removes(tool)) {
                None => {
                    allowed.names.insert(tool.to_owned());
                }
                Some(removal) => {
                    allowed.removed.insert(tool.to_owned(), removal);
                }
            }
        }
        allowed
    }

    /// The rules in their order.
    fn layers(&self, agent_id: &str, model: &ModelRef, scope: &ToolPolicyScope<'_>) -> Vec<Layer> {
        let none = AgentTools::default();
        let tools = &self.tools;
        let agent = self.agents.get(agent_id).unwrap_or(&none);
        let agent_key = format!("agents.list.{agent_id}.tools");
        let ours = by_provider(tools.by_provider.as_ref(), "tools", model);
        let theirs = by_provider(agent.by_provider.as_ref(), &agent_key, model);

        let mut layers = Vec::new();
        layers.extend(profile([
            (agent_key.as_str(), agent.profile, agent.also_allow.as_ref()),
            ("tools", tools.profile, tools.also_allow.as_ref()),
        ]));
        let of_provider = [&theirs, &ours].map(|entry| match entry {
            Some((key, policy)) => (key.as_str(), policy.profile, policy.also_allow.as_ref()),
            None => ("", None, None),
        });
        layers.extend(profile(of_provider));
        layers.push(list(
            "tools",
            tools.allow.as_ref(),
            tools.also_allow.as_ref(),
            tools.deny.as_ref(),
        ));
        layers.extend(ours.map(|(key, policy)| {
            list(
                &key,
                policy.allow.as_ref(),
                policy.also_allow.as_ref(),
                policy.deny.as_ref(),
            )
        }));
        layers.push(list(
            &agent_key,
            agent.allow.as_ref(),
            agent.also_allow.as_ref(),
            agent.deny.as_ref(),
        ));
        layers.extend(theirs.map(|(key, policy)| {
            list(
                &key,
                policy.allow.as_ref(),
                policy.also_allow.as_ref(),
                policy.deny.as_ref(),
            )
        }));
        layers.extend(of_group(scope));
        if scope.is_sandboxed {
            layers.push(self.sandbox(agent, &agent_key));
        }
        if scope.is_read_only {
            layers.push(Layer {
                deny_key: "sandbox.workspaceAccess (ro)".to_owned(),
                deny: WRITING.map(str::to_owned).into(),
                ..list("sandbox", None, None, None)
            });
        }
        if scope.is_subagent {
            layers.extend(self.subagent());
        }
        layers
    }

    /// What the sandboxed conversations of an agent may use.
    pub fn in_sandbox(&self, agent_id: &str) -> SandboxTools {
        let none = AgentTools::default();
        let agent = self.agents.get(agent_id).unwrap_or(&none);
        let layer = self.sandbox(agent, &format!("agents.list.{agent_id}.tools"));
        SandboxTools {
            allow_key: layer.allow_key,
            allow: layer.allow,
            deny_key: layer.deny_key,
            deny: layer.deny,
        }
    }

    /// What holds in a sandbox: the agent's own lists, else those of all, else the defaults, each list for itself.
    fn sandbox(&self, agent: &AgentTools, agent_key: &str) -> Layer {
        let theirs = agent
            .sandbox
            .as_ref()
            .and_then(|scoped| scoped.tools.as_ref());
        let ours = self
            .tools
            .sandbox
            .as_ref()
            .and_then(|scoped| scoped.tools.as_ref());
        let sources = [(agent_key, theirs), ("tools", ours)];
        let find = |list: fn(&ToolPolicy) -> Option<&Vec<String>>, name: &str| {
            sources.iter().find_map(|(key, policy)| {
                let found = list((*policy)?)?;
                Some((format!("{key}.sandbox.tools.{name}"), found.clone()))
            })
        };
        let by_default = |name: &str, list: &[&str]| {
            let list = list.iter().map(|tool| (*tool).to_owned()).collect();
            (format!("tools.sandbox.tools.{name} (by default)"), list)
        };
        let (allow_key, mut allow) = find(|policy| policy.allow.as_ref(), "allow")
            .unwrap_or_else(|| by_default("allow", &IN_SANDBOX));
        let (deny_key, deny) = find(|policy| policy.deny.as_ref(), "deny")
            .unwrap_or_else(|| by_default("deny", &NOT_IN_SANDBOX));
        let also = find(|policy| policy.also_allow.as_ref(), "alsoAllow");
        allow.extend(also.into_iter().flat_map(|(_, tools)| tools));
        if !allow.is_empty() && !allow.iter().any(|tool| tool == "image") {
            allow.push("image".to_owned());
        }
        Layer {
            allow_key,
            allow: Some(allow).filter(|list| !list.is_empty()),
            deny_key,
            deny,
            is_strict: true,
        }
    }

    /// What holds for sub-agents: what they never have, and the owner's lists.
    fn subagent(&self) -> Vec<Layer> {
        let mut never = list("tools.subagents.tools", None, None, None);
        never.deny_key = "tools.subagents.tools.deny (by default)".to_owned();
        never.deny = NOT_FOR_SUBAGENTS
            .iter()
            .map(|tool| (*tool).to_owned())
            .collect();
        let own = self
            .tools
            .subagents
            .as_ref()
            .and_then(|scoped| scoped.tools.as_ref());
        let own = own.map(|policy| Layer {
            is_strict: true,
            ..tool_policy("tools.subagents.tools", policy)
        });
        std::iter::once(never).chain(own).collect()
    }
}

/// The entry for a model: that of `provider/model` before that of its provider.
fn by_provider<'a>(
    entries: Option<&'a BTreeMap<String, ProfilePolicy>>,
    key: &str,
    model: &ModelRef,
) -> Option<(String, &'a ProfilePolicy)> {
    let whole = model.to_string();
    [whole.as_str(), model.provider.as_str()]
        .into_iter()
        .find_map(|wanted| {
            entries?
                .iter()
                .find(|(name, _)| name.trim().eq_ignore_ascii_case(wanted))
        })
        .map(|(name, policy)| (format!("{key}.byProvider[{name}]"), policy))
}

/// Where the file may set a profile, and the list of tools beside it.
type ProfileSource<'a> = (&'a str, Option<ToolProfile>, Option<&'a Vec<String>>);

/// The first profile that is set, with the first list of tools beside it.
fn profile(sources: [ProfileSource<'_>; 2]) -> Option<Layer> {
    let (key, profile) = sources
        .iter()
        .find_map(|(key, profile, _)| Some((*key, (*profile)?)))?;
    let also = sources.iter().find_map(|(_, _, also)| *also);
    let mut allow: Vec<String> = names::of_profile(profile)?
        .iter()
        .map(|entry| (*entry).to_owned())
        .collect();
    allow.extend(also.into_iter().flatten().cloned());
    Some(Layer {
        allow_key: format!("{key}.profile ({profile})"),
        allow: Some(allow),
        deny_key: String::new(),
        deny: Vec::new(),
        is_strict: false,
    })
}

/// The first entry that says something about this sender or about everybody.
fn of_group(scope: &ToolPolicyScope<'_>) -> Option<Layer> {
    scope.groups.iter().find_map(|rules| {
        let by_sender = rules.by_sender.and_then(|entries| {
            let of = |wanted: &str| {
                entries.iter().find(|(name, _)| {
                    let name = name.trim().trim_start_matches('@');
                    name.eq_ignore_ascii_case(wanted.trim_start_matches('@'))
                })
            };
            scope
                .senders
                .iter()
                .find_map(|sender| of(sender))
                .or_else(|| of("*"))
        });
        match by_sender {
            Some((name, policy)) => Some(tool_policy(
                &format!("{}.toolsBySender[{name}]", rules.key),
                policy,
            )),
            None => Some(tool_policy(&format!("{}.tools", rules.key), rules.tools?)),
        }
    })
}

fn tool_policy(key: &str, policy: &ToolPolicy) -> Layer {
    list(
        key,
        policy.allow.as_ref(),
        policy.also_allow.as_ref(),
        policy.deny.as_ref(),
    )
}

/// A layer of lists. `alsoAllow` without `allow` is everything and these.
fn list(
    key: &str,
    allow: Option<&Vec<String>>,
    also_allow: Option<&Vec<String>>,
    deny: Option<&Vec<String>>,
) -> Layer {
    let allow = allow.filter(|list| !list.is_empty());
    Layer {
        allow_key: format!("{key}.allow"),
        allow: allow.map(|list| {
            list.iter()
                .chain(also_allow.into_iter().flatten())
                .cloned()
                .collect()
        }),
        deny_key: format!("{key}.deny"),
        deny: deny.cloned().unwrap_or_default(),
        is_strict: false,
    }
}

impl Layer {
    /// Takes back what the layer allows where that names none of the program's own tools: a misspelt list must not leave an
    /// agent without any. Gives the sentence about it.
    fn without_foreign_list(&mut self, tools: &[&str]) -> Option<String> {
        let allow = self.allow.as_ref().filter(|_| !self.is_strict)?;
        if allow.iter().any(|entry| names::has_built_in(entry)) {
            return None;
        }
        let unknown: Vec<&str> = allow
            .iter()
            .map(String::as_str)
            .filter(|entry| !tools.iter().any(|tool| names::matches(entry, tool)))
            .collect();
        let what = match unknown.is_empty() {
            true => "names tools of plugins only".to_owned(),
            false => format!("names no tool that is known ({})", unknown.join(", ")),
        };
        let sentence = format!(
            "{} {what}, so it is left aside and every tool stays allowed; name tools such as read or groups such as group:fs there.",
            self.allow_key
        );
        self.allow = None;
        Some(sentence)
    }

    /// Why a tool is removed here, if it is.
    fn removes(&self, tool: &str) -> Option<Removal> {
        let denied = self.deny.iter().find(|entry| names::matches(entry, tool));
        if let Some(entry) = denied {
            return Some(Removal::Denied {
                key: self.deny_key.clone(),
                entry: entry.clone(),
            });
        }
        let allow = self.allow.as_ref()?;
        let allows = |name: &str| allow.iter().any(|entry| names::matches(entry, name));
        // Whoever may run any command may change files by patch, and whoever may read may read apart: what a call of
        // `extract` reads with must be allowed by itself.
        let is_allowed = allows(tool)
            || (names::is(tool, "apply_patch") && allows("exec"))
            || (names::is(tool, "extract") && (allows("read") || allows("web_fetch")));
        (!is_allowed).then(|| Removal::NotAllowed {
            key: self.allow_key.clone(),
        })
    }
}

#[cfg(test)]
mod tests;
