//! Many tools of other programs: the model searches for them.

use moltbot_agent::ToolPolicies;
use moltbot_config::Config;

use super::*;

/// A tool of another program. Those that create something run it, as far as the gate is concerned.
struct Foreign {
    name: String,
    called: Arc<Mutex<Vec<String>>>,
}

#[async_trait]
impl Tool for Foreign {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            description: "Does something with a city that takes a sentence to say, as they do."
                .to_owned(),
            ..spec(&self.name)
        }
    }

    fn source(&self) -> Option<&str> {
        self.name.split("__").next()
    }

    fn plan(&self, arguments: &Arguments, _: &Scene<'_>) -> Plan {
        let effect = match self.name.contains("create") {
            true => Effect::RunsCode,
            false => Effect::ReadsOutside,
        };
        Plan::new(effect, arguments["city"].as_str().unwrap_or_default())
    }

    async fn call(&self, arguments: Arguments, _: &Scene<'_>) -> Result<ToolOutput, ToolError> {
        self.called
            .lock()
            .unwrap()
            .push(format!("{} {}", self.name, arguments["city"]));
        Ok(ToolOutput::text("done", Provenance::Outside))
    }
}

/// What was called.
type Called = Arc<Mutex<Vec<String>>>;

/// The weather, and so many tools of a server called `hub`, one of which creates issues.
fn many(count: usize) -> (Toolbox, Called) {
    let called = Called::default();
    let mut tools = box_with(Weather(Arc::default()));
    let names = (1..count).map(|number| format!("hub__action_{number:02}"));
    for name in names.chain(["hub__create_issue".to_owned()]) {
        tools.add(Foreign {
            name,
            called: Arc::clone(&called),
        });
    }
    (tools, called)
}

