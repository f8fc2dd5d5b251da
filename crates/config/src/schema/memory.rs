//! `memorySearch`: finding things in an agent's notes.

use std::collections::BTreeMap;

use super::merge::merged;

section! {
    /// Finding things in an agent's notes by meaning and by word.
    pub struct MemorySearch {
        /// Whether notes can be searched. Default: true.
        pub enabled: Option<bool>,
        /// What is searched. Default: the notes.
        pub sources: Option<Vec<MemorySource>>,
        /// Further folders and `.md` files, absolute or within the workspace.
        pub extra_paths: Option<Vec<String>>,
        /// Things still being tried out.
        pub experimental: Option<MemoryExperimental>,
        /// Who computes embeddings. Default: auto (local if there is a model file, else OpenAI,
        /// else Gemini, by which key exists).
        pub provider: Option<EmbeddingProvider>,
        /// A remote server for embeddings.
        pub remote: Option<RemoteEmbeddings>,
        /// Who computes embeddings when the first one fails. Default: none.
        pub fallback: Option<EmbeddingFallback>,
        /// Embedding model. Default: the provider's usual one.
        pub model: Option<String>,
        /// An embedding model on this machine.
        pub local: Option<LocalEmbeddings>,
        /// Where the index is kept.
        pub store: Option<MemoryStore>,
        /// How text is cut into pieces.
        pub chunking: Option<Chunking>,
        /// When the index is brought up to date.
        pub sync: Option<MemorySync>,
        /// What a search returns.
        pub query: Option<MemoryQuery>,
        /// Keeping embeddings of text seen before.
        pub cache: Option<EmbeddingCache>,
    }
}

choice! {
    /// What is searched.
    pub enum MemorySource {
        /// `MEMORY.md` and the `memory` folder.
        Memory = "memory",
        /// Past conversations (needs `experimental.sessionMemory`).
        Sessions = "sessions",
    }
}

section! {
    /// Things still being tried out.
    pub struct MemoryExperimental {
        /// Allow searching past conversations. Default: false.
        pub session_memory: Option<bool>,
    }
}

choice! {
    /// Who computes embeddings.
    pub enum EmbeddingProvider {
        /// The first that is usable.
        Auto = "auto",
        /// OpenAI, or a server that speaks like it.
        Openai = "openai",
        /// Google Gemini.
        Gemini = "gemini",
        /// A model on this machine.
        Local = "local",
    }
}

choice! {
    /// Who computes embeddings when the first one fails.
    pub enum EmbeddingFallback {
        /// OpenAI, or a server that speaks like it.
        Openai = "openai",
        /// Google Gemini.
        Gemini = "gemini",
        /// A model on this machine.
        Local = "local",
        /// Nobody.
        None = "none",
    }
}

section! {
    /// A remote server for embeddings.
    pub struct RemoteEmbeddings {
        /// Address of its API. Default: the provider's.
        pub base_url: Option<String>,
        /// Its key. Default: the provider's.
        pub api_key: Option<String>,
        /// Extra HTTP headers.
        pub headers: Option<BTreeMap<String, String>>,
        /// Sending many texts as one cheaper job.
        pub batch: Option<EmbeddingBatch>,
    }
}

section! {
    /// Sending many texts as one cheaper job.
    pub struct EmbeddingBatch {
        /// Whether to do so. Default: true.
        pub enabled: Option<bool>,
        /// Wait for the job to end. Default: true.
        pub wait: Option<bool>,
        /// Jobs at the same time. Default: 2.
        #[schemars(range(min = 1))]
        pub concurrency: Option<u32>,
        /// Milliseconds between two looks at the job. Default: 2000.
        pub poll_interval_ms: Option<u64>,
        /// Longest wait, in minutes. Default: 60.
        #[schemars(range(min = 1))]
        pub timeout_minutes: Option<u32>,
    }
}

section! {
    /// An embedding model on this machine.
    pub struct LocalEmbeddings {
        /// Model file (GGUF) or its `hf:` address.
        pub model_path: Option<String>,
        /// Folder for downloaded models.
        pub model_cache_dir: Option<String>,
    }
}

