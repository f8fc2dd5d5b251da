//! Whether the owner has allowed every program of a command for good.

use std::path::{Component, Path, PathBuf};

use regex::{Regex, RegexBuilder};
use thiserror::Error;

use super::options::only_reads;
use super::programs::{Nature, Program, Programs};
use super::safe_bins::{SAFE_BINS, only_works_on_its_pipe};
use super::words::{Segment, Unclear, take_apart};

/// What the shell carries out itself, and what harms nobody whatever its arguments.
const HARMLESS: [&str; 5] = ["echo", "true", "false", "pwd", ":"];

/// The programs that the owner allowed for good.
#[derive(Debug, Clone, Default)]
pub struct Allowlist {
    patterns: Vec<Regex>,
    safe_bins: Vec<String>,
}

/// Why the owner has to be asked about a command.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Miss {
    /// It is not certain what it does.
    #[error("{0}")]
    Unclear(#[from] Unclear),
    /// There is no such program.
    #[error("there is no program {0}")]
    NotFound(String),
    /// Nobody allowed this one.
    #[error("{} is not on the list", .0.display())]
    NotListed(PathBuf),
    /// What it does depends on its arguments alone.
    #[error("{} can do anything, so it is asked about each time", .0.display())]
    Anything(PathBuf),
    /// The agent could have written it.
    #[error("{} lies in a folder that the agent writes in", .0.display())]
    Writable(PathBuf),
}

impl Allowlist {
    /// From patterns of paths (`*` within a folder, `**` across, `~` for the home directory, either case) and, where the
    /// owner has a list of them, the names of programs that may work on a pipe (`tools.exec.safeBins`). A pattern without
    /// a slash means nothing: a name can be anywhere.
    pub fn new<'a>(
        patterns: impl IntoIterator<Item = &'a str>,
        safe_bins: Option<&[String]>,
        home: &Path,
    ) -> Self {
        let patterns =
            patterns
                .into_iter()
                .filter_map(|pattern| match pattern.trim().strip_prefix("~/") {
                    Some(rest) => glob(&format!("{}/{rest}", home.display())),
                    None => glob(pattern.trim()),
                });
        Self {
            patterns: patterns.collect(),
            safe_bins: match safe_bins {
                Some(names) => names.to_vec(),
                None => SAFE_BINS.map(str::to_owned).into(),
            },
        }
    }

    /// Whether every program of a command is allowed, where `writable` are the folders that the agent itself writes in.
    ///
    /// # Errors
    /// Why the owner has to be asked.
    pub fn check(
        &self,
        command: &str,
        programs: &Programs,
        writable: &[&Path],
    ) -> Result<(), Miss> {
        for segment in take_apart(command)? {
            let name = segment.argv[0].as_str();
            if HARMLESS.contains(&name) {
                continue;
            }
            let program = found(programs, name, writable)?;
            let is_safe = self.safe_bins.iter().any(|safe| safe == name)
                && only_works_on_its_pipe(&program, &segment);
            if is_safe {
                continue;
            }
            allowed_for_good(&program, &segment)?;
            if !self.lists(&program) {
                return Err(Miss::NotListed(program.real));
            }
        }
        Ok(())
    }

    fn lists(&self, program: &Program) -> bool {
        // `/opt/tools/../../bin/x` is in `/opt/tools` by its name alone.
        let is_where_it_says = !program
            .found
            .components()
            .any(|part| part == Component::ParentDir);
        let places = [
            Some(&program.real),
            is_where_it_says.then_some(&program.found),
        ];
        places.into_iter().flatten().any(|path| {
            let path = path.to_string_lossy();
            self.patterns.iter().any(|pattern| pattern.is_match(&path))
        })
    }
}

/// The paths that allowing a command for good would put on the list: one for each program that is not harmless.
///
/// # Errors
/// Why it can only be allowed once.
pub fn paths_to_allow(
    command: &str,
    programs: &Programs,
    writable: &[&Path],
) -> Result<Vec<PathBuf>, Miss> {
    let mut paths = Vec::new();
    for segment in take_apart(command)? {
        let name = segment.argv[0].as_str();
        if HARMLESS.contains(&name) {
            continue;
        }
        let program = found(programs, name, writable)?;
        allowed_for_good(&program, &segment)?;
        if !paths.contains(&program.real) {
            paths.push(program.real);
        }
    }
    Ok(paths)
}

fn found(programs: &Programs, name: &str, writable: &[&Path]) -> Result<Program, Miss> {
    let program = programs
        .find(name)
        .ok_or_else(|| Miss::NotFound(name.to_owned()))?;
    match writable.iter().any(|folder| program.is_within(folder)) {
        true => Err(Miss::Writable(program.real)),
        false => Ok(program),
    }
}

/// Whether a program can be on the list at all.
fn allowed_for_good(program: &Program, segment: &Segment) -> Result<(), Miss> {
    let is_allowed = match only_reads(program, &segment.argv) {
        Some(false) => false,
        // `find` does anything by its name, and here it does not. A `find` that is busybox is busybox.
        Some(true) if program.is_called("find") => true,
        _ => program.nature() == Nature::Plain,
    };
    match is_allowed {
        true => Ok(()),
        false => Err(Miss::Anything(program.real.clone())),
    }
}

/// A pattern of paths; `None` where it has no slash or is too long.
fn glob(pattern: &str) -> Option<Regex> {
    if !pattern.contains('/') {
        return None;
    }
    let mut text = String::from("^");
    let mut rest = pattern.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '*' if rest.next_if_eq(&'*').is_some() => text.push_str(".*"),
            '*' => text.push_str("[^/]*"),
            '?' => text.push_str("[^/]"),
            c => text.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    text.push('$');
    RegexBuilder::new(&text)
        .case_insensitive(true)
        .dot_matches_new_line(true)
        .build()
        .ok()
}

