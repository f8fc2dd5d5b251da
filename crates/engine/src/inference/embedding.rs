//! Vectors of texts: each text alone, in one step, by the pooling that the model was trained with.

mod prefixes;

use std::num::NonZeroU32;
use std::path::Path;

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::params::{LlamaContextParams, LlamaPoolingType};
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::token::LlamaToken;
use moltbot_llm::TextKind;
use thiserror::Error;

use super::model::{LoadError, llama, weights};
use crate::gguf::GgufHeader;
use crate::protocol::LoadedEmbedderInfo;

use prefixes::Prefixes;

/// Why a text has no vector.
#[derive(Debug, Error)]
pub enum EmbedError {
    /// What came out is zero or no number.
    #[error("The model's vector for a text has no direction: is it an embedding model?")]
    NoVector,
    /// llama.cpp failed.
    #[error("llama.cpp failed: {0}.")]
    Inference(String),
}

/// A model in memory that makes vectors.
#[derive(Debug)]
pub struct EmbeddingModel {
    llama: LlamaModel,
    header: GgufHeader,
    pooling: LlamaPoolingType,
    prefixes: Prefixes,
}

impl EmbeddingModel {
    /// Loads a GGUF file, after checking that it is whole. `progress` as for
    /// [`LoadedModel::load`](super::LoadedModel::load).
    ///
    /// # Errors
    /// A file that is missing, cut short or of an unknown kind, or of a model that only ranks texts.
    pub fn load(
        path: &Path,
        progress: impl FnMut(f32) -> bool + 'static,
    ) -> Result<Self, LoadError> {
        let (header, llama) = weights(path, progress)?;
        let architecture = header.architecture.as_deref().unwrap_or_default();
        let told = llama.meta_val_str(&format!("{architecture}.pooling_type"));
        let told = told.ok().and_then(|kind| kind.trim().parse::<i32>().ok());
        let pooling = match told.map(LlamaPoolingType::from) {
            Some(LlamaPoolingType::Rank) => {
                return Err(LoadError::Ranks {
                    path: path.to_owned(),
                });
            }
            Some(pooling @ (LlamaPoolingType::Cls | LlamaPoolingType::Last)) => pooling,
            // A model whose file does not tell: most were trained with the mean.
            _ => LlamaPoolingType::Mean,
        };
        let prefixes = Prefixes::guess(architecture, header.name.as_deref(), path);
        Ok(Self {
            llama,
            header,
            pooling,
            prefixes,
        })
    }
}

/// A vector of length 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedded {
    /// The vector.
    pub vector: Vec<f32>,
    /// Whether the text was longer than the window.
    pub was_cut: bool,
}

/// An embedding model with room for one text.
#[derive(Debug)]
pub struct EmbeddingSession<'model> {
    model: &'model EmbeddingModel,
    context: LlamaContext<'model>,
    batch: LlamaBatch<'static>,
    window: usize,
}

impl<'model> EmbeddingSession<'model> {
    /// Most tokens of a text where nobody asks for another figure. Pieces of notes have 400, twice that in some scripts.
    pub const WINDOW: u32 = 1024;

    /// Reserves room for texts of at most `window` tokens, fewer where the model was trained for fewer: all of a text goes
    /// through it at once, and the memory for that is taken now.
    ///
    /// # Errors
    /// Too little memory.
    pub fn new(
        model: &'model EmbeddingModel,
        window: u32,
        threads: u32,
    ) -> Result<Self, LoadError> {
        let window = window.min(model.llama.n_ctx_train()).max(1);
        let threads = i32::try_from(threads.max(1)).unwrap_or(i32::MAX);
        let params = LlamaContextParams::default()
            .with_n_ctx(NonZeroU32::new(window))
            // A model that looks both ways has to see all of a text at once, and so does the pooling.
            .with_n_batch(window)
            .with_n_ubatch(window)
            .with_n_threads(threads)
            .with_n_threads_batch(threads)
            .with_embeddings(true)
            .with_pooling_type(model.pooling)
            .with_no_perf(true);
        let context = model
            .llama
            .new_context(llama()?, params)
            .map_err(|_| LoadError::Context { context: window })?;
        let window = window as usize;
        Ok(Self {
            model,
            context,
            batch: LlamaBatch::new(window, 1),
            window,
        })
    }

    /// What is known about the model.
    pub fn info(&self) -> LoadedEmbedderInfo {
        let EmbeddingModel {
            llama,
            header,
            pooling,
            prefixes,
        } = self.model;
        LoadedEmbedderInfo {
            name: header.name.clone(),
            architecture: header.architecture.clone(),
            window: self.window as u32,
            dimensions: u32::try_from(llama.n_embd_out()).unwrap_or_default(),
            pooling: match pooling {
                LlamaPoolingType::Cls => "cls".to_owned(),
                LlamaPoolingType::Last => "last".to_owned(),
                _ => "mean".to_owned(),
            },
            query_prefix: prefixes.query.to_owned(),
            document_prefix: prefixes.document.to_owned(),
        }
    }

    /// The vector of a text; of its beginning, where it is longer than the window.
    ///
    /// # Errors
    /// llama.cpp fails, or what comes out is no direction.
    pub fn embed(&mut self, text: &str, kind: TextKind) -> Result<Embedded, EmbedError> {
        let (tokens, was_cut) = self.tokens(text, kind);
        let failed = |error: &dyn std::error::Error| EmbedError::Inference(error.to_string());
        self.context.clear_kv_cache();
        self.batch.clear();
        for (position, token) in tokens.into_iter().enumerate() {
            self.batch
                .add(token, position as i32, &[0], true)
                .map_err(|error| failed(&error))?;
        }
        self.context
            .decode(&mut self.batch)
            .map_err(|error| failed(&error))?;
        let vector = self
            .context
            .embeddings_seq_ith(0)
            .map_err(|error| failed(&error))?;
        Ok(Embedded {
            vector: normalized(vector).ok_or(EmbedError::NoVector)?,
            was_cut,
        })
    }

    /// The tokens of a text with what belongs before and after it, and whether some were left out. What looks like a
    /// control token in a text is text.
    fn tokens(&self, text: &str, kind: TextKind) -> (Vec<LlamaToken>, bool) {
        let vocab = self.model.llama.vocab();
        let prefix = match kind {
            TextKind::Query => self.model.prefixes.query,
            TextKind::Document => self.model.prefixes.document,
        };
        let text = format!("{prefix}{text}");
        let mut tokens = vocab.tokenize(text.as_bytes(), true, false);
        if tokens.is_empty() {
            // Of an empty text nothing is left where a vocabulary frames none.
            tokens = vocab.tokenize(b" ", true, false);
        }
        let was_cut = tokens.len() > self.window;
        if was_cut {
            let bare = vocab.tokenize(text.as_bytes(), false, false);
            let end = tokens.last().copied().filter(|_| !tokens.ends_with(&bare));
            tokens.truncate(self.window);
            if let (Some(end), Some(last)) = (end, tokens.last_mut()) {
                *last = end;
            }
        }
        (tokens, was_cut)
    }
}

/// The vector of length 1 in the same direction; `None` where there is none.
fn normalized(vector: &[f32]) -> Option<Vec<f32>> {
    let length = vector
        .iter()
        .map(|number| f64::from(*number).powi(2))
        .sum::<f64>()
        .sqrt();
    (length.is_finite() && length > 0.0).then(|| {
        vector
            .iter()
            .map(|number| (f64::from(*number) / length) as f32)
            .collect()
    })
}
