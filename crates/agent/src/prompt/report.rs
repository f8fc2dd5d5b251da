//! What a prompt costs: for its owner to see.

use moltbot_llm::{
    AssistantMessage, Catalog, CatalogError, Model, ModelRef, Request, Source, ToolSpec, Usage,
};
use moltbot_store::Session;

use super::{Ingredients, Prompt, PromptProfile, Section, joined};
use crate::agent::Agent;
use crate::agents::subagent_brief;
use crate::disclosure::{HiddenTool, Offer};
use crate::discretion::hide_in_prompt;
use crate::history::{self, History};
use crate::skills::{Skills, UnusedSkill};
use crate::turn::TurnError;
use crate::workspace::{self, WorkspaceError};

/// A prompt, and what it costs. Tokens are estimates, corrected by what the model's server reported of earlier prompts.
#[derive(Debug, Clone, PartialEq)]
pub struct PromptReport {
    /// Whether it is the one that the session began with. If not, it is that of a session that would begin now.
    pub is_frozen: bool,
    /// How much is said.
    pub profile: PromptProfile,
    /// The model that would answer next.
    pub model: ModelRef,
    /// The tokens that a conversation with it can have.
    pub context_window: u64,
    /// Who said so.
    pub context_source: Source,
    /// The parts of the system prompt, in order.
    pub sections: Vec<SectionCost>,
    /// The tools, in order.
    pub tools: Vec<ToolCost>,
    /// The tools that the model searches for, by name: they are not part of the prompt.
    pub hidden_tools: Vec<HiddenToolCost>,
    /// The last turn that a model took up.
    pub last_turn: Option<LastTurn>,
    /// Skills that are not offered in a session that would begin now, and why.
    pub unused_skills: Vec<UnusedSkill>,
}

/// A part of a system prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SectionCost {
    /// What it is about.
    pub name: String,
    /// What the model is told.
    pub text: String,
    /// Its tokens; the first has those of the message around all of them.
    pub tokens: u64,
}

/// A tool as it is offered.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolCost {
    /// What the model is told of it.
    pub spec: ToolSpec,
    /// The tokens of its name, description and schema.
    pub tokens: u64,
}

/// A tool that is not offered by itself.
#[derive(Debug, Clone, PartialEq)]
pub struct HiddenToolCost {
    /// The program that it comes from, such as the name of an MCP server.
    pub source: String,
    /// What it would cost.
    pub cost: ToolCost,
}

/// What a turn took.
#[derive(Debug, Clone, PartialEq)]
pub struct LastTurn {
    /// The model that answered last in it.
    pub model: ModelRef,
    /// How often models were asked and answered.
    pub steps: usize,
    /// All steps together, as the servers reported it.
    pub usage: Usage,
    /// Of the tokens that were read anew, about how many had been read for the request before. 0 is as it should be.
    pub reread: u64,
    /// By the catalog's prices, in US dollars; 0 where none is known.
    pub cost: f64,
}

impl PromptReport {
    /// The tokens of the system prompt.
    pub fn system_tokens(&self) -> u64 {
        self.sections.iter().map(|section| section.tokens).sum()
    }

    /// The tokens of all tools.
    pub fn tool_tokens(&self) -> u64 {
        self.tools.iter().map(|tool| tool.tokens).sum()
    }

    /// The tokens that the tools would take for which the model searches.
    pub fn hidden_tokens(&self) -> u64 {
        self.hidden_tools.iter().map(|tool| tool.cost.tokens).sum()
    }
}

impl Agent {
    /// Makes the agent's folder ready, and that of the session's sandbox.
    pub(crate) async fn prepare_workspace(&self, session: &Session) -> Result<(), WorkspaceError> {
        let dir = self.settings.workspace.clone();
        let with_files = self.prompt.creates_files && self.prompt.brief.is_none();
        let sandbox = self.sandboxed(&session.key);
        let prepare = move || {
            workspace::prepare(&dir, with_files)?;
            if let Some(sandbox) = sandbox {
                sandbox.prepare()?;
            }
            Ok(())
        };
        blocking(prepare).await
    }

    /// The prompt of a conversation that begins now, with this model and these tools; without a session, of the main one.
    pub(crate) async fn new_prompt(
        &self,
        session: Option<&Session>,
        model: Model,
        offer: &Offer,
    ) -> Prompt {
        // How large its window is decides how much is said.
        let model = self.backends.knowledge().inquire(model).await;
        let tools = offer.specs(&model);
        let mut settings = self.prompt.clone();
        if let Some(brief) = session.and_then(subagent_brief) {
            settings = settings.for_sub_agent(brief);
        }
        let agent_id = self.settings.agent_id.clone();
        let workplace = self.workplace(session);
        let ingredients = move || {
            Ingredients {
                settings: &settings,
                model: &model,
                agent_id: &agent_id,
                workspace: &workplace.folder,
                sandbox: workplace.sandbox.as_ref(),
                tools,
            }
            .prompt()
        };
        let mut prompt: Prompt = blocking(ingredients).await;
        hide_in_prompt(&self.secrets, &mut prompt);
        prompt
    }

