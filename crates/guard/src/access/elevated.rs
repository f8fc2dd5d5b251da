//! Who may have commands run outside of a sandbox: `tools.elevated`, and an agent's own, which can only narrow it.

use std::collections::BTreeMap;
use std::fmt;

use moltbot_config::Snapshot;
use moltbot_config::schema::{AllowList, Elevated};

use super::names::{People, Sender};

/// Who asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ElevatedAsker<'a> {
    /// Whoever sits at this machine: they have a shell anyway, so no list is asked.
    AtThisMachine,
    /// Somebody who wrote on a channel.
    OnChannel(&'a str, &'a Sender),
    /// Nobody: what runs was not said by a person.
    Nobody,
}

/// Something that has to be otherwise before commands run outside. `Display` is its kind and where it is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailingGate {
    /// What kind of gate: `enabled`, `allowFrom`, `sender`, …
    pub gate: &'static str,
    /// The key that decides, or what it is about where no key does.
    pub key: String,
}

impl fmt::Display for FailingGate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.gate, self.key)
    }
}

/// One `elevated` block.
#[derive(Debug, Clone)]
struct Layer {
    /// Where it stands in the file.
    key: String,
    is_enabled: bool,
    /// `None`: the block has no list.
    lists: Option<BTreeMap<String, AllowList>>,
}

/// Who may have an agent's commands run outside of their sandbox.
#[derive(Debug, Clone)]
pub struct ElevatedAccess {
    all: Layer,
    own: Layer,
    /// `channels.discord.dm.allowFrom`, where `tools.elevated` has no list for Discord.
    discord: AllowList,
}

impl Layer {
    fn new(key: String, block: Option<&Elevated>) -> Self {
        Self {
            key,
            is_enabled: block.and_then(|block| block.enabled) != Some(false),
            lists: block.and_then(|block| block.allow_from.clone()),
        }
    }

    fn admits(&self, channel: &str, sender: &Sender, instead: &AllowList) -> bool {
        let own = self.lists.as_ref().and_then(|lists| lists.get(channel));
        People::new(channel, own.unwrap_or(instead)).admits(channel, sender)
    }

    fn list_key(&self, channel: &str) -> String {
        format!("{}.allowFrom.{channel}", self.key)
    }
}

impl ElevatedAccess {
    /// What the owner's file says about an agent.
    pub fn from_snapshot(snapshot: &Snapshot, agent_id: &str) -> Self {
        let config = &snapshot.config;
        let all = config.tools.as_ref().and_then(|all| all.elevated.as_ref());
        let agent = config.agents().agent(agent_id);
        let own = agent.and_then(|agent| agent.tools.as_ref()?.elevated.as_ref());
        let discord = snapshot.value.pointer("/channels/discord/dm/allowFrom");
        Self {
            all: Layer::new("tools.elevated".to_owned(), all),
            own: Layer::new(format!("agents.list.{agent_id}.tools.elevated"), own),
            // The file was checked when it was loaded; what still does not fit admits nobody.
            discord: discord
                .and_then(|list| serde_json::from_value(list.clone()).ok())
                .unwrap_or_default(),
        }
    }

    /// What stands in the way of somebody; nothing where they may.
    pub fn failing(&self, asker: ElevatedAsker<'_>) -> Vec<FailingGate> {
        let gate = |gate, key| FailingGate { gate, key };
        let disabled = [&self.all, &self.own]
            .into_iter()
            .filter(|layer| !layer.is_enabled)
            .map(|layer| gate("enabled", format!("{}.enabled", layer.key)));
        let disabled: Vec<FailingGate> = disabled.collect();
        if !disabled.is_empty() {
            return disabled;
        }
        match asker {
            ElevatedAsker::AtThisMachine => Vec::new(),
            ElevatedAsker::Nobody => vec![gate("sender", "nobody has said this".to_owned())],
            ElevatedAsker::OnChannel(channel, sender) => {
                let nobody = AllowList::new();
                let instead = match channel {
                    "discord" => &self.discord,
                    _ => &nobody,
                };
                if !self.all.admits(channel, sender, instead) {
                    return vec![gate("allowFrom", self.all.list_key(channel))];
                }
                let is_kept_out = self.own.lists.is_some()
                    && !self.own.admits(channel, sender, &AllowList::new());
                match is_kept_out {
                    true => vec![gate("allowFrom", self.own.list_key(channel))],
                    false => Vec::new(),
                }
            }
        }
    }

    /// `tools.elevated.allowFrom`.
    pub fn lists(&self) -> Option<&BTreeMap<String, AllowList>> {
        self.all.lists.as_ref()
    }

