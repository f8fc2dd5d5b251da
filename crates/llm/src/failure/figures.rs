//! Numbers out of error texts: token counts and waiting times, each recognised by the words around it.

use std::time::Duration;

use super::TokenFigures;

/// Words directly before the server's limit.
const LIMIT_AFTER: &[&str] = &[
    "n_ctx: ",
    "context length is ",
    "context length of ",
    "context length (",
    "context size (",
    "context window of ",
    "prompt length is ",
    "token limit: ",
    "tokens allowed (",
    "supports at most ",
    "tokens allowed ",
];

/// Words directly behind the server's limit.
const LIMIT_BEFORE: &[&str] = &[" maximum", ", which is the maximum"];

/// Words directly before the prompt's size.
const PROMPT_AFTER: &[&str] = &[
    "n_keep: ",
    "request (",
    "input (",
    "prompt (",
    "resulted in ",
    "contains at least ",
    "request contains ",
    "request has ",
    "too long: ",
    "token count (",
    "(requested: ",
];

/// Words directly behind the prompt's size.
const PROMPT_BEFORE: &[&str] = &[
    " in the messages",
    " input tokens",
    " tokens from the input",
];

/// The prompt's size and the limit, where the text names them.
pub(super) fn token_figures(text: &str) -> TokenFigures {
    let text = text.to_ascii_lowercase();
    let mut figures = TokenFigures::default();
    for (start, end) in numbers(&text) {
        let Ok(number) = text[start..end].parse::<u64>() else {
            continue;
        };
        let (before, after) = (&text[..start], &text[end..]);
        let is = |heads: &[&str], tails: &[&str]| {
            heads.iter().any(|words| before.ends_with(words))
                || tails.iter().any(|words| after.starts_with(words))
        };
        if figures.limit.is_none() && is(LIMIT_AFTER, LIMIT_BEFORE) {
            figures.limit = Some(number);
        } else if figures.prompt.is_none() && is(PROMPT_AFTER, PROMPT_BEFORE) {
            figures.prompt = Some(number);
        }
    }
    figures
}

/// A waiting time such as `try again in 20s`, `1m30.5s`, `523ms`; bare numbers are seconds.
pub(super) fn waiting_time(text: &str) -> Option<Duration> {
    let lower = text.to_ascii_lowercase();
    let at = ["try again in ", "retry after ", "retry in "]
        .iter()
        .find_map(|words| lower.find(words).map(|at| at + words.len()))?;
    duration(&lower[at..])
}

/// The duration at the head of a text, in Go's form (`1m30s`) or as plain seconds.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim_start();
    let mut seconds = None;
    loop {
        let end = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let Ok(number) = rest[..end].trim_end_matches('.').parse::<f64>() else {
            break;
        };
        let tail = rest[end..].trim_start();
        let (scale, skip) = if tail.starts_with("ms") {
            (0.001, 2)
        } else if tail.starts_with('m') {
            (60.0, 1)
        } else if tail.starts_with('h') {
            (3600.0, 1)
        } else if tail.starts_with('s') {
            (1.0, 1)
        } else if seconds.is_none() {
            (1.0, 0)
        } else {
            break;
        };
        seconds = Some(seconds.unwrap_or(0.0) + number * scale);
        rest = &tail[skip..];
        if skip == 0 {
            break;
        }
    }
    Duration::try_from_secs_f64(seconds?).ok()
}

/// Byte ranges of the runs of digits in a text.
fn numbers(text: &str) -> Vec<(usize, usize)> {
    let bytes = text.as_bytes();
    let mut runs = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at].is_ascii_digit() {
            let start = at;
            while at < bytes.len() && bytes[at].is_ascii_digit() {
                at += 1;
            }
            runs.push((start, at));
        } else {
            at += 1;
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_times_in_the_forms_servers_write() {
        let secs = |text| waiting_time(text).map(|d| d.as_secs_f64());
        assert_eq!(secs("Please try again in 20s."), Some(20.0));
        assert_eq!(secs("Please try again in 1m30.5s. Visit"), Some(90.5));
        assert_eq!(secs("try again in 523ms"), Some(0.523));
        assert_eq!(secs("Retry after 7 seconds"), Some(7.0));
        assert_eq!(secs("try again in a moment"), None);
        assert_eq!(secs("try again in 99999999999999999999999h"), None);
    }
}
