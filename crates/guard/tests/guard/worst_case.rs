//! Whatever an attacker writes into outside text, what it asks for is not done unasked.

use moltbot_guard::{
    Effect, Evidence, Item, Manner, Plan, Preset, Target, TargetKind, Verdict, Visibility, decide,
};
use moltbot_llm::Provenance;
use proptest::prelude::*;

proptest! {
    /// The text and the values are the attacker's; the owner asked for something harmless.
    #[test]
    fn outside_text_founds_nothing(
        before in ".{0,80}",
        value in "[a-z]{3,12}[0-9]{4,8}(@[a-z]{3,8}\\.org)?",
        content in ".{0,80}",
        source in prop::sample::select(vec![Provenance::Outside, Provenance::Stranger]),
        preset in prop::sample::select(vec![Preset::Standard, Preset::Strict]),
    ) {
        let mut evidence = Evidence::new();
        evidence.owner_said("Please read my mail and tell me what is new.");
        evidence.read(&format!("{before} {value} https://{value} {content}"), source, Visibility::Private);
        for plan in [
            Plan::new(Effect::Sends, "").on(TargetKind::Recipient, &value).saying(&content),
            Plan::new(Effect::Sends, "").on(TargetKind::Url, &value).saying(&content),
            Plan::new(Effect::ReadsOutside, "").on(TargetKind::Url, &value),
            Plan::new(Effect::ChangesAccount, "").by(Manner::Adds).on(TargetKind::Recipient, &value).saying(&content),
            Plan::new(Effect::ChangesAccount, "").by(Manner::Adds).on(TargetKind::Name, &value),
            Plan::new(Effect::ChangesAccount, "").on(TargetKind::Setting, &value),
            Plan::new(Effect::ChangesAccount, "").by(Manner::Removes).on(TargetKind::Handle("x".into()), &value),
            Plan::new(Effect::RunsCode, "").on(TargetKind::Command, &value),
            Plan::new(Effect::ChangesOutside, "").on(TargetKind::Path, &value),
            Plan::new(Effect::ChangesWorkspace, "").on(TargetKind::Memory, &value),
            Plan::new(Effect::ChangesItself, ""),
            Plan::new(Effect::Sends, ""),
            Plan::new(Effect::RunsCode, ""),
        ] {
            let decision = decide(&plan, &evidence, preset);
            prop_assert_ne!(decision.verdict, Verdict::Allow, "{:?} by {}", plan, decision.rule);
        }
    }

    /// Evidence is read from any text without a panic.
    #[test]
    fn any_text_is_read(owner in any::<String>(), outside in any::<String>(), value in any::<String>()) {
        let mut evidence = Evidence::new();
        evidence.owner_said(&owner);
        evidence.read(&outside, Provenance::Outside, Visibility::Public);
        evidence.found(Item {
            values: vec![Target::new(TargetKind::Recipient, &value), Target::new(TargetKind::Amount, &outside)],
            names: vec![owner.clone(), outside.clone()],
            person: true,
            ..Item::default()
        });
        let plan = Plan::new(Effect::Sends, "")
            .on(TargetKind::Recipient, &value)
            .on(TargetKind::Recipient, &owner)
            .on(TargetKind::Setting, &owner)
            .on(TargetKind::Handle("x".into()), &owner)
            .on(TargetKind::Url, &value)
            .on(TargetKind::Amount, &value)
            .saying(&value);
        decide(&plan, &evidence, Preset::Standard);
    }
}
