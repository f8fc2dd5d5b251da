//! How an owner names somebody or something, in contrast to using a word that happens to be a name.

use crate::words::{begins, ends};

/// What the owner calls a recipient of one word by, next to its name.
const KINDS: [&str; 9] = [
    "channel", "chat", "contact", "group", "member", "room", "team", "thread", "user",
];

/// What stands next to these words and is no name.
const ARTICLES: [&str; 14] = [
    "a", "all", "an", "any", "each", "every", "no", "one", "our", "that", "the", "this", "which",
    "your",
];

/// What does something in a sentence and is no name.
const SUBJECTS: [&str; 16] = [
    "everybody",
    "he",
    "here",
    "how",
    "it",
    "she",
    "somebody",
    "that",
    "there",
    "they",
    "this",
    "what",
    "when",
    "where",
    "who",
    "why",
];

/// What somebody does: the word before it is a name, also at the beginning of a sentence.
const DOES: [&str; 24] = [
    "asked", "asks", "called", "calls", "gave", "had", "has", "is", "likes", "lives", "needs",
    "paid", "said", "says", "sends", "sent", "thinks", "told", "wants", "was", "will", "works",
    "writes", "wrote",
];

const QUOTES: [char; 12] = [
    '\'', '"', '`', '\u{2018}', '\u{2019}', '\u{201a}', '\u{201c}', '\u{201d}', '\u{201e}', '«',
    '»', '*',
];

/// A text in which capitals do not matter. A letter that is not of ASCII never becomes one that is: the sign of Kelvin is
/// no k.
pub(crate) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for letter in text.chars() {
        let lower = letter.to_lowercase();
        match letter.is_ascii() || !lower.clone().any(|c| c.is_ascii_alphabetic()) {
            true => folded.extend(lower),
            false => folded.push(letter),
        }
    }
    folded
}

/// Whether a value is made of letters alone, so that it may stand in a sentence without being a name.
pub(crate) fn is_bare(value: &str) -> bool {
    let is_bare = |c: char| c.is_alphabetic() || matches!(c, ' ' | '-' | '_' | '\'');
    !value.is_empty() && value.chars().all(is_bare)
}

/// Where a value stands in a text, with what stands around it.
struct Found<'a> {
    before: &'a str,
    value: &'a str,
    after: &'a str,
}

/// Where a value stands in a text as a whole; capitals do not matter.
fn places<'a>(value: &str, text: &'a str) -> impl Iterator<Item = Found<'a>> {
    let value = fold(value.trim());
    text.char_indices().filter_map(move |(start, _)| {
        let (before, rest) = text.split_at(start);
        let can_begin = begins(before) || before.ends_with(['@', '#']);
        let length = can_begin.then(|| length_of(&value, rest)).flatten()?;
        let (found, after) = rest.split_at(length);
        let mut following = after.chars();
        ends(following.next(), following.next()).then_some(Found {
            before,
            value: found,
            after,
        })
    })
}

/// How long a folded value is at the beginning of a text.
fn length_of(value: &str, text: &str) -> Option<usize> {
    let mut left = value;
    for (at, letter) in text.char_indices() {
        if left.is_empty() {
            return (at > 0).then_some(at);
        }
        left = left.strip_prefix(fold(letter.encode_utf8(&mut [0; 4])).as_str())?;
    }
    (left.is_empty() && !text.is_empty()).then_some(text.len())
}

/// Whether a text uses this value as a name: in quotation marks, marked as a mention, with capital letters that no
/// sentence's beginning asks for, or next to what it is the name of.
pub(crate) fn is_used_as_name(value: &str, text: &str) -> bool {
    places(value, text).any(|found| found.is_name())
}

