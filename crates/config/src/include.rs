//! `$include`: parts of the configuration kept in files of their own.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::environment::{Environment, normalized};
use crate::issue::Issue;
use crate::key_path::KeyPath;
use crate::spanned::{self, Content, MAX_NESTING, Member, Node, Origin, SourceFile};

/// The key that names other files.
pub(crate) const INCLUDE_KEY: &str = "$include";

/// How many files deep includes may go.
const MAX_DEPTH: usize = 10;

/// The configuration with all includes in place, and what was met on the way.
pub(crate) struct Included {
    /// The whole tree.
    pub(crate) node: Node,
    /// Included files, in the order in which they were first read.
    pub(crate) files: Vec<PathBuf>,
}

/// Puts the content of included files in the place of every `$include` in `node`.
///
/// # Errors
/// Every include that could not be resolved.
pub(crate) fn resolve(
    node: Node,
    environment: &Environment,
    warnings: &mut Vec<String>,
) -> Result<Included, Vec<Issue>> {
    let main = node.origin.file.path.clone();
    let mut resolver = Resolver {
        environment,
        warnings,
        issues: Vec::new(),
        files: Vec::new(),
        chain: vec![main],
        path: KeyPath::root(),
    };
    let node = resolver.node(node, 0);
    let Resolver { issues, files, .. } = resolver;
    if issues.is_empty() {
        Ok(Included { node, files })
    } else {
        Err(issues)
    }
}

struct Resolver<'a> {
    environment: &'a Environment,
    warnings: &'a mut Vec<String>,
    issues: Vec<Issue>,
    files: Vec<PathBuf>,
    /// The files that are being read, the main file first.
    chain: Vec<PathBuf>,
    path: KeyPath,
}

