//! `--fix`: what can be put right without taking anything from the owner.
//!
//! Never changed: who may write directly, the gateway's secrets, lists of people, conversations.

use std::fs;
use std::path::{Path, PathBuf};

use moltbot_config::{Environment, Snapshot, edit};
use serde::Serialize;
use serde_json::{Value, json};

use super::files::{self, FileKind};
use super::permissions;
use crate::access::PairingStore;

/// Channels whose open groups are closed.
const CHANNELS: [&str; 7] = [
    "telegram", "whatsapp", "discord", "signal", "imessage", "slack", "msteams",
];

/// What was put right. The names of its fields in JSON are the original's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fixed {
    /// Whether nothing failed.
    pub ok: bool,
    /// The state directory.
    pub state_dir: PathBuf,
    /// The config file.
    pub config_path: PathBuf,
    /// Whether it was changed.
    pub config_written: bool,
    /// What was changed in it, each as `key=old -> new`.
    pub changes: Vec<String>,
    /// What was done about permissions.
    pub actions: Vec<Action>,
    /// What failed, each a sentence.
    pub errors: Vec<String>,
}

/// A file's permissions, put right or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Action {
    /// Always `chmod`.
    pub kind: &'static str,
    /// The file.
    pub path: PathBuf,
    /// The permission bits that it should have.
    pub mode: u32,
    /// Whether it has them now.
    pub ok: bool,
    /// Why nothing was done: `missing`, `symlink`, `not-a-dir`, `not-a-file`, `already`, `unsupported`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped: Option<&'static str>,
    /// What the system said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Puts right what can be: first the config file, its comments kept and the old version beside it as `.bak`, then
/// permissions. `environment` is what `snapshot` was loaded with.
pub fn fix(environment: &Environment, snapshot: &Snapshot) -> Fixed {
    let mut fixed = Fixed {
        ok: true,
        state_dir: snapshot.paths.state_dir.clone(),
        config_path: snapshot.path.clone(),
        config_written: false,
        changes: Vec::new(),
        actions: Vec::new(),
        errors: Vec::new(),
    };
    if snapshot.exists {
        fix_config(environment, snapshot, &mut fixed);
    }
    for (kind, path) in files::all(snapshot) {
        if kind.is_fixed() {
            let action = fix_mode(kind, &path);
            if let Some(error) = &action.error {
                fixed.errors.push(format!(
                    "chmod {:03o} {}: {error}",
                    action.mode,
                    path.display()
                ));
            }
            fixed.actions.push(action);
        }
    }
    fixed.ok = fixed.errors.is_empty();
    fixed
}

fn fix_config(environment: &Environment, snapshot: &Snapshot, fixed: &mut Fixed) {
    // As it is written, with `$include` and `${VAR}`.
    let mut wanted = match edit::parse_value(&snapshot.raw, true) {
        Ok(wanted) => wanted,
        Err(error) => {
            fixed.errors.push(error.to_string());
            return;
        }
    };
    let mut changes = Vec::new();
    let found = &snapshot.value;
    if found.pointer("/logging/redactSensitive") == Some(&json!("off")) {
        let said = "logging.redactSensitive=off -> \"tools\"";
        match put(&mut wanted, &["logging"], "redactSensitive", json!("tools")) {
            true => changes.push(said.to_owned()),
            false => fixed.errors.push(elsewhere("logging.redactSensitive")),
        }
    }
    let paired = PairingStore::new(&snapshot.paths.credentials_dir);
    for block in open_blocks(found) {
        let keys: Vec<&str> = block.iter().map(String::as_str).collect();
        let name = keys.join(".");
        if !put(&mut wanted, &keys, "groupPolicy", json!("allowlist")) {
            fixed.errors.push(elsewhere(&format!("{name}.groupPolicy")));
            continue;
        }
        changes.push(format!("{name}.groupPolicy=open -> allowlist"));
        let is_whatsapp = keys.get(1) == Some(&"whatsapp");
        let ids = paired.allowed("whatsapp").unwrap_or_default();
        // Otherwise nobody would be let in any more.
        if is_whatsapp && !ids.is_empty() && names_nobody(found, &keys) {
            add(&mut wanted, &keys, "groupAllowFrom", json!(ids));
            changes.push(format!("{name}.groupAllowFrom=pairing-store"));
        }
    }
    if changes.is_empty() {
        return;
    }
    match edit::replace(environment, snapshot, &wanted) {
        Ok(_) => {
            fixed.config_written = true;
            fixed.changes = changes;
        }
        Err(error) => fixed.errors.push(error.to_string()),
    }
}

