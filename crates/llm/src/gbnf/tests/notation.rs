//! A reader of the notation, as far as this program writes it: what a grammar takes, and what can be made from it.

use std::collections::{BTreeSet, HashMap};

use proptest::sample::Index;

#[derive(Debug)]
enum Part {
    Text(Vec<char>),
    Class {
        not: bool,
        ranges: Vec<(char, char)>,
    },
    Rule(String),
    Row(Vec<Part>),
    Choice(Vec<Part>),
    Times(Box<Part>, usize, usize),
}

pub(super) struct Grammar {
    rules: HashMap<String, Part>,
}

type Known = HashMap<(String, usize), BTreeSet<usize>>;

impl Grammar {
    pub(super) fn read(text: &str) -> Self {
        let rules = text.lines().map(|line| {
            let (name, body) = line.split_once(" ::= ").unwrap();
            let mut reader = Reader {
                rest: body.chars().collect(),
                at: 0,
            };
            let part = reader.choice();
            assert_eq!(reader.at, reader.rest.len(), "{line}");
            (name.to_owned(), part)
        });
        let count = text.lines().count();
        let rules: HashMap<String, Part> = rules.collect();
        assert_eq!(rules.len(), count, "a rule is written twice: {text}");
        Self { rules }
    }

    /// Whether `text` as a whole is in the grammar.
    pub(super) fn takes(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        let root = Part::Rule("root".to_owned());
        let ends = self.ends(&root, &text, 0, &mut HashMap::new());
        ends.contains(&text.len())
    }

    /// Where this part may end that begins at `at`.
    fn ends(&self, part: &Part, text: &[char], at: usize, known: &mut Known) -> BTreeSet<usize> {
        match part {
            Part::Text(chars) => {
                let there = text[at..].starts_with(chars);
                there.then_some(at + chars.len()).into_iter().collect()
            }
            Part::Class { not, ranges } => {
                let c = text.get(at);
                let takes = |c: &char| ranges.iter().any(|(a, z)| a <= c && c <= z) != *not;
                c.is_some_and(takes).then_some(at + 1).into_iter().collect()
            }
            Part::Rule(name) => {
                let key = (name.clone(), at);
                if let Some(ends) = known.get(&key) {
                    return ends.clone();
                }
                let rule = self.rules.get(name);
                let rule = rule.unwrap_or_else(|| panic!("there is no rule {name}"));
                let ends = self.ends(rule, text, at, known);
                known.insert(key, ends.clone());
                ends
            }
            Part::Row(parts) => {
                let mut from = BTreeSet::from([at]);
                for part in parts {
                    let next = from.iter().flat_map(|at| self.ends(part, text, *at, known));
                    from = next.collect();
                }
                from
            }
            Part::Choice(parts) => parts
                .iter()
                .flat_map(|part| self.ends(part, text, at, known))
                .collect(),
            Part::Times(part, least, most) => {
                let (mut from, mut all) = (BTreeSet::from([at]), BTreeSet::new());
                for time in 0..=*most {
                    if time >= *least {
                        all.extend(&from);
                    }
                    let next = from.iter().flat_map(|at| self.ends(part, text, *at, known));
                    from = next.collect();
                    if from.is_empty() {
                        break;
                    }
                }
                all
            }
        }
    }

    /// A text of the grammar, made by these choices.
    pub(super) fn derive(&self, picks: &[Index]) -> String {
        let mut maker = Maker {
            grammar: self,
            picks,
            made: String::new(),
            steps: 0,
        };
        maker.make(&Part::Rule("root".to_owned()));
        maker.made
    }
}

struct Maker<'a> {
    grammar: &'a Grammar,
    picks: &'a [Index],
    made: String,
    steps: usize,
}

