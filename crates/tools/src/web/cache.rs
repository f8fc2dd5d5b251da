//! Answers kept for a while.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// At most this many answers are kept.
const MOST: usize = 64;

/// Answers by key, oldest first: bounded in age, number and bytes.
pub(crate) struct Cache<V> {
    keep: Duration,
    most_bytes: usize,
    kept: Mutex<VecDeque<Kept<V>>>,
}

struct Kept<V> {
    key: String,
    since: Instant,
    bytes: usize,
    value: V,
}

impl<V: Clone> Cache<V> {
    /// A cache whose answers are good for `keep` and take at most `most_bytes` together.
    pub(crate) fn new(keep: Duration, most_bytes: usize) -> Self {
        Self {
            keep,
            most_bytes,
            kept: Mutex::default(),
        }
    }

    /// The answer kept under this key, unless it is too old at `now`.
    pub(crate) fn get(&self, key: &str, now: Instant) -> Option<V> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|entry| now.saturating_duration_since(entry.since) < self.keep);
        let found = kept.iter().find(|entry| entry.key == key)?;
        Some(found.value.clone())
    }

    /// Keeps an answer of `bytes` length, in place of the one under the same key. The oldest make room.
    pub(crate) fn put(&self, key: String, value: V, bytes: usize, now: Instant) {
        if self.keep.is_zero() || bytes > self.most_bytes {
            return;
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|entry| entry.key != key);
        kept.push_back(Kept {
            key,
            since: now,
            bytes,
            value,
        });
        while kept.len() > MOST
            || kept.iter().map(|entry| entry.bytes).sum::<usize>() > self.most_bytes
        {
            kept.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn an_answer_is_kept_for_its_time() {
        let cache = Cache::new(15 * MINUTE, 1000);
        let start = Instant::now();
        cache.put("a".to_owned(), 1, 10, start);
        assert_eq!(cache.get("a", start + 14 * MINUTE), Some(1));
        assert_eq!(cache.get("b", start), None);
        assert_eq!(cache.get("a", start + 15 * MINUTE), None);
        let none = Cache::new(Duration::ZERO, 1000);
        none.put("a".to_owned(), 1, 10, start);
        assert_eq!(none.get("a", start), None);
    }

    #[test]
    fn the_oldest_make_room() {
        let cache = Cache::new(MINUTE, 100);
        let now = Instant::now();
        cache.put("a".to_owned(), 1, 60, now);
        cache.put("b".to_owned(), 2, 60, now);
        assert_eq!((cache.get("a", now), cache.get("b", now)), (None, Some(2)));
        cache.put("too long".to_owned(), 3, 101, now);
        assert_eq!(
            (cache.get("too long", now), cache.get("b", now)),
            (None, Some(2))
        );
        cache.put("b".to_owned(), 4, 60, now);
        assert_eq!(cache.get("b", now), Some(4));
        for n in 0..MOST {
            cache.put(n.to_string(), n, 0, now);
        }
        assert_eq!(cache.get("b", now), None);
        assert_eq!(cache.get("0", now), Some(0));
    }
}
