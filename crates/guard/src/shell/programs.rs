//! Which file a name starts, and what kind of program that is.

use std::path::{Component, Path, PathBuf};

use super::anything::does_anything;

/// A program that a command would start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Where it was found.
    pub found: PathBuf,
    /// Where that leads, every link followed: what is really started.
    pub real: PathBuf,
    /// Where the links lie by which it leads there.
    pub links: Vec<PathBuf>,
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
            links: links(path),
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

/// Where the links on the way to a file lie, each by its real place.
fn links(path: &Path) -> Vec<PathBuf> {
    // As many as Linux follows.
    const MOST: usize = 40;
    let parts = |path: &Path| -> Vec<PathBuf> {
        path.components()
            .rev()
            .map(|part| PathBuf::from(part.as_os_str()))
            .collect()
    };
    let mut links = Vec::new();
    let mut here = PathBuf::new();
    let mut left = parts(path);
    while let Some(part) = left.pop() {
        if part == Path::new("..") {
            here.pop();
            continue;
        }
        // A path that begins at the root begins anew.
        let next = here.join(&part);
        match next.read_link() {
            Ok(target) if links.len() < MOST => {
                links.push(next);
                left.extend(parts(&target));
            }
            _ => here = next,
        }
    }
    links
}

impl Program {
    /// Whether it has this name, and what it leads to has it too.
    pub fn is_called(&self, name: &str) -> bool {
        [&self.found, &self.real]
            .iter()
            .all(|path| path.file_name().is_some_and(|own| own == name))
    }

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

    /// Whether it lies in this folder, every link followed, or a link in it leads there: whoever writes in the folder says
    /// what is started.
    pub fn is_within(&self, folder: &Path) -> bool {
        let real = folder.canonicalize();
        let real = real.as_deref().unwrap_or(folder);
        self.found.starts_with(folder)
            || self.real.starts_with(real)
            || self.links.iter().any(|link| link.starts_with(real))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

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
