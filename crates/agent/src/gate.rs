//! The one place where it is decided whether a tool call is done.

use std::sync::Arc;

use async_trait::async_trait;

use crate::tool::{Effect, Plan, Scene};

/// Asks the owner about one call.
#[async_trait]
pub trait Approver: Send + Sync {
    /// Whether it may be done. Waits for the answer.
    async fn approve(&self, question: &Question) -> bool;
}

/// A call that the owner is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The tool.
    pub tool: String,
    /// What it would do.
    pub plan: Plan,
    /// The conversation that it belongs to.
    pub session_key: String,
}

/// What was decided about a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is done.
    Allow,
    /// It is not done; the model is told why, in this sentence.
    Refuse(String),
}

/// Decides about calls. Running programs and writing outside the workspace need the owner's word; with nobody to ask,
/// they are refused.
#[derive(Clone, Default)]
pub struct Gate {
    approver: Option<Arc<dyn Approver>>,
}

impl Gate {
    /// A gate with nobody to ask.
    pub fn closed() -> Self {
        Self::default()
    }

    /// A gate that asks where it must.
    pub fn asking(approver: Arc<dyn Approver>) -> Self {
        Self {
            approver: Some(approver),
        }
    }

    /// Decides about one call. Every call goes through here, whatever the tool.
    pub async fn decide(&self, tool: &str, plan: &Plan, scene: &Scene<'_>) -> Verdict {
        if !needs_a_word(plan.effect) {
            return Verdict::Allow;
        }
        let Some(approver) = &self.approver else {
            return Verdict::Refuse(format!(
                "Not allowed: {tool} would {} ({}), and nobody can be asked here. Tell the owner what you wanted to do; in moltbot chat at a terminal the owner can allow it.",
                plan.effect.describe(),
                plan.detail,
            ));
        };
        let question = Question {
            tool: tool.to_owned(),
            plan: plan.clone(),
            session_key: scene.session.key.clone(),
        };
        match approver.approve(&question).await {
            true => Verdict::Allow,
            false => Verdict::Refuse(format!(
                "The owner said no to this call of {tool}. Do not try it again in another way; go on without it, or ask."
            )),
        }
    }
}

/// What is not done unasked.
fn needs_a_word(effect: Effect) -> bool {
    match effect {
        Effect::Speaks
        | Effect::ReadsOwn
        | Effect::ReadsPrivate
        | Effect::ReadsOutside
        | Effect::ChangesWorkspace
        | Effect::Delegates => false,
        Effect::Sends | Effect::ChangesOutside | Effect::RunsCode | Effect::ChangesItself => true,
    }
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate")
            .field("asks", &self.approver.is_some())
            .finish()
    }
}
