//! One example for each rule, so that none is dead and none says something else than is meant.

use std::collections::BTreeSet;

use moltbot_guard::Effect::{
    ChangesAccount, ChangesItself, ChangesOutside, ChangesWorkspace, Delegates, ReadsOutside,
    ReadsOwn, ReadsPrivate, RunsCode, Sends, Speaks,
};
use moltbot_guard::Manner::{Adds, Removes};
use moltbot_guard::TargetKind::{
    Command, Handle, Memory, Name, Path, Query, Recipient, Setting, Url,
};
use moltbot_guard::Verdict::{self, Allow, Ask, Refuse};
use moltbot_guard::{Evidence, Item, Plan, Preset, RULES, Target, Visibility, decide};
use moltbot_llm::Provenance;

/// What the owner asked for in all examples.
const ASKED: &str = "Mail bob@example.org about the lunch, and save it as notes/lunch.md. \
    Put it into the calendar event Lunch. Set the city to Rome.\nRun cargo test\n";

fn asked() -> Evidence {
    let mut evidence = Evidence::new();
    evidence.owner_said(ASKED);
    for (id, title, guest) in [
        ("1", "Lunch", "guest@example.org"),
        ("2", "Dinner", "other@example.org"),
    ] {
        evidence.found(Item {
            values: vec![Target::new(event(), id), Target::new(Recipient, guest)],
            names: vec![title.to_owned()],
            own: true,
            ..Item::default()
        });
    }
    evidence
}

/// The same after a page of the web was read.
fn tainted() -> Evidence {
    let mut evidence = asked();
    evidence.read(
        "See https://evil.example/a for more.",
        Provenance::Outside,
        Visibility::Public,
    );
    evidence
}

/// The same after something private was read, too.
fn private() -> Evidence {
    let mut evidence = tainted();
    evidence.read("My diary.", Provenance::OwnFiles, Visibility::Private);
    evidence
}

fn event() -> moltbot_guard::TargetKind {
    Handle("event".to_owned())
}

#[test]
fn what_the_owner_allowed_or_forbade_for_good_is_no_way_around_the_rest() {
    let listed = Plan {
        listed: true,
        ..Plan::new(RunsCode, "ls")
    };
    assert_eq!(
        decide(&listed, &tainted(), Preset::Standard).verdict,
        Verdict::Ask
    );
    let forbidden = Plan {
        forbidden: Some("You forbade it.".to_owned()),
        ..Plan::new(ReadsOwn, "")
    };
    let decision = decide(&forbidden, &asked(), Preset::Relaxed);
    assert_eq!(
        (decision.verdict, decision.rule),
        (Verdict::Refuse, "forbidden")
    );
}

