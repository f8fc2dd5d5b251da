//! What models want before a query or a document.
//!
//! No key of the file's metadata tells it: the texts are those of the models' own cards, chosen by the architecture and
//! the name in the file. A model that is not known gets none, which is right for many and a little worse for the rest.

use std::path::Path;

/// What is put before a text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Prefixes {
    pub(super) query: &'static str,
    pub(super) document: &'static str,
}

/// Words of a name, and what belongs to it. The first that fits counts.
const KNOWN: &[(&[&str], Prefixes)] = &[
    (
        &["embeddinggemma", "gemma-embedding"],
        Prefixes {
            query: "task: search result | query: ",
            document: "title: none | text: ",
        },
    ),
    (
        &["nomic-embed-text", "nomic-bert"],
        Prefixes {
            query: "search_query: ",
            document: "search_document: ",
        },
    ),
    (
        &["qwen3-embedding"],
        Prefixes {
            query: "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:",
            document: "",
        },
    ),
    (
        &["e5-small", "e5-base", "e5-large"],
        Prefixes {
            query: "query: ",
            document: "passage: ",
        },
    ),
    (
        &["snowflake-arctic-embed-l-v2", "snowflake-arctic-embed-m-v2"],
        Prefixes {
            query: "query: ",
            document: "",
        },
    ),
    (
        &[
            "bge-small-en",
            "bge-base-en",
            "bge-large-en",
            "mxbai-embed-large",
            "snowflake-arctic-embed",
        ],
        Prefixes {
            query: "Represent this sentence for searching relevant passages: ",
            document: "",
        },
    ),
];

impl Prefixes {
    /// By the architecture, the name in the file, and the file's own name.
    pub(super) fn guess(architecture: &str, name: Option<&str>, path: &Path) -> Self {
        let file = path.file_stem().map(|stem| stem.to_string_lossy());
        let told = [Some(architecture), name, file.as_deref()];
        let told: Vec<String> = told.into_iter().flatten().map(plain).collect();
        KNOWN
            .iter()
            .find(|(words, _)| {
                words
                    .iter()
                    .any(|word| told.iter().any(|told| told.contains(word)))
            })
            .map_or_else(Self::default, |(_, prefixes)| *prefixes)
    }
}

/// In lower case, with hyphens between words.
fn plain(name: &str) -> String {
    name.trim().to_lowercase().replace([' ', '_'], "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_known_by_its_architecture_its_name_or_its_file() {
        let query = |architecture: &str, name: Option<&str>, file: &str| {
            Prefixes::guess(architecture, name, Path::new(file)).query
        };
        let gemma = "task: search result | query: ";
        assert_eq!(query("gemma-embedding", None, "m.gguf"), gemma);
        assert_eq!(query("x", None, "/a/embeddinggemma-300M-Q8_0.gguf"), gemma);
        assert_eq!(query("nomic-bert", None, "m.gguf"), "search_query: ");
        assert_eq!(
            query("bert", Some("Multilingual E5 Small"), "m.gguf"),
            "query: "
        );
        assert!(query("qwen3", Some("Qwen3 Embedding 0.6B"), "m.gguf").starts_with("Instruct: "));
        assert!(query("bert", Some("bge-small-en-v1.5"), "m.gguf").starts_with("Represent"));
        // Its chat models want nothing.
        assert_eq!(query("qwen3", Some("Qwen3 0.6B"), "qwen3-0.6b.gguf"), "");
        assert_eq!(query("llama", None, "m.gguf"), "");
    }
}
