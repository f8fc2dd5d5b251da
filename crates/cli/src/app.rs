//! What every command starts from: the environment, the configuration, and what is built out of them.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use moltbot_agent::{
    Agent, AgentSettings, Agents, ApprovalBook, ContextSettings, Extract, Gate, ImageModels,
    Limits, Outlet, Preset, PromptSettings, QuarantinedReader, SandboxSettings, SessionKey, Skills,
    StoredRecords, SubagentRules, Tool, ToolPolicies, command_names, skill_commands,
};
use moltbot_config::schema::GuardPreset;
use moltbot_config::{
    Environment, LoadError, MAIN_AGENT, Paths, Profile, References, Snapshot, normalize_agent_id,
};
use moltbot_engine::models::{self, InstalledModel};
use moltbot_guard::secrets::Secrets;
use moltbot_guard::shell::Approvals;
use moltbot_llm::{
    Backend, Backends, Catalog, CooldownPolicy, Credentials, Knowledge, Lines, Places,
    ThinkingLevel, over_http_in,
};
use moltbot_services::{Launcher, ServedBackend, Services};
use moltbot_store::{Session, Store};
use moltbot_tools::documents::DocumentReader;
use moltbot_tools::memory::{Embeddings, Memory, MemorySettings};
use moltbot_tools::{SessionAccess, SessionStatus};

use crate::args::Globals;
use crate::exit::Exit;
use crate::logging;
use crate::output;
use crate::toolbox;

/// The installation that a command works on.
pub(crate) struct App {
    /// The configuration as it stands.
    pub(crate) snapshot: Snapshot,
}

/// What the agents of a process share: one store, one line before each server, one engine, one of each tool server.
struct Shared {
    store: Store,
    lines: Lines,
    services: Arc<Services>,
    engine: Option<Arc<dyn Backend>>,
    /// The longest run that the command line allows.
    timeout: Option<u64>,
    gate: Gate,
    outlets: Vec<Arc<dyn Outlet>>,
    /// The tools of the servers that the owner configured.
    foreign: Vec<Arc<dyn Tool>>,
    /// Whether what the owner should know was said: it is the same for every agent.
    said: AtomicBool,
}

fn credentials(snapshot: &Snapshot, agent_id: &str) -> Credentials {
    let profiles = |id| snapshot.paths.agent_dir(id).join("auth-profiles.json");
    Credentials::new(
        &snapshot.config,
        &snapshot.environment.vars,
        Some(profiles(agent_id)),
    )
    .inheriting(profiles(MAIN_AGENT))
}

/// The agents of a configuration; the default one where it lists none.
pub(crate) fn agent_ids(snapshot: &Snapshot) -> Vec<String> {
    let agents = snapshot.config.agents();
    match agents.list() {
        [] => vec![agents.default_agent_id()],
        list => list.iter().map(|agent| agent.normalized_id()).collect(),
    }
}

/// What nobody is to be shown: what the configuration, the environment and the auth profiles of all agents hold.
pub(crate) fn secrets(snapshot: &Snapshot) -> Secrets {
    let of_agents = agent_ids(snapshot).into_iter().flat_map(|id| {
        let credentials = credentials(snapshot, &id);
        credentials.secrets().collect::<Vec<_>>()
    });
    Secrets::of(snapshot).and(of_agents)
}

/// The environment that the global flags ask for.
pub(crate) fn environment(globals: &Globals) -> Result<Environment, Exit> {
    let mut environment = Environment::from_process();
    if let Some(profile) = Profile::from_flags(globals.profile.as_deref(), globals.dev)? {
        profile.apply(&mut environment);
    }
    Ok(environment)
}

/// What to say about a configuration that cannot be used.
pub(crate) fn config_invalid(error: &LoadError) -> String {
    format!("Config invalid\n{error}\nRun: moltbot doctor")
}

impl App {
    /// Loads the configuration to use it, with every reference to a secret followed, and starts the log. Warnings, and
    /// notices about keys that nothing acts on yet, go to standard error, unless `quiet`: a command that takes no turn
    /// leaves them to those that do.
    pub(crate) fn load(globals: &Globals, quiet: bool) -> Result<Self, Exit> {
        Self::load_with(globals, quiet, References::Followed)
    }

    /// Loads the configuration to look at it or to change it, and starts the log. No program is run for a secret.
    pub(crate) fn load_as_written(globals: &Globals) -> Result<Self, Exit> {
        Self::load_with(globals, true, References::AsWritten)
    }

