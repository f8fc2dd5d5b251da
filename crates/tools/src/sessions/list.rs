//! `sessions_list`: which conversations there are.

use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use moltbot_agent::{
    Arguments, Effect, Plan, Scene, Tool, ToolError, ToolOutput, read_arguments, transcript,
};
use moltbot_llm::{Provenance, ToolSpec};
use moltbot_store::{Session, Store};
use serde::Deserialize;
use serde_json::{Value, json};

use super::history::shown;
use super::{KINDS, SessionAccess, kind};

/// How many are listed unless more are asked for.
const LIMIT: usize = 20;

/// The most messages shown of each.
const MESSAGES: usize = 20;

/// Lists conversations, newest first.
pub struct SessionsList {
    store: Store,
    access: SessionAccess,
}

impl SessionsList {
    /// Those of this store that the agent may look at.
    pub fn new(store: Store, access: SessionAccess) -> Self {
        Self { store, access }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    kinds: Option<Vec<String>>,
    limit: Option<u32>,
    active_minutes: Option<u32>,
    message_limit: Option<u32>,
}

#[async_trait]
impl Tool for SessionsList {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "sessions_list".to_owned(),
            description: "List conversations, newest first.".to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "kinds": {"type": "array", "items": {"type": "string", "enum": KINDS}},
                    "limit": {"type": "integer"},
                    "activeMinutes": {"type": "integer"},
                    "messageLimit": {"type": "integer", "description": "messages to show of each"},
                },
                "required": [],
            }),
        }
    }

    fn plan(&self, _: &Arguments, _: &Scene<'_>) -> Plan {
        Plan::new(Effect::ReadsOwn, "the list of conversations")
    }

    async fn call(&self, arguments: Arguments, scene: &Scene<'_>) -> Result<ToolOutput, ToolError> {
        let asked: Asked = read_arguments(arguments)?;
        let since = asked
            .active_minutes
            .map(|minutes| SystemTime::now() - Duration::from_secs(60 * u64::from(minutes)))
            .and_then(|since| since.duration_since(SystemTime::UNIX_EPOCH).ok())
            .and_then(|since| i64::try_from(since.as_millis()).ok());
        let wanted = |session: &Session| {
            let kinds = asked.kinds.as_deref().unwrap_or_default();
            let of_kind = kinds.is_empty() || kinds.iter().any(|k| k == kind(session));
            of_kind
                && since.is_none_or(|since| session.updated_at >= since)
                && self.access.check(scene, session).is_ok()
        };
        let sessions = self.store.sessions().await.map_err(ToolError::failed)?;
        let limit = asked.limit.map_or(LIMIT, |limit| limit as usize);
        let messages = asked.message_limit.unwrap_or(0) as usize;
        let mut rows = Vec::new();
        for session in sessions.into_iter().filter(wanted).take(limit) {
            rows.push(self.row(&session, messages.min(MESSAGES)).await?);
        }
        let list = json!({"count": rows.len(), "sessions": rows});
        // With messages in it, it may quote anybody; a label may be any model's words.
        let is_quoted = rows.iter().any(|row| row.get("label").is_some()) || messages > 0;
        let from = match is_quoted {
            false => Provenance::Program,
            true => Provenance::Outside,
        };
        Ok(ToolOutput::text(list.to_string(), from))
    }
}

impl SessionsList {
    async fn row(&self, session: &Session, messages: usize) -> Result<Value, ToolError> {
        let mut row = json!({
            "key": session.key,
            "kind": kind(session),
            "sessionId": session.session_id,
            "updatedAt": session.updated_at,
        });
        if let Some(label) = &session.label {
            row["label"] = label.as_str().into();
        }
        if let (Some(provider), Some(model)) = (&session.provider, &session.model) {
            row["model"] = format!("{provider}/{model}").into();
        }
        if session.input_tokens + session.output_tokens > 0 {
            row["totalTokens"] = (session.input_tokens + session.output_tokens).into();
        }
        if messages > 0 {
            let all = transcript(&self.store, &session.session_id)
                .await
                .map_err(ToolError::failed)?;
            let mut said: Vec<Value> = all.iter().filter_map(|m| shown(m, false)).collect();
            row["messages"] = said.split_off(said.len().saturating_sub(messages)).into();
        }
        Ok(row)
    }
}