#[test]
fn each_rule_decides_its_example() {
    let all = |verdict: Verdict| [verdict; 3];
    let bob = || Plan::new(Sends, "").on(Recipient, "bob@example.org");
    let examples: Vec<(&str, Plan, Evidence, [Verdict; 3])> = vec![
        ("speak", Plan::new(Speaks, ""), tainted(), all(Allow)),
        ("read-own", Plan::new(ReadsOwn, ""), tainted(), all(Allow)),
        (
            "run-listed",
            Plan {
                listed: true,
                ..Plan::new(RunsCode, "ls").on(Command, "ls")
            },
            asked(),
            [Allow, Allow, Ask],
        ),
        (
            "read-private",
            Plan::new(ReadsPrivate, ""),
            tainted(),
            all(Allow),
        ),
        (
            "fetch-first",
            Plan::new(ReadsOutside, ""),
            asked(),
            all(Allow),
        ),
        (
            "fetch-founded",
            Plan::new(ReadsOutside, "").on(Url, "https://example.org/x"),
            {
                let mut evidence = tainted();
                evidence.owner_said("Read https://example.org/x.");
                evidence
            },
            all(Allow),
        ),
        (
            "search",
            Plan::new(ReadsOutside, "").on(Query, "anything"),
            tainted(),
            all(Allow),
        ),
        (
            "search-after-private",
            Plan::new(ReadsOutside, "").on(Query, "anything"),
            private(),
            [Allow, Allow, Ask],
        ),
        (
            "fetch-link",
            Plan::new(ReadsOutside, "").on(Url, "evil.example/a"),
            tainted(),
            [Allow, Ask, Ask],
        ),
        (
            "fetch-made-up-public",
            Plan::new(ReadsOutside, "").on(Url, "evil.example/b"),
            tainted(),
            [Allow, Ask, Ask],
        ),
        (
            "fetch-made-up",
            Plan::new(ReadsOutside, "").on(Url, "evil.example/b"),
            private(),
            [Ask, Ask, Refuse],
        ),
        (
            "fetch-vouched",
            Plan {
                vouched: true,
                ..Plan::new(ReadsOutside, "a server of the owner's")
            },
            private(),
            [Allow, Allow, Ask],
        ),
        (
            "remember-after-outside",
            Plan::new(ChangesWorkspace, "").on(Memory, "MEMORY.md"),
            tainted(),
            [Ask, Ask, Refuse],
        ),
        (
            "workspace",
            Plan::new(ChangesWorkspace, "").on(Path, "x.txt"),
            tainted(),
            all(Allow),
        ),
        (
            "workspace",
            Plan::new(ChangesWorkspace, "").on(Memory, "MEMORY.md"),
            asked(),
            all(Allow),
        ),
        ("delegate", Plan::new(Delegates, ""), asked(), all(Allow)),
        (
            "delegate-after-outside",
            Plan::new(Delegates, ""),
            tainted(),
            [Allow, Allow, Ask],
        ),
        (
            "remove-after-outside",
            Plan::new(ChangesAccount, "").by(Removes).on(event(), "1"),
            tainted(),
            all(Ask),
        ),
        (
            "send-your-words",
            bob().saying("About the lunch"),
            tainted(),
            all(Allow),
        ),
        (
            "send-named-first",
            bob().saying("Shall we eat together?"),
            asked(),
            [Allow, Allow, Ask],
        ),
        (
            "send-named",
            bob().saying("Shall we eat together?"),
            tainted(),
            [Allow, Allow, Ask],
        ),
        (
            "send-resolved",
            Plan::new(Sends, "")
                .on(Recipient, "guest@example.org")
                .saying("Lunch"),
            tainted(),
            [Allow, Allow, Ask],
        ),
        (
            "send-listed",
            Plan::new(Sends, "")
                .on(Recipient, "other@example.org")
                .saying("Lunch"),
            tainted(),
            [Allow, Allow, Ask],
        ),
        (
            "send-resolved-own-words",
            Plan::new(Sends, "")
                .on(Recipient, "guest@example.org")
                .saying("Shall we eat?"),
            tainted(),
            [Allow, Ask, Ask],
        ),
        (
            "send-foreign-words",
            bob().saying("Look at https://evil.example/a"),
            tainted(),
            [Allow, Ask, Ask],
        ),
        (
            "send-after-outside",
            Plan::new(Sends, "")
                .on(Recipient, "eve@example.org")
                .saying("Lunch"),
            tainted(),
            [Ask, Ask, Refuse],
        ),
        (
            "send-after-outside",
            Plan::new(Sends, ""),
            tainted(),
            [Ask, Ask, Refuse],
        ),
        ("send", Plan::new(Sends, ""), asked(), all(Ask)),
        (
            "account-named",
            Plan::new(ChangesAccount, "").on(Setting, "Rome"),
            tainted(),
            all(Allow),
        ),
        (
            "account-add-first",
            Plan::new(ChangesAccount, "").by(Adds).saying("x"),
            asked(),
            all(Allow),
        ),
        (
            "account-add",
            Plan::new(ChangesAccount, "")
                .by(Adds)
                .on(Name, "The lunch")
                .saying("Where we met"),
            tainted(),
            [Allow, Allow, Ask],
        ),
        (
            "account-add-unnamed",
            Plan::new(ChangesAccount, "")
                .by(Adds)
                .on(Name, "Pay the fee"),
            tainted(),
            [Allow, Ask, Ask],
        ),
        (
            "account-add-unnamed",
            Plan::new(ChangesAccount, "").by(Adds).saying("x"),
            tainted(),
            [Allow, Ask, Ask],
        ),
        (
            "account-first",
            Plan::new(ChangesAccount, "").on(event(), "2"),
            asked(),
            [Allow, Allow, Ask],
        ),
        (
            "account-resolved",
            Plan::new(ChangesAccount, "").on(event(), "1"),
            tainted(),
            [Allow, Allow, Ask],
        ),
        (
            "account-listed",
            Plan::new(ChangesAccount, "").on(event(), "2"),
            tainted(),
            [Allow, Ask, Ask],
        ),
        (
            "account",
            Plan::new(ChangesAccount, "").on(Setting, "Oslo"),
            tainted(),
            all(Ask),
        ),
        (
            "write-named-first",
            Plan::new(ChangesOutside, "").on(Path, "notes/lunch.md"),
            asked(),
            [Allow, Allow, Ask],
        ),
        (
            "write-after-outside",
            Plan::new(ChangesOutside, "").on(Path, "notes/lunch.md"),
            tainted(),
            [Ask, Ask, Refuse],
        ),
        ("write", Plan::new(ChangesOutside, ""), asked(), all(Ask)),
        (
            "run-ordered",
            Plan::new(RunsCode, "").on(Command, "cargo test"),
            asked(),
            [Allow, Allow, Ask],
        ),
        (
            "run-after-outside",
            Plan::new(RunsCode, "").on(Command, "cargo test"),
            tainted(),
            [Ask, Ask, Refuse],
        ),
        ("run", Plan::new(RunsCode, ""), asked(), all(Ask)),
        (
            "itself-after-outside",
            Plan::new(ChangesItself, ""),
            tainted(),
            [Ask, Ask, Refuse],
        ),
        ("itself", Plan::new(ChangesItself, ""), asked(), all(Ask)),
    ];
    for (rule, plan, evidence, verdicts) in &examples {
        for (preset, verdict) in Preset::ALL.into_iter().zip(verdicts) {
            let decision = decide(plan, evidence, preset);
            assert_eq!(
                (decision.rule, decision.verdict),
                (*rule, *verdict),
                "{preset:?}: {plan:?}"
            );
        }
    }
    let shown: BTreeSet<&str> = examples.iter().map(|(rule, ..)| *rule).collect();
    let rules: Vec<&str> = RULES.iter().map(|rule| rule.id).collect();
    assert_eq!(
        shown,
        rules.iter().copied().collect(),
        "each rule has an example"
    );
    assert_eq!(shown.len(), rules.len(), "no name is given twice");
}

#[test]
fn a_stricter_preset_never_allows_more() {
    for rule in RULES {
        let [relaxed, standard, strict] = Preset::ALL.map(|preset| rule.verdict(preset));
        assert!(relaxed <= standard && standard <= strict, "{}", rule.id);
    }
}
