//! An answer that only repeats what a tool has told the person in the same turn is not shown twice.

/// Shorter texts say too little to be called the same, in characters without white space.
const LEAST: usize = 10;

/// What the person was told in the middle of a turn, and the beginning of an answer that may repeat it.
#[derive(Debug, Default)]
pub struct AlreadySaid {
    /// As [`plain`] has it.
    sent: Vec<String>,
    held: String,
}

impl AlreadySaid {
    /// The person was told this.
    pub fn note(&mut self, text: &str) {
        self.sent.push(plain(text));
    }

    /// Whether the person was told anything.
    pub fn is_something(&self) -> bool {
        !self.sent.is_empty()
    }

    /// More of an answer: gives what can be shown of it by now. The rest is held back, as long as all of the answer so
    /// far was said before.
    pub fn push(&mut self, text: &str) -> String {
        if self.sent.is_empty() {
            return text.to_owned();
        }
        self.held.push_str(text);
        match self.repeats() {
            true => String::new(),
            false => std::mem::take(&mut self.held),
        }
    }

    /// The answer is whole: gives what was held back, unless it only repeats.
    pub fn finish(&mut self) -> String {
        let held = std::mem::take(&mut self.held);
        match plain(&held).chars().count() >= LEAST {
            true => String::new(),
            false => held,
        }
    }

    /// The answer so far is void.
    pub fn forget(&mut self) {
        self.held.clear();
    }

    fn repeats(&self) -> bool {
        let held = plain(&self.held);
        let long_enough = |sent: &&String| sent.chars().count() >= LEAST;
        self.sent
            .iter()
            .filter(long_enough)
            .any(|sent| sent.contains(&held))
    }
}

/// A text as two are compared: without case, emoji and white space.
fn plain(text: &str) -> String {
    let text = text.chars().filter(|c| !is_emoji(*c) && !c.is_whitespace());
    text.flat_map(char::to_lowercase).collect()
}

fn is_emoji(c: char) -> bool {
    matches!(c,
        '\u{200d}' | '\u{20e3}' | '\u{2600}'..='\u{27bf}' | '\u{2b00}'..='\u{2bff}' | '\u{fe0f}'
        | '\u{1f000}'..='\u{1faff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is shown of an answer that comes in these pieces, after this was sent.
    fn shown(sent: &[&str], pieces: &[&str]) -> String {
        let mut said = AlreadySaid::default();
        for text in sent {
            said.note(text);
        }
        let shown: String = pieces.iter().map(|piece| said.push(piece)).collect();
        shown + &said.finish()
    }

    #[test]
    fn an_answer_that_only_repeats_is_not_shown() {
        let sent = ["The build is done 🎉, all\ntests pass."];
        for pieces in [
            &["The build is", " done, all tests pass."][..],
            &["the  BUILD is done, all tests pass. 🚀"],
            &["All tests pass."],
            &["\n", "All tests", " pass.", "\n"],
        ] {
            assert_eq!(shown(&sent, pieces), "", "{pieces:?}");
        }
    }

    #[test]
    fn an_answer_that_says_more_is_shown_whole() {
        let sent = ["The build is done."];
        for pieces in [
            &["The build is done.", " It took 3 minutes."][..],
            &["Done."],
            &["The build"],
            &["As I said: the build is done."],
        ] {
            assert_eq!(shown(&sent, pieces), pieces.concat(), "{pieces:?}");
        }
        assert_eq!(shown(&["Done."], &["Done."]), "Done.");
        assert_eq!(shown(&[], &["The build is done."]), "The build is done.");
    }

    #[test]
    fn nothing_of_a_void_answer_is_left() {
        let mut said = AlreadySaid::default();
        said.note("The build is done.");
        assert_eq!(said.push("The build"), "");
        said.forget();
        assert_eq!(said.push("Sorry."), "Sorry.");
        assert_eq!(said.finish(), "");
    }

    proptest! {
        #[test]
        fn all_is_shown_or_nothing(
            sent in "[ab ]{0,20}",
            pieces in prop::collection::vec("[abc ]{0,8}", 0..5),
        ) {
            let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
            let shown = shown(&[&sent], &pieces);
            let all = pieces.concat();
            prop_assert!(shown == all || (shown.is_empty() && plain(&sent).contains(&plain(&all))));
        }
    }
}
