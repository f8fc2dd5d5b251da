#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// Something that happens to a line.
#[derive(Debug, Clone)]
enum Step {
    Join(Priority, Option<u8>),
    /// The request at this place among those that are there (wrapping around) leaves: finished, cancelled or given up.
    Leave(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let priority = prop_oneof![Just(Priority::Person), Just(Priority::Background)];
    prop_oneof![
        3 => (priority, prop::option::of(0u8..4)).prop_map(|(p, s)| Step::Join(p, s)),
        2 => (0usize..64).prop_map(Step::Leave),
    ]
}

/// A line, and what must hold of it told a second time.
struct Watched {
    line: Line,
    capacity: usize,
    /// Those that have not left, in the order of arrival.
    there: BTreeMap<Ticket, (Priority, Option<u8>)>,
    /// Those being served, and where.
    served: BTreeMap<Ticket, usize>,
    /// The session whose prompt each slot holds.
    holds: BTreeMap<usize, Option<u8>>,
}

impl Watched {
    fn new(capacity: usize) -> Self {
        Self {
            line: Line::default(),
            capacity,
            there: BTreeMap::new(),
            served: BTreeMap::new(),
            holds: BTreeMap::new(),
        }
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Join(priority, session) => {
                let name = session.map(|s| s.to_string());
                let ticket = self.line.join(*priority, name.as_deref(), self.capacity);
                assert_eq!(self.there.insert(ticket, (*priority, *session)), None);
            }
            Step::Leave(at) => {
                let count = self.there.len();
                let Some(ticket) = self.there.keys().nth(at % count.max(1)).copied() else {
                    return;
                };
                self.there.remove(&ticket);
                self.served.remove(&ticket);
                self.line.leave(ticket);
                assert_eq!(self.line.place(ticket), None);
            }
        }
        self.check();
    }

    /// The requests in the order in which they are to be served.
    fn in_order(&self) -> Vec<Ticket> {
        let mut tickets: Vec<Ticket> = self.there.keys().copied().collect();
        // The sort is stable: those who came first stay first.
        tickets.sort_by_key(|ticket| std::cmp::Reverse(self.there[ticket].0));
        tickets
    }

    fn check(&mut self) {
        let mut waiting = Vec::new();
        for ticket in self.in_order() {
            match self.line.place(ticket).expect("nobody gets lost") {
                Place::Serving { slot } => {
                    if let Some(before) = self.served.insert(ticket, slot) {
                        assert_eq!(before, slot, "nobody is moved");
                        continue;
                    }
                    self.admitted(ticket, slot);
                    let passed = waiting.iter().all(|other| self.is_blocked(*other));
                    assert!(passed, "nobody is passed who could have gone");
                }
                Place::Waiting { ahead } => {
                    assert_eq!(ahead, waiting.len());
                    assert!(!self.served.contains_key(&ticket), "nobody is sent back");
                    waiting.push(ticket);
                }
            }
        }
        let mut slots: Vec<usize> = self.served.values().copied().collect();
        slots.sort_unstable();
        slots.dedup();
        assert_eq!(slots.len(), self.served.len(), "one request a slot");
        assert!(slots.iter().all(|slot| *slot < self.capacity));
        assert_eq!(self.line.serving(), slots.len());
        assert_eq!(self.line.load(), self.there.len());
        if self.served.len() < self.capacity {
            let all = waiting.iter().all(|ticket| self.is_blocked(*ticket));
            assert!(
                all,
                "no slot stays free while somebody waits who may have it"
            );
        }
    }

    /// Whether it waits for a slot that its own session uses.
    fn is_blocked(&self, ticket: Ticket) -> bool {
        let session = self.there[&ticket].1;
        session.is_some()
            && self
                .served
                .keys()
                .any(|other| self.there[other].1 == session)
    }

