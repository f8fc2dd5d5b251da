//! The words of `${command:…}`: split and unquoted as a shell does it, and nothing else of a shell.

/// Why a text is no list of words.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NotWords {
    /// A quote, or the whole, is not closed.
    Unclosed,
    /// It has a sign that only a shell gives a meaning to.
    Shell {
        /// The sign.
        sign: char,
        /// Where it stands, in bytes.
        at: usize,
    },
}

/// Signs that mean something to a shell where they are not quoted.
const OPERATORS: [char; 9] = ['|', '&', ';', '<', '>', '(', ')', '$', '`'];

/// The words up to the first `}` that is not quoted, and where it stands in bytes.
///
/// `'…'` is taken as it is; in `"…"` a backslash takes `"`, `\`, `$` and `` ` `` literally, elsewhere any character.
///
/// # Errors
/// [`NotWords`].
pub(crate) fn to_brace(text: &str) -> Result<(Vec<String>, usize), NotWords> {
    let mut words = Vec::new();
    // `Some` also for an empty word, as in `''`.
    let mut word: Option<String> = None;
    let mut signs = text.char_indices();
    while let Some((at, sign)) = signs.next() {
        match sign {
            '}' => {
                words.extend(word);
                return Ok((words, at));
            }
            ' ' | '\t' | '\n' | '\r' => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match signs.next().ok_or(NotWords::Unclosed)? {
                        (_, '\'') => break,
                        (_, other) => word.push(other),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match signs.next().ok_or(NotWords::Unclosed)? {
                        (_, '"') => break,
                        (_, '\\') => match signs.next().ok_or(NotWords::Unclosed)?.1 {
                            escaped @ ('"' | '\\' | '$' | '`') => word.push(escaped),
                            // A line that goes on.
                            '\n' => {}
                            other => word.extend(['\\', other]),
                        },
                        (at, sign @ ('$' | '`')) => return Err(NotWords::Shell { sign, at }),
                        (_, other) => word.push(other),
                    }
                }
            }
            '\\' => match signs.next().ok_or(NotWords::Unclosed)?.1 {
                '\n' => {}
                escaped => word.get_or_insert_default().push(escaped),
            },
            sign if OPERATORS.contains(&sign) => return Err(NotWords::Shell { sign, at }),
            other => word.get_or_insert_default().push(other),
        }
    }
    Err(NotWords::Unclosed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn words(text: &str) -> Vec<String> {
        to_brace(text).unwrap().0
    }

    #[test]
    fn quotes_and_blanks_are_the_shells() {
        assert_eq!(
            words(" op  read\t'a b'\"c\"d e\\ f }"),
            ["op", "read", "a bcd", "e f"]
        );
        assert_eq!(words("a '' \"\"}"), ["a", "", ""]);
        assert_eq!(words("'$X`|'}"), ["$X`|"]);
        assert_eq!(words("\"\\$\\x\"}"), ["$\\x"]);
        assert_eq!(to_brace("a}b}").unwrap().1, 1);
    }

    #[test]
    fn what_a_shell_would_do_is_refused() {
        for sign in OPERATORS {
            let text = format!("a {sign}b}}");
            assert_eq!(
                to_brace(&text),
                Err(NotWords::Shell { sign, at: 2 }),
                "{text}"
            );
        }
        for text in ["a", "'a}", "\"a}", "a\\"] {
            assert_eq!(to_brace(text), Err(NotWords::Unclosed), "{text}");
        }
    }

    #[cfg(unix)]
    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// The machine's own shell makes the same of it (but for `#`, patterns, `~`, `!` and `=`, which are left out).
        #[test]
        fn the_shell_reads_the_same_words(text in "([a-c]| |'|\"|\\\\[a '\"\\\\]|é){0,12}") {
            let braced = format!("{text}}}");
            if let Ok((words, _)) = to_brace(&braced) {
                let script = format!("printf '%s|' {text}");
                let output = std::process::Command::new("/bin/sh").args(["-c", &script]).output().unwrap();
                let printed = String::from_utf8(output.stdout).unwrap();
                let expected: String = match words.is_empty() {
                    // printf prints its format once.
                    true => "|".to_owned(),
                    false => words.iter().map(|word| format!("{word}|")).collect(),
                };
                prop_assert_eq!(printed, expected);
            }
        }
    }
}
