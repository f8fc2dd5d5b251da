//! Where what files say, and what they are called, comes from.

use moltbot_guard::{Label, Visibility};
use moltbot_tools::keeps_marks;

use super::*;

#[tokio::test]
// Says that it was passed over.
#[allow(clippy::print_stderr)]
async fn what_outside_text_may_have_written_is_no_word_of_the_owner() {
    let mut stage = Stage::new().await;
    if !keeps_marks(&stage.workspace()) {
        eprintln!("passed over: the temporary folder keeps no extended attributes");
        return;
    }
    let folders = folders(&stage);
    let read = Read::new(folders.clone(), documents());
    let (write, edit) = (Write::new(folders.clone()), Edit::new(folders.clone()));
    let patch = ApplyPatch::new(folders);
    let from = async |stage: &Stage, path: &str| {
        let output = stage.call(&read, json!({"path": path})).await.unwrap();
        sources(&output)[0]
    };
    let add = |name: &str| json!({"input": format!("*** Begin Patch\n*** Add File: {name}\n+one\n*** End Patch")});
    let change = |name: &str| json!({"input": format!("*** Begin Patch\n*** Update File: {name}\n*** Move to: new-{name}\n@@\n-one\n+two\n*** End Patch")});
    stage
        .text(&write, json!({"path": "own", "content": "one"}))
        .await;
    stage.text(&patch, add("patched")).await;
    stage.label = stage.label.join(Label {
        source: Provenance::Outside,
        visibility: Visibility::Public,
    });
    stage
        .text(&write, json!({"path": "theirs", "content": "one"}))
        .await;
    stage.text(&patch, add("their-patch")).await;
    assert_eq!(from(&stage, "own").await, Provenance::OwnFiles);
    assert_eq!(from(&stage, "patched").await, Provenance::OwnFiles);
    assert_eq!(from(&stage, "theirs").await, Provenance::Outside);
    assert_eq!(from(&stage, "their-patch").await, Provenance::Outside);
    // A change of a part is no new file; only a whole one is.
    stage.label = Label::OWNER;
    stage
        .text(
            &edit,
            json!({"path": "theirs", "oldText": "one", "newText": "a line with words and more of them here"}),
        )
        .await;
    stage.text(&patch, change("their-patch")).await;
    assert_eq!(from(&stage, "theirs").await, Provenance::Outside);
    assert_eq!(from(&stage, "new-their-patch").await, Provenance::Outside);
    let missed = stage
        .call(
            &edit,
            json!({"path": "theirs", "oldText": "A LINE with words and more of them here", "newText": "x"}),
        )
        .await
        .unwrap();
    assert_eq!(sources(&missed), [Provenance::Program, Provenance::Outside]);
    stage
        .text(&write, json!({"path": "theirs", "content": "mine"}))
        .await;
    assert_eq!(from(&stage, "theirs").await, Provenance::OwnFiles);
    // Whoever writes a file names it, and the folders on the way.
    assert_eq!(from_names(&stage, &read, ".").await, Provenance::Outside);
    stage
        .text(&write, json!({"path": "mine/a", "content": ""}))
        .await;
    assert_eq!(
        from_names(&stage, &read, "mine").await,
        Provenance::OwnFiles
    );
    // What the owner said yes to is the owner's: it was shown whole.
    stage.label = stage.label.join(Label {
        source: Provenance::Outside,
        visibility: Visibility::Public,
    });
    stage
        .text(
            &write,
            json!({"path": "MEMORY.md", "content": "Ann likes tea."}),
        )
        .await;
    assert_eq!(from(&stage, "MEMORY.md").await, Provenance::OwnFiles);
    stage
        .text(&write, json!({"path": "deep/er/b", "content": ""}))
        .await;
    assert_eq!(from_names(&stage, &read, "deep").await, Provenance::Outside);
    // Where browsers put things.
    let home = stage.dir.path();
    fs::create_dir(home.join("Downloads")).unwrap();
    fs::write(home.join("Downloads/page.txt"), "one").unwrap();
    assert_eq!(
        from(&stage, "~/Downloads/page.txt").await,
        Provenance::Outside
    );
}

async fn from_names(stage: &Stage, read: &Read, path: &str) -> Provenance {
    let output = stage.call(read, json!({"path": path})).await.unwrap();
    sources(&output)[1]
}

#[tokio::test]
async fn more_notes_shape_the_agent_as_its_own_do() {
    let stage = Stage::new().await;
    let home = stage.dir.path().to_owned();
    let folders = Folders::new(home, Vec::new()).with_notes(vec![stage.workspace().join("brain")]);
    let write = Write::new(Arc::new(folders));
    for (path, kind) in [
        ("brain/people.md", TargetKind::Memory),
        ("MEMORY.md", TargetKind::Memory),
        // Programs that are started there take their settings from it.
        (".env", TargetKind::Memory),
        ("sub/.env", TargetKind::Memory),
        ("brains/people.md", TargetKind::Path),
    ] {
        let plan = stage.plan(&write, json!({"path": path, "content": ""}));
        assert_eq!(plan.targets, [Target::new(kind, path)], "{path}");
    }
}
