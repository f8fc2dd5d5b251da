//! Where the values in a call come from: what the owner said, and what trusted sources hold.
//!
//! Everything is taken in once, as it is said or read; a decision only looks things up. Nothing here asks what a text
//! means: a value stands in it, or it does not.

use std::collections::{HashMap, HashSet};

use moltbot_llm::Provenance;
use serde::{Deserialize, Serialize};

use crate::amount;
use crate::invisible;
use crate::label::{Label, Visibility, is_foreign};
use crate::order;
use crate::plan::{Plan, Target, TargetKind};
use crate::pointers::{Pointer, pointers, url};
use crate::words::{is_slight, runs, stands_in, words};

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

/// Something that a trusted source told of, field by field: an event with its id and guests, a contact with its address.
/// Only fields that the source itself vouches for belong here, never what somebody else wrote into it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Item {
    /// The values that the source vouches for.
    pub values: Vec<Target>,
    /// What it goes by: a file's name, an event's title, a contact's name.
    pub names: Vec<String>,
    /// What was searched for, where it is the only thing that was found.
    pub sole_answer_to: Vec<String>,
    /// Whether it needs no words of the owner's: a call that was allowed has made it, or a search engine found it.
    pub stands_alone: bool,
}

/// What is known of a conversation when a call is decided on.
#[derive(Debug, Clone)]
pub struct Evidence {
    label: Label,
    said: Vec<Said>,
    owners_words: HashSet<String>,
    known: HashMap<Target, Grade>,
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

impl Default for Evidence {
    fn default() -> Self {
        Self {
            label: Label::OWNER,
            said: Vec::new(),
            owners_words: HashSet::new(),
            known: HashMap::new(),
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
                self.learn(Target::new(TargetKind::Url, url), Grade::Named);
            }
        }
        let lower = text.to_lowercase();
        self.said.push(Said { text, lower });
    }

