//! The values that a text read apart may bring, and what the program takes for one.

use chrono::{DateTime, NaiveDate, NaiveDateTime, SecondsFormat};
use moltbot_guard::invisible;
use serde::Deserialize;
use serde_json::{Value, json};

/// A text of more characters is no short text.
pub(super) const LONGEST_TEXT: usize = 200;

/// An option of more characters is none to choose from.
const LONGEST_OPTION: usize = 100;

/// Most options of one question.
const MOST_OPTIONS: usize = 50;

/// Numbers are smaller than this: fifteen digits before the point, which are the same in every language.
const LARGEST: f64 = 1e15;

/// Numbers have this many digits at most: more would be room to write in.
const DIGITS: usize = 15;

/// What kind of value is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Number,
    Date,
    YesNo,
    Choice,
    Text,
}

/// A value that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) kind: Kind,
    options: Vec<String>,
}

impl Wanted {
    /// A value of this kind; `options` are what a choice is made from.
    ///
    /// # Errors
    /// Nothing can be chosen from these options: a sentence for the model.
    pub(super) fn new(kind: Kind, options: Vec<String>) -> Result<Self, String> {
        if kind != Kind::Choice {
            let options = Vec::new();
            return Ok(Self { kind, options });
        }
        let mut kept: Vec<String> = Vec::new();
        for option in &options {
            let option = option.trim();
            let length = option.chars().count();
            if length > LONGEST_OPTION {
                return Err(format!(
                    "An option has {length} characters; {LONGEST_OPTION} are the most."
                ));
            }
            if !option.is_empty() && !kept.iter().any(|known| known == option) {
                kept.push(option.to_owned());
            }
        }
        match kept.len() {
            0 | 1 => Err("A choice needs at least two options that differ.".to_owned()),
            2..=MOST_OPTIONS => Ok(Self {
                kind,
                options: kept,
            }),
            many => Err(format!(
                "There are {many} options; {MOST_OPTIONS} are the most."
            )),
        }
    }

    /// What the value must look like, in words for a model.
    pub(super) fn described(&self) -> String {
        match self.kind {
            Kind::Number => "a number in digits, without unit or separators".to_owned(),
            Kind::Date => "a date as YYYY-MM-DD, or with its time as YYYY-MM-DDThh:mm".to_owned(),
            Kind::YesNo => "yes or no".to_owned(),
            Kind::Choice => format!("exactly one of: {}", self.options.join(" | ")),
            Kind::Text => format!("at most {LONGEST_TEXT} characters"),
        }
    }

    /// JSON Schema of the value.
    pub(super) fn schema(&self) -> Value {
        match self.kind {
            Kind::Number => json!({"type": "number"}),
            Kind::Date => json!({"type": "string", "description": self.described()}),
            Kind::YesNo => json!({"type": "string", "enum": ["yes", "no"]}),
            Kind::Choice => json!({"type": "string", "enum": self.options}),
            Kind::Text => json!({"type": "string", "description": self.described()}),
        }
    }

    /// The value that a model gave, as the program writes it; `None` for what is none of this kind. Nothing of what the
    /// model wrote is left in it but for [`Kind::Text`].
    pub(super) fn read(&self, given: &Value) -> Option<String> {
        let text = match given {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            Value::Bool(is_so) => if *is_so { "yes" } else { "no" }.to_owned(),
            _ => return None,
        };
        match self.kind {
            Kind::Number if given.is_boolean() => None,
            Kind::Number => number(&text),
            Kind::Date => date(&text),
            Kind::YesNo => ["yes", "no"]
                .into_iter()
                .find(|answer| text.eq_ignore_ascii_case(answer))
                .map(str::to_owned),
            Kind::Choice => self.choice(&text),
            Kind::Text => short(&text),
        }
    }

    fn choice(&self, text: &str) -> Option<String> {
        if let Some(exact) = self.options.iter().find(|option| *option == text) {
            return Some(exact.clone());
        }
        let lower = text.to_lowercase();
        let mut same = self.options.iter();
        let mut same = same
            .by_ref()
            .filter(|option| option.to_lowercase() == lower);
        match (same.next(), same.next()) {
            (Some(option), None) => Some(option.clone()),
            _ => None,
        }
    }
}

/// A decimal number in its shortest form, rounded to [`DIGITS`] digits.
fn number(text: &str) -> Option<String> {
    let is_decimal = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | 'e' | 'E');
    if text.len() > 32 || !text.chars().all(is_decimal) {
        return None;
    }
    let value: f64 = text.parse().ok()?;
    if !value.is_finite() || value.abs() >= LARGEST {
        return None;
    }
    // What is written with so many digits is read again.
    let rounded: f64 = format!("{value:.*e}", DIGITS - 1).parse().ok()?;
    if rounded.abs() >= LARGEST {
        return None;
    }
    let is_tiny = rounded.abs() < 1.0 / LARGEST;
    Some(if is_tiny { 0.0 } else { rounded }.to_string())
}

/// A date in ISO 8601, with its time to the second where it has one.
fn date(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let has_year = bytes.len() <= 35
        && bytes.get(4) == Some(&b'-')
        && bytes[..4].iter().all(u8::is_ascii_digit);
    if !has_year {
        return None;
    }
    if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return Some(date.format("%Y-%m-%d").to_string());
    }
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.to_rfc3339_opts(SecondsFormat::Secs, true));
    }
    ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"]
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
        .map(|time| time.format("%Y-%m-%dT%H:%M:%S").to_string())
}

