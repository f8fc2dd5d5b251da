use moltbot_config::schema::ElevatedLevel;
use moltbot_llm::ThinkingLevel;
use proptest::prelude::*;

use super::*;

/// The names of a made-up owner.
struct Known;

impl Names for Known {
    fn is_model(&self, name: &str) -> bool {
        matches!(name, "opus" | "box/m" | "gpt:fast")
    }

    fn is_alias(&self, word: &str) -> bool {
        matches!(word, "opus" | "gpt:fast")
    }

    fn is_skill(&self, word: &str) -> bool {
        word == "github"
    }
}

fn read(text: &str) -> Parsed {
    parse(text, &Known)
}

fn commands(text: &str) -> Vec<Command> {
    let parsed = read(text);
    assert_eq!(parsed.rest, "", "{text:?}");
    assert_eq!(parsed.directives, Directives::default(), "{text:?}");
    parsed.commands
}

#[test]
fn a_command_alone_is_carried_out() {
    let text = str::to_owned;
    for (said, command) in [
        ("/help", Command::Help),
        (" /Commands ", Command::Commands),
        ("/status:", Command::Status),
        ("/id", Command::WhoAmI),
        ("/new", Command::New(text(""))),
        (
            "/RESET opus hello  there",
            Command::New(text("opus hello  there")),
        ),
        ("/new\nhello", Command::New(text("hello"))),
        ("/stop", Command::Stop),
        ("Stop", Command::Stop),
        ("interrupt", Command::Stop),
        (
            "/compact: keep the dates",
            Command::Compact(text("keep the dates")),
        ),
        ("/model", Command::Model(text(""))),
        ("/model: x/y", Command::Model(text("x/y"))),
        ("/model:x/y", Command::Model(text("x/y"))),
        ("/model nonsense", Command::Model(text("nonsense"))),
        ("/opus", Command::Model(text("opus"))),
        ("/gpt:fast", Command::Model(text("gpt:fast"))),
        ("/models box 2", Command::Models(text("box 2"))),
        ("/t high", Command::Think(text("high"))),
        ("/think:ultrathink", Command::Think(text("ultrathink"))),
        ("/thinking nonsense", Command::Think(text("nonsense"))),
        ("/think about this", Command::Think(text("about"))),
        ("/v full", Command::Verbose(text("full"))),
        ("/reason stream", Command::Reasoning(text("stream"))),
        ("/usage cost", Command::Usage(text("cost"))),
        ("/place local", Command::Places(text("local"))),
        ("/retry", Command::Retry),
        ("/elev on", Command::Elevated(text("on"))),
        ("/elevated", Command::Elevated(text(""))),
        ("/elevated nonsense", Command::Elevated(text("nonsense"))),
        ("/nonsense x", Command::Unknown(text("nonsense"))),
    ] {
        assert_eq!(commands(said), [command], "{said:?}");
    }
    let skill = |text: &str| Command::Skill(text.into());
    assert_eq!(
        commands("/github: open issues"),
        [skill("github open issues")]
    );
    assert_eq!(commands("/skill github  x y"), [skill("github  x y")]);
    assert_eq!(commands("/skill"), [skill("")]);
    assert_eq!(
        commands("/think high /verbose on"),
        [Command::Think("high".into()), Command::Verbose("on".into())]
    );
}

#[test]
fn text_is_left_as_it_is() {
    for text in [
        "/",
        "//",
        "/etc/hosts is what?",
        "hello /new",
        "hello /stop",
        "see /think",
        "/usr/bin/t high",
        "and/or /t maybe",
        "the option /model in the manual",
        "please stop",
        "`/think high`",
        "Try:\n```\n/status\n```\nPlease.",
        "http://x/status",
        "a  b\n\n  c",
        "high noon",
    ] {
        let parsed = read(text);
        let left = Parsed {
            rest: text.to_owned(),
            ..Parsed::default()
        };
        assert_eq!(parsed, left, "{text:?}");
    }
    assert_eq!(read("  "), Parsed::default());
}

#[test]
fn a_directive_in_a_text_holds_for_that_message() {
    let parsed = read("/think high /model:box/m why is\nthe sky blue? /reasoning on");
    assert_eq!(parsed.rest, "why is\nthe sky blue?");
    assert_eq!(parsed.commands, []);
    assert_eq!(
        parsed.directives,
        Directives {
            model: Some("box/m".into()),
            thinking: Some(ThinkingLevel::High),
            verbose: None,
            reasoning: Some(ReasoningLevel::On),
            elevated: None,
        }
    );
    let parsed = read("hello /opus world /t low /t max");
    assert_eq!(parsed.rest, "hello world");
    assert_eq!(parsed.directives.model.as_deref(), Some("opus"));
    assert_eq!(
        parsed.directives.thinking,
        Some(ThinkingLevel::High),
        "the last one counts"
    );
    for (said, level) in [
        ("/elevated full list ~", ElevatedLevel::Full),
        ("list ~ /elev: ask", ElevatedLevel::Ask),
        ("/elev off list ~", ElevatedLevel::Off),
        ("list /elev on ~ /elevated off", ElevatedLevel::Off),
    ] {
        let parsed = read(said);
        assert_eq!(parsed.rest, "list ~", "{said}");
        assert_eq!(parsed.directives.elevated, Some(level), "{said}");
    }
    let parsed = read("see /elevated in the manual");
    assert_eq!(parsed.directives, Directives::default());
    let parsed = read("/v full\nlist the files");
    assert_eq!(parsed.rest, "list the files");
    assert_eq!(parsed.directives.verbose, Some(VerboseLevel::Full));
}

#[test]
fn a_shortcut_in_a_text_is_answered_and_the_text_goes_on() {
    let parsed = read("hello /status and /whoami world");
    assert_eq!(parsed.commands, [Command::Status, Command::WhoAmI]);
    assert_eq!(parsed.rest, "hello and world");
    let parsed = read("/help me");
    assert_eq!(
        (parsed.commands, parsed.rest.as_str()),
        (vec![Command::Help], "me")
    );
}

proptest! {
    #[test]
    fn nothing_panics_and_text_without_a_slash_is_left(text in "[/`\\n :a-z]{0,40}|/(think|model|v|status|new)[: ]{0,2}[a-z/]{0,6}( .{0,20})?") {
        let parsed = read(&text);
        let trimmed = text.trim();
        if !text.contains('/') && parsed.commands.is_empty() {
            prop_assert_eq!(parsed.rest, trimmed);
        }
    }
}
