//! Which file a name starts, and what kind of program that is.

use std::path::{Component, Path, PathBuf};

/// A program that a command would start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Where it was found.
    pub found: PathBuf,
    /// Where that leads, every link followed: what is really started.
    pub real: PathBuf,
}

/// What can be said of a program by its name alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nature {
    /// Does what it is for.
    Plain,
    /// Runs, writes or sends what its arguments, its input or files of the folder say: its name tells nothing about what
    /// happens.
    Anything,
}

/// Where programs are looked for, as the shell does.
#[derive(Debug, Clone)]
pub struct Programs {
    path: Vec<PathBuf>,
    workdir: PathBuf,
}

impl Programs {
    /// With this `PATH`, in this folder. An empty entry of `PATH` is the folder itself, as it is to the shell.
    pub fn new(path: &str, workdir: impl Into<PathBuf>) -> Self {
        Self {
            path: std::env::split_paths(path).collect(),
            workdir: workdir.into(),
        }
    }

    /// The program that a name starts; `None` where there is none.
    pub fn find(&self, name: &str) -> Option<Program> {
        if name.contains('/') {
            return self.at(&self.workdir.join(name));
        }
        self.path
            .iter()
            .find_map(|folder| self.at(&self.workdir.join(folder).join(name)))
    }

    fn at(&self, path: &Path) -> Option<Program> {
        let real = path.canonicalize().ok()?;
        is_executable(&real).then(|| Program {
            found: without_dots(path),
            real,
        })
    }
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata()
        .is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(path: &Path) -> bool {
    path.is_file()
}

/// A path without `.` in it; `..` stays, since links may stand before it.
fn without_dots(path: &Path) -> PathBuf {
    path.components()
        .filter(|part| *part != Component::CurDir)
        .collect()
}

/// Programs that do anything, by name without a version.
const ANYTHING: &[&str] = &[
    // Shells and languages.
    "sh",
    "bash",
    "dash",
    "zsh",
    "ksh",
    "mksh",
    "fish",
    "csh",
    "tcsh",
    "rbash",
    "pwsh",
    "powershell",
    "cmd",
    "busybox",
    "toybox",
    "python",
    "pypy",
    "ipython",
    "perl",
    "ruby",
    "irb",
    "node",
    "nodejs",
    "deno",
    "bun",
    "tsx",
    "ts-node",
    "php",
    "lua",
    "luajit",
    "awk",
    "gawk",
    "mawk",
    "nawk",
    "sed",
    "gsed",
    "ed",
    "ex",
    "tclsh",
    "wish",
    "expect",
    "osascript",
    "guile",
    "scheme",
    "racket",
    "sbcl",
    "clojure",
    "julia",
    "r",
    "rscript",
    "octave",
    "java",
    "jshell",
    "groovy",
    "scala",
    "kotlin",
    "erl",
    "elixir",
    "iex",
    "ghc",
    "runghc",
    "ocaml",
    "swift",
    "go",
    "dotnet",
    "mono",
    "wine",
    "bc",
    "dc",
    "m4",
    "gnuplot",
    "sqlite",
    "psql",
    "mysql",
    "mariadb",
    "redis-cli",
    "mongosh",
    "duckdb",
    // What starts what its arguments name.
    "env",
    "xargs",
    "find",
    "fd",
    "fdfind",
    "parallel",
    "nice",
    "ionice",
    "nohup",
    "timeout",
    "time",
    "watch",
    "entr",
    "setsid",
    "stdbuf",
    "script",
    "unbuffer",
    "chroot",
    "unshare",
    "nsenter",
    "bwrap",
    "firejail",
    "taskset",
    "chrt",
    "flock",
    "su",
    "sudo",
    "doas",
    "runuser",
    "pkexec",
    "gosu",
    "setpriv",
    "capsh",
    "ssh",
    "sshpass",
    "mosh",
    "rsh",
    "scp",
    "sftp",
    "rsync",
    "at",
    "batch",
    "crontab",
    "systemd-run",
    "systemctl",
    "launchctl",
    "service",
    "start-stop-daemon",
    "screen",
    "tmux",
    "byobu",
    "dtach",
    "xterm",
    "strace",
    "ltrace",
    "gdb",
    "lldb",
    "perf",
    "valgrind",
    "catchsegv",
    "ld",
    "ld.so",
    "ld-linux",
    "ld-linux-x86-64.so",
    "ld-musl-x86_64.so",
    "open",
    "xdg-open",
    "start",
    "run-parts",
    "logrotate",
    "run-one",
    "rlwrap",
    "socat",
    "nc",
    "ncat",
    "netcat",
    "telnet",
    "openssl",
    "docker",
    "podman",
    "nerdctl",
    "kubectl",
    "oc",
    "helm",
    "vagrant",
    "lxc",
    "machinectl",
    "ansible",
    "ansible-playbook",
    "terraform",
    "pulumi",
    // What runs what files in the folder, or its own settings, say.
    "git",
    "hg",
    "svn",
    "bzr",
    "jj",
    "gh",
    "make",
    "gmake",
    "bmake",
    "ninja",
    "cmake",
    "ctest",
    "meson",
    "bazel",
    "buck",
    "just",
    "task",
    "rake",
    "gradle",
    "gradlew",
    "mvn",
    "ant",
    "sbt",
    "npm",
    "npx",
    "yarn",
    "pnpm",
    "pnpx",
    "corepack",
    "pip",
    "pipx",
    "uv",
    "uvx",
    "poetry",
    "conda",
    "mamba",
    "pytest",
    "tox",
    "nox",
    "cargo",
    "rustc",
    "rustup",
    "gem",
    "bundle",
    "composer",
    "cpan",
    "cabal",
    "stack",
    "mix",
    "rebar",
    "nix",
    "nix-shell",
    "guix",
    "brew",
    "apt",
    "apt-get",
    "aptitude",
    "dpkg",
    "dnf",
    "yum",
    "rpm",
    "pacman",
    "apk",
    "snap",
    "flatpak",
    "tar",
    "bsdtar",
    "zip",
    "unzip",
    "7z",
    "cpio",
    "ar",
    "gcc",
    "g++",
    "cc",
    "c++",
    "clang",
    "clang++",
    "tcc",
    "tex",
    "latex",
    "pdftex",
    "pdflatex",
    "lualatex",
    "xelatex",
    "latexmk",
    "jest",
    "vitest",
    "mocha",
    "eslint",
    "webpack",
    "vite",
    "tsc",
    "pre-commit",
    "direnv",
    "asdf",
    "mise",
    // Editors and pagers.
    "vi",
    "vim",
    "nvim",
    "view",
    "rvim",
    "vimdiff",
    "emacs",
    "emacsclient",
    "nano",
    "pico",
    "micro",
    "helix",
    "hx",
    "code",
    "less",
    "more",
    "most",
    "man",
    "info",
    "mail",
    "mutt",
    "ftp",
    "lftp",
    "gimp",
    "ffmpeg",
    "convert",
    "magick",
    // What writes or sends anywhere by its arguments.
    "curl",
    "wget",
    "http",
    "https",
    "xh",
    "aria2c",
    "tee",
    "dd",
    "install",
    "ln",
    "cp",
    "mv",
    "split",
    "csplit",
    "shred",
    "chmod",
    "chown",
    "mount",
    "insmod",
    "modprobe",
    "sysctl",
    "useradd",
    "usermod",
    "passwd",
    "visudo",
    "update-alternatives",
    "reg",
    "rundll32",
    "mshta",
    "wscript",
    "cscript",
    "certutil",
];

impl Program {
    /// What its names say. Both are looked at: `ls` may be a link to `busybox`, and `python` one to `python3.13`.
    pub fn nature(&self) -> Nature {
        let does_anything = [&self.found, &self.real].iter().any(|path| {
            let name = path
                .file_name()
                .map(|name| name.to_string_lossy().to_lowercase());
            name.is_none_or(|name| does_anything(&name))
        });
        match does_anything {
            true => Nature::Anything,
            false => Nature::Plain,
        }
    }

