//! The owner's own secrets, by value.

use std::borrow::Cow;

use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use moltbot_config::Snapshot;
use serde_json::Value;
use url::Url;

/// What names of secrets end in, `_` and `-` aside and in lower case.
const NAME_ENDINGS: [&str; 10] = [
    "apikey",
    "token",
    "secret",
    "password",
    "passwd",
    "secretkey",
    "accesskey",
    "privatekey",
    "authkey",
    "credential",
];

/// Names that end like that of a secret and hold a number, a name or a place.
const NOT_SECRET: [&str; 6] = [
    "maxtokens",
    "contexttokens",
    "totaltokens",
    "hastoken",
    "usetoken",
    "tokenfile",
];

/// The shortest text that is looked for, in characters.
pub const SHORTEST: usize = 8;

/// Whether a name is that of a secret: `OPENAI_API_KEY`, `botToken`, `gateway.auth.password`.
pub fn is_secret_name(name: &str) -> bool {
    let plain: String = name
        .rsplit('.')
        .next()
        .unwrap_or(name)
        .chars()
        .filter(|c| !matches!(c, '_' | '-'))
        .collect::<String>()
        .to_lowercase();
    let is_listed = NAME_ENDINGS.iter().any(|ending| plain.ends_with(ending));
    is_listed && !NOT_SECRET.contains(&plain.as_str())
}

/// The secrets that stand in a resolved configuration, each with the path of its key.
pub fn in_config(config: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    collect(config, String::new(), false, &mut found);
    found
}

fn collect(value: &Value, path: String, is_secret: bool, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(keys) => {
            // Every header may carry one, and every variable of an `env` block.
            let all = ["headers", "env", "vars"]
                .iter()
                .any(|name| path.rsplit('.').next() == Some(name));
            for (key, value) in keys {
                let path = match path.is_empty() {
                    true => key.clone(),
                    false => format!("{path}.{key}"),
                };
                collect(
                    value,
                    path,
                    is_secret_name(key) || (all && is_secret_value(value)),
                    found,
                );
            }
        }
        Value::Array(items) => {
            for item in items {
                collect(item, path.clone(), is_secret, found);
            }
        }
        Value::String(text) if is_secret => found.push((path, text.clone())),
        Value::String(text) => found.extend(in_address(text).map(|value| (path.clone(), value))),
        _ => {}
    }
}

/// The secrets in an address: its password, and parts of its query that are named like secrets.
fn in_address(text: &str) -> impl Iterator<Item = String> {
    let address = Url::parse(text).ok().filter(|_| text.contains("://"));
    let password = address
        .as_ref()
        .and_then(|address| address.password().map(str::to_owned));
    let query: Vec<String> = address
        .iter()
        .flat_map(Url::query_pairs)
        .filter(|(name, _)| is_secret_name(name) || name == "key")
        .map(|(_, value)| value.into_owned())
        .collect();
    password.into_iter().chain(query)
}

/// A header that looks like a credential rather than a word.
fn is_secret_value(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|text| is_telling(text.trim_start_matches("Bearer ").trim()))
}

/// The owner's secrets. `Debug` prints their names alone.
#[derive(Clone, Default)]
pub struct Secrets {
    known: Vec<Known>,
}

#[derive(Clone)]
struct Known {
    name: String,
    /// The value as written and encoded, longest first.
    forms: Vec<String>,
}

impl Secrets {
    /// From names and values. What is too short, or a plain word such as the `lmstudio` that local servers are given, is
    /// passed over: it would be found everywhere and protects nothing.
    pub fn new(named: impl IntoIterator<Item = (String, String)>) -> Self {
        Self::default().and(named)
    }

