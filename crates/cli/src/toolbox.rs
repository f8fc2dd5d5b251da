//! The tools of an agent, put together from what the owner configured.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use moltbot_agent::{Agents, ImageModels, Outlet, SkillSettings, Skills, Toolbox};
use moltbot_config::{SecretSource, Snapshot};
use moltbot_llm::Records;
use moltbot_store::Store;
use moltbot_tools::documents::DocumentReader;
use moltbot_tools::mcp::McpServers;
use moltbot_tools::memory::{Memory, MemoryGet, MemorySearch};
use moltbot_tools::web::{FetchSettings, SearchSettings, WebFetch, WebSearch};
use moltbot_tools::{
    AgentsList, ExecSettings, ExecTool, Folders, ImageTool, MessageTool, ProcessTable, ProcessTool,
    SessionAccess, SessionsHistory, SessionsList, SessionsSend, SessionsSpawn, file_tools,
};

use crate::app;

/// Where results of tools that were too long are kept whole.
pub(crate) fn results_dir(snapshot: &Snapshot) -> PathBuf {
    snapshot.paths.state_dir.join("results")
}

/// All tools of an agent; `documents` reads documents for them. Which of them a conversation has is for the owner's
/// rules to say.
pub(crate) fn toolbox(
    snapshot: &Snapshot,
    agent_id: &str,
    store: &Store,
    memory: Memory,
    skills: &SkillSettings,
    documents: DocumentReader,
    agents: Weak<Agents>,
) -> Toolbox {
    let mut tools = Toolbox::new();
    let extra_paths = memory.settings().extra_paths.clone();
    let folders = folders(snapshot, agent_id).with_notes(extra_paths);
    files(snapshot, folders, documents, &mut tools);
    commands(snapshot, agent_id, skills, &mut tools);
    web(snapshot, &mut tools);
    if memory.settings().enabled {
        let memory = Arc::new(memory);
        tools.add(MemorySearch::new(Arc::clone(&memory)));
        tools.add(MemoryGet::new(memory));
    }
    let config = &snapshot.config;
    let access = SessionAccess::from_config(config);
    tools.add(SessionsList::new(store.clone(), access.clone()));
    tools.add(SessionsHistory::new(store.clone(), access.clone()));
    tools.add(SessionsSend::new(
        Weak::clone(&agents),
        store.clone(),
        access,
    ));
    tools.add(SessionsSpawn::new(agents));
    // Where there is one agent, there is nothing to list.
    if config.agents().list().len() > 1 {
        tools.add(AgentsList::from_config(config));
    }
    tools
}

/// The servers that the owner configured. Starts none.
pub(crate) fn mcp_servers(snapshot: &Snapshot, records: Arc<dyn Records>) -> McpServers {
    let environment = &snapshot.environment;
    McpServers::from_config(
        &snapshot.config,
        environment,
        records,
        results_dir(snapshot),
    )
}

/// What an agent sees pictures with, and says something with while it works; neither where it cannot.
pub(crate) fn media(
    snapshot: &Snapshot,
    agent_id: &str,
    images: ImageModels,
    outlets: Vec<Arc<dyn Outlet>>,
    tools: &mut Toolbox,
) {
    let folders = Arc::new(folders(snapshot, agent_id));
    if images.has_any() {
        let fetch = fetch_settings(snapshot);
        tools.add(ImageTool::new(Arc::clone(&folders), fetch, images));
    }
    if let Some(message) = MessageTool::new(folders, outlets) {
        tools.add(message);
    }
}

