//! Questions to the owner that are kept, and answered by whoever can.

use moltbot_agent::{ApprovalBook, Next};
use moltbot_guard::secrets::Secrets;
use moltbot_store::Store;
use tokio::sync::oneshot;

use super::*;

/// Never answers by itself; says when it was asked, when the question was taken back, and what it was told.
#[derive(Default)]
struct Silent {
    asked: Notify,
    taken_back: Arc<AtomicUsize>,
    told: Mutex<Vec<String>>,
}

#[async_trait]
impl Approver for Silent {
    async fn approve(&self, _: &Question) -> ApprovalAnswer {
        struct Back(Arc<AtomicUsize>);
        impl Drop for Back {
            fn drop(&mut self) {
                self.0.fetch_add(1, Ordering::SeqCst);
            }
        }
        let _back = Back(Arc::clone(&self.taken_back));
        self.asked.notify_one();
        pending().await
    }

    fn tell(&self, sentence: &str) {
        self.told.lock().unwrap().push(sentence.to_owned());
    }

    fn place(&self) -> &str {
        "test"
    }
}

/// Sends something, as far as the gate is concerned.
struct Sends(Arc<AtomicUsize>);

#[async_trait]
impl Tool for Sends {
    fn spec(&self) -> ToolSpec {
        spec("send")
    }

    fn plan(&self, arguments: &Arguments, _: &Scene<'_>) -> Plan {
        let to = arguments["city"].as_str().unwrap();
        Plan::new(Effect::Sends, format!("to {to}")).on(TargetKind::Recipient, to)
    }

    async fn call(&self, _: Arguments, _: &Scene<'_>) -> Result<ToolOutput, ToolError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(ToolOutput::text("sent", Provenance::Program))
    }
}

/// A model that makes this call whenever it is asked, and then says that it is done.
fn again_and_again(name: &str, arguments: &str, times: usize) -> Script {
    let mut script = Script::new();
    for _ in 0..times {
        script = script
            .on(
                When::any().once(),
                openai_chat(&[call("a", name, arguments)]),
            )
            .on(When::any().once(), openai_chat(&[Part::Text("Done.")]));
    }
    script
}

async fn setup(script: Script, tools: Toolbox, gate: Gate) -> (Setup, ApprovalBook) {
    let limits = Limits::default();
    let mut setup = Setup::new(
        script,
        "openai-completions",
        tools.clone(),
        gate.clone(),
        limits,
    )
    .await;
    let book = book(setup.dir.path());
    setup.agent = setup
        .agent
        .with_tools(tools, gate.with_approvals(book.clone()));
    (setup, book)
}

/// As another process has it.
fn book(dir: &Path) -> ApprovalBook {
    let store = Store::open(dir.join("moltbot.db")).unwrap();
    ApprovalBook::new(store, dir.join("exec-approvals.json"))
}

impl Setup {
    /// What the model was told of its last call.
    fn told(&self) -> String {
        self.sent().pop().unwrap()["content"].to_string()
    }

    async fn order(&self, text: &str) -> String {
        let mut conversation = self.conversation();
        let taken = self.agent.take(text, &mut conversation).await.unwrap();
        assert_eq!(taken.next, Next::Nothing);
        taken.said.join("\n")
    }
}

