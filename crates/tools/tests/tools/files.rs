//! `read`, `write`, `edit` and `apply_patch` on real files.

mod marks;

use std::collections::BTreeMap;
use std::fs;
use std::future::pending;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::Arc;
use std::time::Duration;

use moltbot_agent::{
    Agent, AgentSettings, Effect, Gate, Limits, SessionKey, Target, TargetKind, Tool, ToolOutput,
    Toolbox, TurnRequest,
};
use moltbot_config::Config;
use moltbot_llm::{
    Backends, Catalog, Content, Credentials, Knowledge, Places, Provenance, over_http,
};
use moltbot_store::Store;
use moltbot_testkit::{Part, Script, ScriptedServer, When, openai_chat};
use moltbot_tools::{ApplyPatch, Edit, Folders, Read, Write, file_tools};
use serde_json::{Value, json};

use crate::call::{Stage, text};
use crate::documents::documents;

/// A home with a workspace and a state folder.
fn folders(stage: &Stage) -> Arc<Folders> {
    let home = stage.dir.path().to_owned();
    let state = home.join("state");
    fs::create_dir_all(state.join("skills")).unwrap();
    fs::write(state.join("auth.json"), "sk-secret").unwrap();
    let readable = vec![state.join("skills")];
    Arc::new(Folders::new(home, vec![state]).with_readable(readable))
}

async fn output(stage: &Stage, tool: &dyn Tool, arguments: Value) -> ToolOutput {
    stage.call(tool, arguments).await.unwrap()
}

/// What a call is refused with, in the program's words alone.
async fn refused(stage: &Stage, tool: &dyn Tool, arguments: Value) -> String {
    let output = output(stage, tool, arguments.clone()).await;
    assert!(output.is_error, "{arguments}: {}", text(&output));
    assert_eq!(output.content[0].from(), Provenance::Program);
    output.content[0].as_text().unwrap().to_owned()
}

fn sources(output: &ToolOutput) -> Vec<Provenance> {
    output.content.iter().map(Content::from).collect()
}

#[tokio::test]
async fn what_is_written_is_read_in_parts() {
    let stage = Stage::new().await;
    let folders = folders(&stage);
    let (read, write) = (Read::new(folders.clone(), documents()), Write::new(folders));
    let lines: Vec<String> = (1..=2500).map(|n| format!("line {n}")).collect();
    let content = lines.join("\r\n");
    let said = stage
        .text(&write, json!({"path": "notes/a.txt", "content": content}))
        .await;
    let path = stage
        .workspace()
        .join("notes/a.txt")
        .canonicalize()
        .unwrap();
    assert_eq!(
        said,
        format!("Created {}: {} bytes.", path.display(), content.len())
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), content);

    let first = output(&stage, &read, json!({"path": "notes/a.txt"})).await;
    assert_eq!(sources(&first), [Provenance::OwnFiles, Provenance::Program]);
    assert_eq!(
        first.content[0].as_text().unwrap(),
        lines[..2000].join("\n")
    );
    assert_eq!(
        first.content[1].as_text().unwrap(),
        "[500 more lines; read on with offset=2001]"
    );
    let rest = output(&stage, &read, json!({"path": path, "offset": 2001})).await;
    assert_eq!(text(&rest), lines[2000..].join("\n"));
    let one = stage
        .text(
            &read,
            json!({"path": "notes/a.txt", "offset": 2499, "limit": 1}),
        )
        .await;
    assert_eq!(one, "line 2499\n[1 more line; read on with offset=2500]");
    let beyond = refused(
        &stage,
        &read,
        json!({"path": "notes/a.txt", "offset": 3000}),
    )
    .await;
    assert!(beyond.contains("it has 2500 lines"), "{beyond}");

    fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    let said = stage
        .text(
            &write,
            json!({"path": "~/workspace/notes/a.txt", "content": ""}),
        )
        .await;
    assert!(said.starts_with("Replaced "), "{said}");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o755);
    let said = stage.text(&read, json!({"path": "notes/a.txt"})).await;
    assert!(said.ends_with("a.txt is empty."), "{said}");
    let said = refused(&stage, &write, json!({"path": "new/", "content": "x"})).await;
    assert!(said.contains("is a folder"), "{said}");
    assert!(!stage.workspace().join("new").exists());
}

