//! A note cut into pieces that are found one by one.

use super::settings::PieceSize;

/// A piece of a note: whole lines, or a part of one that is too long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Its first line, counted from 1.
    pub(crate) start_line: usize,
    /// Its last line.
    pub(crate) end_line: usize,
    pub(crate) text: String,
}

/// Cuts a text into pieces. Neighbours share whole lines up to the overlap; a line longer than a piece is cut between
/// two characters. Every line that is not blank is in a piece.
pub(crate) fn cut(text: &str, size: PieceSize) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut open: Vec<(usize, &str)> = Vec::new();
    let mut bytes = 0;
    // How many of the open parts were in the piece before, too.
    let mut shared = 0;
    for (line, part) in parts(text, size.bytes) {
        if bytes + length(part) > size.bytes && open.len() > shared {
            pieces.extend(piece(&open));
            open.drain(..overlap(&open, size, length(part)));
            shared = open.len();
            bytes = open.iter().map(|(_, part)| length(part)).sum();
        }
        bytes += length(part);
        open.push((line, part));
    }
    if open.len() > shared {
        pieces.extend(piece(&open));
    }
    pieces
}

/// A part and the line break behind it.
fn length(part: &str) -> usize {
    part.len() + 1
}

/// From which of the parts on the next piece begins, so that its first new part still fits.
fn overlap(parts: &[(usize, &str)], size: PieceSize, next: usize) -> usize {
    let room = size.overlap.min(size.bytes.saturating_sub(next));
    let mut used = 0;
    let kept = parts.iter().rev().take_while(|(_, part)| {
        used += length(part);
        used <= room
    });
    parts.len() - kept.count()
}

/// The lines of a text with their numbers, those longer than a piece in several parts.
fn parts(text: &str, bytes: usize) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().flat_map(move |(number, line)| {
        let mut rest = Some(line);
        std::iter::from_fn(move || {
            let line = rest?;
            // At least one character, or it would never end.
            let first = line.chars().next().map_or(0, char::len_utf8);
            let end = line.floor_char_boundary(bytes.saturating_sub(1)).max(first);
            let (part, left) = line.split_at(end);
            rest = (!left.is_empty()).then_some(left);
            Some((number + 1, part))
        })
    })
}

/// `None` where there is nothing to be found.
fn piece(parts: &[(usize, &str)]) -> Option<Piece> {
    let mut text = String::new();
    let mut previous = None;
    for (line, part) in parts {
        // Parts of one line stand together.
        if previous.is_some_and(|previous| previous != line) {
            text.push('\n');
        }
        text.push_str(part);
        previous = Some(line);
    }
    let (start_line, _) = *parts.first()?;
    let (end_line, _) = *parts.last()?;
    (!text.trim().is_empty()).then_some(Piece {
        start_line,
        end_line,
        text,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn lines(pieces: &[Piece]) -> Vec<(usize, usize)> {
        pieces.iter().map(|p| (p.start_line, p.end_line)).collect()
    }

    #[test]
    fn neighbours_share_whole_lines() {
        let text = "one two\nthree\n\nfour\nfive\n";
        let size = PieceSize {
            bytes: 16,
            overlap: 6,
        };
        let pieces = cut(text, size);
        assert_eq!(lines(&pieces), [(1, 3), (3, 5)]);
        assert_eq!(pieces[0].text, "one two\nthree\n");
        assert_eq!(pieces[1].text, "\nfour\nfive");
        assert_eq!(cut("", size), []);
        assert_eq!(cut(" \n\n", size), []);
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        let size = PieceSize {
            bytes: 7,
            overlap: 0,
        };
        let pieces = cut("牙医牙医a", size);
        let texts: Vec<&str> = pieces.iter().map(|piece| piece.text.as_str()).collect();
        assert_eq!(texts, ["牙医", "牙医", "a"]);
        assert_eq!(lines(&pieces), [(1, 1), (1, 1), (1, 1)]);
    }

    proptest! {
        #[test]
        fn every_line_is_in_a_piece_and_no_piece_is_too_long(
            text in "([a-z牙é ]{0,12}\r?\n?){0,30}",
            bytes in 1_usize..60,
            overlap in 0_usize..80,
        ) {
            let size = PieceSize { bytes, overlap: overlap.min(bytes - 1) };
            let pieces = cut(&text, size);
            for (number, line) in text.lines().enumerate() {
                let number = number + 1;
                let mut found = vec![false; line.len()];
                for piece in pieces.iter().filter(|p| p.start_line <= number && number <= p.end_line) {
                    let part = piece.text.split('\n').nth(number - piece.start_line).unwrap();
                    // At every place, those that overlap too.
                    for (at, _) in line.char_indices().filter(|(at, _)| line[*at..].starts_with(part)) {
                        found[at..at + part.len()].fill(true);
                    }
                }
                let lost = line.char_indices().find(|(at, c)| !c.is_whitespace() && !found[*at]);
                prop_assert_eq!(lost, None, "line {} of {:?} in {:?}", number, text, pieces);
            }
            for piece in &pieces {
                prop_assert!(piece.text.len() <= bytes.max(4), "{piece:?}");
            }
        }
    }
}
