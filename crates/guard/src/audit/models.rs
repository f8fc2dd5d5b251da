//! The models in use: how well they withstand instructions in what they read, and where they stand.
//!
//! No decision of the guard rests on a model's judgement, so these are about what such a model does with what it is still
//! allowed.

use std::collections::BTreeSet;

use moltbot_config::schema::SandboxMode;
use moltbot_llm::{LOCAL, Model, Places, Source, billions_in_name, place};

use super::agents::{AgentFacts, sandbox_mode};
use super::facts::Facts;
use super::finding::{Finding, Severity};

/// The original's bound for models that need a sandbox, in billions of parameters.
const LARGE: f64 = 300.0;

/// Models with no more parameters do what they read more often than others, in billions.
const SMALL: f64 = 15.0;

/// A page of the web and the conversation do not fit into less, in tokens: what the owner said drops out first.
const SMALL_WINDOW: u64 = 16_000;

/// So many models of a kind are named.
const NAMED: usize = 12;

/// The models in use.
pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    let named = |is_it: fn(&str) -> bool| {
        let all = facts.agents.iter();
        let models = all.flat_map(|agent| agent.models.iter().chain(&agent.image_models));
        let names: BTreeSet<String> = models
            .filter(|model| is_it(&model.reference.model))
            .map(|model| model.reference.to_string())
            .collect();
        let names: Vec<String> = names.into_iter().take(NAMED).collect();
        (!names.is_empty()).then(|| names.join(", "))
    };
    if let Some(names) = named(is_legacy) {
        let finding = Finding::warn(
            "models.legacy",
            "Models of an old generation are in use",
            format!("{names}: they withstand instructions in what they read the least."),
        );
        found.push(finding.fix("choose a current model for agents with tools"));
    }
    if let Some(names) = named(is_weak) {
        let finding = Finding::warn(
            "models.weak_tier",
            "Models below the best of their makers are in use",
            format!("{names}: they withstand instructions in what they read less than the best."),
        );
        found.push(finding.fix("choose the best model that you can for agents with tools"));
    }
    found.extend(small_parameters(facts));
    found.extend(wide_tools(facts));
    found.extend(small_window(facts));
    found.extend(outside_places(facts));
    found
}

fn is_legacy(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [
        "gpt-3.5",
        "claude-2",
        "claude-instant",
        "gpt-4-0314",
        "gpt-4-0613",
    ]
    .iter()
    .any(|old| name.contains(old))
}

fn is_weak(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let below = |family: &str, wanted: f64| {
        let at = name.find(family);
        at.and_then(|at| version(&name[at + family.len()..]))
            .is_some_and(|version| version < wanted)
    };
    name.contains("haiku") || below("gpt-", 5.0) || below("claude-", 4.5)
}

/// The first version in the rest of a name: `opus-4-5` 4.5, `3.5-sonnet` 3.5, `4o` 4. A date is none.
fn version(rest: &str) -> Option<f64> {
    let words: Vec<&str> = rest.split(['-', '@', ':', '_']).collect();
    let number = |word: &&str| {
        let digits = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let is_short = digits.len() <= 4 && digits.starts_with(|c: char| c.is_ascii_digit());
        is_short
            .then(|| digits.parse::<f64>().ok())
            .flatten()
            .filter(|number| *number < 100.0)
    };
    let (at, major) = words
        .iter()
        .enumerate()
        .find_map(|(at, word)| Some((at, number(word)?)))?;
    let minor = words
        .get(at + 1)
        .filter(|word| word.len() == 1)
        .and_then(number);
    match minor {
        Some(minor) if major.fract() == 0.0 => Some(major + minor / 10.0),
        _ => Some(major),
    }
}

/// How few bits its weights have, where its name says so and they are few: `Q2_K`, `IQ3_XS`, `2.4bpw`, `3-bit`.
fn few_bits(name: &str) -> Option<&'static str> {
    let lower = name.to_ascii_lowercase();
    let words: Vec<&str> = lower
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '.'))
        .collect();
    let quantised = words.iter().enumerate().find_map(|(at, word)| {
        let bits = word
            .strip_prefix("iq")
            .or_else(|| word.strip_prefix("tq"))
            .or_else(|| word.strip_prefix('q'))
            .or_else(|| word.strip_suffix("bpw"))
            .or_else(|| word.strip_suffix("bit"))
            .filter(|bits| !bits.is_empty());
        let split = (words.get(at + 1) == Some(&"bit")).then_some(*word);
        bits.or(split)?.parse::<f64>().ok()
    });
    quantised
        .filter(|bits| *bits > 0.0 && *bits < 4.0)
        .map(|_| "few bits a weight")
}

/// `agent (model)` of those that something is true of.
fn named<'a>(
    uses: impl IntoIterator<Item = (&'a AgentFacts, &'a Model, String)>,
) -> Option<String> {
    let names: Vec<String> = uses
        .into_iter()
        .map(|(agent, model, says)| format!("{} of agent {} ({says})", model.reference, agent.id))
        .collect();
    (!names.is_empty()).then(|| names.join(", "))
}

fn uses(facts: &Facts) -> impl Iterator<Item = (&AgentFacts, &Model)> {
    let agents = facts.agents.iter();
    agents.flat_map(|agent| agent.models.iter().map(move |model| (agent, model)))
}

