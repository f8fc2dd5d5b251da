//! Commands of a sandboxed conversation that run outside of it, where the person who asks ordered so.

use moltbot_agent::{Arguments, ElevatedLevel, Plan, Sandboxed, Scene};
use serde_json::Value;

/// Where the command of one call runs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    /// The scene as the command has it: without the sandbox that it leaves.
    pub(super) scene: Scene<'a>,
    /// The sandbox that it leaves; `None` where it runs where the conversation is.
    pub(super) left: Option<&'a Sandboxed>,
    is_unasked: bool,
}

impl<'a> Place<'a> {
    /// Where the conversation is.
    pub(super) fn of_conversation(scene: &Scene<'a>) -> Self {
        Self {
            scene: *scene,
            left: None,
            is_unasked: false,
        }
    }

    /// The place of a call.
    ///
    /// # Errors
    /// It asks to leave the sandbox and may not, in words for the model.
    pub(super) fn of(arguments: &Arguments, scene: &Scene<'a>) -> Result<Self, String> {
        let Some(sandbox) = scene.sandbox else {
            return Ok(Self::of_conversation(scene));
        };
        Ok(match sandbox.elevation.of_call(wanted(arguments))? {
            ElevatedLevel::Off => Self::of_conversation(scene),
            level => Self {
                scene: Scene {
                    sandbox: None,
                    ..*scene
                },
                left: Some(sandbox),
                is_unasked: level == ElevatedLevel::Full,
            },
        })
    }

    /// What the conversation is confined to, whether the command leaves it or not.
    pub(super) fn sandbox(&self) -> Option<&'a Sandboxed> {
        self.left.or(self.scene.sandbox)
    }

    /// The plan as the level has it: `full` is the owner's word that commands are not asked about, and counts like programs
    /// allowed for good. What is forbidden stays so, and what was read still counts.
    pub(super) fn judged(&self, mut plan: Plan) -> Plan {
        plan.listed |= self.is_unasked;
        plan
    }
}

/// Whether a call asks to leave the sandbox (`elevated`). It is not offered, but models of the original know it.
fn wanted(arguments: &Arguments) -> Option<bool> {
    match arguments.get("elevated")? {
        Value::Bool(wanted) => Some(*wanted),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// Whose the commands are that a sandboxed conversation runs outside: its own alone, since others of the same sandbox may
/// not leave it. `None` where it is not sandboxed.
pub(super) fn owner_outside(scene: &Scene<'_>) -> Option<String> {
    scene.sandbox?;
    let session = scene.session;
    Some(format!("{} outside {}", session.agent_id, session.key))
}

/// Why nothing may be typed into a command that runs outside; `None` where it may.
pub(super) fn typing_refused(scene: &Scene<'_>) -> Option<String> {
    let refused = scene.sandbox?.elevation.of_call(Some(true)).err()?;
    Some(refused.to_owned())
}