    fn load_with(globals: &Globals, quiet: bool, references: References) -> Result<Self, Exit> {
        let environment = environment(globals)?;
        let snapshot = moltbot_config::load_with(&environment, references)
            .map_err(|error| Exit::failed(config_invalid(&error)))?;
        logging::start(&snapshot);
        if !quiet {
            for text in snapshot.warnings.iter().chain(&snapshot.notices) {
                output::note(output::styled(output::DIM, text));
            }
        }
        Ok(Self { snapshot })
    }

    /// The places that belong to this installation.
    pub(crate) fn paths(&self) -> &Paths {
        &self.snapshot.paths
    }

    /// The model files installed for the engine, largest first; none in a build without it.
    pub(crate) fn installed(&self) -> Result<Vec<InstalledModel>, Exit> {
        if !cfg!(feature = "engine") {
            return Ok(Vec::new());
        }
        let mut installed = models::installed(&self.paths().models_dir)?;
        installed.sort_by_key(|model| std::cmp::Reverse(model.bytes));
        Ok(installed)
    }

    /// The catalog of this installation.
    pub(crate) fn catalog(&self) -> Result<Catalog, Exit> {
        let ids: Vec<String> = self
            .installed()?
            .into_iter()
            .map(|model| model.id)
            .collect();
        Ok(Catalog::new(&self.snapshot.config, &ids))
    }

    /// The credentials of an agent: its own profiles, then those of the main agent.
    pub(crate) fn credentials(&self, agent_id: &str) -> Credentials {
        credentials(&self.snapshot, agent_id)
    }

    /// What is known of servers, as this store keeps it.
    fn knowledge_in(&self, store: &Store) -> Knowledge {
        Knowledge::with_cooldowns(
            Arc::new(StoredRecords::new(store.clone())),
            CooldownPolicy::from_config(&self.snapshot.config),
            moltbot_llm::machine_clock(),
        )
    }

    /// What turns have learned of servers so far; `None` before the first turn, which makes the store.
    pub(crate) fn learned(&self) -> Result<Option<Knowledge>, Exit> {
        let database = &self.paths().database;
        if !database.exists() {
            return Ok(None);
        }
        Ok(Some(self.knowledge_in(&Store::open(database)?)))
    }

    /// What is known of servers, without asking any. Nothing is kept where nothing was before.
    pub(crate) fn remembered(&self) -> Result<Knowledge, Exit> {
        Ok(self.learned()?.unwrap_or_default())
    }

    /// What is known of servers, and a place for more. No server is asked.
    pub(crate) fn knowledge(&self) -> Result<Knowledge, Exit> {
        Ok(self.knowledge_in(&Store::open(&self.paths().database)?))
    }

    /// The agent asked for, or the default one: the first marked `default`, else the first listed, else `main`.
    pub(crate) fn agent_id(&self, asked: Option<&str>) -> Result<String, Exit> {
        let agents = self.snapshot.config.agents();
        let Some(asked) = asked else {
            return Ok(agents.default_agent_id());
        };
        let id = normalize_agent_id(asked);
        let known = match agents.list() {
            [] => id == MAIN_AGENT,
            list => list.iter().any(|agent| agent.normalized_id() == id),
        };
        match known {
            true => Ok(id),
            false => Err(Exit::failed(format!(
                "There is no agent \"{asked}\": add it to agents.list, or leave --agent out."
            ))),
        }
    }

    /// The agents, each made when it is needed: `gate` decides about their tool calls, and what they say by themselves
    /// goes out by `outlets`.
    pub(crate) async fn agents(
        &self,
        timeout: Option<u64>,
        gate: Gate,
        outlets: Vec<Arc<dyn Outlet>>,
    ) -> Result<Arc<Agents>, Exit> {
        let store = Store::open(&self.paths().database)?;
        let services = Arc::new(self.services()?);
        let recovering = Arc::clone(&services);
        tokio::spawn(async move { recovering.recover().await });
        let records = Arc::new(StoredRecords::new(store.clone()));
        let foreign = toolbox::mcp_servers(&self.snapshot, records).tools().await;
        for notice in &foreign.notices {
            output::note(output::styled(output::WARN, output::plain(notice)));
        }
        let shared = Shared {
            store: store.clone(),
            lines: Lines::default(),
            services,
            engine: self.engine()?,
            timeout,
            gate: gate
                .with_preset(self.guard_preset())
                .with_approvals(self.approvals(&store)),
            outlets,
            foreign: foreign.tools,
            said: AtomicBool::new(false),
        };
        let rules = SubagentRules::from_config(&self.snapshot.config);
        let app = Self {
            snapshot: self.snapshot.clone(),
        };
        let make = move |id: &str, agents| {
            let made = app.make_agent(id, &shared, agents);
            made.map_err(|exit| exit.message().to_owned())
        };
        Ok(Agents::new(store, rules, Box::new(make)))
    }

