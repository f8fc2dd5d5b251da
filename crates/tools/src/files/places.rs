//! Where a path really leads, and whose place that is.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::ffi::OsString;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use moltbot_agent::{Arguments, Effect, Plan, Scene, Target};
use serde_json::Value;
use thiserror::Error;

use super::place::{Place, Zone, shapes_the_agent, shown};

/// As many symbolic links as Linux follows.
const MAX_LINKS: usize = 40;

/// Where browsers put what they fetch, below the home directory.
const DOWNLOADS: &str = "Downloads";

/// Shows what programs have in memory and in their environment, credentials among it.
const PROCESSES: &str = "/proc";

/// The folders that mean something to the file tools, besides an agent's workspace.
#[derive(Debug, Clone)]
pub struct Folders {
    home: PathBuf,
    protected: Vec<PathBuf>,
    readable: Vec<PathBuf>,
    results: Vec<PathBuf>,
    notes: Vec<PathBuf>,
}

impl Folders {
    /// `home` is what `~` stands for. `protected` are the folders and files that the program is configured by and keeps
    /// its credentials in: they are not read, and writing there changes the agent itself. A workspace that lies in one
    /// of them is a workspace all the same.
    pub fn new(home: PathBuf, protected: Vec<PathBuf>) -> Self {
        Self {
            home,
            protected,
            readable: Vec::new(),
            results: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// The same with more files and folders that hold the agent's notes: what stands there it takes for its own knowledge.
    #[must_use]
    pub fn with_notes(mut self, notes: Vec<PathBuf>) -> Self {
        self.notes = notes;
        self
    }

    /// The same with folders, mostly in protected ones, that are kept for agents to read: managed skills. Writing there
    /// still changes the agent itself.
    #[must_use]
    pub fn with_readable(mut self, readable: Vec<PathBuf>) -> Self {
        self.readable = readable;
        self
    }

    /// The same with folders that hold results of tools which were too long: they may be read, but what they say comes
    /// from outside.
    #[must_use]
    pub fn with_results(mut self, results: Vec<PathBuf>) -> Self {
        self.results = results;
        self
    }

    /// Where a path leads that a model wrote, seen from the workspace.
    pub(crate) fn find(&self, workspace: &Path, text: &str) -> Result<Place, PathError> {
        let path = resolve(&self.absolute(workspace, text)?)?;
        if path.to_str().is_none() {
            return Err(PathError::NotText { path });
        }
        let zone = self.zone(workspace, &path)?;
        let is_note = || {
            let mut notes = self.notes.iter().filter_map(|note| resolve(note).ok());
            notes.any(|note| path.starts_with(note))
        };
        let shapes_the_agent =
            zone == Zone::Workspace && (shapes_the_agent(&resolve(workspace)?, &path) || is_note());
        Ok(Place {
            path,
            zone,
            written: text.to_owned(),
            shapes_the_agent,
        })
    }

    /// Where the `path` of a call leads.
    pub(crate) fn in_call(
        &self,
        arguments: &Arguments,
        scene: &Scene<'_>,
    ) -> Result<Place, PathError> {
        let text = arguments.get("path").and_then(Value::as_str);
        self.find_in(scene, text.unwrap_or_default())
    }

    /// Where the `path` of a call leads that reads it.
    pub(crate) fn to_read(
        &self,
        arguments: &Arguments,
        scene: &Scene<'_>,
    ) -> Result<Place, PathError> {
        let text = arguments.get("path").and_then(Value::as_str);
        self.find_to_read(scene, text.unwrap_or_default())
    }

    /// Where a path leads that a model wrote. A sandboxed conversation finds nothing outside the folder that it works in.
    pub(crate) fn find_in(&self, scene: &Scene<'_>, text: &str) -> Result<Place, PathError> {
        let place = self.find(scene.workspace, &as_outside(scene, text))?;
        match scene.sandbox {
            Some(_) if place.zone != Zone::Workspace => Err(escapes(scene, &place)),
            _ => Ok(place),
        }
    }

    /// The same for a path that is only read: a sandboxed conversation reads what its commands may read, and the results
    /// that were too long for it, each by its name.
    pub(crate) fn find_to_read(&self, scene: &Scene<'_>, text: &str) -> Result<Place, PathError> {
        let place = self.find(scene.workspace, &as_outside(scene, text))?;
        let Some(sandbox) = scene.sandbox else {
            return Ok(place);
        };
        let is_readable = match place.zone {
            Zone::Workspace => true,
            Zone::Results => place.path.is_file(),
            Zone::Readable | Zone::Downloads | Zone::Elsewhere => {
                let granted = sandbox.confinement.readable.iter();
                granted
                    .chain(&sandbox.confinement.writable)
                    .filter_map(|folder| resolve(folder).ok())
                    .any(|folder| place.path.starts_with(folder))
            }
            Zone::Protected => false,
        };
        match is_readable {
            true => Ok(place),
            false => Err(escapes(scene, &place)),
        }
    }

    fn absolute(&self, workspace: &Path, text: &str) -> Result<PathBuf, PathError> {
        if text.trim().is_empty() {
            return Err(PathError::Empty);
        }
        if text.contains('\0') {
            return Err(PathError::Nul);
        }
        Ok(match text.strip_prefix('~') {
            Some("") => self.home.clone(),
            Some(rest) if rest.starts_with('/') => self.home.join(rest.trim_start_matches('/')),
            _ => workspace.join(text),
        })
    }

    /// Whose a resolved path is: the innermost folder that means something decides.
    fn zone(&self, workspace: &Path, path: &Path) -> Result<Zone, PathError> {
        let workspace = resolve(workspace)?;
        let protected = Folder::all(&self.protected)?;
        let readable = Folder::all(&self.readable)?;
        let results = Folder::all(&self.results)?;
        let downloads = resolve(&self.home.join(DOWNLOADS))?;
        for folder in path.ancestors() {
            let identity = identity(folder);
            let is_in = |folders: &[Folder]| folders.iter().any(|one| one.is(folder, identity));
            if is_in(&protected) || folder == Path::new(PROCESSES) {
                return Ok(Zone::Protected);
            }
            if is_in(&readable) {
                return Ok(Zone::Readable);
            }
            if is_in(&results) {
                return Ok(Zone::Results);
            }
            if folder == workspace {
                return Ok(Zone::Workspace);
            }
            if folder == downloads {
                return Ok(Zone::Downloads);
            }
        }
        Ok(Zone::Elsewhere)
    }
}

/// A path as it is on this machine: a container shows folders under other names as well.
fn as_outside<'a>(scene: &Scene<'_>, text: &'a str) -> Cow<'a, str> {
    match scene.sandbox {
        Some(sandbox) => sandbox.outside(text),
        None => text.into(),
    }
}

fn escapes(scene: &Scene<'_>, place: &Place) -> PathError {
    PathError::Escapes {
        root: scene.workspace.to_owned(),
        path: place.path.clone(),
    }
}

/// A folder, and what the file system knows it by: on a disk that ignores case it has many names.
struct Folder {
    path: PathBuf,
    identity: Option<(u64, u64)>,
}

impl Folder {
    fn all(paths: &[PathBuf]) -> Result<Vec<Self>, PathError> {
        let folder = |path: &PathBuf| {
            let path = resolve(path)?;
            let identity = identity(&path);
            Ok(Self { path, identity })
        };
        paths.iter().map(folder).collect()
    }

    fn is(&self, path: &Path, identity: Option<(u64, u64)>) -> bool {
        self.path == path || (identity.is_some() && identity == self.identity)
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    let metadata = std::fs::symlink_metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

/// The real place of an absolute path: every symbolic link followed, `..` taken from where the links led, and what does
/// not exist yet kept as it is.
fn resolve(path: &Path) -> Result<PathBuf, PathError> {
    let mut real = PathBuf::from("/");
    let mut ahead: VecDeque<OsString> = VecDeque::new();
    let mut links = 0;
    put_in_front(&mut ahead, path);
    while let Some(name) = ahead.pop_front() {
        if name == ".." {
            real.pop();
            continue;
        }
        let next = real.join(&name);
        let metadata = match std::fs::symlink_metadata(&next) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                real = next;
                continue;
            }
            Err(source) => return Err(PathError::Unreachable { path: next, source }),
        };
        if !metadata.is_symlink() {
            real = next;
            continue;
        }
        links += 1;
        if links > MAX_LINKS {
            return Err(PathError::Links { path: next });
        }
        let target = std::fs::read_link(&next)
            .map_err(|source| PathError::Unreachable { path: next, source })?;
        if target.is_absolute() {
            real = PathBuf::from("/");
        }
        put_in_front(&mut ahead, &target);
    }
    Ok(real)
}

fn put_in_front(ahead: &mut VecDeque<OsString>, path: &Path) {
    for component in path.components().rev() {
        match component {
            Component::Normal(name) => ahead.push_front(name.to_owned()),
            Component::ParentDir => ahead.push_front(OsString::from("..")),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
}

/// The plan for a place, or for a path that leads nowhere: such a call ends in the same error, so it needs no decision.
pub(crate) fn plan(found: &Result<Place, PathError>, effect: fn(&Place) -> Effect) -> Plan {
    match found {
        Ok(place) => {
            let Target { kind, value } = place.target();
            Plan::new(effect(place), place.shown()).on(kind, value)
        }
        // Begins with a word, so it is never taken for the plan of a place.
        Err(error) => Plan::new(Effect::ReadsOwn, format!("nothing: {error}")),
    }
}

/// A path that leads nowhere, or where nothing is read.
#[derive(Debug, Error)]
pub(crate) enum PathError {
    #[error("The path is empty; name a file.")]
    Empty,
    #[error("The path contains a NUL character; name a file without one.")]
    Nul,
    #[error(
        "{} is not a name in UTF-8; only such files can be named.",
        shown(path)
    )]
    NotText { path: PathBuf },
    #[error("Path escapes sandbox root ({}): {}", shown(root), shown(path))]
    Escapes { root: PathBuf, path: PathBuf },
    #[error("{} leads through more than {MAX_LINKS} symbolic links.", shown(path))]
    Links { path: PathBuf },
    #[error("{} cannot be reached: {source}.", shown(path))]
    Unreachable { path: PathBuf, source: io::Error },
    #[error(
        "{} is not read: the program's settings and credentials, \
         and the insides of running programs, are closed to tools.",
        shown(path)
    )]
    Private { path: PathBuf },
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs;
    use std::os::unix::fs::symlink;

