//! What a text points to: what its reader could follow, call or pay.

use serde_json::Value;

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
    let text = invisible::strip(text);
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
        if is_figures(token) && !is_date(token) {
            figures.extend(token.chars().filter(char::is_ascii_digit));
            continue;
        }
        close(&mut figures, &mut found);
        if let Some(mail) = mail(token) {
            found.push(Pointer::Mail(mail));
        } else if is_url(token) {
            found.push(Pointer::Url(url(token)));
        } else if !is_date(token) && token.chars().filter(char::is_ascii_digit).count() >= CODE {
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

/// Whether a token is a date or a time: figures in groups, as people write them.
fn is_date(token: &str) -> bool {
    let groups: Vec<&str> = token.split(['-', '.', '/', ':', 'T']).collect();
    let is_year =
        |group: &str| group.len() == 4 && (group.starts_with("19") || group.starts_with("20"));
    let is_short = |group: &&str| matches!(group.len(), 1 | 2);
    let rest = match groups.as_slice() {
        [year, rest @ ..] | [rest @ .., year] if is_year(year) && rest.len() >= 2 => rest,
        // A time, or a number with decimals.
        [_, _] | [_, _, _] => &groups[..],
        _ => return false,
    };
    rest.iter().all(is_short)
        && groups
            .iter()
            .all(|group| group.chars().all(|c| c.is_ascii_digit()))
}

fn mail(token: &str) -> Option<String> {
    let token = token.strip_prefix("mailto:").unwrap_or(token);
    let (name, host) = token.split_once('@')?;
    (!name.is_empty() && is_host(host)).then(|| token.to_lowercase())
}

fn is_url(token: &str) -> bool {
    token.contains("://")
        || is_host(
            url(token)
                .split(['/', '?', '#', ':'])
                .next()
                .unwrap_or_default(),
        )
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
    labels.len() >= 2
        && labels.iter().all(is_label)
        && labels
            .last()
            .is_some_and(|last| last.len() >= 2 && last.chars().all(char::is_alphabetic))
        && labels.iter().map(|label| label.len()).max() > Some(1)
}

/// An address of the web in one form: without scheme, empty path and mark; the host in lower case.
pub(crate) fn url(text: &str) -> String {
    let text = text.trim();
    let text = text.split_once("://").map_or(text, |(_, rest)| rest);
    let text = text.trim_end_matches(['/', '.', ',', '!', '?', ';', ':']);
    let (host, path) = text.split_at(text.find(['/', '?', '#']).unwrap_or(text.len()));
    format!("{}{path}", host.to_lowercase())
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
}
