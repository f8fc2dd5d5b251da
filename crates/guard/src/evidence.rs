//! Where the values in a call come from: what the owner said, and what trusted sources hold.
//!
//! Everything is taken in once, as it is said or read; a decision only looks things up. Nothing here asks what a text
//! means: a value stands in it, or it does not.

mod leads;
mod payments;
mod wording;

use std::collections::{HashMap, HashSet};

use moltbot_llm::Provenance;
use serde::{Deserialize, Serialize};

use crate::amount;
use crate::invisible;
use crate::item::Item;
use crate::label::{Label, Visibility, is_foreign};
use crate::naming::{fold, is_bare, is_used_as_name};
use crate::order;
use crate::plan::{Plan, Target, TargetKind};
use crate::pointers::{Pointer, carries_address, host, pointers, url};
use crate::words::{runs, stands_in, words};

/// How well a target is founded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grade {
    /// Nobody whom one can trust has named it: the model's invention, or an attacker's.
    Unknown,
    /// It stands in text from outside: whoever wrote that put it there.
    Quoted,
    /// A trusted source lists it. The choice is the model's.
    Listed,
    /// A trusted source holds it, and the owner's words lead to it and nothing else.
    Trusted,
    /// The owner named it, in so many words.
    Named,
}

/// Whose the words of a message are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wording {
    /// They point to what the owner did not name, or repeat at length what was read.
    Foreign,
    /// The model's own, pointing to nothing that is not founded.
    Models,
    /// The owner's: no word in it that the owner did not use.
    Owners,
}

/// What is known of a conversation when a call is decided on.
#[derive(Debug, Clone)]
pub struct Evidence {
    label: Label,
    said: Vec<Said>,
    owners_words: HashSet<String>,
    known: HashMap<Target, Grade>,
    /// Whom and what the owner said yes to: to be gone to again, not to be passed on.
    approved: HashSet<Target>,
    hosts: HashSet<String>,
    items: Vec<Item>,
    foreign_runs: HashSet<u64>,
}

/// One text of the owner's.
#[derive(Debug, Clone)]
struct Said {
    text: String,
    lower: String,
}

impl Said {
    /// Whether a value stands in it anywhere: a quick look before a thorough one.
    fn mentions(&self, value: &str) -> bool {
        self.lower.contains(&fold(value.trim()))
    }
}

impl Default for Evidence {
    fn default() -> Self {
        Self {
            label: Label::OWNER,
            said: Vec::new(),
            owners_words: HashSet::new(),
            known: HashMap::new(),
            approved: HashSet::new(),
            hosts: HashSet::new(),
            items: Vec::new(),
            foreign_runs: HashSet::new(),
        }
    }
}

impl Evidence {
    /// That of a conversation in which nothing was said.
    pub fn new() -> Self {
        Self::default()
    }

    /// The join of what the conversation has read.
    pub fn label(&self) -> Label {
        self.label
    }

    /// Takes in what the owner said.
    pub fn owner_said(&mut self, text: &str) {
        let text = invisible::strip(text);
        self.owners_words.extend(words(&text));
        for pointer in pointers(&text) {
            if let Pointer::Url(url) = pointer {
                self.hosts.insert(host(&url).to_owned());
                self.learn(Target::new(TargetKind::Url, url), Grade::Named);
            }
        }
        let lower = fold(&text);
        self.said.push(Said { text, lower });
    }

    /// Takes in a text from this source.
    pub fn read(&mut self, text: &str, from: Provenance, visibility: Visibility) {
        match from {
            Provenance::Owner => return self.owner_said(text),
            // The program's own words are neither a wish nor a secret, and they vouch for nothing: a refusal repeats the
            // address that the model made up.
            Provenance::Program => return,
            _ => self.mark(from, visibility),
        }
        let is_foreign = is_foreign(from);
        self.foreign_runs.extend(runs(text));
        // A value says nothing of whether what it names is good: one can have made a model choose it.
        if from == Provenance::Value {
            return;
        }
        for pointer in pointers(text) {
            match pointer {
                Pointer::Url(url) if is_foreign => {
                    self.learn(Target::new(TargetKind::Url, url), Grade::Quoted);
                }
                Pointer::Url(url) => self.learn(Target::new(TargetKind::Url, url), Grade::Trusted),
                Pointer::Mail(mail) if from == Provenance::OwnFiles => {
                    self.learn(Target::new(TargetKind::Recipient, mail), Grade::Listed);
                }
                Pointer::Mail(_) | Pointer::Number(_) => {}
            }
        }
    }

    /// Takes in that something from this source was read that is no text: a picture.
    pub fn mark(&mut self, source: Provenance, visibility: Visibility) {
        self.label = self.label.join(Label { source, visibility });
    }

