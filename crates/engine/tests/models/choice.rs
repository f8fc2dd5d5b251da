//! The curated table, and choosing from it.

use std::collections::BTreeSet;

use moltbot_engine::models::{CURATED, MachineMemory, PLANNED_CONTEXT, Source, curated, recommend};
use proptest::prelude::*;

const GIB: u64 = 1 << 30;

fn machine(total: u64) -> MachineMemory {
    MachineMemory {
        total,
        available: total,
        gpu: None,
    }
}

#[test]
fn the_table_is_sound() {
    let is_hex = |text: &str| {
        text.bytes()
            .all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'))
    };
    let ids: BTreeSet<_> = CURATED.iter().map(|it| it.id).collect();
    assert_eq!(ids.len(), CURATED.len());
    assert!(CURATED.is_sorted_by_key(|it| it.parameters));
    for model in CURATED {
        assert_eq!(model.id, model.id.to_lowercase());
        assert_eq!(curated(&model.id.to_uppercase()), Some(model));
        assert!(
            model.sha256.len() == 64 && is_hex(model.sha256),
            "{}",
            model.id
        );
        assert!(model.memory_need() > model.bytes + model.kv_bytes_per_token);
        assert!(model.memory_with_context(1) < model.memory_need());
        assert_eq!(
            model.memory_with_context(u32::MAX),
            model.memory_with_context(model.context)
        );
        assert!(
            model
                .active_parameters
                .is_none_or(|it| it < model.parameters)
        );
        // Between 4 and 9 bits for each parameter, as quantised models have.
        let bits = model.bytes * 8 / model.parameters;
        assert!((4..=9).contains(&bits), "{}: {bits}", model.id);
        assert!(!model.sources.is_empty());
        for source in model.sources {
            if let Source::Hub { revision, file, .. } = source {
                assert!(revision.len() == 40 && is_hex(revision), "{}", model.id);
                assert!(file.ends_with(".gguf"), "{file}");
            }
        }
    }
    assert!(CURATED.iter().any(|it| it.parameters < 200_000_000));
    assert!(CURATED.iter().any(|it| it.parameters > 100_000_000_000));
    assert_eq!(curated("gpt-4"), None);
}

#[test]
fn usual_machines_get_usual_models() {
    let id = |gib: u64| recommend(&machine(gib * GIB)).model.map(|it| it.id);
    assert_eq!(id(2), None);
    assert_eq!(id(4), Some("smollm2-135m"));
    assert_eq!(id(5), Some("qwen3-0.6b"));
    assert_eq!(id(8), Some("qwen3-4b"));
    assert_eq!(id(12), Some("qwen3-8b"));
    assert_eq!(id(16), Some("qwen3-14b"));
    assert_eq!(id(24), Some("gpt-oss-20b"));
    assert_eq!(id(32), Some("qwen3-30b-a3b"));
    assert_eq!(id(96), Some("gpt-oss-120b"));
}

#[test]
fn the_reason_is_in_plain_words() {
    let mut memory = machine(32 * GIB);
    let advice = recommend(&memory);
    assert!(
        advice.reason.contains("32.0 GiB of memory"),
        "{}",
        advice.reason
    );
    assert!(advice.reason.contains("8.0 GiB kept"), "{}", advice.reason);
    assert!(advice.reason.contains("Qwen3 30B-A3B"), "{}", advice.reason);
    assert!(advice.reason.contains(&PLANNED_CONTEXT.to_string()));
    assert!(!advice.reason.contains("free:"), "{}", advice.reason);
    assert!(!advice.reason.contains("graphics"), "{}", advice.reason);
    let ids: Vec<_> = advice.alternatives.iter().map(|it| it.id).collect();
    assert_eq!(ids, ["gpt-oss-20b", "qwen3-14b", "qwen3-8b"]);

    memory.available = 3 * GIB;
    memory.gpu = Some(8 * GIB);
    let busy = recommend(&memory);
    assert_eq!(busy.model, advice.model);
    assert!(
        busy.reason.contains("only 3.0 GiB is free"),
        "{}",
        busy.reason
    );
    assert!(busy.reason.contains("card's 8.0 GiB"), "{}", busy.reason);
    memory.gpu = Some(48 * GIB);
    assert!(recommend(&memory).reason.contains("as a whole"));

    let none = recommend(&machine(GIB));
    assert!(none.alternatives.is_empty());
    assert!(none.reason.contains("another machine"), "{}", none.reason);
}

#[test]
fn this_machine_has_memory() {
    let memory = MachineMemory::read().unwrap();
    assert!(memory.total > 0);
    assert!(memory.available <= memory.total);
}

proptest! {
    #[test]
    fn more_memory_never_gives_a_smaller_model(one: u64, other: u64) {
        let (less, more) = (one.min(other), one.max(other));
        // Half of the cases within what machines have.
        for scale in [1, GIB * 16] {
            let size = |total: u64| {
                recommend(&machine(total / scale)).model.map(|it| it.parameters)
            };
            prop_assert!(size(less) <= size(more));
        }
    }

    #[test]
    fn what_is_recommended_fits(total in 0..200 * GIB) {
        let advice = recommend(&machine(total));
        let reserve = (total / 4).max(2 * GIB);
        for model in advice.model.iter().chain(&advice.alternatives) {
            prop_assert!(model.memory_need() + reserve <= total);
        }
        let larger = CURATED
            .iter()
            .filter(|it| Some(it.parameters) > advice.model.map(|it| it.parameters));
        for model in larger {
            prop_assert!(model.memory_need() + reserve > total);
        }
    }
}