#[cfg(all(test, unix))]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    struct Machine {
        dir: tempfile::TempDir,
    }

    impl Machine {
        /// Programs in `bin`, others in the agent's own folder.
        fn new() -> Self {
            let machine = Self {
                dir: tempfile::tempdir().unwrap(),
            };
            for name in [
                "bin/ls",
                "bin/cat",
                "bin/rg",
                "bin/find",
                "bin/git",
                "bin/python3.13",
                "bin/env",
                "bin/xargs",
                "bin/busybox",
                "bin/grep",
                "work/evil",
                "work/ls",
            ] {
                let path = machine.root().join(name);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(&path, "").unwrap();
                std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
            }
            let bin = machine.root().join("bin");
            symlink("busybox", bin.join("date")).unwrap();
            symlink("python3.13", bin.join("py")).unwrap();
            symlink("../work/evil", bin.join("nice-tool")).unwrap();
            machine
        }

        fn root(&self) -> PathBuf {
            self.dir.path().canonicalize().unwrap()
        }

        fn check(&self, command: &str) -> Result<(), Miss> {
            let bin = self.root().join("bin");
            // As wide as a careless owner may have made it.
            let everything = format!("{}/**", bin.display());
            let list = Allowlist::new([everything.as_str(), "rg"], None, &self.root());
            let programs = Programs::new(&bin.display().to_string(), self.root().join("work"));
            list.check(command, &programs, &[&self.root().join("work")])
        }
    }

    #[test]
    fn what_is_listed_runs() {
        let machine = Machine::new();
        for command in [
            "ls -l",
            "ls | cat && rg foo; echo done",
            "find . -name x",
            "'ls' -l",
            "rg x | grep -i y",
        ] {
            assert!(
                machine.check(command).is_ok(),
                "{command}: {:?}",
                machine.check(command)
            );
        }
    }

    #[test]
    fn no_bypass_passes() {
        let machine = Machine::new();
        for command in [
            // Expansion, redirection, language, background, lines.
            "ls $(evil)",
            "ls `evil`",
            "ls \"$(evil)\"",
            "ls > x",
            "ls 2>&1",
            "cat < x",
            "ls & evil",
            "(ls)",
            "{ ls; }",
            "ls\nevil",
            "ls; ./evil",
            "ls | ./evil",
            "ls || ./evil",
            "eval ls",
            "exec ls",
            ". ./evil",
            "source evil",
            "command ls",
            "builtin echo",
            "if ls; then ls; fi",
            "ls ${IFS}x",
            "ls $'\\x41'",
            "ls *",
            "ls ~",
            "cat <<E\nx\nE",
            "cat <(ls)",
            "trap ls EXIT",
            "alias ls=evil; ls",
            "unset PATH; ls",
            "cd .. && ls",
            "set -- x",
            "wait",
            "ls #x",
            // Variables.
            "PATH=. ls",
            "A=b ls",
            "env PATH=. ls",
            "export PATH=.; ls",
            "LD_PRELOAD=./x ls",
            // Programs that do anything.
            "env ls",
            "xargs ls",
            "ls | xargs cat",
            "find . -exec ls {} +",
            "find . -delete",
            "find . -fprintf x y",
            "find -files0-from=x",
            "git status",
            "git -c core.pager=evil log",
            "python3.13 -c 1",
            "py -c 1",
            "busybox sh",
            "date",
            // Programs that the agent could have written.
            "./evil",
            "./ls",
            "nice-tool",
            "../work/evil",
            "/proc/self/cwd/evil",
            // What cannot be seen, or is not there.
            "ls\u{a0}-l",
            "l\u{200b}s",
            "\u{202e}sl",
            "ls\r",
            "ls\0",
            "missing",
            "/missing/ls",
            "",
            "   ",
            "ls |",
            // A full-width or Cyrillic letter is another name.
            "\u{ff4c}s",
            "l\u{0455}",
            "\u{441}at x",
        ] {
            assert!(machine.check(command).is_err(), "{command:?} passed");
        }
    }

    #[test]
    fn only_plain_programs_are_allowed_for_good() {
        let machine = Machine::new();
        let programs = Programs::new(
            &machine.root().join("bin").display().to_string(),
            machine.root().join("work"),
        );
        let work = machine.root().join("work");
        let paths = |command| paths_to_allow(command, &programs, &[&work]);
        let ls = machine.root().join("bin/ls");
        assert_eq!(paths("ls -l | ls && echo x"), Ok(vec![ls]));
        for command in [
            "git log",
            "python3.13 x.py",
            "date",
            "./evil",
            "find . -delete",
            "ls > x",
            "nice-tool",
        ] {
            assert!(paths(command).is_err(), "{command}");
        }
    }

    #[test]
    fn patterns_are_paths() {
        let matches =
            |pattern: &str, path: &str| glob(pattern).is_some_and(|glob| glob.is_match(path));
        assert!(matches("/usr/bin/*", "/usr/bin/rg"));
        assert!(!matches("/usr/bin/*", "/usr/bin/x/rg"));
        assert!(matches("/opt/**/rg", "/opt/a/b/rg"));
        assert!(matches("/USR/bin/rg", "/usr/bin/rg"));
        assert!(!matches("/usr/bin/r.", "/usr/bin/rg"));
        assert!(!matches("/usr/bin/rg", "/usr/bin/rg2"));
        assert!(!matches("rg", "/usr/bin/rg"));
        assert!(!matches("**", "/usr/bin/rg"));
    }
}
