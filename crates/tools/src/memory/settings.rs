//! What holds for an agent's notes: where they are, how they are cut, what a search gives.

use std::path::{Path, PathBuf};

use moltbot_config::schema::{MemorySearch, MemorySource};
use moltbot_config::{Environment, normalize_agent_id};

/// What one token is taken for, in bytes of UTF-8: four letters of English, more than one sign of Chinese.
const TOKEN_BYTES: usize = 4;

/// Most results where none are configured.
const MAX_RESULTS: usize = 6;

/// What holds for the notes of one agent.
#[derive(Debug, Clone, PartialEq)]
pub struct MemorySettings {
    /// Whether they can be searched.
    pub enabled: bool,
    /// The agent's folder, absolute.
    pub workspace: PathBuf,
    /// Further folders and `.md` files, absolute.
    pub extra_paths: Vec<PathBuf>,
    /// The file of the index.
    pub index: PathBuf,
    /// How text is cut into pieces.
    pub piece: PieceSize,
    /// Whether a search looks for changed files first.
    pub sync_on_search: bool,
    /// Most results, where a search does not say.
    pub max_results: usize,
    /// How found pieces are ranked.
    pub ranking: Ranking,
    /// How many vectors are kept of texts that are in no file any more; `None` for all.
    pub spare_vectors: Option<u64>,
}

/// How long a piece of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PieceSize {
    /// At most, in bytes of UTF-8. More than 0.
    pub bytes: usize,
    /// How much of a piece's end begins the next one, in bytes. Less than `bytes`.
    pub overlap: usize,
}

impl PieceSize {
    /// In tokens, one for four bytes.
    pub fn of_tokens(tokens: usize, overlap: usize) -> Self {
        let bytes = tokens.max(1).saturating_mul(TOKEN_BYTES);
        Self {
            bytes,
            overlap: overlap.saturating_mul(TOKEN_BYTES).min(bytes - 1),
        }
    }
}

/// How found pieces are ranked, where there are vectors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ranking {
    /// The weight of the words, 0 to 1: the meaning has the rest. 0 where only the meaning counts.
    pub text_weight: f64,
    /// Pieces looked at for each result.
    pub candidates: usize,
    /// The least score of a piece that is ranked by its meaning, too.
    pub min_score: f64,
}

impl MemorySettings {
    /// Those of an agent with this folder. A leading `~` of a path is the home directory; relative ones start from the
    /// workspace.
    pub fn new(
        config: &MemorySearch,
        environment: &Environment,
        state_dir: &Path,
        agent_id: &str,
        workspace: &Path,
    ) -> Self {
        let from_workspace = Environment {
            home: environment.home.clone(),
            cwd: workspace.to_owned(),
            ..Environment::default()
        };
        let agent_id = normalize_agent_id(agent_id);
        let store = config
            .store
            .as_ref()
            .and_then(|store| store.path.as_deref());
        let index = match store.map(str::trim) {
            Some(path) if !path.is_empty() => {
                environment.absolute(&path.replace("{agentId}", &agent_id))
            }
            _ => state_dir.join("memory").join(format!("{agent_id}.sqlite")),
        };
        let chunking = config.chunking.clone().unwrap_or_default();
        let query = config.query.clone().unwrap_or_default();
        let hybrid = query.hybrid.unwrap_or_default();
        let cache = config.cache.clone().unwrap_or_default();
        let extra_paths = config.extra_paths.iter().flatten();
        // Past conversations are not searched; an agent that has nothing else has nothing.
        let has_notes = config
            .sources
            .as_ref()
            .is_none_or(|sources| sources.contains(&MemorySource::Memory));
        Self {
            enabled: config.enabled.unwrap_or(true) && has_notes,
            workspace: workspace.to_owned(),
            extra_paths: extra_paths
                .filter(|path| !path.trim().is_empty())
                .map(|path| from_workspace.absolute(path))
                .collect(),
            index,
            piece: PieceSize::of_tokens(
                chunking.tokens.unwrap_or(400) as usize,
                chunking.overlap.unwrap_or(80) as usize,
            ),
            sync_on_search: config
                .sync
                .as_ref()
                .and_then(|sync| sync.on_search)
                .unwrap_or(true),
            max_results: query.max_results.map_or(MAX_RESULTS, |most| most as usize),
            ranking: Ranking {
                text_weight: match hybrid.enabled {
                    Some(false) => 0.0,
                    _ => text_share(hybrid.vector_weight, hybrid.text_weight),
                },
                candidates: hybrid.candidate_multiplier.unwrap_or(4) as usize,
                min_score: query.min_score.unwrap_or(0.35),
            },
            spare_vectors: match cache.enabled {
                Some(false) => Some(0),
                _ => cache.max_entries,
            },
        }
    }
}

/// The share of the words in a sum of both weights.
fn text_share(vector: Option<f64>, text: Option<f64>) -> f64 {
    let (vector, text) = (vector.unwrap_or(0.7), text.unwrap_or(0.3));
    match vector + text {
        sum if sum > 0.0 => text / sum,
        _ => 0.3,
    }
}
