//! What the owner's words lead to, of the things that trusted sources told of.

use crate::evidence::{Evidence, Grade, normal};
use crate::item::Item;
use crate::naming::{is_called_so, is_quoted, is_used_as_name};
use crate::plan::{Plan, Target, TargetKind};
use crate::words::{is_slight, words};

impl Evidence {
    /// How far the owner's words lead to this item. What others can bring about leads to nobody but by its whole name: who
    /// sends a mail or an invitation chose its words, and would be found by them.
    pub(super) fn grade_of_item(&self, item: &Item, target: &Target, plan: Option<&Plan>) -> Grade {
        if item.stands_alone {
            return Grade::Trusted;
        }
        if item.person && target.kind == TargetKind::Recipient && self.calls_person(item, target) {
            return Grade::Named;
        }
        if !item.own {
            let has_receivers =
                |plan: &Plan| plan.targets.iter().any(|target| target.kind.receives());
            if target.kind.receives() {
                return match self.names(item, &target.kind, plan, is_quoted) {
                    true => Grade::Trusted,
                    false => Grade::Quoted,
                };
            }
            if plan.is_some_and(has_receivers) {
                return match self.names(item, &target.kind, plan, is_called_so) {
                    true => Grade::Trusted,
                    false => Grade::Listed,
                };
            }
        }
        let is_sole = !item.sole_answer_to.is_empty()
            && item
                .sole_answer_to
                .iter()
                .all(|asked| self.is_owner_worded(asked));
        let is_meant =
            |name: &String| self.is_owner_worded(name) && !self.is_shared(name, item, &target.kind);
        match is_sole || item.names.iter().any(is_meant) {
            true => Grade::Trusted,
            false => Grade::Listed,
        }
    }

    /// Whether the owner names this item, in the way that is asked for, and nothing else that goes by the same name.
    fn names(
        &self,
        item: &Item,
        kind: &TargetKind,
        plan: Option<&Plan>,
        in_way: fn(&str, &str) -> bool,
    ) -> bool {
        item.names.iter().any(|name| {
            self.said
                .iter()
                .any(|said| said.mentions(name) && in_way(name, &said.text))
                && !self.is_shared(name, item, kind)
                && !plan.is_some_and(|plan| makes(plan, name))
        })
    }

    /// The words that calls of this conversation wrote into this thing.
    pub(crate) fn held_by(&self, target: &Target) -> Vec<&String> {
        let target = match target.kind {
            TargetKind::Handle(_) => normal(target),
            _ => return Vec::new(),
        };
        let items = self.items.iter();
        items
            .filter(|item| item.values.contains(&target))
            .flat_map(|item| &item.holds)
            .collect()
    }

    /// Whether the owner calls this person by a part of the name that leads to no other address that was read: `Mark` is
    /// Mark Davies as long as nobody else who writes is a Mark.
    fn calls_person(&self, item: &Item, target: &Target) -> bool {
        let parts = item.names.iter().flat_map(|name| words(name));
        let is_used = |part: &String| {
            !is_slight(part)
                && self
                    .said
                    .iter()
                    .any(|said| said.mentions(part) && is_used_as_name(part, &said.text))
        };
        parts.filter(is_used).any(|part| {
            let is_other = |value: &Target| {
                value.kind == TargetKind::Recipient
                    && value != target
                    && words(&value.value).any(|word| word == part)
            };
            let bears = |other: &Item| {
                !other.values.contains(target)
                    && other.person
                    && other
                        .names
                        .iter()
                        .any(|name| words(name).any(|w| w == part))
            };
            !self
                .items
                .iter()
                .any(|other| bears(other) || other.values.iter().any(is_other))
        })
    }

    /// Whether something else of this kind goes by the same name.
    fn is_shared(&self, name: &str, item: &Item, kind: &TargetKind) -> bool {
        let same = |other: &String| words(other).eq(words(name));
        let ids = |item: &Item| {
            let mut ids: Vec<Target> = item
                .values
                .iter()
                .filter(|v| matches!(v.kind, TargetKind::Handle(_)))
                .cloned()
                .collect();
            if ids.is_empty() {
                ids = item
                    .values
                    .iter()
                    .filter(|v| v.kind == *kind)
                    .cloned()
                    .collect();
            }
            ids
        };
        let own = ids(item);
        self.items
            .iter()
            .any(|other| other.names.iter().any(same) && ids(other) != own)
    }
}

/// Whether a call makes or says something by this name. Then the owner gave the name to that, and meant nothing that
/// was there before.
fn makes(plan: &Plan, name: &str) -> bool {
    let is_it = |text: &str| words(text).eq(words(name));
    let named = plan.targets.iter().filter(|t| t.kind == TargetKind::Name);
    named
        .map(|target| &target.value)
        .chain(&plan.content)
        .any(|text| is_it(text))
}
