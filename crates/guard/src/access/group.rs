//! Groups: which of them are answered.

use moltbot_config::schema::Id;
use moltbot_config::schema::channels::GroupPolicy;
use serde_json::{Map, Value};

use super::names::{People, plain};
use super::{Dropped, GroupName};

/// How a channel's settings name groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// A list of senders for all groups, and a map `groups` that may narrow it (Telegram, WhatsApp, Signal, …).
    Lists,
    /// A map of groups, each with its own senders, under this key; the key of what is inside a group, if anything is.
    Map(&'static str, Option<&'static str>),
}

impl Shape {
    pub(super) fn of(channel: &str) -> Self {
        match channel {
            "discord" => Self::Map("guilds", Some("channels")),
            "slack" => Self::Map("channels", None),
            "msteams" => Self::Map("teams", Some("channels")),
            "googlechat" => Self::Map("groups", None),
            _ => Self::Lists,
        }
    }

    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Lists => "groups",
            Self::Map(key, _) => key,
        }
    }

    pub(super) fn is_map(self) -> bool {
        matches!(self, Self::Map(..))
    }

    /// Whether those who may write directly may write in groups where nothing else is said.
    pub(super) fn takes_direct_list(self) -> bool {
        !self.is_map()
    }

    /// Whether those whom the owner confirmed may write in groups, too.
    pub(super) fn takes_paired(self, channel: &str) -> bool {
        (!self.is_map() && channel != "whatsapp") || channel == "msteams"
    }

    /// The key of what is inside a group, and whether a list there keeps others out.
    fn inside(self) -> (&'static str, bool) {
        match self {
            Self::Lists => ("topics", false),
            Self::Map(_, inside) => (inside.unwrap_or("topics"), true),
        }
    }
}

/// A group in the settings, or what is inside one.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// In the form in which names are compared; `*` for all others.
    name: String,
    is_off: bool,
    senders: Option<People>,
    requires_mention: Option<bool>,
    inside: Vec<Entry>,
}

impl Entry {
    pub(super) fn read(channel: &str, name: &str, value: &Value, shape: Shape) -> Self {
        let flag = |key: &str| value.get(key).and_then(Value::as_bool);
        let people = value.get("allowFrom").or_else(|| value.get("users"));
        let people: Option<Vec<Id>> =
            people.and_then(|list| serde_json::from_value(list.clone()).ok());
        let inside = value.get(shape.inside().0).and_then(Value::as_object);
        Self {
            name: group_name(channel, name),
            is_off: flag("enabled") == Some(false) || flag("allow") == Some(false),
            senders: people
                .filter(|people| !people.is_empty())
                .map(|people| People::new(channel, &people)),
            requires_mention: flag("requireMention"),
            inside: inside
                .iter()
                .flat_map(|all: &&Map<String, Value>| all.iter())
                .map(|(name, value)| Self::read(channel, name, value, shape))
                .collect(),
        }
    }
}

/// The settings about groups.
#[derive(Debug, Clone)]
pub(super) struct Groups {
    pub(super) policy: GroupPolicy,
    pub(super) listed: Vec<Entry>,
    pub(super) requires_mention: Option<bool>,
    pub(super) shape: Shape,
}

/// What holds in a group.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Its own list of senders.
    pub(super) senders: Option<People>,
    pub(super) requires_mention: bool,
}

impl Groups {
    /// What holds at the end of a path of names.
    ///
    /// # Errors
    /// Why nothing is answered there.
    pub(super) fn find(&self, channel: &str, path: &[GroupName<'_>]) -> Result<Found, Dropped> {
        if self.policy == GroupPolicy::Disabled {
            return Err(Dropped::GroupsDisabled);
        }
        let must_be_listed =
            self.shape.is_map() && self.policy == GroupPolicy::Allowlist && self.listed.is_empty();
        if must_be_listed && !path.is_empty() {
            return Err(Dropped::GroupNotListed);
        }
        let mut found = Found {
            senders: None,
            requires_mention: self.requires_mention.unwrap_or(true),
        };
        let mut level: &[Entry] = &self.listed;
        let mut keeps_out = true;
        for names in path {
            let own = level.iter().find(|entry| {
                names
                    .iter()
                    .any(|name| entry.name == group_name(channel, name))
            });
            let others = level.iter().find(|entry| entry.name == "*");
            if own.is_none() && others.is_none() {
                match keeps_out && !level.is_empty() {
                    true => return Err(Dropped::GroupNotListed),
                    false => break,
                }
            }
            if own.or(others).is_some_and(|entry| entry.is_off) {
                return Err(Dropped::GroupDisabled);
            }
            let entries = || own.into_iter().chain(others);
            if let Some(senders) = own.or(others).and_then(|entry| entry.senders.clone()) {
                found.senders = Some(senders);
            }
            if let Some(requires) = entries().find_map(|entry| entry.requires_mention) {
                found.requires_mention = requires;
            }
            level = own.or(others).map_or(&[], |entry| &entry.inside);
            keeps_out = self.shape.inside().1;
        }
        Ok(found)
    }
}

/// A group's name in the form in which names are compared: without `#`, in lower case.
fn group_name(channel: &str, name: &str) -> String {
    let name = plain(channel, name);
    name.strip_prefix('#').map_or(name.clone(), str::to_owned)
}
