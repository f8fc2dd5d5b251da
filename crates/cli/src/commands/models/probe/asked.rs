//! Asking models themselves, and what they showed in words.

use std::sync::Arc;

use moltbot_llm::{
    Asked, HttpBackend, Knowledge, Model, ModelState, Probe, Repairing, SystemRules, ToolCalling,
    ask_model,
};
use serde::Serialize;

use super::target::Target;
use crate::output;

/// How many models of one server of the owner's are asked.
const ASKED: usize = 4;

/// A model and what asking it showed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AskedModel {
    /// provider/model.
    pub(super) model: String,
    /// What came out, now or earlier.
    pub(super) result: Option<Asked>,
    /// Why it was not asked now.
    pub(super) not_asked: Option<String>,
    /// In which form requests go to it, where that is not the plain one.
    pub(super) repairs: Option<String>,
}

/// Who is asked, and how.
pub(super) struct Questions {
    pub(super) backend: Repairing<HttpBackend>,
    pub(super) knowledge: Arc<Knowledge>,
    /// Nobody is asked.
    pub(super) passive: bool,
    /// Models that are not loaded are asked, too.
    pub(super) load: bool,
    /// Whether a person named the server: only then a hosted model is asked.
    pub(super) is_named: bool,
    /// Standard error stays empty.
    pub(super) quiet: bool,
}

impl Questions {
    /// Asks the models of a server, one after the other: most servers have one model in memory.
    pub(super) async fn put(
        &self,
        target: &Target,
        probe: &Probe,
        key: Option<&str>,
    ) -> Vec<AskedModel> {
        let most = if target.asked.is_local() { ASKED } else { 1 };
        let mut all = Vec::new();
        for model in target.models.iter().take(most) {
            let not_asked = self.why_not(model, probe);
            let mut placed = self.knowledge.dress(model.clone()).await;
            placed.base_url.clone_from(&probe.base_url);
            if not_asked.is_none() {
                if !self.quiet {
                    output::note(format_args!(
                        "Asking {} a few short questions (some hundred tokens; --passive leaves them out).",
                        model.reference
                    ));
                }
                let asked = ask_model(&placed, key, &self.backend, &self.knowledge).await;
                self.knowledge.learn_asked(model, asked).await;
                placed = self.knowledge.dress(placed).await;
            }
            let repairs = Some(&placed.repairs).filter(|repairs| !repairs.is_empty());
            all.push(AskedModel {
                model: model.reference.to_string(),
                result: self.knowledge.asked(model).await,
                not_asked,
                repairs: repairs.map(ToString::to_string),
            });
        }
        all
    }

    fn why_not(&self, model: &Model, probe: &Probe) -> Option<String> {
        let served = probe.served(&model.reference.model);
        let state = served.and_then(|served| served.state.as_ref());
        let reason = if self.passive {
            "--passive"
        } else if !model.is_local() && !self.is_named {
            "a hosted model is asked where you name it"
        } else if served.is_none() {
            "its server does not list it"
        } else if !self.load && state.is_some_and(|state| state.value != ModelState::Loaded) {
            "it is not loaded; --load has it loaded and asked"
        } else {
            return None;
        };
        Some(reason.to_owned())
    }
}

/// What was found out, a line each.
pub(super) fn words(asked: &Asked) -> Vec<String> {
    if let Some(failure) = &asked.failure {
        return vec![format!("it gave no answer: {failure}")];
    }
    let mut lines = Vec::new();
    if let Some(tools) = &asked.tools {
        let how = match tools.value {
            ToolCalling::Native => "calls tools",
            ToolCalling::AsText => "writes calls of tools as text, which is understood",
            ToolCalling::Refused => "its server refuses tools",
            ToolCalling::Ignored => "did not call a tool when asked to",
        };
        let several = match asked.parallel_calls.as_ref().map(|fact| fact.value) {
            Some(true) => ", several at once",
            Some(false) => ", one at a time",
            None => "",
        };
        lines.push(format!("{how}{several}"));
    }
    if let Some(schemas) = &asked.schemas {
        let refused = schemas.value.iter().filter(|(_, taken)| !**taken);
        let refused: Vec<&str> = refused.map(|(name, _)| name.as_str()).collect();
        lines.push(match refused.is_empty() {
            true => "takes tool schemas as they are".to_owned(),
            false => format!("refuses tool schemas with {}", refused.join(", ")),
        });
    }
    match asked.reasoning.as_ref().map(|fact| fact.value.as_str()) {
        Some("tags") => lines.push("reasons in tags within the text".to_owned()),
        Some(field) => lines.push(format!("reasons in the field {field}")),
        None => {}
    }
    let not = |taken: bool| if taken { "" } else { " not" };
    if let Some(usage) = &asked.usage {
        lines.push(format!(
            "does{} count the tokens of a stream",
            not(usage.value)
        ));
    }
    if let Some(list) = &asked.list_content {
        lines.push(format!(
            "does{} take text as a list of parts",
            not(list.value)
        ));
    }
    if let Some(rules) = &asked.system_messages {
        let SystemRules {
            system,
            developer,
            several,
        } = rules.value;
        lines.push(format!(
            "does{} take the role system,{} developer,{} several of them",
            not(system),
            not(developer),
            not(several)
        ));
    }
    lines
}
