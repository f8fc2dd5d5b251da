//! `${keyring:NAME}`: passwords in the system's keyring, by the system's own tool.
//!
//! The `keyring` crate would do it in this process: 44 crates more on Linux, or C to build. The tools are there where a
//! keyring is, ask for its password themselves, and are what the owner would look into the keyring with.

use std::fmt;
use std::io;
use std::process::Command;
use std::str::FromStr;
use std::time::Duration;

use super::{MOST, complaint, secret};
use crate::child::{self, Ended, NoAnswer};
use crate::environment::Environment;

/// What all of this program's entries are filed under.
const SERVICE: &str = "moltbot";

/// How long the keyring may take: it may ask its owner for a password.
const LIMIT: Duration = Duration::from_secs(60);

/// The exit code of macOS's `security` where there is no such entry.
const NOT_FOUND_ON_MACOS: i32 = 44;

/// The name of an entry: letters, digits, `.`, `_`, `@`, `/`, `:`, `+` and `-`, the last not at the beginning.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyringName(String);

/// A text that is no [`KeyringName`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" cannot be the name of a password in the keyring; use up to 128 letters, digits and any of . _ @ / : + -, no - first"
)]
pub struct NoKeyringName(String);

impl FromStr for KeyringName {
    type Err = NoKeyringName;

    fn from_str(text: &str) -> Result<Self, NoKeyringName> {
        let is_name = (1..=128).contains(&text.len())
            && !text.starts_with('-')
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "._@/:+-".contains(c));
        match is_name {
            true => Ok(Self(text.to_owned())),
            false => Err(NoKeyringName(text.to_owned())),
        }
    }
}

impl fmt::Display for KeyringName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why the keyring did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// There is no such entry.
    #[error(
        "the keyring has no password \"{0}\" of moltbot; store it with: moltbot secrets set {0}"
    )]
    Absent(KeyringName),
    /// The tool is not installed.
    #[error(
        "the keyring cannot be asked: {0} is not installed (Debian and Ubuntu: libsecret-tools)"
    )]
    NoTool(&'static str),
    /// This version knows no keyring of this system.
    #[error("this version knows no keyring of this system; use ${{file:…}} or ${{command:…}}")]
    Unknown,
    /// The tool did not run to its end.
    #[error("the keyring cannot be asked: {tool}: {reason}")]
    NoAnswer {
        /// The tool.
        tool: &'static str,
        /// Why, as the end of a sentence.
        reason: String,
    },
    /// The tool refused.
    #[error("the keyring refused: {tool} ended with {status}{said}")]
    Refused {
        /// The tool.
        tool: &'static str,
        /// How it ended.
        status: std::process::ExitStatus,
        /// What it said, with a colon before it; may be empty.
        said: String,
    },
    /// What is to be stored, or was found, is no secret; as the end of a sentence.
    #[error("this cannot be a secret in the keyring: {0}")]
    Value(String),
}

/// The keyring of whoever runs this program.
#[derive(Debug)]
pub struct Keyring<'e> {
    environment: &'e Environment,
}

impl<'e> Keyring<'e> {
    /// `environment` says where its service is.
    pub fn new(environment: &'e Environment) -> Self {
        Self { environment }
    }

    /// The password with this name, without a newline at its end. Blocks; the system may ask for the keyring's own
    /// password meanwhile.
    ///
    /// # Errors
    /// [`KeyringError`]
    pub fn get(&self, name: &KeyringName) -> Result<String, KeyringError> {
        let ended = match cfg!(target_os = "macos") {
            true => self.run(
                &["find-generic-password", "-s", SERVICE, "-a", &name.0, "-w"],
                &[],
            )?,
            false => self.run(&["lookup", "service", SERVICE, "account", &name.0], &[])?,
        };
        let is_absent = match cfg!(target_os = "macos") {
            true => ended.status.code() == Some(NOT_FOUND_ON_MACOS),
            // It ends with 1 whatever failed, and says nothing where there is just no such entry.
            false => {
                !ended.status.success() && ended.complaints.is_empty() && ended.output.is_empty()
            }
        };
        if is_absent {
            return Err(KeyringError::Absent(name.clone()));
        }
        secret(succeeded(ended)?.output).map_err(KeyringError::Value)
    }

