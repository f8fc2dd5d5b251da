//! What was published as a way around the list of allowed commands of the original, or of programs like it. The ids are those
//! of the advisories; `exec_corpus.rs` holds many more of each kind.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use moltbot_guard::shell::{Allowlist, Miss, Programs, paths_to_allow};

/// A machine with these programs in `bin`, all on the list, and the agent's folder `work`.
struct Machine {
    dir: tempfile::TempDir,
}

impl Machine {
    fn new(programs: &[&str]) -> Self {
        let machine = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        std::fs::create_dir(machine.place("work")).unwrap();
        for name in programs {
            machine.program(&format!("bin/{name}"));
        }
        machine
    }

    fn root(&self) -> PathBuf {
        self.dir.path().canonicalize().unwrap()
    }

    fn place(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    fn program(&self, name: &str) {
        let path = self.place(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, "").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn programs(&self) -> Programs {
        Programs::new(&self.place("bin").display().to_string(), self.place("work"))
    }

    fn check_with(&self, pattern: &str, command: &str) -> Result<(), Miss> {
        let list = Allowlist::new([pattern], None, Path::new("/home/owner"));
        list.check(command, &self.programs(), &[&self.place("work")])
    }

    fn check(&self, command: &str) -> Result<(), Miss> {
        self.check_with(&format!("{}/*", self.place("bin").display()), command)
    }

    #[track_caller]
    fn asks_about(&self, commands: &[&str]) {
        for command in commands {
            assert!(self.check(command).is_err(), "{command:?} passed");
        }
    }
}

/// CVE-2026-28470: a command in `$()` or backticks ran where it stood in double quotes.
#[test]
fn substitution_in_double_quotes() {
    let machine = Machine::new(&["ls", "grep"]);
    machine.asks_about(&[
        "ls \"x: $(whoami)\"",
        "ls \"x: `id`\"",
        "grep \"a\\\\$(id)\" x",
        "ls \"${x:-$(id)}\"",
    ]);
    assert!(machine.check("ls '$(whoami)'").is_ok());
}

/// CVE-2026-28460: a backslash at a line's end parted `$` from `(`, and the shell put them together again.
#[test]
fn substitution_parted_by_a_continued_line() {
    Machine::new(&["ls"]).asks_about(&[
        "ls \"$\\\n(id)\"",
        "ls $\\\n(id)",
        "ls \"$\\\r\n(id)\"",
        "l\\\ns",
    ]);
}

/// GHSA-65rx-fvh6-r4h2, CVE-2026-44115: what stands in a here-document was not looked at, and the shell fills it in.
#[test]
fn substitution_in_a_here_document() {
    Machine::new(&["cat"]).asks_about(&[
        "cat <<E\n$(id)\nE",
        "cat <<-E\n`id`\nE",
        "cat <<\"E\"\n$(id)\nE",
        "cat<<E\nE",
    ]);
}

/// CVE-2026-28463, GHSA-xvhf-x56f-2hpp: programs that may only work on a pipe were handed files by `*` and variables.
#[test]
fn files_for_a_safe_bin_that_the_shell_fills_in() {
    Machine::new(&["ls", "head", "grep"]).asks_about(&[
        "ls | head *",
        "ls | grep x $HOME/.ssh/id",
        "ls | head ~/x",
        "ls | head ?",
    ]);
}

/// CVE-2026-28363: `sort --compress-program` was known, and `sort --compress-prog` does the same.
#[test]
fn abbreviated_options() {
    let machine = Machine::new(&["ls", "sort"]);
    machine.asks_about(&[
        "ls | sort --compress-program=sh",
        "ls | sort --compress-prog=sh",
        "sort --compress-prog=sh x",
        "sort --co sh x",
        "sort --o=x y",
    ]);
    assert!(machine.check("sort --check x").is_ok());
}

/// GHSA-796m-2973-wc5q: `env -S` splits a text into a command of its own; and an option that is not known, among those that
/// are, passed with them.
#[test]
fn commands_that_env_splits_and_options_among_others() {
    let machine = Machine::new(&["ls", "env", "sort", "grep"]);
    machine.asks_about(&[
        "env -S 'ls -l'",
        "env --split-string='ls -l'",
        "env ls",
        "ls | sort -rno x",
        "sort -rno x y",
    ]);
    let only_ls = machine.place("bin/ls").display().to_string();
    assert!(machine.check_with(&only_ls, "ls | grep -ir x").is_err());
    assert!(machine.check_with(&only_ls, "ls | grep -ivf x").is_err());
    assert!(machine.check_with(&only_ls, "ls | grep -iv x").is_ok());
}

/// CVE-2026-22175, GHSA-2cq5-mf3v-mx44: one file is many programs, and a yes to one was a yes to `busybox sh -c`.
#[test]
fn one_file_that_is_many_programs() {
    let machine = Machine::new(&["busybox", "toybox", "coreutils"]);
    for (name, target) in [("date", "busybox"), ("df", "toybox"), ("du", "coreutils")] {
        symlink(target, machine.place("bin").join(name)).unwrap();
    }
    let commands = [
        "busybox sh -c id",
        "toybox sh -c id",
        "coreutils --coreutils-prog=env id",
        "busybox ls",
        "date",
        "df",
        "du",
    ];
    machine.asks_about(&commands);
    for command in commands {
        let paths = paths_to_allow(command, &machine.programs(), &[&machine.place("work")]);
        assert!(paths.is_err(), "{command:?} would allow {paths:?}");
    }
}

/// Of GoClaw (its issues 1205 and 1208): the first word was looked up, and the shell got the whole line.
#[test]
fn a_chain_behind_an_allowed_program() {
    let machine = Machine::new(&["ls"]);
    for joint in ["&&", ";", "||", "|", "&", "\n"] {
        machine.asks_about(&[
            &format!("ls {joint} touch /tmp/canary"),
            &format!("echo x {joint} touch /tmp/canary"),
        ]);
    }
}

/// Of GoClaw (its issue 1213): a name on the list was compared with the name alone, wherever the program lay.
#[test]
fn a_program_of_the_same_name_elsewhere() {
    let machine = Machine::new(&["ls"]);
    machine.program("work/ls");
    machine.program("other/ls");
    let other = machine.place("other/ls").display().to_string();
    machine.asks_about(&["./ls", &other]);
    // A pattern without a folder means nothing.
    assert!(machine.check_with("ls", "ls").is_err() && machine.check_with("*", "ls").is_err());
}

/// A folder that agents write in, first in PATH, put a program before the one that was meant, safe bins among them.
#[test]
fn a_program_put_in_front_of_another() {
    let machine = Machine::new(&["ls", "grep"]);
    machine.program("work/node_modules/.bin/grep");
    let path = format!(
        "{0}/work/node_modules/.bin:{0}/bin",
        machine.root().display()
    );
    let programs = Programs::new(&path, machine.place("work"));
    let pattern = format!("{}/**", machine.root().display());
    let list = Allowlist::new([pattern.as_str()], None, Path::new("/home/owner"));
    for command in ["grep x", "ls | grep x"] {
        let checked = list.check(command, &programs, &[&machine.place("work")]);
        assert!(
            matches!(checked, Err(Miss::Writable(_))),
            "{command}: {checked:?}"
        );
    }
    // As does one that PATH names relative to where the command runs.
    let programs = Programs::new(
        &format!(".:{}", machine.place("bin").display()),
        machine.place("work"),
    );
    machine.program("work/ls");
    assert!(matches!(
        list.check("ls", &programs, &[&machine.place("work")]),
        Err(Miss::Writable(_))
    ));
}

/// Languages and other programs that carry out what they are handed stood on the list of safe bins, where they needed no yes.
#[test]
fn a_language_among_the_safe_bins() {
    let machine = Machine::new(&["ls", "python3", "awk", "xargs", "sh"]);
    let safe = ["python3", "awk", "xargs", "sh"].map(str::to_owned);
    let pattern = format!("{}/ls", machine.place("bin").display());
    let list = Allowlist::new([pattern.as_str()], Some(&safe), Path::new("/home/owner"));
    for name in &safe {
        let command = format!("ls | {name}");
        assert!(
            list.check(&command, &machine.programs(), &[]).is_err(),
            "{command:?} passed"
        );
    }
}

/// What cannot be seen, or looks like something else, made a command read otherwise than it ran.
#[test]
fn what_is_asked_about_reads_as_it_runs() {
    use moltbot_guard::invisible::written_out;
    for (command, shown) in [
        (
            "ls \u{202e}fdsa.txt\u{2066} rm",
            "ls \\u{202e}fdsa.txt\\u{2066} rm",
        ),
        ("ls\u{3164}x", "ls\\u{3164}x"),
        ("rm x\r ls", "rm x\\u{d} ls"),
        ("rm x\u{1b}[2K\u{1b}[1Gls", "rm x\\u{1b}[2K\\u{1b}[1Gls"),
        ("rm x\u{9b}2Kls", "rm x\\u{9b}2Kls"),
        ("rm x\u{8}\u{8}", "rm x\\u{8}\\u{8}"),
        ("ls \u{e0072}\u{e006d}", "ls \\u{e0072}\\u{e006d}"),
    ] {
        assert_eq!(written_out(command), shown);
        Machine::new(&["ls", "rm"]).asks_about(&[command]);
    }
}
