//! The chunked transfer coding (RFC 9112, section 7.1).

/// The bytes do not follow the chunked transfer coding.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotChunked;

/// The chunk that ends a body.
pub(crate) const END: &[u8] = b"0\r\n\r\n";

/// One piece of a body as a chunk. An empty piece gives no bytes, since an empty chunk
/// would end the body.
pub(crate) fn encode(piece: &[u8]) -> Vec<u8> {
    if piece.is_empty() {
        return Vec::new();
    }
    let mut chunk = format!("{:x}\r\n", piece.len()).into_bytes();
    chunk.extend_from_slice(piece);
    chunk.extend_from_slice(b"\r\n");
    chunk
}

/// Decodes a chunked body at the start of `bytes`: the body and how many bytes it took
/// on the wire, or `None` while its end has not arrived. Trailers are dropped.
pub(crate) fn decode(bytes: &[u8]) -> Result<Option<(Vec<u8>, usize)>, NotChunked> {
    let mut body = Vec::new();
    let mut at = 0;
    loop {
        let (line, size) = match httparse::parse_chunk_size(&bytes[at..]) {
            Ok(httparse::Status::Complete(found)) => found,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err(NotChunked),
        };
        at += line;
        if size == 0 {
            return Ok(trailers_end(&bytes[at..]).map(|length| (body, at + length)));
        }
        let end = usize::try_from(size)
            .ok()
            .and_then(|size| at.checked_add(size))
            .ok_or(NotChunked)?;
        let Some(piece) = bytes.get(at..end) else {
            return Ok(None);
        };
        match bytes.get(end..end + 2) {
            None => return Ok(None),
            Some(b"\r\n") => {}
            Some(_) => return Err(NotChunked),
        }
        body.extend_from_slice(piece);
        at = end + 2;
    }
}

/// How many bytes the trailer section takes, its closing empty line included.
fn trailers_end(bytes: &[u8]) -> Option<usize> {
    if bytes.starts_with(b"\r\n") {
        return Some(2);
    }
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    Some(end + 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn coded(pieces: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes: Vec<u8> = pieces.iter().flat_map(|piece| encode(piece)).collect();
        bytes.extend_from_slice(END);
        bytes
    }

    proptest! {
        #[test]
        fn what_was_coded_decodes(
            pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..6),
            rest in proptest::collection::vec(any::<u8>(), 0..9),
        ) {
            let mut bytes = coded(&pieces);
            let length = bytes.len();
            bytes.extend_from_slice(&rest);
            prop_assert_eq!(decode(&bytes), Ok(Some((pieces.concat(), length))));
        }

        #[test]
        fn a_part_of_a_body_is_not_its_end(
            pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..40), 0..6),
            cut in any::<proptest::sample::Index>(),
        ) {
            let bytes = coded(&pieces);
            prop_assert_eq!(decode(&bytes[..cut.index(bytes.len())]), Ok(None));
        }

        #[test]
        fn any_bytes_are_decoded_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(Some((body, length))) = decode(&bytes) {
                prop_assert!(length <= bytes.len() && body.len() < length);
            }
        }
    }

    #[test]
    fn extensions_and_trailers_are_passed_over() {
        let bytes = b"3;name=value\r\nabc\r\n0\r\nexpires: never\r\n\r\nnext";
        assert_eq!(decode(bytes), Ok(Some((b"abc".to_vec(), bytes.len() - 4))));
    }

    #[test]
    fn a_size_beyond_memory_is_refused_or_awaited() {
        assert_ne!(
            decode(b"ffffffffffffffff\r\nabc"),
            Ok(Some((b"abc".to_vec(), 21)))
        );
        assert_eq!(decode(b"data: {}\n\n"), Err(NotChunked));
    }
}