    fn make_agent(
        &self,
        agent_id: &str,
        shared: &Shared,
        agents: Weak<Agents>,
    ) -> Result<Agent, Exit> {
        let credentials = Arc::new(self.credentials(agent_id));
        let has_anthropic_key = credentials.find("anthropic").is_some();
        let defaults = self.snapshot.config.agents().defaults();
        let settings = AgentSettings {
            agent_id: agent_id.to_owned(),
            thinking: defaults.thinking_default.map(thinking_level),
            timeout: shared
                .timeout
                .map_or_else(|| defaults.timeout(), Duration::from_secs),
            places: Places::only(self.snapshot.config.agents().places(agent_id)),
            has_anthropic_key,
            limits: Limits::from_config(&self.snapshot.config.agents().limits(agent_id)),
            workspace: self.snapshot.workspace(agent_id),
        };
        let (prompt, notices) = PromptSettings::from_snapshot(&self.snapshot, agent_id);
        let store = shared.store.clone();
        let knowledge = self.knowledge_in(&store).asking(Arc::clone(&credentials));
        let knowledge = Arc::new(knowledge);
        let http = over_http_in(
            Arc::clone(&credentials),
            Arc::clone(&knowledge),
            shared.lines.clone(),
        );
        let served = Arc::new(ServedBackend::new(http, Arc::clone(&shared.services)));
        let backends = Backends::new(served, shared.engine.clone(), knowledge);
        let catalog = self.catalog()?;
        let images = ImageModels::new(
            catalog.clone(),
            backends.clone(),
            settings.clone(),
            defaults.image_model.as_ref(),
        );
        let sandbox = self.sandbox(agent_id)?;
        if !shared.said.swap(true, Ordering::Relaxed) {
            let warnings = catalog.warnings().iter().chain(images.warnings());
            for warning in warnings.chain(&notices).chain(&sandbox.notice()) {
                output::note(output::styled(output::WARN, warning));
            }
        }
        let snapshot = &self.snapshot;
        let mut tools = toolbox::toolbox(
            snapshot,
            agent_id,
            &store,
            self.memory(agent_id),
            &prompt.skills,
            DocumentReader::new(this_program()?, vec!["document-worker".to_owned()]),
            agents,
        );
        toolbox::media(
            snapshot,
            agent_id,
            images,
            shared.outlets.clone(),
            &mut tools,
        );
        for tool in &shared.foreign {
            tools.insert(Arc::clone(tool));
        }
        let secrets = Arc::new(secrets(&self.snapshot));
        let reader = QuarantinedReader::new(
            catalog.clone(),
            backends.clone(),
            settings.clone(),
            Arc::clone(&secrets),
        );
        tools.add(Extract::new(tools.clone(), reader));
        let reserved: Vec<&str> = command_names().collect();
        let skills = Skills::find(&prompt.skills);
        let context = ContextSettings::from_config(
            &defaults.compaction(),
            &defaults.context_pruning.clone().unwrap_or_default(),
            Some(toolbox::results_dir(snapshot)),
        );
        let agent = Agent::new(catalog, backends, store, settings)
            .with_credentials(Arc::clone(&credentials));
        let access = SessionAccess::from_config(&snapshot.config);
        tools.add(SessionStatus::new(agent.clone(), access));
        Ok(agent
            .with_skill_commands(skill_commands(&skills.usable, &reserved))
            .with_secrets(secrets)
            .with_prompt(prompt)
            .with_sandbox(sandbox)
            .with_context(context)
            .with_tools(tools, shared.gate.clone())
            .with_tool_policies(ToolPolicies::new(&self.snapshot.config)))
    }

    /// How the conversations of an agent are sandboxed.
    pub(crate) fn sandbox(&self, agent_id: &str) -> Result<SandboxSettings, Exit> {
        let program = this_program()?;
        Ok(SandboxSettings::from_snapshot(
            &self.snapshot,
            agent_id,
            program,
        ))
    }

