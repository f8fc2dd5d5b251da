//! Where the values in a call come from: what the owner said, and what trusted sources hold.
//!
//! Everything is taken in once, as it is said or read; a decision only looks things up. Nothing here asks what a text
//! means: a value stands in it, or it does not.

use std::collections::{HashMap, HashSet};

use moltbot_llm::Provenance;
use serde::{Deserialize, Serialize};

use crate::amount;
use crate::dates;
use crate::invisible;
use crate::item::Item;
use crate::label::{Label, Visibility, is_foreign};
use crate::naming::{fold, is_bare, is_called_so, is_quoted, is_used_as_name};
use crate::order;
use crate::plan::{Plan, Target, TargetKind};
use crate::pointers::{Pointer, carries_address, host, pointers, url};
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
        let lower = fold(&text);
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
        self.items.push(item);
    }

    /// Takes in that a call was approved: the owner knows whom and what it acts on from now on. Said yes to was this call,
    /// and so no other words than the owner's go there unasked; and no command or setting, which means something else
    /// each time.
    pub fn approved(&mut self, plan: &Plan) {
        for target in &plan.targets {
            if matches!(
                target.kind,
                TargetKind::Recipient | TargetKind::Url | TargetKind::Handle(_)
            ) {
                let known = self.known.entry(normal(target)).or_insert(Grade::Trusted);
                *known = (*known).max(Grade::Trusted);
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

    /// How well a target is founded, whatever is done with it.
    pub fn grade(&self, target: &Target) -> Grade {
        self.grade_within(target, None)
    }

    /// How well a target is founded in this call.
    pub(crate) fn grade_in(&self, target: &Target, plan: &Plan) -> Grade {
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
        let known = self.known.get(&target).copied().unwrap_or(Grade::Unknown);
        if target.kind == TargetKind::Amount {
            return known.max(self.grade_of_amount(&target.value, plan));
        }
        let held = self
            .items
            .iter()
            .filter(|item| item.values.contains(&target));
        let held = held.map(|item| self.grade_of_item(item, &target, plan));
        held.max().unwrap_or(Grade::Unknown).max(known)
    }

    fn is_named(&self, target: &Target) -> bool {
        let value = target.value.trim();
        let exactly = || self.said.iter().any(|said| stands_in(value, &said.text));
        let in_lower = || {
            let value = fold(value);
            self.said.iter().any(|said| stands_in(&value, &said.lower))
        };
        let is_name = || {
            let mut texts = self.said.iter();
            texts.any(|said| is_used_as_name(value, &said.text))
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

    /// An amount is founded that is no more than one that is known: that the owner said, or that went between the owner and
    /// whom it is to go to now. Any other must come of the owner's words and one that is known.
    fn grade_of_amount(&self, value: &str, plan: Option<&Plan>) -> Grade {
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

    /// How far the owner's words lead to this item. What others can bring about leads to nobody but by its whole name: who
    /// sends a mail or an invitation chose its words, and would be found by them.
    fn grade_of_item(&self, item: &Item, target: &Target, plan: Option<&Plan>) -> Grade {
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
            self.said.iter().any(|said| in_way(name, &said.text))
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
                    .any(|said| is_used_as_name(part, &said.text))
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

    /// Whether the owner used every word of a text; slight ones are free as long as they are few, and figures in them
    /// fewer.
    fn is_owner_worded(&self, text: &str) -> bool {
        let mut weighty = 0;
        let mut free = 0;
        let mut figures = 0;
        for word in words(text) {
            if self.owners_words.contains(&word) {
                weighty += usize::from(!is_slight(&word));
            } else if is_slight(&word) {
                free += 1;
                figures += word.chars().filter(|c| c.is_numeric()).count();
            } else {
                return false;
            }
        }
        weighty > 0 && free <= FREE && figures <= FREE_FIGURES
    }

    /// Whose the words of a text are.
    pub fn wording(&self, text: &str) -> Wording {
        if pointers(text)
            .iter()
            .any(|pointer| !self.is_founded(pointer))
        {
            return Wording::Foreign;
        }
        // A day or an hour is nobody's word.
        let (rest, dates) = dates::without_dates(text);
        let is_without_words = words(&rest).next().is_none();
        if self.is_owner_worded(text)
            || dates <= FREE_DATES && (is_without_words || self.is_owner_worded(&rest))
        {
            return Wording::Owners;
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
            // That a link may be followed is no reason to pass it on: on many sites anybody can write.
            // Nor is that a search found it.
            Pointer::Url(url) => {
                let url = Target::new(TargetKind::Url, url);
                let is_known = self
                    .known
                    .get(&url)
                    .is_some_and(|known| *known >= Grade::Trusted);
                is_known || self.is_named(&url)
            }
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

/// So many figures may stand in these: a rank, a count, but no code.
const FREE_FIGURES: usize = 2;

/// So many dates or times of day may stand in a text of the owner's words.
const FREE_DATES: usize = 2;

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
