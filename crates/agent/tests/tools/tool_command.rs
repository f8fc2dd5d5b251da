//! Commands of skills that a tool carries out.

use moltbot_agent::{Next, SkillCommand, Taken, ToolCommand, ToolPolicies, transcript};
use moltbot_config::Config;
use moltbot_llm::{Content, Message};

use super::*;

/// Deploys, and keeps what it was told.
struct Deploy(Arc<Mutex<Vec<Value>>>);

#[async_trait]
impl Tool for Deploy {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "deploy".to_owned(),
            description: "A test.".to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {"command": {"type": "string"}},
                "required": ["command"],
            }),
        }
    }

    fn plan(&self, arguments: &Arguments, _: &Scene<'_>) -> Plan {
        Plan::new(Effect::RunsCode, arguments["command"].as_str().unwrap())
    }

    async fn call(&self, arguments: Arguments, _: &Scene<'_>) -> Result<ToolOutput, ToolError> {
        self.0.lock().unwrap().push(Value::Object(arguments));
        Ok(ToolOutput::text("deployed to staging", Provenance::Outside))
    }
}

type Done = Arc<Mutex<Vec<Value>>>;

async fn setup(gate: Gate) -> (Setup, Done) {
    let done = Done::default();
    let tools = box_with(Deploy(Arc::clone(&done)));
    let path = "/v1/chat/completions";
    let script = Script::new().on(When::post(path), openai_chat(&[Part::Text("It is.")]));
    let mut setup = Setup::new(script, "openai-completions", tools, gate, Limits::default()).await;
    setup.agent = setup.agent.with_skill_commands(vec![SkillCommand {
        name: "ship_it".into(),
        skill: "ship it".into(),
        description: String::new(),
        tool: Some("deploy".into()),
    }]);
    (setup, done)
}

impl Setup {
    /// What is to be done about a command.
    async fn command(&self, text: &str) -> ToolCommand {
        let mut conversation = self.conversation();
        match self.agent.take(text, &mut conversation).await.unwrap() {
            Taken {
                said,
                next: Next::CallTool(command),
            } if said.is_empty() => command,
            taken => panic!("{taken:?}"),
        }
    }
}

#[tokio::test]
async fn a_tool_carries_a_command_out_and_the_next_turn_knows_of_it() {
    let says = Arc::new(Says(true, Mutex::default()));
    let (setup, done) = setup(Gate::asking(Arc::clone(&says) as Arc<dyn Approver>)).await;
    let mut names = Vec::new();
    for text in ["/ship_it to staging ", "/skill ship it to staging"] {
        let command = setup.command(text).await;
        let mut sink = |step| {
            if let Progress::ToolStarted { name, .. } = step {
                names.push(name);
            }
        };
        let report = setup
            .agent
            .call_tool(&setup.session, &command, pending(), &mut sink)
            .await
            .unwrap();
        assert_eq!(report.text, "deployed to staging");
        assert!(!report.is_error);
    }
    let told = json!({"command": "to staging", "commandName": "ship_it", "skillName": "ship it"});
    assert_eq!(*done.lock().unwrap(), [told.clone(), told]);
    assert_eq!(names, ["deploy", "deploy"]);
    let asked = says.1.lock().unwrap()[0].plan.clone();
    assert_eq!(asked, Plan::new(Effect::RunsCode, "to staging"));
    assert!(setup.server.requests().is_empty(), "no model is asked");
    assert_eq!(setup.agent.unanswered(&setup.session).await.unwrap(), None);

    setup.say("Is it out?").await.unwrap();
    let first = setup.sent();
    let text = Value::from(first.clone()).to_string();
    for part in [
        "/ship_it to staging",
        "[moltbot] This command called the tool deploy directly",
        "deployed to staging",
        "Is it out?",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    setup.say("And now?").await.unwrap();
    assert_eq!(setup.sent()[..first.len()], first);

    let kept = transcript(setup.agent.store(), &setup.session.session_id)
        .await
        .unwrap();
    let Message::User(note) = &kept[1] else {
        panic!("{kept:?}");
    };
    let sources: Vec<Provenance> = note.content.iter().map(Content::from).collect();
    assert_eq!(sources, [Provenance::Program, Provenance::Outside]);
}

#[tokio::test]
async fn a_command_asks_like_any_call_and_follows_the_owners_rules() {
    let (mut setup, done) = setup(Gate::closed()).await;
    let command = setup.command("/ship_it").await;
    let call = async |setup: &Setup| {
        let (agent, session) = (&setup.agent, &setup.session);
        agent
            .call_tool(session, &command, pending(), &mut |_| {})
            .await
            .unwrap()
    };
    let refused = call(&setup).await;
    assert!(refused.is_error);
    assert!(
        refused.text.contains("nobody can be asked here"),
        "{}",
        refused.text
    );
    let rules: Config = serde_json::from_value(json!({"tools": {"deny": ["deploy"]}})).unwrap();
    setup.agent = setup.agent.with_tool_policies(ToolPolicies::new(&rules));
    let denied = call(&setup).await;
    assert_eq!(
        denied.text,
        "/ship_it of the skill ship it calls the tool deploy, which is not allowed here: tools.deny has \"deploy\"."
    );
    setup.agent = setup.agent.with_tools(Toolbox::new(), Gate::closed());
    let gone = call(&setup).await;
    assert!(
        gone.text.ends_with("which this agent does not have."),
        "{}",
        gone.text
    );
    assert!(done.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_tool_that_takes_something_else_says_so() {
    let setup = Setup::chat(Script::new(), box_with(Weather(Arc::default()))).await;
    let command = ToolCommand {
        tool: "weather".into(),
        name: "sky".into(),
        skill: "sky".into(),
        input: "Paris".into(),
        asked_by: Peer::default(),
    };
    let (agent, session) = (&setup.agent, &setup.session);
    let report = agent
        .call_tool(session, &command, pending(), &mut |_| {})
        .await
        .unwrap();
    assert!(report.is_error);
    assert!(
        report.text.contains("Missing required parameter: city."),
        "{}",
        report.text
    );
}

#[tokio::test]
async fn a_stopped_command_is_still_open() {
    let (setup, done) = setup(Gate::closed()).await;
    let command = setup.command("/ship_it now").await;
    let (agent, session) = (&setup.agent, &setup.session);
    let stopped = agent
        .call_tool(session, &command, async {}, &mut |_| {})
        .await;
    assert!(matches!(stopped, Err(TurnError::Stopped)));
    assert!(done.lock().unwrap().is_empty());
    let open = agent.unanswered(session).await.unwrap().unwrap();
    assert_eq!(open.text, "/ship_it now");
}
