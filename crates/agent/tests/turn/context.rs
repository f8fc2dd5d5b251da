//! Conversations that outgrow a model's context window, against a scripted server and a real store.

use std::future::pending;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use moltbot_agent::{
    Agent, Arguments, CompactReport, ContextSettings, Effect, Gate, Plan, Progress, Scene,
    SessionKey, Tool, ToolError, ToolOutput, Toolbox, TurnError, TurnRequest,
};
use moltbot_llm::{Provenance, ToolSpec};
use moltbot_store::Session;
use moltbot_testkit::{
    Answer, Part, Recorded, Reply, Responder, Script, ScriptedServer, Usage, When, error,
    openai_chat,
};
use serde_json::{Value, json};

use crate::fixture::Parts;

const CHAT: &str = "/v1/chat/completions";

/// Prints as many lines as it is asked for: what came from the web, say.
struct Lines;

#[async_trait]
impl Tool for Lines {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "lines".into(),
            description: "Gives lines.".into(),
            parameters: json!({"type": "object", "properties": {"count": {"type": "integer"}}, "required": ["count"]}),
        }
    }

    fn plan(&self, _: &Arguments, _: &Scene<'_>) -> Plan {
        Plan::new(Effect::ReadsOutside, "lines")
    }

    async fn call(&self, arguments: Arguments, _: &Scene<'_>) -> Result<ToolOutput, ToolError> {
        let count = arguments["count"].as_u64().unwrap();
        let lines: Vec<String> = (0..count)
            .map(|n| format!("line {n} of what is out there"))
            .collect();
        Ok(ToolOutput::text(lines.join("\n"), Provenance::Outside))
    }
}

fn agent(server: &ScriptedServer, window: u64, dir: &Path) -> Agent {
    let config = json!({
        "agents": {"defaults": {"model": {"primary": "box/m"}}},
        "models": {"providers": {"box": {"baseUrl": server.base_url(), "models": [
            {"id": "m", "name": "M", "contextWindow": window, "maxTokens": 500}]}}},
    });
    let mut tools = Toolbox::new();
    tools.add(Lines);
    Parts::new(config, dir)
        .agent()
        .with_tools(tools, Gate::closed())
        .with_context(keeping_results(dir))
}

/// Results that are too long are kept whole in this folder.
pub(crate) fn keeping_results(dir: &Path) -> ContextSettings {
    ContextSettings {
        results_dir: Some(dir.join("results")),
        ..ContextSettings::default()
    }
}

async fn session(agent: &Agent) -> Session {
    agent.session(&SessionKey::main("main")).await.unwrap()
}

/// Takes a turn; gives the answer and each shortening as tokens before and after.
async fn say(agent: &Agent, message: &str) -> Result<(String, Vec<(u64, u64)>), TurnError> {
    let session = session(agent).await;
    let mut shortened = Vec::new();
    let mut note = |event| {
        if let Progress::Compacted { before, after } = event {
            shortened.push((before, after));
        }
    };
    let report = agent
        .turn(TurnRequest::new(&session, message), pending(), &mut note)
        .await?;
    Ok((report.message.text(), shortened))
}

async fn compactions(agent: &Agent) -> Vec<Value> {
    let session = session(agent).await;
    let entries = agent.store().transcript(&session.session_id).await.unwrap();
    let all = entries.iter().filter(|entry| entry.kind == "compaction");
    all.map(|entry| serde_json::from_str(&entry.body).unwrap())
        .collect()
}

/// About how many tokens a request has.
fn tokens(request: &Recorded) -> u64 {
    let json = request.json();
    (json["messages"].to_string().len() + json["tools"].to_string().len()) as u64 / 4
}

fn counted(answer: Answer, request: &Recorded) -> Reply {
    let usage = Usage {
        input_tokens: tokens(request),
        cached_tokens: 0,
        output_tokens: 20,
        reasoning_tokens: 0,
    };
    answer.usage(usage).reply_to(request)
}