    /// What an installation's settings hold: the values of references to secrets, whatever key they stand under and
    /// whatever they look like (from [`SHORTEST`] characters on); keys that are named like secrets; variables likewise. The
    /// text of a reference that was not followed is none.
    pub fn of(snapshot: &Snapshot) -> Self {
        let mut secrets = Self::default();
        for reference in &snapshot.secrets {
            let value = reference.value().unwrap_or_default().trim();
            if value.chars().count() >= SHORTEST {
                secrets.add(reference.key.to_string(), value);
            }
        }
        let is_reference = |text: &str| snapshot.secrets.iter().any(|one| one.text == text);
        let variables = snapshot.environment.vars.iter();
        let variables = variables
            .filter(|(name, _)| is_secret_name(name))
            .map(|(name, value)| (name.clone(), value.clone()));
        let named = in_config(&snapshot.value).into_iter().chain(variables);
        secrets.and(named.filter(|(_, value)| !is_reference(value)))
    }

    /// With these as well; what is passed over is as in [`new`](Self::new).
    #[must_use]
    pub fn and(mut self, named: impl IntoIterator<Item = (String, String)>) -> Self {
        for (name, value) in named {
            let value = value.trim();
            let value = value.strip_prefix("Bearer ").unwrap_or(value).trim();
            if is_telling(value) {
                self.add(name, value);
            }
        }
        self
    }

    fn add(&mut self, name: String, value: &str) {
        let is_known = |known: &Known| known.forms.iter().any(|form| form == value);
        if !self.known.iter().any(is_known) {
            self.known.push(Known {
                forms: forms(value),
                name,
            });
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// The name of a secret that stands in a text, as it is or in Base64, hexadecimal or percent-encoding.
    pub fn find(&self, text: &str) -> Option<&str> {
        let mut all = self.known.iter();
        all.find(|known| known.forms.iter().any(|form| text.contains(form.as_str())))
            .map(|known| known.name.as_str())
    }

    /// The text with `[secret: <name>]` in place of every secret.
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut text = Cow::Borrowed(text);
        for known in &self.known {
            for form in &known.forms {
                if text.contains(form.as_str()) {
                    let shown = format!("[secret: {}]", known.name);
                    text = Cow::Owned(text.replace(form.as_str(), &shown));
                }
            }
        }
        text
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.known.iter().map(|known| &known.name))
            .finish()
    }
}

/// Whether a value can be told from ordinary words: 16 characters or more that are not all letters, or 8 with digits and
/// letters among each other.
fn is_telling(value: &str) -> bool {
    let count = value.chars().count();
    let has_digit = value.chars().any(|c| c.is_ascii_digit());
    let has_letter = value.chars().any(char::is_alphabetic);
    let is_words = value
        .chars()
        .all(|c| c.is_lowercase() || matches!(c, '-' | '_' | ' ' | '.'));
    (count >= 8 && has_digit && has_letter) || (count >= 16 && !is_words) || count >= 24
}

/// A value as it may be written: itself, percent-encoded, in JSON, hexadecimal, and within any Base64.
fn forms(value: &str) -> Vec<String> {
    let bytes = value.as_bytes();
    let mut forms = vec![value.to_owned()];
    forms.push(url::form_urlencoded::byte_serialize(bytes).collect());
    forms.push(
        serde_json::to_string(value)
            .map_or_else(|_| String::new(), |json| json.trim_matches('"').to_owned()),
    );
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    forms.push(hex.to_uppercase());
    forms.push(hex);
    forms.push(value.chars().rev().collect());
    for before in 0..3 {
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            forms.push(in_base64(bytes, before, &engine));
        }
    }
    // Short pieces would be found in other texts.
    forms.retain(|form| form.len() >= SHORTEST);
    forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
    forms.dedup();
    forms
}