#[tokio::test]
async fn pictures_are_shown_and_data_is_not() {
    let stage = Stage::new().await;
    let read = Read::new(folders(&stage), documents());
    let workspace = stage.workspace();
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    fs::write(workspace.join("a.dat"), &png).unwrap();
    let shown = output(&stage, &read, json!({"path": "a.dat"})).await;
    let [title, Content::Image(image)] = shown.content.as_slice() else {
        panic!("{shown:?}")
    };
    assert!(title.as_text().unwrap().ends_with("image/png, 8 bytes."));
    assert_eq!(image.mime_type, "image/png");
    assert_eq!(image.data, "iVBORw0KGgo=");
    assert_eq!(image.from, Provenance::Outside);

    png.resize(5 * 1024 * 1024 + 1, 7);
    for (name, bytes, says) in [
        (
            "big.png",
            png.as_slice(),
            "big.png is not shown. The picture is too large",
        ),
        ("a.bin", b"\x7fELF\0\0", "is a binary file"),
        ("a.pdf", b"%PDF-1.7\n...", "is not a PDF that can be read"),
    ] {
        fs::write(workspace.join(name), bytes).unwrap();
        let said = refused(&stage, &read, json!({"path": name})).await;
        assert!(said.contains(says), "{said}");
    }
    let said = refused(&stage, &read, json!({"path": "none"})).await;
    assert!(said.starts_with("There is no file "), "{said}");
    assert!(said.ends_with("/none."), "{said}");
    let said = refused(&stage, &read, json!({"path": "/dev/zero"})).await;
    assert!(said.contains("is a device"), "{said}");
}

#[tokio::test]
async fn a_name_that_leads_nowhere_brings_up_similar_ones() {
    let stage = Stage::new().await;
    let folders = folders(&stage);
    for name in ["Notes.md", "note.txt", "other.md"] {
        fs::write(stage.workspace().join(name), "x").unwrap();
    }
    fs::create_dir(stage.workspace().join("notes")).unwrap();
    let edit = json!({"path": "notes.md", "oldText": "x", "newText": "y"});
    for (tool, arguments) in [
        (
            &Read::new(folders.clone(), documents()) as &dyn Tool,
            json!({"path": "notes.md"}),
        ),
        (&Edit::new(folders.clone()), edit),
    ] {
        let refusal = output(&stage, tool, arguments).await;
        assert!(refusal.is_error);
        assert_eq!(
            sources(&refusal),
            [Provenance::Program, Provenance::OwnFiles]
        );
        let names: Vec<&str> = refusal.content[1].as_text().unwrap().lines().collect();
        assert_eq!(names[0], "Notes.md");
        assert!(
            names.contains(&"notes/") && !names.contains(&"other.md"),
            "{names:?}"
        );
    }
    // Not even a name is told of what is not read.
    let edit = json!({"path": "~/state/auth.jso", "oldText": "x", "newText": "y"});
    let refusal = output(&stage, &Edit::new(folders), edit).await;
    assert!(!text(&refusal).contains("auth.json"), "{}", text(&refusal));
}

#[tokio::test]
async fn a_folder_is_listed() {
    let stage = Stage::new().await;
    let read = Read::new(folders(&stage), documents());
    let many = stage.workspace().join("many");
    fs::create_dir_all(many.join("000 folder")).unwrap();
    for number in 0..204 {
        fs::write(many.join(format!("{number:03}.txt")), "").unwrap();
    }
    let listed = output(&stage, &read, json!({"path": "many"})).await;
    assert_eq!(
        sources(&listed),
        [
            Provenance::Program,
            Provenance::OwnFiles,
            Provenance::Program
        ]
    );
    let names: Vec<&str> = listed.content[1].as_text().unwrap().lines().collect();
    assert_eq!(names.len(), 200);
    assert_eq!(names[..2], ["000 folder/", "000.txt"]);
    assert_eq!(listed.content[2].as_text(), Some("[5 more names]"));
}

