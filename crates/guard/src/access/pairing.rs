//! Strangers who ask to be let in, and those whom the owner let in: the original's files.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use moltbot_config::{WriteError, make_private_directory, replace_private};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::names::plain;

/// How long a code can be confirmed.
const LIFETIME: TimeDelta = TimeDelta::hours(1);

/// Most strangers of one channel that wait at a time.
const MOST_PENDING: usize = 3;

/// What codes are made of: nothing that is mistaken for something else.
const ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// The requests and the confirmed senders of all channels: `<channel>-pairing.json` and `<channel>-allowFrom.json` in the
/// credentials directory, as the original keeps them. Several processes may use them at a time.
#[derive(Debug, Clone)]
pub struct PairingStore {
    directory: PathBuf,
}

/// A stranger who waits for the owner's word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PairingRequest {
    /// The channel's id of the sender.
    pub id: String,
    /// The code that the owner confirms.
    pub code: String,
    /// When the sender first wrote.
    pub created_at: DateTime<Utc>,
    /// When the sender last wrote.
    pub last_seen_at: DateTime<Utc>,
    /// What the channel knows of them, for the owner to recognise them by.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub meta: Map<String, Value>,
}

/// What came of a stranger's message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requested {
    /// A new request: the sender is told this code, once.
    New(String),
    /// The sender waits already and was told.
    Waiting,
    /// Too many wait; the sender is told nothing.
    Full,
}

/// Why the files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PairingError {
    /// A file cannot be read.
    #[error("could not read {}: {source}; check its permissions", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is not what it should be.
    #[error("{} is not a list that this program knows: {source}; mend it, or move it away to begin anew", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

#[derive(Serialize, Deserialize)]
struct Requests {
    version: u32,
    #[serde(default)]
    requests: Vec<PairingRequest>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Allowed {
    version: u32,
    #[serde(default)]
    allow_from: Vec<String>,
}

impl PairingStore {
    /// The files in this directory. Nothing is read yet.
    pub fn new(credentials_dir: impl Into<PathBuf>) -> Self {
        Self {
            directory: credentials_dir.into(),
        }
    }

    /// Notes that a stranger wrote.
    ///
    /// # Errors
    /// The files cannot be used.
    pub fn request(
        &self,
        channel: &str,
        id: &str,
        meta: Map<String, Value>,
        now: DateTime<Utc>,
    ) -> Result<Requested, PairingError> {
        // Whole milliseconds, as the original writes times.
        let now = now.trunc_subsecs(3);
        self.change(channel, now, |requests| {
            if let Some(known) = requests.iter_mut().find(|known| known.id == id) {
                known.last_seen_at = now;
                known.meta = meta;
                return Requested::Waiting;
            }
            if requests.len() >= MOST_PENDING {
                return Requested::Full;
            }
            let code = loop {
                let code = new_code();
                if requests.iter().all(|known| known.code != code) {
                    break code;
                }
            };
            requests.push(PairingRequest {
                id: id.to_owned(),
                code: code.clone(),
                created_at: now,
                last_seen_at: now,
                meta,
            });
            Requested::New(code)
        })
    }

    /// Those who wait, oldest first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn waiting(
        &self,
        channel: &str,
        now: DateTime<Utc>,
    ) -> Result<Vec<PairingRequest>, PairingError> {
        let mut requests = self.requests(channel)?;
        requests.retain(|request| is_fresh(request, now));
        Ok(requests)
    }

    /// Lets in whoever has this code; `None` where nobody has.
    ///
    /// # Errors
    /// The files cannot be used.
    pub fn approve(
        &self,
        channel: &str,
        code: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<PairingRequest>, PairingError> {
        let code = code.trim().to_uppercase();
        let waiting = self.waiting(channel, now)?;
        let Some(request) = waiting.into_iter().find(|known| known.code == code) else {
            return Ok(None);
        };
        // Let in first: a crash in between leaves a request that can be confirmed again.
        self.allow(channel, &request.id)?;
        self.change(channel, now, |requests| {
            requests.retain(|known| known.id != request.id);
        })?;
        Ok(Some(request))
    }

    /// The ids that the owner let in. `*` is never among them.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn allowed(&self, channel: &str) -> Result<Vec<String>, PairingError> {
        let file = self.file(channel, "allowFrom");
        let allowed: Option<Allowed> = read(&file)?;
        let mut ids = allowed.map_or_else(Vec::new, |allowed| allowed.allow_from);
        ids.retain(|id| !matches!(id.trim(), "" | "*"));
        Ok(ids)
    }

    /// Lets a sender in.
    ///
    /// # Errors
    /// The files cannot be used.
    pub fn allow(&self, channel: &str, id: &str) -> Result<(), PairingError> {
        let _lock = self.lock(channel)?;
        let mut ids = self.allowed(channel)?;
        let name = plain(channel, id);
        if name != "*" && ids.iter().all(|known| plain(channel, known) != name) {
            ids.push(id.trim().to_owned());
            self.write_allowed(channel, ids)?;
        }
        Ok(())
    }

