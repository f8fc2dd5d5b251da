//! What a server told of a model, applied to it. The owner's word counts for more, but for one thing: no server holds
//! more tokens than it has loaded room for, whatever is configured.

use crate::model::{Api, Model, Source};
use crate::probe::{Probe, ServedModel, ServerKind};

/// Applies it. Where the owner counts on more context than there is, the sentence about it comes back.
pub(super) fn apply(model: &mut Model, probe: &Probe) -> Option<String> {
    let kind = probe.server.value;
    model.server = Some(kind).filter(|kind| *kind != ServerKind::Generic);
    let served = probe.served(&model.reference.model)?;
    if let Some(slots) = &served.slots
        && model.slots.is_none()
    {
        model.slots = u32::try_from(slots.value).ok();
    }
    if let Some(vision) = &served.vision
        && model.vision_source < Source::Probed
    {
        (model.vision, model.vision_source) = (vision.value, Source::Probed);
    }
    model.parameters = served.parameters.as_ref().map(|told| told.value);
    if model.compat.supports_tools.is_none() && tools_are_lost(kind, served) {
        model.repairs.tools_as_text = true;
    }
    let notice = window(model, kind, served);
    model.max_tokens = model.max_tokens.min(model.context_window);
    notice
}

/// Whether tools that are sent would go unseen or be refused. LM Studio and SGLang mean by "no" that the model was not
/// trained for them, or that calls come as text; both give them to the model all the same.
fn tools_are_lost(kind: ServerKind, served: &ServedModel) -> bool {
    let no = served.tools.as_ref().is_some_and(|tools| !tools.value);
    no && !matches!(kind, ServerKind::LmStudio | ServerKind::Sglang)
}

fn window(model: &mut Model, kind: ServerKind, served: &ServedModel) -> Option<String> {
    let loaded = served.loaded_context.as_ref().map(|fact| fact.value);
    let max = served.max_context.as_ref().map(|fact| fact.value);
    // What the model itself takes bounds what can be loaded; proxies tell nothing nearer to the truth.
    let is_told = loaded.is_some()
        || matches!(
            kind,
            ServerKind::LiteLlm | ServerKind::OpenRouter | ServerKind::Generic
        );
    let limit = loaded.or(max)?;
    let before = model.context_window;
    let was_configured = model.context_source == Source::Config;
    // Ollama's own API loads a model anew with the window that a request asks for.
    if model.api == Api::Ollama && was_configured {
        model.context_window = before.min(max.unwrap_or(before));
        return None;
    }
    if limit >= before && (was_configured || !is_told) {
        return None;
    }
    (model.context_window, model.context_source) = (limit, Source::Probed);
    was_configured.then(|| {
        let has = match loaded {
            Some(_) => "its server has loaded",
            None => "the model takes at most",
        };
        format!(
            "{}: contextWindow is configured as {before}, but {has} {limit}, so {limit} is what a conversation gets; moltbot models probe {} says how to load more.",
            model.reference, model.reference.provider
        )
    })
}
