//! Tool results of which a model is shown less than there was.

use moltbot_llm::{Content, Provenance, ToolResultMessage};
use serde::{Deserialize, Serialize};

/// How much of one tool result is still shown. Written down with the compaction that decided it, so that each later
/// request shows the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Reduction {
    /// The entry that holds the result.
    pub(crate) entry: String,
    /// Bytes of its text that are kept from the start.
    pub(crate) head: usize,
    /// Bytes of its text that are kept from the end.
    pub(crate) tail: usize,
    /// Characters that the whole text has.
    pub(crate) chars: usize,
    /// What stands for the rest.
    pub(crate) note: String,
    /// The file that holds the whole text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<String>,
}

impl Reduction {
    /// Whether nothing is left but the note.
    pub(crate) fn is_cleared(&self) -> bool {
        self.head == 0 && self.tail == 0
    }

    /// The same where the whole text could not be kept in a file.
    pub(crate) fn without_file(&mut self) {
        if let Some(path) = self.path.take() {
            self.note = self.note.replace(&whereabouts(Some(&path)), "");
        }
    }

    /// Shows only so much of a result. Again on what an earlier reduction left, where this one keeps no more.
    pub(crate) fn apply(&self, result: &mut ToolResultMessage) {
        let mut content = Vec::with_capacity(3);
        let mut left = self.head;
        for (text, from) in texts(&result.content) {
            let taken = &text[..text.floor_char_boundary(left)];
            left -= taken.len();
            if !taken.is_empty() {
                content.push(Content::text(taken, from));
            }
            if taken.len() < text.len() {
                break;
            }
        }
        content.push(Content::text(&self.note, Provenance::Program));
        let behind = content.len();
        let mut left = self.tail;
        for (text, from) in texts(&result.content).rev() {
            let taken = &text[text.ceil_char_boundary(text.len().saturating_sub(left))..];
            left -= taken.len();
            if !taken.is_empty() {
                content.insert(behind, Content::text(taken, from));
            }
            if taken.len() < text.len() {
                break;
            }
        }
        if !self.is_cleared() {
            let images = result.content.drain(..);
            content.extend(images.filter(|part| matches!(part, Content::Image(_))));
        }
        result.content = content;
    }
}

/// What is said of the file that holds a whole text, where there is one.
pub(crate) fn whereabouts(path: Option<&str>) -> String {
    path.map_or(String::new(), |path| {
        format!(" The whole text is in {path}, which the read tool shows.")
    })
}

/// All text of a result.
pub(crate) fn text_of(result: &ToolResultMessage) -> String {
    let texts: Vec<&str> = texts(&result.content).map(|(text, _)| text).collect();
    texts.join("\n")
}

/// The bytes that `head` characters from the start and `tail` characters from the end take; `None` where the text has
/// no more than both.
pub(crate) fn bytes(
    result: &ToolResultMessage,
    head: usize,
    tail: usize,
) -> Option<(usize, usize)> {
    let all = || texts(&result.content).flat_map(|(text, _)| text.chars());
    (all().count() > head + tail).then(|| {
        let size = |c: char| c.len_utf8();
        (
            all().take(head).map(size).sum(),
            all().rev().take(tail).map(size).sum(),
        )
    })
}

fn texts(content: &[Content]) -> impl DoubleEndedIterator<Item = (&str, Provenance)> {
    content
        .iter()
        .filter_map(|part| Some((part.as_text()?, part.from())))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn result(texts: &[String]) -> ToolResultMessage {
        let sources = [Provenance::Outside, Provenance::OwnFiles];
        let parts = texts.iter().zip(sources.into_iter().cycle());
        ToolResultMessage {
            tool_call_id: "c".into(),
            tool_name: "t".into(),
            content: parts
                .map(|(text, from)| Content::text(text, from))
                .collect(),
            is_error: false,
            timestamp: 0,
        }
    }

    fn reduction(result: &ToolResultMessage, head: usize, tail: usize) -> Option<Reduction> {
        let (head, tail) = bytes(result, head, tail)?;
        Some(Reduction {
            entry: String::new(),
            head,
            tail,
            chars: 0,
            note: "[…]".into(),
            path: None,
        })
    }

    #[test]
    fn head_and_tail_keep_their_sources_and_the_note_is_the_program_s() {
        let mut result = result(&["grüße aus".into(), "der Ferne".into()]);
        reduction(&result, 4, 10).unwrap().apply(&mut result);
        let text = |text: &str, from| Content::text(text, from);
        assert_eq!(
            result.content,
            [
                text("grüß", Provenance::Outside),
                text("[…]", Provenance::Program),
                text("s", Provenance::Outside),
                text("der Ferne", Provenance::OwnFiles),
            ]
        );
    }

    proptest! {
        #[test]
        fn less_of_what_is_left_is_less_of_the_whole(
            texts in prop::collection::vec(any::<String>(), 1..4),
            (head, tail) in (0usize..20, 0usize..20),
            (less_head, less_tail) in (0usize..20, 0usize..20),
        ) {
            let whole = result(&texts);
            let (Some(first), Some(second)) = (
                reduction(&whole, head, tail),
                reduction(&whole, head.min(less_head), tail.min(less_tail)),
            ) else {
                return Ok(());
            };
            let (mut once, mut twice) = (whole.clone(), whole);
            second.apply(&mut once);
            first.apply(&mut twice);
            second.apply(&mut twice);
            prop_assert_eq!(once, twice);
        }
    }
}
