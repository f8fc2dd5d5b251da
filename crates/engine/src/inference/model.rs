//! Loading a model file.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use llama_cpp_2::LlamaCppError;
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::model::params::LlamaModelParams;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::{LogOptions, send_logs_to_tracing};
use thiserror::Error;

use super::constraint::Grammars;
use crate::gguf::{GgufError, GgufHeader};
use crate::template::{ChatTemplate, Prompt, SpecialTokens, TemplateError};

/// Control tokens that mark up an answer instead of framing it; they are part of its text, for whoever separates the
/// reasoning and the tool calls from the words for the person. Every other control token is left out of the text.
const MARKUP: [&str; 13] = [
    "<think>",
    "</think>",
    "<tool_call>",
    "</tool_call>",
    "<|channel|>",
    "<|message|>",
    "<|constrain|>",
    "<|start|>",
    "<|end|>",
    "<|call|>",
    "[THINK]",
    "[/THINK]",
    "[TOOL_CALLS]",
];

/// Why a model could not be loaded.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The file is not one that llama.cpp could load.
    #[error(transparent)]
    File(#[from] GgufError),
    /// The chat template in the file is of no use.
    #[error("{} cannot be used: {source}.", path.display())]
    Template {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: TemplateError,
    },
    /// llama.cpp could not start.
    #[error("llama.cpp could not start: {0}.")]
    Start(String),
    /// llama.cpp refused the file.
    #[error(
        "llama.cpp cannot load {} (architecture {}): it needs more memory than is free, or a newer release of moltbot.",
        path.display(),
        architecture
    )]
    Refused {
        /// The file.
        path: PathBuf,
        /// Its architecture.
        architecture: String,
    },
    /// The model puts texts in order, and makes no vectors.
    #[error(
        "{} ranks texts and makes no vectors: take an embedding model.",
        path.display()
    )]
    Ranks {
        /// The file.
        path: PathBuf,
    },
    /// There is no memory for the context.
    #[error(
        "There is not enough memory for a context of {context} tokens: set a smaller contextWindow for this model."
    )]
    Context {
        /// Tokens asked for.
        context: u32,
    },
}

/// llama.cpp is started once per process and stays.
pub(super) fn llama() -> Result<&'static LlamaBackend, LoadError> {
    static LLAMA: OnceLock<Result<LlamaBackend, LlamaCppError>> = OnceLock::new();
    LLAMA
        .get_or_init(|| {
            // Standard output belongs to the protocol; what llama.cpp has to say is for the log.
            send_logs_to_tracing(LogOptions::default());
            LlamaBackend::init()
        })
        .as_ref()
        .map_err(|error| LoadError::Start(error.to_string()))
}

/// Loads the weights of a GGUF file, after checking that it is whole.
pub(super) fn weights(
    path: &Path,
    progress: impl FnMut(f32) -> bool + 'static,
) -> Result<(GgufHeader, LlamaModel), LoadError> {
    let header = GgufHeader::read(path)?;
    let params = LlamaModelParams::default().with_progress_callback(progress);
    let llama =
        LlamaModel::load_from_file(llama()?, path, &params).map_err(|_| LoadError::Refused {
            path: path.to_owned(),
            architecture: header
                .architecture
                .clone()
                .unwrap_or_else(|| "unknown".into()),
        })?;
    Ok((header, llama))
}

/// A model in memory: weights, vocabulary and chat template.
#[derive(Debug)]
pub struct LoadedModel {
    pub(super) llama: LlamaModel,
    header: GgufHeader,
    template: ChatTemplate,
    bos: Option<LlamaToken>,
    markup: Vec<LlamaToken>,
    grammars: OnceLock<Result<Grammars, String>>,
}

