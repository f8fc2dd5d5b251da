//! Reads the head of a GGUF file piece by piece, never past its end and never more into memory than it holds.

use std::io::{self, Read};

use super::tensor_type;

/// What is wrong with a file.
#[derive(Debug)]
pub(super) enum Damage {
    /// It could not be read.
    Io(io::Error),
    /// It does not begin with the magic bytes.
    NotGguf,
    /// It is cut short or makes no sense.
    Incomplete(String),
    /// It is of an unknown kind.
    Unsupported(String),
}

/// A metadata value, as far as anybody here wants to know it.
#[derive(Debug, PartialEq)]
pub(super) enum MetaValue {
    /// A string.
    Text(String),
    /// An integer that is not negative.
    Integer(u64),
    /// Anything else, skipped.
    Other,
}

/// Longest string that is kept. Chat templates are the longest in use, at some ten kilobytes.
const LONGEST_STRING: u64 = 1 << 20;

/// `GGML_MAX_DIMS`.
const MOST_DIMENSIONS: u32 = 4;

const TYPE_STRING: u32 = 8;
const TYPE_ARRAY: u32 = 9;

/// Bytes of a scalar metadata value of a type.
fn scalar_size(kind: u32) -> Option<u64> {
    match kind {
        0 | 1 | 7 => Some(1),
        2 | 3 => Some(2),
        4..=6 => Some(4),
        10..=12 => Some(8),
        _ => None,
    }
}

pub(super) struct HeadReader<R> {
    source: R,
    at: u64,
    file_bytes: u64,
}

impl<R: Read> HeadReader<R> {
    pub(super) fn new(source: R, file_bytes: u64) -> Self {
        Self {
            source,
            at: 0,
            file_bytes,
        }
    }

    /// The magic bytes, the version and the counts of tensors and metadata entries.
    pub(super) fn start(&mut self) -> Result<(u64, u64), Damage> {
        let magic = self
            .bytes::<4>("the magic bytes")
            .map_err(|damage| match damage {
                Damage::Incomplete(_) => Damage::NotGguf,
                other => other,
            })?;
        if &magic != b"GGUF" {
            return Err(Damage::NotGguf);
        }
        let version = self.u32("the version")?;
        if !(2..=3).contains(&version) {
            return Err(Damage::Unsupported(format!(
                "it is of version {version} of the GGUF format, and 2 and 3 are known"
            )));
        }
        let tensors = self.u64("the number of tensors")?;
        let entries = self.u64("the number of metadata entries")?;
        Ok((tensors, entries))
    }

    /// A string.
    pub(super) fn string(&mut self, what: &str) -> Result<String, Damage> {
        let length = self.u64(what)?;
        self.must_hold(length, what)?;
        if length > LONGEST_STRING {
            return Err(Damage::Incomplete(format!(
                "{what} is said to be {length} bytes long"
            )));
        }
        self.text(length, what)
    }

