//! What a text points to: what its reader could follow, call or pay.

use serde_json::Value;

use crate::dates;
use crate::invisible;

/// Something in a text that one can act on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Pointer {
    /// An address of the web, as [`url`] writes it.
    Url(String),
    /// An address of mail, in lower case.
    Mail(String),
    /// A number that is none to reckon with: of a telephone, an account, a code.
    Number(String),
}

/// What a text points to, in order.
pub(crate) fn pointers(text: &str) -> Vec<Pointer> {
    let text: String = invisible::strip(text).chars().map(plain).collect();
    let tokens = text.split(|c: char| {
        c.is_whitespace()
            || matches!(
                c,
                '<' | '>' | '(' | ')' | '[' | ']' | '{' | '}' | '"' | '\'' | '`' | ',' | ';' | '|'
            )
    });
    let mut found = Vec::new();
    let mut figures = String::new();
    for token in tokens.filter(|token| !token.is_empty()) {
        let token = token.trim_matches(|c: char| !c.is_alphanumeric() && !matches!(c, '+' | '/'));
        if is_figures(token) && !dates::is_moment(token) {
            figures.extend(token.chars().filter(char::is_ascii_digit));
            continue;
        }
        close(&mut figures, &mut found);
        if let Some(mail) = mail(token) {
            found.push(Pointer::Mail(mail));
        } else if let Some(url) = web(token) {
            found.push(Pointer::Url(url));
        } else if !dates::is_moment(token)
            && token.chars().filter(char::is_ascii_digit).count() >= CODE
        {
            found.push(Pointer::Number(token.to_lowercase()));
        }
    }
    close(&mut figures, &mut found);
    found
}