fn text_of(message: &Value) -> String {
    match &message["content"] {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let texts: Vec<&str> = parts
                .iter()
                .filter_map(|part| part["text"].as_str())
                .collect();
            texts.join("\n")
        }
        _ => String::new(),
    }
}

fn messages(request: &Recorded) -> Vec<Value> {
    request.json()["messages"].as_array().unwrap().clone()
}

/// Also where a model that said nothing is asked again.
fn wants_notes(body: &Value) -> bool {
    let messages = body["messages"].as_array().unwrap();
    messages
        .iter()
        .any(|message| text_of(message).contains("## Goal\n## Facts"))
}

/// Gives lines where the person asks for them, and says "Done." else.
fn obedient(request: &Recorded) -> Reply {
    let messages = messages(request);
    let last = messages.last().unwrap();
    let said = text_of(last);
    let wanted = said
        .rsplit("lines ")
        .next()
        .and_then(|count| count.trim().parse::<u64>().ok());
    let id = format!("call_{}", messages.len());
    match (last["role"].as_str(), wanted) {
        (Some("user"), Some(count)) => {
            let arguments = format!("{{\"count\": {count}}}");
            let call = Part::ToolCall {
                id: &id,
                name: "lines",
                arguments: &arguments,
            };
            counted(openai_chat(&[call]), request)
        }
        _ => counted(openai_chat(&[Part::Text("Done.")]), request),
    }
}

fn obedient_with_notes(notes: impl Into<Responder>) -> Script {
    Script::new()
        .on(When::post(CHAT).body(wants_notes), notes)
        .on_with(When::post(CHAT), obedient)
}

async fn start(script: Script, window: u64) -> (ScriptedServer, tempfile::TempDir, Agent) {
    let server = ScriptedServer::start(script).await;
    let dir = tempfile::tempdir().unwrap();
    let agent = agent(&server, window, dir.path());
    (server, dir, agent)
}

#[tokio::test]
async fn old_results_give_way_first_and_no_model_is_asked() {
    let (server, dir, mut agent) = start(obedient_with_notes(error(500, "no")), 8192).await;
    let mut seen = 0;
    for round in 0..10 {
        let (_, shortened) = say(&agent, &format!("round {round}: lines 100"))
            .await
            .unwrap();
        for (before, after) in shortened {
            assert!(after < before);
            seen += 1;
        }
        // Another process goes on with the conversation.
        agent = self::agent(&server, 8192, dir.path());
    }
    assert!(seen > 0);
    let requests = server.requests();
    assert_eq!(requests.len(), 20, "two for each message");
    assert!(requests.iter().all(|request| tokens(request) <= 6144));
    let last = messages(requests.last().unwrap());
    let cleared = last
        .iter()
        .filter(|m| text_of(m).starts_with("[Old tool result content cleared; call lines again"));
    assert!(cleared.count() > 0, "{last:?}");
    let all = compactions(&agent).await;
    assert!(
        all.iter()
            .all(|entry| entry["rung"] == "cleared" && entry["message"] == json!([])),
        "{all:?}"
    );
    // Each request begins with the one before, but where the conversation was shortened.
    let breaks = requests.windows(2).filter(|pair| {
        let (before, after) = (messages(&pair[0]), messages(&pair[1]));
        after[..before.len()] != before[..]
    });
    assert_eq!(breaks.count(), all.len());
}