impl LoadedModel {
    /// Loads a GGUF file, after checking that it is whole. `progress` is given how far the loading is, 0 to 1, and
    /// returns whether to go on.
    ///
    /// # Errors
    /// A file that is missing, cut short or of an unknown kind, a chat template that is of no use, too little memory.
    pub fn load(
        path: &Path,
        progress: impl FnMut(f32) -> bool + 'static,
    ) -> Result<Self, LoadError> {
        let (header, llama) = weights(path, progress)?;
        let vocab = llama.vocab();
        let text_of = |token: LlamaToken| {
            if token.0 < 0 {
                return String::new();
            }
            String::from_utf8_lossy(&vocab.token_to_piece(token, true, None)).into_owned()
        };
        let control: Vec<(LlamaToken, String)> = vocab
            .tokens()
            .filter(|token| vocab.is_control(*token))
            .map(|token| (token, text_of(token)))
            .filter(|(_, text)| !text.is_empty())
            .collect();
        let markup = control
            .iter()
            .filter(|(_, text)| MARKUP.contains(&text.as_str()))
            .map(|(token, _)| *token)
            .collect();
        let tokens = SpecialTokens {
            bos: text_of(vocab.bos()),
            eos: text_of(vocab.eos()),
            control: control.into_iter().map(|(_, text)| text).collect(),
        };
        let bos = (vocab.should_add_bos() && vocab.bos().0 >= 0).then(|| vocab.bos());
        let template =
            ChatTemplate::new(header.chat_template.as_deref(), tokens).map_err(|source| {
                LoadError::Template {
                    path: path.to_owned(),
                    source,
                }
            })?;
        Ok(Self {
            llama,
            header,
            template,
            bos,
            markup,
            grammars: OnceLock::new(),
        })
    }

    /// What the file says about the model.
    pub fn header(&self) -> &GgufHeader {
        &self.header
    }

    /// The model's chat template.
    pub fn template(&self) -> &ChatTemplate {
        &self.template
    }

    /// The vocabulary as grammars see it, made when the first tools are offered; or why there is none.
    pub(super) fn grammars(&self) -> Result<&Grammars, &str> {
        self.grammars
            .get_or_init(|| Grammars::new(self))
            .as_ref()
            .map_err(String::as_str)
    }

    /// Tokens of context that the model was trained for.
    pub fn trained_context(&self) -> u32 {
        self.llama.n_ctx_train()
    }

    /// The tokens of a prompt, with one begin-of-sequence token where the model wants one: the template may have
    /// written it already.
    pub fn tokenize(&self, prompt: &Prompt) -> Vec<LlamaToken> {
        self.tokenize_pieces(prompt.pieces().iter().map(String::as_str), true)
    }

    /// The tokens of text pieces, each made into tokens on its own.
    pub(super) fn tokenize_pieces<'a>(
        &self,
        pieces: impl Iterator<Item = &'a str>,
        from_start: bool,
    ) -> Vec<LlamaToken> {
        let vocab = self.llama.vocab();
        let mut tokens = Vec::new();
        for piece in pieces {
            tokens.extend(vocab.tokenize(piece.as_bytes(), false, true));
        }
        if let Some(bos) = self.bos
            && from_start
            && tokens.first() != Some(&bos)
        {
            tokens.insert(0, bos);
        }
        tokens
    }

    /// The begin-of-sequence token that [`LoadedModel::tokenize`] adds.
    pub(super) fn added_bos(&self) -> Option<LlamaToken> {
        self.bos
    }

    /// The bytes of a token as they stand in a prompt, control tokens spelled out.
    pub(super) fn prompt_bytes(&self, token: LlamaToken) -> Vec<u8> {
        self.llama.vocab().token_to_piece(token, true, None)
    }

    /// The bytes of a token as they stand in an answer.
    pub(super) fn answer_bytes(&self, token: LlamaToken) -> Vec<u8> {
        let markup = self.markup.contains(&token);
        self.llama.vocab().token_to_piece(token, markup, None)
    }

    pub(super) fn is_control(&self, token: LlamaToken) -> bool {
        self.llama.vocab().is_control(token)
    }

    pub(super) fn ends_turn(&self, token: LlamaToken) -> bool {
        self.llama.vocab().is_eog(token)
    }
}
