//! Text out of tokens, whose bytes may end within a character.

/// Collects bytes and gives out whole characters.
#[derive(Debug, Default)]
pub(super) struct Utf8Stream {
    held: Vec<u8>,
}

impl Utf8Stream {
    /// The text that `bytes` complete. Bytes that can never be part of a character become U+FFFD.
    pub(super) fn push(&mut self, bytes: &[u8]) -> String {
        self.held.extend_from_slice(bytes);
        let mut text = String::new();
        let mut used = 0;
        for chunk in self.held.utf8_chunks() {
            text.push_str(chunk.valid());
            used += chunk.valid().len();
            let invalid = chunk.invalid();
            if invalid.is_empty() {
                continue;
            }
            // An unfinished character can only stand at the very end.
            let at_end = used + invalid.len() == self.held.len();
            if at_end && is_unfinished(invalid) {
                break;
            }
            text.push(char::REPLACEMENT_CHARACTER);
            used += invalid.len();
        }
        self.held.drain(..used);
        text
    }

    /// What is left when no more bytes come: U+FFFD for an unfinished character.
    pub(super) fn finish(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.held)).into_owned()
    }
}

fn is_unfinished(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_character_waits_for_its_last_byte() {
        let mut stream = Utf8Stream::default();
        assert_eq!(stream.push(b"ok \xf0\x9f"), "ok ");
        assert_eq!(stream.push(b"\x98"), "");
        assert_eq!(stream.push(b"\x80!"), "😀!");
        assert_eq!(stream.finish(), "");
        assert_eq!(stream.push(b"\xf0\x9f"), "");
        assert_eq!(stream.finish(), "\u{fffd}");
    }

    proptest! {
        #[test]
        fn cuts_do_not_matter(text in any::<String>(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8)) {
            let bytes = text.as_bytes();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let mut stream = Utf8Stream::default();
            let mut out = String::new();
            for pair in cuts.windows(2) {
                out.push_str(&stream.push(&bytes[pair[0]..pair[1]]));
            }
            out.push_str(&stream.finish());
            prop_assert_eq!(out, text);
        }

        #[test]
        fn any_bytes_come_out_as_the_standard_library_reads_them(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..6), 0..8)) {
            let mut stream = Utf8Stream::default();
            let mut out = String::new();
            for chunk in &chunks {
                out.push_str(&stream.push(chunk));
            }
            out.push_str(&stream.finish());
            prop_assert_eq!(out, String::from_utf8_lossy(&chunks.concat()).into_owned());
        }
    }
}