impl Resolver<'_> {
    fn report(&mut self, origin: &Origin, message: impl Into<String>) {
        self.issues.push(Issue::at(origin, &self.path, message));
    }

    fn node(&mut self, node: Node, nesting: usize) -> Node {
        if nesting > MAX_NESTING {
            self.report(
                &node.origin,
                format!("lists and objects are nested more than {MAX_NESTING} levels deep here"),
            );
            return Node {
                content: Content::Null,
                origin: node.origin,
            };
        }
        let origin = node.origin;
        let content = match node.content {
            Content::Array(items) => {
                let mut resolved = Vec::with_capacity(items.len());
                for (index, item) in items.into_iter().enumerate() {
                    self.path.push_index(index);
                    resolved.push(self.node(item, nesting + 1));
                    self.path.pop();
                }
                Content::Array(resolved)
            }
            Content::Object(members) => {
                return self.object(members, origin, nesting);
            }
            other => other,
        };
        Node { content, origin }
    }

    fn object(&mut self, members: Vec<Member>, origin: Origin, nesting: usize) -> Node {
        let mut include = None;
        let mut siblings = Vec::with_capacity(members.len());
        for mut member in members {
            if member.key == INCLUDE_KEY {
                include = Some(member.value);
                continue;
            }
            self.path.push_key(&member.key);
            member.value = self.node(member.value, nesting + 1);
            self.path.pop();
            siblings.push(member);
        }
        let siblings_node = |siblings| Node {
            content: Content::Object(siblings),
            origin: origin.clone(),
        };
        let Some(include) = include else {
            return siblings_node(siblings);
        };
        let Some(included) = self.included(&include, nesting) else {
            return siblings_node(siblings);
        };
        if siblings.is_empty() {
            return included;
        }
        if !matches!(included.content, Content::Object(_)) {
            self.report(
                &include.origin,
                format!(
                    "Sibling keys require included content to be an object; {} holds {}",
                    included.origin.file.shown,
                    included.kind()
                ),
            );
        }
        merge(included, siblings_node(siblings))
    }

    /// The content that the value of `$include` stands for; `None` when an issue was reported instead.
    fn included(&mut self, include: &Node, nesting: usize) -> Option<Node> {
        match &include.content {
            Content::String(given) => self.file(given, &include.origin, nesting),
            Content::Array(items) => {
                let mut merged = Node {
                    content: Content::Object(Vec::new()),
                    origin: include.origin.clone(),
                };
                for item in items {
                    let Some(given) = item.as_str() else {
                        self.report(
                            &item.origin,
                            format!(
                                "Invalid $include list: expected file names as strings, found {}",
                                item.kind()
                            ),
                        );
                        continue;
                    };
                    if let Some(next) = self.file(given, &item.origin, nesting) {
                        merged = merge(merged, next);
                    }
                }
                Some(merged)
            }
            _ => {
                self.report(
                    &include.origin,
                    format!(
                        "Invalid $include: expected a file name or a list of file names, found {}",
                        include.kind()
                    ),
                );
                None
            }
        }
    }

    fn file(&mut self, given: &str, origin: &Origin, nesting: usize) -> Option<Node> {
        let path = self.locate(given, &origin.file.path);
        if let Some(start) = self.chain.iter().position(|open| is_same(open, &path)) {
            let names: Vec<String> = self.chain[start..]
                .iter()
                .chain([&path])
                .map(|file| self.environment.shown(file))
                .collect();
            self.report(
                origin,
                format!("Circular include detected: {}", names.join(" -> ")),
            );
            return None;
        }
        if self.chain.len() > MAX_DEPTH {
            self.report(
                origin,
                format!("Maximum include depth ({MAX_DEPTH}) exceeded at: {given}"),
            );
            return None;
        }
        let text = match std::fs::read(&path).map(String::from_utf8) {
            Ok(Ok(text)) => text,
            Ok(Err(_)) => {
                self.report(
                    origin,
                    format!(
                        "Failed to parse include file: {} is not UTF-8 text",
                        self.environment.shown(&path)
                    ),
                );
                return None;
            }
            Err(error) => {
                self.report(
                    origin,
                    format!(
                        "Failed to read include file: {given} (resolved: {}): {error}",
                        path.display()
                    ),
                );
                return None;
            }
        };
        if !self.files.contains(&path) {
            self.files.push(path.clone());
        }
        let source = Arc::new(SourceFile {
            shown: self.environment.shown(&path),
            path: path.clone(),
        });
        match spanned::parse(&text, &source, self.warnings) {
            Ok(node) => {
                self.chain.push(path);
                let node = self.node(node, nesting);
                self.chain.pop();
                Some(node)
            }
            Err(mut issue) => {
                issue.message = format!(
                    "Failed to parse include file: {} (included at {})",
                    issue.message,
                    origin.shown()
                );
                issue.path = self.path.to_string();
                self.issues.push(*issue);
                None
            }
        }
    }

    /// The file that `given` names: relative to the file that includes it, with `~` as the home directory.
    fn locate(&self, given: &str, including: &Path) -> PathBuf {
        if given == "~" || given.starts_with("~/") {
            return self.environment.absolute(given);
        }
        let directory = including.parent().unwrap_or(Path::new("/"));
        normalized(&directory.join(given))
    }
}

/// Whether two paths are one file, also through symbolic links.
fn is_same(a: &Path, b: &Path) -> bool {
    a == b || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// Deep merge: objects by key, lists one after the other, and of anything else the later value.
fn merge(earlier: Node, later: Node) -> Node {
    let content = match (earlier.content, later.content) {
        (Content::Array(mut items), Content::Array(more)) => {
            items.extend(more);
            Content::Array(items)
        }
        (Content::Object(mut members), Content::Object(more)) => {
            for member in more {
                match members.iter().position(|known| known.key == member.key) {
                    Some(place) => {
                        let known = std::mem::replace(
                            &mut members[place],
                            Member {
                                key: member.key,
                                key_origin: member.key_origin,
                                value: Node {
                                    content: Content::Null,
                                    origin: member.value.origin.clone(),
                                },
                            },
                        );
                        members[place].value = merge(known.value, member.value);
                    }
                    None => members.push(member),
                }
            }
            Content::Object(members)
        }
        (_, later) => later,
    };
    Node {
        content,
        origin: later.origin,
    }
}