#[tokio::test]
async fn a_giant_result_is_cut_and_kept_whole_on_disk() {
    let (server, dir, agent) = start(obedient_with_notes(error(500, "no")), 8192).await;
    let (answer, shortened) = say(&agent, "lines 2000").await.unwrap();
    assert_eq!((answer.as_str(), shortened.len()), ("Done.", 1));
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    let result = text_of(messages(&requests[1]).last().unwrap());
    assert!(
        result.starts_with("line 0 of") && result.ends_with("line 1999 of what is out there"),
        "{result}"
    );
    let files: Vec<_> = std::fs::read_dir(dir.path().join("results"))
        .unwrap()
        .collect();
    let [Ok(file)] = files.as_slice() else {
        panic!("{files:?}")
    };
    let path = file.path();
    assert!(result.contains(&format!(
        "The whole text is in {}, which the read tool shows.]",
        path.display()
    )));
    assert_eq!(
        std::fs::read_to_string(&path).unwrap().lines().count(),
        2000
    );
    let name = file.file_name().into_string().unwrap();
    let session = session(&agent).await;
    assert!(
        name.starts_with(&format!("{}-call_2-", session.session_id)),
        "{name}"
    );
    // The same bytes in the next turn.
    say(&agent, "thanks").await.unwrap();
    let next = messages(&server.requests()[2]);
    assert_eq!(next[..4], messages(&requests[1])[..]);
}

/// Turns of talk alone, as long as it takes to be shortened once.
async fn talk(agent: &Agent) -> Vec<(u64, u64)> {
    say(agent, "Sort my mail. Never delete mail from Anna. Thanks!")
        .await
        .unwrap();
    for round in 0..40 {
        let text = format!(
            "Thing {round} is on my mind. {}",
            "It is about this and that. ".repeat(30)
        );
        let (_, shortened) = say(agent, &text).await.unwrap();
        if !shortened.is_empty() {
            return shortened;
        }
    }
    panic!("it was never too long");
}

#[tokio::test]
async fn talk_is_summarised_in_place_and_standing_instructions_survive() {
    let notes = openai_chat(&[Part::Text("## Goal\nMail and things.")]);
    let script = obedient_with_notes(Responder::new(move |request| {
        counted(notes.clone(), request)
    }));
    let (server, dir, agent) = start(script, 8192).await;
    let shortened = talk(&agent).await;
    assert_eq!(shortened.len(), 1);
    let requests = server.requests();
    let asked: Vec<usize> = (0..requests.len())
        .filter(|at| wants_notes(&requests[*at].json()))
        .collect();
    let [asked] = asked[..] else {
        panic!("one call for notes: {asked:?}")
    };
    // What the server had read is gone on with.
    let (before, notes) = (messages(&requests[asked - 1]), messages(&requests[asked]));
    assert_eq!(notes[..before.len()], before[..]);
    assert_eq!(
        requests[asked].json()["tools"],
        requests[asked - 1].json()["tools"]
    );
    let after = messages(&requests[asked + 1]);
    let head = text_of(&after[1]);
    assert!(
        head.contains("\n- Never delete mail from Anna.\n"),
        "{head}"
    );
    assert!(head.contains("Mail and things."), "{head}");
    assert!(tokens(&requests[asked + 1]) < shortened[0].0);
    let entry = compactions(&agent).await.pop().unwrap();
    assert_eq!(
        (&entry["rung"], &entry["count"]),
        (&json!("summary"), &json!(1))
    );
    assert_eq!(entry["pinned"], json!(["Never delete mail from Anna."]));
    let from = |part: &Value| {
        (
            part["from"].clone(),
            part["text"].as_str().unwrap().to_owned(),
        )
    };
    let parts: Vec<_> = entry["message"]
        .as_array()
        .unwrap()
        .iter()
        .map(from)
        .collect();
    assert!(
        parts.contains(&(json!("owner"), "- Never delete mail from Anna.".into())),
        "{parts:?}"
    );
    // The next turns begin with it, in another process too.
    let agent = self::agent(&server, 8192, dir.path());
    say(&agent, "And now?").await.unwrap();
    let next = messages(server.requests().last().unwrap());
    assert_eq!(next[..after.len()], after[..]);
}

