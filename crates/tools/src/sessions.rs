//! `agents_list`, `sessions_list` and `sessions_history`: looking at the other agents and conversations of this machine.

mod access;
mod agents;
mod history;
mod list;

use moltbot_store::Session;

pub use access::SessionAccess;
pub use agents::AgentsList;
pub use history::SessionsHistory;
pub use list::SessionsList;

/// What a conversation is, told from its key.
fn kind(session: &Session) -> &'static str {
    let rest = session.key.splitn(3, ':').nth(2).unwrap_or(&session.key);
    let mut parts = rest.split(':');
    match parts.next() {
        Some("main") => "main",
        Some("cron") => "cron",
        Some("hook") => "hook",
        Some(first) if first.starts_with("node-") => "node",
        _ if rest.contains(":group:") || rest.contains(":channel:") => "group",
        _ => "other",
    }
}

/// The conversations' kinds, as `sessions_list` takes them.
const KINDS: [&str; 6] = ["main", "group", "cron", "hook", "node", "other"];
