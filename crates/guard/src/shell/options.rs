//! Programs that only read, unless an option has them run or write something.

use super::programs::Program;

/// What has such a program do more than read.
struct Limits {
    /// The program, by name.
    name: &'static str,
    /// Long options. Any beginning of one counts: option parsers take abbreviations.
    long: &'static [&'static str],
    /// Letters, also among others (`-ro`).
    letters: &'static str,
    /// Whole words.
    words: &'static [&'static str],
    /// Most words that are no options; one more would be a file to write to.
    most_operands: usize,
}

const NOTHING: Limits = Limits {
    name: "",
    long: &[],
    letters: "",
    words: &[],
    most_operands: usize::MAX,
};

const LIMITS: &[Limits] = &[
    Limits {
        name: "find",
        words: &[
            "-exec",
            "-execdir",
            "-ok",
            "-okdir",
            "-delete",
            "-fprint",
            "-fprint0",
            "-fprintf",
            "-fls",
            "-files0-from",
        ],
        ..NOTHING
    },
    Limits {
        name: "rg",
        long: &["pre", "hostname-bin"],
        ..NOTHING
    },
    Limits {
        name: "sort",
        long: &["compress-program", "output", "files0-from"],
        letters: "o",
        ..NOTHING
    },
    Limits {
        name: "shuf",
        long: &["output"],
        letters: "o",
        ..NOTHING
    },
    Limits {
        name: "uniq",
        most_operands: 1,
        ..NOTHING
    },
    Limits {
        name: "xxd",
        letters: "r",
        most_operands: 1,
        ..NOTHING
    },
    Limits {
        name: "tree",
        long: &["output"],
        letters: "oR",
        ..NOTHING
    },
    Limits {
        name: "iconv",
        long: &["output"],
        letters: "o",
        ..NOTHING
    },
    Limits {
        name: "file",
        long: &["compile"],
        letters: "C",
        ..NOTHING
    },
];

/// Whether a program only reads with these arguments, its own name first; `None` where that does not hang on them.
pub(super) fn only_reads(program: &Program, argv: &[String]) -> Option<bool> {
    let is_called = |limits: &&Limits| {
        [&program.found, &program.real]
            .iter()
            .any(|path| path.file_name().is_some_and(|name| name == limits.name))
    };
    let limits = LIMITS.iter().find(is_called)?;
    let mut operands = 0;
    let mut are_options_over = false;
    for argument in argv.iter().skip(1) {
        // Looked at behind `--` as well: that may be the value of an option, which ends nothing.
        if limits.is_crossed(argument) {
            return Some(false);
        }
        // `-` alone is the input.
        let is_operand = are_options_over || argument == "-" || !argument.starts_with('-');
        operands += usize::from(is_operand);
        are_options_over |= argument == "--";
    }
    Some(operands <= limits.most_operands)
}

impl Limits {
    fn is_crossed(&self, argument: &str) -> bool {
        // `-name=value` too.
        let word = argument.split('=').next().unwrap_or(argument);
        if self.words.contains(&word) {
            return true;
        }
        if let Some(option) = argument.strip_prefix("--") {
            let name = option.split('=').next().unwrap_or(option);
            return !name.is_empty() && self.long.iter().any(|long| long.starts_with(name));
        }
        argument
            .strip_prefix('-')
            .is_some_and(|letters| letters.contains(|c| self.letters.contains(c)))
    }
}