#[tokio::test]
async fn a_failing_summary_gives_way_to_a_digest() {
    for notes in [
        error(500, "boom"),
        openai_chat(&[Part::Text("  ")]).stream(),
    ] {
        let (server, _dir, agent) = start(obedient_with_notes(notes), 8192).await;
        talk(&agent).await;
        let asked = server
            .requests()
            .iter()
            .filter(|request| wants_notes(&request.json()))
            .count();
        assert!((1..=4).contains(&asked), "{asked}");
        let entry = compactions(&agent).await.pop().unwrap();
        assert_eq!(entry["rung"], "digest");
        let summary = entry["summary"]["text"].as_str().unwrap();
        assert!(summary.contains("- User: Thing "), "{summary}");
        let shown = messages(server.requests().last().unwrap());
        assert!(
            text_of(&shown[1]).contains("- Never delete mail from Anna."),
            "{shown:?}"
        );
    }
}

#[tokio::test]
async fn what_a_page_says_is_never_pinned_and_stays_outside() {
    let notes = openai_chat(&[Part::Text("## Done\nLooked at a page.")]);
    let (_server, _dir, agent) = start(obedient_with_notes(notes), 100_000).await;
    say(&agent, "lines 3").await.unwrap();
    for round in 0..6 {
        say(&agent, &format!("and {round}? {}", "Go on. ".repeat(100)))
            .await
            .unwrap();
    }
    let session = session(&agent).await;
    let report = agent
        .compact(&session, Some("the page"), pending(), &mut |_| {})
        .await
        .unwrap()
        .unwrap();
    let CompactReport {
        before,
        after,
        window,
        count,
    } = report;
    assert!(
        after < before && window == 100_000 && count == 1,
        "{report:?}"
    );
    let entry = compactions(&agent).await.pop().unwrap();
    assert_eq!(entry["summary"]["from"], "outside");
    assert_eq!(entry.get("pinned"), None);
    let again = agent
        .compact(&session, None, pending(), &mut |_| {})
        .await
        .unwrap();
    assert!(again.is_none_or(|again| again.after < again.before));
}

#[tokio::test]
async fn nothing_to_summarise_is_said() {
    let (server, _dir, agent) = start(obedient_with_notes(error(500, "no")), 8192).await;
    let session = session(&agent).await;
    let none = agent
        .compact(&session, None, pending(), &mut |_| {})
        .await
        .unwrap();
    assert_eq!(none, None);
    say(&agent, "hi").await.unwrap();
    let none = agent
        .compact(&session, None, pending(), &mut |_| {})
        .await
        .unwrap();
    assert_eq!(none, None);
    assert_eq!(server.requests().len(), 1);
}

/// What servers say of a prompt that is too long, from what is kept of them.
fn refusals() -> Vec<(String, u16, String)> {
    let kept = moltbot_testkit::capture::default_dir().join("../errors.jsonl");
    let Ok(text) = std::fs::read_to_string(kept) else {
        return Vec::new();
    };
    let all = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    all.filter(|case| case["expect"] == "context_overflow")
        .map(|case| {
            let field = |name: &str| case[name].as_str().unwrap().to_owned();
            let status = u16::try_from(case["status"].as_u64().unwrap()).unwrap();
            (field("id"), status, field("body"))
        })
        .collect()
}

fn refusal(status: u16, body: &str) -> Reply {
    match body.starts_with("event:") {
        true => Reply::frames([body.to_owned()]),
        false => error(status, body),
    }
}

