//! Hunks into a text: where they belong, and what the text is then.

use thiserror::Error;

use super::super::closest::Closest;
use super::super::text::{UNSEEN, line_end};
use super::parse::{Hunk, Line};

/// As many places as are named where a hunk fits more than one.
const NAMED: usize = 10;

/// A hunk that does not fit. Hunks are counted from 1.
#[derive(Debug, PartialEq, Eq, Error)]
pub(super) enum Misfit {
    #[error(
        "Hunk {hunk}: the line \"{anchor}\" of its @@ is not in the file, or not behind the hunk before."
    )]
    NoAnchor { hunk: usize, anchor: String },
    #[error(
        "Hunk {hunk}: the lines that it keeps and removes are not in the file, or not behind the hunk before."
    )]
    Missing {
        hunk: usize,
        closest: Option<Closest>,
    },
    #[error("Hunk {hunk}: the file does not end with the lines that it keeps and removes.")]
    NotAtEnd { hunk: usize },
    #[error(
        "Hunk {hunk} fits at several places, on lines {lines}; give more lines around it, \
         or the function that it is in as \"@@ line\"."
    )]
    Several { hunk: usize, lines: String },
}

/// The text with all hunks in it. Lines that stay are left as they are, to the byte; new ones end as the others do.
pub(super) fn apply(body: &str, hunks: &[Hunk]) -> Result<String, Misfit> {
    let lines: Vec<&str> = body.split_inclusive('\n').collect();
    let mut out = Output {
        text: String::with_capacity(body.len()),
        line_end: line_end(body),
    };
    let mut at = 0;
    for (number, hunk) in (1..).zip(hunks) {
        let start = place(body, &lines, at, number, hunk)?;
        lines[at..start].iter().for_each(|line| out.keep(line));
        at = start;
        for line in &hunk.lines {
            match line {
                Line::Add(text) => out.add(text),
                Line::Keep(_) => {
                    out.keep(lines[at]);
                    at += 1;
                }
                Line::Remove(_) => at += 1,
            }
        }
    }
    lines[at..].iter().for_each(|line| out.keep(line));
    Ok(out.finish(body))
}

/// The index of the line at which a hunk begins.
fn place(
    body: &str,
    lines: &[&str],
    from: usize,
    number: usize,
    hunk: &Hunk,
) -> Result<usize, Misfit> {
    let mut from = from;
    let mut behind_anchor = from;
    for anchor in &hunk.anchors {
        let found = (behind_anchor..lines.len()).find(|at| lines[*at].trim() == anchor);
        // The anchor may be the hunk's first line too.
        from = found.ok_or_else(|| Misfit::NoAnchor {
            hunk: number,
            anchor: anchor.clone(),
        })?;
        behind_anchor = from + 1;
    }
    let wanted: Vec<&str> = hunk
        .lines
        .iter()
        .filter_map(|line| match line {
            Line::Keep(text) | Line::Remove(text) => Some(text.as_str()),
            Line::Add(_) => None,
        })
        .collect();
    if wanted.is_empty() {
        return Ok(match hunk.anchors.is_empty() || hunk.is_at_end {
            true => lines.len(),
            false => behind_anchor,
        });
    }
    let last = lines.len().checked_sub(wanted.len());
    let starts: Vec<usize> = match last {
        None => Vec::new(),
        Some(last) if hunk.is_at_end => (last.max(from)..=last).collect(),
        Some(last) => (from..=last).collect(),
    };
    let fits = |same: fn(&str, &str) -> bool| -> Vec<usize> {
        let fits_at = |at: &&usize| {
            let there = &lines[**at..];
            wanted
                .iter()
                .zip(there)
                .all(|(wanted, line)| same(wanted, line))
        };
        starts.iter().filter(fits_at).copied().collect()
    };
    let mut found = fits(|wanted, line| wanted == content(line));
    if found.is_empty() {
        found = fits(|wanted, line| {
            wanted.trim_end_matches(UNSEEN) == content(line).trim_end_matches(UNSEEN)
        });
    }
    match found.as_slice() {
        [] if hunk.is_at_end && last.is_some() => Err(Misfit::NotAtEnd { hunk: number }),
        [] => Err(Misfit::Missing {
            hunk: number,
            closest: Closest::find(body, wanted),
        }),
        [first] => Ok(*first),
        // Behind the line that was named, the next is meant.
        [first, ..] if !hunk.anchors.is_empty() => Ok(*first),
        several => {
            let named = several.iter().take(NAMED);
            let named: Vec<String> = named.map(|at| (at + 1).to_string()).collect();
            let more = if several.len() > NAMED { ", …" } else { "" };
            Err(Misfit::Several {
                hunk: number,
                lines: named.join(", ") + more,
            })
        }
    }
}

