//! What the audit is told of the agents: their models and tools.

use moltbot_agent::{ToolPolicies, ToolPolicyScope};
use moltbot_config::schema::SandboxMode;
use moltbot_guard::audit::{AgentFacts, Facts, SandboxFacts};
use moltbot_llm::{Catalog, Model};

use crate::app::{App, agent_ids};
use crate::exit::Exit;
use crate::toolbox;

/// What the audit looks at.
pub(crate) fn facts(app: &App) -> Result<Facts, Exit> {
    let catalog = app.catalog()?;
    let agents = agent_ids(&app.snapshot).into_iter();
    let agents = agents.map(|id| agent(app, &catalog, id)).collect();
    Ok(Facts {
        sandbox: sandbox(app)?,
        ..Facts::gather(&app.snapshot, agents)
    })
}

/// Whether what the agents' sandboxes ask for is there. Nothing is tried out: doctor does that.
fn sandbox(app: &App) -> Result<SandboxFacts, Exit> {
    let mut missing = Vec::new();
    for id in agent_ids(&app.snapshot) {
        let settings = app.sandbox(&id)?;
        if settings.mode == SandboxMode::Off {
            continue;
        }
        let absent = settings.available().err();
        missing.extend(absent.map(|absent| absent.reason()));
        let left = settings.left_aside.iter();
        missing.extend(left.map(|key| format!("{key} of agent {id} has no effect")));
    }
    missing.dedup();
    Ok(match missing.is_empty() {
        true => SandboxFacts::Present,
        false => SandboxFacts::Weaker(missing),
    })
}

fn agent(app: &App, catalog: &Catalog, id: String) -> AgentFacts {
    let snapshot = &app.snapshot;
    let has_anthropic_key = app.credentials(&id).find("anthropic").is_some();
    // Doctor says what is wrong with a chain that cannot be used.
    let models = catalog.chain(None, Some(&id), has_anthropic_key);
    let models: Vec<Model> = models.map_or_else(|_| Vec::new(), |(models, _)| models);
    let images = snapshot.config.agents().defaults().image_model.as_ref();
    let images = images.into_iter().flat_map(|chain| {
        let fallbacks = chain.fallbacks.iter().flatten();
        chain.primary.iter().chain(fallbacks)
    });
    let image_models = images.filter_map(|name| catalog.resolve(name).ok());
    let policies = ToolPolicies::new(&snapshot.config);
    let scope = ToolPolicyScope::default();
    let names = toolbox::far_reaching(snapshot);
    // The first model's rules decide what is offered.
    let tools = models.first().map(|model| {
        let decided = policies.decide(&id, &model.reference, &scope, names.iter().copied());
        decided.names
    });
    AgentFacts {
        image_models: image_models.collect(),
        tools: tools.unwrap_or_default(),
        models,
        id,
    }
}
