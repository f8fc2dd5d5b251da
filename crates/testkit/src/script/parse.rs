//! From text to document.

use serde_json::Value;

use super::document::{
    AnswerText, Body, Condition, DIALECTS, Document, Edit, FINISHES, Item, Line, REASONING_FIELDS,
    Rule, Test, Timing, UsageText,
};
use super::error::{Problem, ScriptError};
use crate::answer::{Block, Usage};

/// Reads a whole text.
pub(super) fn document(text: &str) -> Result<Document, ScriptError> {
    let mut reader = Reader {
        lines: text.lines().collect(),
        at: 0,
    };
    let mut document = Document::default();
    while let Some(line) = reader.next() {
        let number = reader.at;
        let at_line = |problem| ScriptError::Line {
            line: number,
            problem,
        };
        let content = line.trim();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        if line.starts_with(char::is_whitespace) {
            let rule = document
                .rules
                .last_mut()
                .ok_or_else(|| at_line(Problem::OutsideARule))?;
            reader.statement(content, rule).map_err(at_line)?;
        } else {
            check(document.rules.last())?;
            let mut rule = head(content).map_err(at_line)?;
            rule.line = Line(number);
            document.rules.push(rule);
        }
    }
    check(document.rules.last())?;
    Ok(document)
}

/// Refuses a rule that says nothing to answer.
fn check(rule: Option<&Rule>) -> Result<(), ScriptError> {
    match rule {
        Some(rule)
            if rule.body == Body::Nothing && rule.status.is_none() && rule.edits.is_empty() =>
        {
            Err(ScriptError::Line {
                line: rule.line.0,
                problem: Problem::Empty,
            })
        }
        _ => Ok(()),
    }
}

/// The first word of a text, and the rest behind the white space.
fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    match text.split_once(char::is_whitespace) {
        Some((word, rest)) => (word, rest.trim()),
        None => (text, ""),
    }
}

/// The words of the line that begins a rule.
fn head(content: &str) -> Result<Rule, Problem> {
    let not_a_rule = || Problem::NotARule(content.to_owned());
    let (method, mut rest) = split(content);
    let mut rule = Rule::default();
    if method != "any" {
        if !method.bytes().all(|byte| byte.is_ascii_uppercase()) || !rest.starts_with('/') {
            return Err(not_a_rule());
        }
        rule.method = Some(method.to_owned());
    }
    if rest.starts_with('/') {
        let (path, behind) = split(rest);
        rule.path = path.to_owned();
        rest = behind;
    }
    while !rest.is_empty() {
        let (word, behind) = split(rest);
        rest = behind;
        match word {
            "once" => rule.times = Some(1),
            "times" | "nth" => {
                let (found, behind) = split(rest);
                rest = behind;
                let count = Some(positive(word, found)?);
                match word {
                    "times" => rule.times = count,
                    _ => rule.nth = count,
                }
            }
            _ => return Err(Problem::UnknownWord(word.to_owned())),
        }
    }
    Ok(rule)
}

/// The one word that follows.
fn one<'a>(word: &str, rest: &'a str, what: &'static str) -> Result<&'a str, Problem> {
    let (found, surplus) = split(rest);
    if found.is_empty() {
        return Err(Problem::Missing {
            word: word.to_owned(),
            what,
        });
    }
    nothing(surplus)?;
    Ok(found)
}

fn nothing(rest: &str) -> Result<(), Problem> {
    match rest {
        "" => Ok(()),
        rest => Err(Problem::Surplus(rest.to_owned())),
    }
}

/// A number that fits.
fn number<T: std::str::FromStr>(
    word: &str,
    found: &str,
    range: &'static str,
    fits: impl Fn(&T) -> bool,
) -> Result<T, Problem> {
    let number = found.parse().ok().filter(fits);
    number.ok_or_else(|| Problem::Number {
        word: word.to_owned(),
        range,
        found: found.to_owned(),
    })
}

fn positive(word: &str, found: &str) -> Result<usize, Problem> {
    number(word, found, "a whole number from 1", |count| *count > 0)
}

