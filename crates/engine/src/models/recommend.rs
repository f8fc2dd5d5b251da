//! Which curated model suits this machine.

use super::curated::{CURATED, CuratedModel, PLANNED_CONTEXT};
use super::memory::MachineMemory;
use super::size::{DiskSize, MemorySize};

/// The least that stays with the rest of the system, in bytes.
const LEAST_RESERVE: u64 = 2 << 30;

/// How many other models are named beside the recommended one.
const ALTERNATIVES: usize = 3;

/// Which model to take, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recommendation {
    /// The model; `None` when not even the smallest fits.
    pub model: Option<&'static CuratedModel>,
    /// Why, in plain words.
    pub reason: String,
    /// The next smaller models that fit too, the largest first.
    pub alternatives: Vec<&'static CuratedModel>,
}

/// The largest curated model that fits the machine's memory when a quarter of it, and at
/// least 2 GiB, stays with the rest of the system. What is free at the moment does not change
/// the choice, only the words.
#[must_use]
pub fn recommend(memory: &MachineMemory) -> Recommendation {
    let reserve = LEAST_RESERVE.max(memory.total / 4);
    let usable = memory.total.saturating_sub(reserve);
    let mut fitting: Vec<_> = CURATED
        .iter()
        .filter(|model| model.memory_need() <= usable)
        .collect();
    fitting.sort_by_key(|model| std::cmp::Reverse(model.parameters));
    let mut fitting = fitting.into_iter();
    let model = fitting.next();
    Recommendation {
        model,
        reason: match model {
            Some(model) => why(model, memory, reserve),
            None => why_none(memory, reserve),
        },
        alternatives: fitting.take(ALTERNATIVES).collect(),
    }
}

fn why(model: &CuratedModel, memory: &MachineMemory, reserve: u64) -> String {
    let need = model.memory_need();
    let mut reason = format!(
        "This machine has {} of memory. With {} kept for the rest of the system, {} is the \
         largest model on the list that fits: it takes about {} with a context of {} tokens, \
         and {} to download.",
        MemorySize(memory.total),
        MemorySize(reserve),
        model.name,
        MemorySize(need),
        PLANNED_CONTEXT.min(model.context),
        DiskSize(model.bytes),
    );
    if model.active_parameters.is_some() {
        reason.push_str(
            " Only a part of it works on each word, so it answers faster than its size suggests.",
        );
    }
    if !model.tools {
        reason.push_str(" It is so small that it can only talk, not use tools.");
    }
    if memory.available < need {
        reason.push_str(&format!(
            " Right now only {} is free: close other programs before you use it.",
            MemorySize(memory.available)
        ));
    }
    match memory.gpu {
        Some(gpu) if need <= gpu => reason.push_str(" It fits the graphics card as a whole."),
        Some(gpu) => reason.push_str(&format!(
            " The graphics card's {} do not hold all of it, so part of the work stays with the \
             processor.",
            MemorySize(gpu)
        )),
        None => {}
    }
    reason
}

fn why_none(memory: &MachineMemory, reserve: u64) -> String {
    let least = CURATED.iter().map(CuratedModel::memory_need).min();
    format!(
        "This machine has {} of memory. With {} kept for the rest of the system, not even the \
         smallest model on the list fits, which takes about {}: use a model server on another \
         machine instead.",
        MemorySize(memory.total),
        MemorySize(reserve),
        MemorySize(least.unwrap_or_default()),
    )
}