    use proptest::prelude::*;

    use super::*;

    fn real(dir: &tempfile::TempDir) -> PathBuf {
        dir.path().canonicalize().unwrap()
    }

    #[test]
    fn the_innermost_folder_decides() {
        let dir = tempfile::tempdir().unwrap();
        let home = real(&dir);
        let state = home.join(".state");
        for folder in ["ws/.hidden", ".state/skills", ".state/sandboxes/a", "other"] {
            fs::create_dir_all(home.join(folder)).unwrap();
        }
        symlink(&state, home.join("ws/link")).unwrap();
        symlink("../other/new", home.join("ws/dangling")).unwrap();
        let folders = Folders::new(home.clone(), vec![state.clone()])
            .with_readable(vec![state.join("skills")]);
        let workspace = home.join("ws");
        for (text, leads_to, zone) in [
            ("a/b.txt", "ws/a/b.txt", Zone::Workspace),
            (".hidden/x", "ws/.hidden/x", Zone::Workspace),
            (".", "ws", Zone::Workspace),
            ("..", "", Zone::Elsewhere),
            ("../other/x", "other/x", Zone::Elsewhere),
            ("dangling", "other/new", Zone::Elsewhere),
            ("a/../../wsx", "wsx", Zone::Elsewhere),
            ("~", "", Zone::Elsewhere),
            ("~/ws/n", "ws/n", Zone::Workspace),
            ("~/.state/creds.json", ".state/creds.json", Zone::Protected),
            ("link/creds.json", ".state/creds.json", Zone::Protected),
            ("link/../ws/x", "ws/x", Zone::Workspace),
            (
                "link/skills/a/SKILL.md",
                ".state/skills/a/SKILL.md",
                Zone::Readable,
            ),
        ] {
            let place = folders.find(&workspace, text).unwrap();
            assert_eq!(place.path, home.join(leads_to), "{text}");
            assert_eq!(place.zone, zone, "{text}");
        }
        let inner = state.join("sandboxes/a");
        assert_eq!(
            folders.find(&inner, "x").unwrap().zone,
            Zone::Workspace,
            "a workspace in the state folder"
        );
        assert_eq!(folders.find(&inner, "../b").unwrap().zone, Zone::Protected);
        assert_eq!(
            folders.find(&state, "x").unwrap().zone,
            Zone::Protected,
            "the state folder as workspace"
        );
        assert_eq!(
            folders.find(&workspace, "/proc/self/environ").unwrap().zone,
            Zone::Protected
        );
    }

