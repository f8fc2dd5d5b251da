//! Who may talk with an agent, on any channel: one function, asked before a model is.
//!
//! A channel says who wrote, where, and what the message mentions, in its own ids. [`AccessRules`] are the owner's
//! settings for one account of one channel; [`AccessRules::admit`] says what becomes of the message. Strangers cost
//! nothing: no model is asked about them.

mod elevated;
mod group;
mod mention;
mod names;
mod pairing;
mod rules;
#[cfg(test)]
mod tests;

use std::fmt;

pub use elevated::{ElevatedAccess, ElevatedAsker, FailingGate};
pub use mention::{Mention, MentionPatterns, activation};
pub use names::Sender;
pub use pairing::{
    PairingError, PairingRequest, PairingStore, Requested, id_label, reply as pairing_reply,
};
pub use rules::AccessRules;
pub(crate) use rules::Settings;

/// Where a message was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place<'a> {
    /// In a chat of two.
    Direct,
    /// Where others read along.
    Group(&'a [GroupName<'a>]),
}

/// One step on the way to a group: all names by which a configuration may call it, its id first. A guild and a channel in
/// it, or a group and a topic in it, are two steps.
pub type GroupName<'a> = &'a [&'a str];

/// A message, as far as access is concerned.
#[derive(Debug, Clone, Copy)]
pub struct Inbound<'a> {
    /// Who wrote it.
    pub sender: &'a Sender,
    /// Where.
    pub place: Place<'a>,
    /// Whether it speaks to the agent.
    pub mention: Mention,
    /// Whether it is nothing but an order to the program (`/status`).
    pub is_command: bool,
}

/// Who a sender is to the owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// Nobody knows them: let in by `*` or an open policy.
    Stranger,
    /// The owner let them in, by pairing or in a list for groups.
    Paired,
    /// The owner: the account's own number, or named in `allowFrom`.
    Owner,
}

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It is answered.
    Admit(Admitted),
    /// It is kept as context for the next answer in this group, and not answered.
    Overhear(Admitted),
    /// The sender gets a code that the owner must confirm.
    Pair,
    /// Nothing. The sender is told nothing either.
    Drop(Dropped),
}

/// Who was let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admitted {
    /// Who they are to the owner.
    pub standing: Standing,
    /// Whether their commands are carried out.
    pub may_command: bool,
}

/// Why a message is dropped, for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dropped {
    /// Direct messages are switched off.
    DirectDisabled,
    /// The sender is on no list.
    SenderNotListed,
    /// Groups are switched off.
    GroupsDisabled,
    /// This group is switched off.
    GroupDisabled,
    /// The group is on no list.
    GroupNotListed,
    /// A command from somebody who may give none.
    CommandNotAllowed,
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DirectDisabled => "direct messages are disabled (dmPolicy)",
            Self::SenderNotListed => "the sender is on no list (allowFrom, groupAllowFrom, users)",
            Self::GroupsDisabled => "groups are disabled (groupPolicy)",
            Self::GroupDisabled => "this group is disabled",
            Self::GroupNotListed => "this group is not listed",
            Self::CommandNotAllowed => "a command from a sender who may give none",
        })
    }
}