/// A script of replies, in order.
fn replies(replies: &[&[Part<'_>]]) -> Script {
    let path = "/v1/chat/completions";
    replies.iter().fold(Script::new(), |script, reply| {
        script.on(When::post(path).once(), openai_chat(reply))
    })
}

/// The names of the tools in a request.
fn told(body: &Value) -> Vec<&str> {
    let tools = body["tools"].as_array().unwrap();
    tools
        .iter()
        .map(|tool| tool["function"]["name"].as_str().unwrap())
        .collect()
}

const FOLDED: [&str; 3] = ["tool_call", "tool_search", "weather"];

#[tokio::test]
async fn a_hidden_tool_is_found_and_called_like_any_other() {
    let script = replies(&[
        &[call("1", "tool_search", r#"{"query": "create an issue"}"#)],
        &[
            call(
                "2",
                "tool_call",
                r#"{"name": "hub__create_issue", "arguments": {"city": "Paris"}}"#,
            ),
            call("3", "hub__action_07", r#"{"city": "Rome"}"#),
            call(
                "4",
                "tool_call",
                r#"{"name": "hub__action_08", "arguments": {"town": "Rome"}}"#,
            ),
            call(
                "5",
                "tool_call",
                r#"{"name": "hub__nothing", "arguments": {}}"#,
            ),
        ],
        &[Part::Text("Done.")],
    ]);
    let (tools, called) = many(25);
    let says = Arc::new(Says(true, Mutex::default()));
    let gate = Gate::asking(Arc::clone(&says) as Arc<dyn Approver>);
    let setup = Setup::new(script, "openai-completions", tools, gate, Limits::default()).await;
    let mut progress = Vec::new();
    let mut sink = |step| match step {
        Progress::ToolStarted { name, .. } => progress.push(format!("{name} begins")),
        Progress::ToolEnded { name, error, .. } => progress.push(format!("{name} {error:?}")),
        _ => {}
    };
    let request = TurnRequest::new(&setup.session, "Open one");
    setup
        .agent
        .turn(request, pending(), &mut sink)
        .await
        .unwrap();

    let asked = says.1.lock().unwrap();
    // What a server says of its tools is text from outside: what it reads elsewhere is asked about, too.
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[1].tool, "hub__action_07");
    assert_eq!(asked[0].tool, "hub__create_issue");
    assert_eq!(asked[0].plan, Plan::new(Effect::RunsCode, "Paris"));
    let mut called = called.lock().unwrap().clone();
    called.sort();
    assert_eq!(
        called,
        ["hub__action_07 \"Rome\"", "hub__create_issue \"Paris\""]
    );
    progress.sort();
    assert_eq!(
        progress,
        [
            "hub__action_07 None",
            "hub__action_07 begins",
            "hub__create_issue None",
            "hub__create_issue begins",
            "tool_search None",
            "tool_search begins",
        ]
    );

    let requests = setup.server.requests();
    for request in &requests {
        assert_eq!(told(&request.json()), FOLDED);
        assert_eq!(request.json()["tools"], requests[0].json()["tools"]);
    }
    let search = requests[0].json()["tools"][1]["function"]["description"].to_string();
    assert!(search.contains("25 more tools: hub (25)"), "{search}");
    let sent = setup.sent();
    let results: Vec<&str> = sent
        .iter()
        .filter(|message| message["role"] == "tool")
        .map(|message| message["content"].as_str().unwrap())
        .collect();
    assert!(
        results[0].contains("hub__create_issue: Does something"),
        "{}",
        results[0]
    );
    assert!(
        results[0].contains(r#"parameters: {"#) && results[0].contains("city"),
        "{}",
        results[0]
    );
    assert_eq!(results[1..3], ["done", "done"]);
    assert!(
        results[3].contains("Missing required parameter: city."),
        "{}",
        results[3]
    );
    assert!(
        results[3].contains("The schema of hub__action_08: {"),
        "{}",
        results[3]
    );
    assert!(
        results[4].contains("no tool hub__nothing"),
        "{}",
        results[4]
    );
    assert!(
        results[4].contains("tool_search, weather, and 25 more that tool_search finds"),
        "{}",
        results[4]
    );
}

#[tokio::test]
async fn a_refused_hidden_call_is_not_done_and_a_repeated_one_is_told() {
    let again = call(
        "1",
        "tool_call",
        r#"{"name": "hub__create_issue", "arguments": {"city": "Paris"}}"#,
    );
    let script = replies(&[&[again], &[again], &[again], &[Part::Text("No.")]]);
    let (tools, called) = many(25);
    let setup = Setup::chat(script, tools).await;
    setup.say("Open one").await.unwrap();
    assert!(called.lock().unwrap().is_empty());
    let sent = setup.sent();
    let last = sent.last().unwrap()["content"].to_string();
    assert!(
        last.contains("hub__create_issue would run (Paris)"),
        "{last}"
    );
    assert!(last.contains("this very call before"), "{last}");
}

#[tokio::test]
async fn what_is_denied_is_neither_found_nor_called() {
    let script = replies(&[
        &[
            call("1", "tool_search", r#"{"query": "create issue"}"#),
            call(
                "2",
                "tool_call",
                r#"{"name": "hub__create_issue", "arguments": {"city": "Paris"}}"#,
            ),
        ],
        &[Part::Text("No.")],
    ]);
    let (tools, called) = many(25);
    let mut setup = Setup::chat(script, tools).await;
    let rules: Config = serde_json::from_value(json!({
        "tools": {"allow": ["weather", "hub__*"], "deny": ["hub__create*"]},
    }))
    .unwrap();
    setup.agent = setup.agent.with_tool_policies(ToolPolicies::new(&rules));
    setup.say("Open one").await.unwrap();
    assert!(called.lock().unwrap().is_empty());
    let sent = setup.sent();
    let found = sent[sent.len() - 2]["content"].to_string();
    assert!(
        found.contains("No tool matches") && found.contains("24 more tools"),
        "{found}"
    );
    assert!(!found.contains("create_issue"), "{found}");
    assert!(
        sent.last().unwrap()["content"]
            .to_string()
            .contains("no tool hub__create_issue")
    );
}

#[tokio::test]
async fn how_large_the_window_is_decides_when_the_conversation_begins() {
    for (count, small, large) in [(1, false, false), (18, true, false), (21, true, true)] {
        for (model, is_folded) in [("box/small", small), ("box/large", large)] {
            let path = "/v1/chat/completions";
            let answer = openai_chat(&[Part::Text("Yes.")]);
            let script = Script::new().on(When::post(path), answer);
            let (tools, _) = many(count);
            let setup = Setup::chat(script, tools).await;
            // What it began with stays, whichever model answers next.
            for model in [model, "box/small", "box/large"] {
                let request = TurnRequest {
                    model: Some(model),
                    ..TurnRequest::new(&setup.session, "Hi")
                };
                setup
                    .agent
                    .turn(request, pending(), &mut |_| {})
                    .await
                    .unwrap();
                let body = setup.server.requests().pop().unwrap().json();
                assert_eq!(told(&body) == FOLDED, is_folded, "{count} {model}");
            }
            let report = setup
                .agent
                .prompt_report(Some(&setup.session))
                .await
                .unwrap();
            let hidden = report.hidden_tools;
            assert_eq!(hidden.len(), if is_folded { count } else { 0 });
            assert!(
                hidden
                    .iter()
                    .all(|tool| tool.source == "hub" && tool.cost.tokens > 10)
            );
        }
    }
}