    /// The prompt of a session, and what it costs; without a session, or before its first answer, the prompt that it
    /// would begin with now. Nothing is created, and no model is asked.
    ///
    /// # Errors
    /// There is no model that it could be for, or the store failed.
    pub async fn prompt_report(
        &self,
        session: Option<&Session>,
    ) -> Result<PromptReport, TurnError> {
        let (rungs, _) = match session {
            Some(session) => self.rungs(session, None)?,
            None => {
                let id = Some(self.settings.agent_id.as_str());
                let chain = self
                    .catalog
                    .chain(None, id, self.settings.has_anthropic_key)?;
                Catalog::within(chain.0, &self.settings.places)?
            }
        };
        let model = rungs.into_iter().next();
        let model = model.ok_or(CatalogError::NothingConfigured)?;
        let offer = self.offer(session, &model.reference);
        let kept = match session {
            Some(session) => {
                let history = History::read(&self.store, &session.session_id).await?;
                history.prompt(&offer)
            }
            None => None,
        };
        let is_frozen = kept.is_some();
        let prompt = match kept {
            Some(prompt) => prompt,
            None => self.new_prompt(session, model.clone(), &offer).await,
        };
        let last_turn = match session {
            Some(session) => {
                let steps = history::last_steps(&self.store, &session.session_id).await?;
                self.last_turn(&steps)
            }
            None => None,
        };
        let skills = self.prompt.skills.clone();
        let skills = blocking(move || Skills::find(&skills)).await;
        let model = self.backends.knowledge().dress(model).await;
        let hidden = offer.hidden(&prompt.tools);
        let (sections, tools, hidden_tools) = self
            .costs(&model, prompt.sections, prompt.tools, hidden)
            .await;
        Ok(PromptReport {
            is_frozen,
            profile: prompt.profile,
            context_window: model.context_window,
            context_source: model.context_source,
            model: model.reference,
            sections,
            tools,
            hidden_tools,
            last_turn,
            unused_skills: skills.unused,
        })
    }

    /// What each part adds to the whole.
    async fn costs(
        &self,
        model: &Model,
        sections: Vec<Section>,
        tools: Vec<ToolSpec>,
        hidden: &[HiddenTool],
    ) -> (Vec<SectionCost>, Vec<ToolCost>, Vec<HiddenToolCost>) {
        let counter = self.backends.knowledge().tokens();
        let mut request = Request::default();
        let mut before = 0;
        let mut section_costs = Vec::with_capacity(sections.len());
        for place in 0..sections.len() {
            request.system = joined(&sections[..=place]);
            let now = counter.estimate(model, &request).await.tokens;
            section_costs.push(SectionCost {
                name: sections[place].name.clone(),
                text: sections[place].text.clone(),
                tokens: now.saturating_sub(before),
            });
            before = now;
        }
        let mut tool_costs = Vec::with_capacity(tools.len() + hidden.len());
        let shown = tools.len();
        let hidden_specs = hidden.iter().map(|tool| tool.spec.clone());
        for tool in tools.into_iter().chain(hidden_specs) {
            request.tools.push(tool.clone());
            let now = counter.estimate(model, &request).await.tokens;
            tool_costs.push(ToolCost {
                spec: tool,
                tokens: now.saturating_sub(before),
            });
            before = now;
        }
        let hidden_costs = hidden.iter().zip(tool_costs.split_off(shown));
        let hidden_costs = hidden_costs.map(|(tool, cost)| HiddenToolCost {
            source: tool.source.clone(),
            cost,
        });
        let hidden_costs = hidden_costs.collect();
        (section_costs, tool_costs, hidden_costs)
    }

    fn last_turn(&self, steps: &history::LastSteps) -> Option<LastTurn> {
        let last = steps.of_turn.last()?;
        let mut turn = LastTurn {
            model: reference(last),
            steps: steps.of_turn.len(),
            usage: Usage::default(),
            reread: 0,
            cost: 0.0,
        };
        let mut before = steps.before.as_ref();
        for step in &steps.of_turn {
            turn.usage += step.usage;
            turn.reread += before.map_or(0, |before| reread(&before.usage, &step.usage));
            if let Ok(model) = self.catalog.model(&reference(step)) {
                turn.cost += model.cost.of(&step.usage);
            }
            before = Some(step);
        }
        Some(turn)
    }
}

/// Of the tokens read anew, those that the server had read for the request before, or had written itself.
fn reread(before: &Usage, now: &Usage) -> u64 {
    if !before.is_known() || !now.is_known() {
        return 0;
    }
    let new = now.prompt().saturating_sub(before.total());
    (now.input + now.cache_write).saturating_sub(new)
}

fn reference(message: &AssistantMessage) -> ModelRef {
    ModelRef {
        provider: message.provider.clone(),
        model: message.model.clone(),
    }
}

/// Reads or writes files where that holds nobody up.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        // It is never aborted, so it can only have panicked.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_had_read_and_reads_again_is_counted() {
        let usage = |input, cache_read, output| Usage {
            input,
            cache_read,
            output,
            ..Usage::default()
        };
        let first = usage(1_000, 0, 50);
        // Of 1,100 tokens, 50 are new.
        assert_eq!(reread(&first, &usage(50, 1_050, 9)), 0);
        assert_eq!(reread(&first, &usage(1_100, 0, 9)), 1_050);
        // Reasoning is not sent again, so a prompt can be shorter than what was read and written.
        assert_eq!(reread(&first, &usage(30, 1_000, 9)), 30);
        assert_eq!(reread(&Usage::default(), &usage(1_100, 0, 9)), 0);
    }
}