/// The addresses of the web in the texts of a value.
pub fn urls_in(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => pointers(text)
            .into_iter()
            .filter_map(|pointer| match pointer {
                Pointer::Url(url) => Some(url),
                Pointer::Mail(_) | Pointer::Number(_) => None,
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(urls_in).collect(),
        Value::Object(members) => members.values().flat_map(urls_in).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

/// A character as what reads addresses and numbers takes it: wide forms are the plain ones, and what looks like a full
/// stop in the name of a host is one.
fn plain(c: char) -> char {
    match c {
        '\u{3002}' | '\u{ff61}' | '\u{2024}' | '\u{fe52}' => '.',
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        _ => c.is_numeric().then(|| decimal(c)).flatten().unwrap_or(c),
    }
}

/// A figure of the scripts that many keyboards and telephones have, as one of ASCII.
fn decimal(c: char) -> Option<char> {
    const ZEROS: [u32; 8] = [
        0x660, 0x6f0, 0x966, 0x9e6, 0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7f6,
    ];
    let value = ZEROS
        .into_iter()
        .find_map(|zero| u32::from(c).checked_sub(zero).filter(|value| *value < 10))?;
    char::from_digit(value, 10)
}

/// So many figures are a code.
const CODE: usize = 5;

fn close(figures: &mut String, found: &mut Vec<Pointer>) {
    if figures.len() >= CODE {
        found.push(Pointer::Number(std::mem::take(figures)));
    }
    figures.clear();
}

/// Whether a token is figures and what stands between them.
fn is_figures(token: &str) -> bool {
    token.contains(|c: char| c.is_ascii_digit())
        && token
            .chars()
            .all(|c| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | '/'))
}

fn mail(token: &str) -> Option<String> {
    let token = token.strip_prefix("mailto:").unwrap_or(token);
    let (name, host) = token.split_once('@')?;
    (!name.is_empty() && is_host(host)).then(|| token.to_lowercase())
}

/// The address of the web in a token, wherever it begins: behind a word and a colon, a scheme with or without slashes.
fn web(token: &str) -> Option<String> {
    if token.contains("://") {
        return Some(url(token));
    }
    let is_outside_host = |c: char| !(c.is_alphanumeric() || matches!(c, '.' | '-' | '_'));
    let mut at = 0;
    token.split(is_outside_host).find_map(|part| {
        let start = at;
        at += part.len();
        at += token[at..].chars().next().map_or(0, char::len_utf8);
        let trimmed = part.trim_matches('.');
        (is_host(trimmed) || is_ip(trimmed)).then(|| url(token[start..].trim_start_matches('.')))
    })
}

fn is_ip(text: &str) -> bool {
    text.parse::<std::net::Ipv4Addr>().is_ok()
}

/// Whether a text is a name of a host, with a letter-only last part: `e.g` is not, `example.org` is.
fn is_host(text: &str) -> bool {
    let labels: Vec<&str> = text.split('.').collect();
    let is_label = |label: &&str| {
        !label.is_empty()
            && label
                .chars()
                .all(|c| c.is_alphanumeric() || c == '-' || c == '_')
    };
    let is_word = |label: &str| label.len() >= 2 && label.chars().all(char::is_alphabetic);
    labels.len() >= 2
        && labels.iter().all(is_label)
        && labels
            .last()
            .is_some_and(|last| last.starts_with("xn--") || is_word(last))
        && labels.iter().map(|label| label.len()).max() > Some(1)
}

/// An address of the web in one form: without scheme, empty path and mark; the host in lower case.
pub(crate) fn url(text: &str) -> String {
    let text = without_scheme(text.trim());
    let text = text.trim_end_matches(['/', '.', ',', '!', '?', ';', ':']);
    let (host, path) = text.split_at(text.find(['/', '?', '#']).unwrap_or(text.len()));
    format!("{}{path}", host.to_lowercase())
}

/// What stands behind a scheme. A browser takes any number of slashes for two; what stands further behind is no scheme.
fn without_scheme(text: &str) -> &str {
    let slashes: &[char] = &['/', '\\'];
    for scheme in ["https:", "http:", "ftp:"] {
        let (Some(start), Some(rest)) = (text.get(..scheme.len()), text.get(scheme.len()..)) else {
            continue;
        };
        if start.eq_ignore_ascii_case(scheme) {
            return rest.trim_start_matches(slashes);
        }
    }
    let is_scheme = |scheme: &str| {
        !scheme.is_empty()
            && scheme
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-'))
    };
    match text.split_once("://") {
        Some((scheme, rest)) if is_scheme(scheme) => rest,
        _ => text.trim_start_matches("//"),
    }
}

/// The host of an address in the form of [`url`].
pub(crate) fn host(url: &str) -> &str {
    url.split(['/', '?', '#']).next().unwrap_or_default()
}

/// Whether an address in the form of [`url`] carries another in its path or query, to which its host may send on.
pub(crate) fn carries_address(url: &str) -> bool {
    let rest = url[host(url).len()..].to_lowercase();
    let rest = rest.trim_start_matches('/');
    ["//", "%2f", "%3a", "\\", "%5c", "@", "%40"]
        .iter()
        .any(|mark| rest.contains(mark))
        || rest
            .split_once(['?', '#'])
            .is_some_and(|(_, query)| !pointers(query).is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_can_act_on_is_found() {
        let url = |text: &str| Pointer::Url(text.to_owned());
        let mail = |text: &str| Pointer::Mail(text.to_owned());
        let number = |text: &str| Pointer::Number(text.to_owned());
        for (text, points_to) in [
            (
                "Check out this link: www.secure-systems-252.com",
                vec![url("www.secure-systems-252.com")],
            ),
            (
                "see [this](https://Evil.example/a?b=C).",
                vec![url("evil.example/a?b=C")],
            ),
            ("evil\u{200b}.example", vec![url("evil.example")]),
            (
                "Write to Mark.Black-2134@gmail.com!",
                vec![mail("mark.black-2134@gmail.com")],
            ),
            (
                "call +49 30 123456 or 0800-11-22",
                vec![number("4930123456"), number("08001122")],
            ),
            ("your code is 463820", vec![number("463820")]),
            (
                "pay to GB29NWBK60161331926819",
                vec![number("gb29nwbk60161331926819")],
            ),
            (
                "on 2024-06-01 at 10:30, or 1.6.2024: 98.70 for 3 e.g. now",
                vec![],
            ),
            ("hobbies are hiking, swimming and painting", vec![]),
        ] {
            assert_eq!(pointers(text), points_to, "{text}");
        }
    }

    #[test]
    fn an_address_is_found_however_it_is_written() {
        for text in [
            "see:evil.example",
            "Website=evil.example/x",
            "evil\u{3002}example",
            "evil\u{2024}example",
            "evil\u{fe52}example",
            "\u{ff45}vil\u{ff0e}example",
            "[here](//evil.example)",
            "[here](https:evil.example)",
            "[here](https:/\\evil.example)",
            "evil.example\u{2014}now",
            "**evil.example**",
            "bob@evil.example/x",
            "evil.xn--p1ai",
            "1.1.1.1/x",
            "\u{ff11}\u{ff12}\u{ff13}\u{ff14}\u{ff15}\u{ff16}",
            "\u{661}\u{662}\u{663}\u{664}\u{665}\u{666}",
            "20-30-40 41-52-63",
        ] {
            assert!(!pointers(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn an_address_has_one_form() {
        for (text, form) in [
            ("HTTPS://Example.org/A?b#c", "example.org/A?b#c"),
            (
                "https:evil.example/?x=://good.example",
                "evil.example/?x=://good.example",
            ),
            (
                "evil.example/?x=://good.example",
                "evil.example/?x=://good.example",
            ),
            ("//example.org/", "example.org"),
            ("https:/\\/example.org", "example.org"),
            (
                "https://good.example@evil.example",
                "good.example@evil.example",
            ),
        ] {
            assert_eq!(url(text), form, "{text}");
        }
        assert!(carries_address("good.example/go?to=evil.example"));
        assert!(carries_address("good.example/https%3A%2F%2Fevil.example"));
        assert!(!carries_address("good.example/a/b?page=2"));
    }
}
