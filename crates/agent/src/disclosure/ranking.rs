//! Which tools a few words mean.
//!
//! BM25 over the words of name, description and parameters. There are some hundred tools at most, so nothing is kept.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use super::HiddenTool;

/// How much a word in a name counts, against one in a description.
const IN_NAME: f64 = 3.0;

/// How much a word counts that only begins like the one asked for (`issue`, `issues`; `mail`, `mailbox`).
const BEGINS_ALIKE: f64 = 0.5;

/// Shorter words mean nothing by their beginning.
const LEAST_PREFIX: usize = 4;

/// How soon a word that comes often counts no more (`k1`), and how much long descriptions are held back (`b`): the values
/// that are common for short texts.
const SATURATION: f64 = 1.2;
const LENGTH: f64 = 0.75;

/// The places of the tools that match, best first; of two that match alike, the first comes first.
pub(super) fn best(query: &str, tools: &[HiddenTool]) -> Vec<usize> {
    let texts: Vec<HashMap<String, f64>> = tools.iter().map(words_of).collect();
    let lengths: Vec<f64> = texts.iter().map(|text| text.values().sum()).collect();
    let mean = (lengths.iter().sum::<f64>() / lengths.len().max(1) as f64).max(1.0);
    let mut scores = vec![0.0; tools.len()];
    for wanted in words(query).collect::<BTreeSet<String>>() {
        let found: Vec<f64> = texts.iter().map(|text| count(&wanted, text)).collect();
        let having = found.iter().filter(|count| **count > 0.0).count() as f64;
        let rarity = (1.0 + (tools.len() as f64 - having + 0.5) / (having + 0.5)).ln();
        for ((score, count), length) in scores.iter_mut().zip(found).zip(&lengths) {
            let held_back = SATURATION * (1.0 - LENGTH + LENGTH * length / mean);
            *score += rarity * count * (SATURATION + 1.0) / (count + held_back);
        }
    }
    let mut order: Vec<usize> = (0..tools.len()).filter(|at| scores[*at] > 0.0).collect();
    order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]).then(a.cmp(b)));
    order
}

/// How often a text has a word, words that begin alike counted less.
fn count(wanted: &str, text: &HashMap<String, f64>) -> f64 {
    if let Some(count) = text.get(wanted) {
        return *count;
    }
    let alike = |word: &str| {
        wanted.len().min(word.len()) >= LEAST_PREFIX
            && (word.starts_with(wanted) || wanted.starts_with(word))
    };
    let counts = text.iter().filter(|(word, _)| alike(word));
    counts
        .map(|(_, count)| BEGINS_ALIKE * count)
        .fold(0.0, f64::max)
}

/// The words of a tool, and how much each counts.
fn words_of(tool: &HiddenTool) -> HashMap<String, f64> {
    let mut counts = HashMap::new();
    let mut add = |text: &str, weight: f64| {
        for word in words(text) {
            *counts.entry(word).or_default() += weight;
        }
    };
    add(&tool.spec.name, IN_NAME);
    add(&tool.source, 1.0);
    add(&tool.spec.description, 1.0);
    let parameters = tool
        .spec
        .parameters
        .get("properties")
        .and_then(Value::as_object);
    for name in parameters
        .into_iter()
        .flat_map(|properties| properties.keys())
    {
        add(name, 1.0);
    }
    counts
}

/// The words of a text in lower case: `listPullRequests` and `list_pull_requests` have the same. A sign of a script
/// without spaces is a word of its own.
fn words(text: &str) -> impl Iterator<Item = String> {
    let mut found = Vec::new();
    let mut word = String::new();
    let mut before = ' ';
    for c in text.chars() {
        let is_hump = c.is_uppercase() && before.is_lowercase();
        if is_hump || !c.is_alphanumeric() || is_ideograph(c) {
            found.push(std::mem::take(&mut word));
        }
        if is_ideograph(c) {
            found.push(c.to_string());
        } else if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
        }
        before = c;
    }
    found.push(word);
    found.into_iter().filter(|word| !word.is_empty())
}

/// Han, kana and Hangul.
fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use moltbot_llm::ToolSpec;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn tool(name: &str, description: &str, parameter: &str) -> HiddenTool {
        HiddenTool {
            source: name.split("__").next().unwrap_or_default().to_owned(),
            spec: ToolSpec {
                name: name.to_owned(),
                description: description.to_owned(),
                parameters: json!({"type": "object", "properties": {parameter: {"type": "string"}}}),
            },
        }
    }

    fn tools() -> Vec<HiddenTool> {
        vec![
            tool(
                "github__create_issue",
                "Open an issue in a repository.",
                "title",
            ),
            tool(
                "github__listPullRequests",
                "List the pull requests of a repository.",
                "state",
            ),
            tool(
                "mail__search",
                "Find messages in the mailbox, such as about an issue.",
                "from",
            ),
            tool("wetter__heute", "Das Wetter einer Stadt.", "ort"),
            tool("cal__add", "在日历中添加事件", "start"),
        ]
    }

    #[test]
    fn the_tool_that_is_meant_comes_first() {
        let tools = tools();
        for (query, meant) in [
            ("create an issue", "github__create_issue"),
            ("pull request", "github__listPullRequests"),
            ("mails", "mail__search"),
            ("title of a repository", "github__create_issue"),
            ("WETTER", "wetter__heute"),
            ("日历", "cal__add"),
            ("github__create_issue", "github__create_issue"),
        ] {
            let first = best(query, &tools)
                .first()
                .map(|at| tools[*at].spec.name.as_str());
            assert_eq!(first, Some(meant), "{query}");
        }
        assert!(best("quantum", &tools).is_empty());
        assert!(best("", &tools).is_empty());
        assert!(best("x", &[]).is_empty());
    }

    proptest! {
        #[test]
        fn any_query_finds_each_tool_once_at_most(query in any::<String>()) {
            let found = best(&query, &tools());
            let once: BTreeSet<usize> = found.iter().copied().collect();
            prop_assert_eq!(once.len(), found.len());
        }
    }
}