#[tokio::test]
async fn a_server_that_refuses_the_length_is_asked_once_more_with_less() {
    for (id, status, body) in refusals() {
        let refused = Arc::new(AtomicUsize::new(0));
        let (once, told) = (Arc::clone(&refused), body.clone());
        let script = Script::new()
            .on_with(When::post(CHAT).body(wants_notes), |request| {
                counted(openai_chat(&[Part::Text("## Goal\nTalk.")]), request)
            })
            .on_with(When::post(CHAT), move |request| {
                let is_late = text_of(messages(request).last().unwrap()).contains("The last one");
                match is_late && once.fetch_add(1, Ordering::SeqCst) == 0 {
                    true => refusal(status, &told),
                    false => obedient(request),
                }
            });
        let (server, _dir, agent) = start(script, 2_000_000).await;
        for round in 0..8 {
            say(
                &agent,
                &format!("Round {round}. {}", "On and on. ".repeat(60)),
            )
            .await
            .unwrap();
        }
        let (answer, _) = say(&agent, "The last one.")
            .await
            .unwrap_or_else(|error| panic!("{id}: {error}"));
        assert_eq!(answer, "Done.", "{id}");
        assert_eq!(
            refused.load(Ordering::SeqCst),
            2,
            "{id}: refused, then taken"
        );
        let requests = server.requests();
        let late: Vec<&Recorded> = requests
            .iter()
            .filter(|request| text_of(messages(request).last().unwrap()).contains("The last one"))
            .collect();
        let (first, second) = (late[0], late[1]);
        let less_asked = second.json()["max_tokens"].as_u64() < first.json()["max_tokens"].as_u64();
        assert!(tokens(second) < tokens(first) || less_asked, "{id}");
    }
}

#[tokio::test]
async fn what_a_server_refuses_again_ends_in_one_sentence_that_says_what_to_change() {
    let body = r#"{"error": {"code": 400, "message": "request (5751 tokens) exceeds the available context size (2048 tokens), try increasing it", "type": "exceed_context_size_error", "n_prompt_tokens": 5751, "n_ctx": 2048}}"#;
    let script = Script::new()
        .on(
            When::post(CHAT).body(|body| !wants_notes(body)),
            error(400, body),
        )
        .on(When::post(CHAT), openai_chat(&[Part::Text("Notes.")]));
    let (server, _dir, agent) = start(script, 200_000).await;
    let error = say(&agent, &"So much to say. ".repeat(1000))
        .await
        .unwrap_err();
    let TurnError::TooLong(too_long) = &error else {
        panic!("{error}")
    };
    assert_eq!(
        (too_long.limit, too_long.prompt, too_long.wanted),
        (Some(2048), 5751, 8192)
    );
    let sentence = error.to_string();
    assert!(
        sentence.contains("about 5751 tokens must stay, and it takes 2048 (6144 too few)"),
        "{sentence}"
    );
    assert!(
        sentence.contains("llama.cpp: -c") && sentence.contains("contextWindow of m"),
        "{sentence}"
    );
    assert!(
        !sentence.contains('\n') && !sentence.contains('{'),
        "{sentence}"
    );
    assert_eq!(server.requests().len(), 1, "nothing could be left out");
}

#[tokio::test]
async fn the_newest_message_alone_is_sent_where_nothing_fits_beside_it() {
    let (server, _dir, agent) = start(obedient_with_notes(error(500, "no")), 4096).await;
    for round in 0..3 {
        let text = format!(
            "Round {round}. Always be brief. {}",
            "On and on. ".repeat(100)
        );
        say(&agent, &text).await.unwrap();
    }
    let (_, shortened) = say(&agent, &"So much to say. ".repeat(620)).await.unwrap();
    assert_eq!(shortened.len(), 1);
    let entry = compactions(&agent).await.pop().unwrap();
    assert_eq!(
        (&entry["rung"], entry.get("summary")),
        (&json!("window"), None)
    );
    let requests = server.requests();
    assert!(
        !requests.iter().any(|request| wants_notes(&request.json())),
        "it would not have helped"
    );
    let shown = messages(requests.last().unwrap());
    assert_eq!(shown.len(), 2, "system and message");
    let text = text_of(&shown[1]);
    assert!(
        text.starts_with("[This conversation was shortened: only its newest"),
        "{text}"
    );
    assert!(text.contains("\n- Always be brief.\n"), "{text}");
}

/// Writes a file of the workspace.
struct Write;