/// `pause GATE`, `release GATE`, `cut`, `reset` or `hang`; `None` when the word is none of
/// them.
fn timing(word: &str, rest: &str) -> Result<Option<Timing>, Problem> {
    let timing = match word {
        "pause" => Timing::Pause(one(word, rest, "the name of a gate")?.to_owned()),
        "release" => Timing::Release(one(word, rest, "the name of a gate")?.to_owned()),
        "cut" | "reset" | "hang" => {
            nothing(rest)?;
            match word {
                "cut" => Timing::Cut,
                "reset" => Timing::Reset,
                _ => Timing::Hang,
            }
        }
        _ => return Ok(None),
    };
    Ok(Some(timing))
}

/// A timing that must stand here.
fn needed_timing(before: &str, rest: &str) -> Result<Timing, Problem> {
    let (word, rest) = split(rest);
    timing(word, rest)?.ok_or_else(|| Problem::Missing {
        word: before.to_owned(),
        what: "`pause GATE`, `release GATE`, `cut`, `reset` or `hang`",
    })
}

struct Reader<'a> {
    lines: Vec<&'a str>,
    /// How many lines were read; so also the number of the last one, from 1.
    at: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let line = self.lines.get(self.at).copied()?;
        self.at += 1;
        Some(line)
    }

    /// A JSON value that begins on this line and goes on over the next ones where it must.
    fn json(&mut self, word: &str, begin: &str, what: &'static str) -> Result<Value, Problem> {
        let mut text = begin.to_owned();
        loop {
            match serde_json::from_str(&text) {
                Ok(value) => return Ok(value),
                Err(error) => {
                    let more = match error.is_eof() && !begin.is_empty() {
                        true => self.next(),
                        false => None,
                    };
                    let Some(line) = more else {
                        return Err(Problem::Json {
                            word: word.to_owned(),
                            what,
                            reason: error.to_string(),
                        });
                    };
                    text.push('\n');
                    text.push_str(line);
                }
            }
        }
    }

    /// A JSON string.
    fn string(&mut self, word: &str, begin: &str) -> Result<String, Problem> {
        let what = "a text in double quotes, with JSON's escapes";
        match self.json(word, begin, what)? {
            Value::String(text) => Ok(text),
            other => Err(Problem::Json {
                word: word.to_owned(),
                what,
                reason: format!("{other} is none"),
            }),
        }
    }

    /// One indented line.
    fn statement(&mut self, content: &str, rule: &mut Rule) -> Result<(), Problem> {
        let (word, rest) = split(content);
        if let Some(timing) = timing(word, rest)? {
            match &mut rule.body {
                Body::Stream(items) => items.push(Item::Timing(timing)),
                body @ Body::Nothing => *body = Body::Stream(vec![Item::Timing(timing)]),
                _ => rule.edits.push(Edit::AtEnd(timing)),
            }
            return Ok(());
        }
        match word {
            "when" => rule.conditions.push(self.condition(word, rest)?),
            "key" => rule.key = Some(one(word, rest, "a key")?.to_owned()),
            "status" => {
                let range = "a status from 200 to 599";
                let found = one(word, rest, range)?;
                rule.status = Some(number(word, found, range, |status| {
                    (200..600).contains(status)
                })?);
            }
            "header" => {
                let header = rest
                    .split_once(':')
                    .map(|(name, value)| (name.trim(), value.trim()))
                    .filter(|(name, value)| {
                        is_header_name(name) && !value.contains(char::is_control)
                    });
                let (name, value) = header.ok_or_else(|| Problem::Header(rest.to_owned()))?;
                rule.headers.push((name.to_owned(), value.to_owned()));
            }
            "before" => rule.edits.push(Edit::Before(needed_timing(word, rest)?)),
            "after" => rule.edits.push(after(word, rest)?),
            "drip" => {
                let size = positive(word, one(word, rest, "a number of bytes")?)?;
                rule.edits.push(Edit::Drip(size));
            }
            "length" => {
                let range = "a number of bytes";
                let length = number(word, one(word, rest, range)?, range, |_| true)?;
                rule.edits.push(Edit::Length(length));
            }
            "until-close" | "chunked" => {
                nothing(rest)?;
                rule.edits.push(match word {
                    "chunked" => Edit::Chunked,
                    _ => Edit::UntilClose,
                });
            }
            "data" | "event" | "comment" | "bytes" => {
                let item = self.item(word, rest)?;
                match &mut rule.body {
                    Body::Stream(items) => items.push(item),
                    body => set(body, word, Body::Stream(vec![item]))?,
                }
            }
            "json" | "body" | "models" | "stream" | "answer" | "fixture" => {
                let body = self.body(word, rest)?;
                set(&mut rule.body, word, body)?;
            }
            _ => match &mut rule.body {
                Body::Answer(answer) => self.part(word, rest, answer)?,
                _ if ANSWER_WORDS.contains(&word) => {
                    return Err(Problem::NoAnswer(word.to_owned()));
                }
                _ => return Err(Problem::UnknownWord(word.to_owned())),
            },
        }
        Ok(())
    }

    fn condition(&mut self, word: &str, rest: &str) -> Result<Condition, Problem> {
        let (pointer, rest) = split(rest);
        if !pointer.starts_with('/') {
            return Err(Problem::Pointer(pointer.to_owned()));
        }
        let (test, value) = split(rest);
        let test = match test {
            "exists" | "absent" => {
                nothing(value)?;
                match test {
                    "exists" => Test::Exists,
                    _ => Test::Absent,
                }
            }
            "=" => Test::Equals(self.json("=", value, "JSON")?),
            "contains" => Test::Contains(self.json("contains", value, "JSON")?),
            "" => {
                return Err(Problem::Missing {
                    word: word.to_owned(),
                    what: "a pointer and then `exists`, `absent`, `= JSON` or `contains JSON`",
                });
            }
            other => return Err(Problem::UnknownWord(other.to_owned())),
        };
        Ok(Condition {
            pointer: pointer.to_owned(),
            test,
        })
    }

    fn body(&mut self, word: &str, rest: &str) -> Result<Body, Problem> {
        let missing = |what| Problem::Missing {
            word: word.to_owned(),
            what,
        };
        Ok(match word {
            "json" => Body::Json(self.json(word, rest, "JSON")?),
            "body" => Body::Text(self.string(word, rest)?),
            "models" => Body::Models(rest.split_whitespace().map(str::to_owned).collect()),
            "fixture" if rest.is_empty() => return Err(missing("the path of a recorded reply")),
            "fixture" => Body::Fixture(rest.to_owned()),
            "answer" => {
                let dialect = match rest {
                    "" => None,
                    name => Some(
                        among(&DIALECTS, name)
                            .ok_or_else(|| Problem::UnknownWord(name.to_owned()))?,
                    ),
                };
                Body::Answer(AnswerText {
                    dialect,
                    ..AnswerText::default()
                })
            }
            _ => {
                nothing(rest)?;
                Body::Stream(Vec::new())
            }
        })
    }

    fn item(&mut self, word: &str, rest: &str) -> Result<Item, Problem> {
        Ok(match word {
            "data" => Item::Data(rest.to_owned()),
            "comment" => Item::Comment(rest.to_owned()),
            "bytes" => Item::Bytes(self.string(word, rest)?),
            _ => {
                let (name, data) = split(rest);
                if name.is_empty() {
                    return Err(Problem::Missing {
                        word: word.to_owned(),
                        what: "the event's name and its data",
                    });
                }
                Item::Event {
                    name: name.to_owned(),
                    data: data.to_owned(),
                }
            }
        })
    }

    /// A line of an answer.
    fn part(&mut self, word: &str, rest: &str, answer: &mut AnswerText) -> Result<(), Problem> {
        match word {
            "text" => answer.parts.push(Block::Text(self.string(word, rest)?)),
            "thinking" => answer.parts.push(Block::Thinking(self.string(word, rest)?)),
            "call" => {
                let (id, rest) = split(rest);
                let (name, arguments) = split(rest);
                if name.is_empty() {
                    return Err(Problem::Missing {
                        word: word.to_owned(),
                        what: "an id (or - for none), the tool's name and its arguments",
                    });
                }
                answer.parts.push(Block::ToolCall {
                    id: if id == "-" { "" } else { id }.to_owned(),
                    name: name.to_owned(),
                    arguments: arguments.to_owned(),
                });
            }
            "id" => answer.id = Some(one(word, rest, "an id")?.to_owned()),
            "model" => answer.model = Some(one(word, rest, "a name")?.to_owned()),
            "finish" => {
                let name = one(
                    word,
                    rest,
                    "`stop`, `length`, `tool-calls` or `content-filter`",
                )?;
                let finish = among(&FINISHES, name);
                answer.finish = Some(finish.ok_or_else(|| Problem::UnknownWord(name.to_owned()))?);
            }
            "no-usage" => {
                nothing(rest)?;
                answer.usage = UsageText::Absent;
            }
            "usage" => answer.usage = UsageText::Given(usage(word, rest)?),
            "reasoning-field" => {
                let name = one(word, rest, "`reasoning_content` or `reasoning`")?;
                let field = REASONING_FIELDS.iter().find(|field| **field == name);
                answer.reasoning_field =
                    Some(field.ok_or_else(|| Problem::UnknownWord(name.to_owned()))?);
            }
            _ => return Err(Problem::UnknownWord(word.to_owned())),
        }
        Ok(())
    }
}

