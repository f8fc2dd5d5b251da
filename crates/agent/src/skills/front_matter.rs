//! What stands between the `---` lines at the head of a `SKILL.md`.

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value};

/// Front matter nests no deeper.
const MOST_DEPTH: usize = 32;

/// Front matter has no more values.
const MOST_VALUES: usize = 10_000;

/// The keys of a front matter.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct FrontMatter {
    keys: Map<String, Value>,
}

impl FrontMatter {
    /// Reads the head of a file; empty where it has no front matter.
    ///
    /// People write YAML by eye: where it is not YAML (`description: Use it: now`), lines of `key: value` count.
    pub(super) fn parse(text: &str) -> Self {
        let Some(block) = block(text) else {
            return Self::default();
        };
        let keys = match yaml(&block) {
            Some(Value::Object(keys)) => keys,
            _ => lines(&block),
        };
        Self { keys }
    }

    /// A value as text; `None` where there is none, or a blank one.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        let text = self.keys.get(key)?.as_str()?.trim();
        (!text.is_empty()).then_some(text)
    }

    /// A value as yes or no.
    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        match self.text(key)?.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Some(true),
            "false" | "no" | "off" | "0" => Some(false),
            _ => None,
        }
    }

    /// A nested value: as YAML has it, or as JSON5 in a text.
    pub(super) fn nested(&self, key: &str) -> Option<Value> {
        match self.keys.get(key)? {
            Value::String(text) => {
                let options = jsonc_parser::ParseOptions::default();
                jsonc_parser::parse_to_serde_value::<Option<Value>>(text, &options).ok()?
            }
            nested => Some(nested.clone()),
        }
    }
}

/// What stands between the first line `---` and the next.
fn block(text: &str) -> Option<String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.lines();
    if lines.next()?.trim_end() != "---" {
        return None;
    }
    let mut block = String::new();
    for line in lines {
        if line.trim_end() == "---" {
            return Some(block);
        }
        block.push_str(line);
        block.push('\n');
    }
    None
}

/// A collection that is being read.
enum Open {
    List(Vec<Value>),
    /// With the key whose value comes next.
    Keys(Map<String, Value>, Option<String>),
}

/// Reads YAML whose values are all texts: `true` and `1` mean what the reader makes of them. `None` where it is not YAML,
/// or uses what a front matter has no need of (aliases, which can make a page of text gigabytes).
fn yaml(text: &str) -> Option<Value> {
    let mut open: Vec<Open> = Vec::new();
    let mut values = 0;
    for event in Parser::new_from_str(text) {
        values += 1;
        if values > MOST_VALUES || open.len() > MOST_DEPTH {
            return None;
        }
        let value = match event.ok()?.0 {
            Event::MappingStart(..) => {
                open.push(Open::Keys(Map::new(), None));
                continue;
            }
            Event::SequenceStart(..) => {
                open.push(Open::List(Vec::new()));
                continue;
            }
            Event::MappingEnd | Event::SequenceEnd => match open.pop()? {
                Open::List(items) => Value::Array(items),
                Open::Keys(keys, _) => Value::Object(keys),
            },
            Event::Scalar(text, style, ..) => {
                let is_nothing = style == ScalarStyle::Plain && matches!(&*text, "" | "~" | "null");
                match open.last() {
                    Some(Open::Keys(_, None)) => Value::String(text.into_owned()),
                    _ if is_nothing => Value::Null,
                    _ => Value::String(text.into_owned()),
                }
            }
            Event::Nothing | Event::StreamStart | Event::DocumentStart(_) => continue,
            Event::Alias(_) | Event::DocumentEnd | Event::StreamEnd => return None,
        };
        match open.last_mut() {
            None => return Some(value),
            Some(Open::List(items)) => items.push(value),
            Some(Open::Keys(keys, key)) => match (key.take(), value) {
                (Some(key), value) => {
                    keys.insert(key, value);
                }
                (None, Value::String(name)) => *key = Some(name),
                // A key that is a list or a mapping.
                (None, _) => return None,
            },
        }
    }
    None
}

