//! References to secrets that are kept elsewhere: `${file:PATH}`, `${command:WORDS}` and `${keyring:NAME}`.
//!
//! A file is read whenever the configuration is. A command or a keyring may ask its owner something, so each is asked only
//! where the values are used ([`References::Followed`]); everywhere else such a text stays as it is written.

mod file;
mod keyring;
pub(crate) mod words;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::child;
use crate::environment::Environment;
use crate::key_path::KeyPath;
use crate::spanned::Origin;

pub use keyring::{Keyring, KeyringError, KeyringName, NoKeyringName};

/// How long a command may take.
const LIMIT: Duration = Duration::from_secs(10);

/// The longest secret, in bytes.
const MOST: usize = 64 * 1024;

/// As much of a command's complaint as is told, in characters.
const COMPLAINT: usize = 300;

/// Whether references that run programs (`${command:…}`, `${keyring:…}`) are followed when the configuration is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum References {
    /// No: their texts stay as they are written. For looking at the configuration and changing it.
    AsWritten,
    /// Yes, each once. For what uses the values.
    Followed,
}

/// Where a secret is kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecretSource {
    /// The text of this file; absolute.
    File(PathBuf),
    /// What this program prints, with its arguments.
    Command(Vec<String>),
    /// The system's keyring, under this name.
    Keyring(KeyringName),
}

impl fmt::Display for SecretSource {
    /// Without a command's arguments, which may be nobody else's business.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "the file {}", path.display()),
            Self::Command(words) => {
                let program = words.first().map_or("", String::as_str);
                write!(f, "the command {program}")
            }
            Self::Keyring(name) => write!(f, "the keyring ({name})"),
        }
    }
}

/// A reference in the configuration. `Debug` leaves its value out.
#[derive(Clone)]
pub struct SecretReference {
    /// The key whose text it stands in.
    pub key: KeyPath,
    /// Where that text was written.
    pub origin: Origin,
    /// That whole text, as written.
    pub text: String,
    /// Where the secret is kept.
    pub source: SecretSource,
    pub(crate) value: Option<String>,
}

impl SecretReference {
    /// The secret; `None` where it was not asked for ([`References::AsWritten`]).
    pub fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }
}

impl fmt::Debug for SecretReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretReference")
            .field("key", &self.key.to_string())
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

/// Follows references, each once however often it stands in the files.
pub(crate) struct Resolver {
    references: References,
    known: BTreeMap<(PathBuf, SecretSource), Result<String, String>>,
}

impl Resolver {
    pub(crate) fn new(references: References) -> Self {
        Self {
            references,
            known: BTreeMap::new(),
        }
    }

    /// The secret, or why it cannot be had (the end of a sentence); `None` where it is not asked for. A command runs in
    /// `folder`.
    pub(crate) fn follow(
        &mut self,
        source: &SecretSource,
        folder: &Path,
        environment: &Environment,
    ) -> Option<Result<String, String>> {
        if !matches!(source, SecretSource::File(_)) && self.references == References::AsWritten {
            return None;
        }
        let known = self.known.entry((folder.to_owned(), source.clone()));
        let value = known.or_insert_with(|| ask(source, folder, environment));
        Some(value.clone())
    }
}

impl SecretSource {
    /// The same with the whole path of a file that is named in `folder`.
    pub(crate) fn located(self, folder: &Path, environment: &Environment) -> Self {
        match self {
            Self::File(path) => Self::File(file::locate(&path, folder, environment)),
            other => other,
        }
    }

    /// A warning where others can read the file.
    pub(crate) fn warning(&self, environment: &Environment) -> Option<String> {
        match self {
            Self::File(path) => file::warning(path, environment),
            Self::Command(_) | Self::Keyring(_) => None,
        }
    }
}

/// What is shorter may stand in any sentence, in characters.
const SHORTEST_HIDDEN: usize = 4;

/// Takes secrets out of what is told of a configuration.
pub(crate) fn hide(secrets: &[SecretReference], told: &mut String) {
    for secret in secrets {
        let value = secret.value().unwrap_or_default().trim();
        if value.chars().count() < SHORTEST_HIDDEN {
            continue;
        }
        // Some sentences show a value as JSON.
        let quoted = serde_json::Value::from(value).to_string();
        for form in [value, quoted.trim_matches('"')] {
            if told.contains(form) {
                *told = told.replace(form, &format!("[secret: {}]", secret.key));
            }
        }
    }
}

fn ask(source: &SecretSource, folder: &Path, environment: &Environment) -> Result<String, String> {
    let value = match source {
        SecretSource::File(path) => file::read(path)?,
        SecretSource::Command(words) => printed(words, folder, environment)?,
        SecretSource::Keyring(name) => {
            let keyring = Keyring::new(environment);
            keyring.get(name).map_err(|error| error.to_string())?
        }
    };
    match value.trim().is_empty() {
        true => Err("it is empty".to_owned()),
        false => Ok(value),
    }
}

/// What a command prints. Nothing of that is in an error.
fn printed(words: &[String], folder: &Path, environment: &Environment) -> Result<String, String> {
    let (program, arguments) = words.split_first().ok_or("it names no program")?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .envs(&environment.vars)
        .current_dir(folder);
    let ended =
        child::run(&mut command, &[], LIMIT, MOST as u64 + 1).map_err(|error| error.to_string())?;
    if !ended.status.success() {
        let said = complaint(&ended.complaints, &ended.output);
        return Err(format!("it ended with {}{said}", ended.status));
    }
    secret(ended.output)
}

/// Bytes as a secret: text, without its last newline.
fn secret(bytes: Vec<u8>) -> Result<String, String> {
    if bytes.len() > MOST {
        return Err(format!("it is longer than {} KiB", MOST / 1024));
    }
    let mut text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned())?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}

/// What a program said of its failure, on one line and short; nothing where that holds what it printed.
fn complaint(said: &[u8], printed: &[u8]) -> String {
    let line = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).replace(char::is_control, " ");
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let (said, printed) = (line(said), line(printed));
    if said.is_empty() || (!printed.is_empty() && said.contains(&printed)) {
        return String::new();
    }
    let mut short: String = said.chars().take(COMPLAINT).collect();
    if short.len() < said.len() {
        short.push('…');
    }
    format!(": {short}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_the_last_newline_goes() {
        let of = |bytes: &[u8]| secret(bytes.to_vec());
        assert_eq!(of(b"a\n\n").unwrap(), "a\n");
        assert_eq!(of(b" a \r\n").unwrap(), " a ");
        assert!(of(b"\xff").is_err());
        assert!(of(&vec![b'a'; MOST]).is_ok());
        assert!(of(&vec![b'a'; MOST + 1]).is_err());
    }

    #[test]
    fn complaints_are_short_and_hold_no_secret() {
        assert_eq!(complaint(b" no\n\x1b[31mkey ", b""), ": no [31mkey");
        assert_eq!(complaint(b"the key is hunter2", b"hunter2\n"), "");
        let long = complaint("é".repeat(400).as_bytes(), b"");
        assert_eq!(long.chars().count(), COMPLAINT + 3);
    }
}
