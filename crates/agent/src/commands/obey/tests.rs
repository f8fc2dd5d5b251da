#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use moltbot_config::Config;
use moltbot_llm::{Backends, Catalog, Credentials, Knowledge, Places, over_http};
use moltbot_store::Store;
use moltbot_testkit::{Part, Script, ScriptedServer, Usage, When, error, openai_chat};
use serde_json::json;

mod context;
mod elevated;

use super::*;
use crate::skills::SkillCommand;
use crate::{AgentSettings, Limits, SessionKey, TurnRequest};

struct Setup {
    agent: Agent,
    conversation: Conversation,
    _dir: tempfile::TempDir,
}

impl Setup {
    /// An agent whose models are on a server there.
    async fn at(base_url: &str) -> Self {
        let config: Config = serde_json::from_value(json!({
            "agents": {"defaults": {
                "model": {"primary": "box/main"},
                "models": {"box/main": {}, "box/other-8b": {"alias": "Other"}, "box/qwen-coder": {}, "box/qwen-writer": {}},
            }},
            "models": {"providers": {"box": {"baseUrl": base_url, "apiKey": "k", "models": [
                {"id": "main", "name": "M", "reasoning": true, "contextWindow": 1000},
                {"id": "other-8b", "name": "O"}, {"id": "qwen-coder", "name": "C"},
                {"id": "qwen-writer", "name": "W"}]}}},
        }))
        .unwrap();
        let credentials = Arc::new(Credentials::new(&config, &BTreeMap::new(), None));
        let knowledge = Arc::new(Knowledge::default());
        let http = over_http(Arc::clone(&credentials), Arc::clone(&knowledge));
        let dir = tempfile::tempdir().unwrap();
        let settings = AgentSettings {
            agent_id: "main".into(),
            thinking: None,
            timeout: Duration::from_secs(600),
            limits: Limits::default(),
            workspace: dir.path().to_owned(),
            places: Places::default(),
            has_anthropic_key: false,
        };
        let store = Store::open(dir.path().join("moltbot.db")).unwrap();
        let agent = Agent::new(
            Catalog::new(&config, &[]),
            Backends::new(http, None, knowledge),
            store,
            settings,
        )
        .with_credentials(credentials)
        .with_skill_commands(vec![SkillCommand {
            name: "git_hub".into(),
            skill: "Git Hub".into(),
            description: String::new(),
            tool: None,
        }]);
        let session = agent.session(&SessionKey::main("main")).await.unwrap();
        Self {
            agent,
            conversation: Conversation {
                session,
                model: None,
                thinking: None,
                reasoning: None,
                verbose: VerboseLevel::Off,
                peer: Peer::default(),
            },
            _dir: dir,
        }
    }

    async fn new() -> Self {
        Self::at("http://127.0.0.1:9/v1").await
    }

    async fn take(&mut self, text: &str) -> Taken {
        self.agent.take(text, &mut self.conversation).await.unwrap()
    }

    /// The one thing that is said, with nothing to be done.
    async fn says(&mut self, text: &str) -> String {
        let mut taken = self.take(text).await;
        assert_eq!(taken.next, Next::Nothing, "{text}");
        assert_eq!(taken.said.len(), 1, "{text}: {:?}", taken.said);
        taken.said.remove(0)
    }

    /// What is said, and what the model is asked then.
    async fn asks(&mut self, text: &str) -> (Vec<String>, String, Directives) {
        let taken = self.take(text).await;
        match taken.next {
            Next::Ask {
                message,
                directives,
            } => (taken.said, message, directives),
            next => panic!("{text}: {next:?}"),
        }
    }
}

#[tokio::test]
async fn levels_are_kept_for_the_session_until_it_is_reset() {
    let mut setup = Setup::new().await;
    for (text, said) in [
        (
            "/think",
            "Current thinking level: low.\nOptions: off, minimal, low, medium, high, xhigh.",
        ),
        ("/think:ultrathink", "Thinking level set to high."),
        (
            "/think",
            "Current thinking level: high.\nOptions: off, minimal, low, medium, high, xhigh.",
        ),
        ("/think off", "Thinking disabled."),
        (
            "/t maybe",
            "Unrecognized thinking level \"maybe\". Valid levels: off, minimal, low, medium, high, xhigh.",
        ),
        ("/verbose on", "⚙️ Verbose logging enabled."),
        ("/v full", "⚙️ Verbose logging set to full."),
        (
            "/verbose",
            "Current verbose level: full.\nOptions: on, full, off.",
        ),
        (
            "/verbose loud",
            "Unrecognized verbose level \"loud\". Valid levels: on, full, off.",
        ),
        ("/reasoning on", "⚙️ Reasoning visibility enabled."),
        (
            "/reasoning",
            "Current reasoning level: on.\nOptions: on, off, stream.",
        ),
        (
            "/reason stream",
            "⚙️ Reasoning stream enabled (Telegram only).",
        ),
        ("/reasoning hidden", "⚙️ Reasoning visibility disabled."),
        ("/usage", "⚙️ Usage footer: tokens."),
        ("/usage", "⚙️ Usage footer: full."),
        ("/usage", "⚙️ Usage footer: off."),
        ("/usage full", "⚙️ Usage footer: full."),
        (
            "/usage lots",
            "Unrecognized usage level \"lots\". Valid levels: off, tokens, full.",
        ),
        ("/retry", "There is no unanswered message."),
        (
            "/queue",
            "/queue does not work in this version yet; /help lists what does.",
        ),
        (
            "/nonsense",
            "There is no command /nonsense; /help lists them.",
        ),
    ] {
        assert_eq!(setup.says(text).await, said, "{text}");
    }
    let taken = setup.take("/think high /verbose on").await;
    assert_eq!(
        taken.said,
        ["Thinking level set to high.", "⚙️ Verbose logging enabled."]
    );
    assert_eq!(
        setup.says("/new").await,
        "✅ New session started · model: box/main"
    );
    let session = &setup.conversation.session;
    assert_eq!(session.settings, serde_json::Map::new());
    assert_eq!(setup.agent.verbose(session), None);
    assert_eq!(setup.agent.reasoning(session), ReasoningLevel::Off);
    assert_eq!(setup.agent.usage_footer(session), UsageFooter::Off);
}