    /// Takes in a text from this source.
    pub fn read(&mut self, text: &str, from: Provenance, visibility: Visibility) {
        match from {
            Provenance::Owner => return self.owner_said(text),
            // The program's own words are neither a wish nor a secret.
            Provenance::Program => {}
            _ => self.mark(from, visibility),
        }
        let is_foreign = is_foreign(from);
        if from != Provenance::Program {
            self.foreign_runs.extend(runs(text));
        }
        // A value says nothing of whether what it names is good: one can have made a model choose it.
        if from == Provenance::Value {
            return;
        }
        for pointer in pointers(text) {
            match pointer {
                Pointer::Url(url) if is_foreign => {
                    let is_of_known_host = self.hosts.contains(host(&url));
                    let grade = match is_of_known_host {
                        true => Grade::Trusted,
                        false => Grade::Quoted,
                    };
                    self.learn(Target::new(TargetKind::Url, url), grade);
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
        self.items.push(item);
    }

    /// Takes in that a call was approved: whom and what it named is named by the owner from now on. A command or a
    /// setting is not, which means something else each time.
    pub fn approved(&mut self, plan: &Plan) {
        for target in &plan.targets {
            if matches!(
                target.kind,
                TargetKind::Recipient | TargetKind::Url | TargetKind::Handle(_)
            ) {
                self.learn(normal(target), Grade::Named);
            }
        }
    }

    fn learn(&mut self, target: Target, grade: Grade) {
        if target.kind == TargetKind::Url && grade >= Grade::Trusted {
            self.hosts.insert(host(&target.value).to_owned());
        }
        let known = self.known.entry(target).or_insert(grade);
        *known = (*known).max(grade);
    }

    /// How well a target is founded.
    pub fn grade(&self, target: &Target) -> Grade {
        if self.is_named(target) {
            return Grade::Named;
        }
        let target = normal(target);
        let known = self.known.get(&target).copied().unwrap_or(Grade::Unknown);
        if target.kind == TargetKind::Amount {
            return known.max(self.grade_of_amount(&target.value));
        }
        let held = self
            .items
            .iter()
            .filter(|item| item.values.contains(&target));
        let held = held.map(|item| self.grade_of_item(item, &target));
        held.max().unwrap_or(Grade::Unknown).max(known)
    }

    fn is_named(&self, target: &Target) -> bool {
        let value = target.value.trim();
        let exactly = || self.said.iter().any(|said| stands_in(value, &said.text));
        let in_lower = || {
            let value = value.to_lowercase();
            self.said.iter().any(|said| stands_in(&value, &said.lower))
        };
        match &target.kind {
            TargetKind::Recipient => in_lower(),
            TargetKind::Url => {
                let value = url(value);
                self.said.iter().any(|said| stands_in(&value, &said.text))
            }
            TargetKind::Path | TargetKind::Memory | TargetKind::Setting => exactly(),
            TargetKind::Command => self
                .said
                .iter()
                .any(|said| order::is_ordered(value, &said.text)),
            TargetKind::Query | TargetKind::Name => self.is_owner_worded(value),
            TargetKind::Amount => amount::parse(value).is_some_and(|value| {
                self.said
                    .iter()
                    .flat_map(|said| amount::numbers(&said.text))
                    .any(|n| n.value == value)
            }),
            // A short id is like any other number.
            TargetKind::Handle(_) => value.chars().count() >= 3 && in_lower(),
        }
    }

    /// An amount that is reckoned out is founded as long as it is no more than one that is known.
    fn grade_of_amount(&self, value: &str) -> Grade {
        let said = self
            .said
            .iter()
            .flat_map(|said| amount::numbers(&said.text));
        let said = said
            .filter(|number| number.is_money)
            .map(|number| number.value);
        let held = self.items.iter().flat_map(|item| &item.values);
        let held = held.filter(|value| value.kind == TargetKind::Amount);
        let held = held.filter_map(|value| amount::parse(&value.value));
        let most = said.chain(held).fold(0.0, f64::max);
        match amount::parse(value) {
            Some(value) if value > 0.0 && value <= most => Grade::Trusted,
            _ => Grade::Unknown,
        }
    }

    /// Whether the owner's words lead to this item and to no other that holds a value of the same kind.
    fn grade_of_item(&self, item: &Item, target: &Target) -> Grade {
        let is_sole = !item.sole_answer_to.is_empty()
            && item
                .sole_answer_to
                .iter()
                .all(|asked| self.is_owner_worded(asked));
        let is_meant =
            |name: &String| self.is_owner_worded(name) && !self.is_shared(name, item, &target.kind);
        match item.stands_alone || is_sole || item.names.iter().any(is_meant) {
            true => Grade::Trusted,
            false => Grade::Listed,
        }
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

    /// Whether the owner used every word of a text; slight ones are free as long as they are few.
    fn is_owner_worded(&self, text: &str) -> bool {
        let mut weighty = 0;
        let mut free = 0;
        for word in words(text) {
            if self.owners_words.contains(&word) {
                weighty += usize::from(!is_slight(&word));
            } else if is_slight(&word) {
                free += 1;
            } else {
                return false;
            }
        }
        weighty > 0 && free <= FREE
    }

    /// Whose the words of a text are.
    pub fn wording(&self, text: &str) -> Wording {
        if words(text).next().is_none() || self.is_owner_worded(text) {
            return Wording::Owners;
        }
        if pointers(text)
            .iter()
            .any(|pointer| !self.is_founded(pointer))
        {
            return Wording::Foreign;
        }
        let owners = self.said.iter().flat_map(|said| runs(&said.text));
        let mut copied: HashSet<u64> = runs(text)
            .intersection(&self.foreign_runs)
            .copied()
            .collect();
        for run in owners {
            copied.remove(&run);
        }
        match copied.is_empty() {
            true => Wording::Models,
            false => Wording::Foreign,
        }
    }

    fn is_founded(&self, pointer: &Pointer) -> bool {
        match pointer {
            Pointer::Url(url) => self.grade(&Target::new(TargetKind::Url, url)) >= Grade::Trusted,
            Pointer::Mail(mail) => {
                self.grade(&Target::new(TargetKind::Recipient, mail)) >= Grade::Trusted
            }
            Pointer::Number(number) => self.said.iter().any(|said| {
                stands_in(number, &said.lower) || pointers(&said.text).contains(pointer)
            }),
        }
    }
}

/// So many slight words, which the owner did not use, may stand in an owner-worded text.
const FREE: usize = 6;

/// The same target in the form in which evidence is kept.
fn normal(target: &Target) -> Target {
    let value = target.value.trim();
    let value = match &target.kind {
        TargetKind::Url => url(value),
        TargetKind::Recipient | TargetKind::Handle(_) => value.to_lowercase(),
        _ => value.to_owned(),
    };
    Target::new(target.kind.clone(), value)
}

fn host(url: &str) -> &str {
    url.split(['/', '?', '#']).next().unwrap_or_default()
}
