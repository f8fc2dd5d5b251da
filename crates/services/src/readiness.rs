//! Finding out whether a server takes requests.

use std::time::Duration;

use moltbot_llm::answer_of;
use serde::{Deserialize, Serialize};

/// How long one question may take. A server that loads its model may be slow, and is then not ready.
const LIMIT: Duration = Duration::from_secs(5);

/// What to ask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Readiness {
    /// This URL, which answers with success once the server is ready.
    Url(String),
    /// The server's API.
    Api {
        /// The list of models.
        models: String,
        /// `/health` of the same server.
        health: String,
    },
}

impl Readiness {
    /// Whether the server takes requests now. Asks without a key: a server that wants one is up.
    pub async fn check(&self) -> bool {
        let (models, health) = match self {
            Self::Url(url) => return succeeds(url).await,
            Self::Api { models, health } => (models, health),
        };
        match answer_of(models, LIMIT).await {
            // llama-server lists its model while it still loads it. Others are not asked for their health where they
            // have a list: LiteLLM tells its health by asking every model behind it for a reply.
            Ok((200..300, body)) if body.contains("\"llamacpp\"") => succeeds(health).await,
            Ok((200..300 | 401 | 403, _)) => true,
            Ok((404 | 405 | 501, _)) => succeeds(health).await,
            _ => false,
        }
    }
}

async fn succeeds(url: &str) -> bool {
    matches!(answer_of(url, LIMIT).await, Ok((200..300, _)))
}
