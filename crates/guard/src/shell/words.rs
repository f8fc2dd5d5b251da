//! A command as `/bin/sh` reads it, where that is beyond doubt (POSIX.1-2024, Shell Command Language, 2.2 and 2.10).

use thiserror::Error;

use crate::invisible::is_invisible;

/// One program that a command starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Its name as written, and its arguments. Never empty.
    pub argv: Vec<String>,
    /// Whether it reads what the one before prints.
    pub reads_pipe: bool,
}

/// Why it is not certain what a command does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Unclear {
    /// `$`, a backtick, `*`, `~` and their kin.
    #[error("it has something that the shell fills in")]
    Expansion,
    /// `<` or `>`.
    #[error("it redirects input or output")]
    Redirection,
    /// A single `&`.
    #[error("it leaves something running in the background")]
    Background,
    /// Parentheses, braces, words such as `if`, or names that the shell itself carries out.
    #[error("it has more of the shell's language than commands in a row")]
    Language,
    /// `NAME=value` before a command.
    #[error("it sets a variable")]
    Assignment,
    /// A quote without its end, an operator without a command.
    #[error("it is not complete")]
    Incomplete,
    /// Control characters, or blanks that are none to the shell.
    #[error("it has characters that cannot be seen")]
    Invisible,
}

/// Words that begin more than a simple command, or that the shell carries out itself in a way that changes what follows.
const LANGUAGE: &[&str] = &[
    "!",
    "{",
    "}",
    "[[",
    "case",
    "coproc",
    "do",
    "done",
    "elif",
    "else",
    "esac",
    "fi",
    "for",
    "function",
    "if",
    "in",
    "select",
    "then",
    "time",
    "until",
    "while",
    ".",
    "alias",
    "bind",
    "break",
    "builtin",
    "caller",
    "cd",
    "chdir",
    "command",
    "compgen",
    "complete",
    "continue",
    "declare",
    "dirs",
    "disown",
    "enable",
    "eval",
    "exec",
    "exit",
    "export",
    "fc",
    "getopts",
    "hash",
    "help",
    "history",
    "jobs",
    "let",
    "local",
    "logout",
    "mapfile",
    "popd",
    "printf",
    "pushd",
    "read",
    "readarray",
    "readonly",
    "return",
    "set",
    "shift",
    "shopt",
    "source",
    "suspend",
    // What bash and ksh look up in `-v 'a[$(x)]'`, they carry out.
    "test",
    "times",
    "trap",
    "type",
    "typeset",
    "ulimit",
    "umask",
    "unalias",
    "unset",
    "wait",
    "bg",
    "fg",
    "kill",
    // Of ksh and zsh.
    "emulate",
    "nameref",
    "nocorrect",
    "noglob",
    "print",
    "whence",
    "zmodload",
];

/// Takes a command apart into the programs that it starts, in order.
///
/// # Errors
/// It is not certain what the command does.
pub fn take_apart(command: &str) -> Result<Vec<Segment>, Unclear> {
    let mut reader = Reader::default();
    let mut rest = command.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\'' => loop {
                match rest.next() {
                    Some('\'') => {
                        reader.word.get_or_insert_default();
                        break;
                    }
                    Some(c) => reader.literal(c)?,
                    None => return Err(Unclear::Incomplete),
                }
            },
            '"' => loop {
                match rest.next() {
                    Some('"') => {
                        reader.word.get_or_insert_default();
                        break;
                    }
                    Some('$' | '`') => return Err(Unclear::Expansion),
                    Some('\\') => match rest.next() {
                        Some(c @ ('"' | '\\')) => reader.literal(c)?,
                        // What else a backslash means here differs from shell to shell.
                        Some(_) => return Err(Unclear::Expansion),
                        None => return Err(Unclear::Incomplete),
                    },
                    Some(c) => reader.literal(c)?,
                    None => return Err(Unclear::Incomplete),
                }
            },
            '\\' => match rest.next() {
                Some('\n') => return Err(Unclear::Invisible),
                Some(c) => reader.literal(c)?,
                None => return Err(Unclear::Incomplete),
            },
            ' ' | '\t' => reader.end_word()?,
            '\n' => reader.end_segment(false)?,
            ';' if reader.is_between() => return Err(Unclear::Incomplete),
            ';' => reader.end_segment(false)?,
            '|' => {
                let is_pipe = rest.next_if_eq(&'|').is_none();
                reader.end_segment(is_pipe)?;
                reader.needs_more = true;
            }
            '&' => {
                if rest.next_if_eq(&'&').is_none() {
                    return Err(Unclear::Background);
                }
                reader.end_segment(false)?;
                reader.needs_more = true;
            }
            '<' | '>' => return Err(Unclear::Redirection),
            '(' | ')' | '{' | '}' => return Err(Unclear::Language),
            '$' | '`' | '*' | '?' | '[' | ']' | '~' | '#' => return Err(Unclear::Expansion),
            '=' if reader.argv.is_empty() => return Err(Unclear::Assignment),
            c if c.is_whitespace() => return Err(Unclear::Invisible),
            c => reader.literal(c)?,
        }
    }
    reader.end_segment(false)?;
    match reader.needs_more || reader.segments.is_empty() {
        true => Err(Unclear::Incomplete),
        false => Ok(reader.segments),
    }
}

