//! Characters that a reader does not see but a program or a model does.

/// A text without them: zero-width characters, marks and overrides of direction, tag characters, variation selectors
/// and control characters. Line breaks and tabs stay.
///
/// Joiners are among them. Some scripts use these to shape letters, which a model reads as well without.
pub fn strip(text: &str) -> String {
    text.chars().filter(|c| !is_invisible(*c)).collect()
}

/// A text with those characters written out (`\u{200b}`): nothing hides in what a person is asked about.
pub fn written_out(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars() {
        match is_invisible(c) {
            true => shown.extend(c.escape_unicode()),
            false => shown.push(c),
        }
    }
    shown
}

/// The lines of a text with those characters written out, and with what stands for gaps that would push the rest of it out
/// of sight: many empty lines, or a long run of blanks.
pub fn lines_written_out(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut empty = 0;
    for line in text.split('\n') {
        if line.chars().all(is_blank) {
            empty += 1;
            continue;
        }
        lines.extend(gap(std::mem::take(&mut empty)));
        lines.push(written_out(&without_long_gaps(line)));
    }
    lines.extend(gap(empty));
    lines
}

/// What stands for so many empty lines.
fn gap(empty: usize) -> Option<String> {
    match empty {
        0 => None,
        1 => Some(String::new()),
        many => Some(format!("[{many} empty lines]")),
    }
}

fn without_long_gaps(line: &str) -> String {
    // Deeper than that no script is indented.
    const LONG: usize = 40;
    let mut shown = String::new();
    let mut rest = line;
    while let Some(at) = rest.find(is_blank) {
        let (before, behind) = rest.split_at(at);
        let end = behind.find(|c| !is_blank(c)).unwrap_or(behind.len());
        let (blanks, after) = behind.split_at(end);
        shown.push_str(before);
        match blanks.chars().count() {
            many if many > LONG => shown.push_str(&format!(" [{many} blanks] ")),
            _ => shown.push_str(blanks),
        }
        rest = after;
    }
    shown.push_str(rest);
    shown
}

/// Whether a character leaves an empty place; a braille pattern without dots is none to Unicode, but to the eye.
fn is_blank(c: char) -> bool {
    (c.is_whitespace() && !is_invisible(c)) || c == '\u{2800}'
}

/// Whether a character is one of them.
pub fn is_invisible(c: char) -> bool {
    matches!(c,
        '\0'..='\u{8}' | '\u{b}'..='\u{1f}' | '\u{7f}'..='\u{9f}'
        | '\u{ad}' // soft hyphen
        | '\u{34f}' // grapheme joiner
        | '\u{61c}' // Arabic letter mark
        | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' // Hangul fillers
        | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' // zero-width, direction marks
        | '\u{2028}'..='\u{202e}' // line and paragraph separators, direction embeddings and overrides
        | '\u{2060}'..='\u{206f}' // word joiner, invisible operators, direction isolates
        | '\u{fe00}'..='\u{fe0f}' // variation selectors
        | '\u{feff}' // zero-width no-break space
        | '\u{fff0}'..='\u{fffb}' // interlinear annotation
        | '\u{13430}'..='\u{1343f}' // joiners of hieroglyphs
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}' // tags, more variation selectors
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_seen_is_left_out() {
        for hidden in [
            '\u{200b}',
            '\u{200c}',
            '\u{200d}',
            '\u{200e}',
            '\u{200f}',
            '\u{202a}',
            '\u{202b}',
            '\u{202c}',
            '\u{202d}',
            '\u{202e}',
            '\u{2060}',
            '\u{2063}',
            '\u{2066}',
            '\u{2069}',
            '\u{feff}',
            '\u{ad}',
            '\u{61c}',
            '\u{180e}',
            '\u{fe0f}',
            '\u{e0041}',
            '\u{e0100}',
            '\0',
            '\u{1b}',
            '\u{9b}',
            '\r',
            '\u{7f}',
        ] {
            assert_eq!(
                strip(&format!("a{hidden}b")),
                "ab",
                "{:x}",
                u32::from(hidden)
            );
        }
    }

    #[test]
    fn nothing_hides_in_what_is_asked_about() {
        let command = "rm \u{202e}x\u{200b}\x1b[2K # 好";
        assert_eq!(
            written_out(command),
            "rm \\u{202e}x\\u{200b}\\u{1b}[2K # 好"
        );
    }

    #[test]
    fn no_gap_pushes_a_command_out_of_sight() {
        let hidden = format!("ls{}; rm x{}ls\n", "\u{2800}".repeat(300), "\n".repeat(200));
        assert_eq!(
            lines_written_out(&hidden),
            ["ls [300 blanks] ; rm x", "[199 empty lines]", "ls", ""]
        );
        let script = "if x\r\n\n        y  z\n";
        assert_eq!(
            lines_written_out(script),
            ["if x\\u{d}", "", "        y  z", ""]
        );
        assert_eq!(lines_written_out("ls"), ["ls"]);
    }

    #[test]
    fn writing_stays_as_it_is() {
        let text = "Füße\n\tκαλός नमस्ते 你好 مرحبا 👍 – “x”\u{a0}e\u{301}";
        assert_eq!(strip(text), text);
    }
}
