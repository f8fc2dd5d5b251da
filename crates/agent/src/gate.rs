//! The one place where it is decided whether a tool call is done. What to decide is the guard's; here the owner is asked.

use std::sync::Arc;

use async_trait::async_trait;
use moltbot_guard::{Decision, Evidence, Plan, Preset, decide};

use crate::agents::is_subagent;
use crate::tool::Scene;

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
    /// The rule by which it is asked.
    pub rule: &'static str,
    /// Why it is asked, in words for the owner. May quote what the model wrote.
    pub reason: String,
    /// Which sub-agent wants to do it; `None` where the agent itself does.
    pub subagent: Option<String>,
}

/// What was decided about a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is done.
    Allow,
    /// It is not done; the model is told why, in this sentence.
    Refuse(String),
}

/// Decides about calls by the rules of a preset. What the owner must be asked about is refused where nobody can be.
#[derive(Clone, Default)]
pub struct Gate {
    approver: Option<Arc<dyn Approver>>,
    preset: Preset,
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
            preset: Preset::default(),
        }
    }

    /// The same by the rules of this preset.
    #[must_use]
    pub fn with_preset(mut self, preset: Preset) -> Self {
        self.preset = preset;
        self
    }

    /// The preset by whose rules it decides.
    pub fn preset(&self) -> Preset {
        self.preset
    }

    /// Decides about one call. Every call goes through here, whatever the tool. What the owner says yes to is evidence
    /// from then on.
    pub async fn decide(
        &self,
        tool: &str,
        plan: &Plan,
        evidence: &mut Evidence,
        scene: &Scene<'_>,
    ) -> Verdict {
        let decision = decide(plan, evidence, self.preset);
        let verdict = self.carry_out(tool, plan, &decision, scene).await;
        if verdict == Verdict::Allow && decision.verdict == moltbot_guard::Verdict::Ask {
            evidence.approved(plan);
        }
        tracing::info!(
            tool,
            effect = ?plan.effect,
            detail = plan.detail,
            verdict = ?decision.verdict,
            rule = decision.rule,
            allowed = (verdict == Verdict::Allow),
            "tool call"
        );
        verdict
    }

    async fn carry_out(
        &self,
        tool: &str,
        plan: &Plan,
        decision: &Decision,
        scene: &Scene<'_>,
    ) -> Verdict {
        let Plan { effect, detail, .. } = plan;
        let (effect, reason) = (effect.describe(), &decision.reason);
        let approver = match (decision.verdict, &self.approver) {
            (moltbot_guard::Verdict::Allow, _) => return Verdict::Allow,
            (moltbot_guard::Verdict::Refuse, _) => {
                return Verdict::Refuse(format!(
                    "Not allowed: {tool} would {effect} ({detail}). {reason} Do not try it again in another way; tell the owner what you wanted to do."
                ));
            }
            (moltbot_guard::Verdict::Ask, None) => {
                return Verdict::Refuse(format!(
                    "Not allowed: {tool} would {effect} ({detail}), and nobody can be asked here. {reason} Tell the owner what you wanted to do; in moltbot chat at a terminal the owner can allow it."
                ));
            }
            (moltbot_guard::Verdict::Ask, Some(approver)) => approver,
        };
        let question = Question {
            tool: tool.to_owned(),
            plan: plan.clone(),
            session_key: scene.session.key.clone(),
            rule: decision.rule,
            reason: decision.reason.clone(),
            subagent: is_subagent(scene.session).then(|| {
                let label = scene.session.label.clone();
                label.unwrap_or_else(|| scene.session.key.clone())
            }),
        };
        match approver.approve(&question).await {
            true => Verdict::Allow,
            false => Verdict::Refuse(format!(
                "The owner said no to this call of {tool}. Do not try it again in another way; go on without it, or ask."
            )),
        }
    }
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate")
            .field("asks", &self.approver.is_some())
            .field("preset", &self.preset)
            .finish()
    }
}
