//! The small part of regular expressions that the schema's `pattern` keywords use.
//!
//! Literals, `.`, classes, `\d \w \s`, groups, `|`, `^`, `$` and the quantifiers. Patterns come from the schema,
//! never from a file, so nothing here has to withstand a hostile pattern; texts do come from files.

/// How often a group (not a single character) may repeat in a match; bounds the recursion.
const GROUP_REPEATS: usize = 256;

/// A compiled pattern.
#[derive(Debug)]
pub(crate) struct Pattern {
    branches: Vec<Vec<Item>>,
}

#[derive(Debug)]
enum Item {
    Start,
    End,
    One(Class),
    Group(Vec<Vec<Item>>),
    Repeat(Box<Item>, usize, usize),
}

#[derive(Debug)]
struct Class {
    negated: bool,
    ranges: Vec<(char, char)>,
}

impl Class {
    fn of(ranges: &[(char, char)]) -> Self {
        Self {
            negated: false,
            ranges: ranges.to_vec(),
        }
    }

    fn holds(&self, c: char) -> bool {
        self.ranges
            .iter()
            .any(|(low, high)| (*low..=*high).contains(&c))
            != self.negated
    }
}

impl Pattern {
    /// Compiles `pattern`; `None` when it uses more than is supported here.
    pub(crate) fn new(pattern: &str) -> Option<Self> {
        let mut reader = Reader {
            rest: pattern.chars().collect(),
            at: 0,
        };
        let branches = reader.branches()?;
        (reader.at == reader.rest.len()).then_some(Self { branches })
    }

    /// Whether the pattern matches somewhere in `text`.
    pub(crate) fn is_match(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        (0..=text.len()).any(|start| {
            self.branches
                .iter()
                .any(|items| matches(items, &text, start, &mut |_| true))
        })
    }
}

fn matches(items: &[Item], text: &[char], at: usize, then: &mut dyn FnMut(usize) -> bool) -> bool {
    let Some((first, rest)) = items.split_first() else {
        return then(at);
    };
    match first {
        Item::Start => at == 0 && matches(rest, text, at, then),
        Item::End => at == text.len() && matches(rest, text, at, then),
        Item::One(class) => {
            text.get(at).is_some_and(|c| class.holds(*c)) && matches(rest, text, at + 1, then)
        }
        Item::Group(branches) => branches
            .iter()
            .any(|branch| matches(branch, text, at, &mut |end| matches(rest, text, end, then))),
        Item::Repeat(item, least, most) => {
            if let Item::One(class) = &**item {
                // A loop, so that a long text can't exhaust the stack.
                let run = text[at..]
                    .iter()
                    .take(*most)
                    .take_while(|c| class.holds(**c))
                    .count();
                (*least..=run)
                    .rev()
                    .any(|count| matches(rest, text, at + count, then))
            } else {
                let most = (*most).min(GROUP_REPEATS);
                repeat(item, *least, most, text, at, &mut |end| {
                    matches(rest, text, end, then)
                })
            }
        }
    }
}

fn repeat(
    item: &Item,
    least: usize,
    most: usize,
    text: &[char],
    at: usize,
    then: &mut dyn FnMut(usize) -> bool,
) -> bool {
    let once_more = most > 0
        && matches(std::slice::from_ref(item), text, at, &mut |end| {
            end > at && repeat(item, least.saturating_sub(1), most - 1, text, end, then)
        });
    once_more || (least == 0 && then(at))
}

struct Reader {
    rest: Vec<char>,
    at: usize,
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.rest.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += 1;
        Some(c)
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn branches(&mut self) -> Option<Vec<Vec<Item>>> {
        let mut branches = vec![Vec::new()];
        while let Some(c) = self.peek() {
            if c == ')' {
                break;
            }
            if self.take('|') {
                branches.push(Vec::new());
                continue;
            }
            let item = self.item()?;
            let item = self.quantified(item)?;
            // A list of branches starts with one and only grows.
            branches.last_mut()?.push(item);
        }
        Some(branches)
    }

    fn item(&mut self) -> Option<Item> {
        Some(match self.next()? {
            '^' => Item::Start,
            '$' => Item::End,
            '.' => Item::One(Class {
                negated: true,
                ranges: vec![('\n', '\n')],
            }),
            '(' => {
                if self.take('?') && !self.take(':') {
                    return None;
                }
                let group = self.branches()?;
                if !self.take(')') {
                    return None;
                }
                Item::Group(group)
            }
            '[' => Item::One(self.class()?),
            '\\' => Item::One(escape(self.next()?)?),
            '*' | '+' | '?' | '{' => return None,
            c => Item::One(Class::of(&[(c, c)])),
        })
    }

