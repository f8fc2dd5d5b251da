//! Something that a trusted source told of, field by field.

use serde::{Deserialize, Serialize};

use crate::plan::Target;

/// Something that a trusted source told of, field by field: an event with its id and guests, a contact with its address.
/// Only fields that the source itself vouches for belong here, never what somebody else wrote into it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Item {
    /// The values that the source vouches for.
    pub values: Vec<Target>,
    /// What it goes by: a file's name, an event's title, a contact's name.
    pub names: Vec<String>,
    /// What was searched for, where it is the only thing that was found.
    pub sole_answer_to: Vec<String>,
    /// Whether it needs no words of the owner's: a call that was allowed has made it, or a search engine found it.
    pub stands_alone: bool,
    /// Whether only the owner, or whom the owner let in, can bring such a thing about: a contact, a standing order. A mail,
    /// an invitation or a shared file comes from anybody, who also chose what it goes by and whom it names.
    pub own: bool,
    /// Whether it is a person whom the owner knows: a contact, a member of the owner's workspace, somebody to whom the
    /// owner wrote. Then any part of the name may lead to it.
    pub person: bool,
    /// The words that a call of this conversation wrote into it. Whoever gets it gets to read them.
    pub holds: Vec<String>,
    /// Who gave the amount in it to the owner, which can be given back. A tool that tells of this tells of each payment
    /// that it makes, too, as an item with its amount: what was given is given back once.
    pub given_by: Option<String>,
}