#[tokio::test]
async fn an_edit_keeps_what_it_does_not_name() {
    let stage = Stage::new().await;
    let edit = Edit::new(folders(&stage));
    let path = stage.workspace().join("a.ini");
    fs::write(&path, "\u{feff}[a]\r\nx = \"1\"\r\n[b]\r\nx = \"2\"\r\n").unwrap();
    let said = stage
        .text(
            &edit,
            json!({"path": "a.ini", "oldText": "[b]\nx", "newText": "[b]\ny = 0\nx"}),
        )
        .await;
    assert!(said.ends_with("a.ini at line 3."), "{said}");
    let after = "\u{feff}[a]\r\nx = \"1\"\r\n[b]\r\ny = 0\r\nx = \"2\"\r\n";
    assert_eq!(fs::read_to_string(&path).unwrap(), after);

    let several = json!({"path": "a.ini", "oldText": "x =", "newText": "z ="});
    let said = refused(&stage, &edit, several).await;
    assert!(
        said.contains("occurs 2 times in it, on lines 2, 5."),
        "{said}"
    );
    let quotes = json!({"path": "a.ini", "oldText": "x = '2'", "newText": ""});
    let refusal = output(&stage, &edit, quotes).await;
    assert_eq!(
        sources(&refusal),
        [Provenance::Program, Provenance::OwnFiles]
    );
    assert!(text(&refusal).ends_with("at line 5, where the file reads differently:\nx = \"2\""));
    assert_eq!(fs::read_to_string(&path).unwrap(), after);

    fs::write(&path, b"caf\xe9").unwrap();
    let latin = json!({"path": "a.ini", "oldText": "caf", "newText": ""});
    let said = refused(&stage, &edit, latin).await;
    assert!(said.contains("is not text in UTF-8"), "{said}");
}

#[tokio::test]
async fn a_plan_says_whose_place_it_is() {
    let stage = Stage::new().await;
    let folders = folders(&stage);
    let home = stage.dir.path().canonicalize().unwrap();
    symlink(&home, stage.workspace().join("link")).unwrap();
    let (read, write) = (
        Read::new(folders.clone(), documents()),
        Write::new(folders.clone()),
    );
    for (path, leads_to, reads, writes) in [
        (
            "a",
            "workspace/a",
            Effect::ReadsOwn,
            Effect::ChangesWorkspace,
        ),
        ("link/b", "b", Effect::ReadsPrivate, Effect::ChangesOutside),
        (
            "~/state/auth.json",
            "state/auth.json",
            Effect::ReadsPrivate,
            Effect::ChangesItself,
        ),
        (
            "~/state/skills/s",
            "state/skills/s",
            Effect::ReadsOwn,
            Effect::ChangesItself,
        ),
    ] {
        let plan = stage.plan(&read, json!({"path": path}));
        assert_eq!(plan.effect, reads, "{path}");
        assert_eq!(plan.detail, home.join(leads_to).to_str().unwrap());
        let plan = stage.plan(&write, json!({"path": path, "content": ""}));
        assert_eq!(plan.effect, writes, "{path}");
    }
    let patch = "*** Begin Patch\n*** Delete File: a\n*** Update File: link/b\n*** Move to: ~/state/c\n*** End Patch";
    let plan = stage.plan(&ApplyPatch::new(folders), json!({"input": patch}));
    assert_eq!(plan.effect, Effect::ChangesItself, "the worst of them");
    let (a, b, c) = (
        home.join("workspace/a"),
        home.join("b"),
        home.join("state/c"),
    );
    assert_eq!(
        plan.detail,
        format!("D {}, M {} -> {}", a.display(), b.display(), c.display())
    );
    let named: Vec<&str> = plan
        .targets
        .iter()
        .map(|target| target.value.as_str())
        .collect();
    assert_eq!(named, ["a", "link/b", "~/state/c"]);
}