section! {
    /// Where the index is kept.
    pub struct MemoryStore {
        /// Kind of store. Default: sqlite.
        pub driver: Option<MemoryDriver>,
        /// Its file; `{agentId}` stands for the agent. Default: `memory/<agentId>.sqlite` in the
        /// state directory.
        pub path: Option<String>,
        /// Comparing embeddings inside the store.
        pub vector: Option<VectorStore>,
    }
}

choice! {
    /// Kind of store.
    pub enum MemoryDriver {
        /// One SQLite file.
        Sqlite = "sqlite",
    }
}

section! {
    /// Comparing embeddings inside the store.
    pub struct VectorStore {
        /// Whether to do so. Default: true.
        pub enabled: Option<bool>,
        /// File of the sqlite-vec extension. Default: the one that comes with this program.
        pub extension_path: Option<String>,
    }
}

section! {
    /// How text is cut into pieces.
    pub struct Chunking {
        /// Tokens in a piece. Default: 400.
        #[schemars(range(min = 1))]
        pub tokens: Option<u32>,
        /// Tokens shared by neighbours. Default: 80.
        pub overlap: Option<u32>,
    }
}

section! {
    /// When the index is brought up to date.
    pub struct MemorySync {
        /// At the start of a conversation. Default: true.
        pub on_session_start: Option<bool>,
        /// At a search. Default: true.
        pub on_search: Option<bool>,
        /// When a file changes. Default: true.
        pub watch: Option<bool>,
        /// Milliseconds to wait after a change. Default: 1500.
        pub watch_debounce_ms: Option<u64>,
        /// Minutes between two regular times; 0 for none. Default: 0.
        pub interval_minutes: Option<u32>,
        /// Past conversations.
        pub sessions: Option<SessionSync>,
    }
}

section! {
    /// How much a conversation must grow before it is indexed again.
    pub struct SessionSync {
        /// By bytes. Default: 100000.
        pub delta_bytes: Option<u64>,
        /// By messages. Default: 50.
        pub delta_messages: Option<u64>,
    }
}

section! {
    /// What a search returns.
    pub struct MemoryQuery {
        /// Most results. Default: 6.
        #[schemars(range(min = 1))]
        pub max_results: Option<u32>,
        /// Least score, 0 to 1. Default: 0.35.
        #[schemars(range(min = 0.0, max = 1.0))]
        pub min_score: Option<f64>,
        /// Searching by word as well as by meaning.
        pub hybrid: Option<HybridQuery>,
    }
}

section! {
    /// Searching by word as well as by meaning.
    pub struct HybridQuery {
        /// Whether to do so. Default: true.
        pub enabled: Option<bool>,
        /// Weight of the meaning. Default: 0.7.
        #[schemars(range(min = 0.0, max = 1.0))]
        pub vector_weight: Option<f64>,
        /// Weight of the words. Default: 0.3.
        #[schemars(range(min = 0.0, max = 1.0))]
        pub text_weight: Option<f64>,
        /// Candidates looked at per result, 1 to 20. Default: 4.
        #[schemars(range(min = 1, max = 20))]
        pub candidate_multiplier: Option<u32>,
    }
}

section! {
    /// Keeping embeddings of text seen before.
    pub struct EmbeddingCache {
        /// Whether to keep them. Default: true.
        pub enabled: Option<bool>,
        /// Most of them. Default: no limit.
        #[schemars(range(min = 1))]
        pub max_entries: Option<u64>,
    }
}

impl MemorySearch {
    /// These settings with what they leave out taken from `defaults`, key by key.
    #[must_use]
    pub fn or(&self, defaults: &Self) -> Self {
        merged(self, defaults)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::{Value, json};

    use super::MemorySearch;

    fn read(value: Value) -> MemorySearch {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn an_agent_changes_single_keys() {
        let defaults = read(json!({
            "provider": "openai", "extraPaths": ["notes"],
            "query": {"maxResults": 3, "hybrid": {"textWeight": 0.5, "vectorWeight": 0.5}}}));
        let own = read(json!({
            "enabled": false, "extraPaths": [], "query": {"hybrid": {"textWeight": 0.1}}}));
        let merged = read(json!({
            "enabled": false, "provider": "openai", "extraPaths": [],
            "query": {"maxResults": 3, "hybrid": {"textWeight": 0.1, "vectorWeight": 0.5}}}));
        assert_eq!(own.or(&defaults), merged);
    }
}
