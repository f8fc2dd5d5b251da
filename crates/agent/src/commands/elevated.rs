//! `/elevated`: whether commands of a sandboxed conversation run outside of it.

use super::levels;
use super::obey::{CommandError, Conversation, current_level, unrecognized};
use super::parse::Directives;
use crate::agent::Agent;
use crate::elevated::{ELEVATED_LEVEL, ElevatedLevel};

const OPTIONS: &str = "on, off, ask, full";

impl Agent {
    pub(super) async fn elevated_command(
        &self,
        level: &str,
        conversation: &mut Conversation,
    ) -> Result<String, CommandError> {
        if level.is_empty() {
            let current = self.elevated(&conversation.session);
            return Ok(current_level("elevated", current.as_str(), OPTIONS));
        }
        let Some(read) = levels::elevated(level) else {
            return Ok(unrecognized("elevated", level, OPTIONS));
        };
        // Anybody who may give commands may go back into the sandbox.
        if read != ElevatedLevel::Off
            && let Some(refusal) = self.elevated_refusal(&conversation.session, &conversation.peer)
        {
            return Ok(refusal);
        }
        self.keep(conversation, ELEVATED_LEVEL, read.as_str())
            .await?;
        let said = match read {
            ElevatedLevel::Off => "⚙️ Elevated mode disabled.",
            ElevatedLevel::On | ElevatedLevel::Ask => {
                "⚙️ Elevated mode set to ask (approvals may still apply)."
            }
            ElevatedLevel::Full => "⚙️ Elevated mode set to full (auto-approve).",
        };
        Ok(match self.sandboxed(&conversation.session.key) {
            Some(_) => said.to_owned(),
            None => format!("{said}\n⚙️ Runtime is direct; sandboxing does not apply."),
        })
    }

    /// What is said where a message orders what its sender may not; the order is taken out of it.
    pub(super) fn without_refused_elevation(
        &self,
        directives: &mut Directives,
        conversation: &Conversation,
    ) -> Option<String> {
        directives
            .elevated
            .filter(|level| *level != ElevatedLevel::Off)?;
        let refusal = self.elevated_refusal(&conversation.session, &conversation.peer)?;
        directives.elevated = None;
        Some(refusal)
    }
}