    /// The next `length` bytes as text.
    fn text(&mut self, length: u64, what: &str) -> Result<String, Damage> {
        let mut bytes = Vec::new();
        let read = (&mut self.source)
            .take(length)
            .read_to_end(&mut bytes)
            .map_err(Damage::Io)? as u64;
        if read != length {
            return Err(self.cut_in(what));
        }
        self.at += length;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The value of a metadata entry.
    pub(super) fn value(&mut self, key: &str) -> Result<MetaValue, Damage> {
        let kind = self.u32(key)?;
        match kind {
            TYPE_STRING => {
                let length = self.u64(key)?;
                self.must_hold(length, key)?;
                if length > LONGEST_STRING {
                    self.skip(length, key)?;
                    return Ok(MetaValue::Other);
                }
                Ok(MetaValue::Text(self.text(length, key)?))
            }
            TYPE_ARRAY => {
                let element = self.u32(key)?;
                let count = self.u64(key)?;
                if element == TYPE_STRING {
                    for _ in 0..count {
                        let length = self.u64(key)?;
                        self.skip(length, key)?;
                    }
                } else {
                    let bytes = scalar_size(element)
                        .and_then(|size| size.checked_mul(count))
                        .ok_or_else(|| unknown_value(key, element))?;
                    self.skip(bytes, key)?;
                }
                Ok(MetaValue::Other)
            }
            2 => Ok(MetaValue::Integer(u64::from(u16::from_le_bytes(
                self.bytes(key)?,
            )))),
            4 => Ok(MetaValue::Integer(u64::from(self.u32(key)?))),
            10 => Ok(MetaValue::Integer(self.u64(key)?)),
            5 => Ok(u64::try_from(i32::from_le_bytes(self.bytes(key)?))
                .map_or(MetaValue::Other, MetaValue::Integer)),
            11 => Ok(u64::try_from(i64::from_le_bytes(self.bytes(key)?))
                .map_or(MetaValue::Other, MetaValue::Integer)),
            _ => {
                let bytes = scalar_size(kind).ok_or_else(|| unknown_value(key, kind))?;
                self.skip(bytes, key)?;
                Ok(MetaValue::Other)
            }
        }
    }

    /// Walks the list of tensors and returns the bytes that the file needs for the last of them to be complete.
    pub(super) fn tensors(&mut self, count: u64, alignment: u64) -> Result<u64, Damage> {
        // The end of each tensor, relative to the data section that begins after this list.
        let mut data_end = 0_u64;
        for _ in 0..count {
            let name = self.string("the name of a tensor")?;
            let dimensions = self.u32(&name)?;
            if dimensions > MOST_DIMENSIONS {
                return Err(Damage::Incomplete(format!(
                    "the tensor {name} is said to have {dimensions} dimensions"
                )));
            }
            let mut shape = Vec::new();
            for _ in 0..dimensions {
                shape.push(self.u64(&name)?);
            }
            let kind = self.u32(&name)?;
            let offset = self.u64(&name)?;
            let layout = tensor_type::layout(kind).ok_or_else(|| {
                Damage::Unsupported(format!("the tensor {name} has the unknown type {kind}"))
            })?;
            let end = layout
                .bytes_of(&shape)
                .and_then(|bytes| offset.checked_add(bytes))
                .ok_or_else(|| {
                    Damage::Incomplete(format!("the size of the tensor {name} makes no sense"))
                })?;
            data_end = data_end.max(end);
        }
        let expected = if count == 0 {
            self.at
        } else {
            self.at
                .checked_next_multiple_of(alignment)
                .and_then(|start| start.checked_add(data_end))
                .ok_or_else(|| Damage::Incomplete("its tensors' sizes make no sense".into()))?
        };
        if self.file_bytes < expected {
            return Err(Damage::Incomplete(format!(
                "it has {} of {expected} bytes",
                self.file_bytes
            )));
        }
        Ok(expected)
    }

    fn u32(&mut self, what: &str) -> Result<u32, Damage> {
        Ok(u32::from_le_bytes(self.bytes(what)?))
    }

    fn u64(&mut self, what: &str) -> Result<u64, Damage> {
        Ok(u64::from_le_bytes(self.bytes(what)?))
    }

    fn bytes<const N: usize>(&mut self, what: &str) -> Result<[u8; N], Damage> {
        let mut bytes = [0; N];
        match self.source.read_exact(&mut bytes) {
            Ok(()) => {
                self.at += N as u64;
                Ok(bytes)
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(self.cut_in(what)),
            Err(error) => Err(Damage::Io(error)),
        }
    }

    fn skip(&mut self, bytes: u64, what: &str) -> Result<(), Damage> {
        self.must_hold(bytes, what)?;
        let skipped =
            io::copy(&mut (&mut self.source).take(bytes), &mut io::sink()).map_err(Damage::Io)?;
        if skipped != bytes {
            return Err(self.cut_in(what));
        }
        self.at += bytes;
        Ok(())
    }

    /// Refuses a length that reaches past the end before anything of that length is read.
    fn must_hold(&self, bytes: u64, what: &str) -> Result<(), Damage> {
        if bytes > self.file_bytes.saturating_sub(self.at) {
            Err(self.cut_in(what))
        } else {
            Ok(())
        }
    }

    fn cut_in(&self, what: &str) -> Damage {
        Damage::Incomplete(format!(
            "it ends after {} bytes, in {what}",
            self.file_bytes
        ))
    }
}

fn unknown_value(key: &str, kind: u32) -> Damage {
    Damage::Incomplete(format!("the value of {key} has the unknown type {kind}"))
}
