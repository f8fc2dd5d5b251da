//! The one decision about a call.

use serde::Serialize;

use crate::effect::{Effect, Manner};
use crate::evidence::{Evidence, Grade, Wording};
use crate::plan::{Plan, Target, TargetKind};
use crate::rules::{Features, Preset, RULES, Rule, Verdict};

/// What was decided, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// What becomes of the call.
    pub verdict: Verdict,
    /// The rule that decided.
    pub rule: &'static str,
    /// Why, in words for the owner.
    pub reason: String,
}

/// Decides about a call. The same call in the same conversation is always decided the same way; nothing in it asks what
/// a text means, so nothing that a text says can change the answer.
pub fn decide(plan: &Plan, evidence: &Evidence, preset: Preset) -> Decision {
    if let Some(reason) = &plan.forbidden {
        return Decision {
            verdict: Verdict::Refuse,
            rule: "forbidden",
            reason: reason.clone(),
        };
    }
    let call = features(plan, evidence);
    let rule = RULES.iter().find(|rule| rule.when.fits(&call));
    let Some(rule) = rule else {
        // Each effect has a rule that fits any call; a test holds it.
        return Decision {
            verdict: Verdict::Ask,
            rule: "none",
            reason: "No rule is about this.".to_owned(),
        };
    };
    let verdict = rule.verdict(preset);
    Decision {
        verdict,
        rule: rule.id,
        reason: reason(rule, verdict, plan, evidence),
    }
}

fn reason(rule: &Rule, verdict: Verdict, plan: &Plan, evidence: &Evidence) -> String {
    let unfounded = |target: &&Target| {
        target.kind != TargetKind::Query && evidence.grade_in(target, plan) < Grade::Trusted
    };
    let unfounded = plan
        .targets
        .iter()
        .filter(unfounded)
        .map(|target| target.value.as_str());
    let unfounded: Vec<&str> = unfounded.collect();
    match verdict == Verdict::Allow || unfounded.is_empty() || plan.effect == Effect::RunsCode {
        true => rule.says.to_owned(),
        false => format!("{} Not from you: {}.", rule.says, unfounded.join(", ")),
    }
}

/// A call as the rules see it.
pub(crate) fn features(plan: &Plan, evidence: &Evidence) -> Features {
    let is_heard = plan
        .targets
        .iter()
        .any(|target| target.kind == TargetKind::Recipient);
    let worst = |wanted: &dyn Fn(&TargetKind) -> bool| {
        let targets = plan.targets.iter().filter(|target| wanted(&target.kind));
        targets.map(|target| evidence.grade_in(target, plan)).min()
    };
    let has = |kind: TargetKind| plan.targets.iter().any(|target| target.kind == kind);
    let label = evidence.label();
    let handed_on = plan
        .targets
        .iter()
        .flat_map(|target| evidence.held_by(target));
    let said = plan.content.iter().chain(handed_on);
    let wording = said.map(|text| evidence.wording(text)).min();
    Features {
        effect: match plan.effect {
            Effect::ChangesAccount if is_heard => Effect::Sends,
            effect => effect,
        },
        tainted: label.is_tainted(),
        private: label.visibility == crate::label::Visibility::Private,
        adds: plan.manner == Manner::Adds,
        removes: plan.manner == Manner::Removes,
        searches: !plan.targets.is_empty()
            && plan.targets.iter().all(|t| t.kind == TargetKind::Query),
        remembers: has(TargetKind::Memory),
        pays: has(TargetKind::Amount),
        listed: plan.listed,
        vouched: plan.vouched,
        receivers: worst(&TargetKind::receives),
        objects: worst(&|kind| !kind.receives() && *kind != TargetKind::Query),
        wording: wording.unwrap_or(Wording::Owners),
    }
}