#[tokio::test]
async fn what_the_surface_was_started_with_gives_way_to_what_is_chosen() {
    let mut setup = Setup::new().await;
    setup.conversation.model = Some("box/qwen-coder".into());
    setup.conversation.thinking = Some(ThinkingLevel::High);
    setup.conversation.reasoning = Some(ReasoningLevel::On);
    assert!(
        setup
            .says("/model")
            .await
            .starts_with("Current: box/qwen-coder\n\nSwitch: ")
    );
    assert!(
        setup
            .says("/reasoning")
            .await
            .starts_with("Current reasoning level: on.")
    );
    setup.says("/model other").await;
    setup.says("/think minimal").await;
    setup.says("/reasoning off").await;
    assert_eq!(setup.conversation.model, None);
    assert_eq!(setup.conversation.thinking, None);
    assert_eq!(setup.conversation.reasoning, None);
}

#[tokio::test]
async fn a_model_is_chosen_by_any_of_its_names() {
    let mut setup = Setup::new().await;
    for (text, said) in [
        ("/model other", "Model set to Other (box/other-8b)."),
        ("/model main", "Model set to box/main."),
        ("/Other", "Model set to Other (box/other-8b)."),
        ("/model BOX/qwen-coder", "Model set to box/qwen-coder."),
        ("/model writer", "Model set to box/qwen-writer."),
        ("/model default", "Model reset to default (box/main)."),
        (
            "/model qwen",
            "\"qwen\" may mean box/qwen-coder or box/qwen-writer. Write one of them in full.",
        ),
        (
            "/model 3",
            "Numeric model selection is not supported in chat.",
        ),
        ("/model other@nobody", "Auth profile \"nobody\" not found."),
        (
            "/model box/unlisted",
            "model not allowed: box/unlisted — add it to agents.defaults.models, or see moltbot models list.",
        ),
    ] {
        assert_eq!(setup.says(text).await, said, "{text}");
    }
    let list = "box/main\nOther (box/other-8b)\nbox/qwen-coder\nbox/qwen-writer";
    assert_eq!(setup.says("/models").await, list);
    assert_eq!(setup.says("/model list").await, list);
    assert_eq!(
        setup.says("/models box 2 size=3").await,
        "Models (box) — showing 4-4 of 4 (page 2/2)\nbox/qwen-writer"
    );
    assert_eq!(
        setup.says("/models nobody").await,
        "There are no models of \"nobody\" here. Providers: box."
    );
    let status = setup.says("/model status").await;
    assert!(status.starts_with("Current: box/main\nDefault: box/main\nAgent: main\n\n[box] endpoint: http://127.0.0.1:9/v1 api: openai-completions auth: config\n• box/main"), "{status}");
}

#[tokio::test]
async fn a_new_session_takes_a_model_and_a_message() {
    let mut setup = Setup::new().await;
    let old = setup.conversation.session.session_id.clone();
    for (text, started, message) in [
        ("/new hello there", "box/main", "hello there"),
        (
            "/reset other hello",
            "box/other-8b (default: box/main)",
            "hello",
        ),
        (
            "/new box/qwen-coder hello",
            "box/qwen-coder (default: box/main)",
            "hello",
        ),
        (
            "/new box coder hello",
            "box/qwen-coder (default: box/main)",
            "hello",
        ),
        (
            "/new writer hello",
            "box/qwen-writer (default: box/main)",
            "hello",
        ),
        ("/new write hello", "box/main", "write hello"),
    ] {
        let (said, asked, directives) = setup.asks(text).await;
        assert_eq!(
            said,
            [format!("✅ New session started · model: {started}")],
            "{text}"
        );
        assert_eq!(asked, message, "{text}");
        assert_eq!(directives, Directives::default());
    }
    assert_ne!(setup.conversation.session.session_id, old);
    let (said, message, directives) = setup.asks("/new /think high why?").await;
    assert_eq!((said.len(), message.as_str()), (1, "why?"));
    assert_eq!(directives.thinking, Some(ThinkingLevel::High));
}