/// Lines of `key: value`, those that are indented left out.
fn lines(block: &str) -> Map<String, Value> {
    let pairs = block.lines().filter_map(|line| {
        let (key, value) = line.split_once(':')?;
        let is_key = !key.is_empty()
            && key
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        is_key.then(|| {
            (
                key.to_owned(),
                Value::String(unquoted(value.trim()).to_owned()),
            )
        })
    });
    pairs.collect()
}

fn unquoted(text: &str) -> &str {
    ['"', '\'']
        .into_iter()
        .find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote))
        .unwrap_or(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn any_value_is_a_text() {
        let front = FrontMatter::parse(
            "\u{feff}---\r\nname: gh\r\ndescription: >\n  Two\n  lines.\nversion: 1.0\nuser-invocable: False\nempty:\n---\r\nbody: no\n",
        );
        assert_eq!(front.text("name"), Some("gh"));
        assert_eq!(front.text("description"), Some("Two lines."));
        assert_eq!(front.text("version"), Some("1.0"));
        assert_eq!(front.flag("user-invocable"), Some(false));
        assert_eq!(front.text("empty"), None);
        assert_eq!(front.text("body"), None);
    }

    #[test]
    fn metadata_is_yaml_or_json5() {
        let wanted = json!({"moltbot": {"requires": {"bins": ["gh"]}, "always": "true"}});
        for text in [
            "metadata:\n  moltbot:\n    requires:\n      bins:\n        - gh\n    always: true",
            "metadata: {\"moltbot\": {\"requires\": {\"bins\": [\"gh\"]}, \"always\": true}}",
            "metadata:\n  {\n    \"moltbot\": { \"requires\": { \"bins\": [\"gh\"], }, \"always\": true, },\n  }",
            "metadata: '{moltbot: {requires: {bins: [\"gh\"],}, always: \"true\"}}'",
        ] {
            let front = FrontMatter::parse(&format!("---\n{text}\n---\n"));
            assert_eq!(front.nested("metadata"), Some(wanted.clone()), "{text}");
        }
    }

    #[test]
    fn what_is_no_yaml_is_read_by_lines() {
        let front = FrontMatter::parse(
            "---\nname: \"x\"\ndescription: Use it: for this, not: that\nmetadata: {\"moltbot\": {\"always\": true}}\n  sub: y\n---\n",
        );
        assert_eq!(front.text("name"), Some("x"));
        assert_eq!(
            front.text("description"),
            Some("Use it: for this, not: that")
        );
        assert_eq!(
            front.nested("metadata"),
            Some(json!({"moltbot": {"always": true}}))
        );
        assert_eq!(front.text("sub"), None);
    }

    #[test]
    fn a_file_without_front_matter_has_no_keys() {
        for text in [
            "",
            "name: x\n",
            "---\nname: x\n",
            "# T\n---\nname: x\n---\n",
        ] {
            assert_eq!(FrontMatter::parse(text), FrontMatter::default(), "{text}");
        }
    }

    #[test]
    fn aliases_and_deep_nests_are_not_followed() {
        let bomb = "---\na: &a [x]\nb: [*a, *a]\n---\n";
        assert_eq!(
            FrontMatter::parse(bomb)
                .nested("b")
                .and_then(|b| b.as_array().cloned()),
            None
        );
        let deep = format!("---\na: {}\n---\n", "[".repeat(5_000));
        assert!(
            FrontMatter::parse(&deep).text("a").is_some(),
            "a plain line"
        );
    }

    proptest! {
        #[test]
        fn anything_can_be_read(text in any::<String>()) {
            FrontMatter::parse(&text);
            FrontMatter::parse(&format!("---\n{text}\n---\n"));
        }

        #[test]
        fn what_is_quoted_is_taken_to_the_letter(value in "[ -~]{0,40}") {
            let quoted = serde_json::to_string(&value).unwrap();
            let front = FrontMatter::parse(&format!("---\ndescription: {quoted}\n---\n"));
            let trimmed = value.trim();
            prop_assert_eq!(front.text("description"), (!trimmed.is_empty()).then_some(trimmed));
        }
    }
}
