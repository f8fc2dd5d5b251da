//! Whole and damaged model files.

use std::fs;
use std::io::Read;

use moltbot_engine::gguf::{GgufError, GgufHeader};
use moltbot_engine::inference::{LoadError, LoadedModel};
use proptest::prelude::*;

use crate::model_path;

#[test]
fn the_head_of_a_real_model() {
    let path = model_path();
    let header = GgufHeader::read(&path).unwrap();
    assert_eq!(header.architecture.as_deref(), Some("llama"));
    assert_eq!(
        header.name.as_deref(),
        Some("Smollm2 135M 8k Lc100K Mix1 Ep2")
    );
    assert_eq!(header.context_length, Some(8192));
    assert_eq!(header.tensors, 272);
    assert_eq!(header.expected_bytes, fs::metadata(&path).unwrap().len());
    assert!(
        header
            .chat_template
            .unwrap()
            .contains("add_generation_prompt")
    );
}

#[test]
fn a_download_that_broke_off_is_one_sentence() {
    let whole = GgufHeader::read(&model_path()).unwrap().expected_bytes;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("smollm2-135m.gguf");
    fs::copy(model_path(), &path).unwrap();
    for length in [whole - 1, whole / 2, 2_000_000, 1_000_000, 100, 4] {
        fs::OpenOptions::new()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(length)
            .unwrap();
        let error = LoadedModel::load(&path, |_| true).unwrap_err();
        let sentence = error.to_string();
        assert!(
            matches!(error, LoadError::File(GgufError::Incomplete { .. })),
            "cut to {length}: {sentence}"
        );
        assert!(
            sentence.starts_with(&format!("{} is not a complete GGUF file (", path.display()))
                && sentence.ends_with("): run moltbot models pull smollm2-135m."),
            "cut to {length}: {sentence}"
        );
    }
}

#[test]
fn other_files_are_no_models() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("page.gguf");
    for content in ["", "GGU", "<!doctype html><title>Not found</title>"] {
        fs::write(&path, content).unwrap();
        let error = LoadedModel::load(&path, |_| true).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "{} is not a GGUF file: remove it and run moltbot models pull page.",
                path.display()
            )
        );
    }
    let missing = LoadedModel::load(&dir.path().join("none.gguf"), |_| true).unwrap_err();
    assert!(
        matches!(missing, LoadError::File(GgufError::Read { .. })),
        "{missing}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Everything up to the end of the list of tensors, some 1.8 MB, cut anywhere.
    #[test]
    fn any_cut_of_the_head_is_noticed(cut in any::<prop::sample::Index>()) {
        const HEAD: u64 = 1_800_000;
        let mut head = Vec::new();
        fs::File::open(model_path()).unwrap().take(HEAD).read_to_end(&mut head).unwrap();
        head.truncate(4 + cut.index(head.len() - 4));
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cut.gguf");
        fs::write(&path, &head).unwrap();
        let error = GgufHeader::read(&path).unwrap_err();
        prop_assert!(matches!(error, GgufError::Incomplete { .. }), "{error}");
    }
}