#[async_trait]
impl Tool for Write {
    fn spec(&self) -> ToolSpec {
        let properties = json!({"path": {"type": "string"}, "content": {"type": "string"}});
        ToolSpec {
            name: "write".into(),
            description: "Writes a file.".into(),
            parameters: json!({"type": "object", "properties": properties, "required": ["path", "content"]}),
        }
    }

    fn plan(&self, _: &Arguments, _: &Scene<'_>) -> Plan {
        Plan::new(Effect::ChangesWorkspace, "write")
    }

    async fn call(&self, arguments: Arguments, scene: &Scene<'_>) -> Result<ToolOutput, ToolError> {
        let path = scene.workspace.join(arguments["path"].as_str().unwrap());
        std::fs::write(path, arguments["content"].as_str().unwrap()).unwrap();
        Ok(ToolOutput::text("Written.", Provenance::Program))
    }
}

fn with_write(agent: Agent) -> Agent {
    let mut tools = Toolbox::new();
    tools.add(Lines);
    tools.add(Write);
    agent.with_tools(tools, Gate::closed())
}

/// Writes memory where it is asked to, and does as it is told else.
fn remembering() -> Script {
    let says =
        |request: &Recorded, text: &str| text_of(messages(request).last().unwrap()).contains(text);
    Script::new().on_with(When::post(CHAT), move |request| {
        let call = Part::ToolCall {
            id: "w",
            name: "write",
            arguments: r#"{"path": "memory.md", "content": "Kim likes tea."}"#,
        };
        match (
            says(request, "worth keeping for good"),
            says(request, "Written."),
        ) {
            (true, _) => counted(openai_chat(&[call]), request),
            (_, true) => counted(openai_chat(&[Part::Text("NO_REPLY")]), request),
            _ => obedient(request),
        }
    })
}

async fn flush(agent: &Agent) -> bool {
    let session = session(agent).await;
    agent
        .flush_memory(&session, pending(), &mut |_| {})
        .await
        .unwrap()
}

#[tokio::test]
async fn memory_is_written_once_before_old_messages_go() {
    let (server, dir, agent) = start(remembering(), 8192).await;
    assert!(
        !flush(&agent).await,
        "there is no tool to write with, and nothing was said"
    );
    let agent = with_write(agent);
    let mut flushed = Vec::new();
    for round in 0..40 {
        let text = format!(
            "Thing {round}. {}",
            "It is about this and that. ".repeat(30)
        );
        let (_, shortened) = say(&agent, &text).await.unwrap();
        if !shortened.is_empty() {
            break;
        }
        if flush(&agent).await {
            flushed.push(round);
        }
    }
    assert_eq!(flushed.len(), 1, "{flushed:?}");
    let memory = std::fs::read_to_string(dir.path().join("memory.md")).unwrap();
    assert_eq!(memory, "Kim likes tea.");
    // It was one conversation, of which nothing had to be read again.
    let requests = server.requests();
    let kept = requests.windows(2).filter(|pair| {
        let (before, after) = (messages(&pair[0]), messages(&pair[1]));
        after.len() > before.len() && after[..before.len()] == before[..]
    });
    assert!(
        kept.count() >= requests.len() - 4,
        "all but where it was shortened"
    );
    let session = session(&agent).await;
    assert_eq!(agent.unanswered(&session).await.unwrap(), None);
}

#[tokio::test]
async fn memory_is_not_written_of_what_comes_from_outside() {
    let (_server, _dir, agent) = start(remembering(), 8192).await;
    let agent = with_write(agent);
    say(&agent, "lines 3").await.unwrap();
    for round in 0..40 {
        let text = format!(
            "Thing {round}. {}",
            "It is about this and that. ".repeat(30)
        );
        let (_, shortened) = say(&agent, &text).await.unwrap();
        assert!(!flush(&agent).await);
        if !shortened.is_empty() {
            return;
        }
    }
    panic!("it was never too long");
}
