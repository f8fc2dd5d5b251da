//! Words of a text, and where a value stands in one.

use std::collections::HashSet;

use crate::invisible::is_invisible;

/// The words of a text: runs of letters and figures, in lower case. What cannot be seen is left out.
pub(crate) fn words(text: &str) -> impl Iterator<Item = String> {
    let mut rest = text.char_indices().peekable();
    std::iter::from_fn(move || {
        let mut word = String::new();
        for (_, character) in rest.by_ref() {
            if character.is_alphanumeric() {
                word.extend(character.to_lowercase());
            } else if !word.is_empty() && !is_invisible(character) {
                break;
            }
        }
        (!word.is_empty()).then_some(word)
    })
}

/// Whether a word is too short to mean anything on its own.
pub(crate) fn is_slight(word: &str) -> bool {
    word.chars().count() <= 2
}

/// Hashes of all runs of `LENGTH` words of a text. A text that has fewer has none.
pub(crate) fn runs(text: &str) -> HashSet<u64> {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let words: Vec<String> = words(text).collect();
    let hash = |run: &[String]| {
        let mut hasher = DefaultHasher::new();
        run.hash(&mut hasher);
        hasher.finish()
    };
    words.windows(LENGTH).map(hash).collect()
}

/// So many words in a row are no accident.
const LENGTH: usize = 6;

/// Whether `value` stands in `text` as a whole: neither side goes on with what could be part of it. Both in one case.
pub(crate) fn stands_in(value: &str, text: &str) -> bool {
    if value.is_empty() {
        return false;
    }
    text.match_indices(value).any(|(at, found)| {
        let before = &text[..at];
        let mut after = text[at + found.len()..].chars();
        let (next, second) = (after.next(), after.next());
        begins(before) && ends(next, second)
    })
}

/// Whether a value can begin behind this text.
pub(crate) fn begins(before: &str) -> bool {
    // What stands behind a scheme is the whole of an address.
    let Some(last) = before
        .chars()
        .next_back()
        .filter(|_| !before.ends_with("://"))
    else {
        return true;
    };
    // A path is not cut out of a longer one.
    !(last.is_alphanumeric() || matches!(last, '@' | '.' | '_' | '-' | '+' | '/' | '~'))
}

/// Whether a value can end before these characters.
pub(crate) fn ends(next: Option<char>, second: Option<char>) -> bool {
    match (next, second) {
        (None, _) => true,
        // The end of a sentence, also where the blank was forgotten.
        (Some('.'), second) => second.is_none_or(|s| !s.is_alphanumeric() || s.is_uppercase()),
        (Some(','), second) => second.is_none_or(|s| !s.is_ascii_digit()),
        (Some(next), _) => !(next.is_alphanumeric() || matches!(next, '@' | '_' | '-' | '/' | '+')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_through_what_cannot_be_seen() {
        let read: Vec<String> = words("I\u{200b}gnore, you've 1-th!").collect();
        assert_eq!(read, ["ignore", "you", "ve", "1", "th"]);
    }

    #[test]
    fn a_value_stands_in_a_text_as_a_whole_only() {
        for (value, text, stands) in [
            ("bob@x.com", "write to bob@x.com.", true),
            ("bob@x.com", "write to bob@x.com.evil.org", false),
            ("bob@x.com", "write to jbob@x.com", false),
            ("www.x.com", "our site www.x.com.They sent it", true),
            ("www.x.com", "see https://www.x.com!", true),
            ("www.x.com", "see https://www.x.com/private", false),
            ("x.com", "see www.x.com", false),
            ("10", "at 10:00", true),
            ("10", "it was 10,50", false),
            ("", "anything", false),
        ] {
            assert_eq!(stands_in(value, text), stands, "{value} in {text}");
        }
    }
}
