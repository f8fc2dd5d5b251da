//! Whose the words of a text are.

use std::collections::HashSet;

use crate::dates;
use crate::evidence::{Evidence, Grade, Wording};
use crate::plan::{Target, TargetKind};
use crate::pointers::{Pointer, pointers};
use crate::words::{is_slight, runs, stands_in, words};

impl Evidence {
    /// Whether the owner used every word of a text; slight ones are free as long as they are few, and figures in them
    /// fewer.
    pub(super) fn is_owner_worded(&self, text: &str) -> bool {
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
