//! Commands of a sandboxed conversation that run outside of it. That they would be confined otherwise is tested with the
//! whole program.

use moltbot_agent::{
    Effect, ElevatedLevel, Elevation, Plan, SandboxSettings, Sandboxed, Scene, Tool, ToolError,
};
use moltbot_config::{Environment, load_text};
use moltbot_store::{Session, Store};
use moltbot_tools::{ExecSettings, ExecTool};
use serde_json::{Value, json};

use crate::call::{Stage, text};
use crate::exec::Shell;

/// Two conversations of one sandbox, whose program to confine tells what it was given.
struct House {
    shell: Shell,
    sandbox: Sandboxed,
    store: Store,
}

impl House {
    async fn new() -> Self {
        let shell = Shell::new().await;
        let environment = Environment {
            home: shell.stage.dir.path().to_owned(),
            ..Environment::default()
        };
        let config = json!({"agents": {"defaults": {"sandbox": {"mode": "all"}}}}).to_string();
        let snapshot = load_text(&environment, &config).unwrap();
        let settings = SandboxSettings::from_snapshot(&snapshot, "main", "/bin/echo".into());
        Self {
            sandbox: settings.of("agent:main:one").unwrap(),
            store: Store::open(shell.stage.dir.path().join("moltbot.db")).unwrap(),
            shell,
        }
    }

    async fn session(&self, name: &str) -> Session {
        let key = format!("agent:main:{name}");
        self.store.session(&key, "main").await.unwrap()
    }

    /// What a call would do, and what came of it where it is allowed.
    async fn call(
        &self,
        tool: &dyn Tool,
        session: &Session,
        level: ElevatedLevel,
        arguments: Value,
    ) -> (Plan, Option<Result<String, ToolError>>) {
        let mut sandbox = self.sandbox.clone();
        sandbox.elevation = Elevation::at(level, &session.key);
        let mut scene = Scene {
            session,
            workspace: &sandbox.workspace,
            sandbox: Some(&sandbox),
            call_id: "call_1",
            label: moltbot_guard::Label::OWNER,
            decided: None,
        };
        let arguments = arguments.as_object().unwrap();
        let plan = tool.plan(arguments, &scene);
        if plan.forbidden.is_some() {
            return (plan, None);
        }
        scene.decided = Some(&plan);
        let output = tool.call(arguments.clone(), &scene).await;
        let output = output.map(|output| text(&output));
        (plan.clone(), Some(output))
    }

    /// The plan of a command and what it printed.
    async fn run(&self, level: ElevatedLevel, arguments: Value) -> (Plan, String) {
        let session = self.session("one").await;
        let (plan, output) = self
            .call(&self.shell.exec, &session, level, arguments)
            .await;
        (plan, output.unwrap().unwrap())
    }

    async fn follow(&self, name: &str, level: ElevatedLevel, arguments: Value) -> String {
        let session = self.session(name).await;
        let (plan, output) = self
            .call(&self.shell.process, &session, level, arguments)
            .await;
        match output {
            Some(output) => output.unwrap_or_else(|error| error.to_string()),
            None => plan.forbidden.unwrap(),
        }
    }
}

use ElevatedLevel::{Ask, Full, Off, On};

#[tokio::test]
async fn the_level_and_the_call_say_where_a_command_runs() {
    let house = House::new().await;
    let command = json!({"command": "pwd; echo $HOME"});
    let (plan, said) = house.run(Off, command.clone()).await;
    assert!(said.contains("sandboxed {"), "{said}");
    assert!(
        !plan.detail.contains("outside the sandbox"),
        "{}",
        plan.detail
    );
    for level in [On, Ask, Full] {
        let (plan, said) = house.run(level, command.clone()).await;
        // In the folder of the sandbox, as the owner's own program.
        let home = std::env::var("HOME").unwrap();
        let folder = house.sandbox.workspace.canonicalize().unwrap();
        assert_eq!(said, format!("{}\n{home}", folder.display()));
        assert!(
            plan.detail.ends_with(", outside the sandbox)"),
            "{}",
            plan.detail
        );
        assert_eq!(
            (plan.effect, plan.listed),
            (Effect::RunsCode, level == Full)
        );
        let inside = json!({"command": "pwd", "elevated": false});
        let (plan, said) = house.run(level, inside).await;
        assert!(said.contains("sandboxed {"), "{said}");
        assert!(!plan.listed);
    }
}

#[tokio::test]
async fn a_call_that_wants_out_is_refused_without_the_level() {
    let house = House::new().await;
    let session = house.session("one").await;
    for wanted in [json!(true), json!("true")] {
        let arguments = json!({"command": "pwd", "elevated": wanted});
        let (plan, output) = house
            .call(&house.shell.exec, &session, Off, arguments)
            .await;
        let refused = plan.forbidden.unwrap();
        assert!(
            refused.starts_with("elevated is not available right now (runtime=sandboxed)."),
            "{refused}"
        );
        assert_eq!(output, None);
    }
}

#[tokio::test]
async fn full_lifts_nothing_that_is_forbidden() {
    let house = House::new().await;
    let session = house.session("one").await;
    for (exec, is_forbidden) in [
        (json!({"security": "deny"}), true),
        (json!({"security": "allowlist", "ask": "off"}), true),
        (json!({"ask": "always"}), false),
        (json!({}), false),
    ] {
        let config = serde_json::from_value(json!({"tools": {"exec": exec}})).unwrap();
        let environment = Environment {
            home: house.shell.stage.dir.path().to_owned(),
            ..Environment::default()
        };
        let settings = ExecSettings::from_config(&config, "main", &environment);
        let table = std::sync::Arc::new(moltbot_tools::ProcessTable::new(environment.home));
        let tool = ExecTool::new(table, settings);
        let arguments = json!({"command": "true", "workdir": ".", "env": {"A": "b"}});
        let (plan, _) = house.call(&tool, &session, Full, arguments).await;
        assert_eq!(plan.forbidden.is_some(), is_forbidden, "{exec}");
        assert!(is_forbidden || plan.listed, "{exec}");
    }
}

#[tokio::test]
async fn what_runs_outside_is_followed_by_its_own_conversation_alone() {
    let house = House::new().await;
    let (_, said) = house
        .run(On, json!({"command": "cat", "background": true}))
        .await;
    let id = said.split("(session ").nth(1).unwrap();
    let id = id.split(',').next().unwrap();
    let list = json!({"action": "list"});
    assert!(house.follow("one", On, list.clone()).await.contains(id));
    assert!(house.follow("one", Off, list.clone()).await.contains(id));
    for level in [Off, On] {
        let other = house.follow("two", level, list.clone()).await;
        assert_eq!(other, "No running or recent sessions.");
        let log = json!({"action": "log", "sessionId": id});
        let other = house.follow("two", level, log).await;
        assert!(other.contains("No session found"), "{other}");
    }
    // Nor does a conversation of the same agent that is not sandboxed.
    let stage: &Stage = &house.shell.stage;
    let outside = stage.text(&house.shell.process, list).await;
    assert_eq!(outside, "No running or recent sessions.");
    let write = json!({"action": "write", "sessionId": id, "data": "x\n"});
    let refused = house.follow("one", Off, write.clone()).await;
    assert!(
        refused.starts_with("elevated is not available"),
        "{refused}"
    );
    let written = house.follow("one", On, write).await;
    assert!(written.starts_with("Wrote 2 bytes"), "{written}");
    let kill = json!({"action": "kill", "sessionId": id});
    assert!(house.follow("one", Off, kill).await.starts_with("Killed"));
}