    /// Shuts a sender out again; whether there was such an entry.
    ///
    /// # Errors
    /// The files cannot be used.
    pub fn disallow(&self, channel: &str, id: &str) -> Result<bool, PairingError> {
        let _lock = self.lock(channel)?;
        let mut ids = self.allowed(channel)?;
        let (before, name) = (ids.len(), plain(channel, id));
        ids.retain(|known| plain(channel, known) != name);
        let found = ids.len() < before;
        if found {
            self.write_allowed(channel, ids)?;
        }
        Ok(found)
    }

    fn write_allowed(&self, channel: &str, allow_from: Vec<String>) -> Result<(), PairingError> {
        let file = self.file(channel, "allowFrom");
        write(
            &file,
            &json!(Allowed {
                version: 1,
                allow_from
            }),
        )
    }

    fn requests(&self, channel: &str) -> Result<Vec<PairingRequest>, PairingError> {
        let requests: Option<Requests> = read(&self.file(channel, "pairing"))?;
        Ok(requests.map_or_else(Vec::new, |requests| requests.requests))
    }

    /// Changes the requests of a channel, without those that are too old.
    fn change<T>(
        &self,
        channel: &str,
        now: DateTime<Utc>,
        change: impl FnOnce(&mut Vec<PairingRequest>) -> T,
    ) -> Result<T, PairingError> {
        let _lock = self.lock(channel)?;
        let before = self.requests(channel)?;
        let mut requests = before.clone();
        requests.retain(|request| is_fresh(request, now));
        let outcome = change(&mut requests);
        if requests != before {
            let file = self.file(channel, "pairing");
            let requests = Requests {
                version: 1,
                requests,
            };
            write(&file, &json!(requests))?;
        }
        Ok(outcome)
    }

    /// Held while the files of a channel are read and written, by this process or another one of this program.
    fn lock(&self, channel: &str) -> Result<File, PairingError> {
        let path = self.directory.join(format!(".{}.lock", file_name(channel)));
        let failed = |source| PairingError::Read {
            path: path.clone(),
            source,
        };
        make_private_directory(&self.directory).map_err(failed)?;
        let mut options = File::options();
        options.create(true).truncate(false).write(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt as _;
            options.mode(0o600);
        }
        let file = options.open(&path).map_err(failed)?;
        match file.lock() {
            // Some network file systems know no locks.
            Err(error) if error.kind() != io::ErrorKind::Unsupported => Err(failed(error)),
            _ => Ok(file),
        }
    }

    fn file(&self, channel: &str, what: &str) -> PathBuf {
        self.directory
            .join(format!("{}-{what}.json", file_name(channel)))
    }
}

/// A channel's id as part of a file's name: nothing in it leads elsewhere.
fn file_name(channel: &str) -> String {
    let name = channel.to_lowercase().replace("..", "_");
    name.chars()
        .map(|c| match c {
            '\\' | '/' | ':' | '*' | '?' | '"' | '<' | '>' | '|' | '\0' => '_',
            c => c,
        })
        .collect()
}

fn is_fresh(request: &PairingRequest, now: DateTime<Utc>) -> bool {
    now.signed_duration_since(request.created_at) < LIFETIME
}

/// Eight characters from the system's random numbers, 40 bits.
fn new_code() -> String {
    let random = *Uuid::new_v4().as_bytes();
    // Bytes 6 and 8 hold the UUID's version and variant.
    let bytes = random[..6].iter().chain(&random[9..11]);
    bytes
        .map(|byte| char::from(ALPHABET[usize::from(byte & 31)]))
        .collect()
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Option<T>, PairingError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            return Err(PairingError::Read {
                path: path.to_owned(),
                source,
            });
        }
    };
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|source| PairingError::Damaged {
            path: path.to_owned(),
            source,
        })
}

fn write(path: &Path, value: &Value) -> Result<(), PairingError> {
    // Two spaces and a line's end, as the original writes them.
    let text = format!("{value:#}\n");
    Ok(replace_private(path, text.as_bytes())?)
}

/// What a stranger is told, once. `profile` is the `--profile` of this installation, if it has one.
pub fn reply(channel: &str, id: &str, code: &str, profile: Option<&str>) -> String {
    let profile = profile.map_or_else(String::new, |name| format!(" --profile {name}"));
    format!(
        "Moltbot: access not configured.\n\nYour {}: {id}\n\nPairing code: {code}\n\nAsk the bot owner to approve with:\nmoltbot{profile} pairing approve {channel} <code>",
        id_label(channel)
    )
}

/// What the id of a person is called on a channel.
pub fn id_label(channel: &str) -> String {
    let name = match channel {
        "whatsapp" => return "WhatsApp phone number".to_owned(),
        "signal" => return "Signal number".to_owned(),
        "imessage" => return "iMessage sender id".to_owned(),
        "telegram" => "Telegram",
        "discord" => "Discord",
        "slack" => "Slack",
        "bluebubbles" => "BlueBubbles",
        "googlechat" => "Google Chat",
        "msteams" => "MS Teams",
        "matrix" => "Matrix",
        "mattermost" => "Mattermost",
        other => other,
    };
    format!("{name} user id")
}
