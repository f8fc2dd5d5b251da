//! The owner's settings about who may talk, read for one account of one channel, and the decision.

use moltbot_config::schema::Id;
use moltbot_config::schema::channels::{DmPolicy, GroupPolicy};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::group::{Entry, Groups, Shape};
use super::names::People;
use super::{Admission, Admitted, Dropped, Inbound, Place, Standing};

/// Who may talk with the agents through one account of one channel.
#[derive(Debug, Clone)]
pub struct AccessRules {
    channel: String,
    direct: DmPolicy,
    /// Those named in the owner's file.
    people: People,
    groups: Groups,
    /// Those named for groups.
    group_people: People,
    /// `commands.useAccessGroups`: commands only from those on a list.
    commands_need_list: bool,
}

impl AccessRules {
    /// Reads the rules out of a resolved configuration ([`moltbot_config::Snapshot::value`]). What an account leaves out
    /// it takes from its channel. A channel without a block, and what is missing, is closed: pairing for direct chats, no
    /// groups.
    pub fn from_config(config: &Value, channel: &str, account: &str) -> Self {
        let block = config.get("channels").and_then(|all| all.get(channel));
        let own = block.and_then(|block| block.get("accounts")?.get(account));
        let settings = Settings([own, block]);
        let dm = settings.nested("dm");
        let default = config.pointer("/channels/defaults/groupPolicy").cloned();
        let direct = match dm.get("enabled") == Some(Value::Bool(false)) {
            true => DmPolicy::Disabled,
            false => settings
                .read("dmPolicy")
                .or_else(|| dm.read("policy"))
                .unwrap_or(DmPolicy::Pairing),
        };
        let people: Vec<Id> = settings
            .read("allowFrom")
            .or_else(|| dm.read("allowFrom"))
            .unwrap_or_default();
        // An empty list for groups says nothing, as one that is not there.
        let for_groups: Vec<Id> = settings.read("groupAllowFrom").unwrap_or_default();
        let shape = Shape::of(channel);
        let for_groups = match (for_groups.is_empty(), shape.takes_direct_list()) {
            (true, true) => &people,
            _ => &for_groups,
        };
        let listed = settings.read::<Map<String, Value>>(shape.key());
        Self {
            direct,
            people: People::new(channel, &people),
            group_people: People::new(channel, for_groups),
            groups: Groups {
                policy: settings
                    .read("groupPolicy")
                    .or_else(|| serde_json::from_value(default?).ok())
                    .unwrap_or(GroupPolicy::Allowlist),
                listed: listed
                    .iter()
                    .flatten()
                    .map(|(name, value)| Entry::read(channel, name, value, shape))
                    .collect(),
                requires_mention: settings.read("requireMention"),
                shape,
            },
            commands_need_list: config
                .pointer("/commands/useAccessGroups")
                .and_then(Value::as_bool)
                .unwrap_or(true),
            channel: channel.to_owned(),
        }
    }

    /// What becomes of a message. `paired` are the ids that the owner confirmed on this channel
    /// ([`super::PairingStore::allowed`]); `requires_mention` is the session's own choice ([`super::activation`]).
    pub fn admit(
        &self,
        message: &Inbound<'_>,
        paired: &[String],
        requires_mention: Option<bool>,
    ) -> Admission {
        match message.place {
            Place::Direct => self.direct(message, paired),
            Place::Group(path) => {
                let found = match self.groups.find(&self.channel, path) {
                    Ok(found) => found,
                    Err(dropped) => return Admission::Drop(dropped),
                };
                let listed = self.group_people(paired);
                let senders = found.senders.as_ref();
                let let_in = match (senders, self.groups.policy) {
                    (Some(senders), _) => senders.admits(&self.channel, message.sender),
                    (None, GroupPolicy::Open) => true,
                    (None, _) if self.groups.shape.is_map() && listed.is_empty() => true,
                    (None, _) => listed.admits(&self.channel, message.sender),
                };
                if !let_in {
                    return Admission::Drop(Dropped::SenderNotListed);
                }
                let admitted = self.admitted(message, &[senders, Some(&listed)], paired);
                if message.is_command && !admitted.may_command {
                    return Admission::Drop(Dropped::CommandNotAllowed);
                }
                let needs_mention = requires_mention.unwrap_or(found.requires_mention);
                // An order to the program needs no mention, unless it is meant for another bot.
                let is_order = message.is_command && !message.mention.is_for_others();
                let told = message.mention.is_for_agent() || is_order;
                match needs_mention && message.mention.can_be_told && !told {
                    true => Admission::Overhear(admitted),
                    false => Admission::Admit(admitted),
                }
            }
        }
    }

    fn direct(&self, message: &Inbound<'_>, paired: &[String]) -> Admission {
        if self.direct == DmPolicy::Disabled {
            return Admission::Drop(Dropped::DirectDisabled);
        }
        let stored = People::default().with_names(&self.channel, paired);
        let sender = message.sender;
        let let_in = sender.is_self
            || self.people.admits(&self.channel, sender)
            || stored.admits(&self.channel, sender);
        if !let_in {
            return match self.direct {
                DmPolicy::Pairing => Admission::Pair,
                // `open` without `*` in the list lets in nobody else; the check of the file says so.
                _ => Admission::Drop(Dropped::SenderNotListed),
            };
        }
        let admitted = self.admitted(message, &[Some(&self.people), Some(&stored)], paired);
        match message.is_command && !admitted.may_command {
            true => Admission::Drop(Dropped::CommandNotAllowed),
            false => Admission::Admit(admitted),
        }
    }

    /// Those who may write in groups that have no list of their own.
    fn group_people(&self, paired: &[String]) -> People {
        match self.groups.shape.takes_paired(&self.channel) {
            true => self.group_people.clone().with_names(&self.channel, paired),
            false => self.group_people.clone(),
        }
    }

    /// Who somebody is that was let in by one of these lists, or by an open policy.
    fn admitted(
        &self,
        message: &Inbound<'_>,
        lists: &[Option<&People>],
        paired: &[String],
    ) -> Admitted {
        let (channel, sender) = (self.channel.as_str(), message.sender);
        let lists = || lists.iter().copied().flatten();
        let stored = People::default().with_names(channel, paired);
        let standing = if sender.is_self || self.people.names(channel, sender) {
            Standing::Owner
        } else if stored.names(channel, sender) || lists().any(|list| list.names(channel, sender)) {
            Standing::Paired
        } else {
            Standing::Stranger
        };
        let is_listed = standing > Standing::Stranger || lists().any(People::is_everybody);
        Admitted {
            standing,
            may_command: is_listed || !self.commands_need_list,
        }
    }
}

/// Settings of an account, then of its channel.
pub(crate) struct Settings<'a>([Option<&'a Value>; 2]);

impl<'a> Settings<'a> {
    /// Those of an account of this name; of the channel alone where none is named.
    pub(crate) fn of(block: &'a Value, account: Option<&str>) -> Self {
        let own = account.and_then(|name| block.get("accounts")?.get(name));
        Self([own, Some(block)])
    }

    fn get(&self, key: &str) -> Option<Value> {
        let mut found = self.0.iter().flatten().filter_map(|block| block.get(key));
        found.next().cloned()
    }

    /// A setting in its type. The file was checked when it was loaded; what still does not fit counts as missing, which
    /// is the closed side everywhere.
    pub(crate) fn read<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        serde_json::from_value(self.get(key)?).ok()
    }

    /// Those of a block within.
    pub(crate) fn nested(&self, key: &str) -> Self {
        Self(self.0.map(|block| block?.get(key)))
    }
}
