//! Programs that only work on what they are given through a pipe.

use super::programs::{Nature, Program};
use super::words::Segment;

/// The original's list (`tools.exec.safeBins` replaces it).
pub(super) const SAFE_BINS: [&str; 9] = [
    "jq", "grep", "cut", "sort", "uniq", "head", "tail", "tr", "wc",
];

/// Whether a segment only reads its pipe, writes to its output, and names no file: options of one letter that take no file,
/// numbers, and the pattern or sets that the program wants.
///
/// A program of the owner's own list must be one that only does what it is for: a language that is handed text runs it.
pub(super) fn only_works_on_its_pipe(program: &Program, segment: &Segment) -> bool {
    let name = segment.argv[0].as_str();
    let is_known = SAFE_BINS.contains(&name);
    if !segment.reads_pipe || (!is_known && program.nature() == Nature::Anything) {
        return false;
    }
    let (flags, with_value, operands): (&str, &str, usize) = match name {
        "grep" => ("ivnocwxqshEFGPzaH", "mABC", 1),
        "jq" => ("rRcsnSeMCaj", "", 1),
        "cut" => ("sz", "bcdf", 0),
        "sort" => ("bdfghinrRMVuszc", "kt", 0),
        "uniq" => ("cdDiuz", "fsw", 0),
        "head" | "tail" => ("qvz0123456789", "nc", 0),
        "tr" => ("cCdst", "", 2),
        "wc" => ("clmwL", "", 0),
        // One of the owner's own list: without arguments it can only read.
        _ => ("", "", 0),
    };
    let mut left = operands;
    let mut arguments = segment.argv.iter().skip(1);
    while let Some(argument) = arguments.next() {
        let Some(letters) = argument.strip_prefix('-').filter(|rest| !rest.is_empty()) else {
            if left == 0 || (name == "jq" && reaches_out(argument)) {
                return false;
            }
            left -= 1;
            continue;
        };
        let Some(value_at) = letters.find(|c: char| !flags.contains(c)) else {
            continue;
        };
        let (letter, value) = letters[value_at..]
            .split_at(letters[value_at..].chars().next().map_or(0, char::len_utf8));
        if letter.is_empty() || !with_value.contains(letter) {
            return false;
        }
        // `-n5` or `-n 5`.
        let value = match value {
            "" => arguments.next().map(String::as_str),
            value => Some(value),
        };
        if !value.is_some_and(is_no_path) {
            return false;
        }
    }
    true
}

fn is_no_path(value: &str) -> bool {
    !value.contains('/') && value.len() <= 100
}

/// Filters of jq that see more than their input.
fn reaches_out(filter: &str) -> bool {
    [
        "env",
        "import",
        "include",
        "input_filename",
        "$__",
        "getpath",
        "@sh",
        "input_line",
        "debug",
        "modulemeta",
        "get_search_list",
    ]
    .iter()
    .any(|word| filter.to_ascii_lowercase().contains(word))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::path::PathBuf;

    use super::*;
    use crate::shell::words::take_apart;

    fn program(name: &str) -> Program {
        let path = PathBuf::from("/usr/bin").join(name);
        Program {
            found: path.clone(),
            real: path,
            links: Vec::new(),
        }
    }

    #[test]
    fn pipes_are_worked_on_and_files_are_not() {
        for (command, safe) in [
            ("x | grep -in 'foo.*bar'", true),
            ("x | jq '.a[0]'", true),
            ("x | sort -rn -k2", true),
            ("x | sort -k 2 -t,", true),
            ("x | head -n5", true),
            ("x | head -20", true),
            ("x | tr a-z A-Z", true),
            ("x | wc -l", true),
            ("grep foo", false),
            ("x | grep foo /etc/passwd", false),
            ("x | grep foo secrets.txt", false),
            ("x | grep -f pass foo", false),
            ("x | grep -r foo", false),
            ("x | grep --file=pass foo", false),
            ("x | sort -o out", false),
            ("x | sort --compress-program=sh", false),
            ("x | sort -T /tmp", false),
            ("x | uniq in out", false),
            ("x | head secrets", false),
            ("x | tail -f log", false),
            ("x | jq 'env.SECRET'", false),
            ("x | jq '$ENV.SECRET'", false),
            ("x | jq . f.json", false),
            ("x | jq -f prog", false),
            ("x | wc --files0-from=x", false),
            ("x | rev", true),
            ("x | rev f", false),
            ("x | python3", false),
            ("x | sh", false),
            ("x | xargs", false),
        ] {
            let segments = take_apart(command).unwrap();
            let segment = segments.last().unwrap();
            assert_eq!(
                only_works_on_its_pipe(&program(&segment.argv[0]), segment),
                safe,
                "{command}"
            );
        }
    }
}
