//! The store with real files and real processes.

#![allow(clippy::unwrap_used)]

mod approvals;
mod crash;
mod files;
mod model;
mod records;
mod sessions;
mod subagents;
mod turns;

use std::path::Path;

use moltbot_store::{NewEntry, Store};

const KEY: &str = "agent:main:main";

/// The database in this folder, opened or created.
fn open(dir: &Path) -> Store {
    Store::open(dir.join("moltbot.sqlite")).unwrap()
}

fn message(text: &str) -> NewEntry {
    NewEntry::new("message", serde_json::json!({ "text": text }).to_string())
}

/// How many owner files there are.
fn owners(dir: &Path) -> usize {
    std::fs::read_dir(dir.join("owners")).unwrap().count()
}
