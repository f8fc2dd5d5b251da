//! The waiting line of one server: who is being answered in which slot, and who comes next. Pure state; [`super::server`]
//! wakes those who wait.

use std::collections::VecDeque;

use crate::request::Priority;

/// One request in a line, from its joining to its leaving.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(u64);

/// Where a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It waits, and this many go first.
    Waiting {
        /// How many.
        ahead: usize,
    },
    /// It is its turn, in this slot.
    Serving {
        /// The slot's index, from 0.
        slot: usize,
    },
}

/// A line before a number of slots.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// How many may be answered at the same time.
    capacity: usize,
    /// Those used so far; more than `capacity` only while ones that are no longer to be used are busy.
    slots: Vec<Slot>,
    /// In the order in which they go: all persons, then background work, each in the order of arrival.
    waiting: VecDeque<Waiting>,
    /// Numbers tickets and dates the use of slots.
    clock: u64,
}

#[derive(Debug, Default)]
struct Slot {
    serving: Option<Ticket>,
    /// The session that used it last, whose prompt it holds.
    session: Option<String>,
    last_used: u64,
}

#[derive(Debug)]
struct Waiting {
    ticket: Ticket,
    priority: Priority,
    session: Option<String>,
}

impl Line {
    /// Joins the line of a server that answers `capacity` requests at the same time (at least one). `session` sticks to
    /// its slot; `None` takes any.
    pub(super) fn join(
        &mut self,
        priority: Priority,
        session: Option<&str>,
        capacity: usize,
    ) -> Ticket {
        self.clock += 1;
        let ticket = Ticket(self.clock);
        let waiting = Waiting {
            ticket,
            priority,
            session: session.map(str::to_owned),
        };
        let behind = |other: &Waiting| other.priority < priority;
        let at = self.waiting.iter().position(behind);
        self.waiting
            .insert(at.unwrap_or(self.waiting.len()), waiting);
        self.capacity = capacity.max(1);
        self.advance();
        ticket
    }

    /// Leaves the line or the slot, whichever it is.
    pub(super) fn leave(&mut self, ticket: Ticket) {
        self.clock += 1;
        self.waiting.retain(|waiting| waiting.ticket != ticket);
        for slot in &mut self.slots {
            if slot.serving == Some(ticket) {
                slot.serving = None;
                slot.last_used = self.clock;
            }
        }
        self.advance();
    }

    /// Where a request stands; `None` once it has left.
    pub(super) fn place(&self, ticket: Ticket) -> Option<Place> {
        let serving = |slot: &Slot| slot.serving == Some(ticket);
        if let Some(slot) = self.slots.iter().position(serving) {
            return Some(Place::Serving { slot });
        }
        let ahead = self.waiting.iter().position(|w| w.ticket == ticket)?;
        Some(Place::Waiting { ahead })
    }

    /// How many are being answered.
    pub(super) fn serving(&self) -> usize {
        self.slots.iter().filter(|s| s.serving.is_some()).count()
    }

    /// How many are being answered or wait.
    pub(super) fn load(&self) -> usize {
        self.serving() + self.waiting.len()
    }

    /// Gives free slots to those who wait, in order. One whose own slot is busy lets the next ones pass.
    fn advance(&mut self) {
        // The server may have been given fewer slots than it had.
        while self.slots.len() > self.capacity
            && self.slots.last().is_some_and(|s| s.serving.is_none())
        {
            self.slots.pop();
        }
        let mut at = 0;
        while at < self.waiting.len() && self.serving() < self.capacity {
            let session = self.waiting[at].session.as_deref();
            let Some(index) = self.slot_for(session) else {
                at += 1;
                continue;
            };
            let Some(next) = self.waiting.remove(at) else {
                break;
            };
            if index == self.slots.len() {
                self.slots.push(Slot::default());
            }
            let slot = &mut self.slots[index];
            slot.serving = Some(next.ticket);
            slot.session = next.session;
        }
    }

    /// The free slot that costs the least: the session's own, one that holds nobody's prompt (the next index, if it was
    /// never used), or the one whose prompt has gone unused the longest.
    ///
    /// A session whose slot is busy with another request of its own waits for it: when that is done, the prompt is there
    /// to go on from, while any other slot would read the whole conversation again and push somebody else's out. A slot
    /// that was taken by another session holds nothing of this one any more, so there is nothing to wait for.
    fn slot_for(&self, session: Option<&str>) -> Option<usize> {
        let slots = &self.slots[..self.capacity.min(self.slots.len())];
        if session.is_some()
            && let Some(own) = slots.iter().position(|s| s.session.as_deref() == session)
        {
            return slots[own].serving.is_none().then_some(own);
        }
        let free = |slot: &Slot| slot.serving.is_none();
        let empty = slots.iter().position(|s| free(s) && s.session.is_none());
        let unused = || (slots.len() < self.capacity).then_some(slots.len());
        let oldest = || {
            let used = slots.iter().enumerate().filter(|(_, s)| free(s));
            used.min_by_key(|(_, s)| s.last_used)
                .map(|(index, _)| index)
        };
        empty.or_else(unused).or_else(oldest)
    }
}

#[cfg(test)]
mod tests;