#[tokio::test]
async fn what_shapes_the_agent_is_told_from_other_files() {
    let stage = Stage::new().await;
    std::fs::create_dir_all(stage.workspace().join("memory")).unwrap();
    symlink("memory", stage.workspace().join("notes")).unwrap();
    let write = Write::new(folders(&stage));
    for (path, kind) in [
        ("MEMORY.md", TargetKind::Memory),
        ("./agents.MD", TargetKind::Memory),
        ("memory/2026-01-01.md", TargetKind::Memory),
        ("x/../notes/new.md", TargetKind::Memory),
        ("skills/a/SKILL.md", TargetKind::Memory),
        ("report.md", TargetKind::Path),
        ("docs/MEMORY.md", TargetKind::Path),
        ("memory", TargetKind::Path),
        ("../MEMORY.md", TargetKind::Path),
    ] {
        let plan = stage.plan(&write, json!({"path": path, "content": ""}));
        assert_eq!(plan.targets, [Target::new(kind, path)]);
    }
}

#[tokio::test]
async fn credentials_are_neither_read_nor_quoted() {
    let stage = Stage::new().await;
    let folders = folders(&stage);
    let read = Read::new(folders.clone(), documents());
    let home = stage.dir.path();
    symlink(home.join("state"), stage.workspace().join("link")).unwrap();
    for path in [
        "~/state/auth.json",
        "link/auth.json",
        "~/state",
        "/proc/self/environ",
    ] {
        let said = refused(&stage, &read, json!({"path": path})).await;
        assert!(said.contains("closed to tools"), "{said}");
    }
    fs::write(home.join("state/skills/SKILL.md"), "# Skill").unwrap();
    let skill = stage
        .text(&read, json!({"path": "~/state/skills/SKILL.md"}))
        .await;
    assert_eq!(skill, "# Skill");
    let guess = json!({"path": "link/auth.json", "oldText": "SK-SECRET", "newText": ""});
    let refusal = output(&stage, &Edit::new(folders.clone()), guess).await;
    let patch = "*** Begin Patch\n*** Update File: link/auth.json\n-SK-SECRET\n*** End Patch";
    let of_patch = output(&stage, &ApplyPatch::new(folders), json!({"input": patch})).await;
    for output in [refusal, of_patch] {
        assert!(output.is_error);
        assert!(!text(&output).contains("sk-secret"), "{}", text(&output));
    }
}

#[tokio::test]
async fn only_what_was_decided_on_is_done() {
    let stage = Stage::new().await;
    let folders = folders(&stage);
    let outside = stage.dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::create_dir(stage.workspace().join("sub")).unwrap();
    for place in [&outside, &stage.workspace().join("sub")] {
        fs::write(place.join("f"), "old\n").unwrap();
    }
    let patch = "*** Begin Patch\n*** Update File: sub/f\n-old\n+new\n*** End Patch";
    let calls = [
        ("read", json!({"path": "sub/f"})),
        ("write", json!({"path": "sub/f", "content": "new"})),
        (
            "edit",
            json!({"path": "sub/f", "oldText": "old", "newText": "new"}),
        ),
        ("apply_patch", json!({"input": patch})),
    ];
    let tools = file_tools((*folders).clone(), documents());
    let tool = |name: &str| tools.iter().find(|tool| tool.spec().name == name).unwrap();
    let plans: Vec<_> = calls
        .iter()
        .map(|(name, arguments)| stage.plan(tool(name).as_ref(), arguments.clone()))
        .collect();
    fs::rename(stage.workspace().join("sub"), stage.workspace().join("was")).unwrap();
    symlink(&outside, stage.workspace().join("sub")).unwrap();
    for ((name, arguments), plan) in calls.iter().zip(&plans) {
        for decided in [Some(plan), None] {
            let tool = tool(name).as_ref();
            let output = stage.call_decided(tool, arguments.clone(), decided).await;
            let output = output.unwrap();
            assert!(output.is_error, "{name}");
            assert!(text(&output).contains("while it was being decided on"));
        }
    }
    assert_eq!(fs::read_to_string(outside.join("f")).unwrap(), "old\n");
}

