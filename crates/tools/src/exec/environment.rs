//! The environment of commands.

use std::collections::BTreeMap;
use std::env;
use std::path::PathBuf;

use moltbot_guard::secrets::is_secret_name;
use serde_json::{Map, Value};
use thiserror::Error;

/// What the names of this program's own settings begin with.
const OWN: [&str; 2] = ["CLAWDBOT_", "MOLTBOT_"];
/// Names that make a shell or the system's loader run something else than the command says.
const REFUSED: [&str; 7] = [
    "PATH",
    "ENV",
    "BASH_ENV",
    "SHELLOPTS",
    "BASHOPTS",
    "PS4",
    "IFS",
];
/// The same by their beginning: settings of the loader, and functions that bash takes from its environment.
const REFUSED_BEGINNINGS: [&str; 3] = ["LD_", "DYLD_", "BASH_FUNC_"];

/// Why a call's variables are not taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum EnvError {
    /// A name that changes what runs.
    #[error(
        "env may not set {0}, because it changes which program runs; write it into the command instead"
    )]
    Refused(String),
    /// A value that is none.
    #[error("env.{0} must be a string")]
    NotText(String),
    /// A name that is none.
    #[error("env has a name or a value that the system does not take: {0:?}")]
    Malformed(String),
}

/// The environment that commands start with: that of the program without its secrets, with these folders first in
/// `PATH`.
pub(super) fn of_commands(
    program: &BTreeMap<String, String>,
    path_prepend: &[String],
) -> BTreeMap<String, String> {
    let mut vars: BTreeMap<String, String> = program
        .iter()
        .filter(|(name, _)| !is_secret(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    if !path_prepend.is_empty() {
        let path = vars.get("PATH").map(String::as_str).unwrap_or_default();
        let folders = path_prepend
            .iter()
            .map(PathBuf::from)
            .chain(env::split_paths(path));
        match env::join_paths(folders).map(|joined| joined.into_string()) {
            Ok(Ok(joined)) => {
                vars.insert("PATH".to_owned(), joined);
            }
            _ => tracing::warn!(
                ?path_prepend,
                "tools.exec.pathPrepend is left out: a folder's name cannot stand in PATH"
            ),
        }
    }
    vars
}

/// The variables of a call.
pub(super) fn of_call(env: &Map<String, Value>) -> Result<BTreeMap<String, String>, EnvError> {
    env.iter()
        .map(|(name, value)| {
            let upper = name.to_ascii_uppercase();
            let is_refused = REFUSED.contains(&upper.as_str())
                || REFUSED_BEGINNINGS
                    .iter()
                    .any(|beginning| upper.starts_with(beginning));
            if is_refused {
                return Err(EnvError::Refused(name.clone()));
            }
            let value = match value {
                Value::String(text) => text.clone(),
                Value::Number(number) => number.to_string(),
                Value::Bool(yes) => yes.to_string(),
                _ => return Err(EnvError::NotText(name.clone())),
            };
            let is_malformed =
                name.is_empty() || name.contains(['=', '\0']) || value.contains('\0');
            match is_malformed {
                true => Err(EnvError::Malformed(name.clone())),
                false => Ok((name.clone(), value)),
            }
        })
        .collect()
}

fn is_secret(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    OWN.iter().any(|beginning| upper.starts_with(beginning)) || is_secret_name(name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_of_the_program_stay_with_it() {
        let program: BTreeMap<String, String> = [
            "HOME",
            "OPENAI_API_KEY",
            "hf_token",
            "TOKEN",
            "DB_PASSWORD",
            "X_SECRET",
            "AWS_SECRET_ACCESS_KEY",
            "MOLTBOT_STATE_DIR",
            "CLAWDBOT_X",
            "TOKENIZERS",
            "EDITOR",
        ]
        .map(|name| (name.to_owned(), "x".to_owned()))
        .into();
        let left = of_commands(&program, &[]);
        assert_eq!(
            left.keys().collect::<Vec<_>>(),
            ["EDITOR", "HOME", "TOKENIZERS"]
        );
    }

    #[test]
    fn a_call_sets_what_does_not_change_which_program_runs() {
        let read = |env: Value| of_call(env.as_object().unwrap());
        let taken = read(json!({"A": "b", "N": 5, "OPENAI_API_KEY": "k"})).unwrap();
        assert_eq!(taken["N"], "5");
        assert_eq!(taken["OPENAI_API_KEY"], "k");
        for name in [
            "LD_PRELOAD",
            "LD_LIBRARY_PATH",
            "LD_AUDIT",
            "DYLD_INSERT_LIBRARIES",
            "BASH_ENV",
            "ENV",
            "PATH",
            "Path",
            "SHELLOPTS",
            "PS4",
            "IFS",
            "BASH_FUNC_ls%%",
        ] {
            let error = read(json!({name: "x"})).unwrap_err();
            assert_eq!(error, EnvError::Refused(name.to_owned()));
        }
        assert!(matches!(
            read(json!({"A": ["x"]})),
            Err(EnvError::NotText(_))
        ));
        for (name, value) in [("A=B", "x"), ("", "x"), ("A", "x\0")] {
            assert!(matches!(
                read(json!({name: value})),
                Err(EnvError::Malformed(_))
            ));
        }
    }
}
