//! One server: what it lists, and a conversation with it while there is one.

use std::sync::{Arc, Weak};

use moltbot_agent::Arguments;
use moltbot_llm::{Clients, Records};
use rmcp::model::CallToolResult;
use tokio::sync::{Mutex, mpsc};

use super::child::{Endings, LastWords};
use super::connection::{Connection, list};
use super::error::{McpError, Problem};
use super::listing::{ListedTool, Listing};
use super::settings::ServerSettings;

/// Under which kind listings are kept.
const KIND: &str = "mcp";
/// How long a server that did not answer in time is left alone.
const REST_MS: i64 = 10 * 60 * 1000;

/// A server. Its tools share it; when the last one is dropped, its program ends.
pub(super) struct Server {
    pub(super) settings: ServerSettings,
    records: Arc<dyn Records>,
    clients: Arc<Clients>,
    last_words: Arc<LastWords>,
    connection: Mutex<Option<Arc<Connection>>>,
    // Behind the connection: what that starts to end is waited for here.
    endings: Arc<Endings>,
}

impl Server {
    pub(super) fn new(
        settings: ServerSettings,
        records: Arc<dyn Records>,
        clients: Arc<Clients>,
        endings: Arc<Endings>,
    ) -> Self {
        Self {
            settings,
            records,
            clients,
            last_words: Arc::default(),
            connection: Mutex::default(),
            endings,
        }
    }

    /// What is known of it without asking; `None` where it was never asked, or was configured otherwise then.
    pub(super) async fn known(&self) -> Option<Listing> {
        let records = self.records.load(KIND).await;
        let (_, json) = records
            .into_iter()
            .find(|(key, _)| *key == self.settings.name)?;
        let listing: Listing = serde_json::from_str(&json).ok()?;
        (listing.fingerprint == self.settings.fingerprint()).then_some(listing)
    }

    /// Its tools: as it told them before, else by asking it. One that has just kept somebody waiting in vain is not asked.
    pub(super) async fn tools(self: &Arc<Self>) -> Result<Vec<ListedTool>, McpError> {
        let known = self.known().await.unwrap_or_default();
        if let Some(tools) = known.tools {
            return Ok(tools);
        }
        let rests = known.rests_until.is_some_and(|until| now_ms() < until);
        match known.error.filter(|_| rests) {
            Some(error) => Err(Problem::Earlier(error).of(&self.settings.name)),
            None => self.ask().await,
        }
    }

    /// Its tools, by asking it, and starting it if need be. What it tells is kept.
    pub(super) async fn ask(self: &Arc<Self>) -> Result<Vec<ListedTool>, McpError> {
        let asked = async {
            let connection = self.connect(News::Later).await?;
            list(connection.peer()).await
        };
        let limit = self.settings.start_timeout;
        let told = match tokio::time::timeout(limit, asked).await {
            Ok(told) => told,
            Err(_) => {
                // What tells nothing is not kept running.
                self.connection.lock().await.take();
                Err(self.was_late())
            }
        };
        let told = told.map_err(|problem| problem.of(&self.settings.name));
        self.keep(&told).await;
        told
    }

    /// Calls one of its tools, starting it if it does not run. A call that may have been done is not done twice.
    pub(super) async fn call(
        self: &Arc<Self>,
        tool: &str,
        arguments: Arguments,
    ) -> Result<CallToolResult, McpError> {
        let limit = self.settings.start_timeout;
        let of = |problem: Problem| problem.of(&self.settings.name);
        let connection = match tokio::time::timeout(limit, self.connect(News::NowAndLater)).await {
            Ok(connection) => connection.map_err(of)?,
            Err(_) => return Err(of(self.was_late())),
        };
        let limit = self.settings.timeout;
        match tokio::time::timeout(limit, connection.call(tool, arguments)).await {
            Ok(result) => result.map_err(of),
            Err(_) => Err(of(Problem::CallTimeout(limit))),
        }
    }

    fn was_late(&self) -> Problem {
        Problem::StartTimeout {
            limit: self.settings.start_timeout,
            // Empty where the server is no program.
            last_words: self.last_words.sentence(),
        }
    }

    /// The conversation, opened where there is none or the last one is over.
    async fn connect(self: &Arc<Self>, news: News) -> Result<Arc<Connection>, Problem> {
        let mut open = self.connection.lock().await;
        if let Some(connection) = open.as_ref().filter(|connection| !connection.is_over()) {
            return Ok(Arc::clone(connection));
        }
        if open.take().is_some() {
            tracing::info!(
                server = self.settings.name,
                "an MCP server has ended and is started again"
            );
        }
        let (changed, told) = mpsc::unbounded_channel();
        let connection = Connection::open(
            &self.settings,
            &self.clients,
            &self.endings,
            &self.last_words,
            changed,
        )
        .await?;
        let connection = Arc::new(connection);
        *open = Some(Arc::clone(&connection));
        tokio::spawn(follow(
            Arc::downgrade(self),
            Arc::downgrade(&connection),
            news,
            told,
        ));
        Ok(connection)
    }

    /// Keeps what it told, for later conversations. A failure leaves its earlier tools as they are.
    async fn keep(&self, told: &Result<Vec<ListedTool>, McpError>) {
        let mut listing = Listing {
            fingerprint: self.settings.fingerprint(),
            ..Listing::default()
        };
        match told {
            Ok(tools) => listing.tools = Some(tools.clone()),
            Err(error) => {
                listing.tools = self.known().await.and_then(|known| known.tools);
                listing.error = Some(error.problem.to_string());
                if let Problem::StartTimeout { .. } = error.problem {
                    listing.rests_until = Some(now_ms() + REST_MS);
                }
            }
        }
        // Texts, numbers and JSON values always have a JSON form.
        let json = serde_json::to_string(&listing).unwrap_or_default();
        self.records.save(KIND, &self.settings.name, json).await;
    }
}

/// When the list of tools is asked for, beside the caller's own asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum News {
    /// When the server says that it has changed.
    Later,
    /// Then and at once: the server may be another than the one that told what is known.
    NowAndLater,
}

/// Keeps the list of tools up to date while the connection lasts. New conversations see it; those that go on keep the
/// tools that they were begun with.
async fn follow(
    server: Weak<Server>,
    connection: Weak<Connection>,
    news: News,
    mut told: mpsc::UnboundedReceiver<()>,
) {
    let mut is_due = news == News::NowAndLater;
    loop {
        if !is_due && told.recv().await.is_none() {
            return;
        }
        is_due = false;
        while told.try_recv().is_ok() {}
        // Held only while asking: nothing here keeps a program alive.
        let Some(peer) = connection.upgrade().map(|open| open.peer().clone()) else {
            return;
        };
        match list(&peer).await {
            Ok(tools) => match server.upgrade() {
                Some(server) => server.keep(&Ok(tools)).await,
                None => return,
            },
            Err(error) => {
                tracing::warn!(%error, "the changed list of an MCP server's tools is not known")
            }
        }
    }
}

fn now_ms() -> i64 {
    chrono::Utc::now().timestamp_millis()
}
