//! What an audit looks at, gathered beforehand.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use moltbot_config::spanned::{self, Content, Node, SourceFile};
use moltbot_config::{Config, Environment, MAIN_AGENT, Snapshot};
use serde_json::Value;

use super::agents::AgentFacts;
use super::files::{self, FileFact};
use crate::access::PairingStore;
use crate::sandbox::enforceable;
use crate::shell::{Approvals, Nature, Program};

/// What an audit looks at. It holds secrets, so it has no `Debug`.
#[derive(Clone)]
pub struct Facts {
    /// The configuration.
    pub config: Config,
    /// The same with includes in place and variables filled in ([`Snapshot::value`]).
    pub value: Value,
    /// The texts that stand in the configuration's files as they are: what of `value` is among them is no reference.
    pub literals: BTreeSet<String>,
    /// The texts with a reference to a secret, as they are written. Where it runs a program, that is not run here, and the
    /// text stands in `value` and among the variables.
    pub references: BTreeSet<String>,
    /// The variables of this installation.
    pub environment: Environment,
    /// The state directory and the config file.
    pub places: [PathBuf; 2],
    /// Its files and folders, those that exist.
    pub files: Vec<FileFact>,
    /// Names of what lies in the folder of extensions.
    pub extensions: Vec<String>,
    /// Whom the owner let in by pairing, by channel.
    pub paired: BTreeMap<String, Vec<String>>,
    /// The agents.
    pub agents: Vec<AgentFacts>,
    /// What the owner allowed commands for good; an error where the file cannot be used.
    pub approvals: Result<Approvals, String>,
    /// The patterns in it that let in programs that can do anything.
    pub broad_patterns: Vec<String>,
    /// How well commands can be confined on this machine.
    pub sandbox: SandboxFacts,
}

/// How well commands can be confined as the configuration asks: by the system itself, or in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SandboxFacts {
    /// There is what it takes.
    Present,
    /// In part: what it cannot do, each a sentence.
    Weaker(Vec<String>),
    /// Not at all, and why.
    Absent(String),
}

impl SandboxFacts {
    /// What the system itself has to confine commands with. Nothing is tried out.
    pub fn of_this_system() -> Self {
        match enforceable() {
            Ok(()) => Self::Present,
            Err(reason) => Self::Absent(reason.to_string()),
        }
    }
}

impl Facts {
    /// Reads files, permissions, pairings and approvals of an installation. What cannot be read counts as not there, except
    /// where a field says otherwise.
    pub fn gather(snapshot: &Snapshot, agents: Vec<AgentFacts>) -> Self {
        let paths = &snapshot.paths;
        let pairing = PairingStore::new(&paths.credentials_dir);
        let channels = snapshot.value.get("channels").and_then(Value::as_object);
        let paired = channels.into_iter().flatten().map(|(channel, _)| {
            let ids = pairing.allowed(channel).unwrap_or_default();
            (channel.clone(), ids)
        });
        let references = snapshot.secrets.iter().map(|one| one.text.clone());
        let references = BTreeSet::from_iter(references);
        let approvals = Approvals::read(&Approvals::path(&snapshot.environment.home));
        let ids = agents.iter().map(|agent| agent.id.as_str());
        let ids = BTreeSet::from_iter(ids.chain([MAIN_AGENT]));
        let patterns = ids.iter().flat_map(|id| match &approvals {
            Ok(approvals) => approvals.patterns(id),
            Err(_) => Vec::new(),
        });
        let broad: BTreeSet<&str> = patterns.filter(|pattern| is_broad(pattern)).collect();
        Self {
            broad_patterns: broad.into_iter().map(str::to_owned).collect(),
            literals: &literals(snapshot) - &references,
            references,
            places: [paths.state_dir.clone(), snapshot.path.clone()],
            files: files::look(snapshot),
            extensions: extensions(&paths.state_dir.join("extensions")),
            paired: paired.collect(),
            approvals: approvals.map_err(|error| error.to_string()),
            sandbox: SandboxFacts::of_this_system(),
            config: snapshot.config.clone(),
            value: snapshot.value.clone(),
            environment: snapshot.environment.clone(),
            agents,
        }
    }
}

/// Whether a pattern of paths lets in programs that can do anything.
fn is_broad(pattern: &str) -> bool {
    let pattern = pattern.trim();
    let name = pattern.rsplit('/').next().unwrap_or(pattern);
    // A pattern without a slash means nothing.
    if !pattern.contains('/') {
        return false;
    }
    if name.chars().all(|c| matches!(c, '*' | '?')) {
        return true;
    }
    let found = PathBuf::from(pattern);
    let real = found.canonicalize().unwrap_or_else(|_| found.clone());
    let program = Program {
        found,
        real,
        links: Vec::new(),
    };
    program.nature() == Nature::Anything
}

fn extensions(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.path().is_dir());
    let mut names: Vec<String> = folders
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// Every text in the config file and the files that it includes.
fn literals(snapshot: &Snapshot) -> BTreeSet<String> {
    let included = snapshot.includes.iter().filter_map(|path| {
        let text = fs::read_to_string(path).ok()?;
        Some((path.clone(), text))
    });
    let own = (snapshot.path.clone(), snapshot.raw.clone());
    let mut found = BTreeSet::new();
    for (path, text) in std::iter::once(own).chain(included) {
        let source = Arc::new(SourceFile {
            shown: path.display().to_string(),
            path,
        });
        if let Ok(node) = spanned::parse(&text, &source, &mut Vec::new()) {
            collect(&node, &mut found);
        }
    }
    found
}

fn collect(node: &Node, found: &mut BTreeSet<String>) {
    if let Content::String(text) = &node.content {
        found.insert(text.clone());
    }
    for item in node.items() {
        collect(item, found);
    }
    for member in node.members() {
        collect(&member.value, found);
    }
}