impl Maker<'_> {
    /// After a while the first of all choices, so that it ends.
    fn pick(&mut self, of: usize) -> usize {
        self.steps += 1;
        match self.steps < 400 {
            true => self.picks[self.steps % self.picks.len()].index(of),
            false => 0,
        }
    }

    fn make(&mut self, part: &Part) {
        match part {
            Part::Text(chars) => self.made.extend(chars),
            Part::Class { not: false, ranges } => {
                let (first, last) = ranges[self.pick(ranges.len())];
                let one = self.pick(last as usize - first as usize + 1);
                let one = u32::try_from(first as usize + one).unwrap();
                self.made.push(char::from_u32(one).unwrap());
            }
            Part::Class { not: true, ranges } => {
                let some = ['a', ' ', '/', '<', '}', ',', ':', 'é', '😀', '\u{7f}'];
                let is_out = |c: &&char| !ranges.iter().any(|(a, z)| a <= *c && *c <= z);
                let some: Vec<char> = some.iter().filter(is_out).copied().collect();
                let one = self.pick(some.len());
                self.made.push(some[one]);
            }
            Part::Rule(name) => self.make(&self.grammar.rules[name]),
            Part::Row(parts) => parts.iter().for_each(|part| self.make(part)),
            Part::Choice(parts) => {
                let one = self.pick(parts.len());
                self.make(&parts[one]);
            }
            Part::Times(part, least, most) => {
                let most = (*most).min(least + 4);
                let times = least + self.pick(most - least + 1);
                (0..times).for_each(|_| self.make(part));
            }
        }
    }
}

struct Reader {
    rest: Vec<char>,
    at: usize,
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.rest.get(self.at).copied()
    }

    fn next(&mut self) -> char {
        self.at += 1;
        self.rest[self.at - 1]
    }

    fn choice(&mut self) -> Part {
        let mut parts = vec![self.row()];
        while self.peek() == Some('|') {
            self.at += 1;
            parts.push(self.row());
        }
        Part::Choice(parts)
    }

    fn row(&mut self) -> Part {
        let mut parts = Vec::new();
        loop {
            while self.peek() == Some(' ') {
                self.at += 1;
            }
            match self.peek() {
                None | Some('|' | ')') => return Part::Row(parts),
                Some(_) => {
                    let part = self.part();
                    parts.push(self.times(part));
                }
            }
        }
    }

    fn part(&mut self) -> Part {
        match self.next() {
            '"' => {
                let mut chars = Vec::new();
                while self.peek() != Some('"') {
                    chars.push(self.character());
                }
                self.at += 1;
                Part::Text(chars)
            }
            '[' => {
                let not = self.peek() == Some('^');
                self.at += usize::from(not);
                let mut ranges = Vec::new();
                while self.peek() != Some(']') {
                    let first = self.character();
                    let last = match self.peek() {
                        Some('-') => {
                            self.at += 1;
                            self.character()
                        }
                        _ => first,
                    };
                    ranges.push((first, last));
                }
                self.at += 1;
                Part::Class { not, ranges }
            }
            '(' => {
                let inner = self.choice();
                assert_eq!(self.next(), ')');
                inner
            }
            first => {
                assert!(first.is_ascii_alphabetic(), "{first}");
                let mut name = String::from(first);
                while self
                    .peek()
                    .is_some_and(|c| c.is_ascii_alphanumeric() || c == '-')
                {
                    name.push(self.next());
                }
                Part::Rule(name)
            }
        }
    }

    fn character(&mut self) -> char {
        match self.next() {
            '\\' => match self.next() {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'x' => {
                    let digits = String::from_iter([self.next(), self.next()]);
                    char::from_u32(u32::from_str_radix(&digits, 16).unwrap()).unwrap()
                }
                c @ ('"' | '\\') => c,
                other => panic!("\\{other}"),
            },
            c => c,
        }
    }

    fn times(&mut self, part: Part) -> Part {
        let (least, most) = match self.peek() {
            Some('*') => (0, usize::MAX - 1),
            Some('?') => (0, 1),
            Some('{') => {
                let close = self.rest[self.at..].iter().position(|c| *c == '}').unwrap();
                let inner: String = self.rest[self.at + 1..self.at + close].iter().collect();
                self.at += close;
                let (least, most) = inner.split_once(',').unwrap();
                (least.parse().unwrap(), most.parse().unwrap())
            }
            _ => return part,
        };
        self.at += 1;
        Part::Times(Box::new(part), least, most)
    }
}
