//! Finding the models on disk.

use std::fs;

use moltbot_engine::models::{ModelsError, find, installed};

#[test]
fn files_are_found_by_their_lower_case_names() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    for name in ["plain.gguf", "Mixed-Case.GGUF", "two.GGUF", "two.gguf"] {
        fs::write(dir.join(name), name).unwrap();
    }
    for name in [
        "notes.txt",
        "half.gguf.part",
        ".hidden.gguf",
        ".gguf",
        "gguf",
    ] {
        fs::write(dir.join(name), name).unwrap();
    }
    fs::create_dir(dir.join("folder.gguf")).unwrap();

    let models = installed(dir).unwrap();
    let ids: Vec<_> = models.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(ids, ["mixed-case", "plain", "two"]);
    for model in &models {
        assert_eq!(find(dir, &model.id).unwrap(), model.path);
        assert_eq!(find(dir, &model.id.to_uppercase()).unwrap(), model.path);
        assert_eq!((&model.sha256, &model.source), (&None, &None));
    }
    assert_eq!(models[2].path, dir.join("two.gguf"));
}

#[test]
fn a_missing_model_is_said_with_the_next_step() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("models");
    assert!(installed(&missing).unwrap().is_empty());
    let error = find(&missing, "qwen3-4b").unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "No model file for local/qwen3-4b in {}: run moltbot models pull qwen3-4b.",
            missing.display()
        )
    );
    for id in [
        "",
        ".",
        "..",
        "../secret",
        "a/b",
        "a\\b",
        "c:x",
        "a\nb",
        "a\0b",
    ] {
        let error = find(folder.path(), id).unwrap_err();
        assert!(matches!(error, ModelsError::BadId { .. }), "{id:?}");
    }
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(matches!(
        installed(&file),
        Err(ModelsError::Unreadable { .. })
    ));
}

#[test]
fn a_record_counts_only_for_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let record = r#"{"source": "hf:a/b@main/x.gguf", "sha256": "00", "bytes": 4,
        "pulled_at": "2026-01-01T00:00:00Z"}"#;
    fs::write(dir.join("x.json"), record).unwrap();
    fs::write(dir.join("x.gguf"), "GGUF").unwrap();
    let model = &installed(dir).unwrap()[0];
    assert_eq!(model.source.as_deref(), Some("hf:a/b@main/x.gguf"));
    assert_eq!(model.sha256.as_deref(), Some("00"));

    fs::write(dir.join("x.gguf"), "GGUF and more").unwrap();
    assert_eq!(installed(dir).unwrap()[0].sha256, None);
    fs::write(dir.join("x.json"), "{").unwrap();
    assert_eq!(installed(dir).unwrap()[0].source, None);
}