/// The words that stand below `answer`.
const ANSWER_WORDS: [&str; 9] = [
    "text",
    "thinking",
    "call",
    "id",
    "model",
    "finish",
    "no-usage",
    "usage",
    "reasoning-field",
];

fn among<T: Copy>(names: &[(&str, T)], name: &str) -> Option<T> {
    let found = names.iter().find(|(known, _)| *known == name);
    found.map(|(_, value)| *value)
}

fn is_header_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    !name.is_empty() && name.bytes().all(fits)
}

/// Sets how a rule answers, once.
fn set(body: &mut Body, word: &str, new: Body) -> Result<(), Problem> {
    match body {
        Body::Nothing => {
            *body = new;
            Ok(())
        }
        known => Err(Problem::SecondAnswer {
            first: known.word(),
            second: word.to_owned(),
        }),
    }
}

fn after(word: &str, rest: &str) -> Result<Edit, Problem> {
    let (found, rest) = split(rest);
    let range = "a number of frames or bytes";
    let count = number(word, found, range, |_| true)?;
    let (unit, rest) = split(rest);
    match unit {
        "frame" | "frames" => Ok(Edit::AfterFrames(count, needed_timing(unit, rest)?)),
        "byte" | "bytes" => Ok(Edit::AfterBytes(count, needed_timing(unit, rest)?)),
        "" => Err(Problem::Missing {
            word: word.to_owned(),
            what: "`N frames` or `N bytes` and what happens then",
        }),
        other => Err(Problem::UnknownWord(other.to_owned())),
    }
}

fn usage(word: &str, rest: &str) -> Result<Usage, Problem> {
    let mut usage = Usage {
        input_tokens: 0,
        cached_tokens: 0,
        output_tokens: 0,
        reasoning_tokens: 0,
    };
    for pair in rest.split_whitespace() {
        let unknown = || Problem::UnknownWord(pair.to_owned());
        let (name, figure) = pair.split_once('=').ok_or_else(unknown)?;
        let figure = number(word, figure, "figures such as input=12", |_| true)?;
        match name {
            "input" => usage.input_tokens = figure,
            "cached" => usage.cached_tokens = figure,
            "output" => usage.output_tokens = figure,
            "reasoning" => usage.reasoning_tokens = figure,
            _ => return Err(unknown()),
        }
    }
    Ok(usage)
}
