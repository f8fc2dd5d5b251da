//! What a model is configured with, held against what its server has loaded.

use moltbot_config::Config;
use moltbot_llm::{Fact, Model, ModelState, Probe, ServedModel, ServerKind};
use serde::Serialize;

use super::super::nearest::{is_listed, nearest};
use super::target::context_window_path;

/// How the two fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Verdict {
    /// As configured.
    Matches,
    /// Less is configured than there is: some is left unused.
    Smaller,
    /// More is configured than there is: long conversations will be refused, or cut without a word.
    TooLarge,
    /// The model is not loaded, so nobody knows yet.
    NotLoaded,
    /// The server does not tell.
    Unknown,
    /// The server does not list the model.
    Missing,
}

/// A configured model and its server's word.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Comparison {
    /// provider/model.
    pub(super) model: String,
    /// The id that the server has it under.
    pub(super) served_as: Option<String>,
    /// Tokens that turns count on.
    pub(super) context_window: u64,
    /// Whether the owner wrote that figure; else it is the catalog's, or a default.
    pub(super) context_window_configured: bool,
    pub(super) loaded_context: Option<Fact<u64>>,
    pub(super) verdict: Verdict,
    /// The verdict for people.
    pub(super) detail: String,
    /// What to do, the first being the quickest.
    pub(super) remedies: Vec<String>,
}

/// Compares one model.
pub(super) fn compare(config: &Config, probe: &Probe, model: &Model) -> Comparison {
    let path = context_window_path(config, &model.reference);
    let mut comparison = Comparison {
        model: model.reference.to_string(),
        served_as: None,
        context_window: model.context_window,
        context_window_configured: path.as_ref().is_some_and(|(_, written)| *written),
        loaded_context: None,
        verdict: Verdict::Missing,
        detail: String::new(),
        remedies: Vec::new(),
    };
    let Some(served) = served(probe, &model.reference.model) else {
        comparison.missing(probe, model);
        return comparison;
    };
    comparison.served_as = Some(served.id.clone());
    comparison.loaded_context = served.loaded_context.clone();
    comparison.judge(probe.server.value, served);
    let better = match comparison.verdict {
        Verdict::TooLarge => limit(served),
        Verdict::Smaller => comparison.loaded_context.as_ref().map(|fact| fact.value),
        _ => None,
    };
    if let Some(tokens) = better {
        let setting = match path {
            Some((path, _)) => format!("moltbot config set {path} {tokens}"),
            None => format!(
                "list it under models.providers.{}.models with contextWindow: {tokens}",
                model.reference.provider
            ),
        };
        comparison.remedies.insert(0, setting);
    }
    comparison
}

/// The model behind an id, or behind one that means the same.
fn served<'p>(probe: &'p Probe, id: &str) -> Option<&'p ServedModel> {
    let near = || {
        let mut models = probe.models.iter();
        models.find(|model| model.names().any(|name| is_listed(id, &[name])))
    };
    probe.served(id).or_else(near)
}

/// The most tokens that a model can be given now.
fn limit(served: &ServedModel) -> Option<u64> {
    let loaded = served.loaded_context.as_ref();
    loaded
        .or(served.max_context.as_ref())
        .map(|fact| fact.value)
}

impl Comparison {
    fn missing(&mut self, probe: &Probe, model: &Model) {
        let (id, provider) = (&model.reference.model, &model.reference.provider);
        let ids: Vec<&str> = probe.models.iter().flat_map(ServedModel::names).collect();
        let near = nearest(id, &ids);
        self.detail = match (near.is_empty(), ids.is_empty()) {
            (_, true) => "the server lists no model".to_owned(),
            (true, false) => format!("the server does not list {id}"),
            (false, false) => format!(
                "the server does not list {id}; near it are {}",
                near.join(", ")
            ),
        };
        if let Some(near) = near.first() {
            self.remedies
                .push(format!("moltbot models set {provider}/{near}"));
        }
    }

    fn judge(&mut self, kind: ServerKind, served: &ServedModel) {
        let window = self.context_window;
        let ours = match self.context_window_configured {
            true => format!("contextWindow is configured as {window}"),
            false => format!("contextWindow is not configured and taken as {window}"),
        };
        let max = served.max_context.as_ref().map(|fact| fact.value);
        let not_loaded = served
            .state
            .as_ref()
            .is_some_and(|state| state.value != ModelState::Loaded);
        let loaded = served.loaded_context.as_ref().map(|fact| fact.value);
        (self.verdict, self.detail) = match (loaded, max) {
            (Some(loaded), _) if loaded == window => {
                (Verdict::Matches, format!("{ours}, as the server has it"))
            }
            (Some(loaded), _) if loaded < window => (
                Verdict::TooLarge,
                format!("{ours}, but the server has loaded {loaded}"),
            ),
            (Some(loaded), _) => (
                Verdict::Smaller,
                format!("{ours}, and the server has loaded {loaded}"),
            ),
            (None, Some(max)) if max < window => (
                Verdict::TooLarge,
                format!("{ours}, but the model takes at most {max}"),
            ),
            (None, _) if not_loaded => (
                Verdict::NotLoaded,
                format!("{ours}; the model is not loaded, so how much it will get is not known"),
            ),
            (None, _) if kind == ServerKind::LiteLlm => (
                Verdict::Unknown,
                format!("{ours}; a proxy does not tell what the server behind it has loaded"),
            ),
            (None, _) => (
                Verdict::Unknown,
                format!("{ours}; the server does not tell what it has loaded"),
            ),
        };
        // More than the model takes cannot be loaded.
        let wanted = max.map_or(window, |max| window.min(max));
        let is_worth_it = match self.verdict {
            Verdict::TooLarge => loaded.is_some_and(|loaded| wanted > loaded),
            Verdict::NotLoaded => true,
            _ => false,
        };
        if is_worth_it && let Some(how) = loading(kind, served, wanted) {
            self.remedies.push(match self.verdict {
                Verdict::TooLarge => format!("or load it with more: {how}"),
                _ => format!("load it with as much: {how}"),
            });
        }
    }
}

/// What loads a model with this context, in its server's own words.
fn loading(kind: ServerKind, served: &ServedModel, tokens: u64) -> Option<String> {
    let id = &served.id;
    let is_loaded = served
        .state
        .as_ref()
        .is_some_and(|state| state.value == ModelState::Loaded);
    Some(match kind {
        ServerKind::LmStudio => {
            let load = format!("lms load {id} --context-length {tokens}");
            let instance = served.aliases.first().unwrap_or(id);
            match is_loaded {
                true => format!("lms unload {instance} && {load}"),
                false => load,
            }
        }
        ServerKind::Ollama => format!("OLLAMA_CONTEXT_LENGTH={tokens} ollama serve"),
        ServerKind::Vllm => format!("start vLLM with --max-model-len {tokens}"),
        ServerKind::Sglang => format!("start SGLang with --context-length {tokens}"),
        ServerKind::LlamaCpp => match served.slots.as_ref().map(|slots| slots.value) {
            Some(slots) if slots > 1 => format!(
                "start llama-server with -c {tokens} -np 1, or with -c {} for its {slots} slots",
                tokens.saturating_mul(slots)
            ),
            _ => format!("start llama-server with -c {tokens}"),
        },
        ServerKind::Generic => "the setting is the server's own".to_owned(),
        ServerKind::LiteLlm | ServerKind::OpenRouter => return None,
    })
}
