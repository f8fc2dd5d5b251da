//! Where a text that was looked for in vain comes closest.

/// How much of a line is shown, characters.
const SHOWN: usize = 300;
/// A line shorter than this is found in too many others.
const TELLING: usize = 4;

/// The line of a file where it goes apart from what was looked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Closest {
    /// Counted from 1.
    pub(crate) line: usize,
    /// What the file has there.
    pub(crate) text: String,
}

impl Closest {
    /// Finds it: the lines that are the same but for whitespace, quotes and case, the longest run of them first.
    pub(crate) fn find<'a>(body: &str, wanted: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let wanted: Vec<&str> = wanted.into_iter().collect();
        let blank = wanted.iter().take_while(|line| line.trim().is_empty());
        let wanted = &wanted[blank.count()..];
        let bones: Vec<String> = wanted.iter().map(|line| skeleton(line)).collect();
        let first = bones.first()?;
        let lines: Vec<&str> = body.lines().collect();
        let of_file: Vec<String> = lines.iter().map(|line| skeleton(line)).collect();
        let mut best: Option<(usize, usize)> = None;
        for start in (0..of_file.len()).filter(|at| &of_file[*at] == first) {
            let run = bones
                .iter()
                .zip(&of_file[start..])
                .take_while(|(a, b)| a == b)
                .count();
            if best.is_none_or(|(_, longest)| run > longest) {
                best = Some((start, run));
            }
        }
        let at = match best {
            // The lines before are the same, so it is the next; or one of them is not quite the same.
            Some((start, run)) => (0..run)
                .find(|i| wanted[*i].trim_end() != lines[start + i].trim_end())
                .map(|i| start + i)
                .or_else(|| (run < wanted.len()).then_some(start + run))?,
            None if first.chars().count() >= TELLING => of_file
                .iter()
                .position(|line| line.contains(first.as_str()))?,
            None => return None,
        };
        let text = lines.get(at)?;
        Some(Self {
            line: at + 1,
            text: match text.char_indices().nth(SHOWN) {
                Some((end, _)) => format!("{}…", &text[..end]),
                None => (*text).to_owned(),
            },
        })
    }
}

/// A line without what is easily mistaken.
fn skeleton(line: &str) -> String {
    line.chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| match c {
            '"' | '`' | '\u{2018}'..='\u{201f}' | '«' | '»' => '\'',
            '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
            c => c.to_ascii_lowercase(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_line_where_they_go_apart_is_found() {
        let body = "fn a() {\n    let x = \"1\";\n}\nfn b() {\n    let x = \"2\";\n}\n";
        for (wanted, line) in [
            ("  let x = '1';", Some(2)),
            ("fn b() {\n    let x = \"1\";\n}", Some(5)),
            ("fn b() {\n    let x = \"2\";\n}", None),
            ("\n\nFn A() {", Some(1)),
            ("x = “2”", Some(5)),
            ("nothing like it", None),
            ("", None),
        ] {
            let found = Closest::find(body, wanted.lines());
            assert_eq!(found.map(|found| found.line), line, "{wanted}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_looked_for(body in "[a\" \n]{0,40}", wanted in "[a' \n]{0,20}") {
            if let Some(found) = Closest::find(&body, wanted.lines()) {
                prop_assert_eq!(body.lines().nth(found.line - 1), Some(found.text.as_str()));
            }
        }
    }
}