#[derive(Default)]
struct Reader {
    segments: Vec<Segment>,
    argv: Vec<String>,
    word: Option<String>,
    reads_pipe: bool,
    /// The last operator wants a command behind it.
    needs_more: bool,
}

impl Reader {
    /// Whether no command has begun.
    fn is_between(&self) -> bool {
        self.argv.is_empty() && self.word.is_none()
    }

    fn literal(&mut self, c: char) -> Result<(), Unclear> {
        // A line's end in quotes is text; other control characters are there to mislead.
        if is_invisible(c) {
            return Err(Unclear::Invisible);
        }
        self.word.get_or_insert_default().push(c);
        Ok(())
    }

    fn end_word(&mut self) -> Result<(), Unclear> {
        let Some(word) = self.word.take() else {
            return Ok(());
        };
        if self.argv.is_empty() && (word.is_empty() || LANGUAGE.contains(&word.as_str())) {
            return Err(Unclear::Language);
        }
        self.argv.push(word);
        Ok(())
    }

    fn end_segment(&mut self, is_pipe: bool) -> Result<(), Unclear> {
        self.end_word()?;
        if self.is_between() {
            // Empty lines between commands are nothing; an operator without a command is.
            return match is_pipe || self.needs_more {
                true => Err(Unclear::Incomplete),
                false => Ok(()),
            };
        }
        self.needs_more = false;
        self.segments.push(Segment {
            argv: std::mem::take(&mut self.argv),
            reads_pipe: self.reads_pipe,
        });
        self.reads_pipe = is_pipe;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn argvs(command: &str) -> Result<Vec<Vec<String>>, Unclear> {
        take_apart(command).map(|all| all.into_iter().map(|segment| segment.argv).collect())
    }

    #[test]
    fn plain_commands_are_taken_apart() {
        for (command, expected) in [
            (
                "ls -l 'a b' \"c d\" e\\ f",
                vec![vec!["ls", "-l", "a b", "c d", "e f"]],
            ),
            (
                "a|b && c;d\ne || f",
                vec![
                    vec!["a"],
                    vec!["b"],
                    vec!["c"],
                    vec!["d"],
                    vec!["e"],
                    vec!["f"],
                ],
            ),
            ("grep '$x' ''", vec![vec!["grep", "$x", ""]]),
            ("make CC=gcc\n\n", vec![vec!["make", "CC=gcc"]]),
            ("e'c'\"h\"o", vec![vec!["echo"]]),
        ] {
            assert_eq!(argvs(command).unwrap(), expected, "{command}");
        }
        let pipes: Vec<bool> = take_apart("a | b || c\nd")
            .unwrap()
            .iter()
            .map(|s| s.reads_pipe)
            .collect();
        assert_eq!(pipes, [false, true, false, false]);
    }

    #[test]
    fn what_is_in_doubt_is_unclear() {
        use Unclear::{
            Assignment, Background, Expansion, Incomplete, Invisible, Language, Redirection,
        };
        for (command, why) in [
            ("ls $(curl evil)", Expansion),
            ("ls `id`", Expansion),
            ("ls \"$HOME\"", Expansion),
            ("ls *.txt", Expansion),
            ("ls ~/.ssh", Expansion),
            ("ls # rm", Expansion),
            ("ls > x", Redirection),
            ("cat < /etc/passwd", Redirection),
            ("ls & rm x", Background),
            ("(ls)", Language),
            ("{ ls; }", Language),
            ("ls {a,b}", Language),
            ("if true; then ls; fi", Language),
            ("cd /tmp && ls", Language),
            ("'eval' x", Language),
            ("exec rm", Language),
            ("'' ls", Language),
            ("PATH=/tmp ls", Assignment),
            ("A=1", Assignment),
            ("", Incomplete),
            ("ls |", Incomplete),
            ("ls ; ; ls", Incomplete),
            ("; ls", Incomplete),
            ("| ls", Incomplete),
            ("ls && ", Incomplete),
            ("ls 'x", Incomplete),
            ("ls \\", Incomplete),
            ("l\\\ns", Invisible),
            ("ls\u{a0}-l", Invisible),
            ("ls\u{3000}-l", Invisible),
            ("ls \u{202e}x", Invisible),
            ("ls\r\nrm", Invisible),
            ("ls\0rm", Invisible),
            ("ls \u{1b}[2K", Invisible),
        ] {
            assert_eq!(argvs(command), Err(why), "{command:?}");
        }
    }
}