    /// Stores a password under this name, in place of one that is there.
    ///
    /// # Errors
    /// [`KeyringError`]
    pub fn set(&self, name: &KeyringName, value: &str) -> Result<(), KeyringError> {
        if value.trim().is_empty() {
            return Err(KeyringError::Value("it is empty".to_owned()));
        }
        // Neither on the command line, which every user can see.
        let ended = if cfg!(target_os = "macos") {
            let order = order_on_macos(name, value)?;
            self.run(&["-i"], order.as_bytes())?
        } else {
            if value.len() > MOST {
                let reason = format!("it is longer than {} KiB", MOST / 1024);
                return Err(KeyringError::Value(reason));
            }
            let label = format!("--label={SERVICE}: {name}");
            let words = ["store", &label, "service", SERVICE, "account", &name.0];
            self.run(&words, value.as_bytes())?
        };
        succeeded(ended)?;
        // `security -i` succeeds whatever came of its orders.
        match self.get(name)? == value.strip_suffix('\n').unwrap_or(value) {
            true => Ok(()),
            false => Err(KeyringError::Value(
                "it is another when it is read back".to_owned(),
            )),
        }
    }

    /// Removes the password with this name.
    ///
    /// # Errors
    /// [`KeyringError::Absent`] where there is none, and the others.
    pub fn remove(&self, name: &KeyringName) -> Result<(), KeyringError> {
        // Linux's tool is content where there is nothing to remove.
        self.get(name)?;
        let ended = match cfg!(target_os = "macos") {
            true => self.run(
                &["delete-generic-password", "-s", SERVICE, "-a", &name.0],
                &[],
            )?,
            false => self.run(&["clear", "service", SERVICE, "account", &name.0], &[])?,
        };
        succeeded(ended).map(drop)
    }

    fn run(&self, words: &[&str], input: &[u8]) -> Result<Ended, KeyringError> {
        let mut command = Command::new(tool()?);
        command
            .args(words)
            .env_clear()
            .envs(&self.environment.vars)
            .current_dir(&self.environment.home);
        child::run(&mut command, input, LIMIT, MOST as u64 + 1).map_err(|error| match error {
            NoAnswer::Start(error) if error.kind() == io::ErrorKind::NotFound => {
                KeyringError::NoTool(TOOL)
            }
            error => KeyringError::NoAnswer {
                tool: TOOL,
                reason: error.to_string(),
            },
        })
    }
}

/// The system's own tool. On macOS no other of that name is taken for it.
const TOOL: &str = match cfg!(target_os = "macos") {
    true => "/usr/bin/security",
    false => "secret-tool",
};

fn tool() -> Result<&'static str, KeyringError> {
    match cfg!(unix) {
        true => Ok(TOOL),
        false => Err(KeyringError::Unknown),
    }
}

/// The order for `security -i`, the password in hexadecimal: nothing in it can end a word or a line.
fn order_on_macos(name: &KeyringName, value: &str) -> Result<String, KeyringError> {
    // The tool reads lines of at most 4096 bytes.
    if value.len() > 1024 {
        return Err(KeyringError::Value("it is longer than 1 KiB".to_owned()));
    }
    let hex: String = value.bytes().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!(
        "add-generic-password -U -s {SERVICE} -a {name} -X {hex}\n"
    ))
}

fn succeeded(ended: Ended) -> Result<Ended, KeyringError> {
    match ended.status.success() {
        true => Ok(ended),
        false => Err(KeyringError::Refused {
            tool: TOOL,
            status: ended.status,
            said: complaint(&ended.complaints, &ended.output),
        }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_can_stand_on_a_command_line() {
        for name in ["lab", "openai/key-1", "me@example.com:2+x_y"] {
            assert_eq!(name.parse::<KeyringName>().unwrap().to_string(), name);
        }
        let long = "a".repeat(129);
        for text in ["", "-a", "a b", "a'b", "é", "a\n", &long] {
            assert!(text.parse::<KeyringName>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_order_is_one_line_whatever_the_password() {
        let name = "lab".parse().unwrap();
        assert_eq!(
            order_on_macos(&name, "a\n\"").unwrap(),
            "add-generic-password -U -s moltbot -a lab -X 610a22\n"
        );
        assert!(order_on_macos(&name, &"a".repeat(1025)).is_err());
    }
}