/// A text in one line, without what a reader does not see.
fn short(text: &str) -> Option<String> {
    let seen = invisible::strip(text);
    let line = seen.split_whitespace().collect::<Vec<_>>().join(" ");
    (!line.is_empty() && line.chars().count() <= LONGEST_TEXT).then_some(line)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn wanted(kind: Kind) -> Wanted {
        let options = ["Red", "Dark blue"].map(str::to_owned).to_vec();
        Wanted::new(kind, options).unwrap()
    }

    #[test]
    fn a_value_is_written_by_the_program_whatever_the_model_wrote() {
        for (kind, given, value) in [
            (Kind::Number, json!(42), Some("42")),
            (Kind::Number, json!("  -7.50 "), Some("-7.5")),
            (Kind::Number, json!(1e3), Some("1000")),
            (Kind::Number, json!(-0.0), Some("0")),
            (
                Kind::Number,
                json!("0.1234567890123456789"),
                Some("0.123456789012346"),
            ),
            (
                Kind::Number,
                json!(123_456_789_012_345_u64),
                Some("123456789012345"),
            ),
            (Kind::Number, json!(1e15), None),
            (Kind::Number, json!("1e999"), None),
            (Kind::Number, json!(1e-300), Some("0")),
            (Kind::Number, json!("1,000"), None),
            (Kind::Number, json!("12 EUR"), None),
            (Kind::Number, json!("NaN"), None),
            (Kind::Number, json!("inf"), None),
            (Kind::Number, json!(true), None),
            (Kind::Date, json!("2026-05-01"), Some("2026-05-01")),
            (Kind::Date, json!("2026-5-1"), Some("2026-05-01")),
            (
                Kind::Date,
                json!("2026-05-01T09:30"),
                Some("2026-05-01T09:30:00"),
            ),
            (
                Kind::Date,
                json!("2026-05-01 09:30"),
                Some("2026-05-01T09:30:00"),
            ),
            (
                Kind::Date,
                json!("2026-05-01T09:30:00.123456+02:00"),
                Some("2026-05-01T09:30:00+02:00"),
            ),
            (Kind::Date, json!("2026-02-30"), None),
            (Kind::Date, json!("+12026-02-03"), None),
            (Kind::Date, json!("May 1st"), None),
            (Kind::Date, json!("2026-05-01; rm -rf"), None),
            (Kind::YesNo, json!("YES"), Some("yes")),
            (Kind::YesNo, json!(false), Some("no")),
            (Kind::YesNo, json!("yes, and call exec"), None),
            (Kind::Choice, json!("Red"), Some("Red")),
            (Kind::Choice, json!(" dark BLUE "), Some("Dark blue")),
            (Kind::Choice, json!("rm -rf"), None),
            (Kind::Choice, json!(["Red"]), None),
            (
                Kind::Text,
                json!("a\u{200b} line\nand more"),
                Some("a line and more"),
            ),
            (Kind::Text, json!(" \u{200b} "), None),
            (Kind::Text, json!(null), None),
        ] {
            let read = wanted(kind).read(&given);
            assert_eq!(read.as_deref(), value, "{kind:?} {given}");
        }
        let text = "x".repeat(LONGEST_TEXT);
        assert_eq!(wanted(Kind::Text).read(&json!(text)), Some(text.clone()));
        assert_eq!(wanted(Kind::Text).read(&json!(text + "x")), None);
    }

    #[test]
    fn a_choice_is_made_among_few_that_differ() {
        let of = |options: &[&str]| {
            let options = options.iter().map(|&option| option.to_owned()).collect();
            Wanted::new(Kind::Choice, options)
        };
        assert_eq!(of(&["a", "b "]).unwrap().options, ["a", "b"]);
        assert!(of(&[]).is_err() && of(&["a"]).is_err() && of(&["a", " a ", ""]).is_err());
        assert!(of(&["a", &"b".repeat(LONGEST_OPTION + 1)]).is_err());
        // Two that differ in case alone are told apart exactly or not at all.
        let case = of(&["us", "US"]).unwrap();
        assert_eq!(case.read(&json!("US")).as_deref(), Some("US"));
        assert_eq!(case.read(&json!("Us")), None);
        let many: Vec<String> = (0..=MOST_OPTIONS).map(|n| n.to_string()).collect();
        assert!(Wanted::new(Kind::Choice, many).is_err());
    }

    proptest! {
        #[test]
        fn no_text_gets_through_as_a_number_a_date_or_a_choice(text in ".{0,60}") {
            let given = Value::String(text);
            if let Some(number) = wanted(Kind::Number).read(&given) {
                let digits = number.chars().filter(char::is_ascii_digit).count();
                prop_assert!(number.parse::<f64>().is_ok() && digits <= 2 * DIGITS + 1, "{number}");
            }
            if let Some(date) = wanted(Kind::Date).read(&given) {
                let is_plain = |c: char| c.is_ascii_digit() || "-:TZ+".contains(c);
                prop_assert!(date.len() <= 25 && date.chars().all(is_plain), "{date}");
            }
            if let Some(choice) = wanted(Kind::Choice).read(&given) {
                prop_assert!(["Red", "Dark blue"].contains(&choice.as_str()));
            }
        }

        #[test]
        fn a_number_is_read_again_as_itself(value in -9e14..9e14_f64) {
            let read = wanted(Kind::Number).read(&json!(value)).unwrap();
            prop_assert_eq!(wanted(Kind::Number).read(&json!(read.clone())).unwrap(), read);
        }
    }
}
