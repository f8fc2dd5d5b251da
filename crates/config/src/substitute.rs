//! `${VAR}` and references to secrets in string values.

use std::path::Path;

use crate::environment::Environment;
use crate::issue::Issue;
use crate::key_path::KeyPath;
use crate::references::{Resolver, SecretReference, SecretSource};
use crate::spanned::{Content, Node};
use crate::template::{Piece, pieces};

/// What substitution met.
#[derive(Default)]
pub(crate) struct Met {
    /// What could not be replaced, in texts that are left as written.
    pub(crate) issues: Vec<Issue>,
    /// What the owner should know.
    pub(crate) warnings: Vec<String>,
    /// The references to secrets.
    pub(crate) secrets: Vec<SecretReference>,
}

/// Replaces `${VAR}`, `${file:…}`, `${command:…}` and `${keyring:…}` in every string value (not in keys) below `node`.
///
/// Names of variables are `[A-Z_][A-Z0-9_]*`; any other `${…}` stays as it is. `$${VAR}` stands for the text `${VAR}`. Each
/// variable that is unset or empty, and each secret that cannot be had, is an issue. A text with such a part, or with a
/// reference that is not followed, is left as written.
pub(crate) fn substitute(
    node: &mut Node,
    environment: &Environment,
    resolver: &mut Resolver,
) -> Met {
    let mut walk = Walk {
        environment,
        resolver,
        path: KeyPath::root(),
        met: Met::default(),
    };
    walk.node(node);
    walk.met
}

struct Walk<'a> {
    environment: &'a Environment,
    resolver: &'a mut Resolver,
    path: KeyPath,
    met: Met,
}

impl Walk<'_> {
    fn node(&mut self, node: &mut Node) {
        match &mut node.content {
            Content::String(_) => self.text(node),
            Content::Array(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.path.push_index(index);
                    self.node(item);
                    self.path.pop();
                }
            }
            Content::Object(members) => {
                for member in members {
                    self.path.push_key(&member.key);
                    self.node(&mut member.value);
                    self.path.pop();
                }
            }
            Content::Null | Content::Bool(_) | Content::Number(_) => {}
        }
    }

    fn text(&mut self, node: &mut Node) {
        let Content::String(text) = &mut node.content else {
            return;
        };
        let folder = folder_of(&node.origin.file.path);
        let expanded = expand(text, folder, self.environment, self.resolver);
        for problem in expanded.problems {
            let issue = Issue::at(&node.origin, &self.path, problem.message());
            self.met.issues.push(match problem {
                Problem::Unset(name) => issue.expecting(format!("the environment variable {name}")),
                Problem::Secret(..) | Problem::Malformed(_) => issue,
            });
        }
        for (source, value) in expanded.secrets {
            let warning = source.warning(self.environment);
            let is_new = |warning: &String| !self.met.warnings.contains(warning);
            self.met.warnings.extend(warning.filter(is_new));
            self.met.secrets.push(SecretReference {
                key: self.path.clone(),
                origin: node.origin.clone(),
                text: text.clone(),
                source,
                value,
            });
        }
        if let Some(expanded) = expanded.text {
            *text = expanded;
        }
    }
}

/// The folder of a config file, from which the paths in it start.
pub(crate) fn folder_of(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new("/"))
}

/// What a text stands for.
#[derive(Debug, Default)]
pub(crate) struct Expanded {
    /// The text with everything replaced; `None` where something could not be, or is not to be.
    pub(crate) text: Option<String>,
    /// Its references, in order, with their values where they have been followed.
    pub(crate) secrets: Vec<(SecretSource, Option<String>)>,
    /// What could not be replaced, each once.
    pub(crate) problems: Vec<Problem>,
}

/// Why a part of a text could not be replaced.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// This variable is unset or empty.
    Unset(String),
    /// This secret cannot be had, and why.
    Secret(SecretSource, String),
    /// A reference is not written as one, and why.
    Malformed(String),
}

impl Problem {
    /// What is told.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Unset(name) => format!(
                "Missing env var \"{name}\"; set it in the environment, in ~/.clawdbot/.env or under env.vars"
            ),
            Self::Secret(source, reason) => {
                format!("no secret from {source}: {reason}")
            }
            Self::Malformed(reason) => format!("the reference to a secret is wrong: {reason}"),
        }
    }
}

/// Replaces the variables and references of one text. Paths in it start from `folder`.
pub(crate) fn expand(
    text: &str,
    folder: &Path,
    environment: &Environment,
    resolver: &mut Resolver,
) -> Expanded {
    let mut expanded = Expanded::default();
    let mut new = String::with_capacity(text.len());
    let mut is_whole = true;
    for piece in pieces(text) {
        let problem = match piece {
            Piece::Text(words) => {
                new.push_str(words);
                continue;
            }
            Piece::Variable(name) => match environment.vars.get(name) {
                Some(value) if !value.is_empty() => {
                    new.push_str(value);
                    continue;
                }
                _ => Problem::Unset(name.to_owned()),
            },
            Piece::Secret(source) => {
                let source = source.located(folder, environment);
                match resolver.follow(&source, folder, environment) {
                    Some(Ok(value)) => {
                        new.push_str(&value);
                        expanded.secrets.push((source, Some(value)));
                        continue;
                    }
                    None => {
                        is_whole = false;
                        expanded.secrets.push((source, None));
                        continue;
                    }
                    Some(Err(reason)) => {
                        expanded.secrets.push((source.clone(), None));
                        Problem::Secret(source, reason)
                    }
                }
            }
            Piece::Malformed(reason) => Problem::Malformed(reason),
        };
        if !expanded.problems.contains(&problem) {
            expanded.problems.push(problem);
        }
    }
    expanded.text = (is_whole && expanded.problems.is_empty()).then_some(new);
    expanded
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::references::References;

    fn environment() -> Environment {
        Environment {
            vars: [("BASE", "http://lab"), ("_KEY9", "k"), ("EMPTY", "")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            ..Environment::default()
        }
    }

    fn expand(text: &str) -> Expanded {
        let mut resolver = Resolver::new(References::AsWritten);
        super::expand(text, Path::new("/"), &environment(), &mut resolver)
    }

    fn expanded(text: &str) -> String {
        expand(text).text.unwrap()
    }

    #[test]
    fn replaces_variables_anywhere_in_a_text() {
        assert_eq!(expanded("${BASE}/v1?k=${_KEY9}"), "http://lab/v1?k=k");
        assert_eq!(expanded("$$${BASE}"), "$${BASE}");
        assert_eq!(expanded("$${BASE} ${BASE}"), "${BASE} http://lab");
        assert_eq!(
            expanded("$${file:x} $${keyring:y}"),
            "${file:x} ${keyring:y}"
        );
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
            "${other:x}",
        ] {
            assert_eq!(expanded(text), text);
        }
    }

    #[test]
    fn names_what_is_unset_or_empty_once_each() {
        let unset = |name: &str| Problem::Unset(name.to_owned());
        assert_eq!(
            expand("${NONE} ${EMPTY} ${NONE}").problems,
            [unset("NONE"), unset("EMPTY")]
        );
    }

    #[test]
    fn a_reference_that_is_not_followed_leaves_the_text_as_written() {
        let expanded = expand("${BASE} ${command:false}");
        assert_eq!(expanded.text, None);
        assert_eq!(expanded.problems, []);
        assert_eq!(
            expanded.secrets,
            [(SecretSource::Command(vec!["false".to_owned()]), None)]
        );
    }
}