#[tokio::test]
async fn a_patch_is_done_whole() {
    let stage = Stage::new().await;
    let workspace = stage.workspace();
    let patch = ApplyPatch::new(folders(&stage));
    fs::write(
        workspace.join("a.py"),
        "def f():\n    return 1\n\ndef g():\n    return 1\n",
    )
    .unwrap();
    fs::write(workspace.join("run.sh"), "echo\r\n").unwrap();
    fs::set_permissions(workspace.join("run.sh"), PermissionsExt::from_mode(0o755)).unwrap();
    fs::write(workspace.join("gone"), "x").unwrap();
    let input = "*** Begin Patch\n*** Update File: a.py\n@@ def g():\n-    return 1\n+    return 2\n\
        *** Update File: a.py\n@@\n def f():\n-    return 1\n+    return 0\n\
        *** Add File: new/b.txt\n+b\n*** Update File: run.sh\n*** Move to: bin/run.sh\n echo\n+ls\n\
        *** Delete File: gone\n*** End Patch";
    let said = stage.text(&patch, json!({"input": input})).await;
    let root = workspace.canonicalize().unwrap();
    let root = root.display();
    assert_eq!(
        said,
        format!(
            "Success. Updated the following files:\nM {root}/a.py\nM {root}/a.py\n\
             A {root}/new/b.txt\nM {root}/run.sh -> {root}/bin/run.sh\nD {root}/gone"
        )
    );
    let content = |name: &str| fs::read_to_string(workspace.join(name)).ok();
    assert_eq!(
        content("a.py").unwrap(),
        "def f():\n    return 0\n\ndef g():\n    return 2\n"
    );
    assert_eq!(content("new/b.txt").unwrap(), "b\n");
    assert_eq!(content("bin/run.sh").unwrap(), "echo\r\nls\r\n");
    let mode = workspace
        .join("bin/run.sh")
        .metadata()
        .unwrap()
        .permissions();
    assert_eq!(mode.mode() & 0o777, 0o755);
    assert_eq!((content("run.sh"), content("gone")), (None, None));
}

#[tokio::test]
async fn a_patch_that_does_not_fit_changes_nothing() {
    let stage = Stage::new().await;
    let workspace = stage.workspace();
    let patch = ApplyPatch::new(folders(&stage));
    fs::write(workspace.join("a"), "one\ntwo\n").unwrap();
    fs::write(workspace.join("z"), "x").unwrap();
    fs::create_dir(workspace.join("dir")).unwrap();
    for (rest, says) in [
        ("*** Update File: a\n-zwei", "/a: Hunk 1: the lines"),
        ("*** Update File: none\n-x", "There is no file"),
        ("*** Delete File: none", "There is no file"),
        ("*** Delete File: dir", "is a folder"),
        ("*** Add File: z\n+y", "is there already"),
        ("*** Update File: a\n*** Move to: z", "is there already"),
        (
            "*** Delete File: z\n*** Update File: z\n-x",
            "There is no file",
        ),
        ("*** Add File: z/y\n+y", "cannot be reached"),
        (
            "*** Add File: p\n+y\n*** Add File: p/q\n+y",
            "No file was changed",
        ),
        ("*** Add File: b\n+y", "is there already"),
        ("+++", "is no header"),
    ] {
        let input = format!(
            "*** Begin Patch\n*** Add File: b\n+b\n*** Update File: a\n-one\n+1\n{rest}\n*** End Patch"
        );
        let input = match rest {
            "+++" => input.replace("+++", "*** Oops"),
            _ => input,
        };
        let said = refused(&stage, &patch, json!({"input": input})).await;
        assert!(said.contains(says), "{rest:?}: {said}");
        let a = fs::read_to_string(workspace.join("a")).unwrap();
        assert_eq!(a, "one\ntwo\n", "{rest:?}");
        assert!(!workspace.join("b").exists(), "{rest:?}");
        let entries = fs::read_dir(&workspace).unwrap();
        let left: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(".tmp"))
            .collect();
        assert_eq!(left, Vec::<String>::new(), "{rest:?}");
    }
    let cut_off = "*** Begin Patch\n*** Delete File: a";
    let said = refused(&stage, &patch, json!({"input": cut_off})).await;
    assert!(said.contains("cut off"), "{said}");
}