fn small_parameters(facts: &Facts) -> Option<Finding> {
    let mut is_contained = true;
    let small = uses(facts).filter_map(|(agent, model)| {
        let size = billions_in_name(&model.reference.model).filter(|size| *size <= LARGE)?;
        let is_sandboxed = sandbox_mode(&facts.config, &agent.id) == SandboxMode::All;
        let web = agent.web_tools();
        is_contained &= is_sandboxed && web.is_empty();
        let sandbox = match is_sandboxed {
            true => "sandbox: all",
            false => "no sandbox for all conversations",
        };
        let web = match web.is_empty() {
            true => "no web tools".to_owned(),
            false => web.join(", "),
        };
        Some((agent, model, format!("{size}B; {sandbox}; {web}")))
    });
    let names = named(small)?;
    let finding = Finding::critical(
        "models.small_params",
        "Small models need a sandbox and no web tools",
        format!("{names}. Models of this size are talked into things by what they read."),
    );
    Some(match is_contained {
        true => finding.at(Severity::Info),
        false => finding.fix("set agents.defaults.sandbox.mode to \"all\", and deny group:web and browser (tools.deny)"),
    })
}

fn wide_tools(facts: &Facts) -> Option<Finding> {
    let wide = uses(facts).filter(|(agent, _)| agent.has_wide_tools());
    let weak = wide.filter_map(|(agent, model)| {
        let name = &model.reference.model;
        let small = billions_in_name(name).filter(|size| *size <= SMALL);
        let small = small.map(|size| format!("{size}B"));
        let says: Vec<String> = small
            .into_iter()
            .chain(few_bits(name).map(str::to_owned))
            .collect();
        (!says.is_empty()).then(|| (agent, model, says.join(", ")))
    });
    let finding = Finding::warn(
        "models.weak_with_wide_tools",
        "A small or heavily quantised model has tools that can do a lot",
        format!(
            "{}. Such models obey what they read most often, and call tools wrongly.",
            named(weak)?
        ),
    );
    Some(finding.fix("give these agents a narrower tools.profile, tools.guard.preset strict, or a larger model with 4 bits or more"))
}

fn small_window(facts: &Facts) -> Option<Finding> {
    let browsing = uses(facts).filter(|(agent, _)| !agent.web_tools().is_empty());
    let small = browsing.filter(|(_, model)| {
        model.context_source != Source::Guess && model.context_window < SMALL_WINDOW
    });
    let small =
        small.map(|(agent, model)| (agent, model, format!("{} tokens", model.context_window)));
    let finding = Finding::warn(
        "models.small_context_web_tools",
        "A small context window goes with web tools",
        format!(
            "{}. Pages from outside push your own words out of it.",
            named(small)?
        ),
    );
    Some(finding.fix("load the model with 16k tokens of context or more, or deny group:web for it (tools.byProvider)"))
}

fn outside_places(facts: &Facts) -> Option<Finding> {
    let all = facts.agents.iter().flat_map(|agent| {
        let places = Places::only(facts.config.agents().places(&agent.id));
        let models = agent.models.iter().chain(&agent.image_models);
        models.filter_map(move |model| {
            let at = place(model).unwrap_or_else(|| "hosted, nobody said where".to_owned());
            let stays = if at == LOCAL { "on this network" } else { &at };
            (!places.admit(model)).then(|| (agent, model, format!("{stays}; bound to {places}")))
        })
    });
    let finding = Finding::warn(
        "models.rung_outside_places",
        "An agent bound to places has models elsewhere",
        format!(
            "{}. They are never asked, so the agent has fewer models to fall back on than it seems; without the bound, its conversations would go there.",
            named(all)?
        ),
    );
    Some(finding.fix("remove them from the agent's model and fallbacks"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_how_old_models_are() {
        for weak in [
            "claude-haiku-4-5",
            "gpt-4o",
            "gpt-4.1-mini",
            "openai/gpt-4-turbo",
            "claude-3-5-sonnet-20241022",
            "claude-3.7-sonnet",
            "claude-sonnet-4-20250514",
            "claude-opus-4-1",
        ] {
            assert!(is_weak(weak), "{weak}");
        }
        for strong in [
            "gpt-5.2",
            "gpt-5-mini",
            "claude-opus-4-5",
            "claude-opus-4.6",
            "claude-sonnet-4-5-20250929",
            "gpt-oss-120b",
            "qwen3-30b-a3b",
            "glm-4.7",
        ] {
            assert!(!is_weak(strong), "{strong}");
        }
    }

    #[test]
    fn names_say_how_heavily_models_are_quantised() {
        for heavy in [
            "Qwen3-30B-Q2_K",
            "x-IQ3_XS",
            "llama-70b-2.4bpw",
            "glm-3bit",
            "y:3-bit",
            "z-TQ1_0",
        ] {
            assert!(few_bits(heavy).is_some(), "{heavy}");
        }
        for light in [
            "Qwen3-30B-Q4_K_M",
            "x-IQ4_XS",
            "llama-70b-4.25bpw",
            "q",
            "qwen3",
            "orbit-2",
            "x-8bit",
        ] {
            assert!(few_bits(light).is_none(), "{light}");
        }
    }
}