impl Found<'_> {
    fn is_name(&self) -> bool {
        let is_within_word = self.before.ends_with(['@', '#']);
        match is_within_word {
            true => self.is_mention(),
            false => {
                is_between_quotes(self.before, self.after) || self.is_capital() || self.is_called()
            }
        }
    }

    /// `@bob`, `#general`, but no part of an address of mail.
    fn is_mention(&self) -> bool {
        self.before.strip_suffix(['@', '#']).is_some_and(|before| {
            !before.ends_with(|c: char| !c.is_whitespace() && !matches!(c, '(' | ','))
        })
    }

    fn is_capital(&self) -> bool {
        // Scripts without capitals have none to show.
        let is_capital = |word: &str| word.chars().next().is_some_and(|c| !c.is_lowercase());
        let is_shouted =
            |word: &str| word.chars().count() > 1 && word.chars().all(char::is_uppercase);
        let words: Vec<&str> = self.value.split([' ', '-', '_']).collect();
        let before = self.before.trim_end_matches([' ', '\t', '(', '[']);
        let begins_sentence = before.chars().next_back().is_none_or(|last| {
            let ends = ['.', '!', '?', ':', ';', '\n', '\r', '-', '•'];
            ends.contains(&last) || QUOTES.contains(&last)
        });
        // `Bank of America` is one, too.
        let last = words.len() - 1;
        let is_part = |(at, word): (usize, &&str)| {
            is_capital(word) && !is_shouted(word)
                || at > 0 && at < last && word.chars().count() <= 3
        };
        words.iter().enumerate().all(is_part)
            && (words.len() > 1 || !begins_sentence || self.is_subject())
    }

    fn is_subject(&self) -> bool {
        let next = self
            .after
            .strip_prefix(' ')
            .and_then(|after| after.split_whitespace().next());
        !SUBJECTS.contains(&fold(self.value).as_str())
            && next.is_some_and(|next| DOES.contains(&next))
    }

    /// Whether it stands next to a word such as `channel`, with nothing but a blank between.
    fn is_called(&self) -> bool {
        let is_kind = |word: Option<&str>| {
            word.is_some_and(|word| {
                KINDS.contains(&fold(word.trim_end_matches(['.', ',', '!', '?', ':'])).as_str())
            })
        };
        let next = self
            .after
            .strip_prefix(' ')
            .and_then(|after| after.split_whitespace().next());
        let last = self
            .before
            .strip_suffix(' ')
            .and_then(|before| before.rsplit(char::is_whitespace).next());
        !ARTICLES.contains(&fold(self.value).as_str()) && (is_kind(next) || is_kind(last))
    }
}

/// Whether a text names a thing by its whole name in quotation marks.
pub(crate) fn is_quoted(name: &str, text: &str) -> bool {
    places(name, text).any(|found| is_between_quotes(found.before, found.after))
}

/// Whether a text names a thing by its whole name, and means it: in quotation marks, or with a file's ending.
pub(crate) fn is_called_so(name: &str, text: &str) -> bool {
    let ending = name.trim().rsplit_once('.');
    let is_file = ending.is_some_and(|(stem, ending)| !stem.is_empty() && is_ending(ending));
    places(name, text).any(|found| is_file || is_between_quotes(found.before, found.after))
}

/// Whether quotation marks stand around what is between these texts; an apostrophe is none.
fn is_between_quotes(before: &str, after: &str) -> bool {
    let opens = before
        .strip_suffix(QUOTES)
        .is_some_and(|before| !before.ends_with(char::is_alphanumeric));
    let closes = after
        .strip_prefix(QUOTES)
        .is_some_and(|after| !after.starts_with(char::is_alphanumeric));
    opens && closes
}

fn is_ending(text: &str) -> bool {
    (1..=5).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_no_name_because_somebody_is_called_so() {
        for (value, text, is_name) in [
            ("Bob", "Send it to Bob.", true),
            ("bob", "Send it to Bob", true),
            ("Bob", "send it to bob", false),
            ("general", "post it in the general channel", true),
            ("general", "post it to 'general'", true),
            ("general", "post it to #general", true),
            ("bob", "ask @bob, please", true),
            ("bob", "mail jim@bob", false),
            ("bob", "mail bob@example.org", false),
            ("the", "post it in the channel", false),
            ("summary", "post the summary to Bob", false),
            ("summarise", "Summarise the page. Send it to Bob", false),
            ("send", "Read it. Send it to Bob", false),
            ("now", "do it NOW", false),
            ("Apple", "Apple called and wants more.", true),
            ("what", "What is that?", false),
            ("the lunch", "answer about the lunch", false),
            ("follow-up", "send a follow-up", false),
            ("Bob Smith", "Bob Smith asked me", true),
            ("Bank of America", "Bank of America wants it", true),
            ("Bank of", "Bank of America wants it", false),
            ("Read Bob", "Read Bobby", false),
            ("alice", "Malice Alice's", true),
            ("alice", "Malice", false),
            ("小明", "发给 小明", true),
        ] {
            assert_eq!(is_used_as_name(value, text), is_name, "{value} in {text}");
        }
    }

    #[test]
    fn a_thing_is_called_by_its_whole_name() {
        for (name, text, called) in [
            ("Lunch", "the guests of 'Lunch'", true),
            ("Lunch", "the guests of \u{201c}lunch\u{201d}", true),
            ("Lunch", "the guests of lunch", false),
            ("report.pdf", "share report.pdf with Bob", true),
            ("report.pdf", "share old-report.pdf with Bob", false),
            ("port", "share report.pdf", false),
            ("t me you", "don't me you're", false),
            ("", "''", false),
        ] {
            assert_eq!(is_called_so(name, text), called, "{name} in {text}");
        }
    }

    #[test]
    fn capitals_do_not_matter_but_letters_do() {
        assert_eq!(fold("BOB"), "bob");
        assert_eq!(fold("ÄRGER"), "ärger");
        assert_ne!(fold("\u{212a}arl"), "karl");
    }
}