#[tokio::test]
async fn the_tools_are_offered_in_few_words() {
    let stage = Stage::new().await;
    let tools = file_tools((*folders(&stage)).clone(), documents());
    let names: Vec<String> = tools.iter().map(|tool| tool.spec().name).collect();
    assert_eq!(names, ["read", "write", "edit", "apply_patch"]);
    for tool in &tools {
        let spec = tool.spec();
        assert_eq!(tool.is_parallel(), spec.name == "read");
        let properties = spec.parameters["properties"].as_object().unwrap();
        for (alias, name) in tool.aliases() {
            assert!(properties.contains_key(*name) && !properties.contains_key(*alias));
        }
        // Four characters a token.
        let size = serde_json::to_string(&spec.parameters).unwrap().len() + spec.description.len();
        assert!(size < 560, "{}: {size}", spec.name);
    }
}

#[tokio::test]
async fn an_agent_works_on_a_file_with_names_it_knows_from_elsewhere() {
    let stage = Stage::new().await;
    fs::write(stage.workspace().join("a.txt"), "good morning\n").unwrap();
    let edit = Part::ToolCall {
        id: "c1",
        name: "edit",
        arguments: r#"{"file_path":"a.txt","old_string":"morning","new_string":"evening"}"#,
    };
    let outside = Part::ToolCall {
        id: "c2",
        name: "write",
        arguments: r#"{"file_path":"../b.txt","content":"x"}"#,
    };
    let script = Script::new()
        .on(
            When::post("/v1/chat/completions").once(),
            openai_chat(&[edit, outside]),
        )
        .on(
            When::post("/v1/chat/completions"),
            openai_chat(&[Part::Text("Done.")]),
        );
    let server = ScriptedServer::start(script).await;
    let config: Config = serde_json::from_value(json!({
        "agents": {"defaults": {"model": {"primary": "box/m"}}},
        "models": {"providers": {"box": {"baseUrl": server.base_url(), "api": "openai-completions",
            "models": [{"id": "m", "name": "M"}]}}},
    }))
    .unwrap();
    let credentials = Arc::new(Credentials::new(&config, &BTreeMap::new(), None));
    let knowledge = Arc::new(Knowledge::default());
    let backends = Backends::new(
        over_http(credentials, Arc::clone(&knowledge)),
        None,
        knowledge,
    );
    let settings = AgentSettings {
        places: Places::default(),
        agent_id: "main".into(),
        thinking: None,
        timeout: Duration::from_secs(600),
        has_anthropic_key: false,
        limits: Limits::default(),
        workspace: stage.workspace(),
    };
    let store = Store::open(stage.dir.path().join("agent.db")).unwrap();
    let mut tools = Toolbox::new();
    for tool in file_tools((*folders(&stage)).clone(), documents()) {
        tools.insert(tool);
    }
    let agent = Agent::new(Catalog::new(&config, &[]), backends, store, settings)
        .with_tools(tools, Gate::closed());
    let session = agent.session(&SessionKey::main("main")).await.unwrap();
    let request = TurnRequest::new(&session, "Change it.");
    let report = agent.turn(request, pending(), &mut |_| {}).await.unwrap();
    assert_eq!(report.message.text(), "Done.");
    assert_eq!(
        fs::read_to_string(stage.workspace().join("a.txt")).unwrap(),
        "good evening\n"
    );
    assert!(
        !stage.dir.path().join("b.txt").exists(),
        "nobody could be asked"
    );
}
