//! `/elevated`, by whom it is said, and what it comes to in a turn.

use moltbot_config::{Environment, load_text};

use super::*;
use crate::elevated::{ElevatedLevel, ElevatedOrder};
use crate::sandbox::SandboxSettings;

const REFUSED: &str = "elevated is not available right now (runtime=sandboxed).\n\
    Failing gates: allowFrom (tools.elevated.allowFrom.telegram)\n\
    See: moltbot sandbox explain --session agent:main:main";

/// A conversation under these settings.
async fn setup(mode: &str, defaults: serde_json::Value) -> Setup {
    let mut config = json!({
        "agents": {"defaults": {"sandbox": {"mode": mode}}},
        "tools": {"elevated": {"allowFrom": {"telegram": [42]}}},
    });
    config["agents"]["defaults"]["elevatedDefault"] = defaults;
    let snapshot = load_text(&Environment::default(), &config.to_string()).unwrap();
    let sandbox = SandboxSettings::from_snapshot(&snapshot, "main", "/bin/echo".into());
    let mut setup = Setup::new().await;
    setup.agent = setup.agent.clone().with_sandbox(sandbox);
    setup.conversation.peer = telegram("42");
    setup
}

fn telegram(id: &str) -> Peer {
    Peer {
        channel: "telegram".into(),
        user_id: Some(id.into()),
        ..Peer::default()
    }
}

impl Setup {
    /// Whether commands run outside while this one's message is answered.
    fn is_outside(&self, asked_by: Option<&Peer>, level: Option<ElevatedLevel>) -> bool {
        let order = ElevatedOrder { asked_by, level };
        let workplace = self.agent.workplace_for(&self.conversation.session, order);
        workplace
            .sandbox
            .is_some_and(|sandbox| sandbox.elevation.is_on())
    }
}

#[tokio::test]
async fn a_level_is_set_and_told() {
    let mut setup = setup("all", json!("off")).await;
    for (said, answer) in [
        (
            "/elev",
            "Current elevated level: off.\nOptions: on, off, ask, full.",
        ),
        (
            "/elevated on",
            "⚙️ Elevated mode set to ask (approvals may still apply).",
        ),
        (
            "/elevated",
            "Current elevated level: on.\nOptions: on, off, ask, full.",
        ),
        (
            "/elevated ask",
            "⚙️ Elevated mode set to ask (approvals may still apply).",
        ),
        (
            "/elevated full",
            "⚙️ Elevated mode set to full (auto-approve).",
        ),
        (
            "/elevated much",
            "Unrecognized elevated level \"much\". Valid levels: on, off, ask, full.",
        ),
        (
            "/elev: FULL",
            "⚙️ Elevated mode set to full (auto-approve).",
        ),
    ] {
        assert_eq!(setup.says(said).await, answer, "{said}");
    }
    assert!(setup.says("/status").await.contains(" · elevated full"));
    // A reset keeps it; others may only take it back.
    setup.take("/new").await;
    assert_eq!(
        setup.agent.elevated(&setup.conversation.session),
        ElevatedLevel::Full
    );
    setup.conversation.peer = telegram("7");
    assert_eq!(setup.says("/elevated ask").await, REFUSED);
    assert_eq!(
        setup.agent.elevated(&setup.conversation.session),
        ElevatedLevel::Full
    );
    assert_eq!(
        setup.says("/elevated off").await,
        "⚙️ Elevated mode disabled."
    );
    assert_eq!(
        setup.agent.elevated(&setup.conversation.session),
        ElevatedLevel::Off
    );
}

#[tokio::test]
async fn an_order_in_a_message_holds_for_it_or_is_refused() {
    let mut setup = setup("all", json!("off")).await;
    let (said, message, directives) = setup.asks("/elevated full look").await;
    assert_eq!((said, message.as_str()), (Vec::new(), "look"));
    assert_eq!(directives.elevated, Some(ElevatedLevel::Full));
    assert_eq!(
        setup.agent.elevated(&setup.conversation.session),
        ElevatedLevel::Off
    );
    setup.conversation.peer = telegram("7");
    let (said, message, directives) = setup.asks("/elevated full look").await;
    assert_eq!(
        (said.as_slice(), message.as_str()),
        ([REFUSED.to_owned()].as_slice(), "look")
    );
    assert_eq!(directives.elevated, None);
    let (said, _, directives) = setup.asks("/elevated off look").await;
    assert_eq!(
        (said, directives.elevated),
        (Vec::new(), Some(ElevatedLevel::Off))
    );
}

#[tokio::test]
async fn what_one_person_set_is_of_no_use_to_others() {
    let mut setup = setup("all", json!("off")).await;
    let (listed, other) = (telegram("42"), telegram("7"));
    let terminal = Peer::at_this_machine();
    assert!(!setup.is_outside(Some(&listed), None));
    assert!(setup.is_outside(Some(&listed), Some(ElevatedLevel::Ask)));
    setup.says("/elevated full").await;
    assert!(setup.is_outside(Some(&listed), None));
    assert!(setup.is_outside(Some(&terminal), None));
    assert!(!setup.is_outside(Some(&listed), Some(ElevatedLevel::Off)));
    for level in [None, Some(ElevatedLevel::Full)] {
        assert!(!setup.is_outside(Some(&other), level));
        assert!(!setup.is_outside(None, level), "nobody has said it");
    }
    // Not what a sub-agent does either, whatever stands in its session.
    let session = &setup.conversation.session;
    let key = "agent:main:subagent:1";
    let child = setup
        .agent
        .store
        .session(key, &session.agent_id)
        .await
        .unwrap();
    setup.conversation.session = setup
        .agent
        .set(&child, [("elevatedLevel", json!("full"))])
        .await
        .unwrap();
    assert!(!setup.is_outside(Some(&terminal), None));
    assert!(!setup.is_outside(Some(&terminal), Some(ElevatedLevel::Full)));
}

#[tokio::test]
async fn the_owners_default_holds_for_those_who_may() {
    let setup = setup("all", json!("on")).await;
    assert!(setup.is_outside(Some(&telegram("42")), None));
    assert!(!setup.is_outside(Some(&telegram("7")), None));
}

#[tokio::test]
async fn where_there_is_no_sandbox_there_is_nothing_to_leave() {
    let mut setup = setup("off", json!("off")).await;
    assert_eq!(
        setup.says("/elevated on").await,
        "⚙️ Elevated mode set to ask (approvals may still apply).\n⚙️ Runtime is direct; sandboxing does not apply."
    );
    assert!(!setup.is_outside(Some(&telegram("42")), None));
    setup.conversation.peer = Peer::default();
    let refused = setup.says("/elevated on").await;
    assert!(refused.contains("(runtime=direct)"), "{refused}");
}
