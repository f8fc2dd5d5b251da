//! `${VAR}` in string values.

use crate::environment::Environment;
use crate::issue::Issue;
use crate::key_path::KeyPath;
use crate::spanned::{Content, Node};

/// Replaces `${VAR}` in every string value (not in keys) below `node`.
///
/// Names are `[A-Z_][A-Z0-9_]*`; any other `${…}` stays as it is. `$${VAR}` stands for the text `${VAR}`. Each
/// variable that is unset or empty is an issue, and its text is left as written.
pub(crate) fn substitute(node: &mut Node, environment: &Environment, issues: &mut Vec<Issue>) {
    walk(node, &mut KeyPath::root(), environment, issues);
}

fn walk(node: &mut Node, path: &mut KeyPath, environment: &Environment, issues: &mut Vec<Issue>) {
    match &mut node.content {
        Content::String(text) => match expand(text, environment) {
            Ok(expanded) => *text = expanded,
            Err(missing) => issues.extend(missing.into_iter().map(|name| {
                Issue::at(
                    &node.origin,
                    path,
                    format!("Missing env var \"{name}\"; set it in the environment, in a .env file or under env.vars"),
                )
                .expecting(format!("the environment variable {name}"))
            })),
        },
        Content::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                path.push_index(index);
                walk(item, path, environment, issues);
                path.pop();
            }
        }
        Content::Object(members) => {
            for member in members {
                path.push_key(&member.key);
                walk(&mut member.value, path, environment, issues);
                path.pop();
            }
        }
        Content::Null | Content::Bool(_) | Content::Number(_) => {}
    }
}

/// Replaces the variables of one text.
///
/// # Errors
/// The names that are unset or empty, each once.
pub(crate) fn expand(text: &str, environment: &Environment) -> Result<String, Vec<String>> {
    let mut expanded = String::with_capacity(text.len());
    let mut missing: Vec<String> = Vec::new();
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        expanded.push_str(&rest[..dollar]);
        rest = &rest[dollar..];
        if let Some(name) = rest.strip_prefix("$${").and_then(name_to_brace) {
            expanded.push_str("${");
            expanded.push_str(name);
            expanded.push('}');
            rest = &rest["$${}".len() + name.len()..];
        } else if let Some(name) = rest.strip_prefix("${").and_then(name_to_brace) {
            match environment.vars.get(name) {
                Some(value) if !value.is_empty() => expanded.push_str(value),
                _ if missing.iter().any(|known| known == name) => {}
                _ => missing.push(name.to_owned()),
            }
            rest = &rest["${}".len() + name.len()..];
        } else {
            expanded.push('$');
            rest = &rest[1..];
        }
    }
    expanded.push_str(rest);
    if missing.is_empty() {
        Ok(expanded)
    } else {
        Err(missing)
    }
}

/// The variable name that `text` starts with, when a `}` follows it.
fn name_to_brace(text: &str) -> Option<&str> {
    let (name, _) = text.split_once('}')?;
    let mut bytes = name.bytes();
    let starts = bytes
        .next()
        .is_some_and(|byte| byte.is_ascii_uppercase() || byte == b'_');
    let goes_on =
        bytes.all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    (starts && goes_on).then_some(name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn environment() -> Environment {
        Environment {
            vars: [("BASE", "http://lab"), ("_KEY9", "k"), ("EMPTY", "")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            ..Environment::default()
        }
    }

    fn expanded(text: &str) -> String {
        expand(text, &environment()).unwrap()
    }

    #[test]
    fn replaces_variables_anywhere_in_a_text() {
        assert_eq!(expanded("${BASE}/v1?k=${_KEY9}"), "http://lab/v1?k=k");
        assert_eq!(expanded("$$${BASE}"), "$${BASE}");
        assert_eq!(expanded("$${BASE} ${BASE}"), "${BASE} http://lab");
    }

    #[test]
    fn leaves_everything_else() {
        for text in [
            "$BASE",
            "${base}",
            "${1A}",
            "${}",
            "${BASE",
            "$",
            "$$",
            "a $ {BASE}",
            "${A-B}",
        ] {
            assert_eq!(expanded(text), text);
        }
    }

    #[test]
    fn names_what_is_unset_or_empty_once_each() {
        assert_eq!(
            expand("${NONE} ${EMPTY} ${NONE}", &environment()).unwrap_err(),
            ["NONE", "EMPTY"]
        );
    }

    proptest! {
        #[test]
        fn any_text_is_expanded_or_refused(text in "[${}A-Z_é]{0,20}") {
            let _ = expand(&text, &environment());
        }
    }
}
