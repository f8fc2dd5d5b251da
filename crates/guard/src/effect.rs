//! What a tool call does to the world.

use serde::{Deserialize, Serialize};

/// The kinds of things that tools do, mildest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Says something to the person of its own conversation.
    Speaks,
    /// Reads what belongs to the conversation, the workspace or the agent.
    ReadsOwn,
    /// Reads files elsewhere on the machine, or an account of the owner's.
    ReadsPrivate,
    /// Reads from outside: the web, a server of somebody else's.
    ReadsOutside,
    /// Writes in the workspace.
    ChangesWorkspace,
    /// Gives work or words to another conversation or agent of the owner's.
    Delegates,
    /// Changes an account of the owner's: a calendar, a drive, a profile. Where somebody hears of it, it also sends.
    ChangesAccount,
    /// Sends something to somebody: words, money, access.
    Sends,
    /// Writes elsewhere on the machine.
    ChangesOutside,
    /// Runs a program.
    RunsCode,
    /// Changes what the agent is: configuration, skills, schedules.
    ChangesItself,
}

impl Effect {
    /// All kinds, mildest first.
    pub const ALL: [Self; 11] = [
        Self::Speaks,
        Self::ReadsOwn,
        Self::ReadsPrivate,
        Self::ReadsOutside,
        Self::ChangesWorkspace,
        Self::Delegates,
        Self::ChangesAccount,
        Self::Sends,
        Self::ChangesOutside,
        Self::RunsCode,
        Self::ChangesItself,
    ];

    /// What a call of this kind does, to continue "The agent wants to".
    pub fn describe(self) -> &'static str {
        match self {
            Self::Speaks => "say",
            Self::ReadsOwn => "read",
            Self::ReadsPrivate => "read outside its workspace",
            Self::ReadsOutside => "fetch",
            Self::ChangesWorkspace => "write in its workspace",
            Self::Delegates => "hand on work",
            Self::ChangesAccount => "change an account of yours",
            Self::Sends => "send",
            Self::ChangesOutside => "write outside its workspace",
            Self::RunsCode => "run",
            Self::ChangesItself => "change its own set-up",
        }
    }
}

/// How a call that changes something does so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Manner {
    /// Something new comes to be, and nothing that was there is touched.
    Adds,
    /// Something that was there becomes another.
    #[default]
    Changes,
    /// Something that was there is gone.
    Removes,
}
