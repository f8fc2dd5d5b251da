//! SHA-256 and the GGUF mark of a file, taken while its bytes pass by.

use std::fmt::Write as _;
use std::io::{self, Read};

use sha2::{Digest as _, Sha256};

/// The first bytes of every GGUF file
/// (<https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>).
const GGUF_MAGIC: [u8; 4] = *b"GGUF";

/// How much is hashed before progress is told, in bytes.
const STRIDE: u64 = 64 << 20;

/// How much one read takes, in bytes.
const READ_SIZE: usize = 1 << 20;

/// What is known of the bytes seen so far.
#[derive(Clone, Default)]
pub(super) struct Digest {
    hasher: Sha256,
    head: [u8; GGUF_MAGIC.len()],
    len: u64,
}

impl Digest {
    /// Takes the next bytes in.
    pub(super) fn update(&mut self, bytes: &[u8]) {
        // A length beyond the mark leaves nothing of the mark open.
        let seen = usize::try_from(self.len).unwrap_or(usize::MAX);
        if let Some(open) = self.head.get_mut(seen..) {
            let taken = open.len().min(bytes.len());
            open[..taken].copy_from_slice(&bytes[..taken]);
        }
        self.hasher.update(bytes);
        self.len += bytes.len() as u64;
    }

    /// How many bytes were seen.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// The checksum of what was seen, in lower-case hex.
    pub(super) fn sha256(&self) -> String {
        let mut hex = String::with_capacity(64);
        for byte in self.hasher.clone().finalize() {
            // Writing to a string cannot fail.
            let _ = write!(hex, "{byte:02x}");
        }
        hex
    }

    /// Whether the bytes begin as a GGUF file does.
    pub(super) fn is_gguf(&self) -> bool {
        self.len >= GGUF_MAGIC.len() as u64 && self.head == GGUF_MAGIC
    }
}

/// Reads to the end and gives the reader back with what was seen. `passed` hears now and then
/// how many bytes that were.
///
/// Reading and hashing run on the blocking threads: a large model takes minutes.
pub(super) async fn read_through<R>(
    reader: R,
    passed: &mut (dyn FnMut(u64) + Send),
) -> io::Result<(R, Digest)>
where
    R: Read + Send + 'static,
{
    let mut state = (reader, Digest::default());
    loop {
        let before = state.1.len();
        state = tokio::task::spawn_blocking(move || stride(state))
            .await
            .map_err(io::Error::other)??;
        passed(state.1.len());
        if state.1.len() - before < STRIDE {
            return Ok(state);
        }
    }
}

fn stride<R: Read>((mut reader, mut digest): (R, Digest)) -> io::Result<(R, Digest)> {
    let mut buffer = vec![0; READ_SIZE];
    let end = digest.len() + STRIDE;
    while digest.len() < end {
        let room = usize::try_from(end - digest.len()).unwrap_or(READ_SIZE);
        let room = room.min(READ_SIZE);
        match reader.read(&mut buffer[..room]) {
            Ok(0) => break,
            Ok(count) => digest.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok((reader, digest))
}

/// Whether this is a SHA-256 in hex.
pub(super) fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{Digest, is_sha256};

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        // FIPS 180-2, appendix B.1.
        let mut digest = Digest::default();
        digest.update(b"a");
        digest.update(b"bc");
        assert_eq!(
            digest.sha256(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert!(is_sha256(&digest.sha256()));
        assert_eq!(digest.len(), 3);
    }

    proptest::proptest! {
        #[test]
        fn pieces_do_not_matter(
            bytes in proptest::collection::vec(0_u8..4, 0..64),
            piece in 1_usize..9,
            marked: bool,
        ) {
            let mut file = if marked { b"GGUF".to_vec() } else { Vec::new() };
            file.extend(bytes);
            let mut whole = Digest::default();
            whole.update(&file);
            let mut pieces = Digest::default();
            for part in file.chunks(piece) {
                pieces.update(part);
            }
            proptest::prop_assert_eq!(whole.sha256(), pieces.sha256());
            proptest::prop_assert_eq!(pieces.is_gguf(), marked);
        }
    }
}