fn elsewhere(key: &str) -> String {
    format!("{key} stands in an included file: change it there.")
}

/// The blocks that open groups to everybody, as chains of keys.
fn open_blocks(config: &Value) -> Vec<Vec<String>> {
    let is_open = |block: &Value| block.get("groupPolicy") == Some(&json!("open"));
    let mut found = Vec::new();
    for channel in ["defaults"].iter().chain(&CHANNELS) {
        let Some(block) = config.pointer(&format!("/channels/{channel}")) else {
            continue;
        };
        let keys = vec!["channels".to_owned(), (*channel).to_owned()];
        let accounts = block.get("accounts").and_then(Value::as_object);
        let accounts = accounts
            .into_iter()
            .flatten()
            .filter(|(_, block)| is_open(block));
        let accounts = accounts.map(|(name, _)| {
            let mut keys = keys.clone();
            keys.extend(["accounts".to_owned(), name.clone()]);
            keys
        });
        let accounts: Vec<Vec<String>> = accounts.collect();
        if is_open(block) {
            found.push(keys);
        }
        found.extend(accounts);
    }
    found
}

/// Whether a block, or the channel that it is an account of, names nobody who may write.
fn names_nobody(config: &Value, keys: &[&str]) -> bool {
    let block = at(config, keys);
    let channel = at(config, &keys[..keys.len().min(2)]);
    [block, channel].into_iter().flatten().all(|block| {
        ["allowFrom", "groupAllowFrom"].iter().all(|key| {
            let list = block.get(*key).and_then(Value::as_array);
            list.is_none_or(Vec::is_empty)
        })
    })
}

fn at<'v>(value: &'v Value, keys: &[&str]) -> Option<&'v Value> {
    keys.iter().try_fold(value, |value, key| value.get(key))
}

/// Sets a key of a block that has it; whether there was one.
fn put(value: &mut Value, keys: &[&str], key: &str, new: Value) -> bool {
    match block_mut(value, keys).and_then(|block| block.get_mut(key)) {
        Some(old) => {
            *old = new;
            true
        }
        None => false,
    }
}

/// Sets a key of a block that may not have it yet.
fn add(value: &mut Value, keys: &[&str], key: &str, new: Value) {
    if let Some(Value::Object(block)) = block_mut(value, keys) {
        block.insert(key.to_owned(), new);
    }
}

fn block_mut<'v>(value: &'v mut Value, keys: &[&str]) -> Option<&'v mut Value> {
    keys.iter()
        .try_fold(value, |value, key| value.get_mut(*key))
}

/// Sets the permissions of what is there and has others.
fn fix_mode(kind: FileKind, path: &Path) -> Action {
    let wanted = kind.wanted();
    let mut action = Action {
        kind: "chmod",
        path: path.to_owned(),
        mode: wanted,
        ok: true,
        skipped: None,
        error: None,
    };
    let is_folder = wanted == 0o700;
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(_) => {
            action.skipped = Some("missing");
            return action;
        }
    };
    action.skipped = if metadata.is_symlink() {
        Some("symlink")
    } else if is_folder && !metadata.is_dir() {
        Some("not-a-dir")
    } else if !is_folder && !metadata.is_file() {
        Some("not-a-file")
    } else {
        match permissions::mode(&metadata) {
            None => Some("unsupported"),
            Some(mode) => (mode == wanted).then_some("already"),
        }
    };
    if action.skipped.is_none()
        && let Err(error) = permissions::set(path, wanted)
    {
        action.ok = false;
        action.error = Some(error.to_string());
    }
    action
}
