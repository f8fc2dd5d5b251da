//! The head of a GGUF file, read and checked without loading its weights.
//!
//! llama.cpp meets a damaged file with log lines meant for developers. Reading the head first costs a few milliseconds
//! and turns a download that broke off into one clear sentence. The layout is that of `ggml/include/gguf.h`.

mod reader;
mod tensor_type;

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use thiserror::Error;

use reader::{Damage, HeadReader, MetaValue};

/// What the head of a GGUF file says about the model.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GgufHeader {
    /// `general.name`: the model's name for people.
    pub name: Option<String>,
    /// `general.architecture`, such as `llama` or `qwen3`.
    pub architecture: Option<String>,
    /// Tokens of context that the model was trained for.
    pub context_length: Option<u64>,
    /// The chat template (Jinja) that the model was trained with.
    pub chat_template: Option<String>,
    /// How many tensors the file holds.
    pub tensors: u64,
    /// Bytes that the file must have for all its tensors to be there.
    pub expected_bytes: u64,
}

/// Why a model file cannot be used.
#[derive(Debug, Error)]
pub enum GgufError {
    /// The file could not be opened or read.
    #[error("The model file {} cannot be read: {source}.", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file does not begin like a GGUF file.
    #[error(
        "{} is not a GGUF file: remove it and run moltbot models pull {}.",
        path.display(),
        model_id(path)
    )]
    NotGguf {
        /// The file.
        path: PathBuf,
    },
    /// The file ends before all that its head announces, or its head makes no sense.
    #[error(
        "{} is not a complete GGUF file ({what}): run moltbot models pull {}.",
        path.display(),
        model_id(path)
    )]
    Incomplete {
        /// The file.
        path: PathBuf,
        /// What is missing or wrong.
        what: String,
    },
    /// The file is of a kind that this build does not know.
    #[error("{} cannot be used by this build of moltbot: {what}.", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// What is not known.
        what: String,
    },
}

/// The id under which a model file is known: its name without `.gguf`.
fn model_id(path: &Path) -> String {
    path.file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default()
}

