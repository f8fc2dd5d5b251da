//! A model that makes the same call again and again.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

/// The same call with the same outcome so often is told to the model.
const NUDGE_AT: u32 = 3;

/// And so often ends its use of tools.
const STOP_AT: u32 = 5;

/// What to do about a call that was just made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Advice {
    /// Nothing.
    GoOn,
    /// The model is told that it repeats itself.
    Nudge,
    /// One more step, without tools.
    LastWord,
}

/// Counts calls that have been made before in the same turn with the same outcome.
#[derive(Debug, Default)]
pub(crate) struct Repetition {
    seen: HashMap<u64, u32>,
}

impl Repetition {
    /// Notes a call by its name, its arguments as they were read, and what the model was told of it.
    pub(crate) fn note(&mut self, name: &str, arguments: &str, outcome: &str) -> Advice {
        let mut hasher = DefaultHasher::new();
        (name, arguments, outcome).hash(&mut hasher);
        let times = self.seen.entry(hasher.finish()).or_default();
        *times += 1;
        match *times {
            times if times >= STOP_AT => Advice::LastWord,
            times if times >= NUDGE_AT => Advice::Nudge,
            _ => Advice::GoOn,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_call_is_told_and_then_ended_and_a_changing_one_goes_on() {
        let mut repetition = Repetition::default();
        let advice: Vec<Advice> = (0..6)
            .map(|_| repetition.note("read", "{\"path\":\"a\"}", "text"))
            .collect();
        use Advice::{GoOn, LastWord, Nudge};
        assert_eq!(advice, [GoOn, GoOn, Nudge, Nudge, LastWord, LastWord]);
        // A build that is waited for says something else each time.
        for round in 0..20 {
            assert_eq!(
                repetition.note("process", "{}", &format!("line {round}")),
                GoOn
            );
        }
    }
}
