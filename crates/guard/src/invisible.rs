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
    fn writing_stays_as_it_is() {
        let text = "Füße\n\tκαλός नमस्ते 你好 مرحبا 👍 – “x”\u{a0}e\u{301}";
        assert_eq!(strip(text), text);
    }
}