    fn quantified(&mut self, item: Item) -> Option<Item> {
        let (least, most) = match self.peek() {
            Some('*') => (0, usize::MAX),
            Some('+') => (1, usize::MAX),
            Some('?') => (0, 1),
            Some('{') => {
                self.at += 1;
                return self.counted(item);
            }
            _ => return Some(item),
        };
        self.at += 1;
        Some(Item::Repeat(Box::new(item), least, most))
    }

    /// `{n}`, `{n,}` or `{n,m}`, behind its brace.
    fn counted(&mut self, item: Item) -> Option<Item> {
        let least = self.count()?;
        let most = if !self.take(',') {
            least
        } else if self.peek() == Some('}') {
            usize::MAX
        } else {
            self.count()?
        };
        self.take('}')
            .then(|| Item::Repeat(Box::new(item), least, most))
    }

    fn count(&mut self) -> Option<usize> {
        let mut digits = String::new();
        while let Some(c) = self.peek().filter(char::is_ascii_digit) {
            self.at += 1;
            digits.push(c);
        }
        digits.parse().ok()
    }

    fn class(&mut self) -> Option<Class> {
        let negated = self.take('^');
        let mut ranges = Vec::new();
        loop {
            let low = match self.next()? {
                ']' => return Some(Class { negated, ranges }),
                '\\' => {
                    let class = escape(self.next()?)?;
                    match class.ranges.as_slice() {
                        [(low, high)] if low == high && !class.negated => *low,
                        _ if class.negated => return None,
                        _ => {
                            ranges.extend(class.ranges);
                            continue;
                        }
                    }
                }
                c => c,
            };
            let is_range = self.peek() == Some('-') && self.rest.get(self.at + 1) != Some(&']');
            let high = if is_range {
                self.at += 1;
                match self.next()? {
                    '\\' => self.next()?,
                    c => c,
                }
            } else {
                low
            };
            ranges.push((low, high));
        }
    }
}

fn escape(c: char) -> Option<Class> {
    const SPACE: [(char, char); 3] = [('\t', '\r'), (' ', ' '), ('\u{a0}', '\u{a0}')];
    const WORD: [(char, char); 4] = [('a', 'z'), ('A', 'Z'), ('0', '9'), ('_', '_')];
    let mut class = match c.to_ascii_lowercase() {
        'd' => Class::of(&[('0', '9')]),
        's' => Class::of(&SPACE),
        'w' => Class::of(&WORD),
        letter if letter.is_ascii_alphanumeric() => return None,
        _ => return Some(Class::of(&[(c, c)])),
    };
    class.negated = c.is_ascii_uppercase();
    Some(class)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::Pattern;

    fn check(pattern: &str, good: &[&str], bad: &[&str]) {
        let compiled = Pattern::new(pattern).unwrap();
        for text in good {
            assert!(compiled.is_match(text), "{pattern} refused {text:?}");
        }
        for text in bad {
            assert!(!compiled.is_match(text), "{pattern} accepted {text:?}");
        }
    }

    #[test]
    fn matches_what_a_regular_expression_would() {
        check(
            r"^\s*\d+(\.\d+)?(ms|s|m|h|d)?\s*$",
            &["5", "5m", "1.5h", " 10ms "],
            &["", "m", "1.h", "5 m", "1w", "-1"],
        );
        check(
            r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$",
            &["00:00", "19:59", "23:10", "24:00"],
            &["24:01", "7:00", "12:60", "12:00 "],
        );
        check(
            r"^[a-z0-9][a-z0-9_-]{0,3}$",
            &["a", "ab-_", "0abc"],
            &["", "-a", "abcde", "A"],
        );
        check(
            r"^#?[0-9a-fA-F]{6}$",
            &["#FF4500", "00ff00"],
            &["#FFF", "GG0000"],
        );
        check(r"^(ab|a)+c$", &["abac", "ac", "aababc"], &["c", "abb"]);
        check(r"a.c", &["xabcx"], &["a\nc", "ac"]);
        check(r"^[^\s/]{2,}$", &["ab", "a-b"], &["a", "a b", "a/b"]);
        check(r"^\S+@\S+$", &["a@b"], &["a @b"]);
    }

    #[test]
    fn refuses_to_compile_what_it_does_not_know() {
        for pattern in ["(?=a)", r"\bword", "(a", "[a", "*a", r"\1", "a{x}"] {
            assert!(Pattern::new(pattern).is_none(), "{pattern}");
        }
    }

    #[test]
    fn long_texts_are_no_danger() {
        let long = "a".repeat(200_000);
        assert!(Pattern::new("^a+$").unwrap().is_match(&long));
        assert!(!Pattern::new("^(ab)+$").unwrap().is_match(&long));
    }
}
