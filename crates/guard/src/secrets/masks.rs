//! What secrets look like, for logs and short summaries of tool calls (the original's `logging.redactPatterns`).

use std::borrow::Cow;

use regex::{Captures, Regex, RegexBuilder};

/// The original's patterns. The last group is what is masked; without groups the whole match.
const PATTERNS: [&str; 15] = [
    r#"\b[A-Z0-9_]*(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD)\b\s*[=:]\s*(?:["'])?([^\s"'\\]+)"#,
    r#""(?:apiKey|token|secret|password|passwd|accessToken|refreshToken)"\s*:\s*"([^"]+)""#,
    r#"--(?:api-?key|token|secret|password|passwd)[\s=]+(?:["'])?([^\s"']+)"#,
    r"Authorization\s*[:=]\s*Bearer\s+([A-Za-z0-9._\-+=]+)",
    r"\bBearer\s+([A-Za-z0-9._\-+=]{18,})\b",
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]+?-----END [A-Z ]*PRIVATE KEY-----",
    r"\b(sk-[A-Za-z0-9_-]{8,})\b",
    r"\b(ghp_[A-Za-z0-9]{20,})\b",
    r"\b(github_pat_[A-Za-z0-9_]{20,})\b",
    r"\b(xox[baprs]-[A-Za-z0-9-]{10,})\b",
    r"\b(xapp-[A-Za-z0-9-]{10,})\b",
    r"\b(gsk_[A-Za-z0-9_-]{10,})\b",
    r"\b(AIza[0-9A-Za-z\-_]{20,})\b",
    r"\b(pplx-[A-Za-z0-9_-]{10,}|npm_[A-Za-z0-9]{10,})\b",
    r"\b(\d{6,}:[A-Za-z0-9_-]{20,})\b",
];

/// Patterns whose names must be written in capitals.
const CASE_MATTERS: usize = 1;

/// Masks what looks like a secret.
#[derive(Debug, Clone)]
pub struct Masks {
    patterns: Vec<Regex>,
}

impl Default for Masks {
    /// The original's patterns.
    fn default() -> Self {
        let patterns = PATTERNS.iter().enumerate();
        let patterns = patterns.filter_map(|(at, text)| compile(text, at >= CASE_MATTERS));
        Self {
            patterns: patterns.collect(),
        }
    }
}

impl Masks {
    /// The owner's patterns instead, where there are any: regular expressions, plain or as `/body/flags`. What is none is
    /// left out and given back, for a warning.
    pub fn new(patterns: &[String]) -> (Self, Vec<String>) {
        if patterns.is_empty() {
            return (Self::default(), Vec::new());
        }
        let mut refused = Vec::new();
        let compiled = patterns.iter().filter_map(|text| {
            let slashed = text
                .strip_prefix('/')
                .and_then(|rest| rest.rsplit_once('/'));
            let compiled = match slashed {
                Some((body, flags)) if flags.chars().all(|c| "dgimsuvy".contains(c)) => {
                    compile(body, flags.contains('i'))
                }
                _ => compile(text, true),
            };
            if compiled.is_none() {
                refused.push(text.clone());
            }
            compiled
        });
        let patterns = compiled.collect();
        (Self { patterns }, refused)
    }

    /// The text with what looks like a secret masked: `***`, or the first six and the last four characters of a long one.
    pub fn apply<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut text = Cow::Borrowed(text);
        for pattern in &self.patterns {
            if pattern.is_match(&text) {
                let masked = pattern.replace_all(&text, |found: &Captures<'_>| masked(found));
                text = Cow::Owned(masked.into_owned());
            }
        }
        text
    }
}

fn compile(pattern: &str, any_case: bool) -> Option<Regex> {
    RegexBuilder::new(pattern)
        .case_insensitive(any_case)
        .size_limit(1 << 20)
        .build()
        .ok()
}

/// A match with its last group masked.
fn masked(found: &Captures<'_>) -> String {
    let Some(whole) = found.get(0) else {
        return String::new();
    };
    let secret = found.iter().skip(1).flatten().last().unwrap_or(whole);
    let (before, after) = (
        &whole.as_str()[..secret.start() - whole.start()],
        &whole.as_str()[secret.end() - whole.start()..],
    );
    format!("{before}{}{after}", mask(secret.as_str()))
}

fn mask(secret: &str) -> String {
    if secret.starts_with("-----BEGIN") {
        let lines: Vec<&str> = secret.lines().collect();
        let (first, last) = (lines.first().unwrap_or(&""), lines.last().unwrap_or(&""));
        return format!("{first}\n…redacted…\n{last}");
    }
    let chars: Vec<char> = secret.chars().collect();
    match chars.len() {
        0..18 => "***".to_owned(),
        count => {
            let first: String = chars[..6].iter().collect();
            let last: String = chars[count - 4..].iter().collect();
            format!("{first}…{last}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_secret_is_masked() {
        let masks = Masks::default();
        for (text, shown) in [
            ("OPENAI_API_KEY=abc123", "OPENAI_API_KEY=***"),
            ("api_key=abc123", "api_key=abc123"),
            (r#"{"apiKey": "abc"}"#, r#"{"apiKey": "***"}"#),
            (
                "tool --token abcdefghijklmnopqrstuvwx",
                "tool --token abcdef…uvwx",
            ),
            ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
            ("key sk-abcdefghijklmnopqrst here", "key sk-abc…qrst here"),
            ("ghp_abcdefghijklmnopqrstuvwxyz", "ghp_ab…wxyz"),
            (
                "bot 123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw!",
                "bot 123456…Dsaw!",
            ),
            (
                "-----BEGIN PRIVATE KEY-----\nMII\nxx\n-----END PRIVATE KEY-----",
                "-----BEGIN PRIVATE KEY-----\n…redacted…\n-----END PRIVATE KEY-----",
            ),
            (
                "the weather is fine: 22 degrees",
                "the weather is fine: 22 degrees",
            ),
        ] {
            assert_eq!(masks.apply(text), shown);
        }
        assert_eq!(masks.patterns.len(), PATTERNS.len());
    }

    #[test]
    fn the_owners_patterns_replace_the_others() {
        let (masks, refused) =
            Masks::new(&["/code-(\\d+)/g".into(), "Geheim\\w+".into(), "(".into()]);
        assert_eq!(
            masks.apply("code-1234 CODE-5 geheimnis sk-abcdefghijkl"),
            "code-*** CODE-5 *** sk-abcdefghijkl"
        );
        assert_eq!(refused, ["("]);
    }
}