    /// Whether it lies in this folder, every link followed.
    pub fn is_within(&self, folder: &Path) -> bool {
        let real = folder.canonicalize();
        self.real.starts_with(real.as_deref().unwrap_or(folder)) || self.found.starts_with(folder)
    }
}

/// `python3.13`, `gcc-14`, `node22.exe` and `lua5.4` are what they are without the version.
fn does_anything(name: &str) -> bool {
    let name = name.strip_suffix(".exe").unwrap_or(name);
    let end = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '_');
    let plain = name.trim_end_matches(end);
    ANYTHING.contains(&name) || ANYTHING.contains(&plain)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn versions_hide_nothing() {
        for name in [
            "python3.13",
            "bash",
            "node22.exe",
            "gcc-14",
            "git",
            "lua5.4",
            "busybox",
            "ld-linux-x86-64.so.2",
        ] {
            assert!(does_anything(name), "{name}");
        }
        for name in ["ls", "cat", "rg", "wc", "date", "7zz-like", "sha256sum"] {
            assert!(!does_anything(name), "{name}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn names_are_found_as_the_shell_finds_them() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let file = |name: &str, mode: u32| {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, "").unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            path
        };
        let own = file("bin/tool", 0o755);
        file("first/tool", 0o644);
        let here = file("work/tool", 0o755);
        let busybox = file("bin/busybox", 0o755);
        symlink(&busybox, root.join("bin/ls")).unwrap();
        let path = format!("{0}/first:{0}/bin", root.display());
        let programs = Programs::new(&path, root.join("work"));
        assert_eq!(programs.find("tool").unwrap().real, own);
        assert_eq!(programs.find("./tool").unwrap().found, here);
        assert!(
            programs
                .find("./tool")
                .unwrap()
                .is_within(&root.join("work"))
        );
        assert_eq!(programs.find("../bin/tool").unwrap().real, own);
        assert!(programs.find("missing").is_none());
        let ls = programs.find("ls").unwrap();
        assert_eq!((ls.real.clone(), ls.nature()), (busybox, Nature::Anything));
        // An empty entry is the folder the command runs in.
        let programs = Programs::new(&format!(":{path}"), root.join("work"));
        assert_eq!(programs.find("tool").unwrap().real, here);
    }
}
