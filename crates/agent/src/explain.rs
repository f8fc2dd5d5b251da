//! What would be decided about a call, without making it.

use moltbot_guard::{Decision, Grade, Label, Plan, Target, decide};
use moltbot_store::Session;
use thiserror::Error;

use crate::agent::Agent;
use crate::arguments;
use crate::commands::Peer;
use crate::context::Context;
use crate::elevated::ElevatedOrder;
use crate::history::{History, HistoryError};
use crate::tool::Scene;

/// What would be decided about a call, and on what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// What the call would do.
    pub plan: Plan,
    /// What would be decided.
    pub decision: Decision,
    /// What the conversation has read.
    pub label: Label,
    /// How well each target is founded.
    pub targets: Vec<(Target, Grade)>,
}

/// A call that cannot be explained.
#[derive(Debug, Error)]
pub enum ExplainError {
    /// There is no such tool.
    #[error("There is no tool {0}. There are: {1}.")]
    UnknownTool(String, String),
    /// The arguments do not fit the tool.
    #[error("{0}")]
    Arguments(String),
    /// The conversation cannot be read.
    #[error(transparent)]
    History(#[from] HistoryError),
}

impl Agent {
    /// What would be decided about a call of a tool, its arguments as JSON text, in a conversation as it stands; one that has
    /// not begun has read nothing. Rules
    /// about which tools there are, such as `tools.deny`, come before and are not asked here.
    ///
    /// # Errors
    /// See [`ExplainError`].
    pub async fn explain(
        &self,
        session: &Session,
        tool: &str,
        arguments: &str,
    ) -> Result<Explanation, ExplainError> {
        let known = self.tools.get(tool).ok_or_else(|| {
            let names: Vec<&str> = self.tools.names().collect();
            ExplainError::UnknownTool(tool.to_owned(), names.join(", "))
        })?;
        let arguments = arguments::read(arguments, &known.spec(), known.aliases())
            .map_err(ExplainError::Arguments)?;
        let begun = self.store.session_by_id(&session.session_id).await;
        let context = match begun.map_err(HistoryError::from)? {
            Some(begun) => History::read(&self.store, &begun.session_id)
                .await?
                .into_context(),
            None => Context::default(),
        };
        let evidence = self
            .evidence(&session.session_id, &context, &self.tools)
            .await
            .map_err(HistoryError::from)?;
        // Whoever wants to know sits at this machine.
        let owner = Peer::at_this_machine();
        let order = ElevatedOrder {
            asked_by: Some(&owner),
            level: None,
        };
        let workplace = self.workplace_for(session, order);
        let scene = Scene {
            session,
            workspace: &workplace.folder,
            sandbox: workplace.sandbox.as_ref(),
            call_id: "",
            label: evidence.label(),
            decided: None,
        };
        let plan = known.plan(&arguments, &scene);
        let decision = decide(&plan, &evidence, self.gate.preset());
        let targets = plan.targets.iter();
        let targets = targets.map(|target| (target.clone(), evidence.grade_in(target, &plan)));
        Ok(Explanation {
            targets: targets.collect(),
            decision,
            label: evidence.label(),
            plan,
        })
    }
}