    /// The agent's own `allowFrom`.
    pub fn own_lists(&self) -> Option<&BTreeMap<String, AllowList>> {
        self.own.lists.as_ref()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use moltbot_config::{Environment, load_text};
    use serde_json::{Value, json};

    use super::*;

    fn access(tools: Value, own: Value, discord: Value) -> ElevatedAccess {
        let config = json!({
            "tools": {"elevated": tools},
            "agents": {"list": [{"id": "work", "tools": {"elevated": own}}]},
            "channels": {"discord": {"dm": {"allowFrom": discord}}},
        });
        let snapshot = load_text(&Environment::default(), &config.to_string()).unwrap();
        ElevatedAccess::from_snapshot(&snapshot, "work")
    }

    fn failing(access: &ElevatedAccess, asker: ElevatedAsker<'_>) -> String {
        let gates = access.failing(asker);
        let gates: Vec<String> = gates.iter().map(FailingGate::to_string).collect();
        gates.join(", ")
    }

    #[test]
    fn a_sender_passes_by_the_list_of_the_channel() {
        const LIST: &str = "allowFrom (tools.elevated.allowFrom.telegram)";
        let ann = Sender::new("42").with_handle("Ann_B");
        for (list, says) in [
            (json!({}), LIST),
            (json!({"telegram": []}), LIST),
            (json!({"whatsapp": ["*"]}), LIST),
            (json!({"telegram": [7, "bob"]}), LIST),
            // Another name is another person's.
            (json!({"telegram": ["ann-b", "annb", "ann"]}), LIST),
            (json!({"telegram": [42]}), ""),
            (json!({"telegram": ["tg:42"]}), ""),
            (json!({"telegram": [" @ANN_b "]}), ""),
            (json!({"telegram": ["*"]}), ""),
        ] {
            let access = access(json!({"allowFrom": list}), json!({}), json!([]));
            let asker = ElevatedAsker::OnChannel("telegram", &ann);
            assert_eq!(failing(&access, asker), says, "{list}");
        }
        let access = access(
            json!({"allowFrom": {"whatsapp": ["+49 170 123-45"]}}),
            json!({}),
            json!([]),
        );
        let by_number = Sender::new("4917012345@s.whatsapp.net");
        let asker = ElevatedAsker::OnChannel("whatsapp", &by_number);
        assert_eq!(failing(&access, asker), "");
        let nameless = Sender::new("");
        let asker = ElevatedAsker::OnChannel("whatsapp", &nameless);
        assert_ne!(failing(&access, asker), "");
    }

    #[test]
    fn an_agents_own_block_only_narrows() {
        let ann = Sender::new("42");
        let asker = ElevatedAsker::OnChannel("telegram", &ann);
        let open = json!({"allowFrom": {"telegram": ["*"]}});
        let own_list = "allowFrom (agents.list.work.tools.elevated.allowFrom.telegram)";
        for (all, own, says) in [
            (open.clone(), json!({"allowFrom": {"telegram": [42]}}), ""),
            (
                open.clone(),
                json!({"allowFrom": {"telegram": [7]}}),
                own_list,
            ),
            (open.clone(), json!({"allowFrom": {}}), own_list),
            (open.clone(), json!({"enabled": true}), ""),
            (
                json!({}),
                json!({"allowFrom": {"telegram": ["*"]}}),
                "allowFrom (tools.elevated.allowFrom.telegram)",
            ),
            (
                json!({"enabled": false, "allowFrom": {"telegram": ["*"]}}),
                json!({"enabled": true}),
                "enabled (tools.elevated.enabled)",
            ),
        ] {
            let access = access(all, own.clone(), json!([]));
            assert_eq!(failing(&access, asker), says, "{own}");
        }
    }

    #[test]
    fn whoever_sits_at_this_machine_is_on_no_list_and_nobody_else_is_let_in_unnamed() {
        let at_machine = ElevatedAsker::AtThisMachine;
        let nothing = access(json!({}), json!({}), json!([]));
        assert_eq!(failing(&nothing, at_machine), "");
        let listed = access(
            json!({"allowFrom": {"telegram": ["*"]}}),
            json!({"allowFrom": {"telegram": [7]}}),
            json!([]),
        );
        assert_eq!(failing(&listed, at_machine), "");
        let off = access(
            json!({"enabled": false}),
            json!({"enabled": false}),
            json!([]),
        );
        assert_eq!(
            failing(&off, at_machine),
            "enabled (tools.elevated.enabled), enabled (agents.list.work.tools.elevated.enabled)"
        );
        assert_eq!(
            failing(&listed, ElevatedAsker::Nobody),
            "sender (nobody has said this)"
        );
    }

    #[test]
    fn discord_falls_back_to_those_who_may_write_directly() {
        let ann = Sender::new("42");
        let asker = ElevatedAsker::OnChannel("discord", &ann);
        for (list, is_let_in) in [
            (json!({}), true),
            (json!({"telegram": [1]}), true),
            (json!({"discord": []}), false),
            (json!({"discord": [7]}), false),
        ] {
            let access = access(json!({"allowFrom": list}), json!({}), json!(["42"]));
            assert_eq!(failing(&access, asker).is_empty(), is_let_in, "{list}");
        }
        // An agent's own lists have no such help.
        let access = access(json!({}), json!({"allowFrom": {}}), json!(["42"]));
        assert_ne!(failing(&access, asker), "");
    }
}