    /// Takes in something that a trusted source told of.
    pub fn found(&mut self, mut item: Item) {
        for value in &mut item.values {
            *value = normal(value);
        }
        item.given_by = item.given_by.map(|giver| fold(giver.trim()));
        self.items.push(item);
    }

    /// Takes in that a call was approved: the owner knows whom and what it acts on from now on. Said yes to was this call,
    /// and so no other words than the owner's go there unasked. Nothing else is known by it: a command, a setting or a
    /// change means something else each time.
    pub fn approved(&mut self, plan: &Plan) {
        let targets = plan.targets.iter();
        let targets = targets.filter(|target| target.kind.receives());
        self.approved.extend(targets.map(normal));
    }

    fn learn(&mut self, target: Target, grade: Grade) {
        let known = self.known.entry(target).or_insert(grade);
        *known = (*known).max(grade);
    }

    /// How well a target is founded, whatever is done with it.
    pub fn grade(&self, target: &Target) -> Grade {
        self.grade_within(target, None)
    }

    /// How well a target is founded in this call.
    pub fn grade_in(&self, target: &Target, plan: &Plan) -> Grade {
        self.grade_within(target, Some(plan))
    }

    fn grade_within(&self, target: &Target, plan: Option<&Plan>) -> Grade {
        let founded = self.founded(target, plan);
        let is_link = target.kind == TargetKind::Url && founded == Grade::Quoted;
        match is_link && self.is_on_known_site(&url(&target.value)) {
            true => Grade::Trusted,
            false => founded,
        }
    }

    /// Whether an address is on a site that the owner named, and does not send on to another.
    fn is_on_known_site(&self, url: &str) -> bool {
        self.hosts.contains(host(url)) && !carries_address(url)
    }

    fn founded(&self, target: &Target, plan: Option<&Plan>) -> Grade {
        if self.is_named(target) {
            return Grade::Named;
        }
        let target = normal(target);
        let known = match self.approved.contains(&target) {
            true => Grade::Trusted,
            false => Grade::Unknown,
        };
        let known = known.max(self.known.get(&target).copied().unwrap_or(Grade::Unknown));
        if target.kind == TargetKind::Amount {
            return known.max(self.grade_of_amount(&target.value, plan));
        }
        let held = self
            .items
            .iter()
            .filter(|item| item.values.contains(&target));
        let held = held.map(|item| self.grade_of_item(item, &target, plan));
        let held = held.max().unwrap_or(Grade::Unknown).max(known);
        match plan.is_some_and(|plan| self.is_given_back(&target, plan)) {
            true => held.max(Grade::Trusted),
            false => held,
        }
    }

    fn is_named(&self, target: &Target) -> bool {
        let value = target.value.trim();
        let exactly = || self.said.iter().any(|said| stands_in(value, &said.text));
        let in_lower = || {
            let value = fold(value);
            self.said.iter().any(|said| stands_in(&value, &said.lower))
        };
        let is_name = || {
            self.said
                .iter()
                .any(|said| said.mentions(value) && is_used_as_name(value, &said.text))
        };
        match &target.kind {
            TargetKind::Recipient if is_bare(value) => {
                is_name() || (in_lower() && self.is_person(target))
            }
            TargetKind::Recipient => in_lower(),
            TargetKind::Url => {
                let value = url(value);
                self.said.iter().any(|said| stands_in(&value, &said.text))
            }
            TargetKind::Setting if is_bare(value) => exactly() && is_name(),
            TargetKind::Path | TargetKind::Memory | TargetKind::Setting => exactly(),
            TargetKind::Command => self
                .said
                .iter()
                .any(|said| order::is_ordered(value, &said.text)),
            TargetKind::Query | TargetKind::Name => self.is_owner_worded(value),
            TargetKind::Amount => amount::parse(value)
                .is_some_and(|value| self.said_numbers().any(|n| n.value == value)),
            TargetKind::Handle(_) if is_bare(value) => value.chars().count() >= 3 && is_name(),
            // A short id is like any other number.
            TargetKind::Handle(_) => value.chars().count() >= 3 && in_lower(),
        }
    }

    fn said_numbers(&self) -> impl Iterator<Item = amount::Number> {
        self.said
            .iter()
            .flat_map(|said| amount::numbers(&said.text))
    }

    fn is_person(&self, target: &Target) -> bool {
        let target = normal(target);
        self.items
            .iter()
            .any(|item| item.person && item.values.contains(&target))
    }
}

/// The same target in the form in which evidence is kept.
fn normal(target: &Target) -> Target {
    let value = target.value.trim();
    let value = match &target.kind {
        TargetKind::Url => url(value),
        TargetKind::Recipient | TargetKind::Handle(_) => fold(value),
        _ => value.to_owned(),
    };
    Target::new(target.kind.clone(), value)
}
