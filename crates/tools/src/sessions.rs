//! The other agents and conversations of this machine: looking at them (`agents_list`, `sessions_list`,
//! `sessions_history`, `session_status`), writing to them (`sessions_send`), and giving work away (`sessions_spawn`).

mod access;
mod agents;
mod history;
mod list;
mod send;
mod spawn;
mod status;

use moltbot_agent::ToolError;
use moltbot_store::{Session, Store};

pub use access::SessionAccess;
pub use agents::AgentsList;
pub use history::SessionsHistory;
pub use list::SessionsList;
pub use send::SessionsSend;
pub use spawn::SessionsSpawn;
pub use status::SessionStatus;

/// Said where the agents of the process are gone already.
const ENDING: &str = "The program is about to end.";

/// The conversation that a model names, by key, id or label.
async fn find(store: &Store, name: &str) -> Result<Session, ToolError> {
    let sessions = store.sessions().await.map_err(ToolError::failed)?;
    let wanted = name.trim();
    let found = sessions.into_iter().find(|session| {
        session.session_id == wanted
            || session.key.eq_ignore_ascii_case(wanted)
            || session.label.as_deref() == Some(wanted)
    });
    found.ok_or_else(|| ToolError::failed(format!("No session {name}: sessions_list names them.")))
}

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