    #[test]
    fn a_path_that_leads_nowhere_says_why() {
        let dir = tempfile::tempdir().unwrap();
        let home = real(&dir);
        symlink("b", home.join("a")).unwrap();
        symlink("a", home.join("b")).unwrap();
        fs::write(home.join("file"), "x").unwrap();
        let folders = Folders::new(home.clone(), Vec::new());
        for (text, says) in [
            ("  ", "empty"),
            ("a\0b", "NUL"),
            ("a/x", "symbolic links"),
            ("file/x", "cannot be reached"),
        ] {
            let error = folders.find(&home, text).unwrap_err().to_string();
            assert!(error.contains(says), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_name_cannot_pretend_to_be_two() {
        assert_eq!(shown(Path::new("/a b/ü.txt")), "/a b/ü.txt");
        assert_eq!(shown(Path::new("/a, /b")), "\"/a, /b\"");
        assert_eq!(shown(Path::new("/a\n/b")), "\"/a\\n/b\"");
        assert_eq!(shown(Path::new("/a\u{202e}b")), "\"/a\\u{202e}b\"");
    }

    /// What is made in a random tree: a folder, a file or a link to somewhere.
    fn entries() -> impl Strategy<Value = Vec<(String, Option<String>)>> {
        let name = "[abc]";
        let path = prop::collection::vec(prop_oneof![name, Just("..".to_owned())], 1..4);
        let path = path.prop_map(|names| names.join("/"));
        let target = prop_oneof![path.clone(), path.clone().prop_map(|p| format!("/{p}"))];
        prop::collection::vec((path, prop::option::of(target)), 0..12)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn what_is_judged_inside_is_inside(
            made in entries(),
            asked in prop::collection::vec("[abc]|\\.\\.|\\.", 1..6),
        ) {
            let dir = tempfile::tempdir().unwrap();
            let root = real(&dir);
            let workspace = root.join("a");
            fs::create_dir_all(&workspace).unwrap();
            for (path, target) in made {
                // Paths stay in the tree: `..` at its top is taken as the top.
                let mut at = root.clone();
                for name in path.split('/') {
                    if name == ".." {
                        if at != root { at.pop(); }
                    } else {
                        at.push(name);
                    }
                }
                // What does not work out (a file on the way, a name that is taken) leaves the tree as it is.
                let _ = fs::create_dir_all(at.parent().unwrap());
                let _ = match target {
                    Some(target) => match target.strip_prefix('/') {
                        Some(rest) if !rest.contains("..") => symlink(root.join(rest), &at),
                        Some(_) => Ok(()),
                        None => symlink(target, &at),
                    },
                    None => fs::create_dir_all(&at),
                };
            }
            let text = asked.join("/");
            let folders = Folders::new(root.clone(), Vec::new());
            if let Ok(place) = folders.find(&workspace, &text) {
                if let Ok(canonical) = workspace.join(&text).canonicalize() {
                    prop_assert_eq!(&place.path, &canonical);
                }
                let is_inside = place.zone == Zone::Workspace;
                prop_assert_eq!(is_inside, place.path.starts_with(&workspace));
                if is_inside {
                    // The part of it that exists leads nowhere else.
                    let existing = place.path.ancestors().find(|p| p.symlink_metadata().is_ok()).unwrap();
                    prop_assert_eq!(&existing.canonicalize().unwrap(), existing);
                    prop_assert!(existing.starts_with(&workspace));
                }
            }
        }
    }
}