    /// What the owner is asked about.
    pub(crate) fn approvals(&self, store: &Store) -> ApprovalBook {
        let allowlist = Approvals::path(&self.snapshot.environment.home);
        ApprovalBook::new(store.clone(), allowlist)
    }

    /// How much the owner wants to be asked about.
    fn guard_preset(&self) -> Preset {
        let tools = self.snapshot.config.tools.as_ref();
        match tools.and_then(|tools| tools.guard.as_ref()?.preset) {
            Some(GuardPreset::Relaxed) => Preset::Relaxed,
            Some(GuardPreset::Standard) | None => Preset::Standard,
            Some(GuardPreset::Strict) => Preset::Strict,
        }
    }

    /// The notes of an agent.
    pub(crate) fn memory(&self, agent_id: &str) -> Memory {
        let snapshot = &self.snapshot;
        let agents = snapshot.config.agents();
        let config = agents.memory_search(agent_id);
        let settings = MemorySettings::new(
            &config,
            &snapshot.environment,
            &self.paths().state_dir,
            agent_id,
            &snapshot.workspace(agent_id),
        );
        let places = Places::only(agents.places(agent_id));
        let credentials = self.credentials(agent_id);
        let local = |model: Option<&str>| crate::embedder::local(self, model);
        let embeddings =
            Embeddings::from_config(&config, &snapshot.config, &credentials, &places, &local);
        Memory::new(settings, embeddings)
    }

    /// The session that a person names: by id, by key, or by a name of their own; the agent's main one where none is
    /// named.
    pub(crate) async fn session(
        &self,
        agent: &Agent,
        named: Option<&str>,
    ) -> Result<Session, Exit> {
        let Some(named) = named else {
            return Ok(agent.session(&SessionKey::main(agent.id())).await?);
        };
        let store = agent.store();
        let session = match store.session_by_id(named).await? {
            Some(session) => session,
            // A transcript that a reset has closed can be read, but not gone on with.
            None if store.transcript(named).await.is_ok() => {
                return Err(Exit::failed(format!(
                    "Session {named} was ended by a reset: leave --session-id out for the current one, or give another name."
                )));
            }
            None => {
                let key = SessionKey::parse(named, agent.id());
                self.agent_id(Some(key.agent()))?;
                agent.session(&key).await?
            }
        };
        if session.agent_id != agent.id() {
            return Err(Exit::failed(format!(
                "Session {named} belongs to the agent \"{0}\": add --agent {0}.",
                session.agent_id
            )));
        }
        Ok(session)
    }

    /// The model servers that are started when they are needed.
    pub(crate) fn services(&self) -> Result<Services, Exit> {
        let launcher = Launcher {
            program: this_program()?,
            args: vec!["service-keeper".to_owned()],
        };
        let snapshot = &self.snapshot;
        Ok(Services::new(
            &snapshot.config,
            &snapshot.environment,
            &snapshot.paths,
            launcher,
        ))
    }

    #[cfg(feature = "engine")]
    fn engine(&self) -> Result<Option<Arc<dyn Backend>>, Exit> {
        let models = self.paths().models_dir.clone();
        let mut options = moltbot_engine::EngineOptions::new(this_program()?, models);
        if let Some(tokens) = self.snapshot.config.agents().defaults().context_tokens {
            options.context_limit = u32::try_from(tokens).unwrap_or(u32::MAX);
        }
        Ok(Some(Arc::new(moltbot_engine::EngineBackend::new(options))))
    }

    #[cfg(not(feature = "engine"))]
    fn engine(&self) -> Result<Option<Arc<dyn Backend>>, Exit> {
        Ok(None)
    }
}

/// The path of this program, to start it again as another process.
pub(crate) fn this_program() -> Result<PathBuf, Exit> {
    std::env::current_exe().map_err(|error| {
        Exit::failed(format!(
            "The path of this program cannot be found: {error}."
        ))
    })
}

fn thinking_level(level: moltbot_config::schema::ThinkingLevel) -> ThinkingLevel {
    use moltbot_config::schema::ThinkingLevel as Configured;
    match level {
        Configured::Off => ThinkingLevel::Off,
        Configured::Minimal => ThinkingLevel::Minimal,
        Configured::Low => ThinkingLevel::Low,
        Configured::Medium => ThinkingLevel::Medium,
        Configured::High => ThinkingLevel::High,
        Configured::Xhigh => ThinkingLevel::Xhigh,
    }
}
