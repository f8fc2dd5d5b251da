//! Notes: real files, a real index, a scripted server for embeddings.

mod embeddings;
mod index;
mod settings;
mod tools;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use moltbot_llm::Places;
use moltbot_tools::memory::{
    Embeddings, Found, Memory, MemorySettings, PieceSize, Question, Ranking,
};

/// A workspace with notes, and a place for the index.
struct Notes {
    dir: tempfile::TempDir,
    settings: MemorySettings,
}

impl Notes {
    fn new(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let workspace = dir.path().join("workspace");
        std::fs::create_dir(&workspace).unwrap();
        let settings = MemorySettings {
            enabled: true,
            index: dir.path().join("state/memory/main.sqlite"),
            workspace,
            extra_paths: Vec::new(),
            piece: PieceSize::of_tokens(400, 80),
            sync_on_search: true,
            max_results: 6,
            ranking: Ranking {
                text_weight: 0.3,
                candidates: 4,
                min_score: 0.35,
            },
            spare_vectors: None,
        };
        let notes = Self { dir, settings };
        for (name, text) in files {
            notes.write(name, text);
        }
        notes
    }

    /// Writes a file of the workspace.
    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        write(&self.settings.workspace, name, text)
    }

    fn memory(&self) -> Memory {
        self.memory_with(Embeddings::Nobody)
    }

    fn memory_with(&self, embeddings: Embeddings) -> Memory {
        Memory::new(self.settings.clone(), embeddings)
    }

    fn shared(&self) -> Arc<Memory> {
        Arc::new(self.memory())
    }
}

fn write(folder: &Path, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    path
}

async fn search(memory: &Memory, text: &str) -> Found {
    let question = Question {
        text: text.to_owned(),
        ..Question::default()
    };
    memory.search(&question, &Places::default()).await.unwrap()
}

/// The files found, the best first.
async fn paths(memory: &Memory, text: &str) -> Vec<String> {
    let found = search(memory, text).await;
    found.results.into_iter().map(|note| note.path).collect()
}