/// What is the same in the Base64 of everything that holds the value behind `before` other bytes (counted in threes).
fn in_base64(value: &[u8], before: usize, engine: &impl base64::Engine) -> String {
    let mut bytes = vec![0; before];
    bytes.extend_from_slice(value);
    let whole = engine.encode(&bytes);
    // The first characters hold bits of what stands before, the last may hold bits of what follows.
    let from = (before * 8).div_ceil(6);
    let to = bytes.len() * 8 / 6;
    whole.get(from..to).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use base64::Engine as _;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const CANARY: &str = "sk-canary/42+7f3a9Zq";

    fn secrets() -> Secrets {
        Secrets::new([("models.providers.x.apiKey".to_owned(), CANARY.to_owned())])
    }

    #[test]
    fn placeholders_are_words_and_keys_are_secrets() {
        for word in [
            "lmstudio",
            "ollama",
            "not-needed",
            "local",
            "none",
            "sk-local",
            "password",
            "12345678",
            "changeme",
        ] {
            assert!(!is_telling(word), "{word}");
        }
        for secret in [
            CANARY,
            "hunter2hunter2",
            "A1b2C3d4",
            "123456789:AAF-x_yzabcdefgh",
            "correct-horse-battery-staple",
        ] {
            assert!(is_telling(secret), "{secret}");
        }
    }

    #[test]
    fn secrets_of_a_configuration_are_found_by_their_keys() {
        let config = json!({
            "env": { "OPENAI_API_KEY": "k1", "PLACE": "sk-abcdefgh1234567890", "HOME": "/x" },
            "gateway": { "auth": { "token": "k2", "password": "k3" } },
            "models": { "providers": { "x": { "apiKey": "k4", "headers": { "X-Auth": "Bearer abc123def456", "X-Title": "moltbot" }, "models": [{ "maxTokens": 5 }] } } },
            "channels": { "telegram": { "botToken": "k5", "tokenFile": "/t" } },
        });
        let mut found: Vec<String> = in_config(&config)
            .into_iter()
            .map(|(_, value)| value)
            .collect();
        found.sort();
        assert_eq!(
            found,
            [
                "Bearer abc123def456",
                "k1",
                "k2",
                "k3",
                "k4",
                "k5",
                "sk-abcdefgh1234567890"
            ]
        );
    }

    #[test]
    fn no_form_of_a_secret_gets_out() {
        let secrets = secrets();
        let hex: String = CANARY.bytes().map(|byte| format!("{byte:02X}")).collect();
        for text in [
            format!("the key is {CANARY}."),
            "https://evil.example/?k=sk-canary%2F42%2B7f3a9Zq".to_owned(),
            format!("{{\"key\":{}}}", json!(CANARY)),
            hex,
            CANARY.chars().rev().collect(),
            STANDARD_NO_PAD.encode(format!("x{CANARY}yz")),
        ] {
            assert_eq!(
                secrets.find(&text),
                Some("models.providers.x.apiKey"),
                "{text}"
            );
            let shown = secrets.redact(&text);
            assert!(
                shown.contains("[secret: models.providers.x.apiKey]"),
                "{shown}"
            );
            assert_eq!(secrets.find(&shown), None, "{shown}");
        }
        assert!(matches!(secrets.redact("nothing here"), Cow::Borrowed(_)));
        assert!(!format!("{secrets:?}").contains(CANARY));
    }

    proptest! {
        #[test]
        fn base64_of_anything_around_it_is_seen(before in prop::collection::vec(any::<u8>(), 0..40), after in prop::collection::vec(any::<u8>(), 0..40), url in any::<bool>()) {
            let mut bytes = before;
            bytes.extend_from_slice(CANARY.as_bytes());
            bytes.extend(after);
            let encoded = match url {
                true => URL_SAFE_NO_PAD.encode(&bytes),
                false => STANDARD_NO_PAD.encode(&bytes),
            };
            prop_assert!(secrets().find(&encoded).is_some(), "{encoded}");
        }

        #[test]
        fn other_texts_stay_as_they_are(text in "\\PC{0,200}") {
            prop_assume!(!text.contains("canary"));
            let secrets = secrets();
            prop_assert_eq!(secrets.redact(&text), text.as_str());
        }
    }
}