impl GgufHeader {
    /// Reads the head of a file and checks that every tensor it announces lies within the file.
    ///
    /// # Errors
    /// An unreadable file, one that is no GGUF file, one that is cut short or damaged in its head, or one made for
    /// another version of the format.
    pub fn read(path: &Path) -> Result<Self, GgufError> {
        let of_path = |source| GgufError::Read {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(of_path)?;
        let metadata = file.metadata().map_err(of_path)?;
        if !metadata.is_file() {
            return Err(of_path(io::Error::other("it is not a file")));
        }
        Self::parse(BufReader::new(file), metadata.len()).map_err(|damage| match damage {
            Damage::Io(source) => of_path(source),
            Damage::NotGguf => GgufError::NotGguf {
                path: path.to_owned(),
            },
            Damage::Incomplete(what) => GgufError::Incomplete {
                path: path.to_owned(),
                what,
            },
            Damage::Unsupported(what) => GgufError::Unsupported {
                path: path.to_owned(),
                what,
            },
        })
    }

    /// Reads the head from the beginning of `source`, a file of `file_bytes` bytes.
    fn parse(source: impl Read, file_bytes: u64) -> Result<Self, Damage> {
        let mut reader = HeadReader::new(source, file_bytes);
        let (tensors, entries) = reader.start()?;
        let mut header = Self {
            tensors,
            ..Self::default()
        };
        let mut alignment = 32_u64;
        for _ in 0..entries {
            let key = reader.string("a key of the metadata")?;
            let value = reader.value(&key)?;
            match (key.as_str(), value) {
                ("general.name", MetaValue::Text(text)) => header.name = Some(text),
                ("general.architecture", MetaValue::Text(text)) => {
                    header.architecture = Some(text);
                }
                ("tokenizer.chat_template", MetaValue::Text(text)) => {
                    header.chat_template = Some(text);
                }
                ("general.alignment", MetaValue::Integer(bytes)) => alignment = bytes,
                (key, MetaValue::Integer(tokens)) if key.ends_with(".context_length") => {
                    header.context_length = Some(tokens);
                }
                _ => {}
            }
        }
        if !alignment.is_power_of_two() {
            return Err(Damage::Incomplete(format!(
                "its alignment of {alignment} bytes is no power of two"
            )));
        }
        header.expected_bytes = reader.tensors(tensors, alignment)?;
        Ok(header)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    fn string(text: &str) -> Vec<u8> {
        let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
        bytes.extend(text.as_bytes());
        bytes
    }

    /// A small, complete file: four metadata entries of different kinds and two tensors with their data.
    fn complete_file() -> Vec<u8> {
        let mut bytes = b"GGUF".to_vec();
        bytes.extend(3_u32.to_le_bytes());
        bytes.extend(2_u64.to_le_bytes());
        bytes.extend(5_u64.to_le_bytes());
        for (key, text) in [
            ("general.architecture", "llama"),
            ("general.name", "Tiny"),
            ("tokenizer.chat_template", "{{ messages }}"),
        ] {
            bytes.extend(string(key));
            bytes.extend(8_u32.to_le_bytes());
            bytes.extend(string(text));
        }
        bytes.extend(string("llama.context_length"));
        bytes.extend(4_u32.to_le_bytes());
        bytes.extend(2048_u32.to_le_bytes());
        bytes.extend(string("tokenizer.ggml.tokens"));
        bytes.extend(9_u32.to_le_bytes());
        bytes.extend(8_u32.to_le_bytes());
        bytes.extend(3_u64.to_le_bytes());
        for token in ["a", "b", "longer token"] {
            bytes.extend(string(token));
        }
        // 64 elements of Q4_1 are two blocks of 20 bytes; 3 of F32 are 12 bytes.
        for (name, dimensions, kind, offset) in [
            ("token_embd.weight", vec![32_u64, 2], 3_u32, 0_u64),
            ("output_norm.weight", vec![3], 0, 64),
        ] {
            bytes.extend(string(name));
            bytes.extend((dimensions.len() as u32).to_le_bytes());
            for dimension in dimensions {
                bytes.extend(dimension.to_le_bytes());
            }
            bytes.extend(kind.to_le_bytes());
            bytes.extend(offset.to_le_bytes());
        }
        bytes.resize(bytes.len().next_multiple_of(32), 0);
        bytes.resize(bytes.len() + 64 + 12, 7);
        bytes
    }

    fn parse(bytes: &[u8]) -> Result<GgufHeader, Damage> {
        GgufHeader::parse(Cursor::new(bytes), bytes.len() as u64)
    }

    #[test]
    fn a_complete_file_is_read() {
        let bytes = complete_file();
        let header = parse(&bytes).unwrap();
        assert_eq!(header.name.as_deref(), Some("Tiny"));
        assert_eq!(header.architecture.as_deref(), Some("llama"));
        assert_eq!(header.context_length, Some(2048));
        assert_eq!(header.chat_template.as_deref(), Some("{{ messages }}"));
        assert_eq!(header.tensors, 2);
        assert_eq!(header.expected_bytes, bytes.len() as u64);
    }

    #[test]
    fn every_cut_is_noticed() {
        let bytes = complete_file();
        for length in 0..bytes.len() {
            let damage = parse(&bytes[..length]).unwrap_err();
            match damage {
                Damage::NotGguf => assert!(length < 4, "cut at {length}"),
                Damage::Incomplete(_) => assert!(length >= 4, "cut at {length}"),
                other => panic!("cut at {length}: {other:?}"),
            }
        }
    }

    #[test]
    fn the_sentences_name_the_file_and_the_next_step() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tiny.gguf");
        let bytes = complete_file();
        std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        let sentence = GgufHeader::read(&path).unwrap_err().to_string();
        assert_eq!(
            sentence,
            format!(
                "{} is not a complete GGUF file (it has {} of {} bytes): run moltbot models pull tiny.",
                path.display(),
                bytes.len() - 1,
                bytes.len()
            )
        );

        std::fs::write(&path, "<html>404</html>").unwrap();
        let sentence = GgufHeader::read(&path).unwrap_err().to_string();
        assert_eq!(
            sentence,
            format!(
                "{} is not a GGUF file: remove it and run moltbot models pull tiny.",
                path.display()
            )
        );

        let sentence = GgufHeader::read(dir.path()).unwrap_err().to_string();
        assert!(sentence.contains("it is not a file"), "{sentence}");
    }

    #[test]
    fn an_unknown_tensor_type_is_named() {
        let mut bytes = complete_file();
        let name = b"output_norm.weight";
        let at = bytes
            .windows(name.len())
            .position(|window| window == name)
            .unwrap()
            + name.len()
            + 4
            + 8;
        bytes[at..at + 4].copy_from_slice(&99_u32.to_le_bytes());
        let Err(Damage::Unsupported(what)) = parse(&bytes) else {
            panic!("accepted");
        };
        assert_eq!(
            what,
            "the tensor output_norm.weight has the unknown type 99"
        );
    }

    proptest! {
        #[test]
        fn damage_anywhere_never_panics(
            at in 0_usize..400,
            with in prop::collection::vec(any::<u8>(), 1..16),
        ) {
            let mut bytes = complete_file();
            for (offset, byte) in with.into_iter().enumerate() {
                if let Some(place) = bytes.get_mut(at + offset) {
                    *place = byte;
                }
            }
            if let Ok(header) = parse(&bytes) {
                prop_assert!(header.expected_bytes <= bytes.len() as u64);
            }
        }
    }
}
