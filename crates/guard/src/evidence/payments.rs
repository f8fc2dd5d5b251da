//! Amounts: what may be paid, and what may be given back.

use crate::amount;
use crate::evidence::{Evidence, Grade, normal};
use crate::item::Item;
use crate::plan::{Plan, Target, TargetKind};

impl Evidence {
    /// An amount is founded that is no more than one that is known: that the owner said, or that went between the owner and
    /// whom it is to go to now. Any other must come of the owner's words and one that is known.
    pub(super) fn grade_of_amount(&self, value: &str, plan: Option<&Plan>) -> Grade {
        let Some(value) = amount::parse(value).filter(|value| *value > 0.0) else {
            return Grade::Unknown;
        };
        let targets = plan.iter().flat_map(|plan| &plan.targets);
        let receivers: Vec<Target> = targets
            .filter(|target| target.kind == TargetKind::Recipient)
            .map(normal)
            .collect();
        let goes_there = |item: &&Item| {
            receivers
                .iter()
                .all(|receiver| item.values.contains(receiver))
        };
        let amounts = |item: &Item| {
            let values = item.values.iter().filter(|v| v.kind == TargetKind::Amount);
            let amounts: Vec<f64> = values.filter_map(|v| amount::parse(&v.value)).collect();
            amounts
        };
        let said: Vec<f64> = self
            .said_numbers()
            .filter(|number| number.is_money)
            .map(|number| number.value)
            .collect();
        let went = self.items.iter().filter(goes_there).flat_map(amounts);
        let most = went.chain(said.iter().copied()).fold(0.0, f64::max);
        let percentages = self
            .said
            .iter()
            .flat_map(|said| amount::percentages(&said.text));
        let percentages: Vec<f64> = percentages.collect();
        let known: Vec<f64> = self.items.iter().flat_map(amounts).collect();
        match value <= most || amount::is_reckoned(value, &known, &said, &percentages) {
            true => Grade::Trusted,
            false => Grade::Unknown,
        }
    }

    /// Whether a call gives somebody back the very amount that the owner named, and that went only once: from there to the
    /// owner. Who would be paid by this has paid as much before.
    pub(super) fn is_given_back(&self, receiver: &Target, plan: &Plan) -> bool {
        let of_kind = |kind: TargetKind| {
            plan.targets
                .iter()
                .filter(move |target| target.kind == kind)
        };
        let mut amounts = of_kind(TargetKind::Amount);
        let (Some(amount), None) = (amounts.next(), amounts.next()) else {
            return false;
        };
        let is_alone = of_kind(TargetKind::Recipient).count() == 1 && plan.targets.len() == 2;
        let Some(value) = amount::parse(&amount.value).filter(|_| self.is_named(amount)) else {
            return false;
        };
        let went = self.items.iter().filter(|item| {
            item.values.iter().any(|held| {
                held.kind == TargetKind::Amount && amount::parse(&held.value) == Some(value)
            })
        });
        let mut went: Vec<&Item> = went.collect();
        // What was read twice went once.
        went.dedup_by(|one, other| {
            one.values == other.values
                && one
                    .values
                    .iter()
                    .any(|held| matches!(held.kind, TargetKind::Handle(_)))
        });
        is_alone
            && receiver.kind == TargetKind::Recipient
            && matches!(went.as_slice(), [item] if item.given_by.as_ref() == Some(&receiver.value))
    }
}