/// A line without what ends it.
fn content(line: &str) -> &str {
    match line.strip_suffix('\n') {
        Some(line) => line.strip_suffix('\r').unwrap_or(line),
        None => line,
    }
}

struct Output {
    text: String,
    line_end: &'static str,
}

impl Output {
    fn keep(&mut self, line: &str) {
        self.end_line();
        self.text.push_str(line);
    }

    fn add(&mut self, text: &str) {
        self.end_line();
        self.text.push_str(text);
        self.text.push_str(self.line_end);
    }

    /// Ends the line before, which was the last of its file without an end.
    fn end_line(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push_str(self.line_end);
        }
    }

    /// The text, whose last line ends, or does not, as it did before.
    fn finish(mut self, before: &str) -> String {
        match before.is_empty() || before.ends_with('\n') {
            true => self.end_line(),
            false => self.text.truncate(content(&self.text).len()),
        }
        self.text
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::super::parse::{Action, parse};
    use super::*;

    fn hunks(text: &str) -> Vec<Hunk> {
        let patch = format!("*** Begin Patch\n*** Update File: f\n{text}\n*** End Patch");
        match parse(&patch).unwrap().remove(0).action {
            Action::Update { hunks, .. } => hunks,
            other => panic!("{other:?}"),
        }
    }

    fn patched(body: &str, patch: &str) -> Result<String, String> {
        apply(body, &hunks(patch)).map_err(|misfit| misfit.to_string())
    }

    #[test]
    fn hunks_go_where_they_belong() {
        for (body, patch, result) in [
            ("a\nb\nc\n", " a\n-b\n+x\n c", "a\nx\nc\n"),
            ("a\nb\nc\n", "-a\n@@\n-c", "b\n"),
            ("a\nb", "-b\n+x", "a\nx"),
            ("a", "+b", "a\nb"),
            ("", "+a", "a\n"),
            ("a\n", "-a", ""),
            // Behind the line that is named, the first place is taken.
            ("f\nx\ng\nx\nx\n", "@@ g\n-x\n+y", "f\nx\ng\ny\nx\n"),
            (
                "A\n  f\n  x\nB\n  f\n  x\n",
                "@@ B\n@@ f\n-  x\n+  y",
                "A\n  f\n  x\nB\n  f\n  y\n",
            ),
            ("f\nx\ny\n", "@@ f\n+n", "f\nn\nx\ny\n"),
            ("f\nx\ny\n", "@@ f\n f\n-x", "f\ny\n"),
            ("x\ny\nx\n", "-x\n+z\n*** End of File", "x\ny\nz\n"),
            // Line ends, also unseen ones, stay as they are.
            (
                "a  \r\nb\r\nc\r\n",
                " a\n-b\n+x\n+y",
                "a  \r\nx\r\ny\r\nc\r\n",
            ),
            ("a\r\nb\nc\n", " a\n+x\n b", "a\r\nx\nb\nc\n"),
        ] {
            assert_eq!(
                patched(body, patch).as_deref(),
                Ok(result),
                "{body:?} {patch:?}"
            );
        }
    }

    #[test]
    fn a_hunk_that_does_not_fit_says_why() {
        for (body, patch, says) in [
            ("a\nb\n", "-b\n@@\n-a", "Hunk 2: the lines that it keeps"),
            ("a\nb\n", "@@ c\n-a", "Hunk 1: the line \"c\""),
            (
                "a\nb\na\n",
                "-a",
                "Hunk 1 fits at several places, on lines 1, 3;",
            ),
            (
                "a\nb\n",
                "-a\n*** End of File",
                "Hunk 1: the file does not end",
            ),
            ("a\n", "-a\n-b", "Hunk 1: the lines"),
            ("  a\n", "-a", "Hunk 1: the lines"),
        ] {
            let error = patched(body, patch).unwrap_err();
            assert!(error.contains(says), "{body:?} {patch:?}: {error}");
        }
        let misfit = apply("one\ntwo\nthree\n", &hunks(" one\n-twö\n three")).unwrap_err();
        let Misfit::Missing { closest, .. } = misfit else {
            panic!("{misfit}")
        };
        assert_eq!(closest.unwrap().line, 2);
    }

    /// What becomes of a line of the old file.
    #[derive(Debug, Clone)]
    enum Fate {
        Kept,
        Gone,
        Replaced(String),
        Followed(String),
    }

    fn fate() -> impl Strategy<Value = Fate> {
        let text = "[a-z +*@-]{0,6}";
        prop_oneof![
            6 => Just(Fate::Kept),
            1 => Just(Fate::Gone),
            1 => text.prop_map(Fate::Replaced),
            1 => text.prop_map(Fate::Followed),
        ]
    }

    /// A patch as a model writes it, with so many lines around each change.
    fn diff(fates: &[Fate], around: usize) -> String {
        let changed = |at: usize| !matches!(fates[at], Fate::Kept);
        let near = |at: usize| {
            (at.saturating_sub(around)..=at + around).any(|i| i < fates.len() && changed(i))
        };
        let mut patch = String::new();
        let mut in_hunk = false;
        for (at, fate) in fates.iter().enumerate() {
            if !near(at) {
                in_hunk = false;
                continue;
            }
            if !in_hunk {
                patch.push_str("@@\n");
                in_hunk = true;
            }
            match fate {
                Fate::Kept => patch.push_str(&format!(" line {at}\n")),
                Fate::Gone => patch.push_str(&format!("-line {at}\n")),
                Fate::Replaced(text) => patch.push_str(&format!("-line {at}\n+{text}\n")),
                Fate::Followed(text) => patch.push_str(&format!(" line {at}\n+{text}\n")),
            }
        }
        patch
    }

    proptest! {
        #[test]
        fn a_patch_between_two_files_makes_the_new_one(
            fates in prop::collection::vec(fate(), 1..40), around in 0..4usize, crlf: bool, ended: bool,
        ) {
            prop_assume!(fates.iter().any(|fate| !matches!(fate, Fate::Kept)));
            let end = if crlf { "\r\n" } else { "\n" };
            let file = |lines: Vec<String>| {
                let text = lines.join(end);
                if ended && !lines.is_empty() { text + end } else { text }
            };
            let old = file((0..fates.len()).map(|at| format!("line {at}")).collect());
            // One line without an end does not show how lines end.
            prop_assume!(old.contains('\n'));
            let mut lines = Vec::new();
            for (at, fate) in fates.iter().enumerate() {
                match fate {
                    Fate::Kept => lines.push(format!("line {at}")),
                    Fate::Gone => {}
                    Fate::Replaced(text) => lines.push(text.clone()),
                    Fate::Followed(text) => lines.extend([format!("line {at}"), text.clone()]),
                }
            }
            let new = file(lines);
            prop_assert_eq!(patched(&old, diff(&fates, around).trim_end_matches('\n')), Ok(new));
        }

        #[test]
        fn any_hunks_are_applied_or_refused(
            body in "[ab \r\n]{0,20}",
            patch in prop::collection::vec("[-+ ][ab]{0,2}|@@( a)?|\\*\\*\\* End of File", 1..10),
        ) {
            let patch = format!("*** Begin Patch\n*** Update File: f\n{}\n*** End Patch", patch.join("\n"));
            if let Ok(mut sections) = parse(&patch)
                && let Action::Update { hunks, .. } = sections.remove(0).action
            {
                // Whichever it is, it is one of the two.
                let _ = apply(&body, &hunks);
            }
        }
    }
}
