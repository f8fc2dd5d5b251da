//! Models that are on this machine already.

use std::fs;

use moltbot_engine::models::PullError;

use crate::hub::{model_bytes, names, no_hub, pulled, sha256};

#[tokio::test]
async fn a_local_file_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("models");
    let file = folder.path().join("My Model.GGUF");
    let bytes = model_bytes(3_000_000, 1);
    fs::write(&file, &bytes).unwrap();
    let what = file.to_str().unwrap();

    let model = pulled(what, &dir, &no_hub()).await.unwrap();
    assert_eq!(model.id, "my-model");
    assert_eq!(model.sha256, Some(sha256(&bytes)));
    assert_eq!(fs::read(&model.path).unwrap(), bytes);
    assert!(file.exists(), "it is not taken away");
    assert_eq!(names(&dir), ["my-model.gguf", "my-model.json"]);

    assert_eq!(pulled(what, &dir, &no_hub()).await.unwrap(), model);
    // The file that is the model itself.
    let itself = model.path.to_str().unwrap();
    assert_eq!(pulled(itself, &dir, &no_hub()).await.unwrap(), model);
}

#[tokio::test]
async fn another_local_file_of_the_same_name_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("models");
    let file = folder.path().join("tiny.gguf");
    fs::write(&file, model_bytes(500, 1)).unwrap();
    pulled(file.to_str().unwrap(), &dir, &no_hub())
        .await
        .unwrap();
    fs::remove_file(&file).unwrap();
    fs::write(&file, model_bytes(500, 2)).unwrap();
    let error = pulled(file.to_str().unwrap(), &dir, &no_hub())
        .await
        .unwrap_err();
    assert!(matches!(error, PullError::NameTaken { .. }), "{error}");
    assert_eq!(
        fs::read(dir.join("tiny.gguf")).unwrap(),
        model_bytes(500, 1)
    );
}

#[tokio::test]
async fn what_is_no_model_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("models");
    let file = folder.path().join("page.gguf");
    fs::write(&file, "<html>").unwrap();
    let error = pulled(file.to_str().unwrap(), &dir, &no_hub())
        .await
        .unwrap_err();
    assert!(matches!(error, PullError::NotGguf { .. }), "{error}");
    assert!(file.exists());

    let missing = folder.path().join("missing.gguf");
    let error = pulled(missing.to_str().unwrap(), &dir, &no_hub())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("missing.gguf"), "{error}");

    let error = pulled("llama", &dir, &no_hub()).await.unwrap_err();
    assert!(error.to_string().contains("smollm2-135m"), "{error}");
}

/// `/dev/shm` is another file system than the temporary folder on most Linux machines, so the
/// file cannot be linked there; elsewhere this tests the link once more.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_file_from_another_disk_is_copied() {
    let Ok(other_disk) = tempfile::tempdir_in("/dev/shm") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let file = other_disk.path().join("tiny.gguf");
    let bytes = model_bytes(3_000_000, 1);
    fs::write(&file, &bytes).unwrap();
    let model = pulled(file.to_str().unwrap(), folder.path(), &no_hub())
        .await
        .unwrap();
    assert_eq!(fs::read(&model.path).unwrap(), bytes);
    assert_eq!(names(folder.path()), ["tiny.gguf", "tiny.json"]);
}