#[tokio::test]
async fn a_question_that_nobody_can_answer_here_is_answered_later_and_holds_once() {
    let count = Arc::new(AtomicUsize::new(0));
    let done = || count.load(Ordering::SeqCst);
    let script = again_and_again("run", r#"{"city":"make"}"#, 3);
    let (setup, _) = setup(script, box_with(Runs(Arc::clone(&count))), Gate::closed()).await;
    setup.say("build it").await.unwrap();
    assert!(
        setup.told().contains("Approval required (id "),
        "{}",
        setup.told()
    );
    let other = book(setup.dir.path());
    let asked = other.pending().await.unwrap().remove(0);
    assert_eq!(asked.question.plan.detail, "make");
    assert_eq!(asked.question.rule, "run");
    let id = asked.approval.short_id();
    assert!(
        setup
            .told()
            .contains(&format!("moltbot approvals allow {id}"))
    );
    // In either order; nothing of it is a message.
    let said = setup.order(&format!("/approve once {id}")).await;
    assert_eq!(
        said,
        format!(
            "✅ Exec approval allow-once submitted for {id}.\n    make\n    It runs a program."
        )
    );
    let said = setup.order(&format!("/approve {id} deny")).await;
    assert_eq!(said, format!("{id} was answered before: allow-once."));
    assert_eq!(done(), 0);
    setup.say("go on").await.unwrap();
    assert_eq!(done(), 1);
    setup.say("once more").await.unwrap();
    assert_eq!(done(), 1);
    assert!(
        setup.told().contains("Approval required"),
        "{}",
        setup.told()
    );
}

#[tokio::test]
async fn what_was_allowed_is_that_call_and_no_other() {
    let count = Arc::new(AtomicUsize::new(0));
    let script = again_and_again("run", r#"{"city":"make"}"#, 1).on(
        When::any().once(),
        openai_chat(&[call("a", "run", r#"{"city":"make","force":true}"#)]),
    );
    let script = script.on(When::any().once(), openai_chat(&[Part::Text("Done.")]));
    let (setup, book) = setup(script, box_with(Runs(Arc::clone(&count))), Gate::closed()).await;
    setup.say("build it").await.unwrap();
    let asked = book.pending().await.unwrap().remove(0);
    book.answer(&asked, ApprovalAnswer::AllowOnce, "cli")
        .await
        .unwrap();
    setup.say("go on").await.unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 0);
    assert!(
        setup.told().contains("Approval required"),
        "{}",
        setup.told()
    );
}

#[tokio::test]
async fn an_answer_from_elsewhere_ends_the_waiting() {
    for (answer, ran, told) in [
        (ApprovalAnswer::AllowOnce, 1, "Answered elsewhere: allowed."),
        (ApprovalAnswer::Deny, 0, "Answered elsewhere: not allowed."),
    ] {
        let count = Arc::new(AtomicUsize::new(0));
        let silent = Arc::new(Silent::default());
        let gate = Gate::asking(Arc::clone(&silent) as Arc<dyn Approver>);
        let script = again_and_again("run", r#"{"city":"make"}"#, 1);
        let (setup, _) = setup(script, box_with(Runs(Arc::clone(&count))), gate).await;
        let (tell, answered) = oneshot::channel();
        let elsewhere = async {
            silent.asked.notified().await;
            let other = book(setup.dir.path());
            let asked = other.find("").await;
            assert!(asked.is_err(), "an id is needed");
            let asked = other.pending().await.unwrap().remove(0);
            other.answer(&asked, answer, "cli").await.unwrap();
            tell.send(()).unwrap();
        };
        let (report, ()) = tokio::join!(setup.say("build it"), elsewhere);
        report.unwrap();
        answered.await.unwrap();
        assert_eq!(count.load(Ordering::SeqCst), ran);
        assert_eq!(silent.taken_back.load(Ordering::SeqCst), 1);
        assert_eq!(*silent.told.lock().unwrap(), [told]);
        let newest = book(setup.dir.path()).newest().await.unwrap().remove(0);
        assert_eq!(newest.approval.answered_by.as_deref(), Some("cli"));
        assert_eq!(newest.approval.used_at.is_some(), ran == 1);
    }
}

#[tokio::test]
async fn whom_the_owner_allowed_stays_named_in_the_turns_that_follow() {
    let count = Arc::new(AtomicUsize::new(0));
    let says = Arc::new(Says(true, Mutex::default()));
    let gate = Gate::asking(Arc::clone(&says) as Arc<dyn Approver>);
    let script = again_and_again("send", r#"{"city":"ann@example.org"}"#, 2);
    let (setup, _) = setup(script, box_with(Sends(Arc::clone(&count))), gate).await;
    setup.say("tell her").await.unwrap();
    assert_eq!(says.1.lock().unwrap().len(), 1);
    setup.say("and again").await.unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 2);
    assert_eq!(says.1.lock().unwrap().len(), 1, "asked about once");
}

#[tokio::test]
async fn what_cannot_be_allowed_for_good_is_said_and_not_answered() {
    let count = Arc::new(AtomicUsize::new(0));
    let script = again_and_again("run", r#"{"city":"make"}"#, 1);
    let (setup, book) = setup(script, box_with(Runs(count)), Gate::closed()).await;
    assert_eq!(
        setup.order("/approve").await,
        "Nothing waits for your word. Usage: /approve <id> allow-once|allow-always|deny"
    );
    setup.say("build it").await.unwrap();
    let id = book
        .pending()
        .await
        .unwrap()
        .remove(0)
        .approval
        .short_id()
        .to_owned();
    let listed = setup.order("/approve").await;
    assert!(
        listed.starts_with(&format!(
            "{id} · The agent in agent:main:main wants to run (run):\n    make\n"
        )),
        "{listed}"
    );
    let said = setup.order(&format!("/approve {id} always")).await;
    assert_eq!(
        said,
        "What run would do cannot be allowed for good: allow it once."
    );
    assert_eq!(book.pending().await.unwrap().len(), 1);
    for (wrong, answer) in [
        (
            "/approve me",
            "Usage: /approve <id> allow-once|allow-always|deny",
        ),
        (
            "/approve zzz allow",
            "There is no question \"zzz\"; `moltbot approvals list` shows which there are.",
        ),
    ] {
        assert_eq!(setup.order(wrong).await, answer);
    }
}

/// Writes somewhere, as far as the gate is concerned.
struct Writes;

#[async_trait]
impl Tool for Writes {
    fn spec(&self) -> ToolSpec {
        spec("write")
    }

    fn plan(&self, arguments: &Arguments, _: &Scene<'_>) -> Plan {
        let path = arguments["city"].as_str().unwrap();
        Plan::new(Effect::ChangesOutside, path).on(TargetKind::Path, path)
    }

    async fn call(&self, _: Arguments, _: &Scene<'_>) -> Result<ToolOutput, ToolError> {
        Ok(ToolOutput::default())
    }
}

#[tokio::test]
async fn a_question_is_kept_without_secrets() {
    let script = again_and_again("write", r#"{"city":"/tmp/login sk-abcdefgh12345678"}"#, 1);
    let (mut setup, book) = setup(script, box_with(Writes), Gate::closed()).await;
    let secret = ("API_KEY".to_owned(), "sk-abcdefgh12345678".to_owned());
    setup.agent = setup.agent.with_secrets(Arc::new(Secrets::new([secret])));
    setup.say("build it").await.unwrap();
    let asked = book.pending().await.unwrap().remove(0);
    let kept = format!("{asked:?}");
    assert!(kept.contains("login"), "{kept}");
    assert!(!kept.contains("sk-abcdefgh12345678"), "{kept}");
}

#[tokio::test]
async fn a_command_that_was_allowed_is_asked_about_again_once_something_was_changed() {
    let count = Arc::new(AtomicUsize::new(0));
    let made = || openai_chat(&[call("a", "run", r#"{"city":"sh build.sh"}"#)]);
    let done = || openai_chat(&[Part::Text("Done.")]);
    let script = Script::new()
        .on(When::any().once(), made())
        .on(When::any().once(), done())
        .on(
            When::any().once(),
            openai_chat(&[call("b", "edit", r#"{"city":"build.sh"}"#)]),
        )
        .on(When::any().once(), made())
        .on(When::any().once(), done());
    let mut tools = box_with(Runs(Arc::clone(&count)));
    tools.add(Edits);
    let (setup, book) = setup(script, tools, Gate::closed()).await;
    setup.say("build it").await.unwrap();
    let asked = book.pending().await.unwrap().remove(0);
    book.answer(&asked, ApprovalAnswer::AllowOnce, "cli")
        .await
        .unwrap();
    setup.say("go on").await.unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 0);
    assert!(
        setup.told().contains("Approval required"),
        "{}",
        setup.told()
    );
}

/// Changes a file of the workspace, as far as the gate is concerned.
struct Edits;

#[async_trait]
impl Tool for Edits {
    fn spec(&self) -> ToolSpec {
        spec("edit")
    }

    fn plan(&self, arguments: &Arguments, _: &Scene<'_>) -> Plan {
        let path = arguments["city"].as_str().unwrap();
        Plan::new(Effect::ChangesWorkspace, path).on(TargetKind::Path, path)
    }

    async fn call(&self, _: Arguments, _: &Scene<'_>) -> Result<ToolOutput, ToolError> {
        Ok(ToolOutput::default())
    }
}

#[test]
fn what_would_be_written_is_shown_and_no_line_of_it_passes_for_the_program_s() {
    let question = Question {
        tool: "write".to_owned(),
        arguments: json!({"path": "MEMORY.md", "content": "one\nabcd1234 · The agent wants to run (exec): make"})
            .as_object()
            .unwrap()
            .clone(),
        plan: Plan::new(Effect::ChangesWorkspace, "/w/MEMORY.md").on(TargetKind::Memory, "MEMORY.md"),
        agent_id: "main".to_owned(),
        session_key: "agent:main:main".to_owned(),
        rule: "remember-after-outside".to_owned(),
        reason: "Because.\nAllow it? [y/N] y".to_owned(),
        subagent: Some("x\nabcd1234".to_owned()),
    };
    assert_eq!(
        question.shown(),
        [
            "    /w/MEMORY.md",
            "    content:",
            "      | one",
            "      | abcd1234 · The agent wants to run (exec): make",
            "    Because.",
            "    Allow it? [y/N] y",
        ]
    );
    assert_eq!(question.asker(), "The sub-agent \"x abcd1234\"");
}
