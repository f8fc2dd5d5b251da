//! The words of notes and questions, as the index knows them.
//!
//! SQLite's FTS5 cuts text where letters end. Scripts that put no space between words would become one word a sentence,
//! so a run of such signs is put in as its pairs (bigrams, as Lucene's CJK analyzer does): 牙医预约 as 牙医, 医预, 预约.
//! Words of two signs, the commonest in Chinese, are found so, which an index of trigrams would not do.

/// How FTS5 reads what [`indexed`] gives: letters, digits and marks make words, accents do not count, and English
/// endings are cut off (Porter), the same in notes and questions.
pub(crate) const TOKENIZER: &str =
    r#"porter unicode61 remove_diacritics 2 categories ''L* N* Co M*''"#;

/// Words of a question beyond this many are left out.
const MOST_WORDS: usize = 64;

/// A text as it goes into the index: runs of signs taken apart into pairs, all else as it is.
pub(crate) fn indexed(text: &str) -> String {
    let mut terms = String::with_capacity(text.len());
    for run in runs(text) {
        match run {
            Run::Signs(signs) => {
                terms.push(' ');
                for pair in pairs(&signs) {
                    terms.extend(pair);
                    terms.push(' ');
                }
                // The last one alone, so that each sign begins a term.
                terms.extend(signs.last());
                terms.push(' ');
            }
            Run::Letters(letters) => terms.push_str(letters),
        }
    }
    terms
}

/// The words that a question asks for, each once, in lower case.
pub(crate) fn asked(question: &str) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut add = |word: Word| {
        if words.len() < MOST_WORDS && !words.contains(&word) {
            words.push(word);
        }
    };
    for run in runs(question) {
        match run {
            Run::Signs(signs) => match signs.as_slice() {
                [sign] => add(Word::Sign(sign.to_string())),
                signs => pairs(signs).for_each(|pair| add(Word::Whole(pair.iter().collect()))),
            },
            Run::Letters(letters) => letters
                .split(separates)
                .filter(|word| !word.is_empty())
                .for_each(|word| add(Word::Whole(word.to_lowercase()))),
        }
    }
    words
}

/// A word of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Word {
    /// As it stands.
    Whole(String),
    /// A single sign: any pair that begins with it.
    Sign(String),
}

impl Word {
    fn text(&self) -> &str {
        match self {
            Self::Whole(text) | Self::Sign(text) => text,
        }
    }

    /// About what the index keeps of it, for finding it in a text: the beginning of a longer word.
    fn stem(&self) -> &str {
        let text = self.text();
        match text.char_indices().rev().nth(2) {
            Some((end, _)) if text[..end].chars().count() >= 4 => &text[..end],
            _ => text,
        }
    }
}

/// An expression for FTS5 that holds for what has any of the words; `None` where there are none. The words hold no
/// quotes, so quotes keep them from being operators.
pub(crate) fn expression(words: &[Word]) -> Option<String> {
    let terms: Vec<String> = words
        .iter()
        .map(|word| match word {
            Word::Whole(text) => format!("\"{text}\""),
            Word::Sign(text) => format!("\"{text}\"*"),
        })
        .collect();
    (!terms.is_empty()).then(|| terms.join(" OR "))
}

/// The part of a text, at most `longest` characters, in which most of the words are: from the beginning of a line on, or
/// from within one that is long.
pub(crate) fn snippet(text: &str, words: &[Word], longest: usize) -> String {
    let mut best = first(text, longest);
    if best.len() == text.len() {
        return text.to_owned();
    }
    let mut most = None;
    for start in starts(text, longest) {
        let part = first(&text[start..], longest);
        let lower = part.to_lowercase();
        let held = words.iter().filter(|word| lower.contains(word.stem()));
        let held = Some(held.count());
        if held > most {
            (most, best) = (held, part);
        }
        if start + part.len() == text.len() {
            break;
        }
    }
    best.to_owned()
}

/// Where a part may begin: at each line, and in a long line after the next space at every third of a part.
fn starts(text: &str, longest: usize) -> Vec<usize> {
    let mut starts = vec![0];
    let mut since = 0;
    for (at, c) in text.char_indices() {
        since += 1;
        let next = at + c.len_utf8();
        let is_late = since > longest / 3;
        if c == '\n' || is_late && (c.is_whitespace() || is_sign(c)) {
            starts.push(next);
            since = 0;
        }
    }
    starts
}

/// The first characters of a text.
fn first(text: &str, longest: usize) -> &str {
    match text.char_indices().nth(longest) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

enum Run<'a> {
    /// Of a script without spaces.
    Signs(Vec<char>),
    /// Everything else, spaces and punctuation too.
    Letters(&'a str),
}

fn runs(text: &str) -> impl Iterator<Item = Run<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let kind = is_sign(rest.chars().next()?);
        let end = rest.find(|c| is_sign(c) != kind).unwrap_or(rest.len());
        let (run, left) = rest.split_at(end);
        rest = left;
        Some(match kind {
            true => Run::Signs(run.chars().collect()),
            false => Run::Letters(run),
        })
    })
}

fn pairs(signs: &[char]) -> impl Iterator<Item = &[char]> {
    signs.windows(2)
}

/// Whether a character belongs to a script that puts no space between words (or, as Korean, hangs endings on them).
fn is_sign(c: char) -> bool {
    matches!(c,
        '\u{0e00}'..='\u{0eff}' // Thai, Lao
        | '\u{1000}'..='\u{109f}' // Burmese
        | '\u{1100}'..='\u{11ff}' // Hangul, in parts
        | '\u{1780}'..='\u{17ff}' // Khmer
        | '\u{3005}'..='\u{3007}'
        | '\u{3040}'..='\u{312f}' // Kana, Bopomofo
        | '\u{31f0}'..='\u{31ff}'
        | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}'
        | '\u{ac00}'..='\u{d7af}' // Hangul
        | '\u{f900}'..='\u{faff}'
        | '\u{ff66}'..='\u{ff9f}'
        | '\u{20000}'..='\u{3ffff}'
    )
}

/// Whether a character ends a word of a question. What is left over in a word, FTS5 leaves out itself.
fn separates(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || c.is_ascii_punctuation()
        || matches!(c,
            '\u{2010}'..='\u{2027}' | '\u{3001}'..='\u{3004}' | '\u{3008}'..='\u{303f}' | '\u{ff01}'..='\u{ff0f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_without_spaces_become_pairs() {
        assert_eq!(indexed("我的dentist"), " 我的 的 dentist");
        assert_eq!(indexed("a-b, C"), "a-b, C");
        let expression = |question| expression(&asked(question));
        assert_eq!(
            expression("牙医预约 Dr. \"Wu\" OR wu* 猫").as_deref(),
            Some(r#""牙医" OR "医预" OR "预约" OR "dr" OR "wu" OR "or" OR "猫"*"#)
        );
        assert_eq!(expression("… \0 \"\" ( ) -"), None);
    }

    #[test]
    fn a_snippet_shows_where_the_words_are() {
        let words = asked("the dentists' number");
        let text = "We went home.\nIt rained.\nThe dentist has number 4.\nMore.";
        assert_eq!(snippet(text, &words, 30), "The dentist has number 4.\nMore");
        assert_eq!(snippet(text, &words, 700), text);
        assert_eq!(snippet("abcdefgh", &[], 3), "abc");
        let long = format!("{}the dentist has number 4", "and so on ".repeat(20));
        assert!(snippet(&long, &words, 60).contains("the dentist has number"));
    }
}