#[tokio::test]
async fn a_directive_beside_a_message_changes_nothing_that_is_kept() {
    let mut setup = Setup::new().await;
    let (said, message, directives) = setup.asks("/model other /think high why?").await;
    assert!(said.is_empty());
    assert_eq!(message, "why?");
    assert_eq!(directives.model.as_deref(), Some("other"));
    assert_eq!(directives.thinking, Some(ThinkingLevel::High));
    assert!(setup.conversation.session.settings.is_empty());
    let (said, message, _) = setup.asks("hello /status").await;
    assert!(said[0].starts_with("🦞 Moltbot "));
    assert_eq!(message, "hello");
}

#[tokio::test]
async fn what_a_surface_must_do_is_a_value() {
    let mut setup = Setup::new().await;
    assert_eq!(setup.take("abort").await.next, Next::Stop);
    assert_eq!(setup.take("/compact").await.next, Next::Compact(None));
    let compact = setup.take("/compact keep the dates").await;
    assert_eq!(compact.next, Next::Compact(Some("keep the dates".into())));
    assert_eq!(compact.said, Vec::<String>::new());
    assert_eq!(stopped(0), "⚙️ Agent was aborted.");
    assert_eq!(stopped(2), "⚙️ Agent was aborted. Stopped 2 sub-agents.");
    let (_, message, _) = setup.asks("/git-hub open issues").await;
    assert_eq!(
        message,
        "Use the \"Git Hub\" skill for this request.\n\nUser input:\nopen issues"
    );
    let (_, message, _) = setup.asks("/skill git hub").await;
    assert_eq!(message, "Use the \"Git Hub\" skill for this request.");
    assert_eq!(
        setup.says("/skill x").await,
        "There is no skill \"x\". There are: Git Hub."
    );
}

#[tokio::test]
async fn cards_hold_what_is_known() {
    let mut setup = Setup::new().await;
    setup.conversation.peer = Peer {
        channel: "telegram".into(),
        user_id: Some("42".into()),
        allow_from: vec!["42".into(), "@me".into()],
        ..Peer::default()
    };
    assert_eq!(
        setup.says("/whoami").await,
        "🧭 Identity\nChannel: telegram\nUser id: 42\nAllowFrom: 42, @me"
    );
    assert!(setup.says("/help").await.contains("\n/skill <name> [text]"));
    assert!(
        setup
            .says("/commands")
            .await
            .starts_with("Session\n  /new [model] [message] (/reset) - ")
    );
    let places = setup.says("/places local").await;
    assert_eq!(places, "This session may go: local.\nModels: box/main");
    assert!(setup.says("/places anywhere").await.contains("anywhere"));
}

#[tokio::test]
async fn status_and_usage_tell_of_the_turns_so_far_and_retry_sends_again() {
    let script = Script::new()
        .on(
            When::post("/v1/chat/completions").once(),
            openai_chat(&[Part::Text("Hello.")]).usage(Usage {
                input_tokens: 90,
                cached_tokens: 0,
                output_tokens: 10,
                reasoning_tokens: 0,
            }),
        )
        .on(When::post("/v1/chat/completions"), error(400, "no"));
    let server = ScriptedServer::start(script).await;
    let mut setup = Setup::at(&server.base_url()).await;
    let session = setup.conversation.session.clone();
    let request = TurnRequest::new(&session, "hi");
    let report = setup
        .agent
        .turn(request, pending(), &mut |_| {})
        .await
        .unwrap();
    assert_eq!(setup.agent.usage_line(&session, &report), None);
    setup.says("/usage tokens").await;
    let line = setup.agent.usage_line(&setup.conversation.session, &report);
    assert_eq!(line.as_deref(), Some("Usage: 90 in / 10 out"));
    setup.says("/usage full").await;
    let line = setup.agent.usage_line(&setup.conversation.session, &report);
    assert_eq!(
        line.as_deref(),
        Some("Usage: 90 in / 10 out · session agent:main:main")
    );
    setup.says("/verbose on").await;
    let card = setup.says("/status").await;
    for part in [
        "🧠 Model: box/main (openai-completions) · 🔑 config",
        "🧮 Tokens: 90 in / 10 out",
        "📚 Context: 100/1.0k (10%)",
        "🧵 Session: agent:main:main (",
        "⚙️ Runtime: direct · Think: low · verbose",
    ] {
        assert!(card.contains(part), "{part}: {card}");
    }
    let request = TurnRequest::new(&session, "again?");
    setup
        .agent
        .turn(request, pending(), &mut |_| {})
        .await
        .unwrap_err();
    let (said, message, _) = setup.asks("/retry").await;
    assert!(said.is_empty());
    assert_eq!(message, "again?");
}
