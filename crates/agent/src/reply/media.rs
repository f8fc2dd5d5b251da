//! `MEDIA:` lines: what a model wants to go with its text.

/// The word that begins such a line.
pub(super) const MEDIA: &str = "MEDIA:";

/// The longest address or path that is taken, in characters.
const LONGEST: usize = 4096;

/// Something that goes with a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Media {
    /// An http or https address.
    Url(String),
    /// A file, as the model wrote it: absolute, beginning with `~`, or relative to the workspace. Whoever sends it decides
    /// whether it may leave.
    Path(String),
}

impl Media {
    /// The address or path.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Url(text) | Self::Path(text) => text,
        }
    }

    /// Reads one, if it is of a form that can be sent.
    fn read(text: &str) -> Option<Self> {
        if text.chars().count() > LONGEST || text.chars().any(char::is_control) {
            return None;
        }
        let lower = text.to_ascii_lowercase();
        let is_url = ["http://", "https://"]
            .iter()
            .any(|scheme| lower.starts_with(scheme) && lower.len() > scheme.len());
        if is_url {
            return Some(Self::Url(text.to_owned()));
        }
        let path = match lower.starts_with("file://") {
            true => &text["file://".len()..],
            false => text,
        };
        let is_path = ["/", "./", "../", "~/"]
            .iter()
            .any(|start| path.starts_with(start) && path.len() > start.len());
        is_path.then(|| Self::Path(path.to_owned()))
    }
}

/// What stands behind `MEDIA:` on a line: what can be sent, and the words that are something else. `None` where nothing
/// can be sent.
pub(super) fn read(payload: &str) -> Option<(Vec<Media>, String)> {
    let mut media = Vec::new();
    let mut words: Vec<&str> = Vec::new();
    let mut rest = payload.trim();
    while let Some(first) = rest.chars().next() {
        let end = match quoted(rest, first) {
            Some(end) => end,
            None => rest.find(char::is_whitespace).unwrap_or(rest.len()),
        };
        let (word, after) = rest.split_at(end);
        match Media::read(bare(word)) {
            Some(found) => media.push(found),
            // Said twice on one line, the word is still no text.
            None => words.extend(Some(word.trim_start_matches(MEDIA)).filter(|w| !w.is_empty())),
        }
        rest = after.trim_start();
    }
    (!media.is_empty()).then(|| (media, words.join(" ")))
}

/// Where a word in quotes ends: it may hold spaces.
fn quoted(text: &str, first: char) -> Option<usize> {
    if !matches!(first, '"' | '\'' | '`') {
        return None;
    }
    text[1..].find(first).map(|at| at + 2)
}

/// A word without what is written around addresses.
fn bare(word: &str) -> &str {
    let word = word.trim_start_matches(MEDIA);
    let word = word.trim_start_matches(['`', '"', '\'', '(', '[', '{']);
    word.trim_end_matches(['`', '"', '\'', ')', ']', '}', ',', '\\'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Media {
        Media::Path(text.into())
    }

    #[test]
    fn lines_are_read_as_people_and_models_write_them() {
        for (payload, media, words) in [
            ("/tmp/a.png", vec![path("/tmp/a.png")], ""),
            (" ./a.png , ", vec![path("./a.png")], ","),
            ("`/tmp/my file.png`", vec![path("/tmp/my file.png")], ""),
            (
                "\"~/a b.png\" '../c d.png'",
                vec![path("~/a b.png"), path("../c d.png")],
                "",
            ),
            (
                "https://x.org/a.png (http://y.org/b)",
                vec![
                    Media::Url("https://x.org/a.png".into()),
                    Media::Url("http://y.org/b".into()),
                ],
                "",
            ),
            ("file:///tmp/a.mp3", vec![path("/tmp/a.mp3")], ""),
            ("/tmp/a.png as asked", vec![path("/tmp/a.png")], "as asked"),
            (
                "/tmp/a.png MEDIA:/tmp/b.png MEDIA:",
                vec![path("/tmp/a.png"), path("/tmp/b.png")],
                "",
            ),
        ] {
            assert_eq!(read(payload), Some((media, words.to_owned())), "{payload}");
        }
        let long = format!("/{}", "a".repeat(LONGEST));
        for payload in [
            "",
            "the press",
            "/",
            "https://",
            "ftp://x/y",
            "a.png",
            &long,
        ] {
            assert_eq!(read(payload), None, "{payload}");
        }
    }
}