/// The folders that mean something to an agent's tools.
fn folders(snapshot: &Snapshot, agent_id: &str) -> Folders {
    let paths = &snapshot.paths;
    let home = &snapshot.environment.home;
    let mut protected = vec![
        paths.state_dir.clone(),
        paths.config_file.clone(),
        paths.credentials_dir.clone(),
        paths.agent_dir(agent_id),
    ];
    protected.extend(installations(home));
    protected.extend(snapshot.includes.iter().cloned());
    protected.extend(
        snapshot
            .secrets
            .iter()
            .filter_map(|secret| match &secret.source {
                SecretSource::File(path) => Some(path.clone()),
                SecretSource::Command(_) | SecretSource::Keyring(_) => None,
            }),
    );
    Folders::new(home.clone(), protected)
        .with_readable(vec![paths.state_dir.join("skills")])
        .with_results(vec![results_dir(snapshot)])
}

/// The folders of this and other installations (`--profile`) in a home directory: all hold keys.
fn installations(home: &Path) -> Vec<PathBuf> {
    const NAMES: [&str; 2] = [".clawdbot", ".moltbot"];
    let is_one = |name: &str| NAMES.iter().any(|beginning| name.starts_with(beginning));
    let names = std::fs::read_dir(home).into_iter().flatten().flatten();
    let names = names.filter_map(|entry| entry.file_name().into_string().ok());
    let found = names.filter(|name| is_one(name));
    let always = NAMES.map(str::to_owned);
    found.chain(always).map(|name| home.join(name)).collect()
}

fn files(snapshot: &Snapshot, folders: Folders, documents: DocumentReader, tools: &mut Toolbox) {
    let patches = snapshot
        .config
        .tools
        .as_ref()
        .and_then(|tools| tools.exec.as_ref()?.apply_patch.as_ref()?.enabled)
        .unwrap_or(false);
    for tool in file_tools(folders, documents) {
        if patches || tool.spec().name != "apply_patch" {
            tools.insert(tool);
        }
    }
}

fn commands(snapshot: &Snapshot, agent_id: &str, skills: &SkillSettings, tools: &mut Toolbox) {
    let table = Arc::new(ProcessTable::new(results_dir(snapshot)));
    let mut settings = ExecSettings::from_config(&snapshot.config, agent_id, &snapshot.environment);
    // Whatever they are called.
    let secrets = app::secrets(snapshot);
    settings
        .environment
        .retain(|_, value| secrets.find(value).is_none());
    for (name, value) in Skills::find(skills).variables(skills) {
        settings.environment.entry(name).or_insert(value);
    }
    tools.add(ExecTool::new(Arc::clone(&table), settings));
    tools.add(ProcessTool::new(table));
}

/// The names of those tools of an agent that run, change or send something, or read the web: what an audit asks about.
pub(crate) fn far_reaching(snapshot: &Snapshot) -> Vec<&'static str> {
    let mut names = vec!["exec", "process", "write", "edit"];
    let tools = snapshot.config.tools.clone().unwrap_or_default();
    let patches = tools.exec.and_then(|exec| exec.apply_patch?.enabled);
    names.extend((patches == Some(true)).then_some("apply_patch"));
    let search = tools.web.and_then(|web| web.search).unwrap_or_default();
    names.extend(fetch_settings(snapshot).map(|_| "web_fetch"));
    names.extend(SearchSettings::from_config(&search, &snapshot.environment).map(|_| "web_search"));
    names
}

fn web(snapshot: &Snapshot, tools: &mut Toolbox) {
    let config = snapshot.config.tools.as_ref();
    let web = config
        .and_then(|tools| tools.web.clone())
        .unwrap_or_default();
    if let Some(settings) = fetch_settings(snapshot) {
        tools.add(WebFetch::new(settings));
    }
    let search = web.search.unwrap_or_default();
    if let Some(settings) = SearchSettings::from_config(&search, &snapshot.environment) {
        tools.add(WebSearch::new(settings));
    }
}

/// How pages and pictures are got from the web; `None` where the owner switched that off.
fn fetch_settings(snapshot: &Snapshot) -> Option<FetchSettings> {
    let tools = snapshot.config.tools.as_ref();
    let web = tools.and_then(|tools| tools.web.clone());
    FetchSettings::from_config(&web.unwrap_or_default().fetch.unwrap_or_default())
}