    fn admitted(&mut self, ticket: Ticket, slot: usize) {
        let session = self.there[&ticket].1;
        let is_free = |at: &usize| !self.served.iter().any(|(t, s)| s == at && *t != ticket);
        let held = |at: &usize| self.holds.get(at).copied().flatten();
        let own = (0..self.capacity).find(|at| session.is_some() && held(at) == session);
        match own {
            Some(own) => assert_eq!(slot, own, "a session comes back to its slot"),
            None if (0..self.capacity).any(|at| is_free(&at) && held(&at).is_none()) => {
                assert_eq!(held(&slot), None, "no prompt is pushed out without need");
            }
            None => {}
        }
        self.holds.insert(slot, session);
    }
}

proptest! {
    #[test]
    fn whatever_happens_everybody_is_served_in_order(
        capacity in 1usize..5,
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let mut watched = Watched::new(capacity);
        for step in &steps {
            watched.take(step);
        }
        // All who are there get their turn once those before them have gone.
        while !watched.there.is_empty() {
            let (ticket, _) = watched.served.iter().next().expect("somebody is always served");
            let at = watched.there.keys().position(|other| other == ticket).unwrap();
            watched.take(&Step::Leave(at));
        }
        prop_assert_eq!(watched.line.load(), 0);
    }
}

fn slot(line: &Line, ticket: Ticket) -> Option<usize> {
    match line.place(ticket) {
        Some(Place::Serving { slot }) => Some(slot),
        _ => None,
    }
}

#[test]
fn persons_go_before_background_work_in_the_order_of_arrival() {
    let mut line = Line::default();
    let running = line.join(Priority::Background, None, 1);
    let waiting = [
        Priority::Background,
        Priority::Person,
        Priority::Background,
        Priority::Person,
    ]
    .map(|priority| line.join(priority, None, 1));
    let ahead = waiting.map(|ticket| line.place(ticket).unwrap());
    assert_eq!(ahead, [2, 0, 3, 1].map(|ahead| Place::Waiting { ahead }));
    line.leave(running);
    assert_eq!(slot(&line, waiting[1]), Some(0));
}

#[test]
fn a_session_without_a_slot_takes_an_empty_one_else_the_one_unused_the_longest() {
    let mut line = Line::default();
    let mut turn = |session: &str| {
        let ticket = line.join(Priority::Person, Some(session), 3);
        let slot = slot(&line, ticket).unwrap();
        line.leave(ticket);
        slot
    };
    assert_eq!(["a", "b", "a", "c"].map(&mut turn), [0, 1, 0, 2]);
    assert_eq!(turn("d"), 1, "b has been silent the longest");
    assert_eq!(turn("b"), 0, "its old slot holds the prompt of d");
    assert_eq!(["c", "d"].map(&mut turn), [2, 1]);
}

#[test]
fn a_second_request_of_a_session_waits_for_its_slot_and_lets_others_pass() {
    let mut line = Line::default();
    let first = line.join(Priority::Person, Some("a"), 2);
    let second = line.join(Priority::Person, Some("a"), 2);
    let other = line.join(Priority::Background, Some("b"), 2);
    assert_eq!(slot(&line, first), Some(0));
    assert_eq!(slot(&line, second), None);
    assert_eq!(slot(&line, other), Some(1));
    line.leave(first);
    assert_eq!(slot(&line, second), Some(0));
}

#[test]
fn a_server_can_turn_out_to_have_fewer_or_more_slots() {
    let mut line = Line::default();
    let four = [(); 4].map(|()| line.join(Priority::Person, None, 4));
    let next = line.join(Priority::Person, None, 1);
    for ticket in &four[..3] {
        line.leave(*ticket);
        assert_eq!(slot(&line, next), None);
    }
    line.leave(four[3]);
    assert_eq!(slot(&line, next), Some(0));
    let more = [(); 2].map(|()| line.join(Priority::Person, None, 3));
    assert_eq!(more.map(|ticket| slot(&line, ticket)), [Some(1), Some(2)]);
    line.leave(next);
    let none = line.join(Priority::Person, None, 0);
    assert_eq!(slot(&line, none), None, "no server has less than one slot");
    more.into_iter().for_each(|ticket| line.leave(ticket));
    assert_eq!(slot(&line, none), Some(0));
}
