//! All servers that the owner configured.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use moltbot_agent::Tool;
use moltbot_config::{Config, Environment};
use moltbot_llm::{Clients, Records};

use super::child::Endings;
use super::error::{McpError, Problem};
use super::listing::{ListedTool, MOST};
use super::names;
use super::server::Server;
use super::settings::ServerSettings;
use super::tool::McpTool;

/// The servers of `mcp.servers`.
///
/// A server is started by the first call of one of its tools, or to ask for its tools where nobody knows them; it stays
/// while this or any of its tools is there, and ends with the last of them.
pub struct McpServers {
    servers: Vec<Arc<Server>>,
    switched_off: Vec<String>,
    results_dir: PathBuf,
}

/// The tools of all servers.
#[derive(Default)]
pub struct McpTools {
    /// The tools, in no particular order.
    pub tools: Vec<Arc<dyn Tool>>,
    /// What the owner should know, each a sentence: one for each server whose tools are missing.
    pub notices: Vec<String>,
}

/// What is known of one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerReport {
    /// Its name in the configuration.
    pub name: String,
    /// How it is reached: a program, or an address without what may be secret.
    pub place: String,
    /// Where it stands.
    pub standing: ServerStanding,
    /// The names that its tools are offered under, sorted.
    pub tools: Vec<String>,
    /// What went wrong when it was asked last.
    pub last_error: Option<String>,
}

/// Where a server stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerStanding {
    /// It is switched off.
    Off,
    /// It was never asked, or was configured otherwise then: the next conversation asks it.
    Unasked,
    /// Its tools are known.
    Known,
    /// It was asked and told no tools.
    Failed,
}

impl McpServers {
    /// The servers of a configuration. `records` is where their lists of tools are kept, `results_dir` the folder for
    /// results that are too long to be shown. Starts nothing.
    pub fn from_config(
        config: &Config,
        environment: &Environment,
        records: Arc<dyn Records>,
        results_dir: impl Into<PathBuf>,
    ) -> Self {
        let clients = Arc::new(Clients::default());
        let endings = Arc::new(Endings::default());
        let mut servers = Vec::new();
        let mut switched_off = Vec::new();
        for (name, server) in config.mcp_servers() {
            match ServerSettings::new(name, server, environment) {
                Some(settings) => servers.push(Arc::new(Server::new(
                    settings,
                    Arc::clone(&records),
                    Arc::clone(&clients),
                    Arc::clone(&endings),
                ))),
                None => switched_off.push(name.clone()),
            }
        }
        Self {
            servers,
            switched_off,
            results_dir: results_dir.into(),
        }
    }

    /// The tools of all servers. Those that were never asked are, side by side, each for as long as its start may take;
    /// what one of them fails at costs its own tools and nothing else.
    pub async fn tools(&self) -> McpTools {
        let asked = self.servers.iter().map(|server| server.tools());
        let mut found = McpTools::default();
        let mut listed = Vec::new();
        let told = futures_util::future::join_all(asked).await;
        for (server, told) in self.servers.iter().zip(told) {
            match told {
                Ok(tools) => listed.push((Arc::clone(server), tools)),
                Err(error) => found.notices.push(format!(
                    "{error} Its tools are missing until it answers: moltbot mcp probe {} asks it again, and enabled: false leaves it out.",
                    server.settings.name
                )),
            }
        }
        let mut seen = BTreeSet::new();
        for (server, name, tool) in named(listed) {
            let of = server.settings.name.clone();
            let own_name = tool.name.clone();
            // Two that could not be told apart by any name would be taken for each other.
            let is_new = seen.insert(name.to_lowercase());
            match McpTool::new(server, tool, name, self.results_dir.clone()) {
                Some(tool) if is_new => found.tools.push(Arc::new(tool)),
                _ => tracing::warn!(
                    server = of,
                    tool = own_name,
                    "a tool is not offered: its parameters are too many, or have names that models cannot be told"
                ),
            }
        }
        found
    }

    /// What is known of every configured server, without asking any.
    pub async fn report(&self) -> Vec<ServerReport> {
        let mut reports = BTreeMap::new();
        let mut listed = Vec::new();
        for server in &self.servers {
            let known = server.known().await;
            let standing = match &known {
                None => ServerStanding::Unasked,
                Some(listing) if listing.tools.is_some() => ServerStanding::Known,
                Some(_) => ServerStanding::Failed,
            };
            let name = server.settings.name.clone();
            let known = known.unwrap_or_default();
            listed.push((Arc::clone(server), known.tools.unwrap_or_default()));
            reports.insert(
                name.clone(),
                ServerReport {
                    name,
                    place: server.settings.shown(),
                    standing,
                    tools: Vec::new(),
                    last_error: known.error.map(|error| {
                        Problem::Earlier(error)
                            .of(&server.settings.name)
                            .to_string()
                    }),
                },
            );
        }
        for (server, name, _) in named(listed) {
            if let Some(report) = reports.get_mut(&server.settings.name) {
                report.tools.push(name);
                report.tools.sort_unstable();
            }
        }
        for name in &self.switched_off {
            reports.insert(
                name.clone(),
                ServerReport {
                    name: name.clone(),
                    place: String::new(),
                    standing: ServerStanding::Off,
                    tools: Vec::new(),
                    last_error: None,
                },
            );
        }
        reports.into_values().collect()
    }

    /// Asks one server for its tools now, starting it if need be, and keeps what it tells.
    ///
    /// # Errors
    /// There is no such server, or it tells no tools.
    pub async fn probe(&self, name: &str) -> Result<(), McpError> {
        let server = self
            .servers
            .iter()
            .find(|server| server.settings.name == name)
            .ok_or_else(|| Problem::Unknown.of(name))?;
        let tools = server.ask().await?;
        if tools.len() >= MOST {
            tracing::warn!(
                server = name,
                "an MCP server lists very many tools; the first {MOST} are taken"
            );
        }
        Ok(())
    }
}

/// The tools that are offered, with the names that they are offered under.
fn named(listed: Vec<(Arc<Server>, Vec<ListedTool>)>) -> Vec<(Arc<Server>, String, ListedTool)> {
    let offered: Vec<(Arc<Server>, ListedTool)> = listed
        .into_iter()
        .flat_map(|(server, tools)| {
            tools
                .into_iter()
                .map(move |tool| (Arc::clone(&server), tool))
        })
        .filter(|(server, tool)| server.settings.offers(&tool.name))
        .collect();
    let own: Vec<(&str, &str)> = offered
        .iter()
        .map(|(server, tool)| (server.settings.name.as_str(), tool.name.as_str()))
        .collect();
    let names = names::offered(&own);
    offered
        .into_iter()
        .zip(names)
        .map(|((server, tool), name)| (server, name, tool))
        .collect()
}

impl std::fmt::Debug for McpServers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self
            .servers
            .iter()
            .map(|s| s.settings.name.as_str())
            .collect();
        f.debug_struct("McpServers")
            .field("servers", &names)
            .finish_non_exhaustive()
    }
}
