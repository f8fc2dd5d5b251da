//! Which of several servers holds the prompt of a session. Pure state.

use std::collections::HashMap;

/// So many sessions are remembered; the one that has not been heard of for the longest is forgotten first, and costs one
/// reading of its prompt if it comes back.
const LIMIT: usize = 1024;

/// The servers on which sessions are at home, by provider and session.
#[derive(Debug, Default)]
pub(super) struct Homes {
    homes: HashMap<(String, String), Home>,
    clock: u64,
}

#[derive(Debug)]
struct Home {
    server: String,
    last_used: u64,
}

impl Homes {
    /// The server that holds the session's prompt.
    pub(super) fn of(&self, provider: &str, session: &str) -> Option<&str> {
        let key = (provider.to_owned(), session.to_owned());
        self.homes.get(&key).map(|home| home.server.as_str())
    }

    /// The session goes on at this server.
    pub(super) fn settle(&mut self, provider: &str, session: &str, server: &str) {
        self.clock += 1;
        let key = (provider.to_owned(), session.to_owned());
        let home = Home {
            server: server.to_owned(),
            last_used: self.clock,
        };
        self.homes.insert(key, home);
        if self.homes.len() > LIMIT {
            let oldest = self.homes.iter().min_by_key(|(_, home)| home.last_used);
            if let Some(key) = oldest.map(|(key, _)| key.clone()) {
                self.homes.remove(&key);
            }
        }
    }

    /// How many sessions are at home at this server.
    pub(super) fn at(&self, server: &str) -> usize {
        self.homes.values().filter(|h| h.server == server).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_moves_and_the_oldest_is_forgotten() {
        let mut homes = Homes::default();
        homes.settle("p", "first", "a");
        homes.settle("p", "first", "b");
        homes.settle("q", "first", "a");
        assert_eq!(homes.of("p", "first"), Some("b"));
        assert_eq!((homes.at("a"), homes.at("b")), (1, 1));
        for n in 0..LIMIT {
            homes.settle("p", &n.to_string(), "a");
            homes.settle("p", "first", "b");
        }
        assert_eq!(homes.homes.len(), LIMIT);
        assert_eq!(homes.of("p", "first"), Some("b"));
        assert_eq!(homes.of("q", "first"), None);
    }
}
