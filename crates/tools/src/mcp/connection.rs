//! A conversation with a server.

use std::collections::HashMap;
use std::sync::Arc;

use moltbot_agent::Arguments;
use moltbot_llm::Clients;
use reqwest::header::{HeaderName, HeaderValue};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities, ClientConfig,
    Implementation, PaginatedRequestParams,
};
use rmcp::service::{NotificationContext, RunningService};
use rmcp::transport::streamable_http_client::{
    StreamableHttpClientTransportConfig, StreamableHttpError,
};
use rmcp::transport::{DynamicTransportError, StreamableHttpClientTransport};
use rmcp::{ClientHandler, Peer, RoleClient, ServiceError, service::ClientInitializeError};
use tokio::sync::mpsc;

use super::child::{Child, Endings, LastWords};
use super::error::{Problem, cause};
use super::listing::{ListedTool, MOST, one_line};
use super::settings::{Place, ServerSettings};

/// Pages of a list of tools, at most.
const PAGES: usize = 32;
/// Longest reason of a refusal that is passed on, in characters.
const REASON: usize = 2_000;

/// An open conversation. Dropping it ends it, and the program with it.
pub(super) struct Connection {
    service: RunningService<RoleClient, Listener>,
    /// The program, where the server is one.
    _child: Option<Child>,
}

/// What the server may tell by itself.
struct Listener {
    changed: mpsc::UnboundedSender<()>,
}

impl ClientHandler for Listener {
    fn get_info(&self) -> ClientConfig {
        // No sampling, no roots, no questions back: a server gets nothing but calls.
        ClientConfig::new(
            ClientCapabilities::default(),
            Implementation::new("moltbot", env!("CARGO_PKG_VERSION")),
        )
    }

    async fn on_tool_list_changed(&self, _context: NotificationContext<RoleClient>) {
        // Whoever does not listen any more needs no news.
        let _ = self.changed.send(());
    }
}

impl Connection {
    /// Opens a conversation. `changed` hears when the server's list of tools has changed.
    ///
    /// # Errors
    /// The server could not be started, or does not speak the protocol.
    pub(super) async fn open(
        settings: &ServerSettings,
        clients: &Clients,
        endings: &Endings,
        last_words: &Arc<LastWords>,
        changed: mpsc::UnboundedSender<()>,
    ) -> Result<Self, Problem> {
        let listener = Listener { changed };
        match &settings.place {
            Place::Program(program) => {
                let (child, pipes) = Child::start(&settings.name, program, endings, last_words)
                    .map_err(|error| Problem::Start {
                        program: program.command.clone(),
                        reason: error.to_string(),
                    })?;
                let served = rmcp::serve_client(listener, (pipes.output, pipes.input)).await;
                match served {
                    Ok(service) => Ok(Self {
                        service,
                        _child: Some(child),
                    }),
                    Err(error) => {
                        last_words.complete().await;
                        let reason = match &error {
                            ClientInitializeError::ConnectionClosed(_)
                            | ClientInitializeError::TransportError { .. } => "it ended".to_owned(),
                            error => cause(error),
                        };
                        Err(Problem::Handshake {
                            reason,
                            last_words: last_words.sentence(),
                        })
                    }
                }
            }
            Place::Address { url, headers } => {
                let unreachable = |reason: String| Problem::Handshake {
                    reason,
                    last_words: String::new(),
                };
                let client = clients.of(url).map_err(unreachable)?.clone();
                let mut sent = HashMap::new();
                for (name, value) in headers {
                    let (Ok(name), Ok(mut value)) =
                        (name.parse::<HeaderName>(), value.parse::<HeaderValue>())
                    else {
                        return Err(unreachable(format!("its header {name:?} is none")));
                    };
                    value.set_sensitive(true);
                    sent.insert(name, value);
                }
                let config = StreamableHttpClientTransportConfig::with_uri(url.as_str())
                    .custom_headers(sent);
                let transport = StreamableHttpClientTransport::with_client(client, config);
                let service = rmcp::serve_client(listener, transport)
                    .await
                    .map_err(|error| refused(&error))?;
                Ok(Self {
                    service,
                    _child: None,
                })
            }
        }
    }

    /// Whether it is over.
    pub(super) fn is_over(&self) -> bool {
        self.service.is_closed() || self.service.peer().is_transport_closed()
    }

    /// The side of the conversation that asks.
    pub(super) fn peer(&self) -> &Peer<RoleClient> {
        self.service.peer()
    }

    /// Calls a tool. Dropping the future cancels the call.
    ///
    /// # Errors
    /// There is no result.
    pub(super) async fn call(
        &self,
        tool: &str,
        arguments: Arguments,
    ) -> Result<CallToolResult, Problem> {
        let params = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
        match self.peer().call_tool_once(params).await {
            Ok(CallToolResponse::Complete(result)) => Ok(result),
            Ok(_) => Err(Problem::AskedBack),
            Err(ServiceError::McpError(error)) => {
                Err(Problem::Refused(one_line(&error.message, REASON)))
            }
            Err(ServiceError::TransportSend(error)) => {
                Err(Problem::Unreachable(transport_cause(&error)))
            }
            Err(ServiceError::TransportClosed) => Err(Problem::Ended),
            Err(error) => Err(Problem::Refused(cause(&error))),
        }
    }
}

/// Asks for the whole list of tools.
///
/// # Errors
/// The server tells none.
pub(super) async fn list(peer: &Peer<RoleClient>) -> Result<Vec<ListedTool>, Problem> {
    let mut tools = Vec::new();
    let mut cursor = None;
    for _ in 0..PAGES {
        let params = PaginatedRequestParams::default().with_cursor(cursor);
        let page = peer
            .list_tools(Some(params))
            .await
            .map_err(|error| Problem::Listing(cause(&error)))?;
        tools.extend(page.tools.into_iter().filter_map(ListedTool::new));
        cursor = page.next_cursor;
        if cursor.is_none() || tools.len() >= MOST {
            break;
        }
    }
    tools.truncate(MOST);
    Ok(tools)
}

/// Why an address did not answer.
fn refused(error: &ClientInitializeError) -> Problem {
    let reason = match error {
        ClientInitializeError::TransportError { error, .. } => match http_error(error) {
            Some(StreamableHttpError::AuthRequired(_)) => return Problem::Login,
            _ => transport_cause(error),
        },
        error => cause(error),
    };
    Problem::Handshake {
        reason,
        last_words: String::new(),
    }
}

/// What went wrong below a conversation, without the address, which may hold secrets.
fn transport_cause(error: &DynamicTransportError) -> String {
    match http_error(error) {
        Some(StreamableHttpError::Client(error)) => cause(error),
        Some(error) => cause(error),
        None => cause(error),
    }
}

fn http_error(error: &DynamicTransportError) -> Option<&StreamableHttpError<reqwest::Error>> {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(&*error.error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}
